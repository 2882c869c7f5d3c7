package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
	"cnfd/publish/text"

	"github.com/spf13/cobra"
)

// printChange prints what is to be written, for who writes it by another way; no
// server is asked for that. With --wait it then waits until the world shows it.
func (o *publishOptions) printChange(cmd *cobra.Command, c *config.Config, v verb, entries []publish.Entry) error {
	switch {
	case o.all:
		return fmt.Errorf("--all: nothing is looked at where the change is only printed (--%s %s): name the key", o.targetFlag, c.Publish.To)
	case o.json:
		return fmt.Errorf("--json: what is printed for --%s %s is text of its own form", o.targetFlag, c.Publish.To)
	}
	format, err := text.ParseFormat(c.Publish.To)
	if err != nil {
		return err
	}
	if format == text.OctoDNS && c.Publish.Zone == "" {
		return errors.New("--zone: say which: names in octoDNS files are relative to it")
	}
	opts := text.Options{Zone: c.Publish.Zone}
	if c.Publish.Server != "" {
		if opts.Server, err = addressOf(c.Publish.Server); err != nil {
			return fmt.Errorf("--server: %w", err)
		}
	}
	if !v.removes && c.Publish.TTL > time.Hour {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: %s\n", cmd.CommandPath(), longTTL(c.Publish.TTL))
	}
	if v.removes && !cmd.Flags().Changed("method") {
		fmt.Fprintln(cmd.ErrOrStderr(), "cnfd publish remove: only the record of method jwk is printed, since nothing is looked at here: cnfd publish list shows where else the key is published; --method names more")
	}
	changes := text.Blind(entries, nil, c.Publish.TTL)
	if v.removes {
		changes = text.Blind(nil, entries, c.Publish.TTL)
	}
	if err := text.Write(cmd.OutOrStdout(), format, opts, changes); err != nil || o.wait == 0 || o.dryRun {
		return err
	}
	cmd.SetOut(cmd.ErrOrStderr()) // standard output holds what is to be written, and nothing else
	return o.withPublisherTo(cmd, c, toldTarget(c, v, entries), func(p *publish.Publisher, t publish.Target, _ *engine) error {
		report, err := v.do(p, cmd.Context(), entries, nil)
		return o.finish(cmd, &publishDoc{Command: v.name, Subject: o.subject, Target: t.Name, Testing: c.Testing, printed: true}, &report, err)
	})
}

// addressOf reads an IP address that a port may follow; without one it is 0.
func addressOf(s string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q: want an IP address, such as 192.0.2.1 or [2001:db8::1]:53", s)
	}
	return netip.AddrPortFrom(a, 0), nil
}

// told is the place of what was printed: it is taken to hold what it was told to, so
// that nothing is written and the world is waited for.
type told map[string]publish.Set

func toldTarget(c *config.Config, v verb, entries []publish.Entry) publish.Target {
	t := told{}
	for _, e := range entries {
		s := publish.Set{Name: e.Name}
		if !v.removes {
			s = s.With(e.Record, c.Publish.TTL)
		}
		t[e.Name] = s
	}
	return publish.Target{Name: c.Publish.To, Zone: t}
}

func (t told) Read(_ context.Context, name string) (publish.Set, error) { return t[name], nil }

func (t told) Write(context.Context, publish.Change) error {
	return &publish.Error{Kind: publish.Unsupported, What: "what is printed is written by you"}
}
