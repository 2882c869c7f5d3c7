package weakkey_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"math/big"
	"os"
	"strings"
	"testing"

	"cnfd/acme/weakkey"
)

var e = big.NewInt(65537)

// primorial is the product of the first n primes: M of Infineon's keys.
func primorial(n int) *big.Int {
	m := big.NewInt(1)
	for p := int64(2); n > 0; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			n--
		}
	}
	return m
}

// infineonPrime makes a prime of so many bits as Infineon's library did:
// k·M + (65537^a mod M), with both high bits set, so that two have a whole product.
func infineonPrime(t testing.TB, bits uint, m *big.Int) *big.Int {
	t.Helper()
	low := new(big.Int).Lsh(big.NewInt(3), bits-2)
	room := new(big.Int).Lsh(big.NewInt(1), bits-2)
	for {
		a, err := rand.Int(rand.Reader, m)
		check(t, err)
		x, err := rand.Int(rand.Reader, room)
		check(t, err)
		k := x.Add(x, low)
		k.Div(k, m)
		p := k.Mul(k, m)
		p.Add(p, a.Exp(e, a, m))
		if uint(p.BitLen()) == bits && p.Bit(int(bits)-2) == 1 && p.ProbablyPrime(5) {
			return p
		}
	}
}

// randomPrime makes a prime with both high bits set.
func randomPrime(t testing.TB, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	check(t, err)
	return p
}

// nextPrime is the first prime above n.
func nextPrime(n *big.Int) *big.Int {
	for n = new(big.Int).Add(n, big.NewInt(1)); !n.ProbablyPrime(5); n.Add(n, big.NewInt(1)) {
	}
	return n
}

func product(p, q *big.Int) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants holds an error to a word in it; "" is none.
func wants(t *testing.T, err error, word string) {
	t.Helper()
	switch {
	case word == "" && err != nil:
		t.Fatalf("refused: %v", err)
	case word != "" && err == nil:
		t.Fatalf("not refused: want an error with %q", word)
	case word != "" && !strings.Contains(err.Error(), word):
		t.Fatalf("%q: want %q in it", err, word)
	}
}

// TestRSASizes: the modulus may have 2048 to 8192 bits in whole octets, the
// exponent be odd and no less than 65537. One thing is changed at a time.
func TestRSASizes(t *testing.T) {
	p, q := randomPrime(t, 1024), randomPrime(t, 1024)
	good := product(p, q)
	wants(t, weakkey.Check(good), "")
	for _, c := range []struct {
		name string
		key  *rsa.PublicKey
		want string
	}{
		{"2047 bits", &rsa.PublicKey{N: new(big.Int).Rsh(good.N, 1), E: 65537}, "2048 to 8192"},
		{"2040 bits", &rsa.PublicKey{N: new(big.Int).Rsh(good.N, 8), E: 65537}, "2048 to 8192"},
		{"1024 bits", &rsa.PublicKey{N: p, E: 65537}, "2048 to 8192"},
		{"2049 bits", &rsa.PublicKey{N: new(big.Int).Lsh(good.N, 1), E: 65537}, "whole number of octets"},
		{"8200 bits", &rsa.PublicKey{N: new(big.Int).Lsh(good.N, 8200-2048), E: 65537}, "2048 to 8192"},
		{"exponent 3", &rsa.PublicKey{N: good.N, E: 3}, "exponent"},
		{"exponent 65535", &rsa.PublicKey{N: good.N, E: 65535}, "exponent"},
		{"exponent 65539, which is odd", &rsa.PublicKey{N: good.N, E: 65539}, ""},
		{"exponent 65538, which is even", &rsa.PublicKey{N: good.N, E: 65538}, "exponent"},
		{"exponent 1", &rsa.PublicKey{N: good.N, E: 1}, "exponent"},
		{"exponent 0", &rsa.PublicKey{N: good.N}, "exponent"},
		{"a negative exponent", &rsa.PublicKey{N: good.N, E: -65537}, "exponent"},
		{"a negative modulus", &rsa.PublicKey{N: new(big.Int).Neg(good.N), E: 65537}, "positive"},
		{"no modulus", &rsa.PublicKey{E: 65537}, "missing"},
		{"no key", nil, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, weakkey.Check(c.key), c.want) })
	}
}

// TestRSASmallFactors: each prime below 752 is found, the first one above is not
// looked for.
func TestRSASmallFactors(t *testing.T) {
	p := randomPrime(t, 1024)
	with := func(small int64) *rsa.PublicKey {
		// A cofactor that makes the product 2048 bits long.
		for {
			q := randomPrime(t, 1024+12-big.NewInt(small).BitLen())
			n := new(big.Int).Mul(new(big.Int).Mul(p, q), big.NewInt(small))
			if over := n.BitLen() - 2048; over > 0 {
				q = nextPrime(q.Rsh(q, uint(over)))
				n.Mul(new(big.Int).Mul(p, q), big.NewInt(small))
			}
			if n.BitLen() == 2048 {
				return &rsa.PublicKey{N: n, E: 65537}
			}
		}
	}
	for _, small := range []int64{2, 3, 5, 167, 173, 743, 751} {
		wants(t, weakkey.Check(with(small)), "small prime")
	}
	wants(t, weakkey.Check(with(757)), "")
}

// TestROCA: keys of Infineon's structure are found at each size, and keys of other
// primes of the same size are not.
func TestROCA(t *testing.T) {
	for _, c := range []struct {
		name   string
		bits   uint // of a prime
		primes int  // in M (Nemec et al., §2.1)
	}{
		{"2048 bits", 1024, 126},
		{"3072 bits", 1536, 126},
		{"4096 bits", 2048, 225},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := primorial(c.primes)
			p, q := infineonPrime(t, c.bits, m), infineonPrime(t, c.bits, m)
			wants(t, weakkey.Check(product(p, q)), "ROCA")
			other := randomPrime(t, int(c.bits))
			wants(t, weakkey.Check(product(p, other)), "")
			wants(t, weakkey.Check(product(q, other)), "")
		})
	}
	t.Run("a chip's own", func(t *testing.T) {
		text, err := os.ReadFile("testdata/roca-2048.hex")
		check(t, err)
		octets, err := hex.DecodeString(strings.TrimSpace(string(text)))
		check(t, err)
		n := new(big.Int).SetBytes(octets)
		wants(t, weakkey.Check(&rsa.PublicKey{N: n, E: 65537}), "ROCA")
		// Two more: another number, as near as can be, without the structure.
		for n.Add(n, big.NewInt(2)); new(big.Int).GCD(nil, nil, n, primorial(133)).Cmp(big.NewInt(1)) != 0; n.Add(n, big.NewInt(2)) {
		}
		wants(t, weakkey.Check(&rsa.PublicKey{N: n, E: 65537}), "")
	})
}

// TestFermat: primes that are near each other are found, up to the 110th
// difference and not beyond.
func TestFermat(t *testing.T) {
	p := randomPrime(t, 1024)
	t.Run("the next prime", func(t *testing.T) { wants(t, weakkey.Check(product(p, nextPrime(p))), "close") })
	t.Run("the same prime", func(t *testing.T) { wants(t, weakkey.Check(product(p, p)), "close") })
	t.Run("half of their digits in common", func(t *testing.T) {
		q := nextPrime(new(big.Int).Xor(p, new(big.Int).Rsh(p, 514)))
		wants(t, weakkey.Check(product(p, q)), "close")
	})
	t.Run("a quarter of their digits in common", func(t *testing.T) {
		q := nextPrime(new(big.Int).Xor(p, new(big.Int).Rsh(p, 256)))
		wants(t, weakkey.Check(product(p, q)), "")
	})
	// (s-d)(s+d) takes as many rounds as s lies above the root of s²-d²: about
	// d²/2s. Factors that are no primes do as well, as long as none is small.
	coprime := func(n *big.Int) bool {
		return new(big.Int).GCD(nil, nil, n, primorial(133)).Cmp(big.NewInt(1)) == 0
	}
	rounds := func(want int64) *rsa.PublicKey {
		s := new(big.Int).Lsh(big.NewInt(15), 1020)
		for ; ; s.Add(s, big.NewInt(2)) {
			d := new(big.Int).Mul(s, big.NewInt(2*want-1))
			d.Sqrt(d)
			for range 2000 {
				d.Add(d, big.NewInt(1))
				n := new(big.Int).Sub(new(big.Int).Mul(s, s), new(big.Int).Mul(d, d))
				if first := new(big.Int).Sub(s, new(big.Int).Sqrt(n)); first.Int64() == want && coprime(n) {
					return &rsa.PublicKey{N: n, E: 65537}
				}
			}
		}
	}
	t.Run("at the first difference", func(t *testing.T) { wants(t, weakkey.Check(rounds(1)), "close") })
	t.Run("at the 110th", func(t *testing.T) { wants(t, weakkey.Check(rounds(110)), "close") })
	t.Run("at the 111th", func(t *testing.T) { wants(t, weakkey.Check(rounds(111)), "") })
}

// TestGoodKeys: what the standard library makes passes.
func TestGoodKeys(t *testing.T) {
	for _, bits := range []int{2048, 3072, 4096} {
		if bits > 2048 && testing.Short() {
			continue
		}
		k, err := rsa.GenerateKey(rand.Reader, bits)
		check(t, err)
		wants(t, weakkey.Check(k.Public()), "")
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		check(t, err)
		wants(t, weakkey.Check(k.Public()), "")
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	wants(t, weakkey.Check(public), "")
}

func TestBadKeys(t *testing.T) {
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	check(t, err)
	octets := func(text string) ed25519.PublicKey {
		b, err := hex.DecodeString(text)
		check(t, err)
		return b
	}
	point := func(x, y int64) *ecdsa.PublicKey {
		//lint:ignore SA1019 there is no other way to a key that is off its curve
		return &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(x), Y: big.NewInt(y)}
	}
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		want string
	}{
		{"nothing", nil, "missing"},
		{"a string", "key", "not known here"},
		{"a private key", p224, "not known here"},
		{"a key for agreement", x25519.Public(), "not known here"},
		{"P-224", p224.Public(), "not one of P-256"},
		{"an ECDSA key of nothing", &ecdsa.PublicKey{}, "not one of P-256"},
		{"no ECDSA key", (*ecdsa.PublicKey)(nil), "missing"},
		{"infinity", point(0, 0), "infinity"},
		{"off the curve", point(1, 1), "not a point"},
		{"a negative coordinate", point(-1, 1), "not a point"},
		{"no Ed25519 key", ed25519.PublicKey(nil), "not a point"},
		{"31 octets", make(ed25519.PublicKey, 31), "not a point"},
		{"Ed25519, off the curve", octets("0200000000000000000000000000000000000000000000000000000000000000"), "not a point"},
		{"order 1", octets("0100000000000000000000000000000000000000000000000000000000000000"), "small order"},
		{"order 2", octets("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "small order"},
		{"order 4", octets("0000000000000000000000000000000000000000000000000000000000000000"), "small order"},
		{"order 8", octets("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "small order"},
		{"y that is not reduced", octets("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "one encoding"},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, weakkey.Check(c.key), c.want) })
	}
}

// BenchmarkCheck is what a stranger's key costs.
func BenchmarkCheck(b *testing.B) {
	for _, bits := range []int{2048, 4096, 8192} {
		p, q := randomPrime(b, 1024), randomPrime(b, 1024)
		n := new(big.Int).Mul(p, q)
		for n.BitLen() < bits {
			n.Mul(n, n)
		}
		n.Sub(n, big.NewInt(2))
		for new(big.Int).GCD(nil, nil, n, primorial(133)).Cmp(big.NewInt(1)) != 0 {
			n.Sub(n, big.NewInt(2))
		}
		b.Run(big.NewInt(int64(bits)).String(), func(b *testing.B) {
			for b.Loop() {
				check(b, weakkey.Check(&rsa.PublicKey{N: n, E: 65537}))
			}
		})
	}
}
