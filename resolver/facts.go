package resolver

import (
	"net/netip"
	"sync"
	"time"
)

// facts is what experience says of servers: how fast they answer and how often
// they do not. It is about speed alone; nothing in it is ever proof.
type facts struct {
	mu sync.Mutex // guards of
	of map[netip.AddrPort]*fact
}

type fact struct {
	rtt      time.Duration // smoothed as RFC 6298 §2.3; 0 while unknown
	failures int           // in a row
	plain    bool          // answered EDNS with FORMERR: asked without it
}

// maxFacts bounds the table; past it, it begins anew. A server that is met
// again is measured again.
const maxFacts = 20000

func newFacts() *facts { return &facts{of: map[netip.AddrPort]*fact{}} }

func (f *facts) get(a netip.AddrPort) fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.of[a]; x != nil {
		return *x
	}
	return fact{}
}

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

// unknownRTT is what a server that was never asked counts as: it comes before
// slow ones, so that it is tried.
const unknownRTT = 50 * time.Millisecond

// cost orders servers: the smaller, the sooner asked. A failure counts as much
// as a slow answer and doubles, so that a dead server is not asked first again
// until the others are worse.
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

// timeout is how long to wait for a server in the n-th round of asking.
func (x fact) timeout(round int) time.Duration {
	t := firstTimeout
	if x.rtt != 0 {
		t = min(max(4*x.rtt, minTimeout), maxTimeout)
	}
	return min(t<<round, maxTimeout)
}
