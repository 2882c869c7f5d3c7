package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/possession"
	"cnfd/replay"
	"cnfd/thumbprint"
)

// proofs is the memory of DPoP proofs of a daemon. It notes in a file that proofs
// are being taken, and the daemon after it takes none that it may have taken: the
// proofs themselves end with the process, however it ends.
type proofs struct {
	*replay.Memory
	now  func() time.Time
	log  *slog.Logger
	path string // "": nothing is noted

	mu    sync.Mutex
	noted time.Time // until when the note says that proofs are taken; guarded by mu
	mute  bool      // that no note could be written was said; guarded by mu
}

// noteEvery is how long a note holds, so that taking a proof writes no file.
const noteEvery = 10 * time.Second

// newProofs makes the memory of proofs. A command, which answers one question about a
// proof that it was given, comes after nobody and leaves nothing behind.
func newProofs(c *config.Config, now func() time.Time, log *slog.Logger, forCommand bool) (*proofs, error) {
	p := &proofs{now: now, log: log}
	rc := replay.Config{Now: now, Proofs: proofsBeside(c.Cache.MaxBytes)}
	if !forCommand {
		p.path = stateOf(c, "proofs")
		rc.Forgotten = p.before(now(), c.Testing)
	}
	var err error
	p.Memory, err = replay.New(rc)
	return p, err
}

// Take takes a proof as replay.Memory does.
func (p *proofs) Take(ctx context.Context, key thumbprint.Thumbprint, jti []byte, until time.Time) (bool, error) {
	p.note()
	return p.Memory.Take(ctx, key, jti, until)
}

// note says in the file that proofs are taken from now on for a while, unless it says so.
func (p *proofs) note() {
	if p.path == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if left := p.noted.Sub(now); 0 < left && left <= noteEvery {
		return
	}
	p.noted = now.Add(noteEvery)
	if err := replaceFile(p.path, fmt.Appendln(nil, p.noted.Unix()+1)); err != nil && !p.mute {
		p.mute = true
		p.log.Warn("DPoP proofs: a daemon after this one cannot know that proofs were taken, and may take them again for some two minutes", "file", p.path, "why", err)
	}
}

// before is until when those proofs are that a daemon before this one may have taken:
// those that were made before it ended, or before this one's start where that is
// not known. The zero time: there was no such daemon.
func (p *proofs) before(now time.Time, testing bool) time.Time {
	start := now.Truncate(time.Second)
	if p.path == "" && testing {
		return time.Time{} // its verdicts are worthless
	}
	if p.path != "" {
		last, err := lastNote(p.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return time.Time{}
		case err != nil:
			p.log.Warn("DPoP proofs: none is taken that is older than this daemon: what the one before it has left cannot be read", "file", p.path, "why", err)
		case last.Before(start):
			start = last
		}
	}
	return start.Add(possession.ProofLifetime + possession.Skew)
}

// lastNote reads what a daemon has noted.
func lastNote(path string) (time.Time, error) {
	f, err := openOwn(path)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}, errors.New("not a time in seconds")
	}
	return time.Unix(seconds, 0), nil
}

// replaceFile writes a file of this user's own: it is there as a whole or as it was.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	made := path + ".new"
	if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(made, path)
	}
	return err
}

// proofsBeside is how many proofs are remembered at once: at 56 octets each no more
// than fits into what boundMemory leaves beside the cache.
func proofsBeside(cache config.Size) int {
	const octets, least = 256, 1 << 18
	return int(min(max(int64(cache)/octets, least), replay.DefaultProofs))
}
