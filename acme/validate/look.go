package validate

import (
	"context"
	"fmt"

	"cnfd/acme"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// look asks for the records of one type at a name, past the cache: the holder may
// have put them there a moment ago, and what was true an hour ago says nothing of
// who holds the name now. The answer has data, or says that there is none.
//
// A zone that is proven to be unsigned is believed: a challenge is to show who
// answers for the name now, as RFC 8555 §10.2 has it, and most domains can show it no
// better. That the domain vouches for the key is proven with DNSSEC by the gate.
func (v *Validator) look(ctx context.Context, name string, rrtype uint16) (*dnssec.Answer, *acme.Problem) {
	what := name + " " + dns.TypeToString[rrtype]
	q := dnssec.Question{Type: rrtype, Bounded: true, ChainAge: acme.ChainAge}
	var ok bool
	if q.Name, ok = dnssec.NameOf(name); !ok {
		return nil, acme.Problemf(acme.DNS, "look-up of %s: no domain name", excerpt(what, maxShown))
	}
	a, _, err := v.cfg.Source.Lookup(ctx, q)
	if err != nil {
		return nil, passing(acme.DNS, "look-up of %s: no answer in time: see that the domain's name servers answer", what)
	}
	if why := trouble(a, &q); why != "" {
		return nil, passing(acme.DNS, "look-up of %s: %s", what, excerpt(why, maxTrouble))
	}
	return a, nil
}

// trouble says why an answer decides nothing; "" where it does.
func trouble(a *dnssec.Answer, q *dnssec.Question) string {
	switch {
	case a == nil, a.Name != q.Name.String(), a.Type != q.Type:
		return "there is no answer to the question"
	case a.Security == dnssec.Bogus:
		return "bogus: " + words(a)
	case a.Trouble.Unreachable:
		return "unreachable: " + words(a)
	case a.Overridden:
		// A negative trust anchor stands where a proof is broken: believing the zone
		// because others may be unsigned would be believing anybody.
		return "a negative trust anchor of this server covers the name, so that nothing is proven"
	case a.Security != dnssec.Secure && a.Security != dnssec.Insecure:
		return "indeterminate: " + words(a)
	case a.Kind == dnssec.Positive && len(a.Data) > 0:
		return ""
	case (a.Kind == dnssec.NoData || a.Kind == dnssec.NoName) && len(a.Data) == 0:
		return ""
	}
	return "no answer: " + words(a)
}

// words are the trouble's own, with its extended DNS error (RFC 8914).
func words(a *dnssec.Answer) string {
	switch t := a.Trouble; {
	case t.Text == "" && t.Code == 0:
		return "the name servers do not say why"
	case t.Code == 0:
		return t.Text
	default:
		return fmt.Sprintf("%s (extended error %d)", t.Text, t.Code)
	}
}

// absence says in which way there is nothing.
func absence(a *dnssec.Answer) string {
	if a.Kind == dnssec.NoName {
		return "the name does not exist"
	}
	return "the name has none"
}
