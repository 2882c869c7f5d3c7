package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/sandbox"

	"github.com/spf13/cobra"
)

func newSandbox() *cobra.Command {
	var o sandboxOptions
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a small signed Internet on loopback, with a daemon in front of it",
		Long: `Run a signed root, two top-level domains and some fifty zones on loopback, with a daemon that trusts that
root. No network and no privilege is needed. It prints where everything is, and commands to try, with
credentials whose verdict is known; zones can be changed by dynamic updates (RFC 2136) with the printed key.

Its keys are made at the start and are worth nothing afterwards. Ctrl-C ends it.`,
		Example: `  cnfd sandbox
  cnfd sandbox --demo
  cnfd sandbox --dir /tmp/sandbox --json
  sudo unshare --net sh -c 'ip link set lo up && cnfd sandbox --port 53'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSandbox(cmd, &o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.demo, "demo", false, "tell the story: verify, refute, withdraw a record; then end, with 3 if anything is not as it should be")
	f.StringVar(&o.dir, "dir", "", "put the configuration and the credentials into this `DIR`, and leave them there (default: a temporary one)")
	f.Uint16Var(&o.port, "port", 0, "the `PORT` of the name servers, 53 needs root; 0: a free one")
	f.BoolVar(&o.json, "json", false, "print where everything is as JSON")
	return cmd
}

type sandboxOptions struct {
	demo, json bool
	dir        string
	port       uint16
}

func runSandbox(cmd *cobra.Command, o *sandboxOptions) error {
	// Taken before the sockets open, as serve does.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	p, err := openPlayground(ctx, cmd, o)
	if err != nil {
		return err
	}
	defer p.close()
	out := cmd.OutOrStdout()
	switch {
	case o.demo:
		return p.demo(ctx, out)
	case o.json:
		err = p.printJSON(out)
	default:
		err = p.print(out)
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-p.daemon.Failed():
	}
	return err
}

// playground is the sandbox's Internet, the daemon in front of it, and the
// directory with what one needs to use both. close ends all of it.
type playground struct {
	internet *sandbox.Internet
	daemon   *daemon
	samples  []sandbox.Sample
	wallet   *sandbox.Wallet
	dir      string
	closers  []func()
}

// openPlayground starts everything. On an error nothing stays behind.
func openPlayground(ctx context.Context, cmd *cobra.Command, o *sandboxOptions) (p *playground, err error) {
	p = &playground{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err = p.makeDir(o.dir); err != nil {
		return p, err
	}
	clock, err := newClock(&config.Resolver{}, log)
	if err != nil {
		return p, err
	}
	p.closers = append(p.closers, clock.Close)
	if p.internet, err = sandbox.Start(sandbox.Config{Now: clock.Now, Port: int(o.port)}); err != nil {
		return p, err
	}
	p.closers = append(p.closers, func() { p.internet.Close() })
	if p.samples, err = p.internet.Samples(); err != nil {
		return p, err
	}
	if p.wallet, err = p.internet.Wallet(); err != nil {
		return p, err
	}
	if err = p.writeFiles(); err != nil {
		return p, err
	}
	p.keepRenewed(func(err error) { log.Warn("sandbox: the holder's proofs are not renewed", "err", err) })
	// From here on it is cnfd serve, with the configuration that was just written.
	c, err := loadConfig(p.path(configFile))
	if err != nil {
		return p, err
	}
	if p.daemon, err = startDaemon(ctx, &c, logsOf(log)); err != nil {
		return p, err
	}
	p.closers = append(p.closers, func() {
		closing, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err := p.daemon.Close(closing); err != nil {
			log.Warn("sandbox: not everything ended cleanly", "err", err)
		}
	})
	return p, p.renew() // a daemon takes no proof that is older than itself
}

// makeDir makes the directory; one that nobody asked for is removed at the end.
func (p *playground) makeDir(dir string) (err error) {
	if dir == "" {
		if p.dir, err = os.MkdirTemp("", "cnfd-sandbox-"); err != nil {
			return err
		}
		p.closers = append(p.closers, func() { os.RemoveAll(p.dir) })
		return nil
	}
	if p.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err = os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	// Whoever else can write there decides, by a link, which file is written over, and with which keys others work.
	info, err := os.Stat(p.dir)
	if err == nil {
		err = own(info)
	}
	if err != nil {
		return fmt.Errorf("--dir: %s: %w: give the sandbox a directory of your own (one that is not there yet is made)", p.dir, err)
	}
	if c, err := net.Dial("unix", p.path(socketFile)); err == nil {
		c.Close()
		return fmt.Errorf("--dir: another sandbox runs in %s, and its files would be written over: choose another", p.dir)
	}
	return nil
}

func (p *playground) path(name string) string { return filepath.Join(p.dir, name) }

// close ends what was started, the last first.
func (p *playground) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
	p.closers = nil
}
