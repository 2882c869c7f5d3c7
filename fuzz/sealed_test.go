package fuzz

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// secret is in every plaintext of the seeds, and in no answer.
const secret = "correct horse"

// FuzzSealed encrypts any bytes for the house as a confirmation key, as a JWE and as
// a COSE_Encrypt0: they are confirmed only where other code reads the published key
// in them and nothing private, and what is said of others repeats nothing of them.
func FuzzSealed(f *testing.F) {
	vendor := newKey(f, "vendor")
	shared := []byte("0123456789abcdef")
	keys, err := decryption.Parse([]byte(`{"kty":"oct","k":"` + b64(shared) + `"}`))
	if err != nil {
		f.Fatal(err)
	}
	opener, err := decryption.New(keys)
	if err != nil {
		f.Fatal(err)
	}
	house := newTree(f,
		"jwe.cnf.vendor.example. 300 IN TLSA 255 255 255 "+vendor.jkt(), "2.8.vendor.example. 300 IN TLSA 255 255 255 "+vendor.ckt(),
	).houseOf(f, nil, verifier.Config{Credential: credential.Options{Confirmation: thumbprint.Options{Opener: opener}}})
	block, err := aes.NewCipher(shared)
	if err != nil {
		f.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		f.Fatal(err)
	}
	ask := func(inCOSE bool, plaintext []byte) (verifier.Verdict, error) {
		q := &verifier.Request{Input: verifier.InputClaims}
		iv := make([]byte, 12)
		if inCOSE {
			q.Input = verifier.InputCWT
			aad := []byte("\x83\x68Encrypt0\x43\xa1\x01\x01\x40")
			message := []any{[]byte{0xa1, 1, 1}, map[int]any{5: iv}, gcm.Seal(nil, iv, plaintext, aad)}
			q.Bytes, _ = cbor.Marshal(map[int]any{2: "https://vendor.example", 8: map[int]any{2: message}})
		} else {
			header := b64([]byte(`{"alg":"dir","enc":"A128GCM"}`))
			sealed := gcm.Seal(nil, iv, plaintext, []byte(header))
			n := len(plaintext)
			q.Bytes = []byte(`{"sub":"https://vendor.example","cnf":{"jwe":"` + header + ".." + b64(iv) + "." + b64(sealed[:n]) + "." + b64(sealed[n:]) + `"}}`)
		}
		return house.Verify(context.Background(), q)
	}
	jwk := `{"kty":"EC","crv":"P-256","x":"` + b64(vendor.x) + `","y":"` + b64(vendor.y) + `"`
	coseKey, _ := cbor.Marshal(map[any]any{1: 2, -1: 1, -2: vendor.x, -3: vendor.y, "note": secret})
	for inCOSE, plaintext := range map[bool]string{false: jwk + `,"note":"` + secret + `"}`, true: string(coseKey)} {
		if v, err := ask(inCOSE, []byte(plaintext)); err != nil || v.Outcome() != verifier.Confirmed {
			f.Fatalf("the published key is not confirmed: %s, %v", v.AppendJSON(nil, ""), err)
		}
		f.Add(inCOSE, []byte(plaintext))
	}
	for _, s := range []string{
		jwk + `,"d":"` + secret + `"}`, jwk + `,"` + secret + `":{"` + secret + `":1,"` + secret + `":2}}`, `{"` + secret + `":[`, `{"kty":"oct","k":"` + secret + `"}`, `"` + secret + `"`,
	} {
		f.Add(false, []byte(s))
	}
	private, _ := cbor.Marshal(map[any]any{1: 2, -1: 1, -2: vendor.x, -3: vendor.y, -4: []byte(secret)})
	wrapped, _ := cbor.Marshal(coseKey)
	for _, b := range [][]byte{private, wrapped, []byte("\xa2\x6d" + secret + "\x01\x6d" + secret + "\x02"), []byte("\xa1\x6d" + secret), []byte("\xa2\x01\x04\x20\x4d" + secret)} {
		f.Add(true, b)
	}
	f.Fuzz(func(t *testing.T, inCOSE bool, plaintext []byte) {
		v, err := ask(inCOSE, plaintext)
		said := string(v.AppendJSON(nil, ""))
		if err != nil {
			said = err.Error()
		}
		if bytes.Contains(plaintext, []byte(secret)) && bytes.Contains([]byte(said), []byte(secret)) {
			t.Fatalf("%q is repeated: %s", plaintext, said)
		}
		if err != nil || v.Outcome() != verifier.Confirmed {
			return
		}
		if why := vendor.isIn(inCOSE, plaintext); why != "" {
			t.Fatalf("%q: confirmed, and %s", plaintext, why)
		}
	})
}

// isIn says why a plaintext is not the public key, read by other people's code; ""
// where it is.
func (k key) isIn(inCOSE bool, plaintext []byte) string {
	if !inCOSE {
		var jwk struct{ Kty, Crv, X, Y, D string }
		if err := json.Unmarshal(plaintext, &jwk); err != nil {
			return err.Error()
		}
		if jwk.Kty != "EC" || jwk.Crv != "P-256" || jwk.X != b64(k.x) || jwk.Y != b64(k.y) || jwk.D != "" {
			return "it is another key"
		}
		return ""
	}
	var inner []byte
	if cbor.Unmarshal(plaintext, &inner) == nil {
		plaintext = inner
	}
	var coseKey map[any]any
	if err := cbor.Unmarshal(plaintext, &coseKey); err != nil {
		return err.Error()
	}
	x, _ := coseKey[int64(-2)].([]byte)
	y, _ := coseKey[int64(-3)].([]byte)
	odd, compressed := coseKey[int64(-3)].(bool)
	_, private := coseKey[int64(-4)]
	if coseKey[uint64(1)] != uint64(2) || coseKey[int64(-1)] != uint64(1) || !bytes.Equal(x, k.x) || private ||
		!bytes.Equal(y, k.y) && !(compressed && odd == (k.y[31]&1 == 1)) {
		return "it is another key: " + hex.EncodeToString(plaintext)
	}
	return ""
}
