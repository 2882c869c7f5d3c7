package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// Resolver answers questions from its cache or from the network.
type Resolver struct {
	cfg   Config
	cache *cache.Cache[*entry]
	facts *facts
	ntas  atomic.Pointer[negatives]
	stubs map[string]Stub
	// forwarders, where there are any, are asked in place of the root servers.
	forwarders []server
	anchors    atomic.Pointer[dnssec.Anchors]
	ahead      *ahead
	steps      steps
	crowd      crowd
	turns      *transport.Turns // of those who judge
	rolls      chan struct{}    // a place for each LookupEach under way
	queries    atomic.Int64
	chance     func(oneIn int) bool
}

// New makes a resolver. It sends nothing by itself.
func New(c Config) (*Resolver, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Resolver{cfg: c, facts: newFacts(c.Now), steps: steps{of: map[string]*step{}}, stubs: map[string]Stub{}}
	r.chance = func(oneIn int) bool { return rand.IntN(oneIn) == 0 }
	r.anchors.Store(c.Anchors)
	r.ahead, r.turns = newAhead(), turnsOf(c.Exchanger)
	r.rolls = make(chan struct{}, maxRolls)
	r.cache = cache.New[*entry](cache.Config{MaxBytes: c.MaxBytes, Now: c.Now})
	r.ntas.Store(newNegatives(c.NegativeAnchors, c.Now()))
	if r.forwarders, err = newForwarders(c.Forwarders, c.ForwarderRoots); err != nil {
		return nil, err
	}
	for _, s := range c.Stubs {
		if len(s.Addresses) == 0 {
			return nil, fmt.Errorf("resolver: stub %s has no addresses", s.Zone)
		}
		r.stubs[dnssec.Canonical(s.Zone)] = s
	}
	return r, nil
}

// Kinds of cache keys: the first octet.
const (
	keyAnswer = 'a'
	keyCut    = 'z'
	keyDenial = 'n'
	keyFailed = 'f' // an answer that failed, beside one that is still true
	keyEach   = 'e' // what each server says: a flight, of which nothing is kept
	keyRooted = 'r' // an answer whose chain of trust is bound: a flight
	keyUnsure = 'u' // an answer that failed with such a chain, for those alone who ask for one
	keyDoubt  = 'd' // a cut that failed with such a chain, beside one that is still true
)

// answerKey builds the cache key of a question in buf.
func answerKey(buf []byte, name []byte, rrtype uint16) []byte {
	buf = append(buf[:0], keyAnswer)
	buf = binary.BigEndian.AppendUint16(buf, rrtype)
	return append(buf, name...)
}

func failureKey(answer string) string { return string(rune(keyFailed)) + answer[1:] }

func unsureKey(answer string) string { return string(rune(keyUnsure)) + answer[1:] }

func doubtKey(name string) string { return string(rune(keyDoubt)) + name }

func cutKey(name string) string { return string(rune(keyCut)) + name }

func denialKey(zone string) string { return string(rune(keyDenial)) + zone }

// Lookup answers q from the cache, or from the network where the cache does not
// know or what it knows is older than q allows. cached tells which. The error
// is only ctx ending; every trouble of the DNS is in the Answer.
// One fetch serves all who ask the same at the same time.
func (r *Resolver) Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error) {
	oldest := time.Time{}
	if q.Bounded {
		oldest = r.cfg.Now().Add(-q.MaxAge)
	}
	var buf [520]byte
	key := answerKey(buf[:0], q.Name.Bytes(), q.Type)
	if e, ok := r.cache.Peek(key, time.Time{}); ok && q.At.IsZero() && q.ChainAge == 0 && fresh(e.answer, oldest) {
		if r.renews(q.Type) {
			r.renew(key, e.answer)
		}
		return e.answer, true, nil
	}
	name, ok := dnssec.Normal(q.Name.String())
	switch {
	case !ok:
		return r.noName(q), false, nil
	case !q.At.IsZero():
		a, _ = r.at(ctx, name, q)
		return a, false, ctx.Err()
	case name != q.Name.String():
		if q.Name, ok = dnssec.NameOf(name); ok {
			return r.Lookup(ctx, q)
		}
		return r.noName(q), false, nil
	case q.ChainAge != 0:
		a, err = r.fetchRooted(ctx, string(key), name, q)
		return a, false, err
	}
	a, err = r.fetch(ctx, string(key), name, q.Type, oldest)
	return a, false, err
}

// noName answers a question whose name is none, of which no server is asked.
func (r *Resolver) noName(q dnssec.Question) *dnssec.Answer {
	now := r.cfg.Now()
	return &dnssec.Answer{
		Name: q.Name.String(), Type: q.Type, Rcode: dns.RcodeServerFailure, Fetched: now, Until: now,
		Trouble: dnssec.Trouble{Text: fmt.Sprintf("%q is no domain name: a label is empty or over 63 octets, the whole is over 255, or an escape is wrong", q.Name.String())},
	}
}

// fresh reports whether an answer may serve a caller who wants nothing fetched
// before oldest. A failure may in any case, for the short time that it is kept:
// else a caller could be used to hammer a broken zone (RFC 9520 §3.2).
func fresh(a *dnssec.Answer, oldest time.Time) bool {
	return failed(a) || !a.Fetched.Before(oldest)
}

func failed(a *dnssec.Answer) bool {
	return a.Security == dnssec.Bogus || a.Security == dnssec.Indeterminate && a.Kind == dnssec.NoAnswer
}

func (r *Resolver) fetch(ctx context.Context, key, name string, rrtype uint16, oldest time.Time) (*dnssec.Answer, error) {
	if e, ok := r.cache.PeekString(failureKey(key), time.Time{}); ok {
		return e.answer, nil
	}
	for {
		e, err := r.cache.Get(ctx, key, oldest, func(ctx context.Context) (cache.Entry[*entry], error) {
			a, says := r.walkTo(ctx, name, rrtype, oldest, 0)
			if !says || r.leaveBe(key, a) {
				return cache.Entry[*entry]{}, &notKept{a}
			}
			r.forgetAliases(a)
			return cache.Entry[*entry]{Value: keptAnswer(key, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched}, nil
		})
		var other *notKept
		switch {
		case err == errNotRenewed:
			continue // the flight was one of ahead's
		case errors.As(err, &other):
			return other.answer, nil
		case err != nil:
			return nil, err
		}
		// A flight that others began may rest on an alias's target that was
		// cached before oldest; then it must be fetched again.
		if fresh(e.answer, oldest) {
			return e.answer, nil
		}
		oldest = r.cfg.Now()
	}
}

// notKept is an answer that those get who asked for it, while what is cached of its
// name stays as it is.
type notKept struct{ answer *dnssec.Answer }

func (e *notKept) Error() string { return e.answer.Trouble.Text }

// leaveBe reports whether what is cached of a question is still true and better than
// an answer that says no more than that nobody was reached. That is remembered beside
// it, for those who are not content with what is cached.
func (r *Resolver) leaveBe(key string, a *dnssec.Answer) bool {
	if !failed(a) || a.Security == dnssec.Bogus {
		return false
	}
	e, ok := r.cache.PeekString(key, time.Time{})
	if !ok || failed(e.answer) {
		return false
	}
	beside := failureKey(key)
	r.cache.Put(beside, cache.Entry[*entry]{Value: keptAnswer(beside, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched})
	return true
}

// walkTo takes a question to its end, within its time and where there is room for it.
// says is false where the answer says nothing of the name. chainAge is that of a Question.
func (r *Resolver) walkTo(ctx context.Context, name string, rrtype uint16, oldest time.Time, chainAge time.Duration) (_ *dnssec.Answer, says bool) {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	now := r.cfg.Now()
	ctx, leave, ok := r.crowd.enter(ctx, now)
	if !ok {
		return r.turnedAway(name, rrtype, errYoung), false
	}
	defer leave()
	w := r.newWalk(ctx, now)
	w.oldest = oldest
	if chainAge != 0 {
		w.rooted = w.terms.Now.Add(-max(chainAge, 0))
	}
	w.goOn(true)
	defer w.rest()
	a := w.resolve(name, rrtype, nil)
	cut := ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded // gave way, or nobody waits any more
	return r.unlessCrowded(ctx, a), !cut || !failed(a)
}

// at resolves as of another time. Nothing cached is read or written: an answer
// of another time proves nothing about now.
func (r *Resolver) at(ctx context.Context, name string, q dnssec.Question) (*dnssec.Answer, *walk) {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	w := r.newWalk(ctx, q.At)
	w.private = true
	ctx, leave, ok := r.crowd.enter(ctx, r.cfg.Now())
	if !ok {
		return r.turnedAway(name, q.Type, errYoung), w
	}
	defer leave()
	w.ctx = ctx
	return r.unlessCrowded(ctx, w.resolve(name, q.Type, nil)), w
}

// Drop forgets a name and all below it, what its aliases lead to and what leads
// there, and returns how many entries that were: the data of a dropped name must
// not be answered under another.
func (r *Resolver) Drop(name string) int {
	name = dnssec.Canonical(name)
	var led []string
	n := r.cache.DropFunc(func(key string, e *entry) bool {
		switch key[0] {
		case keyCut, keyDoubt:
			return dnssec.IsSubdomain(key[1:], name)
		case keyDenial: // a zone's denials may speak of any name below it
			return dnssec.IsSubdomain(key[1:], name) || dnssec.IsSubdomain(name, key[1:])
		}
		through := targets(e.answer)
		if !dnssec.IsSubdomain(key[3:], name) && !slices.ContainsFunc(through, func(t string) bool { return dnssec.IsSubdomain(t, name) }) {
			return false
		}
		for _, target := range through {
			led = append(led, string(answerKey(nil, []byte(target), e.answer.Type)))
		}
		return true
	})
	for _, key := range led {
		if r.cache.Drop(key) {
			n++
		}
	}
	return n
}

// Ready reports why the resolver cannot prove anything yet: the root has not
// been reached, or its keys are not those of the trust anchor.
func (r *Resolver) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	w := r.newWalk(ctx, r.cfg.Now())
	defer w.giveUpEarly(0)
	root := w.root()
	if root.zone.Security == dnssec.Bogus || root.zone.Trouble.Unreachable {
		return fmt.Errorf("the root zone is not proven: %s", root.zone.Trouble.Text)
	}
	return nil
}

// Stats counts what the resolver has done since it was made.
type Stats struct {
	Queries int64 // messages sent to servers
	Renewed int64 // answers asked for anew ahead of their end
	Cache   cache.Stats
	Network transport.Stats // of an Exchanger that counts; zero of others
}

// Stats returns the counters.
func (r *Resolver) Stats() Stats {
	s := Stats{Queries: r.queries.Load(), Renewed: r.ahead.count(), Cache: r.cache.Stats()}
	if n, ok := r.cfg.Exchanger.(interface{ Stats() transport.Stats }); ok {
		s.Network = n.Stats()
	}
	return s
}

// Close waits for the questions under way, until ctx ends, and closes what the
// Exchanger keeps open, where it is an io.Closer.
func (r *Resolver) Close(ctx context.Context) error {
	defer r.leaveForwarders()
	if c, ok := r.cfg.Exchanger.(io.Closer); ok {
		defer c.Close()
	}
	wait := r.ahead.close()
	defer wait()
	return r.cache.Close(ctx)
}
