package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// scene is a CA in a directory of its own at some time.
type scene struct {
	t   *testing.T
	dir string
	now time.Time
	ca  *CA
}

var someDay = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newScene(t *testing.T, kind acme.KeyType) *scene {
	t.Helper()
	return newSceneAt(t, kind, someDay)
}

func newSceneAt(t *testing.T, kind acme.KeyType, now time.Time) *scene {
	t.Helper()
	s := &scene{t: t, dir: filepath.Join(t.TempDir(), "ca"), now: now}
	if err := Init(s.dir, Setup{Name: "Example", Type: kind, Now: s.now}); err != nil {
		t.Fatal(err)
	}
	s.ca = s.open(Config{})
	return s
}

func (s *scene) config(c Config) Config {
	c.Dir, c.Now = s.dir, func() time.Time { return s.now }
	if c.URL == "" {
		c.URL = "http://ca.example"
	}
	return c
}

func (s *scene) open(c Config) *CA {
	s.t.Helper()
	ca, err := Open(s.config(c))
	if err != nil {
		s.t.Fatal(err)
	}
	return ca
}

func profile() *acme.Profile {
	return &acme.Profile{
		Name: "default", KeyTypes: []acme.KeyType{acme.RSA, acme.P256, acme.P384, acme.Ed25519},
		Usage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		Life:     168 * time.Hour, Backdate: time.Hour,
	}
}

// dns are the identifiers of names.
func dns(names ...string) (identifiers []acme.Identifier) {
	for _, n := range names {
		identifiers = append(identifiers, acme.Identifier{Type: acme.TypeDNS, Value: n})
	}
	return identifiers
}

func (s *scene) request(names ...string) *acme.Request {
	return &acme.Request{Profile: profile(), Identifiers: dns(names...), PublicKey: madeKey(s.t, acme.P256).Public(), Now: s.now}
}

// madeKey makes a key, of RSA a small one.
func madeKey(t testing.TB, kind acme.KeyType) crypto.Signer {
	t.Helper()
	key, err := newKey(kind, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func kept(string, []byte) error { return nil }

func (s *scene) issue(r *acme.Request) (*acme.Issued, *x509.Certificate) {
	s.t.Helper()
	issued, err := s.ca.Issue(context.Background(), r, kept)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(issued.Leaf)
	if err != nil {
		s.t.Fatal(err)
	}
	return issued, leaf
}

// chains verifies a leaf by a chain that was issued with it, under the root.
func (s *scene) chains(leaf *x509.Certificate, chain []byte, at time.Time) error {
	s.t.Helper()
	roots, above := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.cert(rootCertFile))
	if !above.AppendCertsFromPEM(chain) {
		s.t.Fatal("a chain without a certificate")
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, CurrentTime: at})
	return err
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) read(name string) []byte {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *scene) cert(name string) *x509.Certificate {
	s.t.Helper()
	cert, err := readOne(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return cert
}

func (s *scene) write(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) remove(names ...string) {
	s.t.Helper()
	for _, n := range names {
		if err := os.Remove(s.path(n)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// rotate makes the next intermediate and has the CA take it.
func (s *scene) rotate() string {
	s.t.Helper()
	id, err := Rotate(s.dir, Setup{Now: s.now}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.ca.Reload(); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// sealed signs a certificate of a CA with a key of the directory, or another.
func (s *scene) sealed(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) []byte {
	s.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		s.t.Fatal(err)
	}
	return certPEM(der)
}

func (s *scene) key(name string) crypto.Signer {
	s.t.Helper()
	key, err := readKey(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return key
}

// spy counts what a key signs, and can spoil it.
type spy struct {
	crypto.Signer
	signed int
	lies   bool // signs something else
	fails  bool // has done the work, and then has an error
}

func (s *spy) SignMessage(random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	s.signed++
	if s.lies {
		message = append([]byte{0}, message...)
	}
	signature, err := crypto.SignMessage(s.Signer, random, message, o)
	if s.fails {
		return nil, fmt.Errorf("the token has been pulled out")
	}
	return signature, err
}

// spied puts a spy before the key of the intermediate in use.
func (s *scene) spied() *spy {
	i := s.ca.present.Load().newest()
	key := &spy{Signer: i.key}
	i.key = key
	return key
}

// wants fails unless an error says all of some texts, and nothing of a key.
func wants(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error: want %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v: does not say %q", err, text)
		}
	}
}

// silent fails where an error repeats a part of a key's file.
func silent(t *testing.T, err error, keyFile []byte) {
	t.Helper()
	block, _ := pem.Decode(keyFile)
	if block == nil {
		return
	}
	for _, line := range bytes.Split(keyFile, []byte("\n")) {
		if len(line) > 8 && line[0] != '-' && strings.Contains(err.Error(), string(line)) {
			t.Error("the error repeats the key")
		}
	}
}
