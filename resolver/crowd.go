package resolver

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// crowd bounds the questions that are under way at once, so that a flood of slow
// ones neither uses all sockets up nor keeps the quick ones out: where there is no
// room the oldest gives way, if it has had its time.
type crowd struct {
	mu     sync.Mutex // guards guests
	guests list.List  // of *guest, the oldest first
}

type guest struct {
	began time.Time
	leave context.CancelCauseFunc
}

const (
	maxInFlight = 1000                   // BIND: recursive-clients 1000
	patience    = 200 * time.Millisecond // Unbound: jostle-timeout 200 ms
)

// errCrowded is why the context of a question ended that gave way.
var errCrowded = errors.New("it gave way to others, since 1000 questions are under way")

// enter begins a question. It is not ok where all that are under way are younger
// than one may be sent away at; otherwise leave must be called.
func (c *crowd) enter(ctx context.Context, now time.Time) (_ context.Context, leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guests.Len() >= maxInFlight {
		oldest := c.guests.Front()
		g := oldest.Value.(*guest)
		if now.Sub(g.began) < patience {
			return ctx, nil, false
		}
		c.guests.Remove(oldest)
		g.leave(errCrowded)
	}
	ctx, end := context.WithCancelCause(ctx)
	place := c.guests.PushBack(&guest{now, end})
	return ctx, func() {
		end(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.guests.Remove(place) // nothing, where it gave way
	}, true
}

// whyOver says why a question's time has come to its end.
func (w *walk) whyOver() string {
	if context.Cause(w.ctx) == errCrowded {
		return errCrowded.Error()
	}
	return "time is up"
}

// noRoom begins what is said to who is turned away; no server's words come so far to the front.
const noRoom = "no room for the question"

// turnedAway answers a question that there is no room for. The answer says nothing of
// the name and must not be kept.
func (r *Resolver) turnedAway(name string, rrtype uint16) *dnssec.Answer {
	now := r.cfg.Now()
	return &dnssec.Answer{
		Name: name, Type: rrtype, Rcode: dns.RcodeServerFailure, Fetched: now, Until: now,
		Trouble: dnssec.Trouble{Text: fmt.Sprintf(noRoom+": %d others are under way, and none of them for long", maxInFlight), Unreachable: true},
	}
}
