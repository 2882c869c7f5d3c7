package main

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lounge knows the guests of one door, so that one who asks nothing can give his place to a newcomer: whoever
// keeps connections that he does not use would else keep all others out. Its zero value is ready.
type lounge struct {
	mu     sync.Mutex // guards what follows
	all    map[*guest]struct{}
	quiet  []stay // who was quiet when that was last looked at, the longest last
	looked int64  // the second in which it was

	left atomic.Int64 // how many had to go
}

// stay is a guest who had last been heard of then.
type stay struct {
	guest *guest
	since int64
}

// quietTime is for how many full seconds nobody is taken for idle who was heard of: a client that has its
// answer may be about to ask again.
const quietTime = 1

// idling is what a guest's connection tells of him.
type idling struct {
	seconds *atomic.Int64 // of the hall
	heard   atomic.Int64  // the second in which something was last read
	busy    atomic.Int64  // requests that are being answered
}

// settle takes a guest in.
func (l *lounge) settle(g *guest, seconds *atomic.Int64) *guest {
	g.seconds = seconds
	g.heard.Store(seconds.Load())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*guest]struct{}{}
	}
	l.all[g] = struct{}{}
	return g
}

func (l *lounge) forget(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, g)
	if l.looked != g.seconds.Load() {
		l.quiet = nil // it would hold on to those who have left
	}
}

// makeRoom shows the guest out who has been quiet for the longest, and is false where all have asked something just now.
// It looks at all of them once a second at the most: strangers who come and come must not cost more than that.
func (l *lounge) makeRoom(second int64) bool {
	g := l.longest(second)
	if g == nil {
		return false
	}
	l.left.Add(1)
	g.Close()
	return true
}

func (l *lounge) longest(second int64) *guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.quiet) > 0 {
			last := l.quiet[len(l.quiet)-1]
			l.quiet = l.quiet[:len(l.quiet)-1]
			if _, here := l.all[last.guest]; here && last.guest.heard.Load() == last.since && last.guest.busy.Load() == 0 {
				delete(l.all, last.guest)
				return last.guest
			}
		}
		if l.looked == second {
			l.quiet = nil
			return nil
		}
		l.looked = second
		for g := range l.all {
			if since := g.heard.Load(); second-since > quietTime && g.busy.Load() == 0 {
				l.quiet = append(l.quiet, stay{g, since})
			}
		}
		slices.SortFunc(l.quiet, func(a, b stay) int { return cmp.Compare(b.since, a.since) })
	}
}

// Read notes that something was heard.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if n > 0 && g.seconds != nil {
		g.heard.Store(g.seconds.Load())
	}
	return n, err
}

// makeRoom has a guest of this door go, or, where it is the hall that is full, of another.
func (d *door) makeRoom() bool {
	second := d.hall.seconds.Load()
	if d.lounge.makeRoom(second) {
		return true
	}
	if d.inside.Load() >= d.most {
		return false // another's leaving would make no room here
	}
	return slices.ContainsFunc(d.hall.doors, func(o *door) bool { return o != d && o.lounge.makeRoom(second) })
}

// count counts the seconds until ctx ends. The guests are told of the time by it, since a clock that is read for
// each of their words would cost them more.
func (h *hall) count(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.seconds.Add(1)
		case <-ctx.Done():
			return
		}
	}
}

// guestOf is who is at the near end of a connection; nil where no door let it in.
func guestOf(conn net.Conn) *guest {
	for {
		if g, ok := conn.(*guest); ok {
			return g
		}
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = inner.NetConn()
	}
}
