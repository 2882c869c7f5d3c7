// Package jws reads the requests of ACME clients: flattened JSON Web Signatures
// of the one form that RFC 8555 §6.2 allows. It is pure.
package jws

import (
	"cnfd/signature"
	"cnfd/thumbprint"
)

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
}
