package publish

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// ListConfig says what List looks at. Entries and Now are required.
type ListConfig struct {
	// Entries are the names to look at, each asked about once. Several of one name are
	// keys to look for there; the zero Record looks for none.
	Entries []Entry
	Now     func() time.Time
	// Progress, where set, is told how many of the names have been asked about, by one
	// goroutine at a time.
	Progress func(done, of int)
}

// List sees what a subject's domain publishes now. Every name server of the zones is
// asked, each by itself and past every cache; where servers cannot be asked one by one
// (forwarders) one validating lookup stands in, and Unasked says so. Every trouble of
// the DNS is in the Listing. The error is that nothing can be asked at all: no World,
// no clock, or ctx ending, when what was seen until then is worth nothing.
func List(ctx context.Context, w World, c ListConfig) (Listing, error) {
	if w == nil || c.Now == nil {
		return Listing{}, errors.New("publish: no world to look at, or no clock")
	}
	l := Listing{At: c.Now().UTC(), Sets: named(c.Entries)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex // guards done, and has Progress called by one at a time
	done := 0
	inTurns(len(l.Sets), func(i int) {
		set, err := lookAt(ctx, w, l.Sets[i], l.At)
		if err != nil {
			cancel(err)
			return
		}
		l.Sets[i] = set
		mu.Lock()
		defer mu.Unlock()
		if done++; c.Progress != nil {
			c.Progress(done, len(l.Sets))
		}
	})
	if err := ctx.Err(); err != nil {
		return Listing{}, stopped(context.Cause(ctx), "what is published was not all seen")
	}
	for i := range l.Sets {
		if err := l.addZone(ctx, w, l.Sets[i].Zone); err != nil {
			return Listing{}, stopped(err, "what is published was not all seen")
		}
	}
	return l, nil
}

// named are the names of entries, each once, with what is wanted there.
func named(entries []Entry) []SeenSet {
	var sets []SeenSet
	for _, e := range entries {
		i := slices.IndexFunc(sets, func(s SeenSet) bool { return s.Name == e.Name })
		if i < 0 {
			i = len(sets)
			sets = append(sets, SeenSet{Name: e.Name, Domain: e.Domain, Method: e.Method, Form: e.Form})
		}
		if s := &sets[i]; !e.Record.IsZero() && !slices.Contains(s.Wanted, e.Record) {
			s.Wanted = append(s.Wanted, e.Record)
		}
	}
	return sets
}

// listedAtOnce bounds how many names are asked about at the same time: each costs a
// zone's servers some messages, and a domain has 22 names.
const listedAtOnce = 4

// inTurns calls f with 0 to n-1, a few at the same time, and returns when all calls have.
func inTurns(n int, f func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range min(n, listedAtOnce) {
		all.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// lookAt asks about one name.
func lookAt(ctx context.Context, w World, s SeenSet, now time.Time) (SeenSet, error) {
	if err := ctx.Err(); err != nil {
		return s, err
	}
	q := question(s.Name, dnssec.TypeTLSA)
	each, err := w.LookupEach(ctx, q)
	if err != nil {
		return s, err
	}
	s = see(s, each, now)
	if !s.Unasked && !s.Trouble.Budget {
		return s, nil
	}
	// To ask every server may cost too much where to verify does not, and the other way round.
	a, _, err := w.Lookup(ctx, q)
	if err != nil {
		return s, err
	}
	return seeLookup(s, a, now), nil
}

// addZone looks at the keys of a zone, unless that has been done.
func (l *Listing) addZone(ctx context.Context, w World, apex string) error {
	if apex == "" || slices.ContainsFunc(l.Zones, func(z SeenZone) bool { return z.Apex == apex }) {
		return nil
	}
	a, _, err := w.Lookup(ctx, question(apex, dns.TypeDNSKEY))
	if err != nil {
		return err
	}
	z := SeenZone{Apex: apex}
	if a != nil && a.Name == apex && a.Type == dns.TypeDNSKEY {
		if z.Security = a.Security; a.Security == dnssec.Secure {
			z.KeysUntil = signaturesEnd(a, l.At)
		}
	}
	if z.Security == dnssec.Insecure && !a.Overridden {
		z.Lacks, z.Do = whyUnsigned(ctx, w, apex)
	}
	l.Zones = append(l.Zones, z)
	return ctx.Err()
}
