package jws

import (
	"bytes"
	"encoding/base64"
)

// strictBase64 refuses spare bits that are not zero, so that octets have one
// text. Like all of the library's decoders it passes over CR and LF.
var strictBase64 = base64.RawURLEncoding.Strict()

// decode gives the octets of base64url text without padding (RFC 7515 §2, RFC 8555
// §6.1).
func decode(text []byte, where string) ([]byte, error) {
	octets, err := strictBase64.AppendDecode(make([]byte, 0, strictBase64.DecodedLen(len(text))), text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return nil, malformed(where, fault(text))
	}
	return octets, nil
}

// fault says what is wrong with text that decode does not take.
func fault(text []byte) string {
	plain := bytes.TrimRight(text, "=")
	switch standard := bytes.ContainsAny(plain, "+/"); {
	case standard && len(plain) < len(text):
		return "padded standard base64: want base64url, with - for + and _ for /, and without the = at its end (RFC 8555 §6.1)"
	case standard:
		return "standard base64: want base64url, with - for + and _ for / (RFC 8555 §6.1)"
	case len(plain) < len(text):
		return "padded base64url: leave out the = at its end (RFC 8555 §6.1)"
	case !alphabetic(text):
		return "not base64url: there is something else in it than letters, digits, - and _ (RFC 8555 §6.1)"
	case len(text)%4 == 1:
		return "not base64url: cut off, no octets have a text of this length"
	}
	return "not base64url as it must be: the bits to spare in its last character are not zero"
}

// alphabetic reports whether all of text is of base64url's alphabet (RFC 4648 §5).
func alphabetic(text []byte) bool {
	for _, c := range text {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
