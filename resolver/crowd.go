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

// maxInFlight bounds the questions that are under way at once (BIND: recursive-clients 1000).
const maxInFlight = 1000

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
		if now.Sub(g.began) < dnssec.Patience {
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

// errYoung is why a question is not begun.
var errYoung = fmt.Errorf("%d others are under way, and none of them for long", maxInFlight)

// turnedAway answers a question that there is no room for, not at first or, where it
// gave way, no more. The answer says nothing of the name and must not be kept.
func (r *Resolver) turnedAway(name string, rrtype uint16, why error) *dnssec.Answer {
	now := r.cfg.Now()
	return &dnssec.Answer{
		Name: name, Type: rrtype, Rcode: dns.RcodeServerFailure, Fetched: now, Until: now,
		Trouble: dnssec.Trouble{Text: noRoom + ": " + why.Error(), Unreachable: true},
	}
}

// unlessCrowded is what has been found to a question, or that it gave way before it
// could be: what else it says then is no word about the name.
func (r *Resolver) unlessCrowded(ctx context.Context, a *dnssec.Answer) *dnssec.Answer {
	if failed(a) && context.Cause(ctx) == errCrowded {
		return r.turnedAway(a.Name, a.Type, errCrowded)
	}
	return a
}
