package acme_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cnfd/acme"
)

// root is an Authority's, with a list that a test sets.
type root struct {
	der  []byte
	list *acme.CRL
	err  error
}

func (r *root) RootDER() []byte              { return r.der }
func (r *root) RootList() (*acme.CRL, error) { return r.list, r.err }

func TestRootIsPublished(t *testing.T) {
	s := newScene(t, nil)
	now := s.clock.Now()
	published := &root{der: []byte("the root"), list: &acme.CRL{Issuer: "above", Number: 7, ThisUpdate: now, NextUpdate: now.Add(2 * time.Hour), DER: []byte("the list")}}
	s.Server = s.again(func(c *acme.Config) { c.Root = published })
	get := func(path string, header http.Header) (*http.Response, []byte) {
		q := httptest.NewRequest(http.MethodGet, "http://ca.example"+path, nil)
		if header != nil {
			q.Header = header
		}
		return answered(t, s.Public(), q)
	}
	is := func(claim, path string, status int, body, content, cached string) http.Header {
		t.Helper()
		r, got := get(path, nil)
		h := r.Header
		if r.StatusCode != status || status == http.StatusOK && (string(got) != body || h.Get("Content-Type") != content || h.Get("Cache-Control") != cached) {
			t.Errorf("%s: %d %q %v", claim, r.StatusCode, got, h)
		}
		return h
	}
	const list, pkix, chain = "/crl/above.crl", "application/pkix-crl", "application/pem-certificate-chain"
	h := is("the list", list, http.StatusOK, "the list", pkix, "public, max-age=300")
	if h.Get("ETag") != `"7"` || h.Get("Last-Modified") != now.Format(http.TimeFormat) {
		t.Errorf("%v", h)
	}
	if r, body := get(list, http.Header{"If-None-Match": {`"7"`}}); r.StatusCode != http.StatusNotModified || len(body) > 0 {
		t.Errorf("the same list: %d %q", r.StatusCode, body)
	}
	is("the intermediates' are there beside it", "/ca/one.crt", http.StatusOK, string(s.authority.cert.Raw), "application/pkix-cert", "public, max-age=86400")
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: published.der}))
	is("the root", "/root.pem", http.StatusOK, text, chain, "public, max-age=86400")
	for _, path := range []string{"/crl/above", "/crl/below.crl", "/crl/above.crt", "/crl/.crl", "/ca/above.crt", "/root.crl", "/root.key"} {
		is(path, path, http.StatusNotFound, "", "", "")
	}
	// The same beside everything else.
	for _, path := range []string{list, "/root.pem"} {
		if r, body := newClient(t, s.Server).get(path); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}

	s.clock.pass(118 * time.Minute)
	is("it ends sooner than it would be cached", list, http.StatusOK, "the list", pkix, "public, max-age=120")
	s.clock.pass(time.Hour)
	is("it has ended, and is what there is", list, http.StatusOK, "the list", pkix, "public, max-age=0")
	published.list = &acme.CRL{Issuer: "above", Number: 8, ThisUpdate: s.clock.Now(), NextUpdate: s.clock.Now().Add(time.Hour), DER: []byte("the next")}
	if r, body := get(list, http.Header{"If-None-Match": {`"7"`}}); r.StatusCode != http.StatusOK || !bytes.Equal(body, published.list.DER) {
		t.Errorf("the next list: %d %q", r.StatusCode, body)
	}
	published.err = errors.New("cut off")
	is("it cannot be read", list, http.StatusServiceUnavailable, "", "", "")
	published.list, published.err = nil, nil
	is("there is none", list, http.StatusNotFound, "", "", "")
	is("there is none, and the root is there", "/root.pem", http.StatusOK, text, chain, "public, max-age=86400")
	s.Server = s.again(nil)
	is("nothing is known of the root", "/root.pem", http.StatusNotFound, "", "", "")
	is("nothing is known of its list", list, http.StatusNotFound, "", "", "")
}

// TestRenewalInfoOfARevokedIssuer: its clients are told to renew at once, and no others.
func TestRenewalInfoOfARevokedIssuer(t *testing.T) {
	s := newScene(t, nil)
	cert, _ := s.issued("somebody", "vendor.example")
	published := &root{}
	s.Server = s.again(func(c *acme.Config) { c.Root = published })
	now := s.clock.Now()
	list := func(serials ...int64) *acme.CRL {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
		for _, n := range serials {
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: now})
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, s.authority.cert, s.authority.key)
		if err != nil {
			t.Fatal(err)
		}
		return &acme.CRL{Issuer: "above", Number: 1, ThisUpdate: now, NextUpdate: now.Add(time.Hour), Count: len(serials), DER: der}
	}
	issuer := s.authority.cert.SerialNumber.Int64()
	for _, tt := range []struct {
		claim  string
		list   *acme.CRL
		err    error
		atOnce bool
	}{
		{"there is no list", nil, nil, false},
		{"the list is empty", list(), nil, false},
		{"another is revoked", list(issuer + 1), nil, false},
		{"its issuer is revoked", list(issuer+1, issuer), nil, true},
		{"the list cannot be read", list(issuer), errors.New("cut off"), false},
	} {
		published.list, published.err = tt.list, tt.err
		r, body := newClient(t, s.Server).get("/acme/renewal-info/" + certID(t, cert))
		wantStatus(t, r, body, http.StatusOK)
		if w := read[renewalDoc](t, body).Window; w.End.Before(now) != tt.atOnce {
			t.Errorf("%s: %s to %s, and now it is %s", tt.claim, w.Start, w.End, now)
		}
	}
	if kept := stored(s, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(cert.Serial) }); !kept.Revoked.IsZero() {
		t.Error("the certificate itself was revoked")
	}
}
