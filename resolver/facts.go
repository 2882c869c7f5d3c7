package resolver

import (
	"net/netip"
	"sync"
	"time"
)

// facts is what experience says of servers: how fast they answer and how often
// they do not. It is about speed alone; nothing in it is ever proof.
type facts struct {
	now func() time.Time
	mu  sync.Mutex // guards of
	of  map[netip.AddrPort]*fact
}

// fact is the experience with one server. The zero value is one that was never met.
type fact struct {
	rtt      time.Duration // smoothed as RFC 6298 §2.3; 0 while unknown
	failures int           // in a row
	plain    bool          // answered EDNS with FORMERR: asked without it
	met      time.Time     // when it last answered, or was last found silent
}

// maxFacts bounds the table; past it, it begins anew. A server that is met
// again is measured again.
const maxFacts = 20000

func newFacts(now func() time.Time) *facts {
	return &facts{now: now, of: map[netip.AddrPort]*fact{}}
}

// get is what is known of a server now: what is too old is forgotten.
func (f *facts) get(a netip.AddrPort) fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[a]
	if x == nil {
		return fact{}
	}
	if f.now().Sub(x.met) > factLife {
		return fact{failures: x.failures, met: x.met}
	}
	return *x
}

// factLife is how long a measurement counts (Unbound's infra-host-ttl: 900 s).
const factLife = 15 * time.Minute

func (f *facts) change(a netip.AddrPort, how func(*fact)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[a]
	if x == nil {
		if len(f.of) >= maxFacts {
			clear(f.of)
		}
		x = &fact{}
		f.of[a] = x
	}
	now := f.now()
	if now.Sub(x.met) > factLife {
		*x = fact{failures: x.failures}
	}
	x.met = now
	how(x)
}

func (f *facts) answered(a netip.AddrPort, took time.Duration) {
	f.change(a, func(x *fact) {
		took = max(took, time.Millisecond)
		if x.rtt == 0 {
			x.rtt = took
		} else {
			x.rtt = (7*x.rtt + took) / 8
		}
		x.failures = 0
	})
}

func (f *facts) failed(a netip.AddrPort)      { f.change(a, func(x *fact) { x.failures++ }) }
func (f *facts) refusesEDNS(a netip.AddrPort) { f.change(a, func(x *fact) { x.plain = true }) }

// probe reports whether a server that was found silent may be tried again before
// others, and takes the turn: of all who ask at the same time one is enough.
func (f *facts) probe(a netip.AddrPort) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[a]
	if x == nil || x.failures == 0 {
		return true
	}
	if f.now().Sub(x.met) < x.backOff() {
		return false
	}
	x.met = f.now()
	return true
}

// backOff is how long a silent server is left alone where others answer.
func (x fact) backOff() time.Duration { return min(time.Second<<min(x.failures, 10), maxBackOff) }

const maxBackOff = 5 * time.Minute

// unknownRTT is what a server that was never asked counts as: it comes before
// slow ones, so that it is tried.
const unknownRTT = 50 * time.Millisecond

// cost orders servers: the smaller, the sooner asked. A failure counts as much
// as a slow answer and doubles, so that a dead server is not asked first.
func (x fact) cost() time.Duration {
	rtt := x.rtt
	if rtt == 0 {
		rtt = unknownRTT
	}
	return rtt + firstTimeout<<min(x.failures, 6) - firstTimeout
}

// Waiting times. Unbound's first try is 376 ms.
const (
	firstTimeout = 400 * time.Millisecond
	minTimeout   = 100 * time.Millisecond
	maxTimeout   = 2 * time.Second
	tcpTimeout   = 3 * time.Second
)

// timeout is how long to wait for a server in the n-th round of asking. One that was
// silent last may have become slow, and is waited for at least as long as one that
// was never asked (RFC 6298 §5.7).
func (x fact) timeout(round int) time.Duration {
	t := firstTimeout
	if x.rtt != 0 {
		t = min(max(4*x.rtt, minTimeout), maxTimeout)
	}
	if x.failures > 0 {
		t = max(t, firstTimeout)
	}
	return min(t<<round, maxTimeout)
}
