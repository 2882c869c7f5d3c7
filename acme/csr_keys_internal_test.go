package acme

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/big"
	"slices"
	"testing"

	"cnfd/acme/weakkey"
)

// TestCSROutside: size, encoding and signature; one thing is changed at a time.
func TestCSROutside(t *testing.T) {
	key := newKey(t, elliptic.P256())
	good := made(t, key, lego())
	got, p := readCSR(good, ordered, broad, nil)
	refused(t, got, p, "")
	changed := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) || len(from) != len(to) {
			t.Fatal("nothing to change")
		}
		return bytes.ReplaceAll(good, []byte(from), []byte(to))
	}
	info, err := x509.MarshalPKIXPublicKey(key.Public())
	ok(t, err)
	others, err := x509.MarshalPKIXPublicKey(newKey(t, elliptic.P256()).Public())
	ok(t, err)
	for _, c := range []struct {
		name string
		der  []byte
		want string
	}{
		{"nothing", nil, "not a certificate request"},
		{"cut short", good[:len(good)-1], "not a certificate request"},
		{"something behind it", append(slices.Clone(good), 0), "not a certificate request"},
		{"two requests", append(slices.Clone(good), good...), "not a certificate request"},
		{"PEM", []byte("-----BEGIN CERTIFICATE REQUEST-----\n"), "PEM: want the DER"},
		{"32 KiB and one octet", make([]byte, 32<<10+1), "longer than"},
		{"32 KiB", make([]byte, 32<<10), "not a certificate request"},
		{"names changed after the signature", changed("www.vendor", "ftp.vendor"), "not signed by its own key"},
		{"somebody else's key put in", changed(string(info), string(others)), "not signed by its own key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, p := readCSR(c.der, ordered, broad, nil)
			refused(t, got, p, c.want)
		})
	}
}

// TestCSRKeys: each type of key is taken where the profile says so; a blocked and a
// weak one are not.
func TestCSRKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	keys := map[KeyType]crypto.Signer{RSA: rsaKey, P256: newKey(t, elliptic.P256()), P384: newKey(t, elliptic.P384()), Ed25519: ed}
	for kind, key := range keys {
		der := made(t, key, lego())
		for taken := range keys {
			got, p := readCSR(der, ordered, &Profile{Name: "p", KeyTypes: []KeyType{taken}}, nil)
			want := ""
			if taken != kind {
				want = "profile p takes no key of this type: make one of " + string(taken)
			}
			refused(t, got, p, want)
		}
		got, p := readCSR(der, ordered, &Profile{}, nil)
		refused(t, got, p, "no key of this type")

		info, err := x509.MarshalPKIXPublicKey(key.Public())
		ok(t, err)
		sum := sha256.Sum256(info)
		blocked, err := weakkey.ParseBlocklist([]byte(hex.EncodeToString(sum[:])))
		ok(t, err)
		got, p = readCSR(der, ordered, broad, blocked)
		refused(t, got, p, "known to others")
		sum[0]++
		blocked, err = weakkey.ParseBlocklist([]byte(hex.EncodeToString(sum[:])))
		ok(t, err)
		got, p = readCSR(der, ordered, broad, blocked)
		refused(t, got, p, "")
	}
	t.Run("primes that are close", func(t *testing.T) {
		start := new(big.Int).Lsh(big.NewInt(15), 1020)
		got, p := readCSR(made(t, ofPrimes(t, start, new(big.Int).Lsh(big.NewInt(1), 1000)), lego()), ordered, broad, nil)
		refused(t, got, p, "")
		got, p = readCSR(made(t, ofPrimes(t, start, big.NewInt(0)), lego()), ordered, broad, nil)
		refused(t, got, p, "close together")
	})
	t.Run("no profile takes P-521", func(t *testing.T) {
		got, p := readCSR(made(t, newKey(t, elliptic.P521()), lego()), ordered, &Profile{KeyTypes: []KeyType{RSA, P256, P384, Ed25519, "", "p521"}}, nil)
		refused(t, got, p, "no key of this type")
	})
}

// textbook signs with RSA keys that crypto/rsa refuses to sign with.
type textbook struct {
	public *rsa.PublicKey
	d      *big.Int
}

func (k textbook) Public() crypto.PublicKey { return k.public }

func (k textbook) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) { // RFC 8017 §8.2.1, SHA-256
	info := append([]byte("\x00\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), digest...)
	padded := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, k.public.Size()-2-len(info))...)
	m := new(big.Int).SetBytes(append(padded, info...))
	return m.Exp(m, k.d, k.public.N).FillBytes(make([]byte, k.public.Size())), nil
}

// ofPrimes is a key of the prime after p and the prime after p+gap.
func ofPrimes(t testing.TB, p, gap *big.Int) textbook {
	t.Helper()
	one, e := big.NewInt(1), big.NewInt(65537)
	after := func(n *big.Int) *big.Int {
		n = new(big.Int).Add(n, one)
		for !n.ProbablyPrime(10) {
			n.Add(n, one)
		}
		return n
	}
	p = after(p)
	q := after(new(big.Int).Add(p, gap))
	d := new(big.Int).ModInverse(e, new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)))
	if d == nil {
		t.Fatal("no key of these primes")
	}
	return textbook{&rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, d}
}
