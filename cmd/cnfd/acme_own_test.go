package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
)

// TestOwnCertificate: it is renewed at two thirds of its life, the store has each, and where
// anything fails the one before is shown still.
func TestOwnCertificate(t *testing.T) {
	for host, i := range map[string]acme.Identifier{
		"ca.example": {Type: acme.TypeDNS, Value: "ca.example"}, "192.0.2.1": {Type: acme.TypeIP, Value: "192.0.2.1"}, "2001:db8::1": {Type: acme.TypeIP, Value: "2001:db8::1"},
		"localhost": {Type: acme.TypeDNS, Value: "localhost"}, "ca": {Type: acme.TypeDNS, Value: "ca"}, "ca.internal": {Type: acme.TypeDNS, Value: "ca.internal"},
		"10.0.0.1": {Type: acme.TypeIP, Value: "10.0.0.1"}, "fd00::1": {Type: acme.TypeIP, Value: "fd00::1"}, "127.0.0.1": {Type: acme.TypeIP, Value: "127.0.0.1"},
	} {
		t.Run(host, func(t *testing.T) { ownCertificateOf(t, host, i) })
	}
}

func ownCertificateOf(t *testing.T, host string, i acme.Identifier) {
	dir, root := madeCA(t)
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	authority, err := ca.Open(ca.Config{Dir: dir, URL: "https://ca.example", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var shown *tls.Certificate
	signer := &failingIssuer{CA: authority}
	o := &ownCertificate{
		issuer: signer, store: s, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), host: host, base: "https://ca.example",
		path: filepath.Join(dir, ownFile), show: func(c *tls.Certificate) { shown = c },
	}
	if err := o.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	for _, der := range shown.Certificate[1:] {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(one)
	}
	if _, err := shown.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, DNSName: host}); err != nil {
		t.Fatal(err)
	}
	serial := fmt.Sprintf("%032x", shown.Leaf.SerialNumber)
	known, _, err := readCertificate(t.Context(), s, serial)
	if err != nil || known.Account != "" || len(known.Identifiers) != 1 || known.Identifiers[0] != i {
		t.Fatalf("%v: %+v", err, known)
	}

	first, life := shown, shown.Leaf.NotAfter.Sub(shown.Leaf.NotBefore)
	for _, tt := range []struct {
		claim string
		at    time.Time
		good  bool
	}{
		{"new", now, true},
		{"a second before two thirds", first.Leaf.NotBefore.Add(life/3*2 - time.Second), true},
		{"at two thirds", first.Leaf.NotBefore.Add(life / 3 * 2), false},
		{"at its end", first.Leaf.NotAfter, false},
		{"a clock that was set back by less than an hour", first.Leaf.NotBefore, true},
		{"a clock that was set back", first.Leaf.NotBefore.Add(-time.Second), false},
	} {
		if now = tt.at; o.good(t.Context(), o.leaf) != tt.good {
			t.Errorf("%s: good is %t", tt.claim, !tt.good)
		}
	}

	now = first.Leaf.NotBefore.Add(life/3*2 + time.Second)
	for _, signer.fails = range []string{"before", "after"} {
		if err := o.renew(t.Context()); err == nil || !strings.Contains(err.Error(), "acme.tls names another") || shown != first || o.leaf != first.Leaf {
			t.Errorf("a signer that fails %s: %v", signer.fails, err)
		}
	}
	signer.fails = ""
	if err := o.renew(t.Context()); err != nil || shown == first || !o.good(t.Context(), o.leaf) {
		t.Errorf("renewed: %v", err)
	}
	serial = fmt.Sprintf("%032x", shown.Leaf.SerialNumber)
	if err := s.Update(t.Context(), func(tx acme.Tx) error { return acme.RevokeCertificate(tx, serial, 1, now) }); err != nil {
		t.Fatal(err)
	}
	if o.good(t.Context(), o.leaf) {
		t.Error("a certificate that was revoked is shown on")
	}
}

// failingIssuer is an Issuer that can fail before it has noted what it will sign, and after it has signed.
type failingIssuer struct {
	*ca.CA
	fails string
}

func (f *failingIssuer) Issue(ctx context.Context, r *acme.Request, commit func(string, []byte) error) (*acme.Issued, error) {
	if f.fails == "before" {
		return nil, errors.New("the key is not there")
	}
	issued, err := f.CA.Issue(ctx, r, commit)
	if f.fails == "after" && err == nil {
		return nil, errors.New("the signature is not good")
	}
	return issued, err
}
