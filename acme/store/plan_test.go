package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cnfd/acme"
)

// wholeTables are the statements that read all there is of a table, and may: what it says is all that they are for, and the
// operator's commands alone ask, or there is next to nothing in it.
var wholeTables = []string{
	"SELECT doc FROM external_accounts ORDER BY kid",
	"SELECT account, domain FROM grants ORDER BY account, domain",
	"SELECT doc FROM nonces",
	"DELETE FROM nonces",
}

// TestNoStatementReadsAWholeTable asks SQLite, of every statement that the store has prepared for the whole of its contract
// and for every Filter, what it will go through: an index or a key finds the beginning of all that it reads.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
	for _, one := range samples() {
		update(t, s, one.put)
		reads(t, s, one.get)
	}
	name := acme.Identifier{Type: acme.TypeDNS, Value: "a.example"}
	for _, run := range []func(func(acme.Tx) error){
		func(f func(acme.Tx) error) { update(t, s, f) },
		func(f func(acme.Tx) error) { view(t, s, f) },
	} {
		run(func(tx acme.Tx) error {
			tx.Accounts("", 1)
			tx.Orders("a", "", 1)
			tx.OpenOrders("a")
			tx.OpenCount("a", day)
			tx.OrdersOf("z")
			tx.Overdue(day, day, 1)
			tx.Live("a", name, day)
			tx.Live("a", acme.Identifier{}, day)
			tx.LiveCount("a", name, day)
			tx.LiveCount("a", acme.Identifier{}, day)
			tx.Ahead("a", name, day)
			tx.Unfinished(day, day, 1)
			tx.GrantsOf("a")
			tx.Grants()
			tx.ExternalAccounts()
			for which := range 64 {
				var f acme.Filter
				has := func(bit int) bool { return which&(1<<bit) != 0 }
				if has(0) {
					f.Account = "a"
				}
				if has(1) {
					f.Issuer = "i"
				}
				if has(2) {
					f.KeyHash = "k"
				}
				if has(3) {
					f.Domain = "a.example"
				}
				f.Revoked = has(4)
				if has(5) {
					f.Alive = day
				}
				if _, err := tx.Certificates(f, "", 1); err != nil {
					t.Fatal(err)
				}
			}
			return nil
		})
	}
	update(t, s, func(tx acme.Tx) error { _, err := tx.Prune(day, 1); return err })
	update(t, s, func(tx acme.Tx) error { _, err := tx.Nonces(); return err })
	g := acme.Grantee{Account: "a", Domain: "b"}
	update(t, s, func(tx acme.Tx) error { return errors.Join(tx.PutGrant(g), tx.DropGrant(g)) })
	asked := 0
	for _, l := range append(slices.Clone(s.writer.idle), s.readers.idle...) {
		for text := range l.prepared {
			if slices.Contains(wholeTables, text) || !strings.Contains(text, " ") {
				continue
			}
			asked++
			for _, step := range plan(t, s, text) {
				if strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN (subquery-") && step != "SCAN CONSTANT ROW" {
					t.Errorf("%s\n\tof: %s", step, text)
				}
			}
		}
	}
	if asked < 150 {
		t.Errorf("only %d statements were asked about", asked)
	}
}

// plan is what SQLite will do for a statement.
func plan(t *testing.T, s *Store, text string) (steps []string) {
	t.Helper()
	var values []any
	for strings.Contains(text, fmt.Sprint("$", len(values)+1)) {
		values = append(values, "x")
	}
	rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+text, values...)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		must(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	return steps
}
