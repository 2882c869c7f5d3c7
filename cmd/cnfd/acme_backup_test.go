package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/backup"

	"github.com/spf13/cobra"
)

// deskAt is a command's desk at a CA that is there, and a command to give it to.
func deskAt(t *testing.T, dir string) (*desk, *cobra.Command, context.CancelFunc) {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetErr(io.Discard)
	return &desk{dir: dir, store: s, now: time.Now}, cmd, cancel
}

// names are those in a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "-wal") && !strings.HasSuffix(e.Name(), "-shm") {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestBackupThatIsStopped: nothing is left of it, neither a file nor a copy of the store.
func TestBackupThatIsStopped(t *testing.T) {
	dir, _ := madeCA(t)
	d, cmd, cancel := deskAt(t, dir)
	place, before := t.TempDir(), names(t, dir)
	if _, err := d.backup(cmd, filepath.Join(place, "a.tar")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, place); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	cancel()
	if _, err := d.backup(cmd, filepath.Join(place, "b.tar")); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if got := names(t, place); len(got) != 1 {
		t.Errorf("beside the first backup: %q", got)
	}
	if got := names(t, dir); strings.Join(got, " ") != strings.Join(before, " ") {
		t.Errorf("in the CA's directory: %q, before %q", got, before)
	}
}

// TestRestore: what comes back is used once all of it is right, and nonces do not come back.
func TestRestore(t *testing.T) {
	dir, _ := madeCA(t)
	d, cmd, cancel := deskAt(t, dir)
	if err := d.store.Update(t.Context(), func(tx acme.Tx) error { return tx.PutNonces([]string{"AAAAAAAAAAAAAAAAAAAAAA"}) }); err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	file := filepath.Join(place, "ca.tar")
	if _, err := d.backup(cmd, file); err != nil {
		t.Fatal(err)
	}
	to := &desk{dir: filepath.Join(place, "new"), now: time.Now}
	if _, err := to.restore(cmd, file); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(to.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var nonces []string
	if err := s.Update(t.Context(), func(tx acme.Tx) (err error) { nonces, err = tx.Nonces(); return err }); err != nil || len(nonces) != 0 {
		t.Errorf("%v: nonces came back: %q", err, nonces)
	}

	there := names(t, place)
	to.dir = filepath.Join(place, "other")
	if err := os.WriteFile(filepath.Join(place, "fake"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := to.restore(cmd, fakeBackup(t, filepath.Join(place, "fake"), filepath.Join(dir, rootFile))); err == nil || !strings.Contains(err.Error(), "acme store") {
		t.Errorf("a store that is none: %v", err)
	}
	cancel()
	if _, err := to.restore(cmd, file); err == nil {
		t.Error("what is stopped is restored")
	}
	if got := names(t, place); len(got) != len(there)+1 { // the fake
		t.Errorf("left behind: %q, before %q", got, there)
	}
}

// fakeBackup is a backup that is whole, with a store that is none.
func fakeBackup(t *testing.T, db, root string) string {
	t.Helper()
	list := &backup.List{Made: time.Now()}
	for name, path := range map[string]string{storeFile: db, rootFile: root} {
		one, err := backup.Sum(name, path)
		if err != nil {
			t.Fatal(err)
		}
		list.Files = append(list.Files, one)
	}
	var b bytes.Buffer
	if err := backup.Write(&b, list); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fake.tar")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
