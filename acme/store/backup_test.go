package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"cnfd/acme"
)

// step counts two numbers up in one Update.
func step(ctx context.Context, s *Store) error {
	return s.Update(ctx, func(tx acme.Tx) error {
		n, err := counter(tx, "a")
		return errors.Join(err, putCounter(tx, "a", n+1), putCounter(tx, "b", n+1))
	})
}

// steps returns both numbers.
func steps(t *testing.T, s *Store) (a, b int) {
	t.Helper()
	view(t, s, func(tx acme.Tx) (err error) {
		a, err = counter(tx, "a")
		var err2 error
		b, err2 = counter(tx, "b")
		return errors.Join(err, err2)
	})
	return a, b
}

// TestBackup copies a store that is written to all the while: every copy is of one instant, whole, and opens.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, filepath.Join(dir, "acme.db"))
	for _, one := range samples() {
		update(t, s, one.put)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	defer writer.Wait()
	defer stop()
	writer.Go(func() {
		for ctx.Err() == nil {
			if err := step(ctx, s); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	last := 0
	for i := range 10 {
		must(t, step(t.Context(), s))
		before, _ := steps(t, s)
		path := filepath.Join(dir, fmt.Sprintf("it's ? %d.db", i))
		must(t, s.Backup(t.Context(), path))
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		copied := opened(t, path)
		a, b := steps(t, copied)
		if a != b || a < before || a <= last {
			t.Errorf("a is %d, b %d; there were %d, and the last copy had %d", a, b, before, last)
		}
		last = a
		for name, one := range samples() {
			if got := reads(t, copied, one.get); !reflect.DeepEqual(got, one.thing) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		must(t, step(t.Context(), copied))
	}
	if parts, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(parts) > 0 {
		t.Errorf("left behind: %q, %v", parts, err)
	}
}

// TestBackupRefused makes one backup, and then flips one thing.
func TestBackupRefused(t *testing.T) {
	for claim, tc := range map[string]struct {
		spoil func(t *testing.T, path string) context.Context
		want  string
	}{
		"a file that is there": {func(t *testing.T, path string) context.Context {
			must(t, os.WriteFile(path, []byte("mine"), 0o600))
			return t.Context()
		}, "new.db: it is there already: name a new file"},
		"a link to nowhere": {func(t *testing.T, path string) context.Context {
			must(t, os.Symlink("nowhere", path))
			return t.Context()
		}, "new.db: it is there already: name a new file"},
		"no directory": {func(t *testing.T, path string) context.Context {
			must(t, os.Remove(filepath.Dir(path)))
			return t.Context()
		}, "no such file or directory"},
		"an ended context": {func(t *testing.T, path string) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}, "context canceled"},
	} {
		t.Run(claim, func(t *testing.T) {
			dir := t.TempDir()
			s := opened(t, filepath.Join(dir, "acme.db"))
			path := filepath.Join(dir, "to", "new.db")
			must(t, os.Mkdir(filepath.Dir(path), 0o700), s.Backup(t.Context(), path), os.Remove(path))
			ctx := tc.spoil(t, path)
			before, _ := filepath.Glob(filepath.Join(dir, "to", "*"))
			err := s.Backup(ctx, path)
			if err == nil || !strings.HasPrefix(err.Error(), "backup "+path+": ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			after, _ := filepath.Glob(filepath.Join(dir, "to", "*"))
			if hidden, _ := filepath.Glob(filepath.Join(dir, "to", ".*")); !reflect.DeepEqual(after, before) || len(hidden) > 0 {
				t.Errorf("before: %q, after: %q %q", before, after, hidden)
			}
			if text, err := os.ReadFile(path); err == nil && string(text) != "mine" {
				t.Errorf("it was written over: %q", text)
			}
		})
	}
}
