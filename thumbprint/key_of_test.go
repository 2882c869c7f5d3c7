package thumbprint_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	edwards "crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"math/big"
	"testing"

	"cnfd/thumbprint"
)

func TestKeyOfX25519(t *testing.T) {
	// RFC 8037 §A.6.
	octets, err := hex.DecodeString("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdh.X25519().NewPublicKey(octets)
	if err != nil {
		t.Fatal(err)
	}
	k, err := thumbprint.KeyOf(public)
	if got := k.JKT(thumbprint.SHA256).Base64(); err != nil || got != "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8" {
		t.Errorf("got %s %v", got, err)
	}
}

func TestKeyOfRefuses(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	onP256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Only the old fields let a caller build such a key at all; KeyOf must not trust them.
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)} //lint:ignore SA1019 that is the point
	for claim, public := range map[string]crypto.PublicKey{
		"nothing":                  nil,
		"P-224":                    &p224.PublicKey,
		"a point off its curve":    offCurve,
		"a key agreement on P-256": onP256.PublicKey(),
		"a short Ed25519":          edwards.PublicKey{1, 2, 3},
		"an Ed25519 of no point":   edwards.PublicKey(append([]byte{2}, make([]byte, 31)...)),
		"RSA of 1024 bits":         &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1024), big.NewInt(1)), E: 65537},
		"RSA without a modulus":    &rsa.PublicKey{E: 65537},
		"RSA with a negative one":  &rsa.PublicKey{N: big.NewInt(-3), E: 65537},
		"a private key":            p224,
		"a string":                 "key",
	} {
		if k, err := thumbprint.KeyOf(public); err == nil || !k.IsZero() {
			t.Errorf("%s: a key", claim)
		}
	}
}
