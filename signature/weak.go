package signature

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// weak reports whether anybody can make signatures that verify with the key
// (RFC 8725 §3.4), or whether there is no key.
func weak(public crypto.PublicKey) bool {
	switch p := public.(type) {
	case nil:
		return true
	case ed25519.PublicKey:
		// A point of small order verifies one signature for every message, or
		// for one in eight (RFC 8032 §5.1.7 without the cofactor).
		point, err := new(edwards25519.Point).SetBytes(p)
		return err != nil || point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
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
