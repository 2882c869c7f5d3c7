// Package gate decides what stands before every certificate: whether the domain
// of an identifier, asked now and past the cache, vouches for the keys, and
// whether its CAA records let this issuer issue.
//
// It asks a verifier for the record and a resolver for CAA, looks once more at
// what they say, and lets nothing through that it does not know.
package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// Confirmer says whether a domain vouches for a key; a *verifier.Verifier that
// accepts neither insecure data nor wildcards nor delegated names. It is used by many callers at once.
type Confirmer interface {
	Confirm(ctx context.Context, subject string, c thumbprint.Confirmation, f verifier.Freshness) (verifier.Verdict, error)
}

// Source answers questions of the DNS with proof, as verifier.Source does; a
// *resolver.Resolver. It is used by many callers at once.
type Source interface {
	Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error)
}

// Config is what a Gate needs. Confirmer and Source are required; every other zero
// value is the default.
type Config struct {
	Confirmer Confirmer
	Source    Source
	// Identities are the issuer domain names of CAA records that mean this issuer.
	// With none, whatever CAA restricts is refused, and nobody opts in by CAA.
	Identities []string
	// Forms are the Confirmer's; the first is that of the record to add. Default
	// {record.Dotted}. The legacy form confirms no certificate, and is an error.
	Forms []record.Form
	TTL   uint32 // of the record to add, in seconds; default 300
	// Testing accepts the verdicts of a verifier with testing settings.
	Testing bool
}

// Gate is an acme.Gate. It is made by New, never changes, and may be used by many
// at once.
type Gate struct{ config Config }

// New makes a Gate; the error names the field that is missing or wrong.
func New(c Config) (*Gate, error) {
	switch {
	case c.Confirmer == nil:
		return nil, errors.New("gate: Config.Confirmer is missing")
	case c.Source == nil:
		return nil, errors.New("gate: Config.Source is missing")
	}
	c.Identities, c.Forms = slices.Clone(c.Identities), slices.Clone(c.Forms)
	for _, i := range c.Identities {
		if !caa.IsIssuer(i) {
			return nil, fmt.Errorf("gate: Config.Identities: %q: a CAA record cannot name it: write a host name, without a final dot (RFC 8659 §4.2)", i)
		}
	}
	if len(c.Forms) == 0 {
		c.Forms = []record.Form{record.Dotted}
	}
	for i, f := range c.Forms {
		if f != record.Dotted && f != record.Underscore || slices.Contains(c.Forms[:i], f) {
			return nil, errors.New("gate: Config.Forms: given twice, or no form that a certificate can rest on: " + f.String())
		}
	}
	if c.TTL == 0 {
		c.TTL = 300
	}
	return &Gate{config: c}, nil
}

// Judge returns nil where all of the claim holds, and else why not (see acme.Gate).
// What contradicts itself, the claim or an answer, is refused as ServerInternal.
func (g *Gate) Judge(ctx context.Context, c *acme.Claim) *acme.Problem {
	p := g.judge(ctx, c)
	if p != nil {
		p.For(c.Identifier)
	}
	return p
}

func (g *Gate) judge(ctx context.Context, c *acme.Claim) *acme.Problem {
	domain, p := g.read(c)
	if p != nil {
		return p
	}
	optIn := c.Method == acme.MethodCNF && !c.Granted
	restricted := c.Identifier.Type == acme.TypeDNS // CAA restricts names, not addresses (RFC 8659 §3)
	if !optIn && !restricted {
		return g.vouched(ctx, domain, c.Keys)
	}
	own := g.begin(ctx, domain)
	defer own.end()
	if p := g.vouched(ctx, domain, c.Keys); p != nil {
		return p
	}
	set, p := own.answer()
	if p != nil {
		return p
	}
	if optIn {
		if p := g.optsIn(set, domain, c); p != nil {
			return p
		}
	}
	if !restricted {
		return nil
	}
	return g.permitted(ctx, set, domain, c)
}

// read checks a claim before anybody is asked, and returns the domain, without the
// trailing dot, that decides it.
func (g *Gate) read(c *acme.Claim) (domain string, p *acme.Problem) {
	if len(g.config.Forms) == 0 {
		return "", internal("its gate was not made by New")
	}
	if c.Identifier.Type != acme.TypeDNS && c.Identifier.Type != acme.TypeIP {
		return "", acme.Problemf(acme.UnsupportedIdentifier, "identifiers are of the types dns and ip")
	}
	if !canonical(c.Identifier) {
		return "", acme.Problemf(acme.RejectedIdentifier, "the address is not written in its one text form (RFC 5952; no zone, and IPv4 as such)")
	}
	domain = c.Identifier.Domain()
	for _, f := range g.config.Forms {
		if _, err := record.Name(thumbprint.MethodJWK, domain, f); err != nil {
			return "", acme.Problemf(acme.RejectedIdentifier, "no confirmation record can be published for it: %v", err)
		}
	}
	if strings.Count(domain, ".") >= maxLabels && c.Identifier.Type == acme.TypeDNS {
		return "", acme.Problemf(acme.RejectedIdentifier, "the name has more than %d labels", maxLabels)
	}
	if methodsOf(c.Method) == nil {
		return "", internal("the claim's method is none that is known")
	}
	if c.Method == acme.MethodCNF && len(c.Keys) == 0 {
		return "", internal("the claim rests on a record alone, and names no key for it")
	}
	for _, k := range c.Keys {
		if k.Kind() != thumbprint.JWK || k.Hash() != thumbprint.SHA256 {
			return "", internal("a key of the claim is no RFC 7638 thumbprint by SHA-256")
		}
	}
	return domain, nil
}

// maxLabels bounds the look-ups that one name costs, since CAA is asked at each of
// its labels (Boulder takes names of up to 10).
const maxLabels = 16

// How long a client is told to wait where nothing was proven: as long as the
// resolver remembers the failure.
const (
	soon  = 5 * time.Second // nobody was reached, or the time was over
	later = time.Minute
)

// unproven is the problem of something that is proven neither way.
func unproven(what string, r verifier.Reason, trouble dnssec.Trouble) *acme.Problem {
	word := r.String()
	if trouble.Text != "" {
		word += ": " + trouble.Text
	}
	p := acme.Problemf(acme.DNS, "%s cannot be proven (%s). %s", what, word, remedyOf(r))
	p.Passing, p.Retry, p.Reason = true, later, r.String()
	if r == verifier.Unreachable {
		p.Retry = soon
	}
	return p
}

// interrupted is the problem of a question that came to no end.
func interrupted(what string) *acme.Problem {
	p := acme.Problemf(acme.DNS, "%s could not be asked for within the time that there was. Come again.", what)
	p.Passing, p.Retry = true, soon
	return p
}

// internal is the problem of what must not be: nothing is proven by it.
func internal(what string) *acme.Problem {
	p := acme.Problemf(acme.ServerInternal, "a fault of this server: %s. Nothing is issued on it.", what)
	p.Passing, p.Retry = true, later
	return p
}
