package acme_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme"
)

// ask is a gate that says nothing of names of silent.example until it is let, or the time is over, and writes down in which order it is asked.
type ask struct {
	mu    sync.Mutex
	asked []string
	on    chan struct{} // one of those that wait goes on
}

func (a *ask) Judge(ctx context.Context, c *acme.Claim) *acme.Problem {
	a.mu.Lock()
	a.asked = append(a.asked, c.Identifier.Value)
	a.mu.Unlock()
	if !strings.HasSuffix(c.Identifier.Value, ".silent.example") {
		return nil
	}
	select {
	case <-a.on:
	case <-ctx.Done():
	}
	return passing(c)
}

// number is how many names of a suffix were asked about, and the place of the first of them.
func (a *ask) number(suffix string) (n, first int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range a.asked {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n, slices.IndexFunc(a.asked, func(name string) bool { return strings.HasSuffix(name, suffix) })
}

// siege has so many orders of 100 silent names begin, from addresses in turn, one account at each.
func (p *play) siege(orders, addresses int) (over func()) {
	var all sync.WaitGroup
	var besiegers []*client
	for range addresses {
		besiegers = append(besiegers, registered(p.t(), p.Server))
	}
	for n := range orders {
		var names []string
		for k := range 100 {
			names = append(names, fmt.Sprintf("n%d.o%d.silent.example", k, n))
		}
		c, at := besiegers[n%addresses], fmt.Sprintf("198.51.100.%d:4711", n%addresses)
		c.nonce = p.MakeNonce()
		body := c.sign("/acme/new-order", ordering(names...))
		q := httptest.NewRequest(http.MethodPost, c.url("/acme/new-order"), strings.NewReader(body))
		q.RemoteAddr = at
		q.Header.Set("Content-Type", "application/jose+json")
		all.Go(func() { p.ServeHTTP(httptest.NewRecorder(), q) })
	}
	synctest.Wait()
	return all.Wait
}

// TestOrderBesideASiege: whoever else waits, an order of others has its turn at once, or after one look-up has ended.
func TestOrderBesideASiege(t *testing.T) {
	for _, tt := range []struct {
		claim             string
		orders, addresses int
		ends              int // look-ups, at the most, until the order has its turn: a round of those who wait
		held              int // look-ups that are under way before
	}{
		{"nobody besides", 0, 1, 0, 0},
		{"one order of an account", 1, 1, 0, acme.AtOnce},
		{"ten orders of an account", 10, 1, 0, acme.JudgedAtOnce * 3 / 4},
		{"two hundred orders of eight accounts, each at an address of its own", 200, 8, 8, acme.JudgedAtOnce},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &ask{on: make(chan struct{})}
				p := newPlay(t, func(c *acme.Config) { c.Gate, c.NewOrders = g, -1 })
				over := p.siege(tt.orders, tt.addresses)
				if n, _ := g.number("silent.example"); n != tt.held {
					t.Fatalf("%d look-ups are under way, want %d", n, tt.held)
				}
				if beginning, begun, validating := p.Waiting(); (beginning > 0) != (tt.orders > 1) || begun+validating > 0 {
					t.Errorf("%d orders wait, %d that have begun, %d to be validated", beginning, begun, validating)
				}
				done := make(chan orderDoc)
				go func() { done <- p.order(ordering("www.vendor.example"), acme.Ready) }()
				synctest.Wait()
				ends := 0
				for ; ends < tt.ends; ends++ {
					if n, _ := g.number(".vendor.example"); n > 0 {
						break
					}
					g.on <- struct{}{}
					synctest.Wait()
				}
				if n, at := g.number(".vendor.example"); n != 1 || at > tt.held+ends {
					t.Errorf("once %d of %d look-ups had ended it was asked about %d times, as number %d", ends, tt.held, n, at)
				}
				if tt.ends > 0 && ends == 0 {
					t.Error("it was asked about before any turn was free")
				}
				if o := <-done; o.Status != acme.Ready {
					t.Errorf("the order is %s", o.Status)
				}
				over() // in its own time
			})
		})
	}
}

// TestFinalizeBesideASiege: what was begun is no different.
func TestFinalizeBesideASiege(t *testing.T) {
	for _, many := range []int{0, 100} {
		synctest.Test(t, func(t *testing.T) {
			g := &ask{on: make(chan struct{})}
			p := newPlay(t, func(c *acme.Config) { challenged(c); c.Gate, c.NewOrders = g, -1 })
			o := p.ready("www.vendor.example")
			left := p.challenges(many, 3)
			if n, _ := g.number("silent.example"); n != min(3*many, acme.JudgedAtOnce) {
				t.Fatalf("%d look-ups are under way", n)
			}
			before, _ := g.number(".vendor.example")
			done := make(chan *http.Response)
			go func() { r, _ := p.finalize(o, "www.vendor.example"); done <- r }()
			synctest.Wait()
			if many > 0 {
				if n, _ := g.number(".vendor.example"); n != before {
					t.Error("it is asked about before any turn was free")
				}
			}
			for range min(many, 3) { // a round of those who wait
				if n, _ := g.number(".vendor.example"); n == before {
					g.on <- struct{}{}
					synctest.Wait()
				}
			}
			if n, _ := g.number(".vendor.example"); n != before+1 {
				t.Errorf("after a round it was asked about %d times", n-before)
			}
			if r := <-done; r.StatusCode != http.StatusOK {
				t.Errorf("%s", r.Status)
			}
			left()
		})
	}
}

// challenges has so many challenges for silent names of each of some accounts begin. Their orders begin while the names are not yet silent.
func (p *play) challenges(many, accounts int) (over func()) {
	for n := range accounts {
		c := registered(p.t(), p.Server)
		at := fmt.Sprintf("198.51.100.%d:4711", n)
		for k := range many {
			p.update(func(tx acme.Tx) error {
				a, err := tx.Account(c.account())
				if err != nil {
					return err
				}
				return tx.PutAuthorization(&acme.Authorization{
					ID: fmt.Sprintf("authz-%d-%d", n, k), Account: a.ID, Thumbprint: a.Thumbprint, Identifier: dns(fmt.Sprintf("n%d.a%d.silent.example", k, n)),
					Status: acme.Pending, Expires: p.clock.Now().Add(time.Hour), Profile: "default", Challenges: []acme.Challenge{{Type: acme.MethodHTTP, Token: "t", Status: acme.Pending}},
				})
			})
			c.from(at, fmt.Sprintf("/acme/chall/authz-%d-%d/0", n, k), map[string]any{})
		}
	}
	synctest.Wait()
	return p.Wait
}

// TestLeftIsTakenUpInRounds: of what rests, one account's backlog leaves another's one in the next round, and in its turn there.
func TestLeftIsTakenUpInRounds(t *testing.T) {
	for _, backlog := range []int{0, 4 * acme.SweepMost} {
		synctest.Test(t, func(t *testing.T) {
			g := &ask{on: make(chan struct{})}
			p := newPlay(t, func(c *acme.Config) { challenged(c); c.Gate, c.NewOrders = g, -1 })
			rests := func(account, id, name string, since time.Duration) {
				p.update(func(tx acme.Tx) error {
					a, err := tx.Account(account)
					if err != nil {
						return err
					}
					return tx.PutAuthorization(&acme.Authorization{
						ID: id, Account: a.ID, Thumbprint: a.Thumbprint, Identifier: dns(name), Status: acme.Pending, Expires: p.clock.Now().Add(time.Hour), Profile: "default",
						Challenges: []acme.Challenge{{Type: acme.MethodHTTP, Token: "t", Status: acme.Processing, Lease: p.clock.Now().Add(-since), Tries: 1}},
					})
				})
			}
			greedy := registered(t, p.Server).account()
			for n := range backlog {
				rests(greedy, fmt.Sprint("greedy-", n), fmt.Sprintf("n%d.silent.example", n), time.Hour)
			}
			rests(p.account(), "one", "one.vendor.example", time.Minute) // the youngest of all
			swept := make(chan struct{})
			go func() { p.Sweep(t.Context()); close(swept) }()
			synctest.Wait()
			if backlog > 0 {
				if n, _ := g.number("one.vendor.example"); n == 0 {
					g.on <- struct{}{}
					synctest.Wait()
				}
			}
			if n, at := g.number("one.vendor.example"); n != 1 || at > acme.JudgedAtOnce {
				t.Errorf("beside %d it was asked about %d times, as number %d", backlog, n, at)
			}
			<-swept
			if a := p.authz(p.url("/acme/authz/one")); a.Status != acme.Valid {
				t.Errorf("it came to %s", a.Status)
			}
		})
	}
}
