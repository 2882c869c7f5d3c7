package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/acme/store"
)

// opening is how an ACME server comes to be there that cannot issue at once. What somebody has to mend, in the configuration
// or in the files that it names, ends the start: whoever has changed it is watching. What may pass by itself, or comes about
// while nobody watches (an intermediate that ends, a clock, a full disk), must not keep verifiers waiting: the server is tried again.
type opening struct {
	try    func(context.Context) error
	again  chan struct{} // a reload: somebody may have mended it
	opened chan struct{} // closed once it is
	waits  atomic.Pointer[string]
	last   string // kindOf what was told
}

func newOpening() opening {
	return opening{again: make(chan struct{}, 1), opened: make(chan struct{})}
}

// How long is waited before it is tried again: at first, and at the most.
const (
	firstPause = 5 * time.Second
	lastPause  = time.Minute
)

// mayPass reports whether an error is none that somebody has to mend in the configuration or its files.
func mayPass(err error) bool {
	_, notIssued := errors.AsType[*notIssuedError](err)
	_, readOnly := errors.AsType[*readOnlyError](err)
	return notIssued || readOnly || ca.Untimely(err) || store.Passing(err)
}

// first tries it at the start: an error is one that somebody has to mend.
func (o *opening) first(ctx context.Context, log *slog.Logger) error {
	err := o.try(ctx)
	switch {
	case err == nil:
		close(o.opened)
	case !mayPass(err) || ctx.Err() != nil:
		return err
	default:
		o.tell(log, err)
	}
	return nil
}

// await tries it until it is open; false where ctx has ended before.
func (o *opening) await(ctx context.Context, log *slog.Logger) bool {
	if o.isOpen() {
		return true
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-ctx.Done():
			return false
		case <-o.again:
			pause = firstPause
		case <-time.After(pause):
		}
		err := o.try(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		if kindOf(err) != o.last {
			o.tell(log, err)
		}
	}
	o.waits.Store(nil)
	close(o.opened)
	log.Info("acme: open: it issues from now on")
	return true
}

// tell logs why it is not open.
func (o *opening) tell(log *slog.Logger, err error) {
	text := oneLine(err.Error())
	o.waits.Store(&text)
	o.last = kindOf(err)
	log.Error("acme: not open: nothing is issued, and no list given out, until this has passed; it is tried again by itself, and at a reload", "err", text)
}

// kindOf is the same of errors that differ only in the time that they tell.
func kindOf(err error) string {
	_, notIssued := errors.AsType[*notIssuedError](err)
	switch {
	case notIssued:
		return "not issued"
	case ca.Untimely(err):
		return "untimely"
	}
	return err.Error()
}

func (o *opening) isOpen() bool {
	select {
	case <-o.opened:
		return true
	default:
		return false
	}
}

// trouble says in a line why the ACME server is not open; "" where it is, or there is none.
func (a *acmeService) trouble() string {
	if a == nil || a.isOpen() {
		return ""
	}
	if why := a.waits.Load(); why != nil {
		return "acme: not open: " + *why
	}
	return "acme: not open"
}

// opens waits until it is open; false where ctx ends before.
func (o *opening) opens(ctx context.Context) bool {
	select {
	case <-o.opened:
		return true
	case <-ctx.Done():
		return false
	}
}

// once answers by what h returns, which is called once, as soon as it is open, and until then with 503. Over TLS nobody gets as far
// while the server has no certificate to show: the handshake ends at once.
func (o *opening) once(h func() http.Handler) http.Handler {
	var made atomic.Pointer[http.Handler]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there := made.Load()
		if there == nil {
			if !o.isOpen() {
				notOpen(w)
				return
			}
			one := h()
			made.CompareAndSwap(nil, &one)
			there = made.Load()
		}
		(*there).ServeHTTP(w, r)
	})
}

// notOpen is what clients are told; why is nobody's business but the operator's.
func notOpen(w http.ResponseWriter) {
	p := acme.Problemf(acme.ServerInternal, "this server cannot issue at the moment, and tries again by itself: come again in a minute; its log says why")
	p.Status = http.StatusServiceUnavailable
	octets, err := json.Marshal(p)
	if err != nil {
		octets = nil // every Problem can be written
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", strconv.Itoa(int(lastPause/time.Second)))
	w.WriteHeader(p.Status)
	w.Write(octets)
}
