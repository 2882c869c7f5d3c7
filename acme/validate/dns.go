package validate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"cnfd/acme"

	"github.com/miekg/dns"
)

// dns carries out dns-01 (RFC 8555 §8.4): one of the TXT records of
// _acme-challenge.<domain> is the digest of the key authorization.
func (v *Validator) dns(ctx context.Context, c *challenge) *acme.Problem {
	if c.host.name == "" {
		return acme.Problemf(acme.Malformed, "dns-01 proves no IP address (RFC 8738, section 7): take http-01 or tls-alpn-01")
	}
	name := "_acme-challenge." + c.host.name
	a, problem := v.look(ctx, name, dns.TypeTXT)
	if problem != nil {
		return problem
	}
	first, found := match(a.Data, c.keyAuthorization)
	switch {
	case found:
		return nil
	case len(a.Data) == 0:
		return acme.Problemf(acme.Unauthorized, "there is no TXT record at %s: %s: publish there the digest of the key authorization, "+
			"and wait until each of the zone's name servers has it", name, absence(a))
	}
	return acme.Problemf(acme.IncorrectResponse, "none of the %d TXT records at %s is the digest of this challenge's key authorization (the first is %q): "+
		"publish it beside them, and wait until each of the zone's name servers has it", len(a.Data), name, excerpt(c.without(first), maxExcerpt))
}

// match reports whether one of several TXT records is the digest of a key
// authorization, and gives the text of the first that is no such.
func match(records [][]byte, keyAuthorization string) (first string, found bool) {
	sum := sha256.Sum256([]byte(keyAuthorization))
	want := []byte(base64.RawURLEncoding.EncodeToString(sum[:]))
	for _, rdata := range records {
		text, ok := textOf(rdata)
		if !ok {
			continue
		}
		if subtle.ConstantTimeCompare(text, want) == 1 {
			return "", true
		}
		if first == "" {
			first = string(text)
		}
	}
	return first, false
}

// textOf joins the strings of a TXT record (RFC 1035 §3.3.14). It reports false where
// they are not what the RDATA has room for.
func textOf(rdata []byte) ([]byte, bool) {
	if len(rdata) == 0 {
		return nil, false
	}
	var text []byte
	for len(rdata) > 0 {
		n := 1 + int(rdata[0])
		if n > len(rdata) {
			return nil, false
		}
		text = append(text, rdata[1:n]...)
		rdata = rdata[n:]
	}
	return text, true
}
