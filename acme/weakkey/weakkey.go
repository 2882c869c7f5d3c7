// Package weakkey decides whether a public key is one that others can know the
// private key of.
package weakkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
)

// Check returns nil where nothing is known to be weak in a key: an RSA modulus of
// 2048 to 8192 bits that is a whole number of octets, has no factor below 752 (Boulder), is
// not of Infineon's structure (ROCA, CVE-2017-15361) and of no two primes that are close
// (CVE-2022-26320), with an odd exponent of at least 65537 (FIPS 186-5 §5.1: e > 2^16); a point of
// P-256, P-384 or P-521 other than infinity; a point of Ed25519 in its one encoding and
// not of small order. Any other key is an error. Whether a key of that type is wanted
// is the caller's to say. The error repeats nothing of the key.
//
// It does not find keys whose primes are shared with others', those of bad random
// numbers, nor a modulus that is itself a prime: a Blocklist is for those that are known.
func Check(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return checkRSA(k)
	case *ecdsa.PublicKey:
		return checkECDSA(k)
	case ed25519.PublicKey:
		return checkEd25519(k)
	case nil:
		return errors.New("key missing")
	}
	return fmt.Errorf("type of key not known here (%T): want RSA, ECDSA or Ed25519", public)
}

// checkECDSA: the orders of the curves are prime, so that on the curve and not at
// infinity is all there is to it (SP 800-56A §5.6.2.3.3).
func checkECDSA(k *ecdsa.PublicKey) error {
	if k == nil {
		return errors.New("ECDSA key missing")
	}
	switch k.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return errors.New("ECDSA curve not one of P-256, P-384 and P-521")
	}
	if _, err := k.ECDH(); err != nil {
		return errors.New("ECDSA key not a point on its curve, or at infinity")
	}
	return nil
}

// checkEd25519: with a point of small order anybody can make signatures (RFC 8032
// §5.1.7), and one with two encodings is not known again.
func checkEd25519(k ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(k)
	if err != nil || string(point.Bytes()) != string(k) {
		return errors.New("Ed25519 key not a point on the curve, or not in its one encoding")
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("Ed25519 key of small order, with which anybody can sign")
	}
	return nil
}
