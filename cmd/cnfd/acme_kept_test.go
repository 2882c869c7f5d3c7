package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/acme/store"
)

// keeper is a CA with a store, and what an own certificate needs of them.
type keeper struct {
	dir   string
	store *store.Store
	ca    *ca.CA
	shift time.Duration // of the clock
	log   lines
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{}
	k.dir, _ = madeCA(t)
	var err error
	if k.store, err = openStore(k.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.store.Close() })
	if k.ca, err = ca.Open(ca.Config{Dir: k.dir, URL: "https://ca.example", Now: k.now}); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *keeper) now() time.Time { return time.Now().Add(k.shift) }

// daemon is what one daemon has of it.
func (k *keeper) daemon() *ownCertificate {
	return &ownCertificate{
		issuer: k.ca, store: k.store, now: k.now, log: slog.New(slog.NewTextHandler(&k.log, nil)), host: "ca.example", base: "https://ca.example",
		path: filepath.Join(k.dir, ownFile), show: func(*tls.Certificate) {},
	}
}

// issued counts the certificates in the store.
func (k *keeper) issued(t *testing.T) (n int) {
	t.Helper()
	must(t, k.store.View(t.Context(), func(tx acme.Tx) error {
		all, err := tx.Certificates(acme.Filter{}, "", 1000)
		n = len(all)
		return err
	}))
	return n
}

// changeStored changes what the store has of the certificate that is kept.
func (k *keeper) changeStored(t *testing.T, change func(*acme.Certificate)) {
	t.Helper()
	before := k.daemon()
	must(t, before.begin(t.Context()))
	must(t, k.store.Update(t.Context(), func(tx acme.Tx) error {
		c, err := tx.Certificate(fmt.Sprintf("%032x", before.leaf.SerialNumber))
		if err != nil {
			return err
		}
		change(c)
		return tx.PutCertificate(c)
	}))
}

// silent is a store that cannot be read.
type silent struct{ acme.Store }

func (silent) View(context.Context, func(acme.Tx) error) error {
	return errors.New("the disk has an error")
}

// TestOwnCertificateIsKept: the next start shows what the one before had issued, where nothing has changed; each row changes one thing, and
// another is issued, shown and kept.
func TestOwnCertificateIsKept(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		change func(t *testing.T, k *keeper, o *ownCertificate)
		kept   bool
	}{
		{"nothing", func(*testing.T, *keeper, *ownCertificate) {}, true},
		{"four days have passed", func(_ *testing.T, k *keeper, _ *ownCertificate) { k.shift = 4 * 24 * time.Hour }, true},
		{"five days have passed", func(_ *testing.T, k *keeper, _ *ownCertificate) { k.shift = 5 * 24 * time.Hour }, false},
		{"the file has gone", func(t *testing.T, k *keeper, _ *ownCertificate) { must(t, os.Remove(filepath.Join(k.dir, ownFile))) }, false},
		{"others may read its key", func(t *testing.T, k *keeper, _ *ownCertificate) {
			must(t, os.Chmod(filepath.Join(k.dir, ownFile), 0o640))
		}, false},
		{"another host", func(_ *testing.T, _ *keeper, o *ownCertificate) { o.host = "other.example" }, false},
		{"an address for a host", func(_ *testing.T, _ *keeper, o *ownCertificate) { o.host = "192.0.2.1" }, false},
		{"another place of lists", func(t *testing.T, k *keeper, o *ownCertificate) {
			o.base = "http://ca.example:8080"
			authority, err := ca.Open(ca.Config{Dir: k.dir, URL: o.base, Now: k.now})
			must(t, err)
			o.issuer = authority
		}, false},
		{"it was revoked", func(t *testing.T, k *keeper, o *ownCertificate) {
			before := k.daemon()
			must(t, before.begin(t.Context()))
			must(t, k.store.Update(t.Context(), func(tx acme.Tx) error {
				return acme.RevokeCertificate(tx, fmt.Sprintf("%032x", before.leaf.SerialNumber), 1, k.now())
			}))
		}, false},
		{"the store has another of its serial", func(t *testing.T, k *keeper, _ *ownCertificate) {
			k.changeStored(t, func(c *acme.Certificate) { c.Leaf = append([]byte{}, c.Leaf[1:]...) })
		}, false},
		{"it is an account's", func(t *testing.T, k *keeper, _ *ownCertificate) {
			k.changeStored(t, func(c *acme.Certificate) { c.Account = "somebody" })
		}, false},
		{"the store does not say", func(_ *testing.T, k *keeper, o *ownCertificate) { o.store = silent{k.store} }, true},
		{"a new intermediate", func(t *testing.T, k *keeper, _ *ownCertificate) {
			_, err := ca.Rotate(k.dir, ca.Setup{Now: k.now()}, "")
			must(t, err)
			must(t, k.ca.Reload())
		}, false},
		{"its intermediate is revoked, and nobody has said reload", func(t *testing.T, k *keeper, _ *ownCertificate) {
			_, err := ca.Rotate(k.dir, ca.Setup{Now: k.now(), RevokeFormer: true, Reason: 1}, "")
			must(t, err)
		}, false},
		{"a new intermediate that was not taken into use", func(t *testing.T, k *keeper, _ *ownCertificate) {
			_, err := ca.Rotate(k.dir, ca.Setup{Now: k.now()}, "")
			must(t, err)
		}, true},
		{"the root's list cannot be read", func(t *testing.T, k *keeper, _ *ownCertificate) {
			must(t, os.WriteFile(filepath.Join(k.dir, "root-2.crl"), []byte("no list"), 0o644))
		}, true},
		{"another store", func(t *testing.T, k *keeper, o *ownCertificate) {
			other, err := store.Open(filepath.Join(t.TempDir(), "other.db"))
			must(t, err)
			t.Cleanup(func() { other.Close() })
			k.store, o.store = other, other
		}, false},
		{"another's key before its certificates", func(t *testing.T, k *keeper, _ *ownCertificate) {
			path := filepath.Join(k.dir, ownFile)
			text, err := os.ReadFile(path)
			must(t, err)
			_, chain, _ := strings.Cut(string(text), "-----END PRIVATE KEY-----\n")
			other := k.daemon()
			other.path = filepath.Join(t.TempDir(), ownFile)
			must(t, other.begin(t.Context()))
			foreign, err := os.ReadFile(other.path)
			must(t, err)
			key, _, _ := strings.Cut(string(foreign), "-----BEGIN CERTIFICATE-----")
			must(t, os.WriteFile(path, []byte(key+chain), 0o600))
		}, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			k := newKeeper(t)
			first := k.daemon()
			must(t, first.begin(t.Context()))
			if info, err := os.Stat(first.path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			again := k.daemon()
			must(t, again.begin(t.Context()))
			if !again.leaf.Equal(first.leaf) || k.issued(t) != 1 {
				t.Fatalf("with nothing changed another is shown, and %d were issued", k.issued(t))
			}
			second := k.daemon()
			tt.change(t, k, second)
			var shown *tls.Certificate
			second.show = func(c *tls.Certificate) { shown = c }
			must(t, second.begin(t.Context()))
			if second.leaf.Equal(first.leaf) != tt.kept || !shown.Leaf.Equal(second.leaf) || len(shown.Certificate) != 2 {
				t.Errorf("the same is shown: %t, of %d certificates", second.leaf.Equal(first.leaf), len(shown.Certificate))
			}
			third := *second
			must(t, third.begin(t.Context()))
			if !third.leaf.Equal(second.leaf) {
				t.Error("it was not kept")
			}
		})
	}
}

// TestOwnCertificateThatWasCutShort: whatever a crash has left of the file, the next start has a certificate.
func TestOwnCertificateThatWasCutShort(t *testing.T) {
	k := newKeeper(t)
	o := k.daemon()
	must(t, o.begin(t.Context()))
	whole, err := os.ReadFile(o.path)
	must(t, err)
	for n := 0; n < len(whole); n += len(whole) / 12 {
		must(t, os.WriteFile(o.path, whole[:n], 0o600))
		again := k.daemon()
		must(t, again.begin(t.Context()))
		if again.leaf.Equal(o.leaf) {
			t.Errorf("%d octets of %d are taken", n, len(whole))
		}
		if entries, err := filepath.Glob(filepath.Join(k.dir, ".server*")); err != nil || len(entries) > 0 {
			t.Errorf("%v %v", entries, err)
		}
	}
	end := strings.LastIndex(string(whole), "-----BEGIN CERTIFICATE-----") // without the intermediate nobody could verify it
	must(t, os.WriteFile(o.path, whole[:end], 0o600))
	if alone := k.daemon(); alone.take(t.Context()) {
		t.Error("a certificate alone is taken")
	}
	must(t, os.WriteFile(o.path, whole, 0o600))
	if all := k.daemon(); !all.take(t.Context()) {
		t.Error("the whole of it is not taken")
	}
	// Where it cannot be kept it is shown all the same.
	lost := k.daemon()
	lost.path = filepath.Join(k.dir, "gone", ownFile)
	shown := 0
	lost.show = func(*tls.Certificate) { shown++ }
	must(t, lost.begin(t.Context()))
	if shown != 1 || !strings.Contains(k.log.String(), "could not be kept for the next start") {
		t.Errorf("shown %d times; %s", shown, k.log.String())
	}
}

// TestTwoDaemonsHaveOneOwnCertificate: of two on one store the second shows what the first has, renewed too, and none makes the other renew.
func TestTwoDaemonsHaveOneOwnCertificate(t *testing.T) {
	k := newKeeper(t)
	one, two := k.daemon(), k.daemon()
	must(t, one.begin(t.Context()))
	must(t, two.begin(t.Context()))
	if !one.leaf.Equal(two.leaf) || k.issued(t) != 1 {
		t.Fatalf("%d were issued", k.issued(t))
	}
	k.shift = 5 * 24 * time.Hour
	before := one.leaf
	for range 3 { // minutes
		one.look(t.Context())
		two.look(t.Context())
	}
	if one.leaf.Equal(before) || !one.leaf.Equal(two.leaf) || k.issued(t) != 2 {
		t.Errorf("%d were issued; the same is shown: %t", k.issued(t), one.leaf.Equal(two.leaf))
	}
	// Both at once, with nothing kept: each has a good one, and what is kept is one of them, whole.
	must(t, os.Remove(one.path))
	three, four := k.daemon(), k.daemon()
	var both sync.WaitGroup
	for _, o := range []*ownCertificate{three, four} {
		both.Go(func() {
			if err := o.begin(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	n := k.issued(t)
	for range 3 {
		three.look(t.Context())
		four.look(t.Context())
	}
	five := k.daemon()
	must(t, five.begin(t.Context()))
	if !five.leaf.Equal(three.leaf) && !five.leaf.Equal(four.leaf) || k.issued(t) != n {
		t.Errorf("%d were issued after %d", k.issued(t), n)
	}
}

// TestOwnCertificateThatCannotBeIssued: it may pass, and what was begun of a file is not left.
func TestOwnCertificateThatCannotBeIssued(t *testing.T) {
	k := newKeeper(t)
	signer := &failingIssuer{CA: k.ca}
	for _, signer.fails = range []string{"before", "after", ""} {
		o := k.daemon()
		o.issuer = signer
		if err := o.begin(t.Context()); (err == nil) != (signer.fails == "") || err != nil && !mayPass(err) {
			t.Errorf("a signer that fails %q: %v", signer.fails, err)
		}
	}
	must(t, replaceOwn(filepath.Join(k.dir, "file"), []byte("a")))
	must(t, os.Mkdir(filepath.Join(k.dir, "place"), 0o700))
	if err := replaceOwn(filepath.Join(k.dir, "place"), []byte("b")); err == nil {
		t.Error("a directory was replaced")
	}
	if left, err := filepath.Glob(filepath.Join(k.dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
}
