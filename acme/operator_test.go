package acme_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// resting is what rests on an account's key.
type resting struct {
	s       *scene
	account string
}

// rest gives an account what rests on its key: a valid authorization and one that is
// being validated, an order that is open, one that is being worked on and one that is done.
func (s *scene) rest(c *client) resting {
	s.t.Helper()
	now := s.clock.Now()
	s.update(func(tx acme.Tx) error {
		a, err := tx.Account(c.account())
		if err != nil {
			return err
		}
		authz := func(id string, status, challenge acme.Status) *acme.Authorization {
			return &acme.Authorization{
				ID: c.account() + id, Account: a.ID, Thumbprint: a.Thumbprint, Identifier: dns("vendor.example"), Status: status, Expires: now.Add(time.Hour), Profile: "default",
				Challenges: []acme.Challenge{{Type: acme.MethodDNS, Token: "t", Status: challenge, Lease: now.Add(time.Minute)}},
			}
		}
		order := func(id string, state acme.OrderState) *acme.Order {
			return &acme.Order{
				ID: c.account() + id, Account: a.ID, Thumbprint: a.Thumbprint, Profile: "default", State: state, Identifiers: []acme.Identifier{dns("vendor.example")},
				Authorizations: []string{c.account() + "valid"}, Created: now, Expires: now.Add(time.Hour), CSR: []byte("csr"), Lease: now.Add(time.Minute),
			}
		}
		return errors.Join(
			tx.PutAuthorization(authz("valid", acme.Valid, acme.Valid)), tx.PutAuthorization(authz("begun", acme.Pending, acme.Processing)),
			tx.PutOrder(order("open", acme.OrderOpen)), tx.PutOrder(order("worked", acme.OrderProcessing)), tx.PutOrder(order("done", acme.OrderValid)))
	})
	return resting{s, c.account()}
}

func (r resting) authorization(id string) *acme.Authorization {
	r.s.t.Helper()
	return stored(r.s, func(tx acme.Tx) (*acme.Authorization, error) { return tx.Authorization(r.account + id) })
}

func (r resting) order(id string) *acme.Order {
	r.s.t.Helper()
	return stored(r.s, func(tx acme.Tx) (*acme.Order, error) { return tx.Order(r.account + id) })
}

// wantWhole checks that nothing has happened to it.
func (r resting) wantWhole() {
	r.s.t.Helper()
	if a, b := r.authorization("valid"), r.authorization("begun"); a.Status != acme.Valid || b.Status != acme.Pending {
		r.s.t.Errorf("authorizations are %s, %s", a.Status, b.Status)
	}
	if a, b := r.order("open"), r.order("worked"); a.State != acme.OrderOpen || b.State != acme.OrderProcessing {
		r.s.t.Errorf("orders are %d, %d", a.State, b.State)
	}
}

// wantVoid checks that all of it has ended, and says why.
func (r resting) wantVoid(why string) {
	r.s.t.Helper()
	for _, id := range []string{"valid", "begun"} {
		a := r.authorization(id)
		if a.Status != acme.Deactivated || a.Challenges[0].Status == acme.Processing {
			r.s.t.Errorf("authorization %s: %s, challenge %s", id, a.Status, a.Challenges[0].Status)
		}
	}
	for _, id := range []string{"open", "worked"} {
		o := r.order(id)
		if o.State != acme.OrderInvalid || o.Error == nil || !strings.Contains(o.Error.Detail, why) || o.CSR != nil {
			r.s.t.Errorf("order %s: %d %v", id, o.State, o.Error)
		}
	}
	if o := r.order("done"); o.State != acme.OrderValid {
		r.s.t.Errorf("an order with a certificate: %d", o.State)
	}
	horizon := r.s.clock.Now().Add(time.Hour)
	for _, a := range stored(r.s, func(tx acme.Tx) ([]*acme.Authorization, error) { return tx.Unfinished(horizon, horizon, 10) }) {
		if a.Account == r.account {
			r.s.t.Errorf("authorization %s will be taken up for ever", a.ID)
		}
	}
}

func TestDeactivateAccount(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	its, others := s.rest(c), s.rest(other)
	why := acme.Problemf(acme.Unauthorized, "the operator has ended it")
	end := func(id string, status acme.Status) error {
		return s.store.Store.Update(t.Context(), func(tx acme.Tx) error {
			return acme.DeactivateAccount(tx, id, status, why, s.clock.Now())
		})
	}
	if err := end("nobody", acme.Revoked); !errors.Is(err, acme.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
	for _, status := range []acme.Status{acme.Valid, acme.Pending, ""} {
		if err := end(c.account(), status); err == nil {
			t.Errorf("ended %q", status)
		}
	}
	its.wantWhole()
	if err := end(c.account(), acme.Revoked); err != nil {
		t.Fatal(err)
	}
	its.wantVoid("the operator has ended it")
	others.wantWhole()
	r, body := c.post(c.kid, nil)
	wantRefused(t, r, body, 401, acme.Unauthorized, "revoked")
	r, body = other.post(other.kid, nil)
	wantStatus(t, r, body, 200)
	// Again, and in other words: it stays what it was.
	if err := end(c.account(), acme.Deactivated); err != nil {
		t.Fatal(err)
	}
	if a := stored(s, func(tx acme.Tx) (*acme.Account, error) { return tx.Account(c.account()) }); a.Status != acme.Revoked {
		t.Errorf("%s", a.Status)
	}
}

func TestRevokeCertificate(t *testing.T) {
	s := newScene(t, nil)
	cert, _ := s.issued("somebody", "vendor.example")
	old, _ := s.issued("somebody", "vendor.example")
	revoke := func(serial string, reason int) error {
		return s.store.Store.Update(t.Context(), func(tx acme.Tx) error {
			return acme.RevokeCertificate(tx, serial, reason, s.clock.Now())
		})
	}
	kind := func(err error) acme.Kind {
		if p := (*acme.Problem)(nil); errors.As(err, &p) {
			return p.Kind
		}
		return ""
	}
	for _, reason := range []int{-1, 2, 6, 7, 8, 10, 11} {
		if err := revoke(cert.Serial, reason); kind(err) != acme.BadRevocationReason {
			t.Errorf("reason %d: %v", reason, err)
		}
	}
	if err := revoke("ff", 0); !errors.Is(err, acme.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	if err := revoke(cert.Serial, 4); err != nil {
		t.Fatal(err)
	}
	got := stored(s, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(cert.Serial) })
	if !got.Revoked.Equal(s.clock.Now()) || got.Reason != 4 {
		t.Errorf("%v, %d", got.Revoked, got.Reason)
	}
	first := s.clock.Now()
	s.clock.pass(time.Hour)
	for _, step := range []struct {
		reason int
		kind   acme.Kind // "": it is taken
		stays  int
	}{{0, acme.AlreadyRevoked, 4}, {4, acme.AlreadyRevoked, 4}, {9, acme.AlreadyRevoked, 4}, {1, "", 1}, {1, acme.AlreadyRevoked, 1}, {0, acme.AlreadyRevoked, 1}, {4, acme.AlreadyRevoked, 1}} {
		err := revoke(cert.Serial, step.reason)
		got := stored(s, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(cert.Serial) })
		if kind(err) != step.kind || (err == nil) != (step.kind == "") || got.Reason != step.stays || !got.Revoked.Equal(first) {
			t.Errorf("again, for %d: %v; it is revoked for %d since %v", step.reason, err, got.Reason, got.Revoked)
		}
	}
	s.clock.pass(8 * 24 * time.Hour)
	if err := revoke(old.Serial, 1); kind(err) != acme.Unauthorized {
		t.Errorf("one that has ended: %v", err)
	}
}
