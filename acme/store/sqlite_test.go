package store

import (
	"path/filepath"
	"testing"

	"cnfd/acme"
)

func TestSQLite(t *testing.T) {
	testStore(t, func(t *testing.T) acme.Store { return opened(t, filepath.Join(t.TempDir(), "acme.db")) })
}

// opened returns the store in a file; it ends with the test.
func opened(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
