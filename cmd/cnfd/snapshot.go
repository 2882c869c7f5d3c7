package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/resolver"
)

// snapshot is the file in which a daemon that ends leaves what it has proven to the
// one that begins, so that a restart does not ask the whole world anew. It is read
// once: what is learnt, purged or withdrawn after it was read is in no file, and must
// not come back from an old one if the machine fails.
//
// It belongs to the one daemon that holds its lock: another on the same directory would
// bring back what this one has purged.
type snapshot struct {
	path  string // "" for none
	off   bool   // none is to be read or written
	limit int64  // octets
	log   *slog.Logger
	lock  *os.File // held until the end; nil: it is another's
}

func newSnapshot(c *config.Config, log *slog.Logger) *snapshot {
	return &snapshot{path: stateOf(c, "cache-snapshot"), off: !c.Cache.Snapshot, limit: min(int64(c.Cache.MaxBytes)/4, maxSnapshot), log: log}
}

const (
	// maxSnapshot bounds the file, to what can be proven in restoreTime: some 18,000
	// answers. A quarter of the cache does as well, since it is in memory while it is read.
	maxSnapshot = 8 << 20
	// restoreTime is how long a start may be delayed.
	restoreTime = 3 * time.Second
)

// restore takes what the last daemon left into the cache. Whatever is wrong with it
// is one line in the log: a daemon with an empty cache works as well.
func (s *snapshot) restore(ctx context.Context, r *resolver.Resolver) {
	if s.path == "" {
		return
	}
	var err error
	if s.lock, err = lockFile(s.path + ".lock"); err != nil {
		if !s.off {
			s.log.Warn("cache snapshot: not used and not written", "file", s.path, "why", err)
		}
		return
	}
	if s.off {
		os.Remove(s.path) // one from before must not be read later, when it is wanted again
		return
	}
	got, err := s.read(ctx, r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case ctx.Err() != nil: // stopped before anything was served
	case err != nil:
		s.log.Warn("cache snapshot: not used, the cache begins empty", "file", s.path, "why", err)
	default:
		s.log.Info("cache snapshot: proven anew", "zones", got.Zones, "answers", got.Answers, "dropped", got.Dropped, "unread", got.Unread)
	}
}

func (s *snapshot) read(ctx context.Context, r *resolver.Resolver) (got resolver.Restored, err error) {
	// Whatever is wrong with it: once it has another name nobody reads it a second time.
	reading := s.path + ".read"
	if err := os.Rename(s.path, reading); err != nil {
		return got, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; it is kept as %s", err, reading)
		}
	}()
	f, err := openOwn(reading)
	if err != nil {
		return got, err
	}
	defer f.Close()
	limited, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	if got, err = r.Restore(limited, f, s.limit); err != nil {
		return got, err
	}
	if ctx.Err() != nil { // nothing was served: the next one may read it
		return got, os.Rename(reading, s.path)
	}
	return got, os.Remove(reading)
}

func (s *snapshot) unlock() {
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}

// leave writes down what the next daemon may begin with. Whatever ends the process in
// the middle, the file is there as a whole or not at all.
func (s *snapshot) leave(r *resolver.Resolver) {
	if s.lock == nil {
		return
	}
	defer s.unlock()
	if s.off || r.Stats().Cache.Entries == 0 {
		return
	}
	zones, answers, err := s.write(r)
	if err != nil {
		s.log.Warn("cache snapshot: not written, the next start is with an empty cache", "file", s.path, "why", err)
		return
	}
	s.log.Info("cache snapshot: written", "zones", zones, "answers", answers)
}

func (s *snapshot) write(r *resolver.Resolver) (zones, answers int, err error) {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, 0, err
	}
	made := s.path + ".new"
	// A new one, so that nobody else has it open, and its mode is ours.
	if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, 0, err
	}
	zones, answers, err = r.Snapshot(f, s.limit)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(made, s.path)
	}
	if err != nil {
		os.Remove(made)
		return 0, 0, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return zones, answers, err
	}
	defer d.Close()
	return zones, answers, d.Sync()
}
