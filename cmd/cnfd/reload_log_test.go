package main

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/sandbox"
)

// TestAReloadOfTheLog: what the log is to have holds for the next question; where anything in the file is wrong, all of it
// stays as it was, and so do the limits.
func TestAReloadOfTheLog(t *testing.T) {
	o, _ := reloadable(t, nil)
	token := o.token(t, "vendor.jwt")
	type state struct {
		level        slog.Level
		tells        tells
		evidence     bool
		misses, rate int64
		decided      int
	}
	now := func() (s state) {
		t.Helper()
		before := len(o.log.of(t, "decision")) + len(o.log.of(t, "evidence"))
		if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" {
			t.Fatalf("%+v", b)
		}
		s.level, s.tells = o.daemon.log.level.Level(), *o.decisions.tells.Load()
		s.tells.key = nil
		s.evidence, s.misses, s.rate = o.engine.source.evidence.Load(), o.engine.source.most.Load(), o.engine.source.rate.Load()
		s.decided = len(o.log.of(t, "decision")) + len(o.log.of(t, "evidence")) - before
		return s
	}
	old := now()
	if old.level != slog.LevelInfo || old.decided != 0 || old.evidence {
		t.Fatalf("%+v", old)
	}
	fine := o.c
	change := func(c *config.Config) {
		c.Log.Level, c.Log.Decisions, c.Log.Evidence, c.Log.Subjects = "debug", true, "all", "hash"
		c.Limits.Misses, c.Limits.PeerMisses = fine.Limits.Misses+1, fine.Limits.PeerMisses+1
	}
	bad := filepath.Join(t.TempDir(), "bad")
	put(t, bad, []byte("nothing of use"))
	for claim, spoil := range map[string]func(*config.Config){
		"an issuer's keys": func(c *config.Config) { c.Issuers = []config.Issuer{{Issuer: sandbox.Issuer, Keys: bad}} },
		"an anchor":        func(c *config.Config) { c.Resolver.TrustAnchors = []string{"x"} },
		"who may pass":     func(c *config.Config) { c.Authz.Possession = []string{"signature"} },
	} {
		broken := fine
		change(&broken)
		spoil(&broken)
		if err := o.change(&broken); err == nil {
			t.Errorf("%s: that went well", claim)
		}
		if got := now(); !reflect.DeepEqual(got, old) {
			t.Errorf("%s: %+v, want %+v", claim, got, old)
		}
	}
	change(&o.c)
	o.again(t)
	want := state{level: slog.LevelDebug, tells: tells{lines: true, evidence: "all", subjects: "hash"}, evidence: true, misses: old.misses + 1, rate: old.rate + 1, decided: 2}
	if got := now(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	o.daemon.log.Debug("heard")
	if len(o.log.of(t, "heard")) != 1 {
		t.Error("what is of level debug is not in the log")
	}
	o.c = fine
	o.c.Log.Level = "error"
	o.again(t)
	if got := o.daemon.log.level.Level(); got != slog.LevelError {
		t.Errorf("level %v", got)
	}
	o.daemon.log.Warn("unheard")
	if len(o.log.of(t, "unheard")) != 0 {
		t.Error("what is of level warn is in the log")
	}
}
