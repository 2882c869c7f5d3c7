package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"

	"cnfd/acme"
)

// rsaBits is the size of RSA keys that are made here: 128 bits of strength, beyond 2030
// (NIST SP 800-57 part 1, table 2).
const rsaBits = 3072

// newKey makes a key; of RSA one of so many bits.
func newKey(t acme.KeyType, bits int) (crypto.Signer, error) {
	switch t {
	case acme.P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case acme.P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case acme.RSA:
		return rsa.GenerateKey(rand.Reader, bits)
	case acme.Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("key type %q: want %s, %s, %s or %s", t, acme.P256, acme.P384, acme.RSA, acme.Ed25519)
}

// keyType says of which type a public key is, and refuses what nothing here signs with
// or for.
func keyType(public crypto.PublicKey) (acme.KeyType, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return acme.P256, nil
		case elliptic.P384():
			return acme.P384, nil
		}
		return "", errors.New("key: an elliptic curve other than P-256 and P-384")
	case *rsa.PublicKey:
		if k.N == nil {
			return "", errors.New("key: none")
		}
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 || bits%8 != 0 {
			return "", fmt.Errorf("key: RSA of %d bits: want 2048 to 8192, a multiple of 8", bits)
		}
		return acme.RSA, nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return "", errors.New("key: not of Ed25519's length")
		}
		return acme.Ed25519, nil
	case nil:
		return "", errors.New("key: none")
	}
	return "", errors.New("key: neither RSA, P-256, P-384 nor Ed25519")
}

// samePublic reports whether two public keys are the same.
func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// keyID is a subject key identifier: method 1 of RFC 7093 §2.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.Key.RightAlign())
	return sum[:20], nil
}

// newSerial makes a serial number of 16 octets, all of them chance but that the first is
// not zero, so that its hex is always of 32 digits. RFC 5280 §4.1.2.2 wants a positive one of
// at most 20 octets.
func newSerial(random io.Reader) (*big.Int, string, error) {
	octets := make([]byte, 16)
	for range 64 { // a source that gives but zeros is broken
		if _, err := io.ReadFull(random, octets); err != nil {
			return nil, "", fmt.Errorf("serial number: no random octets: %w", err)
		}
		if octets[0] != 0 {
			return new(big.Int).SetBytes(octets), hex.EncodeToString(octets), nil
		}
	}
	return nil, "", errors.New("serial number: the source of random octets gives but zeros")
}
