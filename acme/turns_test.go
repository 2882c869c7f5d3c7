package acme_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/acme"
)

// holding is a gate that has names of crowd.example wait.
type holding struct {
	came chan struct{} // one more of them has come
	on   chan struct{} // closed: they may go on
}

func (h *holding) Judge(ctx context.Context, c *acme.Claim) *acme.Problem {
	if d, ok := ctx.Deadline(); !ok || time.Until(d) > acme.ClaimTime {
		return acme.Problemf(acme.ServerInternal, "the gate may take for ever").For(c.Identifier)
	}
	if strings.HasSuffix(c.Identifier.Value, ".crowd.example") {
		h.came <- struct{}{}
		<-h.on
	}
	return nil
}

// leaving is a Store after whose n-th View from now a client goes.
type leaving struct {
	acme.Store
	n    atomic.Int32
	goes func()
}

func (l *leaving) View(ctx context.Context, f func(acme.Tx) error) error {
	err := l.Store.View(ctx, f)
	if l.n.Add(-1) == 0 {
		l.goes()
	}
	return err
}

// TestCrowdLeavesTurnsToOthers: who asks for much of a silent name server keeps nobody
// from the certificate that was let begin, nor a request whose client has gone.
func TestCrowdLeavesTurnsToOthers(t *testing.T) {
	h := &holding{came: make(chan struct{}, 1000), on: make(chan struct{})}
	var store *leaving
	p := newPlay(t, func(c *acme.Config) {
		store = &leaving{Store: c.Store}
		c.Gate, c.Store = h, store
	})
	o := p.order(ordering("vendor.example"), acme.Ready)
	var crowd sync.WaitGroup
	for n := range acme.JudgedAtOnce/acme.AtOnce + 1 {
		var names []string
		for k := range 2 * acme.AtOnce {
			names = append(names, fmt.Sprintf("n%d.o%d.crowd.example", k, n))
		}
		c := registered(t, p.Server)
		body := c.sign("/acme/new-order", ordering(names...))
		crowd.Go(func() {
			q := httptest.NewRequest(http.MethodPost, c.url("/acme/new-order"), strings.NewReader(body))
			q.RemoteAddr = fmt.Sprintf("198.51.100.%d:4711", n) // of one network alone some turns would be left
			q.Header.Set("Content-Type", "application/jose+json")
			c.server.ServeHTTP(httptest.NewRecorder(), q)
		})
	}
	for range acme.JudgedAtOnce {
		<-h.came
	}
	p.certified(o, "vendor.example")

	gone, leave := context.WithCancel(t.Context())
	store.goes = leave
	store.n.Store(2) // the account was read, and what it has: it waits for its turn
	q := httptest.NewRequest(http.MethodPost, p.url("/acme/new-order"), strings.NewReader(p.sign("/acme/new-order", ordering("vendor.example")))).WithContext(gone)
	q.Header.Set("Content-Type", "application/jose+json")
	r, body := answered(t, p.Server, q)
	wantRefused(t, r, body, http.StatusBadRequest, acme.DNS, "come again")
	if r.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After: %s", r.Header.Get("Retry-After"))
	}
	if len(h.came) > 0 {
		t.Errorf("%d more are asked about at once than may be", len(h.came))
	}
	close(h.on)
	crowd.Wait()
	if want := (acme.JudgedAtOnce/acme.AtOnce + 1) * 2 * acme.AtOnce; len(h.came)+acme.JudgedAtOnce != want {
		t.Errorf("asked about %d, want %d", len(h.came)+acme.JudgedAtOnce, want)
	}
}

// TestOrderIsFinalizedOnce: of two requests that both saw it ready, one makes the certificate.
func TestOrderIsFinalizedOnce(t *testing.T) {
	var store *leaving
	p := newPlay(t, func(c *acme.Config) { store = &leaving{Store: c.Store}; c.Store = store })
	o := p.order(ordering("vendor.example"), acme.Ready)
	late := p.sign(o.Finalize, csr(t, newKey(t), "vendor.example"))
	store.goes = func() { p.certified(o, "vendor.example") }
	store.n.Store(2) // the account was read, and the order
	r, body := p.send(o.Finalize, late)
	wantRefused(t, r, body, http.StatusForbidden, acme.OrderNotReady, "the order is valid")
	if len(p.issuer.signed) != 1 {
		t.Errorf("%d certificates were signed", len(p.issuer.signed))
	}
}

// holdingValidator has every challenge wait.
type holdingValidator struct {
	came chan struct{}
	on   chan struct{}
}

func (h *holdingValidator) Validate(context.Context, string, acme.Identifier, string, string) *acme.Problem {
	h.came <- struct{}{}
	<-h.on
	return nil
}

// TestChallengesTakeTurns: however many there are, only so many connections are open.
func TestChallengesTakeTurns(t *testing.T) {
	const names, orders = 100, acme.ValidatedAtOnce/100 + 1
	h := &holdingValidator{came: make(chan struct{}, names*orders), on: make(chan struct{})}
	p := newPlay(t, func(c *acme.Config) { challenged(c); c.Validator = h })
	var all []orderDoc
	for n := range orders {
		var list []string
		for k := range names {
			list = append(list, fmt.Sprintf("n%d.o%d.example", k, n))
		}
		o := p.order(ordering(list...), acme.Pending)
		for _, url := range o.Authorizations {
			p.from(fmt.Sprintf("198.51.100.%d:4711", n), p.authz(url).Challenges[0].URL, map[string]any{})
		}
		all = append(all, o)
	}
	for range acme.ValidatedAtOnce {
		<-h.came
	}
	p.look(all[0])
	if len(h.came) > 0 {
		t.Errorf("%d more are validated at once than may be", len(h.came))
	}
	close(h.on)
	for _, o := range all {
		for _, url := range o.Authorizations {
			if a := p.awaits(url); a.Status != acme.Valid {
				t.Fatalf("one came to %s", a.Status)
			}
		}
	}
}

// TestOrderOutlivesItsProcess: one that is being worked on when a process is asked to end is
// the next one's, with nothing asked of its client again.
func TestOrderOutlivesItsProcess(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.Patience = time.Nanosecond })
	o := p.order(ordering("vendor.example"), acme.Ready)
	held, asked := make(chan struct{}), make(chan struct{}, 1)
	p.gate.says(func(c *acme.Claim) *acme.Problem { asked <- struct{}{}; <-held; return passing(c) })
	r, body := p.finalize(o, "vendor.example")
	wantStatus(t, r, body, http.StatusOK)
	<-asked
	server := p.Server
	ended := make(chan struct{})
	go func() { server.Leave(); close(ended) }()
	<-server.Ended()
	close(held)
	<-ended
	if n := p.look(o); n.Status != acme.Processing {
		t.Fatalf("the order is %s: %v", n.Status, n.Error)
	}
	p.gate.says(nil)
	p.Server = p.again(func(c *acme.Config) {
		c.Gate, c.Validator, c.Issuer, c.Authority = p.gate, p.gate, p.issuer, p.issuer
	})
	p.client.server, p.client.nonce = p.Server, ""
	p.Server.Sweep(t.Context())
	if n := p.look(o); n.Status != acme.Valid {
		t.Errorf("the order is %s: %v", n.Status, n.Error)
	}
}

// TestWhatTheGateWasAskedOfHasChanged: each thing alone keeps a certificate from being signed,
// though nothing has ended the order.
func TestWhatTheGateWasAskedOfHasChanged(t *testing.T) {
	account := func(change func(*acme.Account)) func(*play, acme.Tx) error {
		return func(p *play, tx acme.Tx) error {
			a, err := tx.Account(p.account())
			if err != nil {
				return err
			}
			change(a)
			return tx.PutAccount(a)
		}
	}
	for _, tt := range []struct {
		claim  string
		change func(*play, acme.Tx) error
		want   int
	}{
		{"nothing", account(func(*acme.Account) {}), http.StatusOK},
		{"the account has ended", account(func(a *acme.Account) { a.Status = acme.Revoked }), http.StatusForbidden},
		{"the account has another key", account(func(a *acme.Account) { a.Thumbprint = "another" }), http.StatusForbidden},
		{"an authorization was deactivated", func(p *play, tx acme.Tx) error {
			live, err := tx.Live(p.account(), dns("vendor.example"), p.clock.Now())
			if err != nil {
				return err
			}
			live[0].Status = acme.Deactivated
			return tx.PutAuthorization(live[0])
		}, http.StatusForbidden},
	} {
		p := newPlay(t, nil)
		o := p.order(ordering("vendor.example"), acme.Ready)
		p.issuer.before = func() { p.update(func(tx acme.Tx) error { return tt.change(p, tx) }) }
		if r, body := p.finalize(o, "vendor.example"); r.StatusCode != tt.want {
			t.Errorf("%s: %d %s", tt.claim, r.StatusCode, body)
		}
		if signed := len(p.issuer.signed) > 0; signed != (tt.want == http.StatusOK) {
			t.Errorf("%s: signed: %t", tt.claim, signed)
		}
	}
}

// TestOrderIsNotTriedForEver: of what stays unproven a client can try again, so many times.
func TestOrderIsNotTriedForEver(t *testing.T) {
	p := newPlay(t, nil)
	o := p.order(ordering("vendor.example"), acme.Ready)
	p.gate.says(passing)
	for n := 1; n <= acme.MostTries; n++ {
		want := acme.Ready
		if n == acme.MostTries {
			want = acme.Invalid
		}
		r, body := p.finalize(o, "vendor.example")
		wantRefused(t, r, body, http.StatusBadRequest, acme.DNS, "nothing is proven")
		if got := p.look(o).Status; got != want {
			t.Fatalf("after %d tries the order is %s, want %s", n, got, want)
		}
	}
}
