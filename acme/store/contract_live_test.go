package store

import (
	"testing"
	"time"

	"cnfd/acme"
)

func live(t *testing.T, s acme.Store) {
	name, ip := acme.Identifier{Type: acme.TypeDNS, Value: "a.example"}, acme.Identifier{Type: acme.TypeIP, Value: "192.0.2.1"}
	z := func(id, account string, i acme.Identifier, status acme.Status, expires time.Duration) *acme.Authorization {
		return &acme.Authorization{ID: id, Account: account, Identifier: i, Status: status, Expires: day.Add(expires)}
	}
	puts(t, s, acme.Tx.PutAuthorization,
		z("pending", "a", name, acme.Pending, 2), z("valid", "a", name, acme.Valid, 1), z("at", "a", name, acme.Valid, 0), z("tie", "a", ip, acme.Pending, 2),
		z("over", "a", name, acme.Pending, -1), z("invalid", "a", name, acme.Invalid, 2), z("deactivated", "a", name, acme.Deactivated, 2), z("revoked", "a", name, acme.Revoked, 2),
		z("others", "b", name, acme.Valid, 3), &acme.Authorization{ID: "endless", Account: "a", Identifier: name, Status: acme.Valid})
	got := func(account string, i acme.Identifier) string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Authorization, error) { return tx.Live(account, i, day) }), authzID)
	}
	for _, tc := range []struct {
		account string
		i       acme.Identifier
		want    string
	}{
		{"a", acme.Identifier{}, "valid pending tie "},
		{"a", name, "valid pending "},
		{"a", ip, "tie "},
		{"a", acme.Identifier{Type: acme.TypeIP, Value: "a.example"}, ""},
		{"a", acme.Identifier{Type: acme.TypeDNS, Value: "b.example"}, ""},
		{"b", name, "others "},
		{"c", acme.Identifier{}, ""},
	} {
		if got := got(tc.account, tc.i); got != tc.want {
			t.Errorf("of %s, %s: %s, want %s", tc.account, tc.i, got, tc.want)
		}
	}
	for _, tc := range []struct {
		account string
		i       acme.Identifier
		want    int
	}{{"a", acme.Identifier{}, 3}, {"a", name, 2}, {"a", ip, 1}, {"b", acme.Identifier{}, 1}, {"b", ip, 0}, {"c", acme.Identifier{}, 0}} {
		if n := reads(t, s, func(tx acme.Tx) (int, error) { return tx.LiveCount(tc.account, tc.i, day) }); n != tc.want {
			t.Errorf("of %s, %s there are %d, want %d", tc.account, tc.i, n, tc.want)
		}
	}
	puts(t, s, acme.Tx.PutAuthorization, z("valid", "a", name, acme.Deactivated, 1))
	if got := got("a", name); got != "pending " {
		t.Errorf("after one was deactivated: %s", got)
	}
}

func ahead(t *testing.T, s acme.Store) {
	name := acme.Identifier{Type: acme.TypeDNS, Value: "a.example"}
	z := func(id string, change func(*acme.Authorization)) *acme.Authorization {
		a := &acme.Authorization{ID: id, Account: "a", Identifier: name, Status: acme.Valid, Ahead: true, Expires: day.Add(1)}
		change(a)
		return a
	}
	puts(t, s, acme.Tx.PutAuthorization,
		z("later", func(a *acme.Authorization) { a.Expires = day.Add(2) }), z("sooner", func(*acme.Authorization) {}),
		z("an order's", func(a *acme.Authorization) { a.Ahead = false }), z("pending", func(a *acme.Authorization) { a.Status = acme.Pending }),
		z("expired", func(a *acme.Authorization) { a.Expires = day }), z("other's", func(a *acme.Authorization) { a.Account = "b" }),
		z("of another", func(a *acme.Authorization) { a.Identifier.Value = "b.example" }))
	got := func() string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Authorization, error) { return tx.Ahead("a", name, day) }), authzID)
	}
	if got := got(); got != "sooner later " {
		t.Errorf("ahead: %s", got)
	}
	puts(t, s, acme.Tx.PutAuthorization, z("sooner", func(a *acme.Authorization) { a.Status = acme.Deactivated }))
	if got := got(); got != "later " {
		t.Errorf("after one was deactivated: %s", got)
	}
}
