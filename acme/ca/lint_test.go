package ca

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zmap/zlint/v3/lint"

	"cnfd/acme"
)

// TestLinterCanFail: each row is a certificate without a finding, with one thing changed.
func TestLinterCanFail(t *testing.T) {
	s := newScene(t, acme.P256)
	cases := []struct {
		claim string
		flip  func(*x509.Certificate)
		rule  string
		kind  acme.Kind
	}{
		{"it ends before it begins", func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Second) }, "e_validity_time_not_positive", acme.ServerInternal},
		{"the key would encipher, and cannot", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }, "e_ecdsa_allowed_ku", acme.ServerInternal},
		{"a leaf may sign certificates", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, "e_ext_key_usage_cert_sign_without_ca", acme.ServerInternal},
		{"nobody's name is in it", func(c *x509.Certificate) { c.DNSNames = nil }, "e_subject_empty_without_san", acme.ServerInternal},
		{"no subject key identifier", func(c *x509.Certificate) { c.SubjectKeyId = nil }, "w_ext_subject_key_identifier_missing_sub_cert", acme.ServerInternal},
		{"the common name is too long", func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", 65) }, "e_subject_common_name_max_length", acme.ServerInternal},
		{"a space in the subject", func(c *x509.Certificate) { c.Subject.Organization = []string{" vendor"} }, "w_subject_dn_leading_whitespace", acme.ServerInternal},
		{"a name with an empty label", func(c *x509.Certificate) { c.DNSNames = []string{"vendor..example"} }, "e_rfc_dnsname_empty_label", acme.RejectedIdentifier},
		{"a name twice, of which there is but a notice", func(c *x509.Certificate) { c.DNSNames = []string{"vendor.example", "vendor.example"} }, "", ""},
		{"an extension twice", func(c *x509.Certificate) {
			e := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 14}, Value: []byte{4, 1, 1}}
			c.ExtraExtensions = []pkix.Extension{e, e}
		}, "e_ext_duplicate_extension", acme.ServerInternal},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			h, r := s.ca.present.Load(), s.request("vendor.example")
			template, err := s.ca.template(r, h)
			if err != nil {
				t.Fatal(err)
			}
			template.SerialNumber = big.NewInt(1 << 40)
			made := func() []finding {
				der, err := x509.CreateCertificate(rand.Reader, template, h.understudy, r.PublicKey, h.understudyKey)
				if err != nil {
					t.Fatal(err)
				}
				return s.ca.linter.certificate(der)
			}
			if found := made(); len(found) > 0 || refusal(found) != nil {
				t.Fatalf("unchanged: %v", found)
			}
			c.flip(template)
			found := made()
			problem := refusal(found)
			if c.kind == "" {
				if problem != nil {
					t.Errorf("refused: %v", problem)
				}
				return
			}
			if problem == nil || problem.Kind != c.kind || !strings.Contains(problem.Detail, c.rule) {
				t.Errorf("%v: want %s and %s", problem, c.kind, c.rule)
			}
		})
	}
	if found := s.ca.linter.certificate([]byte("none")); len(found) != 1 || found[0].lint != "parse" {
		t.Errorf("what is no certificate: %v", found)
	}
	if found := s.ca.linter.revocationList([]byte("none")); len(found) != 1 || found[0].lint != "parse" {
		t.Errorf("what is no list: %v", found)
	}
}

// TestExcused: URLs of https alone are no fault, and what is excused is excused no further.
func TestExcused(t *testing.T) {
	s := newScene(t, acme.P256)
	s.ca = s.open(Config{URL: "https://ca.example:8256/"})
	_, leaf := s.issue(s.request("vendor.example"))
	if want := "https://ca.example:8256/crl/" + s.ca.Issuers()[0] + ".crl"; leaf.CRLDistributionPoints[0] != want {
		t.Errorf("%v, want %s", leaf.CRLDistributionPoints, want)
	}
	for _, name := range excused {
		rule := s.ca.linter.rules.CertificateLints().ByName(name)
		if rule == nil {
			t.Errorf("%s: there is no such lint", name)
			continue
		}
		for status, want := range map[lint.LintStatus]int{lint.Warn: 0, lint.Error: 1, lint.Fatal: 1} {
			if found := note(nil, &rule.LintMetadata, &lint.LintResult{Status: status}); len(found) != want {
				t.Errorf("%s, %v: %v", name, status, found)
			}
		}
	}
	meta := &lint.LintMetadata{Name: "w_other"}
	for status, want := range map[lint.LintStatus]int{lint.Pass: 0, lint.NA: 0, lint.NE: 0, lint.Notice: 0, lint.Warn: 1, lint.Error: 1, lint.Fatal: 1, lint.Reserved: 1, 99: 1} {
		if found := note(nil, meta, &lint.LintResult{Status: status}); len(found) != want {
			t.Errorf("%v: %v", status, found)
		}
	}
	if len(note(nil, meta, nil)) != 1 {
		t.Error("a lint without a result passes")
	}
}

// TestLintsThatAreRun holds the linter to the sources that its comment names.
func TestLintsThatAreRun(t *testing.T) {
	l, err := newLinter()
	if err != nil {
		t.Fatal(err)
	}
	certificates, lists := len(l.rules.CertificateLints().Lints()), len(l.rules.RevocationListLints().Lints())
	if certificates < 130 || lists < 10 {
		t.Errorf("%d lints of certificates, %d of lists", certificates, lists)
	}
	for _, source := range l.rules.Sources() {
		if strings.HasPrefix(string(source), "CABF") || source == "Mozilla" || source == "Apple" {
			t.Errorf("%s: rules of the public PKI", source)
		}
	}
}
