package acme

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// TestSource tells those apart who send requests.
func TestSource(t *testing.T) {
	for _, tc := range []struct{ claim, from, want, wide string }{
		{"an IPv4 address", "192.0.2.1:80", "192.0.2.1", ""},
		{"the same from another port", "192.0.2.1:443", "192.0.2.1", ""},
		{"the same in IPv6's clothes", "[::ffff:192.0.2.1]:80", "192.0.2.1", ""},
		{"its neighbour", "192.0.2.2:80", "192.0.2.2", ""},
		{"an IPv6 address", "[2001:db8:0:1::1]:80", "2001:db8:0:1::/64", "2001:db8::/48"},
		{"another of its /64", "[2001:db8:0:1:ffff::]:80", "2001:db8:0:1::/64", "2001:db8::/48"},
		{"the next /64", "[2001:db8:0:2::1]:80", "2001:db8:0:2::/64", "2001:db8::/48"},
		{"the next /48", "[2001:db8:1:1::1]:80", "2001:db8:1:1::/64", "2001:db8:1::/48"},
		{"one of a link", "[fe80::1%eth0]:80", "fe80::/64", "fe80::/48"},
		{"this machine", "127.0.0.1:80", "", ""},
		{"this machine, another of its addresses", "127.9.9.9:80", "", ""},
		{"this machine, IPv6", "[::1]:80", "", ""},
		{"this machine in IPv6's clothes", "[::ffff:127.0.0.1]:80", "", ""},
		{"a unix socket", "@", "", ""},
		{"nothing", "", "", ""},
	} {
		r := &http.Request{RemoteAddr: tc.from, Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {"for=198.51.100.7"}}}
		if got, wide := source(r); got != tc.want || wide != tc.wide {
			t.Errorf("%s (%s): %q in %q, want %q in %q", tc.claim, tc.from, got, wide, tc.want, tc.wide)
		}
	}
}

// allowed takes n for who, and returns how long who must wait instead; 0 for not at all.
func (r *rate) allowed(who string, n int, now time.Time) time.Duration {
	wait := r.wait(who, n, now)
	if wait == 0 {
		r.count(who, n, now)
	}
	return wait
}

// TestRate is an hour's worth at once, and then one as its time goes by.
func TestRate(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := newRate("things", "things", 60, 1, 10)
	for _, tc := range []struct {
		claim string
		at    time.Duration
		who   string
		n     int
		want  time.Duration
	}{
		{"an hour's worth at once", 0, "a", 60, 0},
		{"one more", 0, "a", 1, time.Minute},
		{"another's first", 0, "b", 1, 0},
		{"what was refused is not owed", 0, "a", 1, time.Minute},
		{"nearly in time", time.Minute - time.Nanosecond, "a", 1, time.Nanosecond},
		{"in time", time.Minute, "a", 1, 0},
		{"once", time.Minute, "a", 1, time.Minute},
		{"ten, of which six are paid", 7 * time.Minute, "a", 10, 4 * time.Minute},
		{"more than there ever are at once", 7 * time.Minute, "b", 61, time.Minute},
		{"all of it, an hour later", 67 * time.Minute, "a", 60, 0},
		{"nothing is saved up", 24 * time.Hour, "a", 61, time.Minute},
		{"all of it, a day later", 24 * time.Hour, "a", 60, 0},
		{"who has no name", 24 * time.Hour, "", 1000, 0},
	} {
		if got := r.allowed(tc.who, tc.n, start.Add(tc.at)); got != tc.want {
			t.Errorf("%s: wait %v, want %v", tc.claim, got, tc.want)
		}
	}
	small := newRate("things", "things", 2, 100, 10)
	if small.allowed("a", 100, start) != 0 || small.allowed("a", 1, start) != 30*time.Minute {
		t.Error("a whole order does not come at once, or more than that does")
	}
	if none := newRate("things", "things", -1, 1, 10); none.allowed("a", 1_000_000, start) != 0 || len(none.known) != 0 {
		t.Error("without a limit something is counted")
	}
}

// TestRateIsBounded has more sources than are remembered.
func TestRateIsBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := newRate("things", "things", 60, 1, mostDebtors)
	if wait := r.allowed("greedy", 60, now); wait != 0 {
		t.Fatal(wait)
	}
	refused := 0
	for n := range 100_000 {
		if r.allowed(fmt.Sprint(n), 1, now) > 0 {
			refused++
		}
	}
	if len(r.known) != mostDebtors || len(r.debtors) != mostDebtors || refused != 0 {
		t.Errorf("%d known, %d debtors, %d refused, want %d of each and none refused", len(r.known), len(r.debtors), refused, mostDebtors)
	}
	if r.allowed("greedy", 1, now) == 0 {
		t.Error("who owes the most was forgotten for others")
	}
	if now = now.Add(time.Hour); r.allowed("new", 60, now) != 0 || r.allowed("new", 1, now) == 0 {
		t.Error("once all is paid a newcomer has not exactly an hour's worth")
	}
}

// TestRateForgetsNoDebt plays with a memory of four: from however many sources somebody comes, none ever gets more than
// its hour's worth and what has been paid since.
func TestRateForgetsNoDebt(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(7, 7))
	r, refused := newRate("things", "things", 60, 1, 4), 0
	sole := map[string]*rate{} // what each would have with a memory of its own
	for range 20_000 {
		now = now.Add(time.Duration(random.IntN(10)) * time.Second)
		who, n := fmt.Sprint(random.IntN(12)), 1+random.IntN(5)
		if sole[who] == nil {
			own := newRate("things", "things", 60, 1, 1)
			sole[who] = &own
		}
		if r.allowed(who, n, now) > 0 {
			refused++
		} else if sole[who].allowed(who, n, now) > 0 {
			t.Fatalf("%s has got more than the rate", who)
		}
		for at, d := range r.debtors {
			if d.at != at || r.known[d.who] != d || at > 0 && d.until.Before(r.debtors[(at-1)/2].until) {
				t.Fatalf("debtor %d of %d is out of its place", at, len(r.debtors))
			}
		}
	}
	if refused < 1000 || refused > 19_900 || len(r.known) != 4 {
		t.Errorf("%d refused, %d known: nothing is shown", refused, len(r.known))
	}
}
