// Package jws reads the requests of ACME clients: flattened JSON Web Signatures
// of the one form that RFC 8555 §6.2 allows. It is pure.
package jws

import (
	"bytes"
	"crypto"

	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// MaxBody bounds the octets of a request (Boulder's figure): a hundred names, the
// longest key and the longest signature fit in.
const MaxBody = 50_000

// Form is which of ACME's signed objects is expected. The zero value is Request.
type Form uint8

// The forms.
const (
	Request  Form = iota // alg, nonce, url, and exactly one of jwk and kid (RFC 8555 §6.2)
	KeyInner             // the inner object of keyChange: alg, jwk, url, no nonce (RFC 8555 §7.3.5)
	External             // externalAccountBinding: an HMAC, kid, url, no nonce (RFC 8555 §7.3.4)
)

// Message is a JWS that has been read, and not yet verified.
type Message struct {
	Algorithm signature.Algorithm // zero where External
	JWK       []byte              // the jwk as it stands there, a public key that was checked; nil where a kid is
	Key       thumbprint.Key      // of JWK
	KID       string
	Nonce     string
	URL       string
	Payload   []byte // decoded; empty for POST-as-GET

	mac    crypto.Hash // of an External's HMAC; otherwise zero
	signed []byte      // what the signature is over (RFC 7515 §5.1)
	value  []byte      // the signature, or the MAC
}

// Parse reads a JWS in the flattened JSON serialization (RFC 7515 §7.2.2) and
// holds it to the rules of RFC 8555 §6.1, §6.2 and §6.5.2: base64url without padding, all of
// the header protected, and in it what the form wants. Of the header alg, nonce, url,
// jwk and kid are read; what says of which key it is in any other way (jku, x5u,
// x5c) is an error, as are crit and b64, and other members are passed over. The signature is not
// checked; neither are what url and nonce say. The error is an *Error.
func Parse(body []byte, form Form) (*Message, error) {
	if form > External {
		return nil, malformed("", "of no form that is known")
	}
	if len(body) > MaxBody {
		return nil, malformed("", "longer than the 50,000 octets that a request may have")
	}
	outer, err := readOuter(body)
	if err != nil {
		return nil, err
	}
	m := &Message{}
	header, err := decode(outer.protected, "protected")
	if err != nil {
		return nil, err
	}
	if m.Payload, err = decode(outer.payload, "payload"); err != nil {
		return nil, err
	}
	if m.value, err = decode(outer.signature, "signature"); err != nil {
		return nil, err
	}
	switch {
	case len(header) == 0:
		return nil, malformed("protected", "empty: all of the header stands there (RFC 8555 §6.2)")
	case len(m.value) == 0:
		return nil, malformed("signature", "empty")
	}
	m.signed = make([]byte, 0, len(outer.protected)+1+len(outer.payload))
	m.signed = append(append(append(m.signed, outer.protected...), '.'), outer.payload...)
	if err := m.readHeader(header, form); err != nil {
		return nil, err
	}
	return m, nil
}

// outer is the JSON object, its members still in base64url.
type outer struct{ protected, payload, signature []byte }

var outerNames = strict.NewNames("protected", "payload", "signature", "signatures", "header")

// readOuter reads the JSON object. Members that nobody knows are passed over, as
// RFC 7515 §7.2.1 wants it; they are signed by nobody and read by nobody.
func readOuter(body []byte) (outer, error) {
	if compact(body) {
		return outer{}, malformed("", "a JWS in compact serialization: want the flattened JSON serialization, with protected, payload and signature (RFC 8555 §6.2)")
	}
	var s strict.Scanner
	s.Reset(body, "jws")
	var texts [3]strict.Text
	for object := s.Object(outerNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		switch member {
		case 0, 1, 2:
			texts[member] = s.Text()
		case 3:
			return outer{}, malformed("signatures", "a JWS in the general JSON serialization: want one signature, flattened, with protected, payload and signature (RFC 8555 §6.2)")
		case 4:
			return outer{}, malformed("header", "an unprotected header, which nobody has signed: move what is in it to protected (RFC 8555 §6.2)")
		}
	}
	if err := s.Close(); err != nil {
		return outer{}, &Error{Malformed, err.Error()}
	}
	for i, name := range [...]string{"protected", "payload", "signature"} {
		if !texts[i].Present() {
			return outer{}, malformed(name, "missing: want a JWS with protected, payload and signature (RFC 8555 §6.2)")
		}
	}
	return outer{texts[0].Bytes(), texts[1].Bytes(), texts[2].Bytes()}, nil
}

// compact reports whether body looks like a JWS in compact serialization.
func compact(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("eyJ")) && bytes.Count(body, []byte{'.'}) == 2
}
