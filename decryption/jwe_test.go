package decryption_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"

	"cnfd/decryption"
	"cnfd/thumbprint"
)

// closed is whether an error says that no key opens a message, and no more.
func closed(err error) bool {
	var e *thumbprint.Error
	return err != nil && !errors.As(err, &e) && err.Error() == "decryption: no key opens it"
}

func b64(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// message writes a JWE whose parts have the given lengths, of zeros.
func message(header string, key, iv, ciphertext, tag int) string {
	text := b64([]byte(header))
	for _, n := range []int{key, iv, ciphertext, tag} {
		text += "." + b64(make([]byte, n))
	}
	return text
}

func TestOpenJWERefusesBeforeAnyKeyIsAsked(t *testing.T) {
	k := loadMade(t)
	all := k.all(t)
	const p256 = `{"kty":"EC","crv":"P-256","x":"mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA","y":"8BQAsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs"`
	good := func(header string) string { return message(header, 0, 12, 3, 16) }
	kw := func(header string) string { return message(header, 24, 12, 3, 16) }
	cbc := `{"alg":"dir","enc":"A128CBC-HS256"}`
	es := func(epk string) string { return `{"alg":"ECDH-ES","enc":"A128GCM","epk":` + epk + `}` }
	const notJWE = "not a JWE in compact serialization: five parts in base64url with dots between them"
	const length = "an encrypted key of another length than its alg and enc have"
	const pbes2 = "header.alg: PBES2, under a password that can be guessed, at a cost that the sender sets (RFC 7518 §8.8): use RSA-OAEP-256 or ECDH-ES"
	const unknown = "header.alg: not an algorithm that is known: RSA-OAEP, RSA-OAEP-256, ECDH-ES (alone or with A128KW or A256KW), A128KW, A256KW or dir"
	const noCurve = "header.epk: not a public key on P-256, P-384, P-521 or X25519"
	for _, c := range []struct {
		claim, message string
		rule           thumbprint.Rule // 0: it is for the keys to open
		want           string
	}{
		{"dir", good(`{"alg":"dir","enc":"A128GCM"}`), 0, ""},
		{"dir in CBC", message(cbc, 0, 16, 16, 16), 0, ""},
		{"A128KW", kw(`{"alg":"A128KW","enc":"A128GCM"}`), 0, ""},
		{"ECDH-ES", good(es(p256 + "}")), 0, ""},
		{"RSA-OAEP", message(`{"alg":"RSA-OAEP","enc":"A128GCM"}`, 256, 12, 3, 16), 0, ""},
		{"headers that point elsewhere, which nobody follows", good(`{"alg":"dir","enc":"A128GCM","jku":"https://a.example/","x5u":"https://a.example/","jwk":{"kty":1},"x5c":0}`), 0, ""},
		{"a low-order X25519 key", good(es(`{"kty":"OKP","crv":"X25519","x":"` + b64(make([]byte, 32)) + `"}`)), 0, ""},

		{"RSA1_5 (RFC 7516 A.2)", message(`{"alg":"RSA1_5","enc":"A128CBC-HS256"}`, 256, 16, 16, 16), thumbprint.NotReducible, "header.alg: RSA1_5, whose padding gives the plaintext away to who asks often enough (RFC 8725 §3.2): use RSA-OAEP-256"},
		{"PBES2-HS256+A128KW, without a turn of its mill", kw(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2000000000}`), thumbprint.NotReducible, pbes2},
		{"PBES2-HS384+A192KW", kw(`{"alg":"PBES2-HS384+A192KW","enc":"A128GCM"}`), thumbprint.NotReducible, pbes2},
		{"PBES2-HS512+A256KW", kw(`{"alg":"PBES2-HS512+A256KW","enc":"A128GCM"}`), thumbprint.NotReducible, pbes2},
		{"zip", good(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`), thumbprint.NotReducible, "header.zip: compressed before it was encrypted, which tells of the plaintext (RFC 8725 §3.6): leave zip out"},
		{"crit", good(`{"alg":"dir","enc":"A128GCM","crit":["exp"],"exp":1}`), thumbprint.NotReducible, "header.crit: asks for extensions, of which none is known (RFC 7516 §4.1.13)"},
		{"none", good(`{"alg":"none","enc":"A128GCM"}`), thumbprint.NotReducible, unknown},
		{"A256GCMKW", kw(`{"alg":"A256GCMKW","enc":"A128GCM"}`), thumbprint.NotReducible, unknown},
		{"dir in other letters", good(`{"alg":"DIR","enc":"A128GCM"}`), thumbprint.NotReducible, unknown},
		{"an unknown enc", good(`{"alg":"dir","enc":"A128CTR"}`), thumbprint.NotReducible, "header.enc: not an algorithm that is known: A128CBC-HS256, A256CBC-HS512, A128GCM or A256GCM"},

		{"nothing", "", thumbprint.Malformed, notJWE},
		{"four parts", "e30...", thumbprint.Malformed, notJWE},
		{"six parts", good(`{"alg":"dir","enc":"A128GCM"}`) + ".", thumbprint.Malformed, notJWE},
		{"dots only", strings.Repeat(".", 60000), thumbprint.Malformed, notJWE},
		{"padding", "e30=....", thumbprint.Malformed, notJWE},
		{"a line end, which package base64 would pass over", good(`{"alg":"dir","enc":"A128GCM"}`) + "\n", thumbprint.Malformed, notJWE},
		{"bits to spare", strings.TrimSuffix(good(`{"alg":"dir","enc":"A128GCM"}`), "A") + "B", thumbprint.Malformed, notJWE},
		{"over 64 KiB", strings.Repeat("A", 64<<10+1), thumbprint.Malformed, "over 64 KiB"},
		{"the JSON serialization", `{"ciphertext":"AA"}`, thumbprint.Malformed, notJWE},
		{"no header", "....", thumbprint.Malformed, "header: ends too early"},
		{"a header that is no object", good(`[]`), thumbprint.Malformed, "header: not an object"},
		{"a header of many levels", good(strings.Repeat(`{"a":`, 40)), thumbprint.Malformed, "header" + strings.Repeat(".a", 32) + ": nested too deep"},
		{"alg twice", good(`{"alg":"RSA1_5","enc":"A128GCM","alg":"dir"}`), thumbprint.Malformed, "header.alg: given twice"},
		{"alg in other letters beside it", good(`{"alg":"dir","enc":"A128GCM","Alg":"RSA1_5"}`), thumbprint.Malformed, "header.Alg: differs only in case from alg"},
		{"alg missing", good(`{"enc":"A128GCM"}`), thumbprint.Malformed, "header: alg is missing"},
		{"enc missing", good(`{"alg":"dir"}`), thumbprint.Malformed, "header: enc is missing"},
		{"alg a number", good(`{"alg":1,"enc":"A128GCM"}`), thumbprint.Malformed, "header.alg: not a string"},
		{"an encrypted key beside dir", message(`{"alg":"dir","enc":"A128GCM"}`, 1, 12, 3, 16), thumbprint.Malformed, length},
		{"an encrypted key beside ECDH-ES", message(es(p256+"}"), 24, 12, 3, 16), thumbprint.Malformed, length},
		{"no encrypted key for A128KW", message(`{"alg":"A128KW","enc":"A128GCM"}`, 0, 12, 3, 16), thumbprint.Malformed, length},
		{"an encrypted key too long for its enc", message(`{"alg":"A128KW","enc":"A128GCM"}`, 32, 12, 3, 16), thumbprint.Malformed, length},
		{"no encrypted key for RSA", message(`{"alg":"RSA-OAEP","enc":"A128GCM"}`, 0, 12, 3, 16), thumbprint.Malformed, length},
		{"a short IV", message(`{"alg":"dir","enc":"A128GCM"}`, 0, 11, 3, 16), thumbprint.Malformed, "an initialization vector of another length than its enc has"},
		{"a short tag", message(`{"alg":"dir","enc":"A128GCM"}`, 0, 12, 3, 15), thumbprint.Malformed, "an authentication tag of another length than its enc has"},
		{"half a block", message(cbc, 0, 16, 24, 16), thumbprint.Malformed, "a ciphertext that is not whole blocks, as its enc makes them"},
		{"no block", message(cbc, 0, 16, 0, 16), thumbprint.Malformed, "a ciphertext that is not whole blocks, as its enc makes them"},
		{"epk missing", good(`{"alg":"ECDH-ES","enc":"A128GCM"}`), thumbprint.Malformed, "header: epk is missing, which its alg needs"},
		{"epk off its curve", good(es(strings.Replace(p256, "8BQA", "8BQB", 1) + "}")), thumbprint.Malformed, "header.epk.x: not, with y, a point on the curve P-256"},
		{"epk a private key", good(es(p256 + `,"d":"AAAA"}`)), thumbprint.Malformed, noCurve},
		{"epk on a curve of signatures", good(es(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)), thumbprint.Malformed, noCurve},
		{"epk a symmetric key", good(es(`{"kty":"oct","k":"AAAA"}`)), thumbprint.Malformed, noCurve},
		{"apu not base64url", good(`{"alg":"ECDH-ES","enc":"A128GCM","apu":"A","epk":` + p256 + `}}`), thumbprint.Malformed, "header.apu: not base64url"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			for _, k := range []*decryption.Keys{all, nil} {
				plaintext, err := k.OpenJWE([]byte(c.message))
				if plaintext != nil {
					t.Errorf("opened: %x", plaintext)
				}
				if c.rule == 0 {
					if !closed(err) {
						t.Errorf("got %v, want it to be left closed", err)
					}
					continue
				}
				refusedFor(t, err, c.rule, c.want)
			}
		})
	}
}

// Each message opens; then one bit of one part is another, and it stays closed
// with the same words whatever the part: nobody learns what was wrong (RFC 7516
// §11.5).
func TestOpenJWESaysTheSameWhateverWasTamperedWith(t *testing.T) {
	m := loadMade(t)
	for _, v := range m.JWE {
		k := keys(t, m.Keys[v.Key])
		if _, err := k.OpenJWE([]byte(v.Compact)); err != nil {
			t.Fatalf("%s %s: %v", v.Alg, v.Enc, err)
		}
		parts := strings.Split(v.Compact, ".")
		for part := 1; part < 5; part++ {
			octets, _ := base64.RawURLEncoding.DecodeString(parts[part])
			if len(octets) == 0 {
				continue
			}
			for _, at := range []int{0, len(octets) / 2, len(octets) - 1} {
				tampered := slices.Clone(parts)
				other := bytes.Clone(octets)
				other[at] ^= 1
				tampered[part] = b64(other)
				if _, err := k.OpenJWE([]byte(strings.Join(tampered, "."))); !closed(err) {
					t.Errorf("%s %s, part %d, octet %d: %v", v.Alg, v.Enc, part, at, err)
				}
			}
		}
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		parts[0] = b64(append(header[:len(header)-1], ` }`...)) // means the same, and is not what was authenticated
		if _, err := k.OpenJWE([]byte(strings.Join(parts, "."))); !closed(err) {
			t.Errorf("%s %s, header: %v", v.Alg, v.Enc, err)
		}
	}
}

// RFC 7518 Appendix C: Bob's key, what Alice sent, the key that both derive.
func TestOpenJWEDerivesTheKeyOfRFC7518AppendixC(t *testing.T) {
	const header = `{"alg":"ECDH-ES","enc":"A128GCM","apu":"QWxpY2U","apv":"Qm9i","epk":{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}`
	const bob = `{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}`
	key, _ := base64.RawURLEncoding.DecodeString("VqqN6vgjbSBcIijNcacQGg")
	iv, aad := make([]byte, 12), []byte(b64([]byte(header)))
	sealed := gcm(t, key).Seal(nil, iv, []byte("whatever"), aad)
	text := string(aad) + ".." + b64(iv) + "." + b64(sealed[:8]) + "." + b64(sealed[8:])
	if got, err := keys(t, []byte(bob)).OpenJWE([]byte(text)); err != nil || string(got) != "whatever" {
		t.Errorf("got %q %v", got, err)
	}
}

func TestKeysAreChosenByNameElseByKind(t *testing.T) {
	oct := func(text, kid string) string {
		jwk := `{"kty":"oct","k":"` + b64([]byte(text)) + `"`
		if kid != "-" {
			jwk += `,"kid":"` + kid + `"`
		}
		return jwk + "}"
	}
	const right, wrong = "0123456789abcdef", "another key here"
	seal := func(kid string) string {
		header := `{"alg":"dir","enc":"A128GCM"` + kid + `}`
		iv, aad := make([]byte, 12), []byte(b64([]byte(header)))
		sealed := gcm(t, []byte(right)).Seal(nil, iv, []byte("x"), aad)
		return string(aad) + ".." + b64(iv) + "." + b64(sealed[:1]) + "." + b64(sealed[1:])
	}
	many := strings.Repeat(oct(wrong, "-")+",", 4)
	for _, c := range []struct {
		claim, kid string
		keys       string
		opens      bool
	}{
		{"the one of its name", `,"kid":"a"`, oct(wrong, "b") + "," + oct(right, "a"), true},
		{"two of its name: one opens", `,"kid":"a"`, oct(wrong, "a") + "," + oct(right, "a"), true},
		{"one without a name, where none has it", `,"kid":"a"`, oct(wrong, "b") + "," + oct(right, "-"), true},
		{"the same key under another name is another key", `,"kid":"a"`, oct(right, "b"), false},
		{"one of its name that is the wrong one: no other is tried", `,"kid":"a"`, oct(wrong, "a") + "," + oct(right, "-"), false},
		{"no name: any that fits", "", oct(wrong, "a") + "," + oct(right, "b"), true},
		{"an empty name is a name", `,"kid":""`, oct(right, "b"), false},
		{"a name in escapes", `,"kid":"\u0061"`, oct(right, "a"), true},
		{"at most four are tried", "", many + oct(right, "-"), false},
		{"named, it is found among any number", `,"kid":"a"`, many + oct(right, "a"), true},
		{"a key of another length does not fit", "", oct("0123456789abcdef01234567", "-"), false},
		{"a key for dir", "", strings.Replace(oct(right, "-"), "{", `{"alg":"dir",`, 1), true},
		{"a key for A128GCM", "", strings.Replace(oct(right, "-"), "{", `{"alg":"A128GCM",`, 1), true},
		{"a key that is for A128KW alone", "", strings.Replace(oct(right, "-"), "{", `{"alg":"A128KW",`, 1), false},
	} {
		_, err := keys(t, []byte(`{"keys":[`+c.keys+`]}`)).OpenJWE([]byte(seal(c.kid)))
		if c.opens && err != nil || !c.opens && !closed(err) {
			t.Errorf("%s: %v", c.claim, err)
		}
	}
	if _, err := decryption.New([]decryption.Key{{}}); err == nil || err.Error() != "decryption: a zero Key, which decrypts nothing" {
		t.Errorf("a zero Key: %v", err)
	}
}

// TestOpenJWEAgreesWithJWX lets another implementation encrypt to our keys, and
// once compress.
func TestOpenJWEAgreesWithJWX(t *testing.T) {
	m := loadMade(t)
	for _, v := range m.JWE {
		if v.Key == "x25519" {
			continue // a type of jwx's own
		}
		public, err := publicOf(m.Keys[v.Key])
		if err != nil {
			t.Fatal(err)
		}
		options := []jwe.EncryptOption{jwe.WithKey(jwa.KeyEncryptionAlgorithm(v.Alg), public), jwe.WithContentEncryption(jwa.ContentEncryptionAlgorithm(v.Enc))}
		text, err := jwe.Encrypt(m.JWK, options...)
		if err != nil {
			t.Fatalf("%s %s: %v", v.Alg, v.Enc, err)
		}
		if got, err := keys(t, m.Keys[v.Key]).OpenJWE(text); err != nil || string(got) != string(m.JWK) {
			t.Errorf("%s %s %s: %q %v", v.Alg, v.Enc, v.Key, got, err)
		}
		text, err = jwe.Encrypt(m.JWK, append(options, jwe.WithCompress(jwa.Deflate))...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = keys(t, m.Keys[v.Key]).OpenJWE(text)
		refusedFor(t, err, thumbprint.NotReducible, "header.zip: compressed before it was encrypted, which tells of the plaintext (RFC 8725 §3.6): leave zip out")
	}
}

// publicOf gives the half of a JWK that one encrypts with.
func publicOf(text json.RawMessage) (any, error) {
	var oct struct{ Kty, K string }
	if err := json.Unmarshal(text, &oct); err != nil {
		return nil, err
	}
	if oct.Kty == "oct" {
		return base64.RawURLEncoding.DecodeString(oct.K)
	}
	k, err := thumbprint.ParseJWK(text)
	if err != nil {
		return nil, err
	}
	if p, ok := k.Public().(*ecdh.PublicKey); ok {
		return nil, fmt.Errorf("X25519: %v", p)
	}
	return k.Public(), nil
}
