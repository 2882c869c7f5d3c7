package store

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var makeTestdata = flag.Bool("make-testdata", false, "write the file of the newest version into testdata, where there is none")

// oldFile is a store of a version, as the release that had it made it.
func oldFile(version int) string {
	return filepath.Join("testdata", fmt.Sprintf("version%d.db.gz", version))
}

// old returns a copy of a store of a version.
func old(t *testing.T, version int) (path string) {
	t.Helper()
	f, err := os.Open(oldFile(version))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	octets, err := io.ReadAll(z)
	must(t, err)
	path = filepath.Join(t.TempDir(), "acme.db")
	must(t, os.WriteFile(path, octets, 0o600))
	return path
}

// TestOldFiles opens a store of every version that there was: it has all that was put there, and the schema of a new one.
func TestOldFiles(t *testing.T) {
	newest := len(migrations())
	if *makeTestdata {
		makeOld(t, newest)
	}
	schema := schemaOf(t, opened(t, filepath.Join(t.TempDir(), "acme.db")))
	for version := 1; version <= newest; version++ {
		path := old(t, version)
		s := opened(t, path)
		if s.Version() != newest {
			t.Errorf("version %d was brought to %d", version, s.Version())
		}
		for name, one := range samples() {
			if got := reads(t, s, one.get); !reflect.DeepEqual(got, one.thing) {
				t.Errorf("version %d: %s: %+v", version, name, got)
			}
			if name != "reservation" {
				update(t, s, one.put)
			}
		}
		if got := schemaOf(t, s); !slices.Equal(got, schema) {
			t.Errorf("version %d has come to the schema\n%s\nand a new file has\n%s", version, strings.Join(got, "\n"), strings.Join(schema, "\n"))
		}
	}
}

func makeOld(t *testing.T, version int) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s, err := Open(path)
	must(t, err)
	for _, one := range samples() {
		update(t, s, one.put)
	}
	must(t, s.Close())
	octets, err := os.ReadFile(path)
	must(t, err)
	f, err := os.OpenFile(oldFile(version), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	must(t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write(octets)
	must(t, err, z.Close(), f.Close())
}

func schemaOf(t *testing.T, s *Store) (all []string) {
	t.Helper()
	rows, err := s.readers.Query("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY 1")
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		all = append(all, text)
	}
	return all
}

// TestMigrationFails has a migration end in its middle: nothing of it is there, nor of the one after, and the one before is.
func TestMigrationFails(t *testing.T) {
	first := migration{"first", []string{"CREATE TABLE first (id TEXT)", "ALTER TABLE accounts ADD COLUMN more TEXT", "UPDATE accounts SET more = 'x'"}}
	second := migration{"second", []string{"CREATE TABLE second (id TEXT)", "DELETE FROM certificates"}}
	broken := migration{"second", append(slices.Clone(second.statements), "INSERT INTO nowhere VALUES (1)")}
	third := migration{"third", []string{"CREATE TABLE third (id TEXT)"}}
	path := old(t, 1)
	base := migrations()[:1]
	_, err := open(path, append(slices.Clone(base), first, broken, third))
	if err == nil || !strings.Contains(err.Error(), "migration 3 (second): acme store: "+path+": ") {
		t.Fatal(err)
	}
	found := func(s *Store) (tables, certificates int) {
		err := s.readers.QueryRow("SELECT count(*), (SELECT count(*) FROM certificates) FROM sqlite_schema WHERE name IN ('first', 'second', 'third')").Scan(&tables, &certificates)
		must(t, err)
		return tables, certificates
	}
	s, err := open(path, append(slices.Clone(base), first))
	must(t, err)
	if tables, certificates := found(s); tables != 1 || certificates != 1 || s.Version() != 2 {
		t.Errorf("after it has failed: %d tables, %d certificates, version %d", tables, certificates, s.Version())
	}
	must(t, s.Close())
	s, err = open(path, append(slices.Clone(base), first, second, third)) // mended
	must(t, err)
	if tables, certificates := found(s); tables != 3 || certificates != 0 || s.Version() != 4 {
		t.Errorf("once it is mended: %d tables, %d certificates, version %d", tables, certificates, s.Version())
	}
	must(t, s.Close())
	if _, err := open(path, append(slices.Clone(base), first)); err == nil || !strings.Contains(err.Error(), "it is of version 4 of its schema, and this program knows versions to 2") {
		t.Errorf("opened by an older release: %v", err)
	}
}
