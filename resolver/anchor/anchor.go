// Package anchor keeps the trust anchors of a running resolver up to date: it
// asks for their zones' keys when they are due, has package rollover decide what
// is trusted (RFC 5011), and keeps that on disk. It also notices by their
// signatures when the machine's clock is wrong.
package anchor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cnfd/dnssec"
	"cnfd/dnssec/rollover"

	"github.com/miekg/dns"
)

// Resolver is asked for keys and told what to trust.
type Resolver interface {
	// AskKeys asks the servers of a zone for its DNSKEY records, past any
	// cache, until accept takes a message.
	AskKeys(ctx context.Context, zone string, accept func(*dns.Msg) bool) error
	// SetAnchors trusts a from now on, and forgets what was proven before.
	SetAnchors(a dnssec.Anchors)
}

// Config says what a Keeper keeps. Now is required.
type Config struct {
	// Now is the clock for signatures and hold-downs.
	Now func() time.Time
	// Configured are the anchors to begin with: the zero value has none.
	Configured dnssec.Anchors
	// Still leaves the anchors as they are configured: the state is neither
	// read nor written, and only the clock is watched.
	Still bool
	// Dir is the directory of the state files; "" keeps none.
	Dir string
	// ReadOnly changes nothing in Dir: for commands, which do not Run.
	ReadOnly bool
	// SHA1 lets SHA-1 signatures and digests prove something.
	SHA1 bool
	// Log gets what people should know; default: nowhere.
	Log *slog.Logger
}

// Keeper follows the trust anchors of one resolver.
type Keeper struct {
	cfg    Config
	store  store
	names  []string      // sorted
	points []*point      // of names, in that order; of the goroutine that runs
	every  time.Duration // watchEvery; longer in tests of months

	telling sync.Mutex // held while the resolver is told

	mu       sync.Mutex
	anchors  dnssec.Anchors   // guarded by mu
	troubles map[string]error // by name, why nothing can be proven below it; guarded by mu
}

// point is a trust point with its schedule.
type point struct {
	state   rollover.Point
	lately  dnssec.KeySet // the last proven one
	asked   time.Time
	due     time.Time
	wait    time.Duration // before the next try, while nothing is proven
	offFrom time.Time     // the clock is wrong (only of the root): the time at which it would be right …
	offTo   time.Time     // … ends here
	unsaved bool
	warned  string // the last trouble in keeping or proving it that was logged
}

// Open reads the state of every configured anchor. What cannot be used is said
// in the log and put aside: then the configured anchors hold.
func Open(c Config) *Keeper {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: c, store: store{c.Dir, c.ReadOnly}, troubles: map[string]error{}, every: watchEvery}
	k.names = c.Configured.Names()
	slices.Sort(k.names)
	now := k.now()
	for _, name := range k.names {
		p := &point{state: rollover.New(name, c.Configured.At(name))}
		k.points = append(k.points, p)
		if c.Still {
			continue
		}
		state, err := k.store.load(name, now)
		switch {
		case err == nil:
			p.state = state.Reconfigure(c.Configured.At(name))
		case !errors.Is(err, errNone):
			k.tellUnusable(name, err)
		}
		for _, r := range p.state.RevokedAnchors() {
			k.tellRevoked(name, r.DNSKEY)
		}
		k.tellEmpty(p)
	}
	k.anchors = k.trusted()
	return k
}

// Anchors are what is trusted now.
func (k *Keeper) Anchors() dnssec.Anchors {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.anchors
}

// Ready is nil unless it is known that nothing below an anchor can be proven: by
// the root's signatures the clock is wrong, or every key was revoked. The error is for people.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, name := range k.names {
		errs = append(errs, k.troubles[name])
	}
	return errors.Join(errs...)
}

// watchEvery is how often the clock is looked at: it may jump, so that no timer
// may be set by it for long.
const watchEvery = 500 * time.Millisecond

// Run asks for keys as they are due, and tells r what to trust, until ctx ends.
func (k *Keeper) Run(ctx context.Context, r Resolver) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { k.watchClock(ctx, r) })
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	for {
		now := k.now()
		for _, p := range k.points {
			if k.due(p, now) {
				k.refresh(ctx, r, p)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watchClock has what is cached forgotten when the clock is set back: it was to be
// forgotten at an hour that the clock had already shown, and would be kept until it
// shows that hour again. It waits for nobody: silent servers must not hide a jump.
func (k *Keeper) watchClock(ctx context.Context, r Resolver) {
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	for last := k.now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := k.now()
		if now.Before(last.Add(-setBack)) {
			k.cfg.Log.Warn("the clock was set back: what is cached is forgotten", "by", last.Sub(now).String())
			k.trust(r)
		}
		last = now
	}
}

// trust tells r what is trusted now, and has it forget the rest. One at a time: what
// was trusted before must not be told after what is.
func (k *Keeper) trust(r Resolver) {
	k.telling.Lock()
	defer k.telling.Unlock()
	r.SetAnchors(k.Anchors())
}

// setBack is how far back a clock goes without its being set (NTP slews less).
const setBack = time.Second

// now is the time that the clock shows. The monotonic reading is left out: by
// that the clock never jumps.
func (k *Keeper) now() time.Time { return k.cfg.Now().Round(0) }

// due reports whether a set is to be asked for: its time has come, the clock was
// set back, or the clock has come to where it would be right.
func (k *Keeper) due(p *point, now time.Time) bool {
	right := !p.offTo.IsZero() && now.After(p.offFrom) && now.Before(p.offTo)
	return right || !now.Before(p.due) || now.Before(p.asked)
}

// firstWait is how soon an unproven set is asked for again, doubled each time up
// to the retry time of RFC 5011 §2.3: until one is proven nothing is, so that
// an hour would be long.
const firstWait = 10 * time.Second

// refresh asks for one set, learns from it, and sets the time of the next.
func (k *Keeper) refresh(ctx context.Context, r Resolver, p *point) {
	var set dnssec.KeySet
	at := k.now()
	err := r.AskKeys(ctx, p.state.Name, func(m *dns.Msg) bool {
		read := dnssec.ReadKeySet(p.state.Name, p.state.Trust(), m, &dnssec.Terms{Now: at, Budget: &dnssec.Budget{}, SHA1: k.cfg.SHA1})
		useful := read.Proven || len(read.Revoked) > 0
		if useful || set.To.IsZero() {
			set = read
		}
		return useful
	})
	if ctx.Err() != nil {
		return
	}
	wasOff := !p.offTo.IsZero()
	p.asked, p.offFrom, p.offTo = at, time.Time{}, time.Time{}
	if p.state.Name == "." {
		// Of the root alone: of other zones it is likelier that nobody has signed them lately.
		p.offFrom, p.offTo = set.From, set.To
	}
	k.learn(r, p, set, at)
	if !set.Proven {
		p.wait = min(max(2*p.wait, firstWait), rollover.Retry(p.lately))
		p.due = at.Add(p.wait)
		k.tellUnproven(p, set, err)
		return
	}
	p.lately, p.wait = set, 0
	p.due = at.Add(rollover.Refresh(set))
	if p.warned != "" {
		k.cfg.Log.Info("trust anchor: the keys are proven now", "zone", p.state.Name)
		p.warned = ""
	}
	if wasOff {
		k.trust(r) // what was found while the clock was wrong is to be forgotten
	}
}

// learn takes a set into the state, keeps that, and tells the resolver what changed.
func (k *Keeper) learn(r Resolver, p *point, set dnssec.KeySet, at time.Time) {
	if !k.cfg.Still && (set.Proven || len(set.Revoked) > 0) {
		before := rollover.Records(p.state.Name, p.state.Trust())
		var events []rollover.Event
		err := k.store.change(p.state.Name, at, func(kept rollover.Point, err error) rollover.Point {
			base := p.state
			switch {
			case err == nil && p.unsaved:
				base = base.WithRevoked(kept)
			case err == nil:
				// Another process may have seen more than this one.
				base = kept.Reconfigure(p.state.Configured).WithRevoked(base)
			case !errors.Is(err, errNone):
				k.tellUnusable(p.state.Name, err)
			}
			p.state, events = base.Next(set, at)
			return p.state
		})
		if err != nil && !p.unsaved {
			k.cfg.Log.Warn("trust anchor: its state is not kept: it is lost at a restart", "zone", p.state.Name, "err", err)
		}
		p.unsaved = err != nil
		for _, e := range events {
			k.tell(e)
		}
		if !slices.Equal(before, rollover.Records(p.state.Name, p.state.Trust())) {
			k.tellEmpty(p)
			a := k.trusted()
			k.mu.Lock()
			k.anchors = a
			k.mu.Unlock()
			k.trust(r)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.troubles[p.state.Name] = k.troubleOf(p)
}

// trusted is what the states of all points make of the anchors.
func (k *Keeper) trusted() dnssec.Anchors {
	a := dnssec.Anchors{}.With(k.cfg.Configured)
	if k.cfg.Still {
		return a
	}
	for _, p := range k.points {
		a = a.WithAt(p.state.Name, p.state.Trust())
	}
	return a
}
