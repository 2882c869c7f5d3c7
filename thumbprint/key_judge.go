package thumbprint

import (
	"math/bits"
	"strconv"

	"filippo.io/edwards25519"
	"filippo.io/nistec"
	"github.com/cloudflare/circl/ecc/goldilocks"
	koblitz "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// fault is what is wrong with a part of a key; the zero fault is nothing. It
// names the part and never its value.
type fault struct {
	part part
	what string
}

// part is a part of a key, named differently in a JWK and in a COSE_Key.
type part uint8

const (
	partFamily part = iota // the key type, and the key as a whole
	partCurve
	partAlg
	partX // EC x, OKP x
	partY
	partN
	partE
	partPub
	partK
)

// The sizes of RSA moduli that are keys, in bits. Shorter ones can be factored,
// longer ones only cost time.
const (
	minModulus = 2048
	maxModulus = 8192
)

// maxExponent bounds an RSA public exponent in octets: e < 2^256 (FIPS 186-5
// §A.1.1).
const maxExponent = 32

// newEC judges an EC key: both coordinates at full length (RFC 7518 §6.2.1.2)
// and the point on the curve.
func newEC(c curve, x, y []byte) (Key, fault) {
	var k Key
	return k, k.setEC(c, x, y)
}

func (k *Key) setEC(c curve, x, y []byte) fault {
	size := curves[c].size
	if len(x) != size {
		return wrongLength(partX, c)
	}
	if len(y) != size {
		return wrongLength(partY, c)
	}
	var point [1 + 2*maxCoord]byte
	point[0] = 4 // uncompressed (SEC 1 §2.3.3)
	copy(point[1:], x)
	copy(point[1+size:], y)
	if !onCurve(c, point[:1+2*size]) {
		return fault{partX, "not, with y, a point on the curve " + curves[c].name}
	}
	k.family, k.curve, k.n = ec, c, uint8(size)
	copy(k.small[:], point[1:1+2*size])
	return fault{}
}

func onCurve(c curve, point []byte) bool {
	var err error
	switch c {
	case p256:
		var p nistec.P256Point
		_, err = p.SetBytes(point)
	case p384:
		_, err = nistec.NewP384Point().SetBytes(point)
	case p521:
		_, err = nistec.NewP521Point().SetBytes(point)
	case secp256k1:
		_, err = koblitz.ParsePubKey(point)
	default:
		return false
	}
	return err == nil
}

// newCompressedEC judges an EC key given by x and the sign of y (RFC 9053
// §7.1.1) and finds y.
func newCompressedEC(c curve, x []byte, odd bool) (Key, fault) {
	size := curves[c].size
	if len(x) != size {
		return Key{}, wrongLength(partX, c)
	}
	point := append([]byte{2}, x...) // compressed (SEC 1 §2.3.3)
	if odd {
		point[0] = 3
	}
	full, ok := decompress(c, point)
	if !ok {
		return Key{}, fault{partX, "not a coordinate of a point on the curve " + curves[c].name}
	}
	return newEC(c, full[1:1+size], full[1+size:])
}

func decompress(c curve, point []byte) (full []byte, ok bool) {
	switch c {
	case p256:
		if p, err := nistec.NewP256Point().SetBytes(point); err == nil {
			full = p.Bytes()
		}
	case p384:
		if p, err := nistec.NewP384Point().SetBytes(point); err == nil {
			full = p.Bytes()
		}
	case p521:
		if p, err := nistec.NewP521Point().SetBytes(point); err == nil {
			full = p.Bytes()
		}
	case secp256k1:
		if p, err := koblitz.ParsePubKey(point); err == nil {
			full = p.SerializeUncompressed()
		}
	}
	return full, len(full) == 1+2*curves[c].size
}

// newOKP judges an OKP key: its length (RFC 8037 §2) and, of a signature key,
// that it is the one encoding of a point (RFC 8032 §5.1.3, §5.2.3).
func newOKP(c curve, x []byte) (Key, fault) {
	if len(x) != curves[c].size {
		return Key{}, wrongLength(partX, c)
	}
	switch c {
	case ed25519:
		// SetBytes takes an encoding whose y is not reduced, Bytes gives the
		// reduced one.
		p, err := new(edwards25519.Point).SetBytes(x)
		if err != nil || string(p.Bytes()) != string(x) {
			return Key{}, fault{partX, "not a point on the curve Ed25519"}
		}
	case ed448:
		p, err := goldilocks.FromBytes(x)
		var again [57]byte
		if err != nil || p.ToBytes(again[:]) != nil || string(again[:]) != string(x) {
			return Key{}, fault{partX, "not a point on the curve Ed448"}
		}
	}
	k := Key{family: okp, curve: c, n: uint8(len(x))}
	copy(k.small[:], x)
	return k, fault{}
}

// newRSA judges an RSA key: a modulus of 2048 to 8192 bits and an exponent, both
// odd and as short as they can be written (RFC 7518 §6.3.1, RFC 8230 §4).
func newRSA(n, e []byte) (Key, fault) {
	switch {
	case len(n) == 0:
		return Key{}, fault{partN, "empty"}
	case n[0] == 0:
		return Key{}, fault{partN, "begins with a zero octet"}
	case bitLen(n) < minModulus || bitLen(n) > maxModulus:
		return Key{}, fault{partN, "not a modulus of " + strconv.Itoa(minModulus) + " to " + strconv.Itoa(maxModulus) + " bits"}
	case n[len(n)-1]&1 == 0:
		return Key{}, fault{partN, "even, so not an RSA modulus"}
	case len(e) == 0:
		return Key{}, fault{partE, "empty"}
	case e[0] == 0:
		return Key{}, fault{partE, "begins with a zero octet"}
	case len(e) > maxExponent:
		return Key{}, fault{partE, "longer than " + strconv.Itoa(maxExponent) + " octets"}
	case e[len(e)-1]&1 == 0 || len(e) == 1 && e[0] == 1:
		return Key{}, fault{partE, "not an odd number over one, so not an RSA exponent"}
	}
	k := Key{family: rsa, n: uint8(len(e)), large: n}
	copy(k.small[:], e)
	return k, fault{}
}

// newAKP judges an AKP key by its algorithm's length (RFC 9964).
func newAKP(alg curve, pub []byte) (Key, fault) {
	if len(pub) != curves[alg].size {
		return Key{}, wrongLength(partPub, alg)
	}
	return Key{family: akp, curve: alg, large: pub}, fault{}
}

// newSymmetric judges a symmetric key: there must be one.
func newSymmetric(secret []byte) (Key, fault) {
	if len(secret) == 0 {
		return Key{}, fault{partK, "empty"}
	}
	return Key{family: oct, private: true, large: secret}, fault{}
}

func wrongLength(p part, c curve) fault {
	return fault{p, "not the " + strconv.Itoa(curves[c].size) + " octets of " + curves[c].name}
}

// bitLen is the length in bits of a number without a leading zero octet.
func bitLen(n []byte) int { return 8*(len(n)-1) + bits.Len8(n[0]) }

func (k Key) describe() string {
	switch k.family {
	case ec, okp, akp:
		return descriptions[k.curve]
	case rsa:
		return "RSA " + strconv.Itoa(bitLen(k.large))
	case oct:
		return "oct"
	}
	return ""
}

// descriptions are those of the keys whose curve, or algorithm, says all.
var descriptions = func() (all [mldsa87 + 1]string) {
	for c := p256; c <= mldsa87; c++ {
		all[c] = map[family]string{ec: "EC ", okp: "OKP ", akp: "AKP "}[curves[c].family] + curves[c].name
	}
	return all
}()
