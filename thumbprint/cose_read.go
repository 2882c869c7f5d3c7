package thumbprint

import (
	"strconv"

	"cnfd/internal/strict"
)

// readCOSE reads a COSE_Key, which has passed strict.CheckCBOR, into k, the zero
// Key. What is not admitted is refused before the rest is judged, so that whoever
// sent a private key learns that first. The place of the error begins with a
// dot, or is empty for the key as a whole. k is of use only without an error.
func (k *Key) readCOSE(item strict.Item, a admit) *Error {
	var c coseKey
	if err := c.read(item); err != nil {
		return err
	}
	kty, ok := c.kty.Int()
	switch {
	case len(c.kty.Raw) == 0:
		return &Error{Malformed, "", "kty (1) is missing"}
	case !ok:
		return &Error{Malformed, ".1", "not an integer, as every kty is"}
	case kty == coseSymmetric && !a.symmetric:
		return &Error{NotReducible, ".1", symmetricRefused}
	case kty != coseSymmetric && c.private(kty) && !a.private:
		return &Error{PrivateKey, "", privateRefused}
	}
	if f := c.judge(k, kty); f.what != "" {
		label := coseLabel(f.part)
		switch {
		case label == 0:
			return &Error{Malformed, "", f.what}
		case len(c.at(label).Raw) == 0:
			return &Error{Malformed, "", strconv.Itoa(label) + " is missing, which a key of its kty needs"}
		}
		return &Error{Malformed, "." + strconv.Itoa(label), f.what}
	}
	k.private = c.private(kty)
	return nil
}

// The values of kty (RFC 9053 §7, RFC 8230 §4, RFC 9964).
const (
	coseOKP       = 1
	coseEC2       = 2
	coseRSA       = 3
	coseSymmetric = 4
	coseAKP       = 7
)

// coseKey is a COSE_Key being read: the parameters that a thumbprint is made
// of, and which others stand there.
type coseKey struct {
	kty, alg strict.Item    // 1, 3
	own      [3]strict.Item // -1, -2, -3
	there    uint16         // bit n: the label -n, to -12
}

func (c *coseKey) read(item strict.Item) *Error {
	if item.Major != strict.MajorMap {
		return &Error{Malformed, "", "not a map, as a COSE_Key is"}
	}
	entries := item.Entries()
	for entries.Next() {
		label, ok := entries.Key.Int()
		switch {
		case !ok:
		case label == 1:
			c.kty = entries.Value
		case label == 3:
			c.alg = entries.Value
		case -12 <= label && label < 0:
			c.there |= 1 << -label
			if label >= -3 {
				c.own[-1-label] = entries.Value
			}
		}
	}
	if err := entries.Err(); err != nil {
		return malformed(err)
	}
	return nil
}

// at is the parameter at one of the labels 1, 3, -1, -2 and -3.
func (c *coseKey) at(label int) strict.Item {
	switch label {
	case 1:
		return c.kty
	case 3:
		return c.alg
	}
	return c.own[-1-label]
}

// private reports whether the key holds a secret: d of OKP and EC2 (RFC 9053
// §7.1.1, §7.2), anything past n and e of RSA (RFC 8230 §4), priv of AKP (RFC
// 9964), all of a symmetric key.
func (c *coseKey) private(kty int64) bool {
	switch kty {
	case coseOKP, coseEC2:
		return c.there&(1<<4) != 0
	case coseRSA:
		return c.there&^(1<<3-1) != 0
	case coseAKP:
		return c.there&(1<<2) != 0
	}
	return kty == coseSymmetric
}

// coseLabel is the label at which a part of a key stands, 0 for none.
func coseLabel(p part) int {
	switch p {
	case partFamily:
		return 1
	case partAlg:
		return 3
	case partCurve, partN, partPub, partK:
		return -1
	case partX, partE:
		return -2
	case partY:
		return -3
	}
	return 0
}

// judge makes k of the parameters read.
func (c *coseKey) judge(k *Key, kty int64) (f fault) {
	switch kty {
	case coseEC2:
		return c.judgeEC2(k)
	case coseOKP:
		crv := c.curve(okp)
		if crv == 0 {
			return fault{partCurve, "not a curve that is known for kty 1: 4 (X25519), 5 (X448), 6 (Ed25519) or 7 (Ed448)"}
		}
		x, f := c.octets(partX)
		if f.what == "" {
			*k, f = newOKP(crv, x)
		}
		return f
	case coseRSA:
		n, f := c.octets(partN)
		if f.what != "" {
			return f
		}
		e, f := c.octets(partE)
		if f.what == "" {
			*k, f = newRSA(n, e)
		}
		return f
	case coseAKP:
		label, ok := c.alg.Int()
		alg := curveLabelled(akp, label)
		if !ok || alg == 0 {
			return fault{partAlg, "not an algorithm that is known for kty 7: -48 (ML-DSA-44), -49 (ML-DSA-65) or -50 (ML-DSA-87)"}
		}
		pub, f := c.octets(partPub)
		if f.what == "" {
			*k, f = newAKP(alg, pub)
		}
		return f
	case coseSymmetric:
		secret, f := c.octets(partK)
		if f.what == "" {
			*k, f = newSymmetric(secret)
		}
		return f
	}
	return fault{partFamily, "not a key type that is known: 1 (OKP), 2 (EC2), 3 (RSA) or 7 (AKP)"}
}

// judgeEC2 makes k of an EC2 key, whose y may be no more than a sign (RFC 9053
// §7.1.1).
func (c *coseKey) judgeEC2(k *Key) fault {
	crv := c.curve(ec)
	if crv == 0 {
		return fault{partCurve, "not a curve that is known for kty 2: 1 (P-256), 2 (P-384), 3 (P-521) or 8 (secp256k1)"}
	}
	x, f := c.octets(partX)
	if f.what != "" {
		return f
	}
	if odd, sign := c.at(-3).Bool(); sign {
		*k, f = newCompressedEC(crv, x, odd)
		return f
	}
	y, ok := c.at(-3).Bytes()
	if !ok {
		return fault{partY, "neither a byte string nor a boolean"}
	}
	return k.setEC(crv, x, y)
}

// curve is that of crv, 0 if it is none of the family. A crv in text is none:
// every curve that is known has a number (RFC 9053 §7.1).
func (c *coseKey) curve(f family) curve {
	label, ok := c.at(-1).Int()
	if !ok {
		return 0
	}
	return curveLabelled(f, label)
}

func (c *coseKey) octets(p part) ([]byte, fault) {
	octets, ok := c.at(coseLabel(p)).Bytes()
	if !ok {
		return nil, fault{p, "not a byte string"}
	}
	return octets, fault{}
}
