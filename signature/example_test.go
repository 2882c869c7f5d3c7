package signature_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"cnfd/signature"
	"cnfd/thumbprint"
)

func ExampleVerify() {
	key, err := thumbprint.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	octets := []byte("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc") // RFC 8037 A.4
	sig, _ := base64.RawURLEncoding.DecodeString("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
	fmt.Println(signature.Verify(signature.OfJOSE("EdDSA"), key, octets, sig))
	fmt.Println(signature.Verify(signature.OfJOSE("ES256"), key, octets, sig))
	fmt.Println(signature.Verify(signature.OfJOSE("none"), key, octets, nil))
	// Output:
	// <nil>
	// algorithm: ES256 is not for this key, which is OKP Ed25519
	// algorithm: not a signature algorithm that is known here
}

// FuzzVerify: whatever is given, nothing panics, an algorithm is tried only with
// its own keys, and no signature is one of two messages.
func FuzzVerify(f *testing.F) {
	for _, jwk := range []string{p256of7515, p521of7515, rsa7515, ed25519of8037} {
		f.Add(uint8(1), []byte(jwk), []byte("octets"), []byte("signature"))
	}
	input, sig := split(f, jws8037)
	f.Add(uint8(signature.EdDSA), []byte(ed25519of8037), input, sig)
	f.Fuzz(func(t *testing.T, alg uint8, jwk, octets, sig []byte) {
		key, err := thumbprint.ParseJWK(jwk)
		if err != nil {
			key = thumbprint.Key{}
		}
		a := signature.Algorithm(alg)
		err = signature.Verify(a, key, octets, sig)
		if err != nil {
			return
		}
		if !a.Fits(key) {
			t.Fatalf("%s verifies with %s", a, key.Algorithm())
		}
		if signature.Verify(a, key, append([]byte{0}, octets...), sig) == nil {
			t.Fatal("a signature of two messages")
		}
	})
}
