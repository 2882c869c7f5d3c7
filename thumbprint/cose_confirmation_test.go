package thumbprint_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// The encrypted key of RFC 8747 §3.3.
const encrypt0 = "83 43a1010a a1054d636898994ff0ec7bfcf6d3f95b 5830 0573318a3573eb983e55a7c2f06cadd0796c9e584f1d0e3ea8c5b052592a8b2694be9654f0431f38d5bbc8049fa7f13f"

func TestFromCOSE(t *testing.T) {
	text := func(s string) string { return fmt.Sprintf("58%02x%x", len(s), s) }
	key, err := thumbprint.ParseCOSEKey(octets(t, ec2))
	if err != nil {
		t.Fatal(err)
	}
	jkt := key.JKT(thumbprint.SHA256)
	uri, uri384, uriJKT := key.CKT(thumbprint.SHA256).URI(), key.CKT(thumbprint.SHA384).URI(), jkt.URI()
	other := strings.Repeat("11", 32)
	private := strings.Replace(ec2, "a4", "a5", 1) + "23 5820" + strings.Repeat("a7", 32)
	const symmetric = "a2 01 04 20 4101"
	all := thumbprint.Options{Symmetric: true}

	for _, c := range []struct {
		name, in string
		o        thumbprint.Options
		want     string // "method hex", "method encrypted", or the error
	}{
		{"a key", "a1 01" + ec2, thumbprint.Options{}, "1 " + ckt},
		{"a key in a byte string", "a1 01 584b" + ec2, thumbprint.Options{}, "1 " + ckt},
		{"a key in two byte strings", "a1 01 584d 584b" + ec2, thumbprint.Options{}, "malformed 8.1: not a map, as a COSE_Key is"},
		{"a key in a byte string with more after it", "a1 01 584c" + ec2 + "00", thumbprint.Options{}, "malformed 8.1: 1 bytes of extraneous data starting at index 75"},
		{"an encrypted key", "a1 02" + encrypt0, thumbprint.Options{}, "2 encrypted"},
		{"an encrypted key with its tag", "a1 02 d0" + encrypt0, thumbprint.Options{}, "2 encrypted"},
		{"a COSE_Encrypt with its tag", "a1 02 d860 84 40 a0 4101 81 83 40 a0 40", thumbprint.Options{}, "2 encrypted"},
		{"a COSE_Encrypt", "a1 02 84 40 a0 4101 81 83 40 a0 40", thumbprint.Options{}, "2 encrypted"},
		{"an encrypted key with a tag of signatures", "a1 02 d2" + encrypt0, thumbprint.Options{}, "malformed 8.2: a tag that is neither 16 (COSE_Encrypt0) nor 96 (COSE_Encrypt)"},
		{"an encrypted key with two tags", "a1 02 d0 d0" + encrypt0, thumbprint.Options{}, "malformed 8.2: CBOR tag isn't allowed"},
		{"a COSE_Encrypt0 with the tag of COSE_Encrypt", "a1 02 d860" + encrypt0, thumbprint.Options{}, "malformed 8.2: not a COSE_Encrypt0 or COSE_Encrypt with its ciphertext in it"},
		{"an encrypted key elsewhere", "a1 02 83 40 a0 f6", thumbprint.Options{}, "malformed 8.2: not a COSE_Encrypt0 or COSE_Encrypt with its ciphertext in it"},
		{"an encrypted key that is a map", "a1 02" + ec2, thumbprint.Options{}, "malformed 8.2: not a COSE_Encrypt0 or COSE_Encrypt with its ciphertext in it"},
		{"a duplicate label in an encrypted key", "a1 02 83 40 a2 01 02 01 02 4101", thumbprint.Options{}, "malformed 8.2.1: given twice"},
		{"a thumbprint URI as kid", "a1 03" + text(uri), thumbprint.Options{}, "3 " + ckt},
		{"a SHA-384 thumbprint URI as kid", "a1 03" + text(uri384), thumbprint.Options{}, "3 " + key.CKT(thumbprint.SHA384).Hex()},
		{"a thumbprint", "a1 05 5820" + ckt, thumbprint.Options{}, "5 " + ckt},
		{"a JWK's thumbprint", "a1 190143 5820" + jkt.Hex(), thumbprint.Options{}, "323 " + jkt.Hex()},
		{"a key beside a member that nobody knows", "a2 01" + ec2 + "1863 82 01 02", thumbprint.Options{}, "1 " + ckt},
		{"a key beside a member in text", "a2 01" + ec2 + "636a6b74 01", thumbprint.Options{}, "1 " + ckt},
		{"a key beside an opaque kid", "a2 01" + ec2 + "03 4101", thumbprint.Options{}, "1 " + ckt},
		{"a thumbprint beside an opaque kid", "a2 03 4101 05 5820" + ckt, thumbprint.Options{}, "5 " + ckt},
		{"a key beside the URI of its JWK, which names no COSE_Key", "a2 01" + ec2 + "03" + text(uriJKT), thumbprint.Options{}, "1 " + ckt},
		{"all that name one key, in any order", "a4 05 5820" + ckt + "190143 5820" + jkt.Hex() + "03" + text(uri384) + "01" + ec2, thumbprint.Options{}, "1 " + ckt},
		{"a kid and a thumbprint", "a2 05 5820" + ckt + "03" + text(uri), thumbprint.Options{}, "3 " + ckt},
		{"an encrypted key beside a thumbprint", "a2 05 5820" + ckt + "02" + encrypt0, thumbprint.Options{}, "2 encrypted"},
		{"a symmetric key where it is allowed", "a1 01" + symmetric, all, "1 91d0dea45d7e12b6ea607da814a8ef041cebd53fccada9849fa31a23f9789ad7"},

		{"a symmetric key", "a1 01" + symmetric, thumbprint.Options{X5T: true, TBH: true}, "not-reducible 8.1.1: a symmetric key, whose published hash lets anybody try guesses offline: use a key pair, or turn on record.symmetric"},
		{"a private key", "a1 01" + private, all, "private-key 8.1: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private key in a byte string", "a1 01 586e" + private, all, "private-key 8.1: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private key off its curve", "a1 01 a5 01 02 20 01 21 5820" + x9679 + "22 5820" + x9679 + "23 5820" + other, all, "private-key 8.1: holds a private key: send the public part only, and take the private key for exposed"},
		{"an open key and an encrypted one", "a2 01" + ec2 + "02" + encrypt0, thumbprint.Options{}, "malformed 8: both 1 and 2: a claim holds one key, open or encrypted"},
		{"a key and another's thumbprint", "a2 01" + ec2 + "05 5820" + other, thumbprint.Options{}, "malformed 8.5: not the thumbprint of the key in 1"},
		{"a key and its jkt where its ckt belongs", "a2 01" + ec2 + "05 5820" + jkt.Hex(), thumbprint.Options{}, "malformed 8.5: not the thumbprint of the key in 1"},
		{"a key and its ckt where its jkt belongs", "a2 01" + ec2 + "190143 5820" + ckt, thumbprint.Options{}, "malformed 8.323: not the thumbprint, as a JWK, of the key in 1"},
		{"a key and another's URI", "a2 01" + ec2 + "03" + text(strings.Replace(uri, "SWv", "TWv", 1)), thumbprint.Options{}, "malformed 8.3: not the thumbprint URI of the key in 1"},
		{"a thumbprint and another's URI", "a2 05 5820" + other + "03" + text(uri), thumbprint.Options{}, "malformed 8.3: not the thumbprint URI of the key of 5"},
		{"a thumbprint and a URI of another hash", "a2 05 5820" + ckt + "03" + text(uri384), thumbprint.Options{}, "malformed 8.3: made with sha-384, so that nothing shows it to be the key of 5: leave one of them out"},
		{"a ckt and a jkt, and no key", "a2 05 5820" + ckt + "190143 5820" + jkt.Hex(), thumbprint.Options{}, "malformed 8.323: a JWK's thumbprint, and nothing shows it to be of the key that 3 or 5 names: leave one of them out or add the key (1)"},
		{"an opaque kid", "a1 03 50 dfd1aa976d8d4575a0fe34b96de2bfad", thumbprint.Options{}, "not-reducible 8.3: opaque: put the key in 1, its thumbprint in 5, or its thumbprint URI (urn:ietf:params:oauth:ckt:sha-256:…) in 3"},
		{"the URI of a JWK as kid", "a1 03" + text(uriJKT), thumbprint.Options{}, "not-reducible 8.3: opaque: put the key in 1, its thumbprint in 5, or its thumbprint URI (urn:ietf:params:oauth:ckt:sha-256:…) in 3"},
		{"a kid in text", "a1 03 6161", thumbprint.Options{}, "malformed 8.3: not a byte string"},
		{"a thumbprint of 31 octets", "a1 05 581f" + ckt[2:], thumbprint.Options{}, "malformed 8.5: not a byte string of the 32 octets of a sha-256 digest"},
		{"a thumbprint of 48 octets", "a1 05 5830" + ckt + ckt[:32], thumbprint.Options{}, "malformed 8.5: not a byte string of the 32 octets of a sha-256 digest"},
		{"a thumbprint in text", "a1 05 7820" + strings.Repeat("61", 32), thumbprint.Options{}, "malformed 8.5: not a byte string of the 32 octets of a sha-256 digest"},
		{"a JWK's thumbprint of 31 octets", "a1 190143 581f" + ckt[2:], thumbprint.Options{}, "malformed 8.323: not a byte string of the 32 octets of a sha-256 digest"},
		{"no members", "a0", thumbprint.Options{}, "not-reducible 8: no member that names a key: put the key in 1, or its thumbprint in 5"},
		{"members that nobody knows", "a1 04 a0", thumbprint.Options{}, "not-reducible 8: no member that names a key: put the key in 1, or its thumbprint in 5"},
		{"nothing", "", thumbprint.Options{}, "malformed 8: empty"},
		{"an array", "81 01", thumbprint.Options{}, "malformed 8: not a map of definite length"},
		{"an indefinite map", "bf 05 5820" + ckt + "ff", thumbprint.Options{}, "malformed 8: not a map of definite length"},
		{"a tagged map", "c1 a1 05 5820" + ckt, thumbprint.Options{}, "malformed 8: not a map of definite length"},
		{"a thumbprint twice", "a2 05 5820" + ckt + "05 5820" + other, thumbprint.Options{}, "malformed 8.5: given twice"},
		{"a thumbprint twice, its label in two encodings", "a2 05 5820" + ckt + "1805 5820" + other, thumbprint.Options{}, "malformed 8.5: given twice"},
		{"a tag in a member that nobody knows", "a2 05 5820" + ckt + "1863 c101", thumbprint.Options{}, "malformed 8.99: CBOR tag isn't allowed"},
		{"a duplicate in a member that nobody knows", "a2 05 5820" + ckt + "1863 a2 01 01 01 02", thumbprint.Options{}, "malformed 8.99.1: given twice"},
		{"an indefinite string in a member that nobody knows", "a2 05 5820" + ckt + "1863 5f 4101 ff", thumbprint.Options{}, "malformed 8.99: indefinite-length byte string isn't allowed"},
		{"text that is not UTF-8 in a member that nobody knows", "a2 05 5820" + ckt + "1863 61ff", thumbprint.Options{}, "malformed 8.99: text that is not UTF-8"},
		{"a key that is a tag", "a2 05 5820" + ckt + "c105 01", thumbprint.Options{}, "malformed 8: a map key that is neither an integer nor text"},
		{"a key that is true", "a2 05 5820" + ckt + "f5 01", thumbprint.Options{}, "malformed 8: a map key that is neither an integer nor text"},
		{"a key off its curve", "a1 01 a4 01 02 20 01 21 5820" + x9679 + "22 5820" + x9679, thumbprint.Options{}, "malformed 8.1.-2: not, with y, a point on the curve P-256"},
		{"trailing octets", "a1 05 5820" + ckt + "00", thumbprint.Options{}, "malformed 8: 1 bytes of extraneous data starting at index 36"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := thumbprint.FromCOSE(octets(t, c.in), c.o)
			if is := describe(t, got, err); is != c.want {
				t.Errorf("got %q\nwant %q", is, c.want)
			}
		})
	}
}

// describe also holds what is true of every confirmation.
func describe(t *testing.T, c thumbprint.Confirmation, err error) string {
	t.Helper()
	if err != nil {
		var e *thumbprint.Error
		if !errors.As(err, &e) || e.Rule.String() == "" || c != (thumbprint.Confirmation{}) {
			t.Errorf("%#v beside %v", err, c)
			return ""
		}
		if strings.Contains(err.Error(), strings.Repeat("a7", 4)) {
			t.Errorf("%v repeats a key", err)
		}
		return e.Rule.String() + " " + err.Error()
	}
	if c.Encrypted != c.Thumbprint.IsZero() || c.Method == 0 {
		t.Errorf("half a confirmation: %#v", c)
	}
	if c.Encrypted {
		return c.Method.String() + " encrypted"
	}
	return c.Method.String() + " " + c.Thumbprint.Hex()
}

// FuzzCOSEConfirmation holds that a claim that is accepted is strict CBOR, that
// it names what it names in any order of its members, and that a private key
// is never reduced.
func FuzzCOSEConfirmation(f *testing.F) {
	for _, s := range []string{
		"a1 01" + ec2, "a1 01 584b" + ec2, "a1 02" + encrypt0, "a1 02 d0" + encrypt0, "a1 05 5820" + ckt,
		"a1 190143 5820" + ckt, "a2 03 4101 05 5820" + ckt, "a1 03 584f75726e", "a1 01 a2 01 04 20 4101",
		"a2 01" + ed + "1863 82 01 02", "a1 02 d860 84 40 a0 4101 81 83 40 a0 40",
	} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := thumbprint.FromCOSE(b, thumbprint.Options{})
		describe(t, got, err)
		if err != nil {
			return
		}
		// An encrypted key may have a tag, nothing else.
		if err := strict.CheckCBOR(b, "8"); err != nil && !got.Encrypted {
			t.Fatalf("%x: reduced, yet %v", b, err)
		}
		if again := reversed(t, b); again != nil {
			if other, err := thumbprint.FromCOSE(again, thumbprint.Options{}); err != nil || other != got {
				t.Fatalf("%x: %v; its members reversed: %v %v", b, got, other, err)
			}
		}
		loose, err := thumbprint.FromCOSE(b, thumbprint.Options{X5T: true, TBH: true, Symmetric: true})
		if err != nil || loose != got {
			t.Fatalf("%x: %v; with every option: %v %v", b, got, loose, err)
		}
	})
}

// reversed is the same map with its members in reverse.
func reversed(t *testing.T, b []byte) []byte {
	item, _, err := strict.FirstCBOR(b)
	if err != nil || item.Major != strict.MajorMap {
		t.Fatalf("%x: reduced, yet no map: %v", b, err)
	}
	var members []byte
	entries := item.Entries()
	for entries.Next() {
		members = append(append(append([]byte{}, entries.Key.Raw...), entries.Value.Raw...), members...)
	}
	head := item.Raw[:len(item.Raw)-len(item.Body)]
	return append(append([]byte{}, head...), members...)
}

func ExampleFromCOSE() {
	cnf := []byte{0xa1, 0x05, 0x41, 0x00}
	_, err := thumbprint.FromCOSE(cnf, thumbprint.Options{})
	fmt.Println(err)
	// Output: 8.5: not a byte string of the 32 octets of a sha-256 digest
}

func BenchmarkFromCOSE(b *testing.B) {
	cnf := octets(b, "a1 01"+ec2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := thumbprint.FromCOSE(cnf, thumbprint.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
