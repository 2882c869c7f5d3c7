package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"cnfd/issuers"
)

// When keys are loaded.
const (
	usualRefresh = time.Hour
	usualTimeout = 5 * time.Second
	minRefresh   = time.Second
	// On demand no oftener than this: a stranger's tokens with made-up key names
	// must not make us ask the issuer for each of them.
	demandEvery = 30 * time.Second
	// After a failure, doubled each time.
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// keeping are the keys of one issuer.
type keeping struct {
	issuer  string
	refresh time.Duration
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger
	read    func(context.Context) ([]byte, error)
	from    Source
	counts  *counts

	mu     sync.Mutex
	set    issuers.Set // the last good ones; guarded by mu, as is what follows
	err    error       // why the last load failed; there where asked is and set is not
	retry  time.Duration
	due    time.Time
	asked  time.Time // when the last load began; zero where there was none
	flight *flight   // under way
	warned string    // of what is wrong with single keys
}

// flight is one load, which all who want it share. set and err are there once done
// is closed.
type flight struct {
	done chan struct{}
	set  issuers.Set
	err  error
}

// newKeeping begins to keep the keys of one issuer: those of a file are read.
func newKeeping(from Source, c *Config, counts *counts) (*keeping, error) {
	s := &keeping{issuer: from.Issuer, refresh: from.Refresh, timeout: from.Timeout, now: c.Now, log: c.Log, from: from, counts: counts}
	switch {
	case from.Issuer == "":
		return nil, errors.New("without a name")
	case (from.File == "") == (from.URL == ""):
		return nil, errors.New("its keys are in a file or at a URL: neither or both is given")
	case from.Refresh != 0 && from.Refresh < minRefresh:
		return nil, errors.New("refresh: less than a second")
	case from.Timeout < 0:
		return nil, errors.New("timeout: less than nothing")
	case from.File != "" && (from.Roots != nil || len(from.Addresses) > 0):
		return nil, errors.New("ca and addresses: only for keys at a URL")
	case slices.Contains(from.Addresses, netip.Addr{}):
		return nil, errors.New("addresses: one that is none")
	}
	s.refresh, s.timeout = cmp.Or(s.refresh, usualRefresh), cmp.Or(s.timeout, usualTimeout)
	if from.URL != "" {
		u, err := url.Parse(from.URL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			return nil, errors.New("not an https URL of a host, without a user and a fragment")
		}
		s.read = fetcher(u, &from, s.timeout, c.Now)
		return s, nil
	}
	s.read = func(context.Context) ([]byte, error) { return readFile(from.File) }
	text, err := readFile(from.File)
	if err != nil {
		return nil, err
	}
	set, wrong, err := issuers.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.File, err)
	}
	s.asked = s.now()
	s.land(set, wrong, nil)
	return s, nil
}

// inherit takes over the keys of the one before, where they came from the same URL by
// the same way, and when they are due.
func (s *keeping) inherit(before *keeping) {
	if before == nil || s.from.URL == "" || before.from.URL != s.from.URL || !slices.Equal(before.from.Addresses, s.from.Addresses) {
		return
	}
	if a, b := before.from.Roots, s.from.Roots; (a == nil) != (b == nil) || a != nil && !a.Equal(b) {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	if before.set == nil {
		return
	}
	s.set, s.err, s.retry, s.asked, s.warned = before.set, before.err, before.retry, before.asked, before.warned
	if s.due = before.due; s.retry == 0 { // another refresh may hold from now on
		s.due = before.due.Add(s.refresh - before.refresh)
	}
}

// ask gives the keys that are there, or why there are none, where that is enough:
// nothing is missing, or it was looked for lately. Otherwise it gives the flight to
// wait for, which the caller must launch where it has begun with him.
func (s *keeping) ask(missing bool) (set issuers.Set, f *flight, begun bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set != nil && !missing {
		return s.set, nil, false, nil
	}
	since := s.now().Sub(s.asked)
	if s.flight != nil || s.asked.IsZero() || since < 0 || since >= demandEvery {
		f, begun = s.join()
		return nil, f, begun, nil
	}
	if s.err != nil {
		return nil, nil, false, s.err
	}
	return s.set, nil, false, nil
}

// board gives the flight under way, or one that the caller must launch.
func (s *keeping) board() (f *flight, begun bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.join()
}

// join is board for who holds mu.
func (s *keeping) join() (f *flight, begun bool) {
	if s.flight != nil {
		return s.flight, false
	}
	s.flight = &flight{done: make(chan struct{})}
	s.asked = s.now()
	return s.flight, true
}

// cancel ends a flight that was never launched.
func (s *keeping) cancel(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.err = fmt.Errorf("issuer %q: its keys are not fetched any more", s.issuer)
	s.err, s.flight = f.err, nil
	close(f.done)
}

// wait is how long the next load may wait: not at all where the clock was set
// back since the last.
func (s *keeping) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Before(s.asked) {
		return 0
	}
	return s.due.Sub(now)
}

// fly loads the keys and lands the flight. A load in which no key can be used is a
// failed one; where that is what the issuer says, those from before are gone, too.
func (s *keeping) fly(ctx context.Context, f *flight) {
	timely, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	text, err := s.read(timely)
	var wrong []error
	if err == nil {
		f.set, wrong, err = issuers.Read(text)
	}
	if err != nil {
		f.set, f.err = nil, fmt.Errorf("issuer %q: %w", s.issuer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil { // else the end of all of it, which says nothing of the issuer
		s.land(f.set, wrong, err)
	}
	s.err, s.flight = f.err, nil
	close(f.done)
}

// land takes what a load brought, and says in the log what has changed.
func (s *keeping) land(set issuers.Set, wrong []error, err error) {
	now := s.now()
	if err != nil {
		s.counts.failed.Add(1)
		withdrawn := s.set != nil && errors.As(err, new(*issuers.Withdrawn))
		if withdrawn {
			s.set = nil
		}
		if s.retry == 0 || withdrawn {
			kept := "there are none"
			if s.set != nil {
				kept = "the last good ones are kept"
			}
			s.log.Warn("issuer: its keys cannot be had: "+kept, "issuer", s.issuer, "err", err)
		}
		s.retry = min(max(2*s.retry, firstRetry), lastRetry)
		s.due = now.Add(s.retry)
		return
	}
	s.counts.loaded.Add(1)
	if s.retry != 0 {
		s.log.Info("issuer: its keys are had again", "issuer", s.issuer)
	}
	warning := ""
	if len(wrong) > 0 {
		warning = wrong[0].Error()
		if n := len(wrong); n > 1 {
			warning += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	if warning != "" && warning != s.warned {
		s.log.Warn("issuer: a key that it gives is not used", "issuer", s.issuer, "err", warning)
	}
	s.set, s.retry, s.warned = set, 0, warning
	s.due = now.Add(s.refresh)
}
