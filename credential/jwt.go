package credential

import (
	"bytes"
	"encoding/base64"

	"cnfd/internal/strict"
)

// ParseJWT reads a JWT in JWS compact form (RFC 7515 §7.1, RFC 7519), or, where
// there is a '~' in it, an SD-JWT (RFC 9901): what its disclosures say stands where
// the issuer has left their digests, and its key-binding token is left to
// KeyBinding. A disclosure that nothing refers to is an error, and so is one of
// cnf. The signature is not checked, yet an unsecured token (alg none), one whose
// critical extensions are not understood, and one whose payload is not base64url
// are errors. Subject and Issuer do not point into compact; Signed and KeyBinding
// read it again. The error is an *Error.
func ParseJWT(compact []byte, o *Options) (Credential, error) { return parseJWT(compact, o, nil) }

func parseJWT(compact []byte, o *Options, scratch *Scratch) (Credential, error) {
	if err := tooLarge(len(compact)); err != nil {
		return Credential{}, err
	}
	signed, rest, selective := bytes.Cut(compact, []byte{'~'})
	if selective {
		if err := checkDisclosures(rest); err != nil {
			return Credential{}, err
		}
	}
	payload, err := openJWS(signed, scratch)
	if err != nil {
		return Credential{}, err
	}
	if !selective {
		c, err := readClaims(payload, JWT, o)
		if err == nil {
			c.source = compact
		}
		return c, err
	}
	claims, hash, err := resolve(payload, rest[:bytes.LastIndexByte(rest, '~')+1])
	if err != nil {
		return Credential{}, err
	}
	c, err := readClaims(claims, SDJWT, o)
	if err == nil {
		c.source, c.sdHash = compact, hash
	}
	return c, err
}

// openJWS checks the outside of a JWS and decodes its payload.
func openJWS(compact []byte, scratch *Scratch) (payload []byte, err error) {
	parts, err := splitJWS(compact)
	if err != nil {
		return nil, err
	}
	// One buffer for both: the header is done with before the payload is read.
	room := scratch.room(base64.RawURLEncoding.DecodedLen(max(len(parts[0]), len(parts[1]))))
	header, err := decode(room, parts[0], "header")
	if err != nil {
		return nil, err
	}
	if err := checkHeader(header, false); err != nil {
		return nil, err
	}
	if len(parts[2]) == 0 {
		return nil, malformed("signature", "empty: an unsecured token proves nothing")
	}
	if err := checkBase64(parts[2], "signature"); err != nil {
		return nil, err
	}
	if len(parts[1]) == 0 {
		return nil, malformed("payload", "empty: a detached payload is not read, send the token with it")
	}
	return decode(room, parts[1], "payload")
}

// splitJWS gives the three parts of a JWS in compact form.
func splitJWS(compact []byte) (parts [3][]byte, err error) {
	rest := compact
	for i := range parts {
		var more bool
		parts[i], rest, more = bytes.Cut(rest, []byte{'.'})
		if more != (i < 2) {
			return parts, wrongParts(compact)
		}
	}
	return parts, nil
}

func wrongParts(compact []byte) error {
	switch dots := bytes.Count(compact, []byte{'.'}); {
	case dots == 4:
		return malformed("", "an encrypted token (JWE, five parts): decrypt it and send the JWT in it")
	case len(compact) > 0 && compact[0] == '{':
		return malformed("", "a token in JSON serialisation: send it in compact form")
	}
	return malformed("", "not a JWT: want three parts in base64url, joined by dots")
}

// The header parameters that are read.
const (
	headerAlg = iota
	headerCrit
	headerB64
	headerZip
	headerTyp
)

var headerNames = strict.NewNames("alg", "crit", "b64", "zip", "typ")

// checkHeader reads a JOSE header (RFC 7515 §4) for what changes what the
// payload means or says that nothing is signed. A token of the key's holder is no
// credential; held allows it where one is looked for.
func checkHeader(json []byte, held bool) error {
	var s strict.Scanner
	s.Reset(json, "header")
	var alg strict.Text
	for object := s.Object(headerNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		at := s.At()
		switch member {
		case headerAlg:
			alg = s.Text()
		case headerCrit:
			// RFC 7515 §4.1.11: who does not understand an extension rejects the
			// token. None is understood here.
			return malformed(s.Where(at), "critical extensions, none of which is understood here")
		case headerB64:
			// RFC 7797 §7: a JWT's payload is always encoded.
			if !s.Bool() && s.Err() == nil {
				return malformed(s.Where(at), "false, which no JWT may have (RFC 7797 §7)")
			}
		case headerZip:
			// Some inflate such a payload: it would say two things.
			return malformed(s.Where(at), "compressed payloads are not read")
		case headerTyp:
			if holders(s.Text().Bytes()) && !held {
				return malformed(s.Where(at), "a token of the key's holder, and no credential: send the one that its issuer has signed")
			}
		}
	}
	if err := s.Close(); err != nil {
		return wrong("", err)
	}
	switch {
	case !alg.Present():
		return malformed("header.alg", "missing")
	case alg.Is(""):
		return malformed("header.alg", "empty")
	case bytes.EqualFold(alg.Bytes(), []byte("none")):
		return malformed("header.alg", "none: an unsecured token proves nothing (RFC 8725 §3.2)")
	}
	return nil
}

// holders reports whether a typ is that of a token that whoever holds the key
// signs, with whatever claims (RFC 9901 §4.3, RFC 9449 §4.2; RFC 8725 §3.11).
func holders(typ []byte) bool {
	const application = "application/" // may be left out (RFC 7515 §4.1.9)
	if len(typ) > len(application) && bytes.EqualFold(typ[:len(application)], []byte(application)) {
		typ = typ[len(application):]
	}
	return bytes.EqualFold(typ, []byte("kb+jwt")) || bytes.EqualFold(typ, []byte("dpop+jwt"))
}

// checkDisclosures looks at what follows the first '~' of an SD-JWT: each
// disclosure in base64url and closed by '~', then nothing or a key-binding JWT
// (RFC 9901 §4). resolve decodes the disclosures, nobody the key-binding JWT.
func checkDisclosures(rest []byte) error {
	for {
		disclosure, after, more := bytes.Cut(rest, []byte{'~'})
		if !more {
			break
		}
		if err := checkBase64(disclosure, "disclosures"); err != nil {
			return err
		}
		rest = after
	}
	if len(rest) == 0 {
		return nil
	}
	parts := 0
	for more := true; more; parts++ {
		var part []byte
		part, rest, more = bytes.Cut(rest, []byte{'.'})
		if err := checkBase64(part, "key binding"); err != nil {
			return err
		}
	}
	if parts != 3 {
		return malformed("key binding", "not a JWT after the last '~': want three parts in base64url, joined by dots")
	}
	return nil
}

// strictBase64 refuses spare bits that are not zero, so that octets have one
// text. Like all of the library's decoders it passes over CR and LF.
var strictBase64 = base64.RawURLEncoding.Strict()

// decode appends to dst the octets of base64url text without padding or white
// space (RFC 7515 §2).
func decode(dst, text []byte, where string) ([]byte, error) {
	octets, err := strictBase64.AppendDecode(dst, text)
	if err != nil || bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return nil, malformed(where, notBase64)
	}
	return octets, nil
}

const notBase64 = "not base64url as it must be: without padding, white space or bits to spare"

// checkBase64 holds base64url text that nobody decodes here to its alphabet, its
// length and its last bits.
func checkBase64(text []byte, where string) error {
	ok := len(text)%4 != 1 && len(text) > 0
	for _, c := range text {
		ok = ok && inAlphabet[c]
	}
	var last [2]byte
	if ok {
		_, err := strictBase64.Decode(last[:], text[len(text)&^3:])
		ok = err == nil
	}
	if !ok {
		return malformed(where, notBase64)
	}
	return nil
}

// inAlphabet: RFC 4648 §5.
var inAlphabet = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		in[c] = true
	}
	return in
}()
