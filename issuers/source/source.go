// Package source fetches issuers' keys from a file or an https URL, and keeps the
// last good ones.
package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/issuers"
)

// Source says where the keys of one issuer are: in a file or at a URL, and in one
// of them only.
type Source struct {
	// Issuer is the iss of its credentials.
	Issuer string
	// File is a regular file of keys, in a format that issuers.Parse knows.
	File string
	// URL is where the issuer publishes the like: https alone, and only what its
	// own host answers itself. No redirect is followed and no proxy used.
	URL string
	// Roots are who may vouch for the URL's host; nil: whom this machine trusts.
	Roots *x509.CertPool
	// Addresses are dialled, one after the other and each fetch from the next on,
	// instead of looking the URL's host up. The certificate must be the host's still.
	Addresses []netip.Addr
	// Refresh is how often the keys are read again, a second or more; 0: an hour.
	Refresh time.Duration
	// Timeout bounds one fetch, the whole of it; 0: five seconds.
	Timeout time.Duration
}

// Config says what a Keeper keeps. Now is required.
type Config struct {
	// Now is the clock. It must go on.
	Now func() time.Time
	// Log gets what people should know: an issuer and a reason; default: nowhere.
	Log *slog.Logger
	// Sources are the issuers, each once.
	Sources []Source
	// Before is the Keeper that this one follows, if any: of an issuer at the same URL,
	// fetched in the same way, the keys that it has are taken over. Files are read anew.
	Before *Keeper
}

// Keeper keeps the keys of issuers. A set that was had once is kept until there
// is a newer one, however long that takes: an issuer that cannot be reached has
// revoked nothing. One that gives a set without a key to sign with has
// (issuers.Withdrawn): its keys are an error from then on. Whoever must drop an
// issuer's keys at once takes the issuer out of the configuration.
type Keeper struct {
	issuers map[string]*keeping
	counts  *counts

	ctx     context.Context // of every fetch, which outlives the caller that began it
	end     context.CancelFunc
	mu      sync.Mutex
	ended   bool           // nothing is fetched any more; guarded by mu
	flights sync.WaitGroup // added to under mu, while not ended
}

// New reads every file, once. An issuer without a name or with another's, one with
// neither or both of File and URL, a URL that is not of https, and a file without a
// usable key are errors, all of them told together. URLs are fetched once their keys
// are asked for; only Run has anything read again before somebody misses a key.
func New(c Config) (*Keeper, error) {
	if c.Now == nil {
		return nil, errors.New("issuers: no clock")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{issuers: map[string]*keeping{}, counts: &counts{}}
	if c.Before != nil {
		k.counts = c.Before.counts
	}
	var errs []error
	for _, s := range c.Sources {
		one, err := newKeeping(s, &c, k.counts)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("issuer %q: %w", s.Issuer, err))
		case k.issuers[s.Issuer] != nil:
			errs = append(errs, fmt.Errorf("issuer %q: stands there twice", s.Issuer))
		default:
			if c.Before != nil {
				one.inherit(c.Before.issuers[s.Issuer])
			}
			k.issuers[s.Issuer] = one
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	k.ctx, k.end = context.WithCancel(context.Background())
	return k, nil
}

// Stats counts the loads of keys, from files and URLs, of a Keeper and of those before it.
type Stats struct{ Loaded, Failed int64 }

// counts are the Stats while they are counted.
type counts struct{ loaded, failed atomic.Int64 }

// Stats returns the counts.
func (k *Keeper) Stats() Stats {
	return Stats{Loaded: k.counts.loaded.Load(), Failed: k.counts.failed.Load()}
}

// Run fetches what is at a URL, and reads everything again as it is due, until ctx
// ends. It returns when the last fetch has; nothing is fetched after it, not on demand
// either.
func (k *Keeper) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, s := range k.issuers {
		running.Go(func() { k.refresh(ctx, s) })
	}
	<-ctx.Done()
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	k.end()
	running.Wait()
	k.flights.Wait()
}

// refresh loads the keys of one issuer as they are due.
func (k *Keeper) refresh(ctx context.Context, s *keeping) {
	for ctx.Err() == nil {
		wait := s.wait()
		if wait <= 0 {
			f, begun := s.board()
			if begun {
				k.launch(s, f)
			}
			<-f.done
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// launch has a flight flown, or cancels it where nothing is fetched any more.
func (k *Keeper) launch(s *keeping, f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		s.cancel(f)
		return
	}
	k.flights.Go(func() { s.fly(k.ctx, f) })
}

// Keys gives the keys of an issuer. Those that are there are given at once, unless
// the caller misses one (missing: a token names a key that is not among them):
// then they are fetched again, where that was not done in the last 30 seconds. Keys
// that were never had are waited for. The error says, for the operator, why none can
// be had: the issuer is not known, it could never be fetched, or it could not be
// fetched again where a key is missing; or it is that of ctx, which nothing outlasts.
func (k *Keeper) Keys(ctx context.Context, issuer string, missing bool) (issuers.Set, error) {
	s := k.issuers[issuer]
	if s == nil {
		return nil, errors.New("issuer: not one whose keys are known here")
	}
	set, f, begun, err := s.ask(missing)
	if begun {
		k.launch(s, f)
	}
	if f == nil {
		return set, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.done:
		return f.set, f.err
	}
}
