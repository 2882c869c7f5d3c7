package credential_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"cnfd/credential"
)

// bstr writes a byte string of up to 65535 octets.
func bstr(octets []byte) []byte {
	switch n := len(octets); {
	case n < 24:
		return append([]byte{0x40 + byte(n)}, octets...)
	case n < 256:
		return append([]byte{0x58, byte(n)}, octets...)
	default:
		return append([]byte{0x59, byte(n >> 8), byte(n)}, octets...)
	}
}

// sdCWT writes an SD-CWT whose signature is none: @n in the claims and in later
// disclosures, all of them hex, stands for the digest of the n-th disclosure.
func sdCWT(t testing.TB, protected, claims string, disclosures ...string) []byte {
	t.Helper()
	var digests []string
	fill := func(s string) []byte {
		for i, d := range digests {
			s = strings.ReplaceAll(s, fmt.Sprintf("@%d", i), d)
		}
		return octets(t, s)
	}
	sent := []byte{0x80 + byte(len(disclosures))}
	for _, d := range disclosures {
		one := bstr(fill(d))
		sent = append(sent, one...)
		digest := sha256.Sum256(one)
		digests = append(digests, hex.EncodeToString(bstr(digest[:])))
	}
	token := append([]byte{0xd2, 0x84}, bstr(octets(t, protected))...)
	token = append(append(token, 0xa1, 0x11), sent...)
	return append(append(token, bstr(fill(claims))...), 0x41, 0)
}

const (
	es256Header = "a10126"
	salt        = "50 00112233445566778899aabbccddeeff"
	ckt         = "08 a1 05 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13"
	cktClaim    = "a1 05 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13"
)

func TestSDCWT(t *testing.T) {
	const sub = "83" + salt + "61 61 02" // [salt, "a", 2]
	const keys = "f8 3b"                 // simple(59)
	for _, c := range []struct {
		name, protected, claims string
		disclosures             []string
		want                    string
	}{
		{"nothing disclosed", es256Header, "a2 02 61 61" + ckt, nil, "a 5"},
		{"sub", es256Header, "a2 " + ckt + keys + "81 @0", []string{sub}, "a 5"},
		{"sub, with the hash named", "a2 01 26 12 2f", "a2 " + ckt + keys + "81 @0", []string{sub}, "a 5"},
		{"sub, with the hash named as later drafts do", "a2 01 26 18aa 2f", "a2 " + ckt + keys + "81 @0", []string{sub}, "a 5"},
		{"sub beside a decoy", es256Header, "a2 " + ckt + keys + "82 41ff @0", []string{sub}, "a 5"},
		{"an element and a nested claim", es256Header, "a4 02 61 61" + ckt + "1901f4 82 01 d83c @0 1901f5 a1" + keys + "81 @1", []string{"82" + salt + "01", "83" + salt + "01 61 78"}, "a 5"},
		{"disclosures in disclosures", es256Header, "a3 02 61 61" + ckt + keys + "81 @1", []string{"83" + salt + "01 61 78", "83" + salt + "a1" + keys + "81 @0 61 79"}, "a 5"},
		{"cnf at another level", es256Header, "a3 02 61 61" + ckt + "1901f5 a1" + keys + "81 @0", []string{"83" + salt + "01 08"}, "a 5"},
		{"sub withheld", es256Header, "a2 " + ckt + keys + "81 41ff", nil, "none 5"},

		{"nothing refers to it", es256Header, "a2 02 61 61" + ckt, []string{sub}, "malformed sd_claims[0]: nothing in the token refers to it"},
		{"sent twice", es256Header, "a2 " + ckt + keys + "81 @0", []string{sub, sub}, "malformed sd_claims[1]: sent twice"},
		{"a digest twice", es256Header, "a2 " + ckt + keys + "82 @0 @0", []string{sub}, "malformed claims: a digest that the token has elsewhere too"},
		{"cnf", es256Header, "a2 02 61 61" + keys + "81 @0", []string{"83" + salt + cktClaim + "08"}, "malformed sd_claims[0]: discloses cnf (8): the issuer must leave it out of disclosures"},
		{"cnf, in a longer spelling", es256Header, "a2 02 61 61" + keys + "81 @0", []string{"83" + salt + cktClaim + "1808"}, "malformed sd_claims[0]: discloses cnf (8): the issuer must leave it out of disclosures"},
		{"cnf in two", es256Header, "a3 02 61 61" + ckt + keys + "81 @0", []string{"83" + salt + cktClaim + "08"}, "malformed sd_claims[0]: discloses cnf (8): the issuer must leave it out of disclosures"},
		{"sub that is there already", es256Header, "a3 02 61 61" + ckt + keys + "81 @0", []string{sub}, "malformed claims.2: given twice"},
		{"sub twice", es256Header, "a2 " + ckt + keys + "82 @0 @1", []string{sub, "83" + salt + "61 62 02"}, "malformed claims.2: given twice"},
		{"a nested claim that is there already", es256Header, "a3 02 61 61" + ckt + "1901f5 a2 01 02" + keys + "81 @0", []string{"83" + salt + "03 01"}, "malformed claims.1: given twice"},
		{"a redaction in a redaction", es256Header, "a3 02 61 61" + ckt + keys + "81 @0", []string{"83" + salt + "80" + keys}, "malformed sd_claims[0]: discloses what is no claim"},
		{"an element's for a claim", es256Header, "a3 02 61 61" + ckt + keys + "81 @0", []string{"82" + salt + "01"}, "malformed sd_claims[0]: not one of a map: a salt, a value and a key"},
		{"a claim's for an element", es256Header, "a3 02 61 61" + ckt + "1901f4 81 d83c @0", []string{sub}, "malformed sd_claims[0]: not one of an array: a salt and a value"},
		{"a disclosure of one part", es256Header, "a2 02 61 61" + ckt, []string{"81" + salt}, "malformed sd_claims[0]: not a salt, a value and a key, nor a salt and a value"},
		{"a disclosure that is no array", es256Header, "a2 02 61 61" + ckt, []string{"01"}, "malformed sd_claims[0]: not a salt, a value and a key, nor a salt and a value"},
		{"digests that are no array", es256Header, "a3 02 61 61" + ckt + keys + "01", []string{sub}, "malformed claims: its digests are not an array of definite length"},
		{"digests that are no byte strings", es256Header, "a3 02 61 61" + ckt + keys + "81 01", []string{sub}, "malformed claims: a digest that is not a byte string"},
		{"an unknown hash", "a2 01 26 12 01", "a2 02 61 61" + ckt, nil, "malformed cwt: its sd_alg is not a hash that is known: SHA-256, SHA-384 or SHA-512"},
		{"two hashes", "a3 01 26 12 2f 18aa 382a", "a2 02 61 61" + ckt, nil, "malformed cwt: its sd_alg is not one integer"},
		{"a hash that the digests are not of", "a2 01 26 12 382b", "a2 " + ckt + keys + "81 @0", []string{sub}, "malformed sd_claims[0]: nothing in the token refers to it"},
		{"a member of cnf", es256Header, "a2 02 61 61 08 a1" + keys + "81 @0", []string{"83" + salt + "5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 05"}, "malformed sd_claims[0]: nothing in the token refers to it"},
		{"a member of cnf withheld", es256Header, "a2 02 61 61 08 a1" + keys + "81 41ff", nil, "malformed claims.8: a map key that is neither an integer nor text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseCWT(sdCWT(t, c.protected, c.claims, c.disclosures...), nil)
			if is := outcome(t, got, err); is != c.want {
				t.Errorf("\ngot  %q\nwant %q", is, c.want)
			}
		})
	}
	t.Run("SHA-384", func(t *testing.T) {
		one := bstr(octets(t, sub))
		digest := sha512.Sum384(one)
		token := append(octets(t, "d2 84 45 a2 01 26 12 382a a1 11 81"), one...)
		token = append(append(token, bstr(octets(t, "a2 "+ckt+keys+"81"+hex.EncodeToString(bstr(digest[:]))))...), 0x41, 0)
		token[2]++ // six octets of protected header
		got, err := credential.ParseCWT(token, nil)
		if is := outcome(t, got, err); is != "a 5" {
			t.Error(is)
		}
	})
}

// TestSDCWTDraft holds the draft's example, whose disclosures are a claim, an
// element and a nested claim, and that each of them is held to its digest.
func TestSDCWTDraft(t *testing.T) {
	token := octets(t, sdCWTExample(t))
	got, err := credential.ParseCWT(token, nil)
	check(t, err)
	if string(got.Subject) != "https://device.example" {
		t.Errorf("got %q", got.Subject)
	}
	for _, text := range []string{"ABCD-123456", "region"} {
		flipped := append([]byte{}, token...)
		flipped[strings.Index(string(flipped), text)] ^= 1
		if _, err := credential.ParseCWT(flipped, nil); err == nil || !strings.Contains(err.Error(), "nothing in the token refers to it") {
			t.Errorf("%s changed: got %v", text, err)
		}
	}
}

// FuzzSDCWT: nothing panics, and what is accepted has a cnf in the clear.
func FuzzSDCWT(f *testing.F) {
	f.Add(octets(f, "a2 "+ckt+"f83b 81 41ff"), octets(f, "83"+salt+"61 61 02"), octets(f, "82"+salt+"01"))
	f.Add(octets(f, "a3 02 61 61"+ckt+"1901f4 82 01 d83c 41ff"), octets(f, "82"+salt+"01"), octets(f, "83"+salt+"a1 f83b 80 02"))
	f.Fuzz(func(t *testing.T, claims, one, two []byte) {
		if len(claims) > 4096 || len(one) > 4096 || len(two) > 4096 {
			return
		}
		d1, d2 := sha256.Sum256(bstr(one)), sha256.Sum256(bstr(two))
		// 41ff and 41fe stand for the digests of the two.
		text := strings.ReplaceAll(string(claims), "\x41\xff", "\x58\x20"+string(d1[:]))
		text = strings.ReplaceAll(text, "\x41\xfe", "\x58\x20"+string(d2[:]))
		token := append(octets(t, "d2 84 43 a10126 a1 11 82"), append(bstr(one), bstr(two)...)...)
		token = append(append(token, bstr([]byte(text))...), 0x41, 0)
		got, err := credential.ParseCWT(token, nil)
		outcome(t, got, err)
		if err != nil {
			return
		}
		if plain, err := credential.ParseCWT([]byte(text), nil); err != nil || plain.Confirmation != got.Confirmation {
			t.Fatalf("%x: another key than is signed in the clear: %v", token, err)
		}
		if sub, there, read := subjectByOthers(t, []byte(text), one, two); read && (there != got.HasSubject || there && sub != string(got.Subject)) {
			t.Fatalf("%x: sub %q, by other code %v", token, got.Subject, sub)
		}
	})
}
