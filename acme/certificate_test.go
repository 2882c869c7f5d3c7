package acme_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"slices"
	"testing"

	"cnfd/acme"
)

func TestCertificate(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	chain := func(octets string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(octets)})
	}
	s.update(func(tx acme.Tx) error {
		cert.Chains = []string{"a", "b", "c"}
		for _, id := range cert.Chains {
			if err := tx.PutBlob(id, chain("chain "+id)); err != nil {
				return err
			}
		}
		return tx.PutCertificate(cert)
	})
	url := "/acme/cert/" + cert.Serial
	all := []string{"https://ca.example" + url, "https://ca.example" + url + "/1", "https://ca.example" + url + "/2"}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf})
	for n, at := range all {
		r, body := c.post(at, nil)
		wantStatus(t, r, body, http.StatusOK)
		if r.Header.Get("Content-Type") != "application/pem-certificate-chain" {
			t.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
		}
		if want := append(bytes.Clone(leaf), chain("chain "+cert.Chains[n])...); !bytes.Equal(body, want) {
			t.Errorf("%s: %s", at, body)
		}
		for m, link := range all {
			if has := slices.Contains(r.Header.Values("Link"), "<"+link+`>;rel="alternate"`); has != (m != n) {
				t.Errorf("%s: link to %s: %v", at, link, has)
			}
		}
	}
	for _, wrong := range []string{"/3", "/0", "/01", "/-1", "/x", "/+1"} {
		r, body := c.post(url+wrong, nil)
		wantRefused(t, r, body, 404, acme.Malformed, "none of that name")
	}
	r, body := c.post("/acme/cert/ff", nil)
	wantRefused(t, r, body, 404, acme.Malformed, "none of that name")
	for _, at := range all {
		r, body = other.post(at, nil)
		wantRefused(t, r, body, 403, acme.Unauthorized, "another account's")
	}
	r, body = c.post(url, "{}")
	wantRefused(t, r, body, 400, acme.Malformed, "POST-as-GET")
	r, body = c.get(url)
	wantRefused(t, r, body, 405, acme.Malformed, "POST")
}

func TestCertificateWithoutChains(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	r, body := c.post("/acme/cert/"+cert.Serial, nil)
	wantStatus(t, r, body, http.StatusOK)
	if !bytes.Equal(body, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf})) {
		t.Errorf("%s", body)
	}
	// A chain that the store has lost is no shorter chain.
	s.update(func(tx acme.Tx) error {
		cert.Chains = []string{"lost"}
		return tx.PutCertificate(cert)
	})
	r, body = c.post("/acme/cert/"+cert.Serial, nil)
	wantRefused(t, r, body, 500, acme.ServerInternal, "reading the certificate")
}
