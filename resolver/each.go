package resolver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// LookupEach asks every authoritative server for q, each by itself and past the
// cache: of the name's zone, then of those that its aliases lead to. The servers of
// a zone are those that its parent names now, and those that the zone's own NS set
// names at any of them, each at all its addresses. MaxAge of q does not count.
// The error is only ctx ending; every trouble of the DNS is in the Each. Who asks
// the same while others are being answered waits for the next round, which is one for all.
func (r *Resolver) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	name, ok := dnssec.Normal(q.Name.String())
	switch {
	case !ok:
		return &dnssec.Each{Answer: r.noName(q)}, nil
	case !q.At.IsZero() || q.Type == dns.TypeANY || q.Type == dns.TypeRRSIG:
		return &dnssec.Each{Answer: r.notEach(name, q.Type)}, nil
	}
	key := eachKey(name, q.Type)
	e, err := r.cache.Get(ctx, key, r.cfg.Now(), func(ctx context.Context) (cache.Entry[*entry], error) {
		return cache.Entry[*entry]{Value: &entry{each: r.callRoll(ctx, name, q.Type)}}, nil // which is not kept
	})
	if err != nil {
		return nil, err
	}
	return e.each, nil
}

// Bounds of the work of one LookupEach: a budget beside dnssec.Budget, which each of
// its parts has too (64 messages and checks for one server, or one look-up on the way).
// What a zone has beyond them is not left out: the answer is then that it costs too much.
const (
	maxEachNames     = 13                  // names of servers of one zone, and of the one above (the root and com: 13)
	maxEachAddresses = 52                  // their addresses: 13 names with 4; Cloudflare has 2 names with 6 each
	maxEachSends     = 256                 // messages in all, aliases, retries and looking for the servers included
	eachTime         = 10 * time.Second    // in all; a silent server costs 2.8 s of it
	eachWay          = 5 * time.Second     // of it, to find the zone of a name
	eachAbove        = 3 * time.Second     // of it, to hear the servers of the zone above it
	eachTry          = 3 * time.Second / 2 // to prove the zone by one of several delegations
	eachAtOnce       = 8                   // servers asked at the same time
	maxRolls         = 16                  // LookupEach under way at the same time; others wait, within their eachTime
)

func eachKey(name string, rrtype uint16) string {
	return string(rune(keyEach)) + string(answerKey(nil, []byte(name), rrtype))[1:]
}

// notEach answers what is not asked of each server: a question as of another time, or
// one whose answer no two servers need give alike.
func (r *Resolver) notEach(name string, rrtype uint16) *dnssec.Answer {
	now := r.cfg.Now()
	return &dnssec.Answer{
		Name: name, Type: rrtype, Rcode: dns.RcodeServerFailure, Fetched: now, Until: now,
		Trouble: dnssec.Trouble{Text: "servers are asked one by one as of now only, and not for ANY or RRSIG"},
	}
}

// roll is one LookupEach under way. Its parts are walks of their own, which share its
// time and its purse.
type roll struct {
	r      *Resolver
	ctx    context.Context
	rrtype uint16
	now    time.Time
	purse  purse
}

func (r *Resolver) callRoll(ctx context.Context, name string, rrtype uint16) *dnssec.Each {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	select {
	case r.rolls <- struct{}{}:
		defer func() { <-r.rolls }()
	case <-ctx.Done():
		a := r.notEach(name, rrtype)
		a.Trouble = dnssec.Trouble{Text: fmt.Sprintf("no room for the question: %d others ask every server of a zone", maxRolls), Unreachable: true}
		return &dnssec.Each{Answer: a}
	}
	l := &roll{r: r, ctx: ctx, rrtype: rrtype, now: r.cfg.Now()}
	l.purse.left.Store(maxEachSends)
	e := l.follow(name)
	l.keep(e)
	return e
}

// keep puts into the cache what all servers prove, in the place of what one of them
// said before: whoever was told that a key is published, or withdrawn, is not to find
// Lookup of another mind.
func (l *roll) keep(e *dnssec.Each) {
	a := e.Answer
	if e.Differ || a.Security != dnssec.Secure || a.Overridden || a.Kind == dnssec.NoAnswer {
		return
	}
	l.r.keep(string(answerKey(nil, []byte(a.Name), a.Type)), a)
}

// follow asks of a name, then of what its aliases point to, as resolve does.
func (l *roll) follow(name string) *dnssec.Each {
	out := &dnssec.Each{}
	var passed []string
	w := l.walk() // the way to each zone, all of it within what one question may cost: nobody else could go it
	for {
		h := l.hop(w, name)
		out.Hops = append(out.Hops, h.Hop)
		out.Differ, out.Forwarded = h.Differ || h.Parted, h.forwarded
		a := h.answer(w, l.rrtype)
		if out.Answer != nil {
			a = join(out.Answer, a)
		}
		out.Answer = a
		f := &h.found
		if f.Target == "" || f.Security == dnssec.Bogus || l.rrtype == dns.TypeCNAME {
			return out
		}
		passed = append(passed, name)
		name = f.Target
		switch {
		case slices.Contains(passed, name):
			out.Answer = w.stopped(a, dnssec.Trouble{Text: "the aliases of " + passed[0] + " run in a circle at " + name})
			return out
		case len(passed) > dnssec.MaxAliases:
			out.Answer = w.stopped(a, dnssec.Trouble{Text: "more than 11 aliases follow " + passed[0], Budget: true})
			return out
		}
	}
}

// walk begins a part of the work, for one goroutine: what it learns is no older than
// the question, the keys of the chain and delegations above the zone apart.
func (l *roll) walk() *walk {
	w := l.r.newWalk(l.ctx, l.now)
	w.oldest, w.purse = w.terms.Now, &l.purse
	return w
}

// purse is what the parts of one question may send in all. A nil purse has no bottom.
type purse struct{ left atomic.Int64 }

func (p *purse) take() bool { return p == nil || p.left.Add(-1) >= 0 }

// empty ends the sending, whatever was left.
func (p *purse) empty() { p.left.Store(0) }

// maySend reports whether one more message may be sent, and counts it.
func (w *walk) maySend() bool {
	if !w.purse.take() {
		if w.budget.Exhausted == "" {
			w.budget.Exhausted = fmt.Sprintf("%d messages sent to the servers of a zone", maxEachSends)
		}
		return false
	}
	return w.budget.Send()
}

// spread calls f with 0 to n-1, a few at the same time, and returns when all calls
// have. A panic in one of them is the caller's.
func spread(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	var mu sync.Mutex // guards panicked
	var panicked any
	for range min(n, eachAtOnce) {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					mu.Lock()
					defer mu.Unlock()
					panicked = p
				}
			}()
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	all.Wait()
	if panicked != nil {
		panic(panicked)
	}
}
