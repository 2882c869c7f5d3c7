package ca

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// TestOpenRefuses: each row is a directory that opens, with one thing changed.
func TestOpenRefuses(t *testing.T) {
	recast := func(s *scene, flip func(*x509.Certificate)) {
		cert := s.cert(certFile(1))
		flip(cert)
		s.write(certFile(1), s.sealed(cert, s.cert(rootCertFile), cert.PublicKey, s.key(rootKeyFile)))
	}
	cases := []struct {
		claim  string
		change func(*scene, *Config)
		want   []string
	}{
		{"no URL", func(_ *scene, c *Config) { c.URL = "" }, []string{"url: none is given"}},
		{"a URL without a host", func(_ *scene, c *Config) { c.URL = "http:///ca" }, []string{"not http or https and a host"}},
		{"a URL of another kind", func(_ *scene, c *Config) { c.URL = "ldap://ca.example" }, []string{"not http or https"}},
		{"a URL with a query", func(_ *scene, c *Config) { c.URL = "http://ca.example/?a" }, []string{"no user, query or fragment"}},
		{"a URL with a password", func(_ *scene, c *Config) { c.URL = "http://a:secret@ca.example" }, []string{"no user"}},
		{"a URL that is not ASCII", func(_ *scene, c *Config) { c.URL = "http://bücher.example" }, []string{"not ASCII"}},
		{"no clock", func(_ *scene, c *Config) { c.Now = nil }, []string{"no Now"}},
		{"no directory", func(_ *scene, c *Config) { c.Dir += "x" }, []string{"make one with init"}},
		{"a file for a directory", func(s *scene, c *Config) { c.Dir = s.path(rootCertFile) }, []string{"not a directory"}},
		{"others may write to the directory", func(s *scene, _ *Config) { _ = os.Chmod(s.dir, 0o720) }, []string{"(0720): chmod 700"}},
		{"others may read the key", func(s *scene, _ *Config) { _ = os.Chmod(s.path(keyFile(1)), 0o644) }, []string{keyFile(1), "(0644): chmod 600 it"}},
		{"the group may read the root's key", func(s *scene, _ *Config) { _ = os.Chmod(s.path(rootKeyFile), 0o640) }, []string{rootKeyFile, "(0640): chmod 600 it"}},
		{"another's key", func(s *scene, _ *Config) { s.write(keyFile(1), s.read(rootKeyFile)) }, []string{"is not the key of intermediate-1.pem"}},
		{"another's root", func(s *scene, _ *Config) { s.write(rootCertFile, newScene(s.t, acme.P256).read(rootCertFile)) }, []string{certFile(1), "no chain to root.pem"}},
		{"the intermediate for a root", func(s *scene, _ *Config) { s.write(rootCertFile, s.read(certFile(1))) }, []string{"no root"}},
		{"a leaf for a root", func(s *scene, _ *Config) {
			i, _ := s.issue(s.request("a.example"))
			s.write(rootCertFile, certPEM(i.Leaf))
		}, []string{"no certificate of a CA"}},
		{"two certificates in a file", func(s *scene, _ *Config) {
			s.write(certFile(1), append(s.read(certFile(1)), s.read(rootCertFile)...))
		}, []string{"2 certificates: one alone"}},
		{"a key in a certificate's file", func(s *scene, _ *Config) { s.write(certFile(1), s.read(keyFile(1))) }, []string{"PEM block \"PRIVATE KEY\""}},
		{"an empty certificate's file", func(s *scene, _ *Config) { s.write(certFile(1), nil) }, []string{"no PEM certificate"}},
		{"a certificate that is cut off", func(s *scene, _ *Config) { s.write(certFile(1), s.read(certFile(1))[:300]) }, []string{"no PEM certificate"}},
		{"a key that is cut off", func(s *scene, _ *Config) { s.write(keyFile(1), s.read(keyFile(1))[:100]) }, []string{"damaged or cut off"}},
		{"a key and more", func(s *scene, _ *Config) { s.write(keyFile(1), append(s.read(keyFile(1)), "x"...)) }, []string{"more than a key"}},
		{"the same intermediate twice", func(s *scene, _ *Config) {
			s.write(certFile(2), s.read(certFile(1)))
			s.write(keyFile(2), s.read(keyFile(1)))
		}, []string{"the same certificate as intermediate-2.pem"}},
		{"a key whose certificate is gone", func(s *scene, _ *Config) { s.rotate(); s.rotate(); s.remove(certFile(2)) }, []string{"intermediate-2.key is there without intermediate-2.pem"}},
		{"a former one's key is gone", func(s *scene, _ *Config) { s.rotate(); s.remove(keyFile(1)) }, []string{"could not be revoked without it"}},
		{"it has ended", func(s *scene, _ *Config) { s.now = s.cert(certFile(1)).NotAfter.Add(time.Second) }, []string{"has ended at", "rotate"}},
		{"its root has ended", func(s *scene, _ *Config) { s.now = s.cert(rootCertFile).NotAfter.Add(time.Second) }, []string{"its root has ended", "new CA"}},
		{"it has not begun", func(s *scene, _ *Config) { s.now = s.now.Add(-2 * time.Hour) }, []string{"is the clock right"}},
		{"it may not sign lists", func(s *scene, _ *Config) { recast(s, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }) }, []string{"cRLSign"}},
		{"it is of no CA", func(s *scene, _ *Config) {
			recast(s, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false })
		}, []string{"no certificate of a CA"}},
		{"the root's path is too short", func(s *scene, _ *Config) {
			root := s.cert(rootCertFile)
			root.MaxPathLen, root.MaxPathLenZero = 0, true
			s.write(rootCertFile, s.sealed(root, root, root.PublicKey, s.key(rootKeyFile)))
			i := s.cert(certFile(1))
			s.write(certFile(1), s.sealed(i, s.cert(rootCertFile), i.PublicKey, s.key(rootKeyFile)))
		}, []string{"allows no intermediate"}},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			key := s.read(keyFile(1))
			config := s.config(Config{})
			c.change(s, &config)
			ca, err := Open(config)
			wants(t, err, c.want...)
			silent(t, err, key)
			if ca != nil {
				t.Error("it was opened all the same")
			}
		})
	}
}

// TestKeysOfOtherForms are refused with the command that helps.
func TestKeysOfOtherForms(t *testing.T) {
	key := madeKey(t, acme.P256)
	text, err := keyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseKey(text); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	for kind, want := range map[string]string{
		"EC PRIVATE KEY":        "openssl pkcs8 -topk8 -nocrypt",
		"RSA PRIVATE KEY":       "openssl pkcs8 -topk8 -nocrypt",
		"ENCRYPTED PRIVATE KEY": "encrypted",
		"CERTIFICATE":           "no PEM block",
	} {
		other := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: block.Bytes})
		_, err := parseKey(other)
		wants(t, err, want)
		silent(t, err, other)
	}
	damaged := slices.Concat(text[:60], []byte("!"), text[61:])
	_, err = parseKey(slices.Concat(damaged, text))
	wants(t, err, "more than a key")
}

// TestReload: a daemon goes on with what it has where the directory is not as it should be.
func TestReload(t *testing.T) {
	s := newScene(t, acme.P256)
	first := s.ca.Issuers()[0]
	second := s.rotate()
	s.write(keyFile(3), s.read(keyFile(2))) // a rotation is under way
	if err := s.ca.Reload(); err != nil || s.ca.Issuers()[0] != second {
		t.Errorf("during a rotation: %v", err)
	}
	s.remove(keyFile(3))
	gone := s.read(certFile(1))
	s.remove(certFile(1), keyFile(1))
	wants(t, s.ca.Reload(), "intermediate-1.pem is no longer the certificate that was issued from")
	if got := s.ca.Issuers(); !slices.Equal(got, []string{second, first}) {
		t.Errorf("issuers %v", got)
	}
	if _, err := s.ca.RevocationList(first, 1, s.now, s.now.Add(time.Hour), nil); err != nil {
		t.Errorf("the former's list: %v", err)
	}
	s.write(certFile(2), gone)
	if s.ca.Reload() == nil {
		t.Error("the wrong certificate was taken")
	}
	s.issue(s.request("vendor.example"))
}

// TestReloadWhileIssuing: each certificate is of one hierarchy, the one before or the one after.
func TestReloadWhileIssuing(t *testing.T) {
	s := newScene(t, acme.P256)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 25 {
				issued, err := s.ca.Issue(context.Background(), s.request("vendor.example"), kept)
				if err != nil {
					t.Error(err)
					return
				}
				leaf, _ := x509.ParseCertificate(issued.Leaf)
				if err := s.chains(leaf, issued.Chains[0], s.now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		s.rotate()
	}
	group.Wait()
}

// crossSigned is another authority's certificate for the intermediate in use.
func (s *scene) crossSigned(flip func(*x509.Certificate)) (chain []byte, root *x509.Certificate) {
	s.t.Helper()
	other := newScene(s.t, acme.P384)
	root = other.cert(rootCertFile)
	cert := *s.cert(certFile(1))
	cert.SerialNumber, _, _ = newSerial(rand.Reader)
	cert.RawIssuer, cert.AuthorityKeyId = nil, nil
	flip(&cert)
	return s.sealed(&cert, root, cert.PublicKey, other.key(rootKeyFile)), root
}

func TestAlternateChains(t *testing.T) {
	s := newScene(t, acme.P256)
	ends := s.now.Add(30 * 24 * time.Hour)
	chain, root := s.crossSigned(func(c *x509.Certificate) { c.NotAfter = ends })
	withRoot := slices.Concat([]byte("the root, too:\n"), chain, certPEM(root.Raw))
	s.ca = s.open(Config{AlternateChains: [][]byte{chain, withRoot}})
	issued, leaf := s.issue(s.request("vendor.example"))
	if len(issued.Chains) != 3 || string(issued.Chains[1]) != string(chain) {
		t.Fatalf("%d chains", len(issued.Chains))
	}
	if err := s.chains(leaf, issued.Chains[0], s.now); err != nil {
		t.Error(err)
	}
	others, above := x509.NewCertPool(), x509.NewCertPool()
	others.AddCert(root)
	above.AppendCertsFromPEM(issued.Chains[1])
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: others, Intermediates: above, CurrentTime: s.now}); err != nil {
		t.Errorf("by the alternate chain, under the other root: %v", err)
	}
	// A chain that has ended is offered no more, and stops nothing.
	r := s.request("vendor.example")
	r.Now = ends.Add(time.Second)
	if issued, _ := s.issue(r); len(issued.Chains) != 1 {
		t.Errorf("%d chains after its end", len(issued.Chains))
	}
	// It is the former one's after a rotation.
	s.rotate()
	if issued, _ := s.issue(s.request("vendor.example")); len(issued.Chains) != 1 {
		t.Errorf("%d chains of the next intermediate", len(issued.Chains))
	}
}

// TestAlternateChainsRefused: each row is a chain that is taken, with one thing changed.
func TestAlternateChainsRefused(t *testing.T) {
	nothing := func(*x509.Certificate) {}
	cases := []struct {
		claim string
		flip  func(*x509.Certificate)
		more  func(chain []byte, root *x509.Certificate) []byte
		want  string
	}{
		{"another key", func(c *x509.Certificate) { c.PublicKey = madeKey(t, acme.P256).Public() }, nil, "not the subject and the key"},
		{"another subject", func(c *x509.Certificate) { c.RawSubject, c.Subject = nil, pkix.Name{CommonName: "Other"} }, nil, "not the subject and the key"},
		{"another key identifier", func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3} }, nil, "another subject key identifier"},
		{"no certificate of a CA", func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }, nil, "certificate 1: no certificate of a CA"},
		{"one that did not sign it", nothing, func(chain []byte, _ *x509.Certificate) []byte {
			return append(chain, newScene(t, acme.P384).read(rootCertFile)...)
		}, "certificate 2 has not signed the one before"},
		{"the wrong way round", nothing, func(chain []byte, root *x509.Certificate) []byte {
			return append(certPEM(root.Raw), chain...)
		}, "certificate 2 has not signed the one before"},
		{"a leaf's key beside it", nothing, func(chain []byte, _ *x509.Certificate) []byte {
			text, _ := keyPEM(madeKey(t, acme.P256))
			return append(chain, text...)
		}, "PEM block \"PRIVATE KEY\""},
		{"one that is cut off", nothing, func(chain []byte, _ *x509.Certificate) []byte {
			return append(chain, chain[:200]...)
		}, "what follows certificate 1 is damaged"},
		{"one that is damaged before it", nothing, func(chain []byte, _ *x509.Certificate) []byte {
			return slices.Concat(chain[:50], []byte("!"), chain[51:], chain)
		}, "what is before certificate 1 is damaged"},
		{"nothing", nothing, func([]byte, *x509.Certificate) []byte { return nil }, "no PEM certificate"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			good, _ := s.crossSigned(nothing)
			s.open(Config{AlternateChains: [][]byte{good}})
			chain, root := s.crossSigned(c.flip)
			if c.more != nil {
				chain = c.more(chain, root)
			}
			_, err := Open(s.config(Config{AlternateChains: [][]byte{good, chain}}))
			wants(t, err, "alternate chain 2", c.want)
		})
	}
}

// TestIntermediateOfAnother: a root that was made elsewhere will do, and what it
// allows its intermediate is kept, before anything is signed.
func TestIntermediateOfAnother(t *testing.T) {
	s := newScene(t, acme.RSA)
	cert := s.cert(certFile(1))
	cert.PermittedDNSDomains, cert.PermittedDNSDomainsCritical = []string{"vendor.example"}, true
	s.write(certFile(1), s.sealed(cert, s.cert(rootCertFile), cert.PublicKey, s.key(rootKeyFile)))
	rootKey := s.key(rootKeyFile)
	s.remove(rootKeyFile)
	s.ca = s.open(Config{})
	key := s.spied()
	s.issue(s.request("www.vendor.example"))
	refused := func(r *acme.Request, want string) {
		t.Helper()
		before := key.signed
		_, err := s.ca.Issue(context.Background(), r, func(string, []byte) error {
			t.Error("it was committed")
			return nil
		})
		wants(t, err, "would not be accepted", want)
		if key.signed != before {
			t.Error("it was signed")
		}
	}
	refused(s.request("www.other.example"), "not permitted")

	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	s.write(certFile(1), s.sealed(cert, s.cert(rootCertFile), cert.PublicKey, rootKey))
	s.ca = s.open(Config{})
	key = s.spied()
	r := s.request("www.vendor.example")
	r.Profile.ExtUsage = cert.ExtKeyUsage
	s.issue(r)
	refused(s.request("www.vendor.example"), "incompatible key usage") // for clients, too
}

// TestSymbolicLinks: a key may lie behind a link, as secrets that are mounted do.
func TestSymbolicLinks(t *testing.T) {
	s := newScene(t, acme.P256)
	kept := filepath.Join(t.TempDir(), "k")
	if err := os.Rename(s.path(keyFile(1)), kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, s.path(keyFile(1))); err != nil {
		t.Fatal(err)
	}
	s.open(Config{})
	if err := os.Chmod(kept, 0o604); err != nil {
		t.Fatal(err)
	}
	_, err := Open(s.config(Config{}))
	wants(t, err, "(0604)")
}
