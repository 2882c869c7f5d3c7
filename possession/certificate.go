package possession

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"cnfd/thumbprint"
)

// MaxCertificate bounds what a gateway hands on of a client certificate.
const MaxCertificate = 64 << 10

// MutualTLS judges the client certificate that a gateway hands on (RFC 8705 §3):
// nil where its SHA-256 is the confirmed x5t#S256. It is that of the connection
// only if nobody but the gateway can send handed, which the caller must see to;
// the gateway has seen the proof of the certificate's key.
//
// Read are a PEM certificate, percent-encoded or not (nginx's
// $ssl_client_escaped_cert), Envoy's X-Forwarded-Client-Cert of one element with
// Cert or Hash, and RFC 9440's Client-Cert. The error is an *Error.
func MutualTLS(handed string, confirmed thumbprint.Thumbprint) error {
	if confirmed.Kind() != thumbprint.Certificate || confirmed.Hash() != thumbprint.SHA256 {
		return &Error{Unasked, "", "the token names no certificate (x5t#S256) to hold it against"}
	}
	sum, err := certificate(handed)
	if err != nil {
		return err
	}
	if !confirmed.Equal(sum) {
		return &Error{Certificate, "", "not the one that the token names"}
	}
	return nil
}

// certificate gives the SHA-256 of the certificate that was handed on.
func certificate(handed string) ([]byte, error) {
	switch {
	case handed == "":
		return nil, &Error{Missing, "", "no client certificate"}
	case len(handed) > MaxCertificate:
		return nil, &Error{Malformed, "", "longer than the 64 KiB that a certificate may have"}
	case strings.HasPrefix(handed, "-----BEGIN"):
		return ofPEM(handed)
	case strings.HasPrefix(handed, ":"): // RFC 9440 §2.1: a byte sequence of RFC 8941 §3.3.5
		der, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(handed[1:], ":"))
		if err != nil || !strings.HasSuffix(handed[1:], ":") || strings.ContainsAny(handed, "\r\n") {
			return nil, &Error{Malformed, "", "not base64 between colons (RFC 9440)"}
		}
		return ofDER(der)
	}
	return ofXFCC(handed)
}

// ofPEM reads one certificate in PEM. A plus stays one: nginx encodes it.
func ofPEM(text string) ([]byte, error) {
	plain, ok := percentDecoded(text)
	if !ok {
		return nil, &Error{Malformed, "", "a percent sign that is not before two hex digits"}
	}
	block, rest := pem.Decode(plain)
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, &Error{Malformed, "", "not one certificate in PEM"}
	}
	return ofDER(block.Bytes)
}

// ofDER hashes a certificate. That it is one DER sequence is all that is asked:
// octets beside it would be hashed with it.
func ofDER(der []byte) ([]byte, error) {
	if n := sequenceLength(der); n == 0 || n != len(der) {
		return nil, &Error{Malformed, "", "not a certificate in DER, or with more after it"}
	}
	sum := sha256.Sum256(der)
	return sum[:], nil
}

// sequenceLength gives the whole length of the DER sequence that b begins with
// (X.690 §8.1.3, §10.1), 0 where it is none.
func sequenceLength(b []byte) int {
	switch {
	case len(b) < 4 || b[0] != 0x30:
		return 0
	case b[1] == 0x82 && b[2] != 0:
		return 4 + int(b[2])<<8 + int(b[3])
	case b[1] == 0x81 && b[2] >= 0x80:
		return 3 + int(b[2])
	case b[1] < 0x80:
		return 2 + int(b[1])
	}
	return 0
}

// ofXFCC reads Envoy's X-Forwarded-Client-Cert: elements joined by commas, of
// pairs joined by semicolons, whose values may be quoted. Of several elements
// nobody knows which one the nearest gateway has seen, and all but its own may be
// a client's: they are refused.
func ofXFCC(header string) (sum []byte, err error) {
	var hash, cert []byte
	for rest := header; rest != ""; {
		name, value, after, ok := xfccPair(rest)
		if !ok {
			return nil, &Error{Malformed, "", "neither a certificate in PEM nor one X-Forwarded-Client-Cert element"}
		}
		rest = after
		switch strings.ToLower(name) {
		case "hash":
			h, err := hex.DecodeString(value)
			if err != nil || len(h) != sha256.Size || hash != nil {
				return nil, &Error{Malformed, "Hash", "not one SHA-256 in hex"}
			}
			hash = h
		case "cert":
			if cert != nil {
				return nil, &Error{Malformed, "Cert", "given twice"}
			}
			if cert, err = ofPEM(value); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case hash == nil && cert == nil:
		return nil, &Error{Missing, "", "neither Cert nor Hash in X-Forwarded-Client-Cert"}
	case cert == nil:
		return hash, nil
	case hash != nil && !bytes.Equal(hash, cert):
		return nil, &Error{Malformed, "Hash", "not that of Cert"}
	}
	return cert, nil
}

// xfccPair reads a pair and the semicolon after it.
func xfccPair(text string) (name, value, rest string, ok bool) {
	name, text, ok = strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(name, "\",; ") {
		return "", "", "", false
	}
	if !strings.HasPrefix(text, `"`) {
		value, rest, more := strings.Cut(text, ";")
		return name, value, rest, !strings.ContainsAny(value, "\",") && (!more || rest != "")
	}
	var out []byte
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			out = append(out, text[i])
		case c == '"':
			rest = text[i+1:]
			if rest == "" {
				return name, string(out), "", true
			}
			return name, string(out), rest[1:], rest[0] == ';' && len(rest) > 1
		default:
			out = append(out, c)
		}
	}
	return "", "", "", false
}

func percentDecoded(text string) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out = append(out, text[i])
			continue
		}
		if i+2 >= len(text) || hexDigit(text[i+1]) < 0 || hexDigit(text[i+2]) < 0 {
			return nil, false
		}
		out = append(out, byte(hexDigit(text[i+1])<<4|hexDigit(text[i+2])))
		i += 2
	}
	return out, true
}
