package ca

import (
	"crypto/x509"
	"encoding/pem"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/internal/testneeds"
)

// runs runs a program and returns what it said, and whether it was content.
func runs(t *testing.T, program string, args ...string) (said string, content bool) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err == nil
}

// TestOpenSSL asks OpenSSL for a second opinion of chains and lists, as strict as it can be.
func TestOpenSSL(t *testing.T) {
	openssl := testneeds.Binary(t, "openssl", "openssl")
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			s := newScene(t, kind)
			r := s.request("vendor.example", "*.vendor.example")
			r.Identifiers = append(r.Identifiers, acme.Identifier{Type: acme.TypeIP, Value: "2001:db8::7"})
			issued, leaf := s.issue(r)
			s.write("leaf.pem", certPEM(issued.Leaf))
			s.write("chain.pem", issued.Chains[0])
			// A root's key that is moved away can be used by others.
			if said, content := runs(t, openssl, "pkey", "-in", s.path(rootKeyFile), "-noout", "-check"); !content || !strings.Contains(said, "is valid") {
				t.Errorf("the root's key: %s", said)
			}
			at := strconv.FormatInt(s.now.Add(time.Minute).Unix(), 10)
			verify := func(list string, more ...string) (string, bool) {
				args := []string{"verify", "-x509_strict", "-purpose", "sslserver", "-attime", at, "-CAfile", s.path(rootCertFile), "-untrusted", s.path("chain.pem"), "-crl_check", "-CRLfile", s.path(list)}
				return runs(t, openssl, append(append(args, more...), s.path("leaf.pem"))...)
			}
			listed := func(file string, ca *CA, revoked ...x509.RevocationListEntry) {
				t.Helper()
				der, err := ca.RevocationList(issued.Issuer, 1, s.now, s.now.Add(time.Hour), revoked)
				if err != nil {
					t.Fatal(err)
				}
				s.write(file, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
			}
			entry := x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: s.now, ReasonCode: 1}
			listed("good.crl", s.ca)
			listed("revoked.crl", s.ca, revokedAt(7, s.now, 4), entry)
			elsewhere := s.open(Config{URL: "http://other.example"}) // listen_plain has changed, say
			listed("elsewhere.good.crl", elsewhere)
			listed("elsewhere.revoked.crl", elsewhere, entry)
			for _, c := range []struct {
				claim, list string
				more        []string
				want        string // "": content
			}{
				{"it is good", "good.crl", nil, ""},
				{"for its name", "good.crl", []string{"-verify_hostname", "www.vendor.example"}, ""},
				{"for its address", "good.crl", []string{"-verify_ip", "2001:db8::7"}, ""},
				{"for another name", "good.crl", []string{"-verify_hostname", "www.other.example"}, "hostname mismatch"},
				{"it is revoked", "revoked.crl", nil, "certificate revoked"},
				{"it is good by a list that was had elsewhere than the certificate says", "elsewhere.good.crl", nil, ""},
				{"it is revoked by such a list", "elsewhere.revoked.crl", nil, "certificate revoked"},
			} {
				said, content := verify(c.list, c.more...)
				if content != (c.want == "") || !strings.Contains(strings.ToLower(said), strings.ToLower(c.want)) {
					t.Errorf("%s: %s", c.claim, said)
				}
			}
			// The whole chain, which needs the root's list as well.
			s.renew()
			s.write("root.good.crl", s.read(listFile(2)))
			s.now = s.now.Add(time.Second) // lists are told apart by their times
			if _, err := Rotate(s.dir, Setup{Now: s.now, RevokeFormer: true, Reason: 1}, ""); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				claim string
				more  []string
				want  []string // nothing: content
			}{
				{"the intermediate is good", []string{"-CRLfile", s.path("root.good.crl")}, nil},
				{"there is no list of the root's", nil, []string{"unable to get certificate CRL", "at 1 depth"}},
				{"the intermediate is revoked", []string{"-CRLfile", s.path(listFile(3))}, []string{"certificate revoked", "at 1 depth"}},
				{"the list has ended", []string{"-CRLfile", s.path("root.good.crl"), "-attime", strconv.FormatInt(s.now.AddDate(1, 0, 1).Unix(), 10)}, []string{"CRL has expired", "at 1 depth"}},
			} {
				said, content := verify("good.crl", append(c.more, "-crl_check_all")...)
				if content != (c.want == nil) {
					t.Errorf("%s: %s", c.claim, said)
				}
				for _, want := range c.want {
					if !strings.Contains(said, want) {
						t.Errorf("%s: no %q in %s", c.claim, want, said)
					}
				}
			}
			text, _ := runs(t, openssl, "crl", "-in", s.path(listFile(3)), "-noout", "-text")
			for _, line := range []string{"X509v3 CRL Number", "X509v3 Authority Key Identifier", "CA Compromise", "Issuer: CN"} {
				if !strings.Contains(text, line) {
					t.Errorf("no %q in %s", line, text)
				}
			}
			text, _ = runs(t, openssl, "x509", "-in", s.path("leaf.pem"), "-noout", "-text")
			for _, line := range []string{"Subject: \n", "X509v3 Subject Alternative Name: critical", "CA:FALSE", "URI:" + leaf.CRLDistributionPoints[0], "CA Issuers - URI:" + leaf.IssuingCertificateURL[0], "X509v3 Key Usage: critical"} {
				if !strings.Contains(text, line) {
					t.Errorf("no %q in %s", line, text)
				}
			}
			text, _ = runs(t, openssl, "crl", "-in", s.path("revoked.crl"), "-noout", "-text")
			for _, line := range []string{"X509v3 CRL Number", "Key Compromise", "Superseded"} {
				if !strings.Contains(text, line) {
					t.Errorf("no %q in %s", line, text)
				}
			}
		})
	}
}

// TestGnuTLS asks GnuTLS, whose parser is another. It goes by the clock of the machine.
func TestGnuTLS(t *testing.T) {
	certtool := testneeds.Binary(t, "certtool", "gnutls-bin")
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			s := newSceneAt(t, kind, time.Now())
			issued, leaf := s.issue(s.request("vendor.example"))
			s.write("chain.pem", append(certPEM(issued.Leaf), issued.Chains[0]...))
			verify := func(root string, more ...string) (string, bool) {
				args := []string{"--verify", "--load-ca-certificate", root, "--infile", s.path("chain.pem")}
				return runs(t, certtool, append(args, more...)...)
			}
			if said, content := verify(s.path(rootCertFile), "--verify-hostname", "vendor.example"); !content {
				t.Errorf("it is good: %s", said)
			}
			if said, content := verify(s.path(rootCertFile), "--verify-hostname", "other.example"); content {
				t.Errorf("for another name: %s", said)
			}
			if said, content := verify(newSceneAt(t, acme.P256, time.Now()).path(rootCertFile)); content {
				t.Errorf("by another root: %s", said)
			}
			der, err := s.ca.RevocationList(issued.Issuer, 1, s.now, s.now.Add(time.Hour), []x509.RevocationListEntry{{SerialNumber: leaf.SerialNumber, RevocationTime: s.now, ReasonCode: 1}})
			if err != nil {
				t.Fatal(err)
			}
			s.write("list.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
			list := func(of string) (string, bool) {
				return runs(t, certtool, "--verify-crl", "--load-ca-certificate", s.path(of), "--infile", s.path("list.pem"))
			}
			if said, content := list(certFile(1)); !content || !strings.Contains(said, "Verified") {
				t.Errorf("the list is good: %s", said)
			}
			if said, content := list(rootCertFile); content && strings.Contains(said, "Verified.") {
				t.Errorf("the list is not the root's: %s", said)
			}
			// The root's list, without and with the intermediate.
			s.renew()
			s.write("good.crl", s.read(listFile(2)))
			if _, err := Rotate(s.dir, Setup{Now: s.now, RevokeFormer: true, Reason: 1}, ""); err != nil {
				t.Fatal(err)
			}
			if said, content := verify(s.path(rootCertFile), "--load-crl", s.path("good.crl")); !content {
				t.Errorf("no intermediate is revoked: %s", said)
			}
			if said, content := verify(s.path(rootCertFile), "--load-crl", s.path(listFile(3))); content || !strings.Contains(said, "revoked") {
				t.Errorf("the intermediate is revoked: %s", said)
			}
			if said, content := verify(s.path(rootCertFile), "--load-crl", s.path("list.pem")); content || !strings.Contains(said, "revoked") {
				t.Errorf("it is revoked: %s", said)
			}
		})
	}
}

// TestNSS asks NSS, which reads no list with a critical extension that it does not know. It goes by the clock of the machine.
func TestNSS(t *testing.T) {
	certutil, crlutil := testneeds.Binary(t, "certutil", "libnss3-tools"), testneeds.Binary(t, "crlutil", "libnss3-tools")
	s := newSceneAt(t, acme.P256, time.Now())
	issued, leaf := s.issue(s.request("vendor.example"))
	s.write("leaf.pem", certPEM(issued.Leaf))
	db := "sql:" + t.TempDir()
	must := func(program string, args ...string) {
		t.Helper()
		if said, content := runs(t, program, append(args, "-d", db)...); !content {
			t.Fatalf("%v: %s", args, said)
		}
	}
	must(certutil, "-N", "--empty-password")
	must(certutil, "-A", "-n", "root", "-t", "C,,", "-i", s.path(rootCertFile), "-a")
	must(certutil, "-A", "-n", "intermediate", "-t", ",,", "-i", s.path(certFile(1)), "-a")
	must(certutil, "-A", "-n", "leaf", "-t", ",,", "-i", s.path("leaf.pem"), "-a")
	take := func(file string, der []byte) {
		t.Helper()
		s.write(file, der)
		must(crlutil, "-I", "-i", s.path(file))
	}
	verify := func(claim, want string) {
		t.Helper()
		said, content := runs(t, certutil, "-V", "-n", "leaf", "-u", "V", "-e", "-d", db)
		if content != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%s: %s", claim, said)
		}
	}
	list := func(number int64, revoked ...x509.RevocationListEntry) []byte {
		t.Helper()
		der, err := s.ca.RevocationList(issued.Issuer, number, s.now.Add(time.Duration(number-3)*time.Minute), s.now.Add(time.Hour), revoked)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	take("root.der", s.rootList().Raw)
	take("good.der", list(1))
	verify("it is good", "")
	take("revoked.der", list(2, x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: s.now.Add(-time.Minute), ReasonCode: 1}))
	verify("it is revoked", "revoked")
}
