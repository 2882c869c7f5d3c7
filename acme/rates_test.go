package acme_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// from posts a payload as from another address, with headers of a proxy that say yet another.
func (c *client) from(address, path string, payload any) (*http.Response, []byte) {
	c.t.Helper()
	return c.sendFrom(address, path, c.sign(path, payload))
}

func (c *client) sendFrom(address, path, body string) (*http.Response, []byte) {
	c.t.Helper()
	q := httptest.NewRequest(http.MethodPost, c.url(path), strings.NewReader(body))
	q.RemoteAddr = address
	q.Header.Set("Content-Type", "application/jose+json")
	q.Header.Set("X-Forwarded-For", "198.51.100."+strconv.Itoa(rand.IntN(256)))
	r, answer := answered(c.t, c.server, q)
	c.nonce = r.Header.Get("Replay-Nonce")
	return r, answer
}

// wantLimited checks a refusal by a limit: when to come again, and by which setting.
func wantLimited(t *testing.T, r *http.Response, body []byte, retry int, setting string) {
	t.Helper()
	wantRefused(t, r, body, http.StatusTooManyRequests, acme.RateLimited, "("+setting)
	if got := r.Header.Get("Retry-After"); got != strconv.Itoa(retry) {
		t.Errorf("Retry-After %q, want %d", got, retry)
	}
}

var agreed = map[string]any{"termsOfServiceAgreed": true}

// TestNewAccountsOfOneSource has a source make as many accounts as it may, and then one more.
func TestNewAccountsOfOneSource(t *testing.T) {
	const stranger = "203.0.113.9:4711"
	for _, tc := range []struct {
		claim   string
		limit   int
		address string
		limited bool
	}{
		{"the same address, another port", 7, "203.0.113.9:1", true},
		{"the same address in IPv6's clothes", 7, "[::ffff:203.0.113.9]:1", true},
		{"another address", 7, "203.0.113.8:4711", false},
		{"an IPv6 address", 7, "[2001:db8::1]:4711", false},
		{"this machine", 7, "127.0.0.1:4711", false},
		{"no address", 7, "", false},
		{"any number", -1, stranger, false},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.NewAccounts = tc.limit })
			var first *client
			for range 7 {
				first = newClient(t, s.Server)
				r, body := first.from(stranger, "/acme/new-account", agreed)
				wantStatus(t, r, body, http.StatusCreated)
			}
			one := newClient(t, s.Server)
			r, body := one.from(tc.address, "/acme/new-account", agreed)
			if !tc.limited {
				wantStatus(t, r, body, http.StatusCreated)
				return
			}
			wantLimited(t, r, body, 515, "acme.new_accounts") // an hour in sevenths, rounded up
			if n := len(accountsOf(s)); n != 7 {
				t.Errorf("%d accounts, want 7", n)
			}
			// What makes none does not count, and is not refused.
			r, body = first.from(tc.address, "/acme/new-account", agreed)
			wantStatus(t, r, body, http.StatusOK)
			r, body = one.from(tc.address, "/acme/new-account", map[string]any{"onlyReturnExisting": true})
			wantRefused(t, r, body, http.StatusBadRequest, acme.AccountDoesNotExist, "no account with this key")
			s.clock.pass(514 * time.Second)
			r, body = one.from(tc.address, "/acme/new-account", agreed)
			wantLimited(t, r, body, 1, "acme.new_accounts")
			s.clock.pass(time.Second)
			r, body = one.from(tc.address, "/acme/new-account", agreed)
			wantStatus(t, r, body, http.StatusCreated)
			r, body = newClient(t, s.Server).from(tc.address, "/acme/new-account", agreed)
			wantLimited(t, r, body, 514, "acme.new_accounts")
		})
	}
}

// TestWhatMakesNoAccountIsNotCounted has requests refused of which none may use up the one account that there is left.
func TestWhatMakesNoAccountIsNotCounted(t *testing.T) {
	const stranger = "203.0.113.9:4711"
	for _, tc := range []struct {
		claim  string
		send   func(*client) (*http.Response, []byte)
		status int
	}{
		{"one that is made", func(c *client) (*http.Response, []byte) {
			return c.as(newKey(c.t), "").from(stranger, "/acme/new-account", agreed)
		}, http.StatusCreated},
		{"terms that are not agreed to", func(c *client) (*http.Response, []byte) {
			return c.from(stranger, "/acme/new-account", map[string]any{})
		}, http.StatusForbidden},
		{"a contact that is none", func(c *client) (*http.Response, []byte) {
			return c.from(stranger, "/acme/new-account", map[string]any{"termsOfServiceAgreed": true, "contact": []string{"mailto:"}})
		}, http.StatusBadRequest},
		{"a signature that does not hold", func(c *client) (*http.Response, []byte) {
			body := read[map[string]string](c.t, []byte(c.sign("/acme/new-account", agreed)))
			body["payload"] = "e30"
			return c.sendFrom(stranger, "/acme/new-account", string(octets(c.t, body)))
		}, http.StatusForbidden},
		{"a nonce that was used", func(c *client) (*http.Response, []byte) {
			c.nonce = c.server.MakeNonce()
			c.server.TakeNonce(c.nonce)
			return c.from(stranger, "/acme/new-account", agreed)
		}, http.StatusBadRequest},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.NewAccounts, c.Terms = 1, "https://ca.example/terms" })
			c := newClient(t, s.Server)
			r, body := tc.send(c)
			wantStatus(t, r, body, tc.status)
			r, body = newClient(t, s.Server).from(stranger, "/acme/new-account", agreed)
			if tc.status == http.StatusCreated {
				wantLimited(t, r, body, 3600, "acme.new_accounts")
				return
			}
			wantStatus(t, r, body, http.StatusCreated)
		})
	}
}

// TestNewOrdersOfOneAccount has an account ask for as many identifiers as it may, and then for one more.
func TestNewOrdersOfOneAccount(t *testing.T) {
	const home = "203.0.113.9:4711"
	authorizing := map[string]any{"identifier": dns("ahead.vendor.example")}
	for _, tc := range []struct {
		claim   string
		refused bool // by the gate, all that comes before
		path    string
		payload map[string]any
		retry   int
	}{
		{"an order of one name", false, "/acme/new-order", ordering("one.vendor.example"), 360},
		{"an order of one name, once others were refused", true, "/acme/new-order", ordering("one.vendor.example"), 360},
		{"an order of three names", false, "/acme/new-order", ordering("one.vendor.example", "two.vendor.example", "192.0.2.1"), 3 * 360},
		{"an order of one name, written twice", false, "/acme/new-order", ordering("one.vendor.example", "ONE.vendor.example"), 360},
		{"an authorization", false, "/acme/new-authz", authorizing, 360},
		{"an authorization, once orders were refused", true, "/acme/new-authz", authorizing, 360},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			p := newPlay(t, func(c *acme.Config) { c.NewOrders, c.MaxNames = 10, 5 })
			other := registered(t, p.Server)
			status := http.StatusCreated
			if tc.refused {
				p.gate.says(refutes)
				status = http.StatusForbidden
			}
			for _, first := range []map[string]any{ordering("a.vendor.example", "b.vendor.example", "c.vendor.example"), ordering("d.vendor.example"), ordering("e.vendor.example")} {
				r, body := p.from(home, "/acme/new-order", first)
				wantStatus(t, r, body, status)
			}
			for range 5 {
				r, body := p.from(home, "/acme/new-authz", map[string]any{"identifier": dns("f.vendor.example")})
				wantStatus(t, r, body, status)
			}
			if n := len(p.gate.claims()); n != 10 {
				t.Fatalf("the gate was asked of %d identifiers, want 10", n)
			}
			p.gate.says(nil)
			r, body := p.from(home, tc.path, tc.payload)
			wantLimited(t, r, body, tc.retry, "acme.new_orders")
			r, body = p.from("127.0.0.1:4711", tc.path, tc.payload) // an account is one wherever it is
			wantLimited(t, r, body, tc.retry, "acme.new_orders")
			if n := len(p.gate.claims()); n != 0 {
				t.Errorf("the gate was asked of %d identifiers past the limit", n)
			}
			r, body = other.from(home, tc.path, tc.payload)
			wantStatus(t, r, body, http.StatusCreated)
			p.clock.pass(time.Duration(tc.retry)*time.Second - time.Nanosecond)
			r, body = p.from(home, tc.path, tc.payload)
			wantLimited(t, r, body, 1, "acme.new_orders")
			p.clock.pass(time.Nanosecond)
			r, body = p.from(home, tc.path, tc.payload)
			wantStatus(t, r, body, http.StatusCreated)
		})
	}
}

// TestNewOrdersOfOneSource has accounts of one source ask for as many identifiers as all of them may together.
func TestNewOrdersOfOneSource(t *testing.T) {
	const home = "[2001:db8::1]:4711"
	for _, tc := range []struct {
		claim   string
		limit   int
		address string
		limited bool
	}{
		{"another address of the same /64", 1, "[2001:db8::2]:4711", true},
		{"the next /64", 1, "[2001:db8:0:1::1]:4711", false},
		{"this machine", 1, "[::1]:4711", false},
		{"any number", -1, home, false},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			p := newPlay(t, func(c *acme.Config) { c.NewOrders, c.MaxNames = tc.limit, 10 })
			r, body := p.from(home, "/acme/new-order", ordering(many(10)...))
			wantStatus(t, r, body, http.StatusCreated)
			one := registered(t, p.Server)
			r, body = one.from(tc.address, "/acme/new-order", ordering("one.vendor.example"))
			if !tc.limited {
				wantStatus(t, r, body, http.StatusCreated)
				return
			}
			wantLimited(t, r, body, 360, "acme.new_orders times 10)")
			// The account has lost nothing by it: it may still have a whole order at once elsewhere.
			r, body = one.from("203.0.113.9:4711", "/acme/new-order", ordering(many(10)...))
			wantStatus(t, r, body, http.StatusCreated)
			p.clock.pass(360 * time.Second)
			r, body = registered(t, p.Server).from(tc.address, "/acme/new-order", ordering("one.vendor.example"))
			wantStatus(t, r, body, http.StatusCreated)
		})
	}
}

// TestSourcesOfOneNetwork has the /64s of a /48 do what all of them may together.
func TestSourcesOfOneNetwork(t *testing.T) {
	for _, tc := range []struct{ claim, address string }{
		{"one more /64 of the same /48", "[2001:db8:0:ffff::1]:4711"},
		{"the next /48", "[2001:db8:1::1]:4711"},
		{"an IPv4 address", "203.0.113.9:4711"},
	} {
		limited := strings.Contains(tc.claim, "same")
		t.Run(tc.claim+": accounts", func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.NewAccounts = 1 })
			for n := range 10 {
				r, body := newClient(t, s.Server).from(fmt.Sprintf("[2001:db8:0:%x::1]:4711", n), "/acme/new-account", agreed)
				wantStatus(t, r, body, http.StatusCreated)
			}
			r, body := newClient(t, s.Server).from(tc.address, "/acme/new-account", agreed)
			if !limited {
				wantStatus(t, r, body, http.StatusCreated)
				return
			}
			wantLimited(t, r, body, 360, "acme.new_accounts times 10)")
			s.clock.pass(360 * time.Second)
			r, body = newClient(t, s.Server).from(tc.address, "/acme/new-account", agreed)
			wantStatus(t, r, body, http.StatusCreated)
		})
		t.Run(tc.claim+": names", func(t *testing.T) {
			p := newPlay(t, func(c *acme.Config) { c.NewOrders, c.MaxNames = 1, 10 })
			for n := range 10 {
				r, body := registered(t, p.Server).from(fmt.Sprintf("[2001:db8:0:%x::1]:4711", n), "/acme/new-order", ordering(many(10)...))
				wantStatus(t, r, body, http.StatusCreated)
			}
			one := registered(t, p.Server)
			r, body := one.from(tc.address, "/acme/new-order", ordering("one.vendor.example"))
			if !limited {
				wantStatus(t, r, body, http.StatusCreated)
				return
			}
			wantLimited(t, r, body, 36, "acme.new_orders times 100)")
			p.clock.pass(36 * time.Second)
			r, body = one.from(tc.address, "/acme/new-order", ordering("one.vendor.example"))
			wantStatus(t, r, body, http.StatusCreated)
		})
	}
}

// TestClockThatIsSetBack: what is owed is paid in the same time, neither later nor at once.
func TestClockThatIsSetBack(t *testing.T) {
	for _, back := range []time.Duration{0, time.Nanosecond, time.Hour, 1000 * 24 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.NewAccounts = 2 })
			try := func() (*http.Response, []byte) {
				return newClient(t, s.Server).from("203.0.113.9:4711", "/acme/new-account", agreed)
			}
			for range 2 {
				r, body := try()
				wantStatus(t, r, body, http.StatusCreated)
			}
			s.clock.pass(-back)
			r, body := try()
			wantLimited(t, r, body, 1800, "acme.new_accounts")
			s.clock.pass(30 * time.Minute)
			r, body = try()
			wantStatus(t, r, body, http.StatusCreated)
			s.clock.pass(-back)
			r, body = try()
			wantLimited(t, r, body, 1800, "acme.new_accounts")
			s.clock.pass(30 * time.Minute)
			r, body = try()
			wantStatus(t, r, body, http.StatusCreated)
		})
	}
}

// TestWholeOrderAtOnce: however low the limit, no order is too large for it.
func TestWholeOrderAtOnce(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.NewOrders = 1 })
	r, body := p.post("/acme/new-order", ordering(many(100)...))
	wantStatus(t, r, body, http.StatusCreated)
	r, body = p.post("/acme/new-order", ordering("one.vendor.example"))
	wantLimited(t, r, body, 3600, "acme.new_orders")
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("n%d.vendor.example", i))
	}
	return names
}
