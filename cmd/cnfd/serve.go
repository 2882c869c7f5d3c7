package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: the HTTP API, and, where configured, the DNS listener and the ACME server",
		Long: `Run the daemon until it is told to stop (SIGTERM, SIGINT): it then finishes what it has begun. A second
signal ends it at once. It says where on standard error once it listens. SIGHUP has it read its configuration anew, and the
keys and certificates that it names, without dropping a request (docs/operating.md).`,
		Example: "  cnfd serve --config /etc/cnfd/cnfd.yaml\n  curl --unix-socket /run/cnfd/cnfd.sock http://localhost/readyz",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd, file)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// closeTime bounds the end: longer than any one question may take (7 s).
const closeTime = 15 * time.Second

func serve(cmd *cobra.Command, file string) error {
	c, err := loadConfig(file)
	if err != nil {
		return err
	}
	log, err := newLogs(cmd.ErrOrStderr(), &c.Log)
	if err != nil {
		return err
	}
	if u := user(); file == "" && !u.Root && c.API.Unix == "" {
		log.Warn("no unix socket: XDG_RUNTIME_DIR is not set; api.unix in a configuration gives it a place")
	}
	if c.Testing {
		log.Warn("testing: true: no verdict of this daemon is to be trusted")
	}
	for _, w := range warnings(file) {
		log.Warn("configuration: "+w.What, "at", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column))
	}
	boundMemory(int64(c.Cache.MaxBytes))
	freeProcessor()
	// Taken before the sockets open: whoever sees them may already send a signal.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	manager := supervisorOf(os.Getenv, log.Logger)
	sockets, err := givenSockets()
	if err != nil {
		return err
	}
	d, err := startGiven(ctx, &c, log, cmp.Or(sockets, &given{}))
	if err != nil && ctx.Err() != nil {
		log.Info("stopped before anything was served")
		return nil
	}
	if err != nil {
		return forConfig(err, file)
	}
	if c.Log.Format == "json" {
		// Not by log, whose level may leave it out: who starts the daemon waits for it.
		slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil)).Info("listening", "on", d.Addresses().String())
	} else {
		fmt.Fprintf(cmd.ErrOrStderr(), "cnfd: listening on %s\n", d.Addresses())
	}

	var telling sync.WaitGroup
	manager.beside = d.acme.trouble
	telling.Go(func() {
		prove, later := readyResolver{d.engine.resolver, &d.live}.Ready, d.acme.trouble() != ""
		if manager.ready(ctx, prove); later && d.acme.opens(ctx) {
			manager.ready(ctx, prove)
		}
	})
	watched, unwatch := context.WithCancel(context.Background())
	telling.Go(func() { manager.feed(watched, d.alive) })
	broken := d.watch(ctx, again, file, &manager)
	manager.tell("STOPPING=1", "STATUS=stopping")
	defer func() { unwatch(); telling.Wait() }()
	stop() // a second signal has its usual effect
	closing, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := d.Close(closing); broken == nil {
		broken = err
	}
	return broken
}

// watch has the daemon do as the signals say, until it is to end; the error is what
// ends it by itself.
func (d *daemon) watch(ctx context.Context, again <-chan os.Signal, file string, manager *supervisor) error {
	for {
		select {
		case <-ctx.Done():
			d.log.Info("stopping: finishing what has begun")
			return nil
		case err := <-d.Failed():
			return err
		case <-again:
			manager.reloading()
			d.reload(file)
			manager.tell("READY=1")
		}
	}
}
