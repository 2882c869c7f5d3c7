package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithConfig: what is printed can be given to a shell as it is.
func TestWithConfig(t *testing.T) {
	for file, want := range map[string]string{"": "", "cnfd.yaml": " --config cnfd.yaml", "/etc/my ca/c.yaml": " --config '/etc/my ca/c.yaml'", "it's": ` --config 'it'\''s'`} {
		if got := withConfig(file); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

// TestAsOwner: whoever is not permitted is told who is.
func TestAsOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	other := errors.New("disk full")
	if err := asOwner(dir, other); err != other {
		t.Errorf("of another error: %v", err)
	}
	denied := fmt.Errorf("acme.db: %w", fs.ErrPermission)
	if err := asOwner(dir, denied); !errors.Is(err, fs.ErrPermission) || !strings.HasSuffix(err.Error(), "permission denied; run it as the user that the daemon runs as") {
		t.Errorf("in a directory of one's own: %v", err)
	}
	if os.Geteuid() != 0 {
		return // nobody else can give a directory away
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := asOwner(dir, denied); !errors.Is(err, fs.ErrPermission) || !strings.HasSuffix(err.Error(), "is of nobody: run it as that user (sudo -u nobody cnfd acme …)") {
		t.Errorf("in another's: %v", err)
	}
}
