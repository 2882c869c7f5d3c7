package thumbprint

import (
	"encoding/base64"
	"errors"
	"strings"
)

const (
	jktURI = "urn:ietf:params:oauth:jwk-thumbprint:" // RFC 9278 §3
	cktURI = "urn:ietf:params:oauth:ckt:"            // RFC 9679 §5.6
	// fixedURI is the part of both, the scheme and the namespace, that is the
	// same in any case (RFC 8141 §3.1).
	fixedURI = "urn:ietf:"
)

// ParseURI reads a thumbprint URI: of a JWK (RFC 9278) or of a COSE_Key (RFC
// 9679 §5.6), with one of the hashes of this package and a digest of its length
// in base64url without padding.
func ParseURI(uri string) (Thumbprint, error) {
	if t := parseURI([]byte(uri)); !t.IsZero() {
		return t, nil
	}
	return Thumbprint{}, errors.New("uri: not a thumbprint URI: want " + jktURI + "sha-256:… or " + cktURI + "sha-256:…")
}

// parseURI gives zero for what is not a thumbprint URI.
func parseURI(uri []byte) Thumbprint {
	if len(uri) < len(fixedURI) || !strings.EqualFold(string(uri[:len(fixedURI)]), fixedURI) {
		return Thumbprint{}
	}
	uri = uri[len(fixedURI):]
	var kind Kind
	switch {
	case hasPrefix(uri, jktURI[len(fixedURI):]):
		kind, uri = JWK, uri[len(jktURI)-len(fixedURI):]
	case hasPrefix(uri, cktURI[len(fixedURI):]):
		kind, uri = COSEKey, uri[len(cktURI)-len(fixedURI):]
	default:
		return Thumbprint{}
	}
	for h := SHA256; h <= SHA512; h++ {
		name := h.String()
		if hasPrefix(uri, name) && len(uri) > len(name) && uri[len(name)] == ':' {
			return parseDigest(kind, h, uri[len(name)+1:])
		}
	}
	return Thumbprint{}
}

// parseDigest reads a ready-made digest in base64url; zero where it is none.
func parseDigest(k Kind, h Hash, text []byte) Thumbprint {
	if len(text) != base64.RawURLEncoding.EncodedLen(h.Size()) {
		return Thumbprint{}
	}
	t := Thumbprint{kind: k, hash: h}
	if _, ok := appendDecoded(t.sum[:0], text, true); !ok {
		return Thumbprint{}
	}
	return t
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// AppendURI appends the thumbprint URI, nothing for a Thumbprint that has none:
// the zero one, and that of a certificate or a Token Binding ID.
func (t Thumbprint) AppendURI(dst []byte) []byte {
	switch t.kind {
	case JWK:
		dst = append(dst, jktURI...)
	case COSEKey:
		dst = append(dst, cktURI...)
	default:
		return dst
	}
	dst = append(append(dst, t.hash.String()...), ':')
	return base64.RawURLEncoding.AppendEncode(dst, t.sum[:t.hash.Size()])
}

// URI is the thumbprint URI (RFC 9278, RFC 9679 §5.6); "" where there is none.
func (t Thumbprint) URI() string { return string(t.AppendURI(nil)) }

// Base64 is the digest in base64url without padding, as jkt writes it; "" for
// the zero Thumbprint.
func (t Thumbprint) Base64() string {
	return base64.RawURLEncoding.EncodeToString(t.sum[:t.hash.Size()])
}
