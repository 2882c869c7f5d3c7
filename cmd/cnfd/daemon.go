package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/lane"
	"cnfd/metrics"
	"cnfd/resolver/listener"
)

// daemon is everything that cnfd serve runs. It owns its sockets, its resolver
// and every goroutine behind them; Close ends them all.
type daemon struct {
	log       logs
	clock     *clock
	engine    *engine // the one that it began with
	live      live
	requests  counting
	decisions *decisions
	doors     []*door
	hall      hall
	pair      atomic.Pointer[tls.Certificate]
	http      *http.Server
	lane      *lane.Lane // beneath http
	dns       *listener.Server
	acme      *acmeService
	figures   *acmeCounts // nil where that is off
	left      *snapshot
	logKey    func() []byte
	stopping  chan struct{}   // closed once no more requests are taken
	running   context.Context // of all that goes on by itself; ends with the daemon
	stopOnce  sync.Once

	addresses addresses
	failed    chan error // the first socket that ended by itself
	serving   sync.WaitGroup
	closers   []func() // in reverse: what was opened before anything served
}

// headerTime is the longest that headers may take to arrive.
const headerTime = 5 * time.Second

// answerTime is how long an answer may take once its request is there: 7 s of DNS, the
// issuer's keys, and the way back.
const answerTime = 20 * time.Second

// startDaemon opens every socket of c and serves on them. On an error nothing
// stays open. ctx bounds the start alone.
func startDaemon(ctx context.Context, c *config.Config, l logs) (*daemon, error) {
	return startGiven(ctx, c, l, &given{})
}

// startGiven is startDaemon with sockets that are open already; they are the daemon's
// from then on.
func startGiven(ctx context.Context, c *config.Config, l logs, g *given) (d *daemon, err error) {
	logger := l.Logger
	d = &daemon{log: l, failed: make(chan error, 7), stopping: make(chan struct{}), logKey: logKey(c, logger)}
	var end context.CancelFunc
	d.running, end = context.WithCancel(context.Background())
	d.closers = append(d.closers, end, g.close)
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
	sockets, err := d.open(c, g)
	if err != nil {
		return d, err
	}
	if err = d.prepare(c, sockets.dnsUDP != nil); err != nil {
		return d, err
	}
	if d.acme, err = d.newACMEService(ctx, c); err != nil {
		return d, err
	}
	d.closers = append(d.closers, d.acme.abandon)
	d.left = newSnapshot(c, logger)
	d.left.restore(ctx, d.engine.resolver)
	if err = ctx.Err(); err != nil {
		return d, err
	}
	d.serve(sockets)
	return d, nil
}

// prepare makes the servers behind the sockets.
func (d *daemon) prepare(c *config.Config, dns bool) error {
	e := d.engine
	e.source.rate.Store(int64(c.Limits.PeerMisses))
	e.source.evidence.Store(c.Log.Evidence != "off")
	d.decisions = &decisions{log: d.log.Logger, json: d.log.json, chain: e.resolver}
	d.decisions.tells.Store(tellsOf(c, d.logKey))
	d.decisions.counts = metrics.New(append(d.families(), d.acmeFamilies(c)...)...)
	handler, err := d.handlerOf(c, e)
	if err != nil {
		return err
	}
	held := *c // the caller's may change
	d.live.Store(&generation{config: &held, engine: e, handler: handler})
	d.requests.Handler = &d.live
	d.http = &http.Server{
		Handler:           &d.requests,
		ReadHeaderTimeout: min(c.Limits.ReadTimeout/2, headerTime),
		ReadTimeout:       c.Limits.ReadTimeout,
		WriteTimeout:      c.Limits.ReadTimeout + answerTime,
		IdleTimeout:       c.Limits.IdleTimeout,
		MaxHeaderBytes:    max(int(c.Limits.Header)-headerSlack, 1), // 0 would be a megabyte
		ErrorLog:          log.New(handshakeLog{serverLog{d.log.Logger}, &d.live.keptOut}, "", 0),
		ConnContext:       withPeer,
	}
	d.lane = lane.Beneath(d.http, lane.Config{Target: "/v1/verify", Answerer: &d.live, Now: time.Now})
	if dns {
		d.dns = listener.New(listener.Config{
			Source: d.engine.resolver, Allow: c.DNS.Allow, Now: d.clock.Now,
			InFlight: int(c.DNS.MaxInFlight), PerClient: int(c.DNS.MaxPerClient), TCP: int(c.DNS.MaxTCP), TCPPerClient: int(c.DNS.MaxTCPPerClient),
		})
	}
	return nil
}

// headerSlack is what net/http reads beyond what it is told (http.Server.initialReadLimitSize).
const headerSlack = 4 << 10

// handlerOf makes what answers by e as c has it.
func (d *daemon) handlerOf(c *config.Config, e *engine) (api.Handler, error) {
	purge, err := api.ParsePurge(c.API.Purge)
	if err != nil {
		return nil, fmt.Errorf("api.purge: %w", err)
	}
	gateways, err := authzOf(c, api.Observed(patient{e.verifier}, d.decisions, d.clock.Now), e, d.log.Logger)
	if err != nil {
		return nil, err
	}
	ac := api.Config{
		Verifier: &d.live, Cached: &d.live, Prechecker: &d.live, Resolver: readyResolver{e.resolver, &d.live}, Now: d.clock.Now, Log: d.log.Logger,
		Purge: purge, Subjects: subjects(c), Testing: c.Testing, Authz: gateways, Stopping: d.stopping,
		Beside: func() string { return d.acme.trouble() }, Decisions: d.decisions, MetricsOnUnix: c.Metrics.Read == "unix", BodyLimit: int64(c.Limits.Body),
	}
	if c.Metrics.Read != "off" {
		ac.Metrics = d.decisions.counts
	}
	return api.New(ac)
}

func (d *daemon) serve(s sockets) {
	d.begin(d.live.Load())
	d.watchNegativeAnchors()
	if s.tcp != nil {
		if s.tls != nil {
			d.http.TLSConfig = s.tls
			d.run("api.listen", func() error { return d.http.ServeTLS(s.tcp, "", "") })
		} else {
			d.run("api.listen", func() error { return d.http.Serve(d.lane.Listener(s.tcp)) })
		}
	}
	if s.unix != nil {
		d.run("api.unix", func() error { return d.http.Serve(d.lane.Listener(s.unix)) })
	}
	if d.dns != nil {
		d.run("dns.listen", func() error { return d.dns.Serve(s.dnsUDP, s.dnsTCP) })
	}
	if d.acme != nil {
		d.serveACME(d.acme, s)
	}
}

// watchNegativeAnchors follows the negative trust anchors until the daemon is closed.
func (d *daemon) watchNegativeAnchors() {
	for _, n := range d.engine.resolver.NegativeAnchors() {
		d.log.Warn("negative trust anchor: nothing in or under the zone confirms or refutes", "zone", n.Name, "until", n.Until.UTC().Format(time.RFC3339))
	}
	d.serving.Go(func() { d.engine.resolver.WatchNegativeAnchors(d.running, d.tellNegativeEnd) })
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
	d.stopOnce.Do(func() { close(d.stopping) })
	dnsEnded := make(chan error, 1)
	go func() { // at the same time: neither is to be answered while the other is waited for
		if d.dns == nil {
			dnsEnded <- nil
			return
		}
		dnsEnded <- d.dns.Shutdown(ctx)
	}()
	acmeEnded := make(chan error, 1)
	go func() { acmeEnded <- d.acme.close(ctx) }()
	if err := d.http.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("api: requests were cut off: %w", err))
		d.http.Close()
	}
	if err := d.lane.Drain(ctx); err != nil {
		errs = append(errs, fmt.Errorf("api: answers were cut off: %w", err))
	}
	if err := <-dnsEnded; err != nil {
		errs = append(errs, fmt.Errorf("dns: questions were cut off: %w", err))
	}
	if err := <-acmeEnded; err != nil {
		errs = append(errs, err)
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
