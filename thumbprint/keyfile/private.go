package keyfile

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/asn1"
	"math/big"

	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"cnfd/thumbprint"
)

// pkcs8Key gives the public key of a PrivateKeyInfo (RFC 5958 §2).
func pkcs8Key(der []byte) (thumbprint.Key, error) {
	var info struct {
		Version    int
		Algorithm  algorithm
		Key        []byte
		Attributes asn1.RawValue  `asn1:"optional,tag:0"`
		Public     asn1.BitString `asn1:"optional,tag:1"`
	}
	if err := exactly(der, &info); err != nil {
		return thumbprint.Key{}, err
	}
	kty, name, err := info.Algorithm.family()
	if err != nil {
		return thumbprint.Key{}, err
	}
	switch kty {
	case "RSA":
		return pkcs1PrivateKey(info.Key)
	case "EC":
		return sec1Key(info.Key, &info.Algorithm)
	}
	var public []byte
	if kty == "OKP" {
		var secret []byte // CurvePrivateKey (RFC 8410 §7)
		if err := exactly(info.Key, &secret); err != nil {
			return thumbprint.Key{}, malformed("not as a private key of " + name + " is written")
		}
		public, err = publicOKP(name, secret)
	} else {
		public, err = publicMLDSA(name, info.Key)
	}
	if err != nil {
		return thumbprint.Key{}, err
	}
	if err := sameKey(info.Public, public); err != nil {
		return thumbprint.Key{}, err
	}
	return keyOf(kty, name, public)
}

// sameKey refuses a public key that stands beside a private one and is not its
// own: nobody could ever prove to have it.
func sameKey(beside asn1.BitString, public []byte) error {
	if beside.BitLength != 0 && !bytes.Equal(beside.Bytes, public) {
		return malformed("the public key in the file is not that of the private key in it")
	}
	return nil
}

// pkcs1PublicKey reads an RSAPublicKey (RFC 8017 §A.1.1).
func pkcs1PublicKey(der []byte) (thumbprint.Key, error) {
	var k struct{ N, E *big.Int }
	if err := exactly(der, &k); err != nil {
		return thumbprint.Key{}, err
	}
	return rsaKey(k.N, k.E)
}

// pkcs1PrivateKey gives the public key of an RSAPrivateKey (RFC 8017 §A.1.2).
func pkcs1PrivateKey(der []byte) (thumbprint.Key, error) {
	var k struct {
		Version                   int
		N, E, D, P, Q, DP, DQ, QI *big.Int
		Others                    asn1.RawValue `asn1:"optional"`
	}
	if err := exactly(der, &k); err != nil {
		return thumbprint.Key{}, err
	}
	if k.Version == 0 && new(big.Int).Mul(k.P, k.Q).Cmp(k.N) != 0 {
		return thumbprint.Key{}, malformed("the primes in the file are not those of its modulus")
	}
	return rsaKey(k.N, k.E)
}

func rsaKey(n, e *big.Int) (thumbprint.Key, error) {
	if n.Sign() <= 0 || e.Sign() <= 0 {
		return thumbprint.Key{}, malformed("not an RSA key: its numbers are not positive")
	}
	return judge(`"kty":"RSA","n":"` + base64url(n.Bytes()) + `","e":"` + base64url(e.Bytes()) + `"`)
}

// sec1Key gives the public key of an ECPrivateKey (RFC 5915 §3); its curve is
// that of outer where a PKCS #8 structure is around it.
func sec1Key(der []byte, outer *algorithm) (thumbprint.Key, error) {
	var k struct {
		Version int
		Secret  []byte
		Curve   asn1.RawValue  `asn1:"optional,explicit,tag:0"`
		Public  asn1.BitString `asn1:"optional,explicit,tag:1"`
	}
	if err := exactly(der, &k); err != nil {
		return thumbprint.Key{}, err
	}
	if outer == nil {
		outer = &algorithm{OID: oidEC, Parameters: asn1.RawValue{FullBytes: k.Curve.Bytes}}
	}
	_, name, err := outer.family()
	if err != nil {
		return thumbprint.Key{}, err
	}
	public, err := publicEC(name, scalar(name, k.Secret))
	if err != nil {
		return thumbprint.Key{}, err
	}
	if n := k.Public.BitLength; n != 0 && k.Public.Bytes[0] == 4 {
		if err := sameKey(k.Public, public); err != nil {
			return thumbprint.Key{}, err
		}
	}
	return keyOf("EC", name, public)
}

// scalar gives a private key in as many octets as the curve's order has (RFC 5915 §3). GnuTLS
// writes those of an INTEGER: one more where the highest bit is set, fewer where the first are zero.
func scalar(name string, secret []byte) []byte {
	size := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66, "secp256k1": 32}[name]
	secret = bytes.TrimLeft(secret, "\x00")
	return append(make([]byte, max(0, size-len(secret))), secret...)
}

// publicEC gives the uncompressed point of a private key.
func publicEC(name string, secret []byte) ([]byte, error) {
	wrong := malformed("not a private key of " + name)
	if name == "secp256k1" {
		var d secp256k1.ModNScalar
		if len(secret) != 32 || d.SetByteSlice(secret) || d.IsZero() {
			return nil, wrong
		}
		return secp256k1.NewPrivateKey(&d).PubKey().SerializeUncompressed(), nil
	}
	curve := map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}[name]
	private, err := curve.NewPrivateKey(secret)
	if err != nil {
		return nil, wrong
	}
	return private.PublicKey().Bytes(), nil
}

// publicOKP gives the public key of a private one (RFC 8410 §7).
func publicOKP(name string, secret []byte) ([]byte, error) {
	size := map[string]int{"Ed25519": ed25519.SeedSize, "Ed448": 57, "X25519": 32, "X448": x448.Size}[name]
	if len(secret) != size {
		return nil, malformed("not a private key of " + name)
	}
	switch name {
	case "Ed25519":
		return ed25519.NewKeyFromSeed(secret)[ed25519.SeedSize:], nil
	case "Ed448":
		return ed448.NewKeyFromSeed(secret).Public().(ed448.PublicKey), nil
	case "X448":
		var public, d x448.Key
		copy(d[:], secret)
		x448.KeyGen(&public, &d)
		return public[:], nil
	}
	private, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, malformed("not a private key of X25519")
	}
	return private.PublicKey().Bytes(), nil
}

// publicMLDSA gives the public key of a private one (RFC 9881 §6): its seed, or
// seed and expanded key. From an expanded key alone none is made.
func publicMLDSA(name string, der []byte) ([]byte, error) {
	var choice asn1.RawValue
	if err := exactly(der, &choice); err != nil {
		return nil, malformed("not as a private key of " + name + " is written")
	}
	var seed []byte
	switch {
	case choice.Class == asn1.ClassContextSpecific && choice.Tag == 0: // seed [0]
		seed = choice.Bytes
	case choice.Class == asn1.ClassUniversal && choice.Tag == asn1.TagSequence: // both
		var both struct{ Seed, Expanded []byte }
		if err := exactly(der, &both); err != nil {
			return nil, malformed("not as a private key of " + name + " is written")
		}
		seed = both.Seed
	}
	if len(seed) != mldsa44.SeedSize {
		return nil, malformed("no seed in the private key of " + name + ": give its public key")
	}
	switch name {
	case "ML-DSA-44":
		public, _ := mldsa44.NewKeyFromSeed((*[mldsa44.SeedSize]byte)(seed))
		return public.Bytes(), nil
	case "ML-DSA-65":
		public, _ := mldsa65.NewKeyFromSeed((*[mldsa65.SeedSize]byte)(seed))
		return public.Bytes(), nil
	}
	public, _ := mldsa87.NewKeyFromSeed((*[mldsa87.SeedSize]byte)(seed))
	return public.Bytes(), nil
}
