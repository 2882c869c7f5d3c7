package acme_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// What could not be proven either way rests, and is looked at again by itself.

// shortRest is how long what passing says rests, and longRest what is longer than any rest.
const (
	shortRest = 5 * time.Second
	longRest  = time.Minute
)

// TestOrderThatIsProcessingIsNotReadyAgain: its client was told so, and finalizes it no more (RFC 8555 §7.1.6).
func TestOrderThatIsProcessingIsNotReadyAgain(t *testing.T) {
	for _, tt := range []struct {
		claim string
		first func(*acme.Claim) *acme.Problem // while the client is told
		then  func(*acme.Claim) *acme.Problem
		tries int // in all
		want  acme.Status
	}{
		{"all is well", nil, nil, 1, acme.Valid},
		{"nothing is proven at first", passing, nil, 2, acme.Valid},
		{"nothing is ever proven", passing, passing, acme.MostTries, acme.Invalid},
		{"the record is gone", refutes, nil, 1, acme.Invalid},
		{"nothing is proven at first, and then the record is gone", passing, refutes, 2, acme.Invalid},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			p := newPlay(t, func(c *acme.Config) { c.Patience = time.Nanosecond })
			o := p.order(ordering("vendor.example"), acme.Ready)
			held := make(chan struct{})
			p.gate.says(func(c *acme.Claim) *acme.Problem {
				<-held
				if tt.first == nil {
					return nil
				}
				return tt.first(c)
			})
			r, body := p.finalize(o, "vendor.example")
			if wantStatus(t, r, body, http.StatusOK); read[orderDoc](t, body).Status != acme.Processing {
				t.Fatalf("the client is told %s", body)
			}
			close(held)
			p.Sweep(t.Context()) // waits for what is being worked on
			p.gate.says(tt.then)
			for n := 1; n < tt.tries; n++ {
				if o := p.look(o); o.Status != acme.Processing || o.Error != nil {
					t.Fatalf("after %d tries it is %s, %v", n, o.Status, o.Error)
				}
				asked := len(p.gate.claims())
				p.clock.pass(shortRest - time.Second)
				if p.Sweep(t.Context()); len(p.gate.claims()) != asked {
					t.Fatal("the gate is asked before the time that it has said")
				}
				p.clock.pass(time.Second)
				if p.Sweep(t.Context()); len(p.gate.claims()) != asked+1 {
					t.Fatal("the gate is not asked again")
				}
			}
			p.clock.pass(2 * acme.OrderLease)
			asked := len(p.gate.claims())
			p.Sweep(t.Context())
			n := p.look(o)
			if n.Status != tt.want || (n.Error != nil) != (tt.want == acme.Invalid) || len(p.gate.claims()) != asked {
				t.Errorf("it came to %s, %v; the gate is asked %d times more", n.Status, n.Error, len(p.gate.claims())-asked)
			}
			if n.Status == acme.Valid {
				p.download(n)
			}
		})
	}
}

// rests waits until an authorization's challenge n was looked at so that nothing was proven.
func (p *play) rests(url string, n int) challengeDoc {
	p.t().Helper()
	p.Sweep(p.t().Context()) // waits for what is being worked on
	a := p.authz(url)
	if a.Status != acme.Pending || a.Challenges[n].Status != acme.Processing || a.Challenges[n].Error == nil {
		p.t().Fatalf("it does not rest: %+v", a)
	}
	return a.Challenges[n]
}

// TestChallengeRests: a silent name server does not end an order, and its client need not respond again.
func TestChallengeRests(t *testing.T) {
	for n, method := range []string{"http-01", "dns-01", "tls-alpn-01"} {
		p := newPlay(t, challenged)
		p.certified(p.ready("vendor.example"), "vendor.example")
		o := p.order(ordering("vendor.example"), acme.Pending)
		url := o.Authorizations[0]
		p.gate.says(passing)
		p.post(p.authz(url).Challenges[n].URL, map[string]any{})
		c := p.rests(url, n)
		if c.Type != method || !strings.Contains(c.Error.Detail, "nothing is proven") || p.look(o).Status != acme.Pending {
			t.Errorf("%s: %+v; the order is %s", method, c, p.look(o).Status)
		}
		for _, path := range []string{url, c.URL} {
			r, body := p.post(path, nil)
			wantStatus(t, r, body, http.StatusOK)
			if again, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || time.Duration(again)*time.Second <= shortRest {
				t.Errorf("Retry-After %q: that is before it is looked at again", r.Header.Get("Retry-After"))
			}
		}
		p.gate.says(nil)
		p.clock.pass(shortRest - time.Second)
		p.post(c.URL, map[string]any{}) // begins nothing
		if p.rests(url, n); len(p.gate.claims()) != 0 {
			t.Errorf("%s: the gate is asked before the time that it has said", method)
		}
		p.clock.pass(time.Second)
		p.Sweep(t.Context())
		a := p.authz(url)
		if a.Status != acme.Valid || len(a.Challenges) != 1 || a.Challenges[0].Type != method || a.Challenges[0].Error != nil {
			t.Errorf("%s: it came to %+v", method, a)
		}
		p.certified(o, "vendor.example")
	}
}

func TestChallengeDoesNotRestForEver(t *testing.T) {
	p := newPlay(t, challenged)
	o := p.order(ordering("vendor.example"), acme.Pending)
	url := o.Authorizations[0]
	p.gate.says(func(c *acme.Claim) *acme.Problem {
		p := passing(c)
		p.Retry = time.Hour // bounded
		return p
	})
	p.post(p.authz(url).Challenges[0].URL, map[string]any{})
	for range acme.MostTries - 1 {
		p.rests(url, 0)
		p.clock.pass(longRest)
	}
	p.Sweep(t.Context())
	if a := p.authz(url); a.Status != acme.Invalid || a.Challenges[0].Error == nil || len(p.gate.claims()) != acme.MostTries {
		t.Errorf("after %d tries it is %+v", len(p.gate.claims()), a)
	}
	if n := p.look(o); n.Status != acme.Invalid || n.Error == nil || !strings.Contains(n.Error.Detail, "nothing is proven") {
		t.Errorf("the order is %s, %v", n.Status, n.Error)
	}
}

// TestChallengeIsLeft: one that rests while its authorization comes to its end is taken up no more.
func TestChallengeIsLeft(t *testing.T) {
	for _, tt := range []struct {
		claim string
		ends  func(p *play, url string)
		rests bool // still, after that
		asked int
		want  acme.Status
	}{
		{"it does not", func(*play, string) {}, true, 1, acme.Valid},
		{"another challenge is met", func(p *play, url string) {
			p.gate.says(nil)
			p.post(p.authz(url).Challenges[1].URL, map[string]any{})
		}, false, 1, acme.Valid},
		{"another challenge is not met", func(p *play, url string) {
			p.gate.says(refutes)
			p.post(p.authz(url).Challenges[1].URL, map[string]any{})
		}, false, 1, acme.Invalid},
		{"it is deactivated", func(p *play, url string) {
			r, body := p.post(url, map[string]any{"status": "deactivated"})
			wantStatus(p.t(), r, body, http.StatusOK)
			if a := p.authz(url); a.Challenges[0].Status == acme.Processing {
				p.t().Errorf("its challenge is %+v", a.Challenges[0])
			}
			p.gate.says(nil)
		}, false, 0, acme.Deactivated},
		{"it has ended before, with the challenge left as it is", func(p *play, _ string) {
			p.update(func(tx acme.Tx) error {
				live, err := tx.Live(p.account(), acme.Identifier{}, p.clock.Now())
				if err != nil {
					return err
				}
				live[0].Status = acme.Deactivated
				return tx.PutAuthorization(live[0])
			})
			p.gate.says(nil)
		}, true, 0, acme.Deactivated},
	} {
		p := newPlay(t, challenged)
		url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
		p.gate.says(passing)
		p.post(p.authz(url).Challenges[0].URL, map[string]any{})
		p.rests(url, 0)
		p.gate.says(nil)
		tt.ends(p, url)
		p.Sweep(t.Context())
		if got := p.unfinished(); got != tt.rests {
			t.Errorf("%s: it rests: %t", tt.claim, got)
		}
		p.clock.pass(longRest)
		p.Sweep(t.Context())
		if a := p.authz(url); a.Status != tt.want || len(p.gate.claims()) != tt.asked {
			t.Errorf("%s: it is %s, and the gate was asked %d times", tt.claim, a.Status, len(p.gate.claims()))
		}
		if p.unfinished() {
			t.Errorf("%s: it is to be taken up again", tt.claim)
		}
	}
}

// unfinished reports whether a challenge is to be taken up, at whatever time.
func (p *play) unfinished() bool {
	p.t().Helper()
	then := p.clock.Now().Add(acme.ChallengeLease)
	return len(stored(p.scene, func(tx acme.Tx) ([]*acme.Authorization, error) { return tx.Unfinished(then, then, 10) })) > 0
}

func TestChallengeIsReadWithoutWriting(t *testing.T) {
	p := newPlay(t, challenged)
	c := p.authz(p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]).Challenges[0].URL
	p.gate.says(passing)
	for _, tt := range []struct {
		payload any
		writes  bool
	}{{map[string]any{}, true}, {nil, false}} {
		before := p.store.writes.Load()
		r, body := p.post(c, tt.payload)
		wantStatus(t, r, body, http.StatusOK)
		if wrote := p.store.writes.Load() > before; wrote != tt.writes {
			t.Errorf("%v: it has written: %t", tt.payload, wrote)
		}
		p.Sweep(t.Context())
	}
}
