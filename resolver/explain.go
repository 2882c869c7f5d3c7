package resolver

import (
	"context"
	"slices"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// Explain is Lookup for people: the answer with the chain of trust that it
// rests on, from the root down to the zone that holds the name, and to those that
// its aliases lead to.
func (r *Resolver) Explain(ctx context.Context, q dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	var w *walk
	var a *dnssec.Answer
	var err error
	name, ok := dnssec.Normal(q.Name.String())
	switch {
	case !ok:
		return r.noName(q), nil, nil
	case q.At.IsZero():
		a, _, err = r.Lookup(ctx, q)
		w = r.newWalk(ctx, r.cfg.Now())
	default:
		a, w = r.at(ctx, name, q)
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	return a, w.chain(a), nil
}

// chain lists the zones that an answer rests on, each once: from the root to
// the zone of the name, then for each alias to the zone of its target.
func (w *walk) chain(a *dnssec.Answer) []dnssec.Link {
	var links []dnssec.Link
	told := map[string]bool{}
	for _, name := range append([]string{a.Zone}, targets(a)...) {
		var more []dnssec.Link
		for ; name != "" && !told[name]; name = dnssec.Parent(name) {
			if c := w.known(name); c != nil {
				told[name] = true
				more = append(more, link(c))
			}
			if name == "." {
				break
			}
		}
		slices.Reverse(more)
		links = append(links, more...)
	}
	return links
}

// targets lists where the aliases of an answer lead, in order.
func targets(a *dnssec.Answer) []string {
	var out []string
	for _, rr := range a.AnswerSection.RRs() {
		if c, ok := rr.(*dns.CNAME); ok && a.Type != dns.TypeCNAME {
			out = append(out, dnssec.Canonical(c.Target))
		}
	}
	return out
}

func link(c *cut) dnssec.Link {
	l := dnssec.Link{
		Zone: c.zone.Name, Security: c.zone.Security.String(), How: c.zone.How,
		Keys: c.zone.Keys(), Trouble: c.zone.Trouble.Text,
	}
	if !c.until.IsZero() {
		l.Until = c.until.UTC().Format(time.RFC3339)
	}
	for _, s := range c.servers {
		l.Servers = append(l.Servers, s.name)
	}
	return l
}
