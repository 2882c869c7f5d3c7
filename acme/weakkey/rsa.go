package weakkey

import (
	"crypto/rsa"
	"errors"
	"math/big"
)

// The sizes of RSA moduli in bits. Shorter ones can be factored; longer ones cost
// whoever checks a signature too much.
const (
	minModulus = 2048
	maxModulus = 8192
)

const minExponent = 1<<16 + 1

// checkRSA goes from what costs nothing to what costs most.
func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil {
		return errors.New("RSA key missing")
	}
	switch bits := k.N.BitLen(); {
	case k.N.Sign() <= 0:
		return errors.New("RSA modulus not a positive number")
	case bits < minModulus || bits > maxModulus:
		return errors.New("RSA modulus not of 2048 to 8192 bits")
	case bits%8 != 0:
		return errors.New("RSA modulus not a whole number of octets")
	case k.E < minExponent || k.E&1 == 0:
		return errors.New("RSA exponent not an odd number of at least 65537")
	}
	small := new(big.Int).Mod(k.N, primorial)
	for _, p := range primes {
		if modulo(small, p) == 0 {
			return errors.New("RSA modulus divisible by a small prime")
		}
	}
	switch {
	case roca(small):
		return errors.New("RSA modulus made by Infineon's library, which can be factored (ROCA, CVE-2017-15361)")
	case primesClose(k.N):
		return errors.New("RSA modulus of two primes that are close together, which can be factored (Fermat, CVE-2022-26320)")
	}
	return nil
}

// smallest is the first number that no prime below is looked for from (Boulder).
const smallest = 752

// primes are those below smallest, in order.
var primes = func() (all []uint64) {
	composite := [smallest]bool{}
	for n := 2; n < smallest; n++ {
		if composite[n] {
			continue
		}
		all = append(all, uint64(n))
		for m := n * n; m < smallest; m += n {
			composite[m] = true
		}
	}
	return all
}()

// primorial is the product of primes: what a modulus leaves by it, it leaves by each of them.
var primorial = func() *big.Int {
	product := big.NewInt(1)
	for _, p := range primes {
		product.Mul(product, new(big.Int).SetUint64(p))
	}
	return product
}()

func modulo(n *big.Int, p uint64) uint64 {
	return new(big.Int).Mod(n, new(big.Int).SetUint64(p)).Uint64()
}

// rocaLargest is the last of the 39 primes that every size of Infineon's keys is
// made with (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §2.1).
const rocaLargest = 167

// roca reports whether a modulus, of which n is what the primorial leaves, has
// Infineon's structure: primes of the form k·M + (65537^a mod M), M a product of
// the first primes, so that the modulus is a power of 65537 by each of them. Of
// good keys one in some hundred million looks like it by chance.
func roca(n *big.Int) bool {
	for _, p := range primes {
		if p > rocaLargest {
			return true
		}
		if !powerOf65537(modulo(n, p), p) {
			return false
		}
	}
	return true
}

func powerOf65537(n, p uint64) bool {
	for power, i := uint64(1), uint64(0); i < p; i++ {
		if power == n {
			return true
		}
		power = power * 65537 % p
	}
	return false
}

// fermatRounds is how many of Fermat's differences are tried: keys that printers
// have made fell in the first (CVE-2022-26320), the worst that are known within a
// hundred; 110 is Boulder's.
const fermatRounds = 110

// primesClose factors n as Fermat did: n = a² - b², with a from the root of n upward.
func primesClose(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	square := new(big.Int).Mul(a, a)
	if square.Cmp(n) == 0 {
		return true
	}
	one, root, again := big.NewInt(1), new(big.Int), new(big.Int)
	for range fermatRounds {
		a.Add(a, one)
		square.Sub(square.Mul(a, a), n)
		if squares>>(square.Bits()[0]&63)&1 == 0 {
			continue
		}
		root.Sqrt(square)
		if again.Mul(root, root).Cmp(square) == 0 {
			return true
		}
	}
	return false
}

// squares has a bit for each of what a square can leave by 64, so that five
// roots in six need not be drawn.
const squares = 1<<0 | 1<<1 | 1<<4 | 1<<9 | 1<<16 | 1<<17 | 1<<25 | 1<<33 | 1<<36 | 1<<41 | 1<<49 | 1<<57
