package main

import (
	"context"

	"cnfd/dnssec"
	"cnfd/resolver"
)

// eachSource is the part of a resolver that asks every name server.
type eachSource interface {
	LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error)
}

// LookupEach has every name server asked, where there is room: no cache answers it, so
// that a precheck is counted as any question that has to be looked up.
func (g *gate) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	if err := g.admit(ctx); err != nil {
		return nil, err
	}
	defer g.misses.Add(-1)
	e, err := g.each.LookupEach(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case e == nil || e.Answer == nil:
		return e, nil
	case resolver.TurnedAway(e.Answer):
		return nil, g.full()
	}
	if int(e.Answer.Security) < len(g.judged) {
		g.judged[e.Answer.Security].Add(1)
	}
	if g.evidence.Load() {
		keep(ctx, e.Answer, e.Hops)
	}
	return e, nil
}

// Explain answers people as the gate does verifiers: what has to be looked up only where
// there is room.
func (s readyResolver) Explain(ctx context.Context, q dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	g := s.live.Load().engine.source
	if _, cached := g.resolver.Cached(q); !cached {
		if err := g.admit(ctx); err != nil {
			return nil, nil, err
		}
		defer g.misses.Add(-1)
	}
	a, links, err := s.Resolver.Explain(ctx, q)
	if err == nil && resolver.TurnedAway(a) {
		return nil, nil, g.full()
	}
	return a, links, err
}
