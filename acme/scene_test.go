package acme_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/store"
)

// scene is a server with all that it stands on.
type scene struct {
	*acme.Server
	t         *testing.T
	store     *brittle
	clock     *clock
	authority *authority
}

// newScene makes a scene; change, where not nil, changes what the server is made of.
func newScene(t *testing.T, change func(*acme.Config)) *scene {
	t.Helper()
	kept, err := store.Open(filepath.Join(t.TempDir(), "acme.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	s := &scene{t: t, store: &brittle{Store: kept}, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, authority: newAuthority(t)}
	s.Server = s.again(change)
	return s
}

// again makes another server, as of another process, over the same store.
func (s *scene) again(change func(*acme.Config)) *acme.Server {
	s.t.Helper()
	c := acme.Config{
		Store: s.store, Gate: open{}, Validator: open{}, Issuer: none{}, Authority: s.authority, Now: s.clock.Now, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
		URL: "https://ca.example",
		Profiles: []acme.Profile{{
			Name: "default", Description: "a week", Grant: acme.GrantRecord, Identifiers: []string{acme.TypeDNS, acme.TypeIP}, Wildcards: true,
			KeyTypes: []acme.KeyType{acme.P256}, Life: 7 * 24 * time.Hour, Backdate: time.Hour,
			ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Usage: x509.KeyUsageDigitalSignature,
		}},
	}
	if change != nil {
		change(&c)
	}
	server, err := acme.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return server
}

// clock goes only when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var errDisk = errors.New("the disk is full")

// brittle is a Store that can fail: before an Update has done anything, and after it
// has been committed, when nobody can know.
type brittle struct {
	acme.Store
	before, after atomic.Int32 // how many Updates fail so
	writes        atomic.Int32 // how many were begun
}

func (b *brittle) Update(ctx context.Context, f func(acme.Tx) error) error {
	b.writes.Add(1)
	if b.before.Add(-1) >= 0 {
		return errDisk
	}
	b.before.Store(0)
	err := b.Store.Update(ctx, f)
	if b.after.Add(-1) >= 0 && err == nil {
		return errDisk
	}
	b.after.Store(0)
	return err
}

// open is a Gate and a Validator that let everything through.
type open struct{}

func (open) Judge(context.Context, *acme.Claim) *acme.Problem { return nil }
func (open) Validate(context.Context, string, acme.Identifier, string, string) *acme.Problem {
	return nil
}

// none is an Issuer that issues nothing.
type none struct{}

func (none) Issue(context.Context, *acme.Request, func(string, []byte) error) (*acme.Issued, error) {
	return nil, errors.New("no issuer here")
}

// authority signs certificates and revocation lists for one issuer, "one", beside which there is a
// former one, "former".
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	fail atomic.Bool
	made atomic.Int32  // lists
	next atomic.Int64  // serial
	gate chan struct{} // where not nil, lists take one of it before they are begun and one before they are made
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, key: newKey(t)}
	a.next.Store(0x80)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: []byte{0xfa, 1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) Issuers() []string { return []string{"one", "former"} }

func (a *authority) IssuerDER(id string) ([]byte, bool) {
	return a.cert.Raw, id == "one" || id == "former"
}

func (a *authority) RevocationList(issuer string, number int64, thisUpdate, nextUpdate time.Time, revoked []x509.RevocationListEntry) ([]byte, error) {
	if a.gate != nil {
		<-a.gate
		<-a.gate
	}
	if a.fail.Load() {
		return nil, errors.New("the key is not there")
	}
	a.made.Add(1)
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: thisUpdate, NextUpdate: nextUpdate, RevokedCertificateEntries: revoked}
	return x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
}

// issued stores a certificate for an account, over the names (a "*." among them too),
// with a key of its own, and returns it with that key.
func (s *scene) issued(account string, names ...string) (*acme.Certificate, *ecdsa.PrivateKey) {
	s.t.Helper()
	key, now := newKey(s.t), s.clock.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(s.authority.next.Add(1)), DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(7*24*time.Hour - time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.authority.cert, key.Public(), s.authority.key)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	c := &acme.Certificate{
		Serial: hex.EncodeToString(leaf.SerialNumber.Bytes()), Issuer: "one", Account: account, Order: "an order", Profile: "default", Leaf: der,
		KeyHash: hex.EncodeToString(sum[:]), AKI: leaf.AuthorityKeyId, Issued: now, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
	}
	for _, n := range names {
		c.Identifiers = append(c.Identifiers, dns(n))
	}
	s.update(func(tx acme.Tx) error { return tx.PutCertificate(c) })
	return c, key
}

func dns(name string) acme.Identifier { return acme.Identifier{Type: acme.TypeDNS, Value: name} }

// update changes the store behind the server's back, as another process does.
func (s *scene) update(f func(acme.Tx) error) {
	s.t.Helper()
	if err := s.store.Store.Update(s.t.Context(), f); err != nil {
		s.t.Fatal(err)
	}
}

// stored is what the store has.
func stored[T any](s *scene, f func(acme.Tx) (T, error)) T {
	s.t.Helper()
	var v T
	if err := s.store.View(s.t.Context(), func(tx acme.Tx) (err error) {
		v, err = f(tx)
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return v
}
