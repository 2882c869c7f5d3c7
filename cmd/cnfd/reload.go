package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// reload reads the configuration file anew, and the files that it names: all that is
// right holds for the next question, and where anything is wrong all stays as it was.
// Either way the log has a line. It is called by one goroutine only.
func (d *daemon) reload(file string) {
	c, settings, err := readConfig(file)
	if err == nil && !settings && file != "" && !reflect.DeepEqual(*d.live.Load().config, config.Default(user())) {
		// It was cut off, or is being written: what it would take away is every check.
		err = fmt.Errorf("%s has no settings, and the daemon runs with some: write it again, or restart to run with the defaults", file)
	}
	if err == nil {
		err = d.change(&c)
	}
	if err != nil {
		d.log.Error("reload: nothing is changed", "err", strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	for _, w := range warnings(file) {
		d.log.Warn("configuration: "+w.What, "at", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column))
	}
}

// change makes a configuration hold, as far as it can without a restart.
func (d *daemon) change(c *config.Config) error {
	old := d.live.Load()
	merged, kept := config.Reloaded(*old.config, *c)
	next, files, err := d.next(old, &merged)
	if err != nil {
		return err
	}
	showACME, err := d.rereadACME(&merged)
	if err != nil {
		return err
	}
	// From here on nothing can fail.
	d.engine.source.most.Store(int64(merged.Limits.Misses))
	d.engine.source.rate.Store(int64(merged.Limits.PeerMisses))
	d.engine.source.evidence.Store(merged.Log.Evidence != "off")
	d.decisions.tells.Store(tellsOf(&merged, d.logKey))
	d.log.level.UnmarshalText([]byte(merged.Log.Level)) // one of the words that the file may have
	d.showTLS(files)
	showACME()
	next.endAnchors = old.endAnchors
	if !sameAnchors(old.config, &merged) {
		d.changeAnchors(old, next)
	}
	d.beginKeys(next)
	d.live.Store(next)
	// Questions that have begun may be waiting for what the old ones fetch.
	time.AfterFunc(oldKeysTime, old.endKeys)
	d.tellReloaded(old.config, &merged, kept)
	return nil
}

// tellReloaded names the keys that have changed, and of them those that took a guard away:
// a file that was cut off in the middle may be a good one that says less. Values are nobody's
// business but the file's.
func (d *daemon) tellReloaded(old, now *config.Config, kept []string) {
	level, what := slog.LevelInfo, "reload: done"
	var more []any
	if len(kept) > 0 {
		level, what = slog.LevelWarn, "reload: done, but for what a restart alone changes"
		more = append(more, "keys", strings.Join(kept, " "))
	}
	changed, guards := config.Changed(*old, *now)
	if len(changed) > 0 {
		more = append(more, "changed", strings.Join(changed, " "))
	}
	if len(guards) > 0 {
		level = slog.LevelWarn
		more = append(more, "guards_gone", strings.Join(guards, " "))
	}
	d.log.Log(context.Background(), level, what, more...)
}

// oldKeysTime is longer than any one question takes.
const oldKeysTime = time.Minute

// next makes the generation that c describes, which does not run yet, and reads what it
// shows over TLS.
func (d *daemon) next(old *generation, c *config.Config) (g *generation, files tlsFiles, err error) {
	e := *old.engine
	if e.judges, err = e.newJudges(c, d.clock.Now, d.log.Logger, old.engine.keys); err != nil {
		return nil, files, err
	}
	if _, err := anchorsOf(&c.Resolver); err != nil {
		return nil, files, err
	}
	if err := uidsIn(c); err != nil {
		return nil, files, err
	}
	if files, err = tlsFilesOf(c); err != nil {
		return nil, files, err
	}
	handler, err := d.handlerOf(c, &e)
	if err != nil {
		return nil, files, err
	}
	return &generation{config: c, engine: &e, handler: handler}, files, nil
}

func sameAnchors(a, b *config.Config) bool {
	return slices.Equal(a.Resolver.TrustAnchors, b.Resolver.TrustAnchors) && a.Resolver.TrustAnchorUpdates == b.Resolver.TrustAnchorUpdates
}

// changeAnchors has the resolver trust what next's configuration says, and forget what
// was proven by what it trusted before.
func (d *daemon) changeAnchors(old, next *generation) {
	old.endAnchors()                                  // two keepers would write to one state
	configured, _ := anchorsOf(&next.config.Resolver) // read without an error when next was made
	next.engine.anchors = newAnchors(next.config, configured, d.clock.Now, d.log.Logger, false)
	d.engine.resolver.SetAnchors(next.engine.anchors.Anchors())
	d.beginAnchors(next)
}

// begin runs what keeps a generation's keys and anchors.
func (d *daemon) begin(g *generation) {
	d.beginKeys(g)
	d.beginAnchors(g)
}

func (d *daemon) beginKeys(g *generation) {
	ctx, stop := context.WithCancel(d.running)
	g.endKeys = stop
	d.serving.Go(func() { g.engine.keys.Run(ctx) })
}

func (d *daemon) beginAnchors(g *generation) {
	ctx, stop := context.WithCancel(d.running)
	ended := make(chan struct{})
	g.endAnchors = func() { stop(); <-ended }
	d.serving.Go(func() {
		defer close(ended)
		g.engine.anchors.Run(ctx, d.engine.resolver)
	})
}
