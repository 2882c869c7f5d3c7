package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cnfd/internal/testneeds"
)

// TestRootLeavesTheOwnersFiles has root open the store of the daemon's user, as an operator's command does: the files that
// come to be beside it are that user's, or the daemon could not open its own store any more.
func TestRootLeavesTheOwnersFiles(t *testing.T) {
	testneeds.Root(t)
	path := filepath.Join(t.TempDir(), "acme.db")
	s, err := Open(path)
	must(t, err)
	must(t, step(t.Context(), s), s.Close())
	const owner, group = 12345, 23456
	must(t, os.Chown(path, owner, group))
	s = opened(t, path)
	must(t, step(t.Context(), s))
	if a, _ := steps(t, s); a != 2 {
		t.Errorf("a is %d", a)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		must(t, err)
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != owner || stat.Gid != group || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is of %d:%d, mode %o", filepath.Base(name), stat.Uid, stat.Gid, info.Mode())
		}
	}
}
