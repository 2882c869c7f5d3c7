package publish

import "context"

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
