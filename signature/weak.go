package signature

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding"
	"slices"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// smallOrder are the points of Edwards25519 whose order divides the cofactor 8, in
// the one encoding that a thumbprint.Key has. They verify one signature for every
// message, or for one in eight (RFC 8032 §5.1.7 without the cofactor).
var smallOrder = func() (all [8][ed25519.PublicKeySize]byte) {
	// A point of order 8; the others are its multiples.
	generator, err := new(edwards25519.Point).SetBytes([]byte("\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0" +
		"\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"))
	if err != nil {
		panic(err)
	}
	point := edwards25519.NewIdentityPoint()
	for i := range all {
		all[i] = [ed25519.PublicKeySize]byte(point.Bytes())
		point.Add(point, generator)
	}
	return all
}()

// weak reports whether anybody can make signatures that verify with the key
// (RFC 8725 §3.4), or whether there is no key.
func weak(public crypto.PublicKey) bool {
	switch p := public.(type) {
	case nil:
		return true
	case ed25519.PublicKey:
		return len(p) != ed25519.PublicKeySize || slices.Contains(smallOrder[:], [ed25519.PublicKeySize]byte(p))
	case ed448.PublicKey:
		point, err := goldilocks.FromBytes(p)
		if err != nil {
			return true
		}
		point.Double() // twice: the cofactor is 4
		point.Double()
		return point.IsIdentity()
	case *mldsa44.PublicKey, *mldsa65.PublicKey, *mldsa87.PublicKey:
		// With t1 zero (all after the 32 octets of rho, FIPS 204 algorithm 22)
		// the secret drops out of what is verified.
		octets, err := public.(encoding.BinaryMarshaler).MarshalBinary()
		return err != nil || len(bytes.Trim(octets[32:], "\x00")) == 0
	}
	return false
}
