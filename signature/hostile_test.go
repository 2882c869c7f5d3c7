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
	"encoding/asn1"
	"math/big"
	"testing"

	"cnfd/signature"
	"cnfd/thumbprint"
)

// signed is a signature that verifies.
type signed struct {
	name        string
	alg         signature.Algorithm
	key         thumbprint.Key
	octets, sig []byte
}

func newSigned(t *testing.T) []signed {
	t.Helper()
	octets := []byte("header.payload")
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	r, s, err := ecdsa.Sign(rand.Reader, p256, sha(octets))
	check(t, err)
	es256 := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	check(t, err)
	sum := sha512.Sum512(octets)
	r, s, err = ecdsa.Sign(rand.Reader, p521, sum[:])
	check(t, err)
	es512 := append(r.FillBytes(make([]byte, 66)), s.FillBytes(make([]byte, 66))...)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	rs256, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sha(octets))
	check(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	ps256, err := rsa.SignPSS(rand.Reader, other, crypto.SHA256, sha(octets), &rsa.PSSOptions{SaltLength: 32})
	check(t, err)
	return []signed{
		{"ES256", signature.ES256, keyOf(t, p256.Public()), octets, es256},
		{"ES512", signature.ES512, keyOf(t, p521.Public()), octets, es512},
		{"EdDSA", signature.EdDSA, keyOf(t, public), octets, ed25519.Sign(private, octets)},
		{"RS256", signature.RS256, keyOf(t, rsaKey.Public()), octets, rs256},
		{"PS256", signature.PS256, keyOf(t, other.Public()), octets, ps256},
	}
}

func sha(octets []byte) []byte { s := sha256.Sum256(octets); return s[:] }

// TestCutShortAtEveryOctet: a signature verifies whole, and no part of it and
// nothing longer does.
func TestCutShortAtEveryOctet(t *testing.T) {
	for _, v := range newSigned(t) {
		check(t, signature.Verify(v.alg, v.key, v.octets, v.sig))
		for n := range v.sig {
			wants(t, signature.Verify(v.alg, v.key, v.octets, v.sig[:n]), signature.WrongLength)
			wants(t, signature.Verify(v.alg, v.key, v.octets, v.sig[n+1:]), signature.WrongLength)
		}
		wants(t, signature.Verify(v.alg, v.key, v.octets, append(v.sig[:len(v.sig):len(v.sig)], v.sig...)), signature.WrongLength)
		for n := range v.octets {
			wants(t, signature.Verify(v.alg, v.key, v.octets[:n], v.sig), signature.DoesNotVerify)
		}
	}
}

// TestSwapped: no signature is one of another key's or of another algorithm's.
func TestSwapped(t *testing.T) {
	all := newSigned(t)
	for i, v := range all {
		check(t, signature.Verify(v.alg, v.key, v.octets, v.sig))
		for j, other := range all {
			if i == j {
				continue
			}
			if signature.Verify(v.alg, v.key, v.octets, other.sig) == nil {
				t.Errorf("%s by another key is one of %s", other.name, v.name)
			}
			if signature.Verify(other.alg, v.key, v.octets, v.sig) == nil {
				t.Errorf("%s is one of %s", v.name, other.name)
			}
			if signature.Verify(v.alg, other.key, v.octets, v.sig) == nil {
				t.Errorf("%s verifies with the key of %s", v.name, other.name)
			}
		}
	}
}

// TestReencoded: of the many texts of one signature one verifies, but for the
// second s that ECDSA gives everybody: whoever tells tokens or proofs apart must
// not do it by their signatures.
func TestReencoded(t *testing.T) {
	all := newSigned(t)
	for _, v := range all {
		check(t, signature.Verify(v.alg, v.key, v.octets, v.sig))
	}
	ec, ed, rs := all[0], all[2], all[3]
	n := elliptic.P256().Params().N
	half := func(i int) *big.Int { return new(big.Int).SetBytes(ec.sig[32*i:][:32]) }
	r, s := half(0), half(1)
	raw := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	check(t, err)
	reversed := func(b []byte) []byte {
		out := make([]byte, len(b))
		for i := range b {
			out[len(b)-1-i] = b[i]
		}
		return out
	}
	for _, c := range []struct {
		name string
		of   signed
		sig  []byte
		want signature.Rule
	}{
		{"n-s, as the standard has it (SEC 1 §4.1.4)", ec, raw(r, new(big.Int).Sub(n, s)), 0},
		{"s and r", ec, raw(s, r), signature.DoesNotVerify},
		{"ASN.1", ec, der, signature.WrongLength},
		{"ASN.1, filled to the length", ec, append(der[:min(len(der), 64):64], make([]byte, max(0, 64-len(der)))...), signature.DoesNotVerify},
		{"little end first", ec, append(reversed(ec.sig[:32]), reversed(ec.sig[32:])...), signature.DoesNotVerify},
		{"r alone", ec, raw(r, new(big.Int)), signature.DoesNotVerify},
		{"n for s", ec, raw(r, n), signature.DoesNotVerify},
		{"a zero before each", ec, append(append(append([]byte{0}, ec.sig[:32]...), 0), ec.sig[32:]...), signature.WrongLength},
		{"S and the order (RFC 8032 §5.1.7)", ed, append(ed.sig[:32:32], addOrder(ed.sig[32:])...), signature.DoesNotVerify},
		{"another sign of R", ed, flipped(ed.sig, 31, 0x80), signature.DoesNotVerify},
		{"a zero before an RSA signature", rs, append([]byte{0}, rs.sig...), signature.WrongLength},
		{"a zero behind it", rs, append(rs.sig[:256:256], 0), signature.WrongLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := signature.Verify(c.of.alg, c.of.key, c.of.octets, c.sig)
			if c.want == 0 {
				check(t, err)
				return
			}
			wants(t, err, c.want)
		})
	}
}

func flipped(sig []byte, at int, bits byte) []byte {
	sig = append([]byte{}, sig...)
	sig[at] ^= bits
	return sig
}

// addOrder adds the order of edwards25519's group to a number, little end first.
func addOrder(s []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	be := make([]byte, 32)
	for i := range s {
		be[31-i] = s[i]
	}
	sum := order.Add(order, new(big.Int).SetBytes(be)).FillBytes(make([]byte, 32))
	for i := range 16 {
		sum[i], sum[31-i] = sum[31-i], sum[i]
	}
	return sum
}
