package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	acmegate "cnfd/acme/gate"
	"cnfd/acme/store"
	"cnfd/acme/weakkey"
	"cnfd/cmd/cnfd/internal/config"
)

// acmeService is the ACME server of a daemon, with the CA and the store that it owns. A
// nil one is none.
type acmeService struct {
	gate    liveGate
	blocked atomic.Pointer[weakkey.Blocklist]
	pair    atomic.Pointer[tls.Certificate] // that is shown
	secure  bool                            // clients come over TLS

	opening // of what follows, which is there once it is open
	ca      *ca.CA
	store   *store.Store
	server  *acme.Server
	own     *ownCertificate // nil: the certificate is the configuration's, or there is no TLS

	requests, plainRequests counting
	http, plain             *http.Server // plain may be nil
	stop                    context.CancelFunc
	ended                   chan struct{} // closed once nothing works for it any more
	failed                  error         // of what worked for it; read once it has ended
	closing                 sync.Once
}

// newACMEService makes what c describes over e's resolver; nil where acme.listen is off. Until it is
// served nothing runs, and abandon ends it. What somebody has to mend is an error; where the CA only cannot
// issue yet, the service is to be opened later.
func (d *daemon) newACMEService(ctx context.Context, c *config.Config) (a *acmeService, err error) {
	if c.ACME.Listen == "" {
		return nil, nil
	}
	files, err := acmeFilesOf(c)
	if err != nil {
		return nil, err
	}
	a = &acmeService{secure: !strings.HasPrefix(c.ACME.URL, "http:"), opening: newOpening(), ended: make(chan struct{})}
	keeper, err := d.acmeGate(c)
	if err != nil {
		return nil, err
	}
	a.gate.Store(keeper)
	a.show(files)
	held := *c // the caller's may change
	a.try = func(ctx context.Context) error { return d.openACMEService(ctx, &held, a, files) }
	if err := a.first(ctx, d.log.Logger); err != nil {
		return nil, err
	}
	a.http = d.acmeHTTP(c, &a.requests, a.once(func() http.Handler { return a.server }))
	a.http.WriteTimeout = c.Limits.ReadTimeout + acmeAnswerTime
	if c.ACME.ListenPlain != "" {
		a.plain = d.acmeHTTP(c, &a.plainRequests, a.once(func() http.Handler { return a.server.Public() }))
	}
	return a, nil
}

// openACMEService opens what c describes, or changes nothing. What the files have that somebody has to mend is looked for
// even where the time alone keeps the CA from issuing: now somebody may be watching.
func (d *daemon) openACMEService(ctx context.Context, c *config.Config, a *acmeService, files acmeFiles) (err error) {
	dir, err := acmeDir(c)
	if err != nil {
		return err
	}
	s, notYet := openStore(dir)
	if notYet != nil && !mayPass(notYet) {
		return notYet
	}
	defer func() {
		if s != nil && err != nil {
			s.Close()
		}
	}()
	authority, err := ca.Open(ca.Config{Dir: dir, URL: publicURL(&c.ACME), Now: d.clock.Now, AlternateChains: files.chains})
	if err != nil && (notYet == nil || !mayPass(err)) {
		return fmt.Errorf("acme: %w", err)
	}
	if notYet != nil {
		return notYet
	}
	if err = orphaned(ctx, dir, authority, d.clock.Now()); err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	server, err := d.newACME(c, a, s, authority)
	if err != nil {
		return err
	}
	var own *ownCertificate
	if a.secure && files.pair == nil {
		own = &ownCertificate{
			issuer: authority, store: s, now: d.clock.Now, log: d.log.Logger, host: hostOf(c.ACME.URL), base: publicURL(&c.ACME),
			path: filepath.Join(dir, ownFile), show: a.pair.Store,
		}
		if err = own.begin(ctx); err != nil {
			return err
		}
	}
	tellURL(ctx, d.log.Logger, s, dir, c.ACME.URL)
	a.ca, a.store, a.server, a.own = authority, s, server, own
	return nil
}

// acmeAnswerTime is how long an answer may take: a gate that asks name servers for as many
// names as an order may have, and then a certificate that is waited for.
const acmeAnswerTime = 2 * time.Minute

// liveGate is the gate of now: a reload may change what the record is looked for by.
type liveGate struct{ atomic.Pointer[acmegate.Gate] }

// Judge judges by the gate of now.
func (l *liveGate) Judge(ctx context.Context, c *acme.Claim) *acme.Problem {
	return l.Load().Judge(ctx, c)
}

// acmeHTTP is a server with the limits that the API's has; what an ACME client sends is
// bounded by package acme.
func (d *daemon) acmeHTTP(c *config.Config, requests *counting, h http.Handler) *http.Server {
	requests.Handler = h
	return &http.Server{
		Handler:           requests,
		ReadHeaderTimeout: min(c.Limits.ReadTimeout/2, headerTime),
		ReadTimeout:       c.Limits.ReadTimeout,
		WriteTimeout:      c.Limits.ReadTimeout + answerTime,
		IdleTimeout:       c.Limits.IdleTimeout,
		MaxHeaderBytes:    max(int(c.Limits.Header)-headerSlack, 1),
		ErrorLog:          log.New(serverLog{d.log.Logger}, "", 0),
		ConnContext:       withPeer,
	}
}

// serveACME begins to answer on open sockets; what is to be done without a request is done too.
func (d *daemon) serveACME(a *acmeService, s sockets) {
	running, stop := context.WithCancel(context.Background())
	a.stop = stop
	d.run("acme.listen", func() error {
		if !a.secure {
			return a.http.Serve(s.acme)
		}
		a.http.TLSConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.pair.Load(), nil },
		}
		return a.http.ServeTLS(s.acme, "", "")
	})
	if s.acmePlain != nil {
		d.run("acme.listen_plain", func() error { return a.plain.Serve(s.acmePlain) })
	}
	d.run("acme", func() error {
		defer close(a.ended)
		if !a.await(running, d.log.Logger) {
			return nil
		}
		if a.own != nil {
			d.serving.Go(func() { a.own.run(running) })
		}
		d.serving.Go(func() { a.watchEnd(running, d.log.Logger, d.clock.Now) })
		if err := a.server.Run(running); running.Err() == nil || !errors.Is(err, context.Canceled) {
			a.failed = err // else it was ended before it had begun
		}
		return a.failed
	})
}

// close finishes the requests that have begun, until ctx ends, has the server put aside
// what it has, and closes the store.
func (a *acmeService) close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	var errs []error
	for _, s := range []*http.Server{a.http, a.plain} {
		if s == nil {
			continue
		}
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("acme: requests were cut off: %w", err))
			s.Close()
		}
	}
	a.closing.Do(func() {
		a.stop()
		<-a.ended
		if errs = append(errs, a.failed); a.store != nil {
			errs = append(errs, a.store.Close())
		}
	})
	return errors.Join(errs...)
}

// abandon ends a service that was never served.
func (a *acmeService) abandon() {
	if a != nil && a.stop == nil && a.store != nil {
		a.store.Close()
	}
}
