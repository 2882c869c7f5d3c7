package credential

import (
	"bytes"
	"encoding/base64"
)

// Parse reads a token in text and tells by its form what it is: with a '.' or a
// '~' a JWT or an SD-JWT (as ParseJWT), without them a CWT in base64url (as
// ParseCWT). A bare claims map is refused: it is no token, nobody has signed it,
// and a JWT of alg none is not read either. White space around it is an error.
// The error is an *Error.
func Parse(token []byte, o *Options) (Credential, error) { return parse(token, o, nil) }

func parse(token []byte, o *Options, scratch *Scratch) (Credential, error) {
	if err := tooLarge(len(token)); err != nil {
		return Credential{}, err
	}
	switch {
	case len(token) == 0:
		return Credential{}, malformed("", "empty: want a JWT, an SD-JWT or a CWT in base64url")
	case bytes.ContainsAny(token, ".~"):
		return parseJWT(token, o, scratch)
	}
	cbor, err := decode(scratch.room(base64.RawURLEncoding.DecodedLen(len(token))), token, "")
	if err != nil {
		return Credential{}, malformed("", "not a token: want a JWT, an SD-JWT, or a CWT in base64url without padding or white space")
	}
	c, err := ParseCWT(cbor, o)
	if err == nil && c.Format == CWTClaims {
		return Credential{}, malformed("", "a bare CWT claims map is not a token: send the CWT that it came in, or the map itself as application/cwt")
	}
	return c, err
}
