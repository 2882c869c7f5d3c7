package acme_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"cnfd/acme"
)

func b64(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// holding gives an account an authorization.
func (s *scene) holding(c *client, name string, change func(*acme.Authorization)) {
	s.t.Helper()
	s.update(func(tx acme.Tx) error {
		a, err := tx.Account(c.account())
		if err != nil {
			return err
		}
		i := dns(name)
		z := &acme.Authorization{
			ID: "authz " + c.account() + name, Account: a.ID, Thumbprint: a.Thumbprint, Identifier: i.Base(), Wildcard: i.Wildcard(), Status: acme.Valid,
			Expires: s.clock.Now().Add(time.Hour), Profile: "default", Method: acme.MethodDNS, Challenges: []acme.Challenge{},
		}
		if change != nil {
			change(z)
		}
		return tx.PutAuthorization(z)
	})
}

// wantRevoked checks what the store says of a certificate.
func (s *scene) wantRevoked(serial string, want bool, reason int) {
	s.t.Helper()
	c := stored(s, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(serial) })
	if c.Revoked.IsZero() == want || c.Reason != reason {
		s.t.Errorf("revoked %v, reason %d; want %v, %d", c.Revoked, c.Reason, want, reason)
	}
}

func TestRevokeByWhoever(t *testing.T) {
	names := []string{"vendor.example", "*.vendor.example"}
	for _, tc := range []struct {
		claim string
		who   func(s *scene, issuedTo *client, certified *ecdsa.PrivateKey) *client
		says  string // of a refusal; "": it is revoked
	}{
		{"the account that it was issued to", func(_ *scene, c *client, _ *ecdsa.PrivateKey) *client { return c }, ""},
		{"the certificate's own key", func(_ *scene, c *client, k *ecdsa.PrivateKey) *client { return c.as(k, "") }, ""},
		{"an account with authorizations for all of it", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[0], nil)
			s.holding(c, names[1], nil)
			return c
		}, ""},
		{"another account", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client { return registered(s.t, s.Server) }, "issued to another account"},
		{"another key", func(s *scene, c *client, _ *ecdsa.PrivateKey) *client { return c.as(newKey(s.t), "") }, "not this certificate's"},
		{"the account's key as a jwk", func(s *scene, c *client, _ *ecdsa.PrivateKey) *client { return c.as(c.key, "") }, "not this certificate's"},
		{"an account with an authorization for one of two", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[0], nil)
			return c
		}, "no valid authorization"},
		{"an account with a wildcard's authorization alone", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[1], nil)
			return c
		}, "no valid authorization"},
		{"an account whose authorization has expired", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[0], nil)
			s.holding(c, names[1], func(a *acme.Authorization) { a.Expires = s.clock.Now() })
			return c
		}, "no valid authorization"},
		{"an account whose authorization is pending", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[0], nil)
			s.holding(c, names[1], func(a *acme.Authorization) { a.Status = acme.Pending })
			return c
		}, "no valid authorization"},
		{"an account whose authorization rests on a former key", func(s *scene, _ *client, _ *ecdsa.PrivateKey) *client {
			c := registered(s.t, s.Server)
			s.holding(c, names[0], nil)
			s.holding(c, names[1], func(a *acme.Authorization) { a.Thumbprint = "former" })
			return c
		}, "no valid authorization"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := newScene(t, nil)
			c := registered(t, s.Server)
			cert, key := s.issued(c.account(), names...)
			payload := map[string]any{"certificate": b64(cert.Leaf), "reason": 4}
			r, body := tc.who(s, c, key).post("/acme/revoke-cert", payload)
			if tc.says == "" {
				wantStatus(t, r, body, http.StatusOK)
				s.wantRevoked(cert.Serial, true, 4)
				return
			}
			wantRefused(t, r, body, 403, acme.Unauthorized, tc.says)
			s.wantRevoked(cert.Serial, false, 0)
			r, body = c.post("/acme/revoke-cert", payload) // the same of who may
			wantStatus(t, r, body, http.StatusOK)
			s.wantRevoked(cert.Serial, true, 4)
		})
	}
}

func TestRevokeRefused(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	good := b64(cert.Leaf)
	forged := append([]byte{}, cert.Leaf...)
	forged[len(forged)-1] ^= 1 // in its signature: the same serial
	strange := newScene(t, nil)
	strange.authority.next.Store(0x7000)
	elsewhere, _ := strange.issued("x", "vendor.example")
	for _, tc := range []struct {
		claim   string
		payload string
		status  int
		kind    acme.Kind
		says    string
	}{
		{"nothing", `{}`, 400, acme.Malformed, "certificate"},
		{"padded", `{"certificate":"` + good + `="}`, 400, acme.Malformed, "must not be padded"},
		{"PEM", `{"certificate":"-----BEGIN CERTIFICATE-----"}`, 400, acme.Malformed, "not PEM"},
		{"no certificate", `{"certificate":"AAAA"}`, 400, acme.Malformed, "not the DER"},
		{"something behind it", `{"certificate":"` + b64(append(cert.Leaf[:len(cert.Leaf):len(cert.Leaf)], 0)) + `"}`, 400, acme.Malformed, "not the DER"},
		{"of another CA", `{"certificate":"` + b64(elsewhere.Leaf) + `"}`, 404, acme.Malformed, "no such one"},
		{"of our serial, and not ours", `{"certificate":"` + b64(forged) + `"}`, 404, acme.Malformed, "no such one"},
		{"a reason that no leaf has", `{"certificate":"` + good + `","reason":2}`, 400, acme.BadRevocationReason, "0 (unspecified), 1 (keyCompromise)"},
		{"a reason that can be taken back", `{"certificate":"` + good + `","reason":6}`, 400, acme.BadRevocationReason, "want"},
		{"a reason in words", `{"certificate":"` + good + `","reason":"keyCompromise"}`, 400, acme.Malformed, "reason"},
		{"a reason that is a fraction", `{"certificate":"` + good + `","reason":1.5}`, 400, acme.Malformed, "reason"},
	} {
		r, body := c.post("/acme/revoke-cert", tc.payload)
		t.Run(tc.claim, func(t *testing.T) { wantRefused(t, r, body, tc.status, tc.kind, tc.says) })
		s.wantRevoked(cert.Serial, false, 0)
	}
	r, body := c.post("/acme/revoke-cert", `{"certificate":"`+good+`"}`) // no reason: unspecified
	wantStatus(t, r, body, http.StatusOK)
	if len(body) != 0 {
		t.Errorf("%q", body)
	}
	s.wantRevoked(cert.Serial, true, 0)
	r, body = c.post("/acme/revoke-cert", `{"certificate":"`+good+`","reason":1}`)
	wantRefused(t, r, body, 400, acme.AlreadyRevoked, "revoked already")
	s.wantRevoked(cert.Serial, true, 0)

	for _, reason := range []int{0, 1, 3, 4, 5, 9} {
		cert, _ := s.issued(c.account(), "vendor.example")
		r, body := c.post("/acme/revoke-cert", fmt.Sprintf(`{"certificate":"%s","reason":%d}`, b64(cert.Leaf), reason))
		wantStatus(t, r, body, http.StatusOK)
		s.wantRevoked(cert.Serial, true, reason)
	}
	cert, _ = s.issued(c.account(), "vendor.example")
	s.clock.pass(8 * 24 * time.Hour)
	r, body = c.post("/acme/revoke-cert", `{"certificate":"`+b64(cert.Leaf)+`"}`)
	wantRefused(t, r, body, 403, acme.Unauthorized, "it ended on")
}

// A key that others have is just the one to revoke with.
func TestRevokeByAKnownKey(t *testing.T) {
	var known *ecdsa.PrivateKey
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, key := s.issued(c.account(), "vendor.example")
	known = key
	server := s.again(func(c *acme.Config) { c.Blocked = blocklist(t, known) })
	holder := newClient(t, server)
	holder.key = key
	r, body := holder.post("/acme/new-account", "{}")
	wantRefused(t, r, body, 400, acme.BadPublicKey, "known to others") // it is blocked
	r, body = holder.post("/acme/revoke-cert", map[string]any{"certificate": b64(cert.Leaf), "reason": 1})
	wantStatus(t, r, body, http.StatusOK)
	s.wantRevoked(cert.Serial, true, 1)
}

func TestRevokeWhereTheStoreFails(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	payload := map[string]any{"certificate": b64(cert.Leaf)}
	s.store.before.Store(1)
	r, body := c.post("/acme/revoke-cert", payload)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	s.wantRevoked(cert.Serial, false, 0)
	s.store.after.Store(1)
	r, body = c.post("/acme/revoke-cert", payload)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	s.wantRevoked(cert.Serial, true, 0)
	r, body = c.post("/acme/revoke-cert", payload)
	wantRefused(t, r, body, 400, acme.AlreadyRevoked, "revoked already")
}
