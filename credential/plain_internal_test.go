package credential

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/veraison/go-cose"

	"cnfd/internal/strict"
)

// flat reports whether go-cose has read nothing in a bucket but what plainHeaders
// takes: of its labels, and of no type that is nested or another's.
func flat(bucket map[any]any) bool {
	for label, value := range bucket {
		switch label {
		case int64(1), int64(3), int64(4), int64(16):
		case int64(33), int64(34):
			if list, ok := value.([]any); ok {
				for _, one := range list {
					switch one.(type) {
					case int64, []byte:
					default:
						return false
					}
				}
				continue
			}
			if _, ok := value.([]byte); !ok {
				return false
			}
		default:
			return false
		}
		switch value.(type) {
		case int64, []byte, string, cose.Algorithm:
		default:
			return false
		}
	}
	return true
}

// FuzzPlain holds plainSign1 and plainSign against go-cose: what they take go-cose
// takes too, with the same payload and with headers that ask for nothing; and of
// what go-cose takes they leave none that is as plain.
func FuzzPlain(f *testing.F) {
	const payload = "43010203"
	for _, s := range [][3]string{
		{"a10126", "a0", payload + "4100"}, {"", "a0", payload + "4100"}, {"a0", "a1044131", payload + "4100"}, {"a10126", "a10126", payload + "4100"},
		{"a2 0126 10 68 6170706c2f637774", "a0", payload + "4100"}, {"a2 0126 10 69 206170706c2f637774", "a0", payload + "4100"}, {"a2 0126 10 69 6170706c2f63777420", "a0", payload + "4100"},
		{"a2 0126 10 69 6170702f6c2f637774", "a0", payload + "4100"}, {"a2 0126 10 63 637774", "a0", payload + "4100"}, {"a2 0126 10 60", "a0", payload + "4100"},
		{"a2 0126 10 20", "a0", payload + "4100"}, {"a2 0126 10 183d", "a0", payload + "4100"}, {"a2 0126 03 183d", "a0", payload + "4100"}, {"a10126", "a118219f41aaff", payload + "4100"},
		{"a10126", "a2182141aa182282 2f 41bb", payload + "4100"}, {"a10126", "a1182182 41aa 41bb", payload + "4100"}, {"a10126", "a1182181 80", payload + "4100"},
		{"a201260126", "a0", payload + "4100"}, {"a20126180126", "a0", payload + "4100"}, {"a10126", "a20441311804 4132", payload + "4100"},
		{"a2012602811864", "a0", payload + "4100"}, {"a20126028101", "a0", payload + "4100"}, {"a20126 0d4100", "a0", payload + "4100"}, {"a10126", "a10d4100", payload + "4100"},
		{"a10126", "a11180", payload + "4100"}, {"a10126", "bfff", payload + "4100"}, {"bf0126ff", "a0", payload + "4100"}, {"a1012600", "a0", payload + "4100"},
		{"a1011bffffffffffffffff", "a0", payload + "4100"}, {"a1013bffffffffffffffff", "a0", payload + "4100"}, {"a10161ff", "a0", payload + "4100"}, {"a101c24126", "a0", payload + "4100"},
		{"a10126", "a0", "f64100"}, {"a10126", "a0", "f74100"}, {"a10126", "a0", "404100"}, {"a10126", "a0", payload + "40"}, {"a10126", "a0", payload + "f6"}, {"a10126", "a0", payload + "410000"},
		{"a10126", "a0", "5f4101ff4100"}, {"a10126", "a0", "c24101 4100"}, {"a10126", "a161610 1", payload + "4100"}, {"a10126", "a120 01", payload + "4100"}, {"01", "a0", payload + "4100"},
		{"a10126", "a1114100", payload + "4100"}, {"a10126", "a10b4100", payload + "4100"}, {"a1094100", "a0", payload + "4100"}, {"a10126", "a1024100", payload + "4100"},
	} {
		f.Add(false, unhexed(f, s[0]), unhexed(f, s[1]), unhexed(f, s[2]))
		// The same headers as a signer's, in a COSE_Sign that has none.
		protected := unhexed(f, s[0])
		if strings.HasPrefix(s[2], payload) {
			signer := append(append(appendBytes([]byte{0x83}, protected), unhexed(f, s[1])...), unhexed(f, s[2][len(payload):])...)
			f.Add(true, []byte(nil), []byte{0xa0}, append(append(unhexed(f, payload), 0x81), signer...))
			f.Add(true, protected, unhexed(f, s[1]), append(append(unhexed(f, payload), 0x82), append(signer, signer...)...))
		}
	}
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"80"))
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"90"+strings.Repeat("8340a04100", 16)))
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"91"+strings.Repeat("8340a04100", 17)))
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"9f8340a04100ff"))
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"819f40a04100ff"))
	f.Add(true, []byte(nil), []byte{0xa0}, unhexed(f, payload+"8440a04100"))
	f.Fuzz(func(t *testing.T, several bool, protected, unprotected, rest []byte) {
		body := append(appendBytes([]byte{0x84}, protected), unprotected...)
		body = append(body, rest...)
		ours, library := plainSign1, openSign1
		if several {
			body = append([]byte{0xd8, tagSign}, body...)
			ours, library = plainSign, openSign
		}
		if strict.WellFormedCBOR(body, "") != nil {
			return // ParseCWT has refused it by now
		}
		payload, ok := ours(body)
		theirs, headers, err := library(body)
		plain := true
		for i := range headers {
			plain = plain && flat(headers[i].Protected) && flat(headers[i].Unprotected)
		}
		if !ok {
			message, _, _ := strict.FirstCBOR(body)
			if !several {
				message = strict.Item{Major: strict.MajorTag, Arg: tagSign1, Body: body}
			}
			if err == nil && theirs != nil && plain && boundHeaders(message) == nil {
				t.Fatalf("%x: left to go-cose, which finds it plain", body)
			}
			return
		}
		for i := range headers {
			if err == nil {
				err = checkHeaders(&headers[i])
			}
			if _, sent := headers[i].Unprotected[headerSDClaims]; sent || !plain {
				t.Fatalf("%x: taken for plain, which it is not", body)
			}
		}
		if err != nil || theirs == nil || !bytes.Equal(payload, theirs) {
			t.Fatalf("%x: taken with %x; go-cose: %x, %v", body, payload, theirs, err)
		}
	})
}

func unhexed(t testing.TB, text string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// A COSE_Sign1 with headers that many have is read without go-cose, in which half of
// the time of a verify would go.
func TestPlainSign1(t *testing.T) {
	for _, c := range []struct {
		claim, body string
		plain       bool
	}{
		{"an algorithm", "84 43a10126 a0 4101 4100", true},
		{"no header", "84 40 a0 4101 4100", true},
		{"a kid beside", "84 43a10126 a1044131 4101 4100", true},
		{"a typ of RFC 9596", "84 46a2 0126 10183d a0 4101 4100", true},
		{"a chain of certificates", "84 43a10126 a1182182 4101 4102 4101 4100", true},
		{"what must be understood", "84 46a20126028101 a0 4101 4100", false},
		{"disclosures", "84 43a10126 a1 11 80 4101 4100", false},
		{"a key-binding token", "84 43a10126 a1 0d4100 4101 4100", false},
		{"a header in text", "84 43a10126 a1 6161 01 4101 4100", false},
		{"no payload", "84 43a10126 a0 f6 4100", false},
		{"no signature", "84 43a10126 a0 4101 40", false},
		{"five parts", "85 43a10126 a0 4101 4100 4100", false},
		{"a length that go-cose does not read", "9804 43a10126 a0 4101 4100", false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if _, plain := plainSign1(unhexed(t, c.body)); plain != c.plain {
				t.Error(plain)
			}
		})
	}
}
