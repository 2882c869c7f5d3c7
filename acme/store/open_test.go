package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cnfd/acme"
)

// TestOpen opens a store, and then flips one thing.
func TestOpen(t *testing.T) {
	for _, tc := range []struct {
		claim string
		spoil func(t *testing.T, path string)
		want  string // "": it opens
	}{
		{"a file that is there", func(*testing.T, string) {}, ""},
		{"one that only its owner may read", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o400), os.Chmod(path, 0o600)) }, ""},
		{"one that others may read", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) }, "acme.db: others than its owner may use it (mode 0604), and it holds secrets: chmod 600 "},
		{"one that its group may write", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o620)) }, "(mode 0620)"},
		{"a log beside it that others may read", func(t *testing.T, path string) {
			must(t, os.WriteFile(path+"-wal", nil, 0o600), os.Chmod(path+"-wal", 0o644))
		}, "acme.db-wal: others than its owner may use it (mode 0644)"},
		{"a directory in its place", func(t *testing.T, path string) { must(t, os.Remove(path), os.Mkdir(path, 0o700)) }, "acme.db: it is no regular file"},
		{"no directory", func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) }, "no such file or directory: make its directory first"},
		{"no database", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database", 99)), 0o600))
		}, "acme.db: it is no SQLite database, or damaged: restore a backup, or name another file: "},
		{"half of one", func(t *testing.T, path string) { must(t, os.Truncate(path, 8192)) }, "acme.db: it is damaged: restore a backup: "},
		{"an empty file", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, ""},
		{"another program's database", func(t *testing.T, path string) {
			must(t, os.Truncate(path, 0))
			raw(t, path, "CREATE TABLE theirs (id)")
		}, "acme.db: it is a database of another program: name another file"},
		{"a newer release's", func(t *testing.T, path string) { raw(t, path, "INSERT INTO migrations VALUES (99, 'of the future')") },
			"acme.db: it is of version 99 of its schema, and this program knows versions to 1: use the newer release that made it, or restore a backup from before"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a b?c%41#", "acme.db")
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
			if v := s.Version(); v != len(migrations()) {
				t.Errorf("version %d", v)
			}
			for _, name := range []string{path, path + "-wal", path + "-shm"} {
				if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			must(t, s.Close())
			tc.spoil(t, path)
			s, err = Open(path)
			if err == nil {
				must(t, s.Close())
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "acme store: ") {
				t.Errorf("it does not say whose: %v", err)
			}
		})
	}
}

// must ends the test at the first error.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// raw carries out statements of another program.
func raw(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := connect(path, "")
	must(t, err)
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSettings asks each connection for what durability and safety rest on.
func TestSettings(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
	for name, db := range map[string]*sql.DB{"writer": s.writer.DB, "readers": s.readers.DB} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "3000", "trusted_schema": "0"} {
			var got string
			must(t, db.QueryRow("PRAGMA "+pragma).Scan(&got))
			if got != want {
				t.Errorf("%s: %s is %s, want %s", name, pragma, got, want)
			}
		}
	}
}

// TestDamagedDocument spoils a document that holds a secret: what is wrong is told without it.
func TestDamagedDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := opened(t, path)
	puts(t, s, acme.Tx.PutExternalAccount, &acme.ExternalAccount{KID: "e", Key: []byte("a secret key")})
	get := func() error {
		return s.Update(t.Context(), func(tx acme.Tx) error { _, err := tx.ExternalAccount("e"); return err })
	}
	must(t, get())
	raw(t, path, `UPDATE external_accounts SET doc = replace(doc, '"Key":"', '"Key":"!')`)
	if err := get(); err == nil || err.Error() != "acme store: "+path+": external account e: what was kept of it is damaged: restore a backup" {
		t.Error(err)
	}
	if err := s.View(t.Context(), func(tx acme.Tx) error { _, err := tx.ExternalAccounts(); return err }); err == nil || strings.Contains(err.Error(), "YSBzZWNyZXQga2V5") {
		t.Error(err)
	}
}

// TestQueueEndsWithItsContext holds an Update open while another waits, whose context ends.
func TestQueueEndsWithItsContext(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
	update(t, s, func(acme.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := s.Update(ctx, func(acme.Tx) error { t.Error("f was called"); return nil }); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		cancel()
		waiting.Wait()
		return nil
	})
	update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
}

// TestMigratedMeanwhile has a newer release migrate the file under an open store.
func TestMigratedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := opened(t, path)
	update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
	newer, err := open(path, append(migrations(), migration{"more", []string{"CREATE TABLE more (id TEXT)"}}))
	must(t, err)
	defer newer.Close()
	for name, run := range map[string]func(context.Context, func(acme.Tx) error) error{"Update": s.Update, "View": s.View} {
		err := run(t.Context(), func(acme.Tx) error { t.Errorf("%s: f was called", name); return nil })
		if err == nil || !strings.Contains(err.Error(), "it has been brought to version 2 of its schema, and was opened at version 1: start this program again") {
			t.Errorf("%s: %v", name, err)
		}
	}
	update(t, newer, func(tx acme.Tx) error { return putCounter(tx, "a", 2) })
}
