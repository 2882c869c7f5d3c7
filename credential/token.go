package credential

import (
	"bytes"
	"encoding/base64"
)

// Parse reads a token in text and tells by its form what it is: with a '.' or a
// '~' a JWT or an SD-JWT (as ParseJWT), without them a CWT in base64url (as
// ParseCWT). White space around it is an error. The error is an *Error.
func Parse(token []byte, o *Options) (Credential, error) {
	if err := tooLarge(len(token)); err != nil {
		return Credential{}, err
	}
	switch {
	case len(token) == 0:
		return Credential{}, malformed("", "empty: want a JWT, an SD-JWT or a CWT in base64url")
	case bytes.ContainsAny(token, ".~"):
		return ParseJWT(token, o)
	}
	cbor, err := decode(make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(token))), token, "")
	if err != nil {
		return Credential{}, malformed("", "not a token: want a JWT, an SD-JWT, or a CWT in base64url without padding or white space")
	}
	return ParseCWT(cbor, o)
}
