package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/api"
	"cnfd/dnssec"
	"cnfd/resolver"
)

// gate is the resolver as the verifier asks it: what the cache has is given to
// everybody, and what has to be looked up only to so many at once, and to each caller so
// often. Who is turned away gets an *api.Busy.
type gate struct {
	resolver cachedSource
	each     eachSource
	now      func() time.Time
	evidence atomic.Bool // somebody may want to know what was answered

	misses   atomic.Int64 // under way
	most     atomic.Int64
	rate     atomic.Int64 // of one caller, a second; 0: any
	turned   [2]atomic.Int64
	judged   [4]atomic.Int64 // answers that were looked up, by dnssec.Security
	visitors visitors
}

// cachedSource is the part of a resolver that the gate stands before.
type cachedSource interface {
	Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error)
	Cached(q dnssec.Question) (*dnssec.Answer, bool)
}

// Why a question was turned away (gate.turned).
const (
	turnedByAll = iota
	turnedByCaller
)

// Lookup answers q from the cache, or from the network where there is room.
func (g *gate) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	a, cached := g.resolver.Cached(q)
	if !cached {
		var err error
		if a, err = g.miss(ctx, q); err != nil {
			return nil, false, err
		}
	}
	if g.evidence.Load() {
		keep(ctx, a, nil)
	}
	return a, cached, nil
}

// LookupCached answers q where the cache does; nobody is asked.
func (g *gate) LookupCached(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool) {
	a, cached := g.resolver.Cached(q)
	if cached && g.evidence.Load() {
		keep(ctx, a, nil)
	}
	return a, cached
}

// admit counts one more question that the cache does not answer as under way, unless
// there is no room for it; who was admitted takes it off g.misses again.
func (g *gate) admit(ctx context.Context) error {
	if rate := g.rate.Load(); rate > 0 {
		if wait := g.visitors.wait(peerOf(ctx), g.now(), rate); wait > 0 {
			g.turned[turnedByCaller].Add(1)
			return &api.Busy{Caller: true, After: wait, What: fmt.Sprintf("more than %d questions a second that the cache does not answer: ask again later", rate)}
		}
	}
	if g.misses.Add(1) > g.most.Load() {
		g.misses.Add(-1)
		return g.full()
	}
	return nil
}

func (g *gate) miss(ctx context.Context, q dnssec.Question) (*dnssec.Answer, error) {
	if err := g.admit(ctx); err != nil {
		return nil, err
	}
	defer g.misses.Add(-1)
	a, _, err := g.resolver.Lookup(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case resolver.TurnedAway(a):
		return nil, g.full()
	}
	if int(a.Security) < len(g.judged) {
		g.judged[a.Security].Add(1)
	}
	return a, nil
}

func (g *gate) full() error {
	g.turned[turnedByAll].Add(1)
	return &api.Busy{After: time.Second, What: "too many questions are being looked up, and the cache does not answer this one: ask again later"}
}

// visitors remembers how much each caller has asked for lately.
type visitors struct {
	mu   sync.Mutex
	free map[visitor]time.Time // when all that it has asked for is paid; guarded by mu
}

// visitor is one caller: its network, or its user on the unix socket.
type visitor struct {
	network netip.Prefix
	uid     uint32
}

// maxVisitors bounds the memory; past it who is paid up is forgotten.
const maxVisitors = 1 << 16

// wait is how long a caller must wait before it may ask once more; if not at all, it has
// asked. It may ask for a second's worth at once, and then as the second goes by (the
// generic cell rate algorithm, ITU-T I.371).
func (v *visitors) wait(p *peer, now time.Time, rate int64) time.Duration {
	var who visitor
	if p != nil {
		who = visitor{p.network, p.uid}
	}
	each := time.Second / time.Duration(rate)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.free == nil {
		v.free = map[visitor]time.Time{}
	}
	until, there := v.free[who]
	if until.Before(now) || until.After(now.Add(2*time.Second)) { // the clock was set back
		until = now
	}
	if over := until.Add(each).Sub(now) - time.Second; over > 0 {
		return over
	}
	if !there && len(v.free) >= maxVisitors {
		v.forget(now)
		if len(v.free) >= maxVisitors {
			return time.Second // as many callers within one second: not one of them is known
		}
	}
	v.free[who] = until.Add(each)
	return 0
}

func (v *visitors) forget(now time.Time) {
	for who, until := range v.free {
		if !until.After(now) {
			delete(v.free, who)
		}
	}
}
