package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"cnfd/signature"
	"cnfd/thumbprint"
)

// made is a signature over octets and what it takes to verify it: here, and with
// the bare primitive of the library, whose key is ready and whose hash is included.
type made struct {
	alg   signature.Algorithm
	key   thumbprint.Key
	sig   []byte
	check func() bool
}

// makeAll signs a JWS signing input of the size that tokens have.
func makeAll(t testing.TB, octets []byte) []made {
	t.Helper()
	sum := sha256.Sum256(octets)
	var all []made
	for i, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		alg := signature.ES256 + signature.Algorithm(i)
		hash := func() []byte { sum := sha256.Sum256(octets); return sum[:] }
		if alg == signature.ES384 {
			hash = func() []byte { sum := sha512.Sum384(octets); return sum[:] }
		}
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		check(t, err)
		der, err := ecdsa.SignASN1(rand.Reader, private, hash())
		check(t, err)
		r, s, err := ecdsa.Sign(rand.Reader, private, hash())
		check(t, err)
		size := (curve.Params().BitSize + 7) / 8
		all = append(all, made{alg, keyOf(t, private.Public()), append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), func() bool {
			return ecdsa.VerifyASN1(&private.PublicKey, hash(), der)
		}})
	}
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	public := private.Public().(ed25519.PublicKey)
	sig := ed25519.Sign(private, octets)
	all = append(all, made{signature.EdDSA, keyOf(t, public), sig, func() bool { return ed25519.Verify(public, octets, sig) }})

	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	pss, err := rsa.SignPSS(rand.Reader, modulus, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
	check(t, err)
	pkcs1, err := rsa.SignPKCS1v15(rand.Reader, modulus, crypto.SHA256, sum[:])
	check(t, err)
	all = append(all, made{signature.PS256, keyOf(t, modulus.Public()), pss, func() bool {
		sum := sha256.Sum256(octets)
		return rsa.VerifyPSS(&modulus.PublicKey, crypto.SHA256, sum[:], pss, &rsa.PSSOptions{SaltLength: 32}) == nil
	}}, made{signature.RS256, keyOf(t, modulus.Public()), pkcs1, func() bool {
		sum := sha256.Sum256(octets)
		return rsa.VerifyPKCS1v15(&modulus.PublicKey, crypto.SHA256, sum[:], pkcs1) == nil
	}})

	lattice, secret := mldsa65.NewKeyFromSeed(new([mldsa65.SeedSize]byte))
	long := make([]byte, mldsa65.SignatureSize)
	check(t, mldsa65.SignTo(secret, octets, nil, false, long))
	key := parse(t, `{"kty":"AKP","alg":"ML-DSA-65","pub":"`+base64.RawURLEncoding.EncodeToString(lattice.Bytes())+`"}`)
	return append(all, made{signature.MLDSA65, key, long, func() bool { return mldsa65.Verify(lattice, octets, nil, long) }})
}

// BenchmarkVerify has a signature checked here and by the bare primitive, so that
// what a check adds to it can be read off one run (docs/performance.md).
func BenchmarkVerify(b *testing.B) {
	octets := make([]byte, 500)
	for _, m := range makeAll(b, octets) {
		for name, key := range map[string]thumbprint.Key{"check": m.key, "check_of_a_ready_key": m.key.Ready()} {
			b.Run(m.alg.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := signature.Verify(m.alg, key, octets, m.sig); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(m.alg.String()+"/primitive", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !m.check() {
					b.Fatal("does not verify")
				}
			}
		})
	}
}
