package thumbprint

import (
	"encoding/base64"

	"cnfd/internal/strict"
)

// ParseJWK reads a JWK (RFC 7517) and judges the key in it, since RFC 7638 hashes
// what is written: known kty and crv, members in canonical base64url, coordinates
// of full length, the point on its curve, an RSA modulus of 2048 to 8192 bits. A
// private key is judged by its public part; a symmetric one is a Key too, and
// says so. The error is an *Error.
func ParseJWK(jwk []byte) (Key, error) {
	var s strict.Scanner
	s.Reset(jwk, "jwk")
	var k Key
	if err := k.readJWK(&s, admit{private: true, symmetric: true, sd: true}); err != nil {
		return Key{}, err
	}
	if err := s.Close(); err != nil {
		return Key{}, malformed(err)
	}
	return k, nil
}

// OfJWK reads a JWK as ParseJWK does and gives its thumbprint (RFC 7638). That of
// a private key is that of its public part; that of a symmetric key tells
// whoever sees it when a guess is right.
func OfJWK(jwk []byte, h Hash) (Thumbprint, error) {
	if h.Size() == 0 {
		return Thumbprint{}, &Error{Rule: Malformed, What: "unknown hash"}
	}
	var s strict.Scanner
	s.Reset(jwk, "jwk")
	var k Key
	if err := k.readJWK(&s, admit{private: true, symmetric: true, sd: true}); err != nil {
		return Thumbprint{}, err
	}
	if err := s.Close(); err != nil {
		return Thumbprint{}, malformed(err)
	}
	return k.jkt(h), nil
}

// JKT is the thumbprint of the key as a JWK (RFC 7638); zero for the zero Key or
// an unknown hash.
func (k Key) JKT(h Hash) Thumbprint { return k.jkt(h) }

func (k *Key) jkt(h Hash) Thumbprint {
	if k.family == 0 {
		return Thumbprint{}
	}
	var buf [512]byte
	return of(JWK, h, k.appendJWK(buf[:0]))
}

// appendJWK appends the required members in order without white space (RFC 7638
// §3.2, RFC 8037 §2, RFC 9964).
func (k *Key) appendJWK(dst []byte) []byte {
	n := int(k.n)
	crv := curves[k.curve].name
	switch k.family {
	case ec:
		dst = append(append(dst, `{"crv":"`...), crv...)
		dst = appendMember(dst, `","kty":"EC","x":"`, k.small[:n])
		dst = appendMember(dst, `","y":"`, k.small[n:2*n])
	case okp:
		dst = append(append(dst, `{"crv":"`...), crv...)
		dst = appendMember(dst, `","kty":"OKP","x":"`, k.small[:n])
	case rsa:
		dst = appendMember(dst, `{"e":"`, k.small[:n])
		dst = appendMember(dst, `","kty":"RSA","n":"`, k.large)
	case akp:
		dst = append(append(dst, `{"alg":"`...), crv...)
		dst = appendMember(dst, `","kty":"AKP","pub":"`, k.large)
	case oct:
		dst = appendMember(dst, `{"k":"`, k.large)
		dst = append(dst, `","kty":"oct`...)
	}
	return append(dst, `"}`...)
}

func appendMember(dst []byte, before string, octets []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(append(dst, before...), octets)
}
