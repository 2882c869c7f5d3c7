package thumbprint

import "crypto"

// Key is a checked public key, whatever it was written in. The zero Key is none
// and has no thumbprint. A Key made from a private key holds only its public
// part and remembers that there was more.
type Key struct {
	family  family
	curve   curve // of EC, OKP and AKP keys
	private bool
	n       uint8              // length of each of an EC key's coordinates, of an OKP key, of an RSA exponent
	small   [2 * maxCoord]byte // EC: x then y; OKP: x; RSA: e
	large   []byte             // RSA: n; AKP: pub; symmetric: k
	public  crypto.PublicKey   // what Public gives, once Ready has made it
}

// maxCoord is the length of the longest coordinate in octets, that of P-521.
const maxCoord = 66

// family is a key type: the kty of a JWK or a COSE_Key.
type family uint8

const (
	ec family = iota + 1
	okp
	rsa
	akp
	oct
)

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.family == 0 }

// Private reports whether what the key was read from held a private key too.
func (k Key) Private() bool { return k.private }

// Symmetric reports whether the key is a symmetric one, so that all of it is
// secret and its thumbprint allows guesses to be tried.
func (k Key) Symmetric() bool { return k.family == oct }

// Algorithm describes the key for people: "EC P-256", "RSA 2048", "AKP
// ML-DSA-44", "oct"; "" for the zero Key.
func (k Key) Algorithm() string { return k.describe() }

// curve is an elliptic curve of EC and OKP keys, or an algorithm of AKP keys:
// what a key names itself, and what that says of its length.
type curve uint8

const (
	p256 curve = iota + 1
	p384
	p521
	secp256k1
	ed25519
	ed448
	x25519
	x448
	mldsa44
	mldsa65
	mldsa87
)

var curves = [...]struct {
	name   string // crv (alg for AKP) in a JWK: RFC 7518 §6.2.1.1, RFC 8037, RFC 8812, RFC 9964
	label  int64  // crv (alg for AKP) in a COSE_Key: RFC 9053 §7.1, RFC 9964
	family family
	size   int // octets of a coordinate, or of the public key
}{
	p256:      {"P-256", 1, ec, 32},
	p384:      {"P-384", 2, ec, 48},
	p521:      {"P-521", 3, ec, 66},
	secp256k1: {"secp256k1", 8, ec, 32},
	ed25519:   {"Ed25519", 6, okp, 32},
	ed448:     {"Ed448", 7, okp, 57},
	x25519:    {"X25519", 4, okp, 32},
	x448:      {"X448", 5, okp, 56},
	mldsa44:   {"ML-DSA-44", -48, akp, 1312},
	mldsa65:   {"ML-DSA-65", -49, akp, 1952},
	mldsa87:   {"ML-DSA-87", -50, akp, 2592},
}

// curveLabelled gives the curve or algorithm of that COSE label in a family, 0
// if none.
func curveLabelled(f family, label int64) curve {
	for c := p256; c <= mldsa87; c++ {
		if curves[c].family == f && curves[c].label == label {
			return c
		}
	}
	return 0
}
