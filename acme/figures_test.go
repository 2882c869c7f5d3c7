package acme_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// counter is a Counter that writes down what it is told.
type counter struct {
	mu   sync.Mutex
	all  map[string]int
	took int
}

func (c *counter) Count(f acme.Figure, words ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[fmt.Sprint([...]string{"orders", "issuances", "refusals", "validations", "problems", "revocations"}[f], " ", strings.Join(words, " "))]++
}

func (c *counter) Finalized(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took >= 0 {
		c.took++
	}
}

// since is what was counted since the last time that it was asked, in order.
func (c *counter) since() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var said []string
	for _, what := range slices.Sorted(maps.Keys(c.all)) {
		said = append(said, fmt.Sprint(what, " ", c.all[what]))
	}
	if c.took > 0 {
		said = append(said, fmt.Sprint("finalized ", c.took))
	}
	c.all, c.took = map[string]int{}, 0
	return strings.Join(said, ", ")
}

// TestWhatIsCounted: each thing that happens counts once, as what it is.
func TestWhatIsCounted(t *testing.T) {
	absent := func(c *acme.Claim) *acme.Problem {
		p := refutes(c)
		p.Reason = "record_absent"
		return p
	}
	respond := func(p *play, o orderDoc) {
		p.post(p.authz(o.Authorizations[0]).Challenges[0].URL, map[string]any{})
		p.Wait()
	}
	for _, tt := range []struct {
		claim string
		says  func(*acme.Claim) *acme.Problem
		does  func(p *play, open, ready orderDoc)
		want  string
	}{
		{"an order", nil, func(p *play, _, _ orderDoc) { p.post("/acme/new-order", ordering("a.vendor.example")) }, "orders begun 1"},
		{"an order that is refused", absent, func(p *play, _, _ orderDoc) {
			p.post("/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
		}, "orders refused 1, problems unauthorized 1, refusals order record_absent 1"},
		{"an order that is refused for two reasons", func(c *acme.Claim) *acme.Problem {
			if c.Identifier.Value == "a.vendor.example" {
				return absent(c)
			}
			return acme.Problemf(acme.CAA, "it forbids").For(c.Identifier)
		}, func(p *play, _, _ orderDoc) {
			p.post("/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
		}, "orders refused 1, problems compound 1, refusals order caa 1, refusals order record_absent 1"},
		{"an authorization ahead that is refused", absent, func(p *play, _, _ orderDoc) {
			p.post("/acme/new-authz", map[string]any{"identifier": dns("a.vendor.example")})
		}, "problems unauthorized 1, refusals authorization record_absent 1"},
		{"a challenge that is met", nil, func(p *play, open, _ orderDoc) { respond(p, open) }, "validations http-01 valid 1"},
		{"a challenge that is not met", absent, func(p *play, open, _ orderDoc) { respond(p, open) }, "refusals challenge record_absent 1, validations http-01 invalid 1"},
		{"a challenge that is proven neither way", passing, func(p *play, open, _ orderDoc) { respond(p, open) }, "refusals challenge dns 1, validations http-01 unproven 1"},
		{"a certificate", nil, func(p *play, _, ready orderDoc) { p.finalize(ready, "ready.vendor.example") }, "issuances default 1, orders issued 1, finalized 1"},
		{"a certificate that there is none of", absent, func(p *play, _, ready orderDoc) { p.finalize(ready, "ready.vendor.example") },
			"orders failed 1, problems unauthorized 1, refusals finalize record_absent 1, finalized 1"},
		{"a certificate that there is none of as yet", passing, func(p *play, _, ready orderDoc) { p.finalize(ready, "ready.vendor.example") },
			"problems dns 1, refusals finalize dns 1, finalized 1"},
		{"a certificate that is revoked", nil, func(p *play, _, ready orderDoc) {
			p.finalize(ready, "ready.vendor.example")
			p.revoke(p.issuer.signed[0].Leaf, 4)
		}, "issuances default 1, orders issued 1, revocations 4 1, finalized 1"},
		{"a revocation that is refused", nil, func(p *play, _, _ orderDoc) { p.revoke([]byte("none"), 4) }, "problems malformed 1"},
		{"a nonce that was used", nil, func(p *play, open, _ orderDoc) {
			body := p.sign(open.url, nil)
			p.send(open.url, body)
			p.send(open.url, body)
		}, "problems badNonce 1"},
		{"what is nowhere", nil, func(p *play, _, _ orderDoc) { p.get("/nowhere") }, "problems malformed 1"},
		{"what is asked for alone", nil, func(p *play, open, _ orderDoc) { p.look(open) }, ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			counted := &counter{all: map[string]int{}}
			p := newPlay(t, func(c *acme.Config) { challenged(c); c.Counter = counted })
			open, ready := p.order(ordering("open.vendor.example"), acme.Pending), p.ready("ready.vendor.example")
			counted.since()
			p.gate.says(tt.says)
			tt.does(p, open, ready)
			if got := counted.since(); got != tt.want {
				t.Errorf("counted %q, want %q", got, tt.want)
			}
		})
	}
}

// revoke asks for a certificate's revocation.
func (p *play) revoke(der []byte, reason int) {
	p.post("/acme/revoke-cert", map[string]any{"certificate": base64.RawURLEncoding.EncodeToString(der), "reason": reason})
}

// TestWhoIsOverALimitIsTold: once an hour, for each limit and each of those that are over it; who is not, not at all.
func TestWhoIsOverALimitIsTold(t *testing.T) {
	const home = "203.0.113.9:4711"
	log := &book{}
	p := newPlay(t, func(c *acme.Config) {
		c.NewOrders, c.NewAccounts, c.MaxNames, c.OpenOrders = 2, 100, 2, 3
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	// What can be told of again only because an hour has passed comes last.
	for _, tt := range []struct {
		claim  string
		passes time.Duration
		does   func() (*http.Response, []byte)
		told   string // "": nothing is
	}{
		{"as much as there may be", 0, func() (*http.Response, []byte) {
			return p.from(home, "/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
		}, ""},
		{"one more", 0, func() (*http.Response, []byte) {
			return p.from(home, "/acme/new-order", ordering("c.vendor.example"))
		}, "limit=acme.new_orders account="},
		{"and again", 29 * time.Minute, func() (*http.Response, []byte) {
			return p.from(home, "/acme/new-order", ordering("d.vendor.example"))
		}, ""},
		{"another account", 0, func() (*http.Response, []byte) {
			one := registered(t, p.Server)
			one.from(home, "/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
			return one.from(home, "/acme/new-order", ordering("c.vendor.example"))
		}, "limit=acme.new_orders account="},
		{"an address, by many accounts", 0, func() (r *http.Response, body []byte) {
			for range 15 {
				r, body = registered(t, p.Server).from(home, "/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
			}
			return r, body
		}, `limit="acme.new_orders times 10" address=203.0.113.9 account=`},
		{"the same address, by one more", 0, func() (*http.Response, []byte) {
			return registered(t, p.Server).from(home, "/acme/new-order", ordering("a.vendor.example", "b.vendor.example"))
		}, ""},
		{"the first account, an hour after it was told of", time.Hour - 29*time.Minute, func() (*http.Response, []byte) {
			p.from("198.51.100.1:1", "/acme/new-order", ordering("e.vendor.example", "f.vendor.example"))
			return p.from("198.51.100.1:1", "/acme/new-order", ordering("g.vendor.example"))
		}, "limit=acme.new_orders account="},
		{"what an account has open, within the hour of another limit", 30 * time.Minute, func() (r *http.Response, body []byte) {
			p.from("198.51.100.1:1", "/acme/new-order", ordering("h.vendor.example"))
			return p.from("198.51.100.1:1", "/acme/new-order", ordering("i.vendor.example"))
		}, `limit="what an account has open" account=`},
		{"what an account has open, again", 0, func() (r *http.Response, body []byte) {
			return p.from("198.51.100.1:1", "/acme/new-order", ordering("i.vendor.example"))
		}, ""},
	} {
		before := len(log.String())
		p.clock.pass(tt.passes)
		r, body := tt.does()
		if limited := r.StatusCode == http.StatusTooManyRequests; limited != (tt.claim != "as much as there may be") {
			t.Fatalf("%s: %d %s", tt.claim, r.StatusCode, body)
		}
		said := log.String()[before:]
		if n := strings.Count(said, "over a limit"); n != min(len(tt.told), 1) || !strings.Contains(said, tt.told) {
			t.Errorf("%s: told %d times: %s", tt.claim, n, said)
		}
	}
	before := len(log.String())
	r, body := registered(t, p.Server).post("/acme/new-order", map[string]any{})
	wantStatus(t, r, body, http.StatusBadRequest)
	if said := log.String()[before:]; strings.Contains(said, "over a limit") {
		t.Errorf("what is refused otherwise: %s", said)
	}
}

// TestNextUpdate is the end of the list that ends first, and 0 where none can be made.
func TestNextUpdate(t *testing.T) {
	s := newScene(t, nil)
	if at, ok := s.NextUpdate(); ok {
		t.Errorf("before any was looked at: %s", at)
	}
	if err := s.RefreshLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.clock.Now().Add(24 * time.Hour)
	if at, ok := s.NextUpdate(); !ok || !at.Equal(first) {
		t.Errorf("%s, want %s", at, first)
	}
	c, _ := s.issued(registered(t, s.Server).account(), "vendor.example")
	s.clock.pass(time.Hour)
	s.update(func(tx acme.Tx) error { return acme.RevokeCertificate(tx, c.Serial, 1, s.clock.Now()) })
	if err := s.RefreshLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := stored(s, func(tx acme.Tx) (*acme.CRL, error) { return tx.CRL(c.Issuer) }); !list.NextUpdate.After(first) {
		t.Fatalf("its issuer's list ends %s", list.NextUpdate)
	}
	if at, ok := s.NextUpdate(); !ok || !at.Equal(first) {
		t.Errorf("of lists that do not end at once: %s, want %s", at, first)
	}
	s.authority.fail.Store(true)
	s.clock.pass(25 * time.Hour)
	if err := s.RefreshLists(t.Context()); err == nil {
		t.Fatal("a list is made without a key")
	}
	if at, ok := s.NextUpdate(); !ok || !at.Equal(first) {
		t.Errorf("of lists that have ended: %s, want %s", at, first)
	}
	s.clock.pass(80 * 365 * 24 * time.Hour)
	if at, ok := s.NextUpdate(); ok {
		t.Errorf("of issuers that have ended: %s", at)
	}
	fresh := newScene(t, nil)
	fresh.authority.fail.Store(true)
	fresh.RefreshLists(t.Context())
	if at, ok := fresh.NextUpdate(); !ok || !at.IsZero() {
		t.Errorf("where there never was one: %s, %t", at, ok)
	}
}
