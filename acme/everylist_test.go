package acme_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cnfd/acme"
)

// TestAllListsInOneFile: with the root's, in PEM, as a program reads them that wants each; or none.
func TestAllListsInOneFile(t *testing.T) {
	s := newScene(t, nil)
	now := s.clock.Now()
	published := &root{der: []byte("the root"), list: &acme.CRL{Issuer: "above", Number: 7, ThisUpdate: now, NextUpdate: now.Add(2 * time.Hour), DER: []byte("the list")}}
	s.Server = s.again(func(c *acme.Config) { c.Root = published })
	all := func() (*http.Response, [][]byte) {
		t.Helper()
		r, text := answered(t, s.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/all.pem", nil))
		var lists [][]byte
		for {
			var block *pem.Block
			if block, text = pem.Decode(text); block == nil {
				return r, lists
			}
			if block.Type != "X509 CRL" {
				t.Errorf("a block of type %q", block.Type)
			}
			lists = append(lists, block.Bytes)
		}
	}
	_, one := answered(t, s.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/one.crl", nil))
	r, lists := all()
	if r.StatusCode != http.StatusOK || len(lists) != 3 || !bytes.Equal(lists[0], published.list.DER) || !bytes.Equal(lists[1], one) || r.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("%d %v: %d lists", r.StatusCode, r.Header, len(lists))
	}
	tag := r.Header.Get("ETag")
	cert, _ := s.issued("somebody", "vendor.example")
	s.revoke(cert, 0)
	s.clock.pass(acme.LookEvery)
	if r, lists = all(); len(lists) != 3 || bytes.Equal(lists[1], one) || r.Header.Get("ETag") == tag {
		t.Errorf("%v: a revocation changes nothing", r.Header)
	}
	s.clock.pass(118 * time.Minute)
	if r, _ = all(); r.Header.Get("Cache-Control") != "public, max-age=119" {
		t.Errorf("two minutes before the root's ends: %v", r.Header)
	}
	published.err = errors.New("cut off")
	if r, lists = all(); r.StatusCode != http.StatusServiceUnavailable || len(lists) != 0 {
		t.Errorf("the root's cannot be read: %d, %d lists", r.StatusCode, len(lists))
	}
	published.list, published.err = nil, nil
	if r, lists = all(); r.StatusCode != http.StatusOK || len(lists) != 2 {
		t.Errorf("the root has none: %d, %d lists", r.StatusCode, len(lists))
	}
	s.clock.pass(25 * time.Hour)
	s.authority.fail.Store(true)
	if r, lists = all(); r.StatusCode != http.StatusServiceUnavailable || len(lists) != 0 {
		t.Errorf("the intermediate's cannot be made: %d, %d lists", r.StatusCode, len(lists))
	}
	s.Server = s.again(func(c *acme.Config) { c.Authority = nil })
	if r, _ = all(); r.StatusCode != http.StatusNotFound {
		t.Errorf("an issuer elsewhere: %d", r.StatusCode)
	}
}
