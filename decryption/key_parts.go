package decryption

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"math/big"

	"cnfd/thumbprint"
)

// parts are what a JWK or a COSE_Key holds: a public key that has been judged, and
// the secret numbers beside it.
type parts struct {
	public  thumbprint.Key
	d, p, q []byte
	k       []byte
}

// key makes a key of its parts. The secret must be that of the public key: with
// another nothing would ever open, and nobody would know why.
func (p *parts) key(place string) (*secret, error) {
	s := &secret{kind: p.public.Algorithm()}
	if p.public.Symmetric() {
		switch len(p.k) {
		case 16, 24, 32, 64:
			s.shape, s.oct = shapeOct, append([]byte{}, p.k...)
			return s, nil
		}
		return nil, malformed(place, "a symmetric key of a length that no algorithm here has: 16, 24, 32 or 64 octets")
	}
	if !p.public.Private() {
		return nil, &otherUse{place, "a public key, which decrypts nothing: give the private one"}
	}
	switch public := p.public.Public().(type) {
	case *rsa.PublicKey:
		return s, s.setRSA(place, p, public)
	case *ecdsa.PublicKey:
		agreed, err := public.ECDH()
		if err != nil {
			return nil, malformed(place, "not a point on its curve")
		}
		return s, s.setECDH(place, p.d, agreed)
	case *ecdh.PublicKey:
		return s, s.setECDH(place, p.d, public)
	}
	return nil, &otherUse{place, s.kind + ": not a key to decrypt with: RSA, P-256, P-384, P-521, X25519 or a symmetric one"}
}

func (s *secret) setECDH(place string, d []byte, public *ecdh.PublicKey) error {
	private, err := public.Curve().NewPrivateKey(d)
	if err != nil {
		return malformed(place, "its d is no private key of "+s.kind)
	}
	if !private.PublicKey().Equal(public) {
		return malformed(place, notTheSame)
	}
	s.shape, s.ecdh = shapeOf(public.Curve()), private
	return nil
}

const notTheSame = "its public key is not that of the private key in it"

func (s *secret) setRSA(place string, p *parts, public *rsa.PublicKey) error {
	if len(p.p) == 0 || len(p.q) == 0 {
		return malformed(place, "an RSA private key without its two primes: write them too")
	}
	private := &rsa.PrivateKey{
		PublicKey: *public,
		D:         new(big.Int).SetBytes(p.d),
		Primes:    []*big.Int{new(big.Int).SetBytes(p.p), new(big.Int).SetBytes(p.q)},
	}
	return s.useRSA(place, private)
}

func (s *secret) useRSA(place string, private *rsa.PrivateKey) error {
	if len(private.Primes) != 2 {
		return malformed(place, "an RSA key of more than two primes")
	}
	if err := private.Validate(); err != nil {
		return malformed(place, "its secret numbers are not those of its modulus")
	}
	private.Precompute()
	s.shape, s.rsa = shapeRSA, private
	return nil
}
