package acme_test

import (
	"net/http"
	"testing"
	"time"

	"cnfd/acme"
)

// TestRevokedKeyIsFoundLeaked: of a certificate that is revoked already its own key says, and nobody else, that it is known to
// others: the next list has it, as of when it was revoked, and nothing weaker takes its place.
func TestRevokedKeyIsFoundLeaked(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, key := s.issued(c.account(), "vendor.example")
	holder := c.as(key, "")
	revoke := func(who *client, reason int) (*http.Response, []byte) {
		return who.post("/acme/revoke-cert", map[string]any{"certificate": b64(cert.Leaf), "reason": reason})
	}
	first := s.clock.Now()
	r, body := revoke(c, 4)
	wantStatus(t, r, body, http.StatusOK)
	listed := func(reason int) int64 {
		t.Helper()
		l := s.crl(s.Server)
		if len(l.list.RevokedCertificateEntries) != 1 {
			t.Fatalf("%q", l.serials)
		}
		if e := l.list.RevokedCertificateEntries[0]; e.ReasonCode != reason || !e.RevocationTime.Equal(first) {
			t.Errorf("it is listed for %d since %s, want %d since %s", e.ReasonCode, e.RevocationTime, reason, first)
		}
		return l.number
	}
	before := listed(4)
	s.clock.pass(time.Minute)

	for _, step := range []struct {
		claim  string
		who    *client
		reason int
		kind   acme.Kind // "": it is taken
		stays  int
	}{
		{"the account says so", c, 1, acme.AlreadyRevoked, 4},
		{"its own key gives no reason", holder, 0, acme.AlreadyRevoked, 4},
		{"its own key gives another", holder, 5, acme.AlreadyRevoked, 4},
		{"another key says so", c.as(newKey(t), ""), 1, acme.Unauthorized, 4},
		{"its own key says so", holder, 1, "", 1},
		{"again", holder, 1, acme.AlreadyRevoked, 1},
		{"something weaker", holder, 4, acme.AlreadyRevoked, 1},
		{"nothing", holder, 0, acme.AlreadyRevoked, 1},
	} {
		r, body := revoke(step.who, step.reason)
		t.Run(step.claim, func(t *testing.T) {
			switch step.kind {
			case "":
				wantStatus(t, r, body, http.StatusOK)
			case acme.Unauthorized:
				wantRefused(t, r, body, 403, step.kind, "not this certificate's")
			default:
				wantRefused(t, r, body, 400, step.kind, "revoked already, on "+first.UTC().Format(time.RFC3339))
			}
		})
		s.wantRevoked(cert.Serial, true, step.stays)
	}
	if after := listed(1); after <= before {
		t.Errorf("number %d after %d", after, before)
	}
}

// TestOrdersLiveADayAtTheMost: what the Config says beyond it is cut off, and what it says below is kept.
func TestOrdersLiveADayAtTheMost(t *testing.T) {
	for _, tt := range []struct{ says, is time.Duration }{
		{0, 24 * time.Hour}, {5 * time.Hour, 5 * time.Hour}, {24 * time.Hour, 24 * time.Hour}, {24*time.Hour + time.Second, 24 * time.Hour}, {1000 * time.Hour, 24 * time.Hour},
	} {
		t.Run(tt.says.String(), func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.OrderLife = tt.says })
			if s.OrderLife != tt.is {
				t.Errorf("the server has %s, want %s", s.OrderLife, tt.is)
			}
			c := registered(t, s.Server)
			r, body := c.post("/acme/new-order", map[string]any{"identifiers": []map[string]string{{"type": "dns", "value": "vendor.example"}}})
			wantStatus(t, r, body, http.StatusCreated)
			for _, o := range stored(s, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OpenOrders(c.account()) }) {
				if lives := o.Expires.Sub(o.Created); lives > tt.is || lives < tt.is-time.Second {
					t.Errorf("an order lives %s", lives)
				}
				for _, id := range o.Authorizations {
					if a := stored(s, func(tx acme.Tx) (*acme.Authorization, error) { return tx.Authorization(id) }); a.Expires.Sub(o.Created) > tt.is {
						t.Errorf("an authorization lives until %s", a.Expires)
					}
				}
			}
		})
	}
}
