package acme_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// failing is a Store of which one Update fails: before it has done anything, or once
// it is committed. From then on, where it is dead, all do, as for a process that is killed.
type failing struct {
	acme.Store
	mu      sync.Mutex
	left    int // Updates until then; 0: none fails
	done    bool
	dead    bool
	happens bool
}

func (f *failing) Update(ctx context.Context, u func(acme.Tx) error) error {
	f.mu.Lock()
	if f.happens && f.dead {
		f.mu.Unlock()
		return errDisk
	}
	f.left--
	now := f.left == 0
	f.happens = f.happens || now
	done := f.done
	f.mu.Unlock()
	if !now {
		return f.Store.Update(ctx, u)
	}
	if done {
		if err := f.Store.Update(ctx, u); err != nil {
			return err
		}
	}
	return errDisk
}

// arm has the n-th Update from now fail; 0: none.
func (f *failing) arm(n int, done, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.done, f.dead, f.happens = n, done, dead, false
}

func (f *failing) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.happens
}

// TestEveryUpdateCanFail plays an order from its beginning to its certificate once for
// each Update in it, and has that one fail; alone, or as the process's last.
func TestEveryUpdateCanFail(t *testing.T) {
	for _, mode := range []struct{ done, dead bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		for n := 1; ; n++ {
			if !updateFails(t, n, mode.done, mode.dead) {
				if n < 6 {
					t.Errorf("an order has %d Updates: too few to be true", n-1)
				}
				break
			}
		}
	}
}

// updateFails plays it; false where there are fewer than n Updates.
func updateFails(t *testing.T, n int, done, dead bool) bool {
	t.Helper()
	claim := fmt.Sprintf("Update %d fails (committed %t, the last %t)", n, done, dead)
	var f *failing
	p := newPlay(t, func(c *acme.Config) {
		challenged(c)
		f = &failing{Store: c.Store}
		c.Store = f
	})
	f.arm(n, done, dead)
	given := p.tries("vendor.example")
	hit := f.hit()
	f.arm(0, false, false)
	if dead { // the process is gone; the next begins
		p.Leave()
		server := p.again(func(c *acme.Config) {
			challenged(c)
			c.Gate, c.Validator, c.Issuer, c.Authority = p.gate, p.gate, p.issuer, p.issuer
		})
		p.Server, p.client.server, p.client.nonce = server, server, ""
	}
	p.clock.pass(acme.OrderLease + time.Second)
	p.Sweep(t.Context())
	p.consistent(claim, given)
	if more := p.tries("vendor.example"); len(more) == 0 {
		t.Errorf("%s: afterwards there is no certificate to be had", claim)
	}
	p.consistent(claim, given)
	return hit
}

// tries goes as far as it comes from an order to a certificate, and returns the URLs of those it was given.
func (p *play) tries(name string) (given []string) {
	r, body := p.post("/acme/new-order", ordering(name))
	if r.StatusCode != http.StatusCreated {
		return nil
	}
	o := read[orderDoc](p.t(), body)
	url := r.Header.Get("Location")
	for _, a := range o.Authorizations {
		if r, body := p.post(a, nil); r.StatusCode == http.StatusOK {
			p.post(read[authzDoc](p.t(), body).Challenges[0].URL, map[string]any{})
			p.client.server.Wait()
		}
	}
	p.finalize(o, name)
	r, body = p.post(url, nil)
	if r.StatusCode != http.StatusOK {
		return nil
	}
	if o := read[orderDoc](p.t(), body); o.Certificate != "" {
		given = append(given, o.Certificate)
	}
	return given
}

// consistent holds the store to what was signed and given.
func (p *play) consistent(claim string, given []string) {
	p.t().Helper()
	p.issuer.mu.Lock()
	defer p.issuer.mu.Unlock()
	serials := map[string]bool{}
	for _, issued := range p.issuer.signed {
		if serials[issued.Serial] {
			p.t().Errorf("%s: serial %s twice", claim, issued.Serial)
		}
		serials[issued.Serial] = true
		r := stored(p.scene, func(tx acme.Tx) (*acme.Reservation, error) { return tx.Reservation(issued.Serial) })
		if len(r.TBS) == 0 || r.Order == "" {
			p.t().Errorf("%s: what was signed under %s is not known", claim, issued.Serial)
		}
	}
	for _, url := range given {
		p.download(orderDoc{Certificate: url})
	}
	for _, o := range stored(p.scene, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OpenOrders(p.account()) }) {
		if o.State == acme.OrderProcessing {
			p.t().Errorf("%s: order %s is stuck", claim, o.ID)
		}
	}
}

func TestOrderIsTakenUp(t *testing.T) {
	for _, tt := range []struct {
		claim string
		lease time.Duration // from now
		tries int
		swept bool
		want  acme.Status
	}{
		{"its process works on it still", acme.OrderLease - time.Second, 1, false, acme.Processing},
		{"it was begun while the sweep was under way", acme.OrderLease + time.Second, 1, false, acme.Processing},
		{"its lease has passed", -time.Second, 1, true, acme.Valid},
		{"the clock was set back by a day", 24 * time.Hour, 1, true, acme.Valid},
		{"it was tried too often", -time.Second, acme.MostTries, true, acme.Invalid},
	} {
		p := newPlay(t, nil)
		o := p.order(ordering("vendor.example"), acme.Ready)
		request := csr(t, newKey(t), "vendor.example")["csr"].(string)
		p.update(func(tx acme.Tx) error {
			open, err := tx.OpenOrders(p.account())
			if err != nil {
				return err
			}
			open[0].State, open[0].CSR, open[0].Lease, open[0].Tries = acme.OrderProcessing, decoded(t, request), p.clock.Now().Add(tt.lease), tt.tries
			return tx.PutOrder(open[0])
		})
		p.gate.says(nil)
		p.Sweep(t.Context())
		if n := p.look(o); n.Status != tt.want {
			t.Errorf("%s: it is %s, %v", tt.claim, n.Status, n.Error)
		}
		if asked := len(p.gate.claims()) > 0; asked != (tt.want == acme.Valid) {
			t.Errorf("%s: the gate was asked: %t", tt.claim, asked)
		}
	}
}

func TestChallengeIsTakenUp(t *testing.T) {
	for _, tt := range []struct {
		claim string
		lease time.Duration
		want  acme.Status
	}{
		{"its process works on it still", acme.ChallengeLease - time.Second, acme.Pending},
		{"it was begun while the sweep was under way", acme.ChallengeLease + time.Second, acme.Pending},
		{"its lease has passed", -time.Second, acme.Valid},
		{"the clock was set back by a day", 24 * time.Hour, acme.Valid},
	} {
		p := newPlay(t, challenged)
		url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
		p.update(func(tx acme.Tx) error {
			live, err := tx.Live(p.account(), acme.Identifier{}, p.clock.Now())
			if err != nil {
				return err
			}
			c := &live[0].Challenges[0]
			c.Status, c.Lease, c.Tries = acme.Processing, p.clock.Now().Add(tt.lease), 1
			return tx.PutAuthorization(live[0])
		})
		p.Sweep(t.Context())
		if a := p.authz(url); a.Status != tt.want {
			t.Errorf("%s: it is %s", tt.claim, a.Status)
		}
	}
}
