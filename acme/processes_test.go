package acme_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/weakkey"
)

// What happens between the time that a process has taken something up and the time that it has done with it.

// another is a second process over the same store, whose gate is its own.
func (p *play) another(change func(*acme.Config), g *gate) *acme.Server {
	return p.again(func(c *acme.Config) {
		c.Gate, c.Validator, c.Issuer, c.Authority = g, g, p.issuer, p.issuer
		if change != nil {
			change(c)
		}
	})
}

// hold has a gate wait, and then say something.
func (g *gate) hold(then func(*acme.Claim) *acme.Problem) (asked chan struct{}, release func()) {
	asked, free := make(chan struct{}, 10), make(chan struct{})
	g.says(func(c *acme.Claim) *acme.Problem {
		asked <- struct{}{}
		<-free
		if then == nil {
			return nil
		}
		return then(c)
	})
	return asked, func() { close(free) }
}

// TestOrderIsThatOfWhoHasTakenItUp: what a process finds that has lost an order to another, does nothing to it.
func TestOrderIsThatOfWhoHasTakenItUp(t *testing.T) {
	for _, tt := range []struct {
		claim string
		says  func(*acme.Claim) *acme.Problem
		lost  bool
		want  acme.Status
	}{
		{"its own, and the record is gone", refutes, false, acme.Invalid},
		{"another's, and the record is gone", refutes, true, acme.Valid},
		{"another's, and nothing is proven", passing, true, acme.Valid},
	} {
		p := newPlay(t, func(c *acme.Config) { c.Patience = time.Nanosecond })
		o := p.order(ordering("vendor.example"), acme.Ready)
		asked, release := p.gate.hold(tt.says)
		r, body := p.finalize(o, "vendor.example")
		wantStatus(t, r, body, http.StatusOK)
		<-asked
		g := &gate{}
		swept := make(chan struct{})
		finish := func() {}
		if tt.lost {
			p.clock.pass(acme.OrderLease + time.Second)
			theirs, lets := g.hold(nil)
			other := p.another(nil, g)
			go func() { defer close(swept); other.Sweep(t.Context()) }()
			<-theirs
			finish = func() { lets(); <-swept }
		}
		release()
		p.Sweep(t.Context()) // waits for the first
		if n := p.look(o); tt.lost && n.Status != acme.Processing {
			t.Errorf("%s: it is %s, while the other works on it", tt.claim, n.Status)
		}
		finish()
		if n := p.look(o); n.Status != tt.want {
			t.Errorf("%s: it came to %s, %v", tt.claim, n.Status, n.Error)
		}
	}
}

// TestChallengeIsMetByWhoMayBeTold: what a challenge comes to counts where all is as it was when it was begun.
func TestChallengeIsMetByWhoMayBeTold(t *testing.T) {
	authorization := func(change func(*acme.Authorization)) func(*play, string) {
		return func(p *play, id string) {
			p.update(func(tx acme.Tx) error {
				a, err := tx.Authorization(id)
				if err != nil {
					return err
				}
				change(a)
				return tx.PutAuthorization(a)
			})
		}
	}
	account := func(change func(*acme.Account)) func(*play, string) {
		return func(p *play, _ string) {
			p.update(func(tx acme.Tx) error {
				a, err := tx.Account(p.account())
				if err != nil {
					return err
				}
				change(a)
				return tx.PutAccount(a)
			})
		}
	}
	for _, tt := range []struct {
		claim   string
		happens func(p *play, id string)
		want    acme.Status
		method  string
		says    func(*acme.Claim) *acme.Problem
	}{
		{"nothing happens", func(*play, string) {}, acme.Valid, acme.MethodHTTP, nil},
		{"another process has taken it up", authorization(func(a *acme.Authorization) { a.Challenges[0].Tries++ }), acme.Pending, "", nil},
		{"it is not being validated any more", authorization(func(a *acme.Authorization) { a.Challenges[0].Status = acme.Pending }), acme.Pending, "", nil},
		{"the authorization was deactivated", authorization(func(a *acme.Authorization) { a.Status = acme.Deactivated }), acme.Deactivated, "", nil},
		{"the authorization was revoked", authorization(func(a *acme.Authorization) { a.Status = acme.Revoked }), acme.Revoked, "", nil},
		{"the account has ended", account(func(a *acme.Account) { a.Status = acme.Revoked }), acme.Pending, "", nil},
		{"the account has another key", account(func(a *acme.Account) { a.Thumbprint = "another" }), acme.Pending, "", nil},
		{"a second before it expires", func(p *play, _ string) { p.clock.pass(24*time.Hour - time.Second) }, acme.Valid, acme.MethodHTTP, nil},
		{"it expires", func(p *play, _ string) { p.clock.pass(24 * time.Hour) }, acme.Invalid, "", nil},
		{"it expires, with nothing proven", func(p *play, _ string) { p.clock.pass(24 * time.Hour) }, acme.Invalid, "", passing},
	} {
		p := newPlay(t, challenged)
		url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
		id := url[len(p.url("/acme/authz/")):]
		asked, release := p.gate.hold(tt.says)
		p.post(p.authz(url).Challenges[0].URL, map[string]any{})
		<-asked
		tt.happens(p, id)
		release()
		p.Wait()
		a := stored(p.scene, func(tx acme.Tx) (*acme.Authorization, error) { return tx.Authorization(id) })
		if a.Status != tt.want || a.Method != tt.method {
			t.Errorf("%s: it is %s by %q", tt.claim, a.Status, a.Method)
		}
	}
}

// TestChallengeThatProcessesDieOver: it is not taken up for ever.
func TestChallengeThatProcessesDieOver(t *testing.T) {
	for tries, want := range map[int]acme.Status{acme.MostTries - 1: acme.Valid, acme.MostTries: acme.Invalid} {
		p := newPlay(t, challenged)
		url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
		p.update(func(tx acme.Tx) error {
			live, err := tx.Live(p.account(), acme.Identifier{}, p.clock.Now())
			if err != nil {
				return err
			}
			c := &live[0].Challenges[0]
			c.Status, c.Lease, c.Tries = acme.Processing, p.clock.Now().Add(-time.Second), tries
			return tx.PutAuthorization(live[0])
		})
		p.gate.says(nil)
		p.Sweep(t.Context())
		if a := p.authz(url); a.Status != want || (len(p.gate.claims()) > 0) != (want == acme.Valid) {
			t.Errorf("after %d tries it is %s, the gate was asked %d times", tries, a.Status, len(p.gate.claims()))
		}
	}
}

// TestOneOfTwoSweepsTakesItUp: both have seen it overdue, and the other was quicker.
func TestOneOfTwoSweepsTakesItUp(t *testing.T) {
	for _, quicker := range []bool{false, true} {
		var store *leaving
		p := newPlay(t, func(c *acme.Config) {
			challenged(c)
			store = &leaving{Store: c.Store}
			c.Store = store
		})
		o := p.ready("vendor.example")
		var order, authz string
		request := decoded(t, csr(t, newKey(t), "vendor.example")["csr"].(string))
		p.order(ordering("other.example"), acme.Pending)
		now := p.clock.Now()
		set := func(tx acme.Tx, lease, challenge time.Duration, tries int) error {
			open, err := tx.OpenOrders(p.account())
			if err != nil {
				return err
			}
			for _, o := range open {
				if o.Identifiers[0].Value == "vendor.example" {
					order, o.State, o.CSR, o.Lease, o.Tries = o.ID, acme.OrderProcessing, request, now.Add(lease), tries
					if err := tx.PutOrder(o); err != nil {
						return err
					}
				}
			}
			live, err := tx.Live(p.account(), dns("other.example"), now)
			if err != nil {
				return err
			}
			c := &live[0].Challenges[0]
			authz, c.Status, c.Lease, c.Tries = live[0].ID, acme.Processing, now.Add(challenge), tries
			return tx.PutAuthorization(live[0])
		}
		const late, held = -time.Second, time.Minute
		p.gate.says(nil)
		if !quicker {
			p.update(func(tx acme.Tx) error { return set(tx, late, late, 1) })
			p.Sweep(t.Context())
		} else {
			// Of a sweep's Views the first looks for orders, the second for challenges.
			for n, leases := range [][2]time.Duration{{late, held}, {held, late}} {
				p.update(func(tx acme.Tx) error { return set(tx, leases[0], leases[1], 1) })
				store.goes = func() { p.update(func(tx acme.Tx) error { return set(tx, held, held, 2) }) }
				store.n.Store(int32(n + 1))
				p.Sweep(t.Context())
			}
		}
		if asked := len(p.gate.claims()); (asked == 0) != quicker {
			t.Errorf("another was quicker: %t; the gate was asked %d times", quicker, asked)
		}
		tries := stored(p.scene, func(tx acme.Tx) (int, error) {
			o, err := tx.Order(order)
			if err != nil {
				return 0, err
			}
			a, err := tx.Authorization(authz)
			if err != nil {
				return 0, err
			}
			return o.Tries + a.Challenges[0].Tries, nil
		})
		if tries != 4 {
			t.Errorf("another was quicker: %t; tried %d times, want 4", quicker, tries)
		}
		if n := p.look(o); (n.Status == acme.Valid) == quicker {
			t.Errorf("another was quicker: %t; the order is %s", quicker, n.Status)
		}
	}
}

// TestCertificateKeyThatIsBlockedLater: it was good when it was sent, and is known to others when it is certified.
func TestCertificateKeyThatIsBlockedLater(t *testing.T) {
	for _, blocked := range []bool{false, true} {
		var list atomic.Pointer[weakkey.Blocklist]
		p := newPlay(t, func(c *acme.Config) { c.Blocked, c.Patience = list.Load, time.Nanosecond })
		key := newKey(t)
		o := p.order(ordering("vendor.example"), acme.Ready)
		_, release := p.gate.hold(passing)
		r, body := p.post(o.Finalize, csr(t, key, "vendor.example"))
		wantStatus(t, r, body, http.StatusOK)
		release()
		p.Sweep(t.Context()) // waits until it rests
		p.gate.says(nil)
		if blocked {
			list.Store(blocklist(t, key)())
		}
		p.clock.pass(shortRest)
		p.Sweep(t.Context())
		n := p.look(o)
		if !blocked {
			p.download(n)
			continue
		}
		if n.Status != acme.Invalid || n.Error == nil || n.Error.Kind != acme.BadCSR && n.Error.Kind != acme.BadPublicKey || len(p.issuer.signed) != 0 {
			t.Errorf("the order is %s, %v; %d were signed", n.Status, n.Error, len(p.issuer.signed))
		}
	}
}
