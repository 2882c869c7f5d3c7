package thumbprint

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	edwards "crypto/ed25519"
	"crypto/elliptic"
	pkcs1 "crypto/rsa"
	"math/big"

	hamburg "github.com/cloudflare/circl/sign/ed448"
	mldsa44lib "github.com/cloudflare/circl/sign/mldsa/mldsa44"
	mldsa65lib "github.com/cloudflare/circl/sign/mldsa/mldsa65"
	mldsa87lib "github.com/cloudflare/circl/sign/mldsa/mldsa87"
	koblitz "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Public gives the key as the libraries take it that verify or agree with it:
// *ecdsa.PublicKey on P-256, P-384 and P-521, *secp256k1.PublicKey of decred,
// ed25519.PublicKey, ed448.PublicKey and *mldsa44.PublicKey to *mldsa87.PublicKey
// of circl, *ecdh.PublicKey on X25519, *rsa.PublicKey. It is nil for a key that no
// library takes: the zero Key, a symmetric one, X448, and RSA with an exponent
// of over 31 bits. Nobody changes it.
func (k Key) Public() crypto.PublicKey {
	if k.public != nil {
		return k.public
	}
	return k.makePublic()
}

// Ready gives the same key with what Public gives made once for all: for who
// verifies with it again and again. For ML-DSA that is most of a verification.
func (k Key) Ready() Key {
	k.public = k.makePublic()
	return k
}

func (k Key) makePublic() crypto.PublicKey {
	n := int(k.n)
	switch k.family {
	case ec:
		return k.publicEC()
	case okp:
		x := append([]byte{}, k.small[:n]...)
		switch k.curve {
		case ed25519:
			return edwards.PublicKey(x)
		case ed448:
			return hamburg.PublicKey(x)
		case x25519:
			if p, err := ecdh.X25519().NewPublicKey(x); err == nil {
				return p
			}
		}
	case rsa:
		e := new(big.Int).SetBytes(k.small[:n])
		if e.BitLen() <= 31 {
			return &pkcs1.PublicKey{N: new(big.Int).SetBytes(k.large), E: int(e.Int64())}
		}
	case akp:
		return k.publicAKP()
	}
	return nil
}

func (k Key) publicEC() crypto.PublicKey {
	var point [1 + 2*maxCoord]byte
	point[0] = 4 // uncompressed (SEC 1 §2.3.3)
	octets := point[:1+copy(point[1:], k.small[:2*int(k.n)])]
	if k.curve == secp256k1 {
		if p, err := koblitz.ParsePubKey(octets); err == nil {
			return p
		}
		return nil
	}
	var named elliptic.Curve
	switch k.curve {
	case p256:
		named = elliptic.P256()
	case p384:
		named = elliptic.P384()
	case p521:
		named = elliptic.P521()
	default:
		return nil
	}
	if p, err := ecdsa.ParseUncompressedPublicKey(named, octets); err == nil {
		return p
	}
	return nil
}

func (k Key) publicAKP() crypto.PublicKey {
	switch k.curve {
	case mldsa44:
		p := new(mldsa44lib.PublicKey)
		if p.UnmarshalBinary(k.large) == nil {
			return p
		}
	case mldsa65:
		p := new(mldsa65lib.PublicKey)
		if p.UnmarshalBinary(k.large) == nil {
			return p
		}
	case mldsa87:
		p := new(mldsa87lib.PublicKey)
		if p.UnmarshalBinary(k.large) == nil {
			return p
		}
	}
	return nil
}
