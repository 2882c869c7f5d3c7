package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/resolver/listener"
)

// daemon is everything that cnfd serve runs. It owns its sockets, its resolver
// and every goroutine behind them; Close ends them all.
type daemon struct {
	log    *slog.Logger
	clock  *clock
	engine *engine
	http   *http.Server
	dns    *listener.Server
	left   *snapshot

	addresses addresses
	failed    chan error // the first socket that ended by itself
	serving   sync.WaitGroup
	closers   []func() // in reverse: what was opened before anything served
}

// addresses is where a daemon listens; "" where it does not.
type addresses struct {
	API  string // http://127.0.0.1:8255 or https://…
	Unix string // the socket's path
	DNS  string // 127.0.0.1:53
}

// String lists what listens where, for the line that says the daemon is there.
func (a addresses) String() string {
	var list []string
	if a.API != "" {
		list = append(list, a.API)
	}
	if a.Unix != "" {
		list = append(list, "unix:"+a.Unix)
	}
	if a.DNS != "" {
		list = append(list, "dns:"+a.DNS)
	}
	return strings.Join(list, " ")
}

// Bounds on what a caller may take of the HTTP server.
const (
	headerTime     = 5 * time.Second  // slow headers (docs: Slowloris)
	requestTime    = 10 * time.Second // header and body together
	answerTime     = 30 * time.Second // 10 s of body, 7 s of DNS, and the way back
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// startDaemon opens every socket of c and serves on them. On an error nothing
// stays open. ctx bounds the start alone.
func startDaemon(ctx context.Context, c *config.Config, logger *slog.Logger) (d *daemon, err error) {
	d = &daemon{log: logger, failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			d.undo()
			if d.left != nil {
				d.left.unlock()
			}
			d = nil
		}
	}()
	if d.clock, err = newClock(&c.Resolver, logger); err != nil {
		return d, err
	}
	d.closers = append(d.closers, d.clock.Close)
	if d.engine, err = newEngine(c, d.clock.Now, logger, false); err != nil {
		return d, err
	}
	sockets, err := d.open(c)
	if err != nil {
		return d, err
	}
	if err = d.prepare(c); err != nil {
		return d, err
	}
	d.left = newSnapshot(c, logger)
	d.left.restore(ctx, d.engine.resolver)
	if err = ctx.Err(); err != nil {
		return d, err
	}
	d.serve(sockets)
	return d, nil
}

// sockets are open and not yet served; nil where the configuration has none.
type sockets struct {
	tcp, unix net.Listener
	tls       *tls.Config
	dnsUDP    net.PacketConn
	dnsTCP    net.Listener
}

// open opens the sockets, so that every one of them is ours before any is served.
func (d *daemon) open(c *config.Config) (s sockets, err error) {
	if c.API.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.API.TLS.Cert, c.API.TLS.Key)
		if err != nil {
			return s, fmt.Errorf("api.tls: %w", err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if c.API.Listen != "" {
		l, err := listenTCP("api.listen", c.API.Listen)
		if err != nil {
			return s, err
		}
		d.closers = append(d.closers, func() { l.Close() })
		s.tcp = l
		d.addresses.API = "http://" + l.Addr().String()
		if s.tls != nil {
			d.addresses.API = "https://" + l.Addr().String()
		}
	}
	if c.API.Unix != "" {
		l, err := listenUnix(c.API.Unix, c.API.UnixMode)
		if err != nil {
			return s, err
		}
		d.closers = append(d.closers, func() { l.Close() })
		s.unix = l
		if len(c.API.AllowUIDs) > 0 {
			if s.unix, err = onlyUIDs(l, c.API.AllowUIDs, d.log); err != nil {
				return s, err
			}
		}
		d.addresses.Unix = c.API.Unix
	}
	if c.DNS.Listen != "" {
		if s.dnsUDP, s.dnsTCP, err = listenDNS(c.DNS.Listen); err != nil {
			return s, err
		}
		d.closers = append(d.closers, func() { s.dnsUDP.Close(); s.dnsTCP.Close() })
		d.addresses.DNS = s.dnsUDP.LocalAddr().String()
	}
	if d.addresses == (addresses{}) {
		return s, errors.New("nothing to serve: api.listen, api.unix and dns.listen are all off")
	}
	return s, nil
}

// prepare makes the servers behind the sockets.
func (d *daemon) prepare(c *config.Config) error {
	purge, err := api.ParsePurge(c.API.Purge)
	if err != nil {
		return fmt.Errorf("api.purge: %w", err)
	}
	gateways, err := authzOf(c, d.engine.verifier, d.engine, d.log)
	if err != nil {
		return err
	}
	handler, err := api.New(api.Config{
		Authz:    gateways,
		Verifier: d.engine.verifier, Prechecker: d.engine.verifier, Resolver: readyEngine{d.engine.resolver, d.engine.anchors}, Now: d.clock.Now, Log: d.log,
		Purge: purge, Subjects: subjects(c), Testing: c.Testing,
	})
	if err != nil {
		return err
	}
	d.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(serverLog{d.log}, "", 0),
	}
	if c.DNS.Listen != "" {
		d.dns = listener.New(listener.Config{
			Source: d.engine.resolver, Allow: c.DNS.Allow, Now: d.clock.Now,
			InFlight: int(c.DNS.MaxInFlight), PerClient: int(c.DNS.MaxPerClient), TCP: int(c.DNS.MaxTCP), TCPPerClient: int(c.DNS.MaxTCPPerClient),
		})
	}
	return nil
}

func (d *daemon) serve(s sockets) {
	d.watchAnchors()
	d.refreshKeys()
	if s.tcp != nil {
		if s.tls != nil {
			d.http.TLSConfig = s.tls
			d.run("api.listen", func() error { return d.http.ServeTLS(s.tcp, "", "") })
		} else {
			d.run("api.listen", func() error { return d.http.Serve(s.tcp) })
		}
	}
	if s.unix != nil {
		d.run("api.unix", func() error { return d.http.Serve(s.unix) })
	}
	if d.dns != nil {
		d.run("dns.listen", func() error { return d.dns.Serve(s.dnsUDP, s.dnsTCP) })
	}
}

// watchAnchors follows the trust anchors, and the negative ones, until the daemon is closed.
func (d *daemon) watchAnchors() {
	ctx, stop := context.WithCancel(context.Background())
	d.closers = append(d.closers, stop)
	d.serving.Go(func() { d.engine.anchors.Run(ctx, d.engine.resolver) })
	for _, n := range d.engine.resolver.NegativeAnchors() {
		d.log.Warn("negative trust anchor: nothing in or under the zone confirms or refutes", "zone", n.Name, "until", n.Until.UTC().Format(time.RFC3339))
	}
	d.serving.Go(func() { d.engine.resolver.WatchNegativeAnchors(ctx, d.tellNegativeEnd) })
}

// tellNegativeEnd logs that a negative trust anchor is no more.
func (d *daemon) tellNegativeEnd(zone string, validates bool) {
	what := "negative trust anchor: its time is up"
	if validates {
		what = "negative trust anchor: the zone validates again, the anchor is gone"
	}
	d.log.Warn(what+": take it out of the configuration", "zone", zone)
}

func (d *daemon) run(what string, serve func() error) {
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		if err := serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			d.failed <- fmt.Errorf("%s: %w", what, err)
		}
	}()
}

// Addresses returns where the daemon listens, with the ports that were free.
func (d *daemon) Addresses() addresses { return d.addresses }

// Failed gives an error if a socket stops serving by itself.
func (d *daemon) Failed() <-chan error { return d.failed }

// Close takes no more requests, finishes those that have begun, until ctx ends,
// and then ends everything. The error says what was not finished.
func (d *daemon) Close(ctx context.Context) error {
	var errs []error
	dnsEnded := make(chan error, 1)
	go func() { // at the same time: neither is to be answered while the other is waited for
		if d.dns == nil {
			dnsEnded <- nil
			return
		}
		dnsEnded <- d.dns.Shutdown(ctx)
	}()
	if err := d.http.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("api: requests were cut off: %w", err))
		d.http.Close()
	}
	if err := <-dnsEnded; err != nil {
		errs = append(errs, fmt.Errorf("dns: questions were cut off: %w", err))
	}
	if err := d.engine.resolver.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("resolver: %w", err))
	}
	d.undo()
	d.serving.Wait()
	d.left.leave(d.engine.resolver)
	return errors.Join(errs...)
}

// undo closes what is open, the last first. Closing twice does no harm.
func (d *daemon) undo() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
	d.closers = nil
}

// serverLog passes on what net/http has to say: that it cannot accept any more
// must be seen; what strangers do to a TLS connection is not worth a line each.
type serverLog struct{ log *slog.Logger }

// Write logs one message of net/http.
func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.Contains(line, []byte("TLS handshake error")) || bytes.Contains(line, []byte("http2: ")) {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "http server", "what", strings.TrimSpace(string(line)))
	return len(line), nil
}
