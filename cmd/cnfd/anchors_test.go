package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/dnssec/rollover"

	"github.com/miekg/dns"
)

// TestWhereTheAnchorsStateIs keeps what was tested away from a real daemon.
func TestWhereTheAnchorsStateIs(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	usual := "/var/lib/cnfd"
	if os.Geteuid() != 0 {
		usual = filepath.Join(os.Getenv("XDG_STATE_HOME"), "cnfd")
	}
	for _, tt := range []struct{ claim, text, want string }{
		{"a real daemon's", "state_dir: /s", "/s/anchors"},
		{"a real daemon's, by default", "state_dir: " + usual, usual + "/anchors"},
		{"none without state_dir", "state_dir: ''", ""},
		{"testing, with a directory of its own", "testing: true\nstate_dir: /s", "/s/anchors-testing"},
		{"testing, with the default one", "testing: true\nstate_dir: " + usual, ""},
		{"a moved clock, with a directory of its own", "testing: true\nstate_dir: /s\nresolver: {clock_offset_file: /o}", "/s/anchors-testing"},
		{"a moved clock, with the default one", "testing: true\nstate_dir: " + usual + "\nresolver: {clock_offset_file: /o}", ""},
		{"another time", "testing: true\nstate_dir: /s\nresolver: {validation_time: 2026-11-22T06:40:00Z}", ""},
	} {
		if got := anchorDir(parse(t, "%s", tt.text)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
	}
}

// TestCommandsReadTheState has a state in which the configured key is revoked:
// a command does not trust it either, says so, and changes nothing.
func TestCommandsReadTheState(t *testing.T) {
	const line = ". IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4="
	anchors, err := dnssec.ParseAnchors([]string{line})
	if err != nil {
		t.Fatal(err)
	}
	key := *anchors.At(".").Keys[0]
	key.Flags |= dns.REVOKE
	now := time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	state, _ := rollover.New(".", anchors.At(".")).Next(dnssec.KeySet{Revoked: []*dns.DNSKEY{&key}}, now)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "anchors"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "anchors", "root.state")
	for _, tt := range []struct {
		claim, updates, text, says string
		trusted                    bool
	}{
		{"revoked", "true", state.Text(), "a configured key is revoked by its owner", false},
		{"half written", "true", state.Text()[:100], "the state file cannot be used", true},
		{"switched off", "false", state.Text(), "", true},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			c := parse(t, "state_dir: %s\nresolver: {trust_anchors: ['%s'], trust_anchor_updates: %s}", dir, line, tt.updates)
			e, err := newEngine(c, func() time.Time { return now }, slog.New(slog.NewTextHandler(&said, nil)), true)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(e.anchors.Anchors().At(".").Keys) == 1; got != tt.trusted {
				t.Errorf("trusted: %t, want %t", got, tt.trusted)
			}
			if !strings.Contains(said.String(), tt.says) || tt.says == "" && said.Len() > 0 {
				t.Errorf("said: %q, want %q", said.String(), tt.says)
			}
			files, _ := os.ReadDir(filepath.Dir(path))
			if text, err := os.ReadFile(path); err != nil || string(text) != tt.text || len(files) != 1 {
				t.Errorf("the command has touched the state: %v, %v", files, err)
			}
		})
	}
}
