package credential

import (
	"bytes"
	"strconv"

	"github.com/veraison/go-cose"

	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// Signed is what somebody has signed with a public key, and with what they say
// they have. Nothing in it is checked.
type Signed struct {
	// Type is the typ header (RFC 7515 §4.1.9; 16 of COSE, RFC 9596, protected)
	// as it stands there, a number in decimal; empty where there is none.
	Type       []byte
	Signatures []Signature // one, or those of a COSE_Sign
}

// Signature is one signature of a token.
type Signature struct {
	Algorithm signature.Algorithm // zero where it is not known, or not protected
	KID       []byte              // which key the signer says it is; vouched for by nobody
	Octets    []byte              // what is signed
	Value     []byte
}

// Signed gives what the issuer has signed. It reads the token again, which must
// not have changed. False for a bare claim set, which the caller has verified,
// and for a COSE_Mac0 or COSE_Mac: who can check its tag can make it.
func (c *Credential) Signed() (Signed, bool) {
	switch c.Format {
	case JWT, SDJWT:
		jws, _, _ := bytes.Cut(c.source, []byte{'~'})
		_, _, signed, err := ReadJWS(jws)
		return signed, err == nil
	case CWT:
		return signedCOSE(c.source)
	}
	return Signed{}, false
}

// KeyBinding is the key-binding token that came with a credential (RFC 9901
// §4.3), of which nothing is checked.
type KeyBinding struct {
	JWT       []byte          // in compact form
	Presented []byte          // what its sd_hash is of (RFC 9901 §4.3.1): the SD-JWT with its last '~'
	Hash      thumbprint.Hash // of sd_hash
}

// SDHash is the digest that sd_hash must be the base64url of.
func (k *KeyBinding) SDHash() []byte { return sum(k.Hash, k.Presented) }

// KeyBinding gives the key-binding token of an SD-JWT; false where it has none.
// It points into the token, which must not have changed.
func (c *Credential) KeyBinding() (KeyBinding, bool) {
	last := bytes.LastIndexByte(c.source, '~') + 1
	if c.Format != SDJWT || last == 0 || last == len(c.source) {
		return KeyBinding{}, false
	}
	return KeyBinding{JWT: c.source[last:], Presented: c.source[:last], Hash: c.sdHash}, true
}

// Token gives the token as it was given to the parser, what a DPoP proof's ath is
// the hash of (RFC 9449 §4.2); nil of a bare claim set.
func (c *Credential) Token() []byte {
	if c.Format == Claims || c.Format == CWTClaims {
		return nil
	}
	return c.source
}

var signedNames = strict.NewNames("alg", "kid", "typ")

// ReadJWS reads a JWS in compact form whatever its payload is: what ParseJWT says
// of its outside holds, but that a token of the key's holder is read too. It
// gives the header and the payload in JSON, of which the header has been read. The
// caller has bounded its length. The error is an *Error.
func ReadJWS(jws []byte) (header, payload []byte, s Signed, err error) {
	parts, err := splitJWS(jws)
	if err != nil {
		return nil, nil, Signed{}, err
	}
	if header, err = decode(nil, parts[0], "header"); err != nil {
		return nil, nil, Signed{}, err
	}
	if err := checkHeader(header, true); err != nil {
		return nil, nil, Signed{}, err
	}
	value, err := decode(nil, parts[2], "signature")
	if err != nil {
		return nil, nil, Signed{}, err
	}
	if payload, err = decode(nil, parts[1], "payload"); err != nil {
		return nil, nil, Signed{}, err
	}
	one := Signature{Octets: jws[:len(parts[0])+1+len(parts[1])], Value: value}
	var scan strict.Scanner
	scan.Reset(header, "header")
	for object := scan.Object(signedNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		switch member {
		case 0:
			one.Algorithm = signature.OfJOSE(scan.Text().Bytes())
		case 1:
			one.KID = scan.Text().Bytes()
		case 2:
			s.Type = scan.Text().Bytes()
		}
	}
	if err := scan.Close(); err != nil {
		return nil, nil, Signed{}, wrong("", err)
	}
	s.Signatures = []Signature{one}
	return header, payload, s, nil
}

// signedCOSE gives what a COSE_Sign1 or COSE_Sign signs (RFC 9052 §4.4), without
// external data.
func signedCOSE(message []byte) (Signed, bool) {
	item, _, err := strict.FirstCBOR(message)
	if err == nil && item.Major == strict.MajorTag && item.Arg == tagCWT {
		item, _, err = strict.FirstCBOR(item.Body)
	}
	if err != nil || item.Major != strict.MajorTag {
		return Signed{}, false
	}
	switch item.Arg {
	case tagSign1:
		var m cose.UntaggedSign1Message
		if m.UnmarshalCBOR(item.Body) != nil {
			return Signed{}, false
		}
		one := signatureOf(&m.Headers, m.Signature)
		one.Octets = toBeSigned("Signature1", m.Payload, m.Headers.RawProtected)
		return Signed{Type: typeOf(&m.Headers), Signatures: []Signature{one}}, true
	case tagSign:
		var m cose.SignMessage
		if m.UnmarshalCBOR(item.Raw) != nil {
			return Signed{}, false
		}
		s := Signed{Type: typeOf(&m.Headers)}
		for _, sig := range m.Signatures {
			one := signatureOf(&sig.Headers, sig.Signature)
			one.Octets = toBeSigned("Signature", m.Payload, m.Headers.RawProtected, sig.Headers.RawProtected)
			s.Signatures = append(s.Signatures, one)
		}
		return s, true
	}
	return Signed{}, false
}

// signatureOf reads the headers of a signature: the algorithm where it is
// protected, the key's name where it is not too (RFC 9052 §3.1).
func signatureOf(h *cose.Headers, value []byte) Signature {
	s := Signature{Value: value}
	if alg, err := h.Protected.Algorithm(); err == nil {
		s.Algorithm = signature.OfCOSE(int64(alg))
	}
	for _, kid := range []any{h.Unprotected[cose.HeaderLabelKeyID], h.Protected[cose.HeaderLabelKeyID]} {
		if kid, ok := kid.([]byte); ok {
			s.KID = kid
		}
	}
	return s
}

func typeOf(h *cose.Headers) []byte {
	switch typ := h.Protected[int64(16)].(type) {
	case string:
		return []byte(typ)
	case int64:
		return strconv.AppendInt(nil, typ, 10)
	}
	return nil
}

// toBeSigned writes a Sig_structure (RFC 9052 §4.4) of protected headers as they
// came, an empty map among them as the empty string that it stands for.
func toBeSigned(context string, payload []byte, protected ...[]byte) []byte {
	out := append([]byte{0x83 + byte(len(protected)), 0x60 + byte(len(context))}, context...)
	for _, raw := range protected {
		item, _, _ := strict.FirstCBOR(raw)
		octets, _ := item.Bytes()
		if len(octets) == 1 && octets[0] == 0xa0 {
			octets = nil
		}
		out = appendBytes(out, octets)
	}
	return appendBytes(append(out, 0x40), payload) // no external data
}

// appendBytes appends a byte string.
func appendBytes(dst, octets []byte) []byte {
	return append(appendHead(dst, strict.MajorBytes, uint64(len(octets))), octets...)
}
