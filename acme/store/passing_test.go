package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/acme"
)

// TestPassing: each row is a store that opens, with one thing changed: what may pass by itself is told apart from what
// somebody has to mend.
func TestPassing(t *testing.T) {
	for _, tt := range []struct {
		claim   string
		spoil   func(t *testing.T, path string)
		passing bool
	}{
		{"half of one", func(t *testing.T, path string) { must(t, os.Truncate(path, 8192)) }, true},
		{"others may read it", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) }, false},
		{"no directory", func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) }, false},
		{"no database", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database", 99)), 0o600))
		}, false},
		{"a newer release's", func(t *testing.T, path string) { raw(t, path, "INSERT INTO migrations VALUES (99, 'of the future')") }, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ca", "acme.db")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
			must(t, s.Close())
			tt.spoil(t, path)
			if _, err = Open(path); err == nil || Passing(err) != tt.passing {
				t.Errorf("%v: passing is %t", err, Passing(err))
			}
		})
	}
}

// TestPassingWhereTheDiskIsFull: it is so of an Update too, once its room is used up.
func TestPassingWhereTheDiskIsFull(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "acme.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(id string) error {
		return s.Update(t.Context(), func(tx acme.Tx) error { return tx.PutBlob(id, make([]byte, 1<<20)) })
	}
	must(t, put("a"))
	l, err := s.writer.take(t.Context(), "PRAGMA max_page_count = 300") // SQLite says of it what it says of a full disk
	if err != nil {
		t.Fatal(err)
	}
	s.writer.give(l)
	if err := put("b"); err == nil || !Passing(err) {
		t.Errorf("%v", err)
	}
}
