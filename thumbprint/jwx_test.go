package thumbprint_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"encoding/json"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"cnfd/thumbprint"
)

var jwxHashes = map[thumbprint.Hash]crypto.Hash{
	thumbprint.SHA256: crypto.SHA256, thumbprint.SHA384: crypto.SHA384, thumbprint.SHA512: crypto.SHA512,
}

// agrees holds our thumbprints of a JWK against those of another implementation.
func agrees(t *testing.T, written []byte, theirs jwk.Key) {
	t.Helper()
	for ours, hash := range jwxHashes {
		want, err := theirs.Thumbprint(hash)
		if err != nil {
			t.Fatal(err)
		}
		got, err := thumbprint.OfJWK(written, ours)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: got %s %v, jwx %x", ours, got.Hex(), err, want)
		}
	}
}

func TestOfJWKAgreesWithJWXOnVectors(t *testing.T) {
	compared := 0
	for _, v := range vectors(t) {
		if v.Kind != "jwk" {
			continue
		}
		var kty struct{ Kty, Crv string }
		if err := json.Unmarshal(v.Input, &kty); err != nil {
			t.Fatal(err)
		}
		theirs, err := jwk.ParseKey(v.Input)
		if err != nil {
			if kty.Kty != "AKP" && kty.Crv != "X448" {
				t.Errorf("%s: jwx does not read it: %v", v.Name, err)
			}
			continue
		}
		if kty.Crv == "X448" {
			continue // jwx reads it and makes no thumbprint of it
		}
		compared++
		t.Run(v.Name, func(t *testing.T) { agrees(t, v.Input, theirs) })
	}
	if compared < 20 {
		t.Errorf("only %d vectors compared", compared)
	}
}

func TestOfJWKAgreesWithJWXOnRandomKeys(t *testing.T) {
	families := map[string]func() (any, error){
		"P-256":   func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"P-384":   func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"P-521":   func() (any, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"Ed25519": func() (any, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err },
	}
	for name, generate := range families {
		for range 20 {
			private, err := generate()
			if err != nil {
				t.Fatal(err)
			}
			compareRandom(t, name, private)
		}
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	compareRandom(t, "RSA", private)
}

// compareRandom compares the thumbprints of a private key and of its public one,
// as jwx writes them, and what KeyOf makes of the public one.
func compareRandom(t *testing.T, name string, private any) {
	t.Helper()
	theirs, err := jwk.FromRaw(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := theirs.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []jwk.Key{theirs, public} {
		written, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, written, k)
	}
	ours, err := thumbprint.KeyOf(private.(interface{ Public() crypto.PublicKey }).Public())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want, err := public.Thumbprint(crypto.SHA256)
	if err != nil || !ours.JKT(thumbprint.SHA256).Equal(want) || ours.Private() {
		t.Errorf("%s: KeyOf: %s, jwx %x %v", name, ours.JKT(thumbprint.SHA256).Hex(), want, err)
	}
}
