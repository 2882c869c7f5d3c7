package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	acmegate "cnfd/acme/gate"
	"cnfd/acme/store"
	"cnfd/acme/validate"
	"cnfd/acme/weakkey"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/record"
	"cnfd/verifier"
)

// acmeService is the ACME server of a daemon, with the CA and the store that it owns. A
// nil one is none.
type acmeService struct {
	ca      *ca.CA
	store   *store.Store
	server  *acme.Server
	own     *ownCertificate                 // nil: the certificate is the configuration's, or there is no TLS
	pair    atomic.Pointer[tls.Certificate] // that is shown
	blocked atomic.Pointer[weakkey.Blocklist]
	gate    liveGate
	secure  bool // clients come over TLS

	requests, plainRequests counting
	http, plain             *http.Server // plain may be nil
	stop                    context.CancelFunc
	ended                   chan struct{} // closed once nothing works for it any more
	failed                  error         // of what worked for it; read once it has ended
	closing                 sync.Once
}

// newACMEService makes what c describes over e's resolver; nil where acme.listen is off. Until it is
// served nothing runs, and abandon ends it.
func (d *daemon) newACMEService(ctx context.Context, c *config.Config) (a *acmeService, err error) {
	if c.ACME.Listen == "" {
		return nil, nil
	}
	files, err := acmeFilesOf(c)
	if err != nil {
		return nil, err
	}
	dir, err := acmeDir(c)
	if err != nil {
		return nil, err
	}
	a = &acmeService{secure: !strings.HasPrefix(c.ACME.URL, "http:"), ended: make(chan struct{})}
	if a.store, err = openStore(dir); err != nil {
		return nil, err
	}
	opened := a.store // a is nil where an error is returned
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	a.ca, err = ca.Open(ca.Config{Dir: dir, URL: publicURL(&c.ACME), Now: d.clock.Now, AlternateChains: files.chains})
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	if err = orphaned(ctx, dir, a.ca, d.clock.Now()); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	if err = d.newACME(c, a); err != nil {
		return nil, err
	}
	a.show(files)
	if a.secure && files.pair == nil {
		a.own = &ownCertificate{issuer: a.ca, store: a.store, now: d.clock.Now, host: hostOf(c.ACME.URL), show: a.pair.Store}
		if err = a.own.renew(ctx); err != nil {
			return nil, err
		}
	}
	a.http = d.acmeHTTP(c, &a.requests, a.server)
	a.http.WriteTimeout = c.Limits.ReadTimeout + acmeAnswerTime
	if c.ACME.ListenPlain != "" {
		a.plain = d.acmeHTTP(c, &a.plainRequests, a.server.Public())
	}
	return a, nil
}

// acmeAnswerTime is how long an answer may take: a gate that asks name servers for as many
// names as an order may have, and then a certificate that is waited for.
const acmeAnswerTime = 2 * time.Minute

// newACME makes the server between the gate, the validator and the CA.
func (d *daemon) newACME(c *config.Config, a *acmeService) error {
	keeper, err := d.acmeGate(c)
	if err != nil {
		return err
	}
	a.gate.Store(keeper)
	s := &c.ACME
	validator, err := validate.New(validate.Config{
		Source: d.engine.resolver, AllowNetworks: s.AllowNetworks, HTTPPort: s.HTTPPort, TLSPort: s.TLSPort,
		NoIPv4: !c.Resolver.IPv4, NoIPv6: !c.Resolver.IPv6,
	})
	if err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	a.server, err = acme.New(acme.Config{
		Store: a.store, Gate: &a.gate, Validator: validator, Issuer: a.ca, Authority: a.ca, Now: d.clock.Now, Log: d.log.Logger,
		URL: s.URL, Profiles: profilesOf(s), Terms: s.Terms, Website: s.Website, CAAIdentities: s.CAAIdentities, LogDetails: c.Log.Subjects == "full",
		ExternalAccounts: s.ExternalAccounts, AwaitRecord: s.AwaitRecord, Blocked: a.blocked.Load,
		MaxNames: int(s.MaxNames), OrderLife: s.OrderLife, NewAccounts: hourly(s.NewAccounts), NewOrders: hourly(s.NewOrders),
	})
	return err
}

// hourly is a limit whose 0 is any number as package acme takes it, whose 0 is the default.
func hourly(n uint32) int {
	if n == 0 {
		return -1
	}
	return int(n)
}

// acmeVerifier is the gate's: of what record allows it has nothing but the forms.
func (d *daemon) acmeVerifier(c *config.Config, forms []record.Form) verifier.Config {
	return verifier.Config{
		Source: d.engine.resolver, Now: d.clock.Now, Subjects: record.Subjects{Local: subjects(c).Local}, Forms: forms, Testing: c.Testing,
	}
}

// acmeGate judges by a verifier of its own: whatever record of the configuration lets
// confirm, a certificate rests on secure data alone, at the exact name.
func (d *daemon) acmeGate(c *config.Config) (*acmegate.Gate, error) {
	var forms []record.Form
	for _, word := range c.Record.Forms {
		f, err := record.ParseForm(word)
		if err != nil {
			return nil, fmt.Errorf("record.forms: %w", err)
		}
		forms = append(forms, f)
	}
	v, err := verifier.New(d.acmeVerifier(c, forms))
	if err != nil {
		return nil, err
	}
	return acmegate.New(acmegate.Config{
		Confirmer: v, Source: d.engine.resolver, Identities: c.ACME.CAAIdentities, Forms: forms, Testing: c.Testing,
		TTL: uint32(c.Publish.TTL / time.Second),
	})
}

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
	if a.own != nil {
		d.serving.Go(func() { a.own.run(running, d.log.Logger) })
	}
	d.serving.Go(func() { a.watchEnd(running, d.log.Logger, d.clock.Now) })
	d.run("acme", func() error {
		defer close(a.ended)
		a.failed = a.server.Run(running)
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
		errs = append(errs, a.failed, a.store.Close())
	})
	return errors.Join(errs...)
}

// abandon ends a service that was never served.
func (a *acmeService) abandon() {
	if a != nil && a.stop == nil {
		a.store.Close()
	}
}

// publicURL is what certificates name as the place of lists and issuers: the plain
// listener at the same host, where there is one.
func publicURL(a *config.ACME) string {
	_, port, err := net.SplitHostPort(a.ListenPlain)
	if a.ListenPlain == "" || err != nil {
		return a.URL
	}
	host := hostOf(a.URL)
	switch {
	case port != "80":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return "http://" + host
}

// hostOf is the name or the address in a URL that the configuration was let have.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// identifierOfHost is what the server's own certificate is for.
func identifierOfHost(host string) acme.Identifier {
	if a, err := netip.ParseAddr(host); err == nil {
		return acme.Identifier{Type: acme.TypeIP, Value: a.Unmap().String()}
	}
	return acme.Identifier{Type: acme.TypeDNS, Value: host}
}
