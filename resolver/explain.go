package resolver

import (
	"context"
	"slices"
	"time"

	"cnfd/dnssec"
)

// Explain is Lookup for people: the answer with the chain of trust that it
// rests on, from the root down to the zone that holds the name.
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
	var links []dnssec.Link
	for name := a.Zone; name != ""; name = dnssec.Parent(name) {
		if c := w.known(name); c != nil {
			links = append(links, link(c))
		}
		if name == "." {
			break
		}
	}
	slices.Reverse(links)
	return a, links, nil
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
