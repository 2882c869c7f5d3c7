package thumbprint

import (
	"encoding/base64"

	"cnfd/internal/strict"
)

// admit says what may stand in the key that is read: secrets, and (in a file,
// where it means nothing) the _sd of an SD-JWT.
type admit struct{ private, symmetric, sd bool }

// readJWK reads the JWK that comes next in s into k, the zero Key. What is not
// admitted is refused before the rest is judged, so that whoever pasted a
// private key learns that first.
func (k *Key) readJWK(s *strict.Scanner, a admit) *Error {
	var texts [jwkPrivate]strict.Text
	at, private, sd := s.At(), false, 0
	for o := s.Object(jwkMembers); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		switch {
		case m == strict.Other:
		case m == jwkSD:
			sd = s.At()
		case m >= jwkPrivate:
			private = true
		default:
			texts[m] = s.Text()
		}
	}
	if err := s.Err(); err != nil {
		return malformed(err)
	}
	symmetric := texts[jwkKty].Is("oct")
	private = private || texts[jwkK].Present()
	switch {
	case symmetric && !a.symmetric:
		return &Error{NotReducible, s.Where(texts[jwkKty].At()), symmetricRefused}
	case private && !symmetric && !a.private:
		return &Error{PrivateKey, s.Where(at), privateRefused}
	case sd != 0 && !a.sd:
		return &Error{NotReducible, s.Where(sd), disclosed}
	}
	f := k.judgeJWK(&texts)
	if f.what != "" {
		if t := texts[partMembers[f.part]]; t.Present() {
			return &Error{Malformed, s.Where(t.At()), f.what}
		}
		return &Error{Malformed, s.Where(at), jwkNames[partMembers[f.part]] + " is missing"}
	}
	k.private = private
	return nil
}

const (
	symmetricRefused = "a symmetric key, whose published hash lets anybody try guesses offline: use a key pair, or turn on record.symmetric"
	disclosed        = "members in disclosures, which are not read, so that nothing shows them to name the same key: the issuer must leave all of cnf out of them"
	privateRefused   = "holds a private key: send the public part only, and take the private key for exposed"
)

// The members of a JWK that are read. From jwkPrivate on they are private and
// their values are passed over. k is secret too, wherever it stands.
const (
	jwkKty = iota
	jwkCrv
	jwkAlg
	jwkX
	jwkY
	jwkN
	jwkE
	jwkPub
	jwkK
	jwkPrivate
)

var jwkNames = [...]string{
	"kty", "crv", "alg", "x", "y", "n", "e", "pub", "k",
	"d", "p", "q", "dp", "dq", "qi", "oth", "priv", // RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2; RFC 9964
	"_sd", // RFC 9901 §4.2.4.1; no member of a key
}

const jwkSD = len(jwkNames) - 1

var jwkMembers = strict.NewNames(jwkNames[:]...)

// partMembers are the members that the parts of a key stand in.
var partMembers = [...]int{
	partFamily: jwkKty, partCurve: jwkCrv, partAlg: jwkAlg,
	partX: jwkX, partY: jwkY, partN: jwkN, partE: jwkE, partPub: jwkPub, partK: jwkK,
}

// judgeJWK makes k of the members read.
func (k *Key) judgeJWK(texts *[jwkPrivate]strict.Text) (f fault) {
	switch kty := &texts[jwkKty]; {
	case kty.Is("EC"):
		return k.judgeECJWK(texts)
	case kty.Is("OKP"):
		var buf [maxText]byte
		c := namedCurve(okp, &texts[jwkCrv])
		if c == 0 {
			return fault{partCurve, "not a curve that is known: Ed25519, Ed448, X25519 or X448"}
		}
		x, f := octets(buf[:0], partX, texts)
		if f.what == "" {
			*k, f = newOKP(c, x)
		}
		return f
	case kty.Is("RSA"):
		n, f := octets(nil, partN, texts)
		if f.what != "" {
			return f
		}
		var buf [maxText]byte
		e, f := octets(buf[:0], partE, texts)
		if f.what == "" {
			*k, f = newRSA(n, e)
		}
		return f
	case kty.Is("AKP"):
		alg := namedCurve(akp, &texts[jwkAlg])
		if alg == 0 {
			return fault{partAlg, "not an algorithm that is known: ML-DSA-44, ML-DSA-65 or ML-DSA-87"}
		}
		pub, f := octets(nil, partPub, texts)
		if f.what == "" {
			*k, f = newAKP(alg, pub)
		}
		return f
	case kty.Is("oct"):
		secret, f := octets(nil, partK, texts)
		if f.what == "" {
			*k, f = newSymmetric(secret)
		}
		return f
	}
	return fault{partFamily, "not a key type that is known: EC, OKP, RSA or AKP"}
}

func (k *Key) judgeECJWK(texts *[jwkPrivate]strict.Text) fault {
	c := namedCurve(ec, &texts[jwkCrv])
	if c == 0 {
		return fault{partCurve, "not a curve that is known: P-256, P-384, P-521 or secp256k1"}
	}
	var xbuf, ybuf [maxText]byte
	x, f := octets(xbuf[:0], partX, texts)
	if f.what != "" {
		return f
	}
	y, f := octets(ybuf[:0], partY, texts)
	if f.what != "" {
		return f
	}
	return k.setEC(c, x, y)
}

func namedCurve(f family, t *strict.Text) curve {
	for c := p256; c <= mldsa87; c++ {
		if curves[c].family == f && t.Is(curves[c].name) {
			return c
		}
	}
	return 0
}

const (
	// maxText bounds the octets of a coordinate or an exponent before it is
	// judged; maxLarge those of a modulus, a post-quantum key or a secret.
	maxText  = 128
	maxLarge = 8 << 10
)

// octets appends to dst what a member holds in base64url (RFC 7515 §2), without
// padding and with no bits to spare, so that octets have one text.
func octets(dst []byte, p part, texts *[jwkPrivate]strict.Text) ([]byte, fault) {
	t := &texts[partMembers[p]]
	limit := max(cap(dst), maxText)
	if dst == nil {
		limit = maxLarge
	}
	text := t.Bytes()
	size := base64.RawURLEncoding.DecodedLen(len(text))
	if size > limit {
		return nil, fault{p, "too long"}
	}
	if dst == nil {
		dst = make([]byte, 0, size)
	}
	dst, ok := appendDecoded(dst, text, false)
	if !ok || !t.Present() {
		return nil, fault{p, "not base64url as it must be: without padding, white space or bits to spare"}
	}
	return dst, fault{}
}

// malformed makes an Error of a *strict.Error.
func malformed(err error) *Error {
	if e, ok := err.(*strict.Error); ok {
		return &Error{Malformed, e.Where, e.What}
	}
	return &Error{Rule: Malformed, What: err.Error()}
}
