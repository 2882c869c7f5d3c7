// Package possession decides whether the holder of a key made a token for this
// request: a key-binding token, a DPoP proof, a client certificate.
//
// The caller says what it knows of the request and which key the record confirms.
// What the holder sends names a key too, and is believed in nothing but that its
// thumbprint is the confirmed one and that it made the signature.
package possession

import (
	"time"

	"cnfd/credential"
	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// Skew is how far the clocks of holder and verifier may be apart.
const Skew = 60 * time.Second

// Error is why the holder of the key is not shown to have made a token for the
// request. It never repeats what stands in the token.
type Error struct {
	Rule  Rule
	Where string // "payload.htu", "header.jwk"; empty of the whole
	What  string
}

// Error returns the place and what is wrong there.
func (e *Error) Error() string {
	if e.Where == "" {
		return e.What
	}
	return e.Where + ": " + e.What
}

// Rule is the rule that a token of the holder breaks.
type Rule uint8

// The rules. The zero Rule is none.
const (
	Missing     Rule = iota + 1 // there is none
	Unasked                     // the caller has not said what to hold it against
	Malformed                   // it is not what it says it is, or too long
	Type                        // its typ is another (RFC 8725 §3.11)
	Key                         // its key is not the confirmed one, private, or not there
	Signature                   // the key has not made it, or the algorithm is not the key's
	Nonce                       // another nonce, or none
	Audience                    // for another verifier
	Method                      // for another HTTP method
	URI                         // for another resource
	Time                        // too old, of the future, expired or not yet valid
	Hash                        // over another token: sd_hash, ath
	ID                          // jti missing or too long
	Certificate                 // not the certificate that the token names
)

// String returns a short name: "missing", "unasked", "malformed", "type", "key",
// "signature", "nonce", "audience", "method", "uri", "time", "hash", "id",
// "certificate"; "" for none.
func (r Rule) String() string {
	if r > Certificate {
		return ""
	}
	return [...]string{"", "missing", "unasked", "malformed", "type", "key", "signature", "nonce", "audience",
		"method", "uri", "time", "hash", "id", "certificate"}[r]
}

// held is a token that a key's holder has signed, with its signature checked.
type held struct {
	payload []byte
	key     thumbprint.Key
}

// open reads a token and holds it to its type, to the confirmed key and to that
// key's signature. known is the key, where the credential holds it; where not it
// must be in the header. need is whether it must be there in any case.
func open(token []byte, typ string, confirmed thumbprint.Thumbprint, known thumbprint.Key, need bool) (held, error) {
	if confirmed.IsZero() {
		return held{}, &Error{Unasked, "", "no confirmed key to hold it against"}
	}
	header, payload, signed, err := credential.ReadJWS(token)
	if err != nil {
		return held{}, wrong(err)
	}
	if string(signed.Type) != typ {
		return held{}, &Error{Type, "header.typ", "not " + typ}
	}
	key, err := headerKey(header)
	if err != nil {
		return held{}, err
	}
	switch {
	case key.IsZero() && need:
		return held{}, &Error{Key, "header.jwk", "missing"}
	case key.IsZero():
		key = known
	}
	if !credential.Is(key, confirmed) {
		return held{}, &Error{Key, "header.jwk", "not the confirmed key, or none where the credential only names it"}
	}
	one := signed.Signatures[0]
	if err := signature.Verify(one.Algorithm, key, one.Octets, one.Value); err != nil {
		return held{}, &Error{Signature, "", err.Error()}
	}
	return held{payload, key}, nil
}

var headerNames = strict.NewNames("jwk")

// headerKey reads the jwk of a header, which must be public (RFC 9449 §4.3,
// check 7); the zero Key where there is none. jku, x5u, x5c and kid are ways to
// bring another key and are not looked at (RFC 8725 §3.10).
func headerKey(header []byte) (thumbprint.Key, error) {
	var s strict.Scanner
	s.Reset(header, "header")
	var jwk []byte
	for object := s.Object(headerNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		if member == 0 {
			jwk = s.Raw()
		}
	}
	if err := s.Close(); err != nil {
		return thumbprint.Key{}, wrong(err)
	}
	if jwk == nil {
		return thumbprint.Key{}, nil
	}
	key, err := thumbprint.ParseJWK(jwk)
	switch {
	case err != nil:
		return thumbprint.Key{}, &Error{Key, "header", err.Error()}
	case key.Private() || key.Symmetric():
		return thumbprint.Key{}, &Error{Key, "header.jwk", "not a public key: take it for exposed"}
	}
	return key, nil
}

// wrong is what the readers below say, which repeats nothing of the token.
func wrong(err error) error { return &Error{Rule: Malformed, What: err.Error()} }
