// Package signature decides whether a signature over octets was made by a key.
//
// It is asked with an algorithm that the caller has read from what a stranger
// wrote, so an algorithm is tried only with the keys that it is for: there is no
// way to say none or an HMAC here, and a public key is never taken for a secret.
package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitz "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"cnfd/thumbprint"
)

// Verify returns nil where sig is a signature of alg over octets that the holder
// of key has made, and otherwise an *Error whose Rule says which rule it breaks.
// An ECDSA signature is r and s at full length, one after the other (RFC 7518
// §3.4, RFC 9053 §2.1); a PSS salt is as long as the hash (RFC 7518 §3.5);
// ML-DSA has the empty context (RFC 9964).
func Verify(alg Algorithm, key thumbprint.Key, octets, sig []byte) error {
	if alg.String() == "" {
		return &Error{Rule: UnknownAlgorithm, Algorithm: alg}
	}
	if !alg.Fits(key) {
		return &Error{Rule: NotThisKeys, Algorithm: alg, Key: key.Algorithm()}
	}
	public := key.Public()
	if weak(public) {
		return &Error{Rule: WeakKey, Algorithm: alg, Key: key.Algorithm()}
	}
	if want := length(public); len(sig) != want {
		return &Error{Rule: WrongLength, Algorithm: alg, Key: key.Algorithm()}
	}
	if !verifies(alg, public, octets, sig) {
		return &Error{Rule: DoesNotVerify, Algorithm: alg, Key: key.Algorithm()}
	}
	return nil
}

// verifies tries a signature with a key that Fits the algorithm.
func verifies(alg Algorithm, public crypto.PublicKey, octets, sig []byte) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		der := appendDER(make([]byte, 0, maxDER), sig)
		return der != nil && ecdsa.VerifyASN1(p, digest(alg, octets), der)
	case *secp256k1.PublicKey:
		var r, s secp256k1.ModNScalar
		if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) || r.IsZero() || s.IsZero() {
			return false // 0 or not below the order (SEC 1 §4.1.4)
		}
		return koblitz.NewSignature(&r, &s).Verify(digest(alg, octets), p)
	case ed25519.PublicKey:
		return ed25519.Verify(p, octets, sig)
	case ed448.PublicKey:
		return ed448.Verify(p, octets, sig, "")
	case *rsa.PublicKey:
		sum := digest(alg, octets)
		if algorithms[alg].pss {
			return rsa.VerifyPSS(p, algorithms[alg].hash, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(p, algorithms[alg].hash, sum, sig) == nil
	case *mldsa44.PublicKey:
		return mldsa44.Verify(p, octets, nil, sig)
	case *mldsa65.PublicKey:
		return mldsa65.Verify(p, octets, nil, sig)
	case *mldsa87.PublicKey:
		return mldsa87.Verify(p, octets, nil, sig)
	}
	return false
}

// length gives the octets of a key's signatures; -1 where it makes none.
func length(public crypto.PublicKey) int {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return 2 * ((p.Curve.Params().BitSize + 7) / 8)
	case *secp256k1.PublicKey:
		return 64
	case ed25519.PublicKey:
		return ed25519.SignatureSize
	case ed448.PublicKey:
		return ed448.SignatureSize
	case *rsa.PublicKey:
		return p.Size()
	case *mldsa44.PublicKey:
		return mldsa44.SignatureSize
	case *mldsa65.PublicKey:
		return mldsa65.SignatureSize
	case *mldsa87.PublicKey:
		return mldsa87.SignatureSize
	}
	return -1
}

func digest(alg Algorithm, octets []byte) []byte {
	switch algorithms[alg].hash {
	case crypto.SHA256:
		sum := sha256.Sum256(octets)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(octets)
		return sum[:]
	}
	sum := sha512.Sum512(octets)
	return sum[:]
}

// maxDER is the length of the longest that appendDER appends, of P-521.
const maxDER = 3 + 2*(3+66)

// appendDER appends r and s, one after the other in sig, as the library takes them
// (RFC 3279 §2.2.3); nil where one of them is zero, which no signature has.
func appendDER(dst, sig []byte) []byte {
	r, s := significant(sig[:len(sig)/2]), significant(sig[len(sig)/2:])
	if len(r) == 0 || len(s) == 0 {
		return nil
	}
	n := 4 + len(r) + int(r[0]>>7) + len(s) + int(s[0]>>7)
	dst = append(dst, 0x30)
	if n > 0x7f {
		dst = append(dst, 0x81)
	}
	return appendInteger(appendInteger(append(dst, byte(n)), r), s)
}

// significant is a number without its leading zero octets.
func significant(n []byte) []byte {
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	return n
}

// appendInteger appends a positive INTEGER of up to 126 octets: a zero octet keeps
// the first bit from being a sign.
func appendInteger(dst, n []byte) []byte {
	sign := n[0] >> 7
	dst = append(dst, 0x02, byte(len(n))+sign)
	if sign != 0 {
		dst = append(dst, 0)
	}
	return append(dst, n...)
}
