package thumbprint

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	edwards "crypto/ed25519"
	pkcs1 "crypto/rsa"
	"math/big"
)

// KeyOf judges a public key of the standard library: *ecdsa.PublicKey on P-256,
// P-384 or P-521, ed25519.PublicKey, *ecdh.PublicKey on X25519, *rsa.PublicKey.
// Any other is an error.
func KeyOf(public crypto.PublicKey) (Key, error) {
	var k Key
	var f fault
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			return Key{}, &Error{Malformed, "key", "not on a curve that is known, or not a point on it"}
		}
		c := map[int]curve{1 + 2*32: p256, 1 + 2*48: p384, 1 + 2*66: p521}[len(point)]
		if c == 0 {
			return Key{}, &Error{Malformed, "key", "not on a curve that is known: P-256, P-384 or P-521"}
		}
		size := curves[c].size
		k, f = newEC(c, point[1:1+size], point[1+size:])
	case edwards.PublicKey:
		k, f = newOKP(ed25519, p)
	case *ecdh.PublicKey:
		if p.Curve() != ecdh.X25519() {
			return Key{}, &Error{Malformed, "key", "not on a curve that is known: X25519"}
		}
		k, f = newOKP(x25519, p.Bytes())
	case *pkcs1.PublicKey:
		if p.N == nil || p.N.Sign() <= 0 || p.E <= 0 {
			return Key{}, &Error{Malformed, "key", "not an RSA key"}
		}
		k, f = newRSA(p.N.Bytes(), big.NewInt(int64(p.E)).Bytes())
	default:
		return Key{}, &Error{Malformed, "key", "not of a type that is known"}
	}
	if f.what != "" {
		return Key{}, &Error{Malformed, "key." + jwkNames[partMembers[f.part]], f.what}
	}
	return k, nil
}
