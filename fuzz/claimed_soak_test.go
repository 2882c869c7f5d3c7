//go:build soak

package fuzz

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/net/idna"
)

// claimedBy reads a request with other people's code and says why it does not claim that k is vendor.example's; "" where it does.
// It is lenient: a request that nobody should accept is held to the same.
func (k key) claimedBy(media string, body []byte) string {
	if media == "application/json" {
		var envelope struct {
			Token  *string
			Claims json.RawMessage
		}
		if err := json.Unmarshal(body, &envelope); err != nil {
			return err.Error()
		}
		if envelope.Token == nil {
			return k.inClaims(envelope.Claims)
		}
		body = []byte(*envelope.Token)
		if !bytes.Contains(body, []byte(".")) {
			cwt, err := unpadded.DecodeString(strings.TrimSpace(string(body)))
			if err != nil {
				return err.Error()
			}
			return k.inCWT(cwt)
		}
	} else if media == "application/cwt" {
		return k.inCWT(body)
	}
	issued := strings.Split(strings.TrimSpace(string(body)), "~")
	parts := strings.Split(issued[0], ".")
	if len(parts) < 2 {
		return "it is no JWT"
	}
	claims, err := unpadded.DecodeString(parts[1])
	if err != nil {
		return err.Error()
	}
	if len(issued) > 1 {
		if claims, err = disclosed(claims, issued[1:]); err != nil {
			return err.Error()
		}
	}
	return k.inClaims(claims)
}

// disclosed puts the disclosures of an SD-JWT in place of their digests (RFC 9901 section 7.1), and checks nothing.
func disclosed(claims []byte, disclosures []string) ([]byte, error) {
	of := map[string][]any{}
	for _, text := range disclosures {
		var parts []any
		octets, _ := unpadded.DecodeString(text)
		if json.Unmarshal(octets, &parts) == nil {
			sum := sha256.Sum256([]byte(text))
			of[b64(sum[:])] = parts
		}
	}
	var whole any
	if err := json.Unmarshal(claims, &whole); err != nil {
		return nil, err
	}
	var fill func(any, int)
	fill = func(v any, depth int) {
		object, ok := v.(map[string]any)
		if !ok || depth > 32 {
			return
		}
		digests, _ := object["_sd"].([]any)
		for _, digest := range digests {
			text, _ := digest.(string)
			if parts := of[text]; len(parts) == 3 {
				name, _ := parts[1].(string)
				object[name] = parts[2]
			}
		}
		for _, v := range object {
			fill(v, depth+1)
		}
	}
	fill(whole, 0)
	return json.Marshal(whole)
}

func (k key) inClaims(text []byte) string {
	var c struct {
		Sub string
		Cnf struct {
			JWK *struct{ Kty, Crv, X, Y string }
			JKT *string
			KID *string
		}
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err.Error()
	}
	if host := hostOf(c.Sub); host != "vendor.example" {
		return "sub is of " + host
	}
	switch {
	case c.Cnf.JWK != nil:
		x, _ := unpadded.DecodeString(c.Cnf.JWK.X)
		y, _ := unpadded.DecodeString(c.Cnf.JWK.Y)
		if !bytes.Equal(x, k.x) || !bytes.Equal(y, k.y) || c.Cnf.JWK.Kty != "EC" || c.Cnf.JWK.Crv != "P-256" {
			return "the key is another"
		}
	case c.Cnf.JKT != nil:
		return k.isDigest(*c.Cnf.JKT)
	case c.Cnf.KID != nil:
		return k.isDigest((*c.Cnf.KID)[strings.LastIndex(*c.Cnf.KID, ":")+1:])
	default:
		return "there is no key in it"
	}
	return ""
}

func (k key) isDigest(text string) string {
	if sum, err := unpadded.DecodeString(text); err != nil || hex.EncodeToString(sum) != k.jkt() {
		return "the digest is another: " + text
	}
	return ""
}

func (k key) inCWT(b []byte) string {
	var item any
	if _, err := cbor.UnmarshalFirst(b, &item); err != nil {
		return err.Error()
	}
	for {
		if tag, ok := item.(cbor.Tag); ok {
			item = tag.Content
			continue
		}
		break
	}
	if message, ok := item.([]any); ok && len(message) >= 3 {
		payload, _ := message[2].([]byte)
		if _, err := cbor.UnmarshalFirst(payload, &item); err != nil {
			return err.Error()
		}
	}
	claims, ok := item.(map[any]any)
	if !ok {
		return "it is no map"
	}
	sub, _ := claims[uint64(2)].(string)
	if host := hostOf(sub); host != "vendor.example" {
		return "sub is of " + host
	}
	cnf, _ := claims[uint64(8)].(map[any]any)
	cose, _ := cnf[uint64(1)].(map[any]any)
	if wrapped, ok := cnf[uint64(1)].([]byte); ok {
		if err := cbor.Unmarshal(wrapped, &cose); err != nil {
			return err.Error()
		}
	}
	x, _ := cose[int64(-2)].([]byte)
	y, whole := cose[int64(-3)].([]byte)
	if !bytes.Equal(x, k.x) || whole && !bytes.Equal(y, k.y) {
		return "the key is another"
	}
	if odd, compressed := cose[int64(-3)].(bool); !whole && (!compressed || odd != (k.y[31]&1 == 1)) {
		return "y is another"
	}
	return ""
}

// hostOf is the host that a subject names, as a browser would look it up.
func hostOf(sub string) string {
	host := ""
	lower := strings.ToLower(sub)
	switch {
	case strings.HasPrefix(lower, "did:web:"):
		host = sub[len("did:web:"):]
		if i := strings.IndexAny(host, ":?#/"); i >= 0 { // what follows is a DID URL's
			host = host[:i]
		}
		host, _ = url.PathUnescape(host)
		if before, _, ok := strings.Cut(host, ":"); ok {
			host = before
		}
	case strings.HasPrefix(lower, "dns:"):
		host = sub[len("dns:"):]
		if strings.HasPrefix(host, "//") {
			_, host, _ = strings.Cut(host[2:], "/")
		}
		if i := strings.IndexAny(host, "?#"); i >= 0 {
			host = host[:i]
		}
		host, _ = url.PathUnescape(host)
	default: // RFC 3986 section 3.2; octets of the host may be percent-encoded
		_, host, _ = strings.Cut(sub, "://")
		if i := strings.IndexAny(host, "/?#"); i >= 0 {
			host = host[:i]
		}
		host = host[strings.LastIndex(host, "@")+1:]
		if i := strings.LastIndex(host, ":"); i >= 0 {
			host = host[:i]
		}
		host, _ = url.PathUnescape(host)
	}
	ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(host)
	if err != nil {
		return host + ": " + err.Error()
	}
	return strings.TrimSuffix(ascii, ".")
}

var unpadded = base64.RawURLEncoding
