// Package thumbprint reduces a public key to the hash that names it: the
// thumbprint of a JWK (RFC 7638) or of a COSE_Key (RFC 9679), read from a key,
// from a ready-made digest or from a confirmation claim (RFC 7800, RFC 8747).
//
// A thumbprint is what a domain publishes to vouch for a key, so that whatever
// is reduced here is judged first: a key that is not one, a private key inside
// a claim, or a claim that names two keys gives an error and never a hash.
package thumbprint

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
)

// Thumbprint is the hash that names a key or a certificate, together with what
// was hashed and how. It is a comparable value. The zero Thumbprint is none: it
// has no octets and is equal to nothing.
type Thumbprint struct {
	kind Kind
	hash Hash
	sum  [sha512.Size]byte
}

// New makes a Thumbprint of a ready-made digest of exactly h.Size() octets. An
// unknown kind or hash, or another length, is an error.
func New(k Kind, h Hash, sum []byte) (Thumbprint, error) {
	switch {
	case k == 0 || k > TokenBinding:
		return Thumbprint{}, errors.New("thumbprint: unknown kind")
	case h.Size() == 0:
		return Thumbprint{}, errors.New("thumbprint: unknown hash")
	case len(sum) != h.Size():
		return Thumbprint{}, errors.New("thumbprint: not of the length of a " + h.String() + " digest")
	}
	t := Thumbprint{kind: k, hash: h}
	copy(t.sum[:], sum)
	return t, nil
}

// of hashes what names a key; zero for an unknown hash.
func of(k Kind, h Hash, named []byte) Thumbprint {
	t := Thumbprint{kind: k, hash: h}
	switch h {
	case SHA256:
		*(*[sha256.Size]byte)(t.sum[:]) = sha256.Sum256(named)
	case SHA384:
		*(*[sha512.Size384]byte)(t.sum[:]) = sha512.Sum384(named)
	case SHA512:
		t.sum = sha512.Sum512(named)
	default:
		return Thumbprint{}
	}
	return t
}

// Kind is what was hashed.
func (t Thumbprint) Kind() Kind { return t.kind }

// Hash is how it was hashed.
func (t Thumbprint) Hash() Hash { return t.hash }

// IsZero reports whether t is none.
func (t Thumbprint) IsZero() bool { return t.hash == 0 }

// Equal reports, in constant time, whether octets are exactly the digest. The
// zero Thumbprint is equal to nothing, the empty slice included.
func (t Thumbprint) Equal(octets []byte) bool {
	n := t.hash.Size()
	return n != 0 && subtle.ConstantTimeCompare(t.sum[:n], octets) == 1
}

// AppendSum appends the digest's octets, none for the zero Thumbprint.
func (t Thumbprint) AppendSum(dst []byte) []byte { return append(dst, t.sum[:t.hash.Size()]...) }

// AppendHex appends the digest in lower-case hexadecimal.
func (t Thumbprint) AppendHex(dst []byte) []byte {
	return hex.AppendEncode(dst, t.sum[:t.hash.Size()])
}

// Hex is the digest in lower-case hexadecimal, "" for the zero Thumbprint.
func (t Thumbprint) Hex() string { return string(t.AppendHex(nil)) }

// Hash is a hash function that a thumbprint may be made with. The zero Hash is
// none.
type Hash uint8

// The hash functions. SHA256 is the default everywhere; the others are used
// only where a credential itself names them, in a thumbprint URI.
const (
	SHA256 Hash = iota + 1
	SHA384
	SHA512
)

// Size is the length of a digest in octets, 0 for an unknown hash.
func (h Hash) Size() int {
	switch h {
	case SHA256:
		return sha256.Size
	case SHA384:
		return sha512.Size384
	case SHA512:
		return sha512.Size
	}
	return 0
}

// String is the name in the IANA Named Information registry ("sha-256"), as
// thumbprint URIs spell it; "" for an unknown hash.
func (h Hash) String() string {
	switch h {
	case SHA256:
		return "sha-256"
	case SHA384:
		return "sha-384"
	case SHA512:
		return "sha-512"
	}
	return ""
}

// ParseHash gives the hash of that name in the IANA Named Information registry.
func ParseHash(name string) (Hash, error) {
	for h := SHA256; h <= SHA512; h++ {
		if name == h.String() {
			return h, nil
		}
	}
	return 0, errors.New("thumbprint: unknown hash: sha-256, sha-384 and sha-512 are known")
}

// Kind is what a thumbprint was made of. Thumbprints of different kinds never
// name the same thing, whatever their octets. The zero Kind is none.
type Kind uint8

// The kinds of thumbprint.
const (
	JWK          Kind = iota + 1 // a JWK's required members (RFC 7638)
	COSEKey                      // a COSE_Key's required parameters (RFC 9679)
	Certificate                  // a certificate's DER, as x5t#S256 (RFC 8705 §3.1)
	TokenBinding                 // a Token Binding ID, as tbh
)

// String is a short name: "jkt", "ckt", "x5t#S256", "tbh"; "" for none.
func (k Kind) String() string {
	switch k {
	case JWK:
		return "jkt"
	case COSEKey:
		return "ckt"
	case Certificate:
		return "x5t#S256"
	case TokenBinding:
		return "tbh"
	}
	return ""
}
