package thumbprint

import "cnfd/internal/strict"

// ParseCOSEKey reads a COSE_Key (RFC 9052 §7), a CBOR map, and judges the key in
// it as ParseJWK does: kty and crv integers that are known, coordinates of full
// length, the point on its curve, an RSA modulus of 2048 to 8192 bits without a
// leading zero octet. A y that is only a sign is expanded (RFC 9053 §7.1.1).
// Duplicate keys, indefinite lengths, tags and trailing octets are errors. A
// private key is judged by its public part; a symmetric one is a Key too, and
// says so. The Key points into its input. The error is an *Error.
func ParseCOSEKey(key []byte) (Key, error) {
	const root = "cose_key"
	if err := strict.CheckCBOR(key, root); err != nil {
		return Key{}, malformed(err)
	}
	item, _, err := strict.FirstCBOR(key)
	if err != nil {
		return Key{}, malformed(err)
	}
	var k Key
	if err := k.readCOSE(item, admit{private: true, symmetric: true}); err != nil {
		err.Where = root + err.Where
		return Key{}, err
	}
	return k, nil
}

// OfCOSEKey reads a COSE_Key as ParseCOSEKey does and gives its thumbprint (RFC
// 9679). That of a private key is that of its public part; that of a symmetric
// key tells whoever sees it when a guess is right.
func OfCOSEKey(key []byte, h Hash) (Thumbprint, error) {
	if h.Size() == 0 {
		return Thumbprint{}, &Error{Rule: Malformed, What: "unknown hash"}
	}
	k, err := ParseCOSEKey(key)
	if err != nil {
		return Thumbprint{}, err
	}
	return k.CKT(h), nil
}

// CKT is the thumbprint of the key as a COSE_Key (RFC 9679); zero for the zero
// Key or an unknown hash. It differs from the JKT of the same key.
func (k Key) CKT(h Hash) Thumbprint {
	if k.family == 0 {
		return Thumbprint{}
	}
	var buf [512]byte
	return of(COSEKey, h, k.appendCOSE(buf[:0]))
}

// appendCOSE appends the required parameters in core deterministic encoding
// (RFC 9679 §3, §4; RFC 8949 §4.2.1): lengths as short as can be, keys in the
// order of their octets, so that 1 and 3 stand before -1, -2 and -3.
func (k *Key) appendCOSE(dst []byte) []byte {
	n := int(k.n)
	switch k.family {
	case ec:
		dst = append(dst, 0xa4, 0x01, coseEC2, 0x20, byte(curves[k.curve].label))
		dst = appendParameter(dst, 0x21, k.small[:n])
		dst = appendParameter(dst, 0x22, k.small[n:2*n])
	case okp:
		dst = append(dst, 0xa3, 0x01, coseOKP, 0x20, byte(curves[k.curve].label))
		dst = appendParameter(dst, 0x21, k.small[:n])
	case rsa:
		dst = append(dst, 0xa3, 0x01, coseRSA)
		dst = appendParameter(dst, 0x20, k.large)
		dst = appendParameter(dst, 0x21, k.small[:n])
	case akp:
		dst = append(dst, 0xa3, 0x01, coseAKP, 0x03, 0x38, byte(-1-curves[k.curve].label))
		dst = appendParameter(dst, 0x20, k.large)
	case oct:
		dst = append(dst, 0xa2, 0x01, coseSymmetric)
		dst = appendParameter(dst, 0x20, k.large)
	}
	return dst
}

// appendParameter appends a label and a byte string.
func appendParameter(dst []byte, label byte, octets []byte) []byte {
	n := len(octets)
	switch {
	case n < 24:
		dst = append(dst, label, 0x40|byte(n))
	case n < 1<<8:
		dst = append(dst, label, 0x58, byte(n))
	case n < 1<<16:
		dst = append(dst, label, 0x59, byte(n>>8), byte(n))
	default:
		dst = append(dst, label, 0x5a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, octets...)
}
