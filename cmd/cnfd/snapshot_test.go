package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/testneeds"
)

// life runs a daemon of the playground's configuration once: it verifies what is
// given and ends. It returns what was answered, the messages sent, and the log.
func life(t *testing.T, p *playground, edit func(*config.Config), tokens ...string) (answers []string, sent int, said string) {
	t.Helper()
	c, err := loadConfig(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	c.API.Listen, c.API.Unix, c.DNS.Listen = "", filepath.Join(t.TempDir(), "s"), ""
	c.StateDir = p.path("restarted")
	if edit != nil {
		edit(&c)
	}
	var log bytes.Buffer
	d, err := startDaemon(context.Background(), &c, logsOf(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		text, err := os.ReadFile(p.path(token))
		if err != nil {
			t.Fatal(err)
		}
		r, err := onUnix(c.API.Unix).Post("http://localhost/v1/verify", "application/jwt", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", r.Status, b)
		}
		answers = append(answers, string(b))
	}
	sent = int(d.engine.resolver.Stats().Queries)
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.Close(closing); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(closing); err != nil { // once more does no harm
		t.Fatal(err)
	}
	return answers, sent, log.String()
}

// TestARestartIsNotAStorm: what was confirmed before the restart is confirmed after it
// without a message, with its age; a file with an octet flipped is not used, and the
// same questions are asked anew.
func TestARestartIsNotAStorm(t *testing.T) {
	p := play(t, sandboxOptions{})
	file := p.path(filepath.Join("restarted", "cache-snapshot-testing"))
	tokens := []string{"vendor.jwt", "optout.jwt"}
	cold, sent, said := life(t, p, nil, tokens...)
	if sent == 0 || !strings.Contains(said, "cache snapshot: written") {
		t.Fatalf("the first life sent %d and said %s", sent, said)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info, err)
	}
	warm, again, said := life(t, p, nil, tokens...)
	if again > 1 { // the trust anchor's keys are looked at by each daemon
		t.Errorf("the second life sent %d of %d: %s", again, sent, said)
	}
	for i := range warm {
		if !strings.Contains(cold[i], `"outcome":"confirmed"`) || !strings.Contains(warm[i], `"outcome":"confirmed"`) || !strings.Contains(warm[i], `"cached":true`) {
			t.Errorf("before: %s\nafter: %s", cold[i], warm[i])
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("the second life left no file")
	}
	i := bytes.Index(text, []byte(`"answer":"`)) + 40
	text[i] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	forged, third, said := life(t, p, nil, tokens...)
	if third <= 1 || !strings.Contains(said, "not used, the cache begins empty") || !strings.Contains(said, "damaged") || !strings.Contains(forged[0], `"cached":false`) {
		t.Errorf("with an octet flipped it sent %d and said %s: %s", third, said, forged[0])
	}
	if kept, err := os.ReadFile(file + ".read"); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("the damaged file is gone: %v", err)
	}
}

// TestASnapshotIsReadOnce: a daemon that dies leaves none, not even the one it began
// with: what was withdrawn in its life must not come back.
func TestASnapshotIsReadOnce(t *testing.T) {
	p := play(t, sandboxOptions{})
	file := p.path(filepath.Join("restarted", "cache-snapshot-testing"))
	life(t, p, nil, "vendor.jwt")
	c, err := loadConfig(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	c.API.Listen, c.API.Unix, c.DNS.Listen, c.StateDir = "", filepath.Join(t.TempDir(), "s"), "", p.path("restarted")
	start(t, &c)
	if left := left(file); len(left) != 0 {
		t.Errorf("while it runs there are %v", left)
	}
}

// left are the files of a snapshot, its lock apart.
func left(file string) []string {
	all, _ := filepath.Glob(file + "*")
	return slices.DeleteFunc(all, func(name string) bool { return strings.HasSuffix(name, ".lock") })
}

// TestOneDaemonASnapshot: of two daemons on one directory the second neither reads what the
// first has left nor leaves anything: it would bring back what the first has purged.
func TestOneDaemonASnapshot(t *testing.T) {
	p := play(t, sandboxOptions{})
	file := p.path(filepath.Join("restarted", "cache-snapshot-testing"))
	life(t, p, nil, "vendor.jwt")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	c.API.Listen, c.API.Unix, c.DNS.Listen, c.StateDir = "", filepath.Join(t.TempDir(), "s"), "", p.path("restarted")
	first := start(t, &c)
	if err := os.WriteFile(file, good, 0o600); err != nil { // as a third may have
		t.Fatal(err)
	}
	_, sent, said := life(t, p, nil, "vendor.jwt")
	if now, _ := os.ReadFile(file); sent <= 1 || !strings.Contains(said, "another daemon works on the same state_dir") || !bytes.Equal(now, good) {
		t.Errorf("beside the first: sent %d, %d octets for %d: %s", sent, len(now), len(good), said)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, sent, said = life(t, p, nil, "vendor.jwt"); sent > 1 {
		t.Errorf("after the first: sent %d: %s", sent, said)
	}
}

// TestFilesThatAreNoSnapshots: each is one line in the log, and the daemon serves.
func TestFilesThatAreNoSnapshots(t *testing.T) {
	p := play(t, sandboxOptions{})
	file := p.path(filepath.Join("restarted", "cache-snapshot-testing"))
	life(t, p, nil, "vendor.jwt")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const anotherUsers = "one that another user may have written"
	for _, c := range []struct {
		claim, says string
		make        func() error
		edit        func(*config.Config)
	}{
		{"none", "", func() error { return nil }, nil},
		{"an empty one", "not a snapshot", func() error { return os.WriteFile(file, nil, 0o600) }, nil},
		{"half of one", "not a snapshot", func() error { return os.WriteFile(file, good[:len(good)/2], 0o600) }, nil},
		{"one that never got its name", "", func() error { return os.WriteFile(file+".new", good[:len(good)/2], 0o600) }, nil},
		{"one that others may write to", "others may write", func() error {
			if err := os.WriteFile(file, good, 0o600); err != nil {
				return err
			}
			return os.Chmod(file, 0o622)
		}, nil},
		{anotherUsers, "belongs to another user", func() error {
			if err := os.WriteFile(file, good, 0o600); err != nil {
				return err
			}
			return os.Chown(file, 65534, -1)
		}, nil},
		{"one in a directory that others may write to", "its directory: others may write", func() error {
			if err := os.WriteFile(file, good, 0o600); err != nil {
				return err
			}
			return os.Chmod(filepath.Dir(file), 0o777)
		}, nil},
		{"a pipe", "not a regular file", func() error { return syscall.Mkfifo(file, 0o600) }, nil},
		{"a directory", "not a regular file", func() error { return os.Mkdir(file, 0o700) }, nil},
		{"a link", "not a regular file", func() error { return os.Symlink("/etc/passwd", file) }, nil},
		{"one of another setting", "other servers", func() error { return os.WriteFile(file, good, 0o600) }, func(c *config.Config) { c.Resolver.AllowLocalServers = false }},
		{"a directory that is none", "not a directory", func() error { return os.WriteFile(p.path("restarted"), nil, 0o600) }, nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if c.claim == anotherUsers {
				testneeds.Root(t)
			}
			if err := os.RemoveAll(p.path("restarted")); err != nil {
				t.Fatal(err)
			}
			if c.claim != "a directory that is none" {
				if err := os.Mkdir(p.path("restarted"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.make(); err != nil {
				t.Fatal(err)
			}
			answers, sent, said := life(t, p, c.edit, "vendor.jwt")
			if sent == 0 || len(answers) != 1 || strings.Count(said, "not used") != min(1, len(c.says)) || !strings.Contains(said, c.says) {
				t.Errorf("%s: sent %d: %s", c.claim, sent, said)
			}
			// Whatever was there, at the end there is a new one, or a line that says why not.
			_, err := os.Stat(file + ".new")
			if text, _ := os.ReadFile(file); err == nil || strings.Contains(said, "not written") == bytes.Contains(text, []byte(`"sha256"`)) {
				t.Errorf("%s: left %d octets, %v: %s", c.claim, len(text), err, said)
			}
		})
	}
}

// TestNoSnapshotWhereNoneIsWanted: nothing is written, and what was there is neither
// read now nor later, when it would know nothing of the time between.
func TestNoSnapshotWhereNoneIsWanted(t *testing.T) {
	p := play(t, sandboxOptions{})
	life(t, p, nil, "vendor.jwt")
	_, sent, said := life(t, p, func(c *config.Config) { c.Cache.Snapshot = false }, "vendor.jwt")
	if left := left(p.path(filepath.Join("restarted", "cache-snapshot"))); sent <= 1 || strings.Contains(said, "snapshot") || len(left) > 0 {
		t.Errorf("sent %d, left %v: %s", sent, left, said)
	}
}
