package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// TestKilled kills a process 120 times at random instants of Updates: each that it said was kept is there, and of no other a part.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "acme.db")
	kept, early, between := 0, 0, 0
	for kill := range 120 {
		cmd, _, out := child(t, "write", path)
		said := kept
		if kill%3 > 0 { // the others may be killed while they open the store
			if !out.Scan() {
				t.Fatal("it said nothing")
			}
			said = count(t, out.Text())
		}
		time.AfterFunc(time.Duration(rand.Int64N(int64(15*time.Millisecond))), func() { cmd.Process.Kill() })
		for out.Scan() {
			said = count(t, out.Text())
		}
		cmd.Wait()
		if said == kept {
			early++
		}
		now := whole(t, path)
		if now < said || now > said+1 {
			t.Fatalf("kill %d: %d were said to be kept, and %d are", kill, said, now)
		}
		if now > said {
			between++
		}
		kept = now
	}
	if kept < 80 { // two thirds of the processes have had their first one
		t.Errorf("only %d Updates", kept)
	}
	t.Logf("figure: 120 kills, %d Updates; %d kills before the first of a process, %d while the last Update was kept and not yet said", kept, early, between)
}

func count(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// whole opens a store whose process was killed, finds every Update of role write whole, and returns how many there are.
func whole(t *testing.T, path string) (n int) {
	t.Helper()
	s, err := Open(path)
	must(t, err)
	defer s.Close()
	var check string
	must(t, s.readers.QueryRow("PRAGMA integrity_check").Scan(&check))
	if check != "ok" {
		t.Fatalf("the file is damaged: %s", check)
	}
	for _, table := range []string{"reservations", "orders", "authorizations", "certificates", "blobs", "certificate_names", "order_authorizations"} {
		var rows int
		must(t, s.readers.QueryRow("SELECT count(*) FROM "+table).Scan(&rows))
		if table == "orders" {
			rows = max(rows-1, 0) // the counter
		}
		if table == "reservations" {
			n = rows
		} else if rows != n {
			t.Fatalf("%d %s of %d Updates", rows, table, n)
		}
	}
	view(t, s, func(tx acme.Tx) error {
		count, err := counter(tx, "count")
		if count != n {
			t.Fatalf("the counter is %d of %d", count, n)
		}
		if n == 0 {
			return err
		}
		id := strconv.Itoa(n) // the last is whole in every table
		_, err1 := tx.Reservation(id)
		_, err2 := tx.Order(id)
		_, err3 := tx.Authorization(id)
		_, err4 := tx.Certificate(id)
		_, err5 := tx.Blob(id)
		return errors.Join(err, err1, err2, err3, err4, err5)
	})
	return n
}

// slowMigration takes many statements.
var slowMigration = migration{"slow", func() (all []string) {
	all = append(all, "CREATE TABLE slow (n INTEGER, filler TEXT)", "ALTER TABLE accounts ADD COLUMN more TEXT")
	for i := range 40 {
		all = append(all, fmt.Sprintf("INSERT INTO slow WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500) SELECT n + %d, '%s' FROM c", i*500, strings.Repeat("x", 100)))
	}
	return all
}()}

// TestMigrationKilled kills a process in the middle of a migration: the file is of the old version, and whole, or of the new one.
func TestMigrationKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "acme.db")
	old, err := Open(path)
	must(t, err)
	must(t, step(t.Context(), old), old.Close())
	halfway := 0
	for kill := 0; kill < 200 && halfway < 15; kill++ {
		cmd, _, out := child(t, "migrate", path)
		if !out.Scan() || out.Text() != "begun" {
			t.Fatal(out.Text())
		}
		time.Sleep(time.Duration(rand.Int64N(int64(40 * time.Millisecond))))
		cmd.Process.Kill()
		cmd.Wait()
		s, err := Open(path)
		if err != nil { // the migration was quicker
			if !strings.Contains(err.Error(), "it is of version 2") {
				t.Fatal(err)
			}
			raw(t, path, "DROP TABLE slow", "ALTER TABLE accounts DROP COLUMN more", "DELETE FROM migrations WHERE version = 2")
			continue
		}
		halfway++
		var tables int
		must(t, s.readers.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'slow' OR sql LIKE '%more TEXT%'").Scan(&tables))
		if a, b := steps(t, s); a != 1 || b != 1 || tables != 0 || s.Version() != 1 {
			t.Errorf("a is %d, b %d, half a migration: %d, version %d", a, b, tables, s.Version())
		}
		must(t, s.Close())
	}
	if halfway < 15 {
		t.Errorf("killed before its end %d times", halfway)
	}
	s, err := open(path, append(migrations(), slowMigration))
	must(t, err)
	defer s.Close()
	var rows int
	must(t, s.readers.QueryRow("SELECT count(*) FROM slow").Scan(&rows))
	if a, _ := steps(t, s); a != 1 || rows != 20_000 || s.Version() != 2 {
		t.Errorf("in the end a is %d, %d rows, version %d", a, rows, s.Version())
	}
}
