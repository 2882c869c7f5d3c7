package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"cnfd/record"
)

// AnySubject, alone in authz.subjects, stands for every domain.
const AnySubject = "any"

// Bounds of authz.deadline: less is over before a token is read, and no gateway waits
// for longer.
const (
	minDeadline = time.Millisecond
	maxDeadline = 10 * time.Second
)

func (r *reader) checkAuthz(a *Authz) {
	for i, p := range a.Peers {
		if p.Addr().Is4In6() {
			r.at(fmt.Sprintf("authz.peers[%d]", i), "%s: who comes over IPv4 is known by that address: write it as IPv4", p)
		}
	}
	seen := map[string]bool{}
	for i, s := range a.Subjects {
		at := fmt.Sprintf("authz.subjects[%d]", i)
		if s == AnySubject {
			if len(a.Subjects) > 1 {
				r.at(at, "any stands alone: [any]")
			}
			continue
		}
		domain, err := SubjectDomain(s)
		switch {
		case strings.HasPrefix(s, "*"):
			r.at(at, "%q: each domain passes for itself alone, as its record confirms no other: list them", s)
		case err != nil:
			r.at(at, "%q is not a domain, such as vendor.example", s)
		case seen[domain]:
			r.at(at, "%q is named twice", s)
		}
		seen[domain] = true
	}
	r.checkWords("authz.possession", a.Possession)
	if len(a.Possession) == 0 {
		r.at("authz.possession", "want at least one of dpop, mtls, key_binding: a token without a proof is anybody's who has seen it")
	}
	if slices.Contains(a.Possession, "key_binding") && (a.Audience == "" || a.NonceHeader == "") {
		r.at("authz.possession", "key_binding: it needs authz.audience, and authz.nonce_header in which the gateway hands on the nonce that it gave")
	}
	if a.DPoPNonce && !slices.Contains(a.Possession, "dpop") {
		r.at("authz.dpop_nonce", "authz.possession does not list dpop: no proof is taken that could hold one")
	}
	if a.NonceHeader != "" && !isHeader(a.NonceHeader) {
		r.at("authz.nonce_header", "%q: want the name of a header of letters, digits and hyphens that nothing else uses, such as Cnf-Nonce", a.NonceHeader)
	}
	if a.Unproven != http.StatusForbidden && a.Unproven != http.StatusServiceUnavailable {
		r.at("authz.unproven", "want 403 or 503: gateways make of others what they like")
	}
	if a.Deadline < minDeadline || a.Deadline > maxDeadline {
		r.at("authz.deadline", "want from %s to %s", minDeadline, maxDeadline)
	}
}

// SubjectDomain is an item of authz.subjects as a verdict names the domain: A-labels,
// lower case, no trailing dot. Special-use names may be listed: they are only ever
// confirmed where a stub or an anchor of the operator's own covers them.
func SubjectDomain(s string) (string, error) {
	if strings.ContainsAny(s, ":/?#@") {
		return "", errors.New("not a domain alone")
	}
	own := strings.ToLower(strings.TrimSuffix(s, "."))
	return record.Domain(s, record.Subjects{Bare: true, Local: []string{own}})
}

// isHeader reports whether it can be a header that a gateway sets for us.
func isHeader(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i] | 0x20; (c < 'a' || c > 'z') && (name[i] < '0' || name[i] > '9') && name[i] != '-' {
			return false
		}
	}
	return !slices.Contains([]string{"Authorization", "Dpop", "Host", "Cookie", "Connection"}, textproto.CanonicalMIMEHeaderKey(name))
}

// warnAuthz tells of a gateway that nobody gets past, and of tokens that were meant for
// somebody else.
func (r *reader) warnAuthz(c *Config) {
	a := &c.Authz
	if a.Gateway == "" {
		if len(a.Subjects) > 0 {
			r.at("authz.subjects", "authz.gateway is not set: /v1/authz answers 503 (not-configured)")
		}
		return
	}
	if len(a.Subjects) == 0 {
		r.at("authz.gateway", "authz.subjects is not set: /v1/authz answers 503 (not-configured)")
	}
	if len(c.Issuers) == 0 {
		r.at("authz.gateway", "no issuers are listed: /v1/authz answers 503 (not-configured)")
	}
	if a.Audience == "" && slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return i.Audience == "" }) {
		r.at("authz.gateway", "neither authz.audience nor each of issuers[].audience is set: a token that was given to another service passes too")
	}
	if slices.Contains(a.Possession, "mtls") && !c.Record.X5T {
		r.at("authz.possession", "mtls: tokens that name a certificate and no key confirm only with record.x5t: true")
	}
	if c.API.Unix == "" && len(a.Peers) == 0 {
		r.at("authz.gateway", "there is neither api.unix nor authz.peers: no gateway is believed")
	}
	if a.Observe {
		r.at("authz.observe", "everything passes")
	}
}
