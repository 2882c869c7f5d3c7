package store

import (
	"errors"
	"testing"
	"time"

	"cnfd/acme"
)

func reservedOnce(t *testing.T, s acme.Store) {
	reserve := func(serial, order string) error {
		return s.Update(t.Context(), func(tx acme.Tx) error { return tx.Reserve(&acme.Reservation{Serial: serial, Order: order}) })
	}
	if err := reserve("01", "o"); err != nil {
		t.Fatal(err)
	}
	for _, order := range []string{"o", "other"} { // also where it is the same
		if err := reserve("01", order); !errors.Is(err, acme.ErrExists) {
			t.Errorf("a second time for %s: %v", order, err)
		}
	}
	puts(t, s, acme.Tx.PutCertificate, &acme.Certificate{Serial: "02"})
	if err := reserve("02", "o"); !errors.Is(err, acme.ErrExists) {
		t.Errorf("the serial of a certificate that had no reservation: %v", err)
	}
	update(t, s, func(tx acme.Tx) error { _, err := tx.Prune(day.AddDate(100, 0, 0), 1000); return err })
	if err := reserve("01", "o"); !errors.Is(err, acme.ErrExists) {
		t.Errorf("after a century: %v", err)
	}
	if r := reads(t, s, func(tx acme.Tx) (*acme.Reservation, error) { return tx.Reservation("01") }); r.Order != "o" {
		t.Errorf("the first was written over: %+v", r)
	}
	// One that came to nothing is free, for nothing was signed.
	if err := s.Update(t.Context(), func(tx acme.Tx) error {
		return errors.Join(tx.Reserve(&acme.Reservation{Serial: "03"}), errOwn)
	}); !errors.Is(err, errOwn) {
		t.Fatal(err)
	}
	if err := reserve("03", "o"); err != nil {
		t.Errorf("after an Update that came to nothing: %v", err)
	}
}

func certificatePages(t *testing.T, s acme.Store) {
	c := func(serial string, after time.Duration) *acme.Certificate {
		return &acme.Certificate{Serial: serial, Issued: day.Add(after)}
	}
	puts(t, s, acme.Tx.PutCertificate, c("ff", 0), c("02", 1), c("01", 1), c("03", 1), c("00", 2))
	for _, tc := range []struct {
		after string
		most  int
		want  string
	}{
		{"", 9, "ff 01 02 03 00 "},
		{"", 2, "ff 01 "},
		{"01", 1, "02 "},
		{"02", 9, "03 00 "},
		{"00", 9, ""},
		{"", 0, ""},
	} {
		got := ids(reads(t, s, func(tx acme.Tx) ([]*acme.Certificate, error) {
			return tx.Certificates(acme.Filter{}, tc.after, tc.most)
		}), serialOf)
		if got != tc.want {
			t.Errorf("%d after %q: %s, want %s", tc.most, tc.after, got, tc.want)
		}
	}
	if err := s.View(t.Context(), func(tx acme.Tx) error { _, err := tx.Certificates(acme.Filter{}, "04", 9); return err }); !errors.Is(err, acme.ErrNotFound) {
		t.Errorf("after a serial that is not there: %v", err)
	}
}

func certificateFilter(t *testing.T, s acme.Store) {
	dns := func(names ...string) (all []acme.Identifier) {
		for _, n := range names {
			all = append(all, acme.Identifier{Type: acme.TypeDNS, Value: n})
		}
		return all
	}
	puts(t, s, acme.Tx.PutCertificate,
		&acme.Certificate{Serial: "1", Account: "a", Issuer: "i", Identifiers: dns("a.example", "b.example"), NotAfter: day.Add(1)},
		&acme.Certificate{Serial: "2", Account: "a", Issuer: "j", Identifiers: dns("*.a.example"), NotAfter: day, Revoked: day},
		&acme.Certificate{Serial: "3", Account: "b", Issuer: "i", Identifiers: dns("*.a.example", "a.example"), NotAfter: day.Add(1), Revoked: day},
		&acme.Certificate{Serial: "4", Issuer: "i", Identifiers: []acme.Identifier{{Type: acme.TypeIP, Value: "192.0.2.1"}}},
		&acme.Certificate{Serial: "5", Account: "a", Issuer: "i", Identifiers: dns("x.a.example")})
	puts(t, s, acme.Tx.PutCertificate, &acme.Certificate{Serial: "5", Account: "a", Issuer: "i", Identifiers: dns("c.example"), Revoked: day}) // another in its place
	got := func(f acme.Filter, after string) string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Certificate, error) { return tx.Certificates(f, after, 9) }), serialOf)
	}
	for _, tc := range []struct {
		claim string
		f     acme.Filter
		after string
		want  string
	}{
		{"all", acme.Filter{}, "", "1 2 3 4 5 "},
		{"an account", acme.Filter{Account: "a"}, "", "1 2 5 "},
		{"an account, after another's", acme.Filter{Account: "a"}, "3", "5 "},
		{"an issuer", acme.Filter{Issuer: "i"}, "", "1 3 4 5 "},
		{"a name, or its wildcard", acme.Filter{Domain: "a.example"}, "", "1 2 3 "},
		{"a wildcard alone", acme.Filter{Domain: "*.a.example"}, "", "2 3 "},
		{"a second name", acme.Filter{Domain: "b.example"}, "", "1 "},
		{"a name that it had before it was put anew", acme.Filter{Domain: "x.a.example"}, "", ""},
		{"an address", acme.Filter{Domain: "192.0.2.1"}, "", "4 "},
		{"nobody's name", acme.Filter{Domain: "example"}, "", ""},
		{"revoked", acme.Filter{Revoked: true}, "", "2 3 5 "},
		{"alive", acme.Filter{Alive: day}, "", "1 3 "},
		{"for a revocation list", acme.Filter{Issuer: "i", Revoked: true, Alive: day}, "", "3 "},
		{"every field", acme.Filter{Account: "b", Issuer: "i", Domain: "a.example", Revoked: true, Alive: day}, "2", "3 "},
	} {
		if got := got(tc.f, tc.after); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.claim, got, tc.want)
		}
	}
}

func blobs(t *testing.T, s acme.Store) {
	for _, text := range []string{"first", "second"} {
		update(t, s, func(tx acme.Tx) error { return errors.Join(tx.PutBlob("b", []byte(text)), tx.PutBlob("empty", nil)) })
	}
	if b := reads(t, s, func(tx acme.Tx) ([]byte, error) { return tx.Blob("b") }); string(b) != "first" {
		t.Errorf("it is %q", b)
	}
	if b := reads(t, s, func(tx acme.Tx) ([]byte, error) { return tx.Blob("empty") }); len(b) != 0 {
		t.Errorf("the empty one is %q", b)
	}
}

func newestList(t *testing.T, s acme.Store) {
	list := func(issuer string, number int64, count int) *acme.CRL {
		return &acme.CRL{Issuer: issuer, Number: number, Count: count, DER: []byte{byte(count)}}
	}
	puts(t, s, acme.Tx.PutCRL, list("i", 9, 1), list("i", 10, 2), list("j", 1, 3), list("i", 8, 4), list("j", 1, 5))
	for issuer, want := range map[string]int{"i": 2, "j": 5} {
		if c := reads(t, s, func(tx acme.Tx) (*acme.CRL, error) { return tx.CRL(issuer) }); c.Count != want {
			t.Errorf("of %s: %+v", issuer, c)
		}
	}
}
