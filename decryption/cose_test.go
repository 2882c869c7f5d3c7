package decryption_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/fxamacker/cbor/v2"
	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"cnfd/decryption"
	"cnfd/thumbprint"
)

func gcm(t testing.TB, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

type (
	headers = map[any]any
	array   = []any
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var protectedGCM = []byte{0xa1, 0x01, 0x01} // {1: 1}, A128GCM

// seal makes a message in A128GCM of "x", and of the recipients given.
func seal(t testing.TB, cek []byte, unprotected headers, recipients ...any) array {
	t.Helper()
	context := "Encrypt0"
	if recipients != nil {
		context = "Encrypt"
	}
	iv := make([]byte, 12)
	m := array{protectedGCM, headers{5: iv}, gcm(t, cek).Seal(nil, iv, []byte("x"), encode(t, array{context, protectedGCM, []byte{}}))}
	for k, v := range unprotected {
		m[1].(headers)[k] = v
	}
	if recipients != nil {
		m = append(m, array(recipients))
	}
	return m
}

// A point on P-256 (RFC 9052 §C.7).
const (
	p256x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
	p256y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
)

const cek = "0123456789abcdef"

var symmetric = []byte(`{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZg"}`) // cek

func wrapped(t testing.TB, kek string) []byte {
	t.Helper()
	block, err := aes.NewCipher([]byte(kek))
	if err != nil {
		t.Fatal(err)
	}
	key, err := josecipher.KeyWrap(block, []byte(cek))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOpenCOSERefusesBeforeAnyKeyIsAsked(t *testing.T) {
	k := keys(t, symmetric)
	direct := array{[]byte{}, headers{1: -6}, []byte{}}
	kw := array{[]byte{}, headers{1: -3}, wrapped(t, cek)}
	plain := func() array { return seal(t, []byte(cek), nil) }
	sent := func(r ...any) array { return seal(t, []byte(cek), nil, r...) }
	with := func(m array, at int, v any) array { m[at] = v; return m }
	const shape = "neither a COSE_Encrypt0 (16) nor a COSE_Encrypt (96)"
	const length = "recipients[0]: an encrypted key of another length than its algorithms have"
	const unknown = "recipients: of no algorithm that is known: direct, AES Key Wrap or ECDH-ES+HKDF-256, in one layer"
	for _, c := range []struct {
		claim   string
		message any
		rule    thumbprint.Rule // 0: it opens
		want    string
	}{
		{"bare Encrypt0", plain(), 0, ""},
		{"tag 16", cbor.Tag{Number: 16, Content: plain()}, 0, ""},
		{"bare Encrypt", sent(direct), 0, ""},
		{"tag 96", cbor.Tag{Number: 96, Content: sent(direct)}, 0, ""},
		{"A128KW", sent(kw), 0, ""},
		{"an empty map that is protected", with(sent(array{[]byte{0xa0}, headers{1: -6}, []byte{}}), 1, headers{5: make([]byte, 12)}), 0, ""},
		{"null for no encrypted key", sent(array{[]byte{}, headers{1: -6}, nil}), 0, ""},
		{"one that is not known beside one that is", sent(array{[]byte{}, headers{1: -27}, []byte{1}}, kw), 0, ""},
		{"one of two layers beside one of one", sent(array{[]byte{}, headers{1: -3}, []byte{1}, array{}}, kw), 0, ""},
		{"a parameter in text, private to others", seal(t, []byte(cek), headers{"x": 1}), 0, ""},

		{"tag 96 on an Encrypt0", cbor.Tag{Number: 96, Content: plain()}, thumbprint.Malformed, shape},
		{"tag 16 on an Encrypt", cbor.Tag{Number: 16, Content: sent(direct)}, thumbprint.Malformed, shape},
		{"the tag of a COSE_Mac0", cbor.Tag{Number: 17, Content: plain()}, thumbprint.Malformed, shape},
		{"a tag within the tag", cbor.Tag{Number: 16, Content: cbor.Tag{Number: 16, Content: plain()}}, thumbprint.Malformed, "CBOR tag isn't allowed"},
		{"a map", headers{1: 2}, thumbprint.Malformed, shape},
		{"two elements", plain()[:2], thumbprint.Malformed, shape},
		{"a long one", with(plain(), 2, make([]byte, 64<<10)), thumbprint.Malformed, "over 64 KiB"},
		{"no algorithm", with(plain(), 0, []byte{}), thumbprint.Malformed, "no algorithm (1)"},
		{"an algorithm that is not protected", with(seal(t, []byte(cek), headers{1: 1}), 0, []byte{}), thumbprint.Malformed, "1: not among the protected headers"},
		{"AES-CBC", with(plain(), 0, []byte{0xa1, 0x01, 0x39, 0xff, 0xfd}), thumbprint.NotReducible, "1: not an algorithm that is known: AES-GCM, AES-CCM or ChaCha20/Poly1305"},
		{"an algorithm in text", with(plain(), 0, encode(t, headers{1: "A128GCM"})), thumbprint.NotReducible, "1: not an algorithm that is known: AES-GCM, AES-CCM or ChaCha20/Poly1305"},
		{"alg protected and not", seal(t, []byte(cek), headers{1: 3}), thumbprint.Malformed, "1: both protected and not"},
		{"alg protected twice", with(plain(), 0, []byte{0xa2, 0x01, 0x01, 0x01, 0x03}), thumbprint.Malformed, "protected.1: given twice"},
		{"protected headers in no byte string", with(plain(), 0, headers{1: 1}), thumbprint.Malformed, "not a layer of an encrypted message: protected headers in a byte string, then a map"},
		{"a salt in text", sent(array{encode(t, headers{1: -25}), headers{-1: headers{1: 2, -1: 1, -2: octets(t, p256x), -3: octets(t, p256y)}, -20: "salt"}, []byte{}}), thumbprint.Malformed, "recipients[0].-20: a salt that is not a byte string"},
		{"protected headers that are no map", with(plain(), 0, []byte{0x80}), thumbprint.Malformed, "protected headers that are not a map"},
		{"crit", with(plain(), 0, encode(t, headers{1: 1, 2: array{-1}})), thumbprint.NotReducible, "2: asks for extensions (crit), of which none is known (RFC 9052 §3.1)"},
		{"a kid in text", seal(t, []byte(cek), headers{4: "a"}), thumbprint.Malformed, "4: a kid that is not a byte string"},
		{"no IV", with(plain(), 1, headers{}), thumbprint.Malformed, "5: not an IV of the length that the algorithm has"},
		{"a short IV", with(plain(), 1, headers{5: make([]byte, 11)}), thumbprint.Malformed, "5: not an IV of the length that the algorithm has"},
		{"a Partial IV", with(plain(), 1, headers{6: []byte{1}}), thumbprint.NotReducible, "6: a Partial IV, and no key here has the rest of it: send the whole one (5)"},
		{"the ciphertext elsewhere", with(plain(), 2, nil), thumbprint.Malformed, "no ciphertext with a tag in it"},
		{"less than a tag", with(plain(), 2, make([]byte, 15)), thumbprint.Malformed, "no ciphertext with a tag in it"},
		{"no recipient", with(sent(direct), 3, array{}), thumbprint.Malformed, "recipients: not an array of one or more"},
		{"a recipient that is none", sent(array{[]byte{}, headers{}}), thumbprint.Malformed, "recipients[0]: not a recipient: protected headers, a map, a key"},
		{"ECDH-SS", sent(array{encode(t, headers{1: -27}), headers{}, []byte{}}), thumbprint.NotReducible, unknown},
		{"two layers", sent(array{[]byte{}, headers{1: -3}, []byte{}, array{direct}}), thumbprint.NotReducible, unknown},
		{"two recipients of whom one has the content's key", sent(direct, kw), thumbprint.Malformed, "recipients: more than one, of which one has the content's own key (RFC 9053 §6.1, §6.3)"},
		{"an encrypted key beside direct", sent(array{[]byte{}, headers{1: -6}, []byte{1}}), thumbprint.Malformed, length},
		{"none for A128KW", sent(array{[]byte{}, headers{1: -3}, nil}), thumbprint.Malformed, length},
		{"a long one for A128KW", sent(array{[]byte{}, headers{1: -3}, make([]byte, 40)}), thumbprint.Malformed, length},
		{"headers that direct cannot protect", sent(array{encode(t, headers{1: -6}), headers{}, []byte{}}), thumbprint.Malformed, "recipients[0]: protected headers, which its algorithm cannot protect"},
		{"headers that A128KW cannot protect", sent(array{encode(t, headers{1: -3}), headers{}, wrapped(t, cek)}), thumbprint.Malformed, "recipients[0]: protected headers, which its algorithm cannot protect"},
		{"no ephemeral key", sent(array{encode(t, headers{1: -25}), headers{}, []byte{}}), thumbprint.Malformed, "recipients[0]: no ephemeral key (-1), which its algorithm needs"},
		{"an ephemeral key off its curve", sent(array{encode(t, headers{1: -25}), headers{-1: headers{1: 2, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}}, []byte{}}), thumbprint.Malformed, "recipients[0].-1.-2: not, with y, a point on the curve P-256"},
		{"an ephemeral key that is symmetric", sent(array{encode(t, headers{1: -25}), headers{-1: headers{1: 4, -1: []byte{1}}}, []byte{}}), thumbprint.Malformed, "recipients[0].-1: not a public key on P-256, P-384, P-521 or X25519"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			text := encode(t, c.message)
			plaintext, err := k.OpenCOSE(text)
			_, without := (*decryption.Keys)(nil).OpenCOSE(text)
			if c.rule == 0 {
				if err != nil || string(plaintext) != "x" || !closed(without) {
					t.Errorf("got %q %v, without a key %v", plaintext, err, without)
				}
				return
			}
			refusedFor(t, err, c.rule, c.want)
			refusedFor(t, without, c.rule, c.want)
		})
	}
}

// Each message opens; then one octet is another, and what stays closed does so
// with the same words.
func TestOpenCOSESaysTheSameWhateverWasTamperedWith(t *testing.T) {
	m := loadMade(t)
	for _, v := range m.COSE {
		k := keys(t, m.Keys[v.Key])
		message := octets(t, v.Message)
		if _, err := k.OpenCOSE(message); err != nil {
			t.Fatalf("%s: %v", v.Alg, err)
		}
		stayed := 0
		for at := range message {
			message[at] ^= 1
			plaintext, err := k.OpenCOSE(message)
			switch {
			case err == nil && !bytes.Equal(plaintext, octets(t, m.COSEKey)):
				t.Fatalf("%s %s: octet %d: another plaintext", v.Alg, v.To, at)
			case closed(err):
				stayed++
			}
			message[at] ^= 1
		}
		if stayed < len(m.COSEKey)/2 { // every octet of the ciphertext, at least
			t.Errorf("%s %s: only %d octets", v.Alg, v.To, stayed)
		}
		for at := range 16 { // the end of a tag, or of what a COSE_Encrypt says of its recipient
			if v.To == "" {
				message[len(message)-1-at/2] ^= 1 << (at % 8)
				if _, err := k.OpenCOSE(message); !closed(err) {
					t.Errorf("%s: the tag: %v", v.Alg, err)
				}
				message[len(message)-1-at/2] ^= 1 << (at % 8)
			}
		}
	}
}

// TestOpenCOSEAgreesOnEveryCurve agrees on a key as RFC 9053 §5.2 says, with all
// that a context may hold, by other means than the package's own.
func TestOpenCOSEAgreesOnEveryCurve(t *testing.T) {
	for _, c := range []struct {
		name  string
		curve ecdh.Curve
		crv   int
		size  int
	}{{"P-256", ecdh.P256(), 1, 32}, {"P-384", ecdh.P384(), 2, 48}, {"P-521", ecdh.P521(), 3, 66}, {"X25519", ecdh.X25519(), 4, 32}} {
		t.Run(c.name, func(t *testing.T) {
			ours, err := c.curve.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := c.curve.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			coseKey := func(k *ecdh.PrivateKey, private, compressed bool) headers {
				p := k.PublicKey().Bytes()
				if c.name == "X25519" {
					m := headers{1: 1, -1: 4, -2: p}
					if private {
						m[-4] = k.Bytes()
					}
					return m
				}
				m := headers{1: 2, -1: c.crv, -2: p[1 : 1+c.size], -3: p[1+c.size:]}
				if compressed {
					m[-3] = p[len(p)-1]&1 == 1
				}
				if private {
					m[-4] = k.Bytes()
				}
				return m
			}
			z, err := theirs.ECDH(ours.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			protected := encode(t, headers{1: -25, -22: []byte("nonce")})
			info := encode(t, array{1,
				array{[]byte("Alice"), []byte("nonce"), nil}, array{nil, nil, []byte("other")},
				array{128, protected}})
			salt := []byte("salt")
			key, err := hkdf.Key(sha256.New, z, salt, string(info), 16)
			if err != nil {
				t.Fatal(err)
			}
			for _, compressed := range []bool{false, true} {
				r := array{protected, headers{-1: coseKey(theirs, false, compressed), -20: salt, -21: []byte("Alice"), -26: []byte("other"), 4: []byte("us")}, []byte{}}
				mine := coseKey(ours, true, false)
				mine[2] = []byte("us")
				k := keys(t, encode(t, mine))
				got, err := k.OpenCOSE(encode(t, seal(t, key, nil, r)))
				if err != nil || string(got) != "x" {
					t.Errorf("compressed %v: %q %v", compressed, got, err)
				}
				// Whatever of the context is another, the key is.
				for label, v := range (headers{-20: []byte("Salt"), -21: []byte("alice"), -26: nil, -1: coseKey(ours, false, false)}) {
					before := r[1].(headers)[label]
					r[1].(headers)[label] = v
					if v == nil {
						delete(r[1].(headers), label)
					}
					if _, err := k.OpenCOSE(encode(t, seal(t, key, nil, r))); !closed(err) {
						t.Errorf("%v changed: %v", label, err)
					}
					r[1].(headers)[label] = before
				}
			}
		})
	}
}

func TestOpenCOSERefusesNothing(t *testing.T) {
	_, err := keys(t, symmetric).OpenCOSE(nil)
	refusedFor(t, err, thumbprint.Malformed, "empty")
}

func TestOpenCOSETriesAFewKeysInAll(t *testing.T) {
	recipients := array{}
	for range 5 {
		recipients = append(recipients, array{[]byte{}, headers{1: -3}, make([]byte, 24)})
	}
	last := array{[]byte{}, headers{1: -3}, wrapped(t, cek)}
	k := keys(t, symmetric)
	if got, err := k.OpenCOSE(encode(t, seal(t, []byte(cek), nil, append(recipients[:3:3], last)...))); err != nil || string(got) != "x" {
		t.Errorf("the fourth: %q %v", got, err)
	}
	if _, err := k.OpenCOSE(encode(t, seal(t, []byte(cek), nil, append(recipients, last)...))); !closed(err) {
		t.Errorf("the sixth: %v", err)
	}
}

// A key is of the length that the algorithm's name says, also where AES would
// take another.
func TestAKeyOfAnotherLengthDoesNotUnwrap(t *testing.T) {
	const kek = "0123456789abcdef0123456789abcdef"
	k := keys(t, []byte(`{"kty":"oct","k":"`+b64([]byte(kek))+`"}`))
	for _, c := range []struct {
		cose  int
		jose  string
		opens bool
	}{{-3, "A128KW", false}, {-5, "A256KW", true}} {
		_, err := k.OpenCOSE(encode(t, seal(t, []byte(cek), nil, array{[]byte{}, headers{1: c.cose}, wrapped(t, kek)})))
		if c.opens != (err == nil) || !c.opens && !closed(err) {
			t.Errorf("COSE %d: %v", c.cose, err)
		}
		aad, iv := []byte(b64([]byte(`{"alg":"`+c.jose+`","enc":"A128GCM"}`))), make([]byte, 12)
		sealed := gcm(t, []byte(cek)).Seal(nil, iv, []byte("x"), aad)
		_, err = k.OpenJWE([]byte(string(aad) + "." + b64(wrapped(t, kek)) + "." + b64(iv) + "." + b64(sealed[:1]) + "." + b64(sealed[1:])))
		if c.opens != (err == nil) || !c.opens && !closed(err) {
			t.Errorf("%s: %v", c.jose, err)
		}
	}
}
