package gate

import (
	"context"
	"errors"
	"fmt"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
)

// methodsOf are the values of validationmethods that a claim's method may be listed
// by; nil for one that is not known.
func methodsOf(method string) []string {
	switch method {
	case acme.MethodHTTP, acme.MethodDNS, acme.MethodTLSALPN:
		return []string{method}
	case acme.MethodCNF:
		return []string{caa.MethodCNF}
	case "":
		return []string{acme.MethodHTTP, acme.MethodDNS, acme.MethodTLSALPN, caa.MethodCNF}
	}
	return nil
}

func (g *Gate) question(c *acme.Claim) caa.Question {
	return caa.Question{
		Identities: g.config.Identities,
		Wildcard:   c.Identifier.Wildcard(),
		Methods:    methodsOf(c.Method),
		Account:    c.Account,
	}
}

// permitted is the ordinary CAA check: the set of the domain, own, or else that of
// the nearest name above that has one, the root excepted (RFC 8659 §3). Data that is
// proven to be unsigned restricts as any other.
func (g *Gate) permitted(ctx context.Context, own *dnssec.Answer, domain string, c *acme.Claim) *acme.Problem {
	at, a := domain, own
	if a.Kind != dnssec.Positive {
		var p *acme.Problem
		if at, a, p = g.climb(ctx, domain); a == nil {
			return p // nil: nobody restricts it
		}
	}
	set, err := caa.Parse(a.Data)
	if err == nil {
		err = set.Permits(g.question(c))
	}
	if err == nil {
		return nil
	}
	return acme.Problemf(acme.CAA, "the CAA records at %s. do not let this server issue: %v. %s", at, err, g.permission(err, domain, c))
}

// permission is what would have the CAA records permit: one at the domain itself,
// which is added to its set, or takes the place of one above.
func (g *Gate) permission(err error, domain string, c *acme.Claim) string {
	var refusal *caa.Refusal
	switch {
	case !errors.As(err, &refusal) || refusal.Reason == caa.CriticalUnknown:
		return "Mend that record, or remove it."
	case len(g.config.Identities) == 0:
		return "This server has no name that a CAA record could hold; its operator gives it one (acme.caa_identities)."
	}
	value := g.config.Identities[0]
	if c.Method != "" {
		value += "; validationmethods=" + methodsOf(c.Method)[0]
	}
	if refusal.Reason == caa.OtherAccount && c.Account != "" {
		value += "; accounturi=" + c.Account // whoever binds accounts does not want all of them let in
	}
	return fmt.Sprintf("To let it, add: %s. IN CAA 0 %s %q", domain, tagOf(c), value)
}

// optsIn returns nil where the domain's own set says that the record alone suffices:
// at exactly that name, proven, by nothing that others may have written.
func (g *Gate) optsIn(own *dnssec.Answer, domain string, c *acme.Claim) *acme.Problem {
	err := g.optIn(own, c)
	if err == nil {
		return nil
	}
	if len(g.config.Identities) == 0 {
		return acme.Problemf(acme.Unauthorized, "the confirmation record of %s is there, and does not suffice alone: "+
			"its holder cannot opt in, since this server has no name that a CAA record could hold. "+
			"Its operator gives it one (acme.caa_identities), or grants the domain to the account (`cnfd acme grant`).", domain)
	}
	return acme.Problemf(acme.Unauthorized, "the confirmation record of %s is there, and does not suffice alone: "+
		"the domain has not opted in to that (%v). To opt in, add: %s. IN CAA 0 %s %q. "+
		"That set then takes the place of any above it, and of issuers lets only those issue whom it names.",
		domain, err, domain, tagOf(c), g.config.Identities[0]+"; validationmethods="+caa.MethodCNF)
}

// tagOf is the tag of the property that would let a claim pass.
func tagOf(c *acme.Claim) string {
	if c.Identifier.Wildcard() {
		return "issuewild"
	}
	return "issue"
}

// optIn is optsIn's reason: the set must be the name's own, proven, and say it in so many words.
func (g *Gate) optIn(own *dnssec.Answer, c *acme.Claim) error {
	switch {
	case own.Kind != dnssec.Positive:
		return errors.New("it has no CAA records of its own")
	case own.Security != dnssec.Secure:
		return errors.New("its CAA records are not proven by DNSSEC")
	case own.Wildcard:
		return errors.New("its CAA records come from a wildcard")
	case !atItsName(own):
		return errors.New("its CAA records come from an alias")
	}
	set, err := caa.Parse(own.Data)
	if err != nil {
		return err
	}
	return set.OptsIn(g.question(c))
}

// atItsName reports whether all of an answer's records stand at its own name: no
// CNAME or DNAME has led to them. The final set alone would not tell.
func atItsName(a *dnssec.Answer) bool {
	const rrsig = 46
	n := 0
	for _, rr := range a.AnswerSection.RRs() {
		switch h := rr.Header(); {
		case h.Rrtype == rrsig:
		case h.Rrtype == caa.Type && dnssec.Canonical(h.Name) == a.Name:
			n++
		default:
			return false
		}
	}
	return n > 0 && n == len(a.Data)
}
