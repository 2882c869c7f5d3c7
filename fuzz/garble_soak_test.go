//go:build soak

package fuzz

import (
	"bytes"
	"math/rand/v2"
	"strings"
)

// words take each other's place, or go in anywhere: what has fooled verifiers.
var words = []string{
	"vendor.example", "attacker.example", "empty.example", "sub", "Sub", "SUB", "su\\u0062", "cnf", "Cnf", "jwk", "jkt", "kid", "jwe", "jku", "x5t#S256",
	"https://", "HTTPS://", "https:", "did:web:", "dns:", "dns://x/", "urn:", "\\u0000", "\x00", "@", "#", "?", "/", "\\", "%2e", "%00", ":443", ".", "..",
	"{", "}", "[", "]", ",", ":", "\"", "null", "true", "1e999", "-0", "EC", "RSA", "oct", "P-256", "secp256k1", "\xff", "\u3002", "\uff0e", "\u00ad", "\u212a",
	"~", "_sd", "...", `["s","sub","https://vendor.example"]`, `"_sd_alg":"sha-256",`,
	`"sub":"https://attacker.example",`, `"sub":"https://vendor.example",`, `"cnf":{},`, `"exp":0,`, `"d":"AAAA",`, `"aud":["a"],`, `"x":"",`,
	"\xa1\x01\x02", "\xbf", "\xff", "\xd8\x3d", "\xd2", "\x02", "\x08", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
}

// garble changes an input by octets and by words, or puts a part of another in.
func garble(r *rand.Rand, b, other []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			return b
		}
		at := r.IntN(len(b))
		word := words[r.IntN(len(words))]
		switch r.IntN(9) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			b = append(b[:at], b[min(len(b), at+1+r.IntN(8)):]...)
		case 3:
			b = b[:at]
		case 4:
			b = bytes.Join([][]byte{b[:at], []byte(word), b[at:]}, nil)
		case 5, 6: // one word for another
			from := words[r.IntN(len(words))]
			for n := 0; n < 20 && !bytes.Contains(b, []byte(from)); n++ {
				from = words[r.IntN(len(words))]
			}
			b = bytes.Replace(b, []byte(from), []byte(word), 1+r.IntN(2))
		case 7:
			if len(other) > 0 {
				from := r.IntN(len(other))
				to := min(len(other), from+r.IntN(60))
				b = bytes.Join([][]byte{b[:at], other[from:to], b[at:]}, nil)
			}
		case 8: // a member more, at the beginning
			if i := bytes.IndexByte(b, '{'); i >= 0 && strings.HasSuffix(word, ",") {
				b = bytes.Join([][]byte{b[:i+1], []byte(word), b[i+1:]}, nil)
			}
		}
	}
	return b
}
