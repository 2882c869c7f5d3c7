package publish

import (
	"context"
	"slices"
	"sync"

	"cnfd/dnssec"
)

// Standing returns those of the entries whose record the place itself holds now, in
// their order, and what kept it from telling of others: names in zones of somebody else,
// say. After an error of kind Unreachable, Stopped or BadKey the rest is not asked for.
func (p *Publisher) Standing(ctx context.Context, entries []Entry) (there []Entry, troubles []error) {
	for _, e := range entries {
		s, err := p.cfg.Target.Zone.Read(ctx, e.Name)
		switch kind := kindOf(err); {
		case err == nil && s.Has(e.Record):
			there = append(there, e)
		case err != nil:
			troubles = append(troubles, err)
			if kind == Unreachable || kind == Stopped || kind == BadKey || ctx.Err() != nil {
				return there, troubles
			}
		}
	}
	return there, troubles
}

// Heard returns those of the entries whose record some server of the zone still has, or
// may have: where that is not known within a few seconds. A place that holds a record no
// more may have let go of it a moment ago.
func (p *Publisher) Heard(ctx context.Context, entries []Entry) (there []Entry) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	has := make([]bool, len(entries))
	var all sync.WaitGroup
	for i, e := range entries {
		all.Go(func() {
			each, err := p.cfg.World.LookupEach(ctx, question(e.Name, dnssec.TypeTLSA))
			has[i] = err != nil
			for n := 0; err == nil && len(each.Hops) > 0 && n < len(each.Hops[0].Servers); n++ {
				a := each.Hops[0].Servers[n].Answer
				has[i] = has[i] || a != nil && slices.ContainsFunc(a.Data, func(d []byte) bool { return string(d) == e.Record.rdata })
			}
		})
	}
	all.Wait()
	for i, e := range entries {
		if has[i] {
			there = append(there, e)
		}
	}
	return there
}
