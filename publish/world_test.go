package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
)

// TestAllOfTheWorld holds what must keep a change from being called proven though every
// server that was asked says what is wanted.
func TestAllOfTheWorld(t *testing.T) {
	cases := map[string]struct {
		each func(*dnssec.Each)
		why  string
	}{
		"the servers above delegate in different ways": {func(e *dnssec.Each) { e.Hops[0].Parted, e.Differ = true, true }, "the servers do not all say the same"},
		"there are more servers than are asked": {func(e *dnssec.Each) {
			e.Hops[0].Servers = e.Hops[0].Servers[:1]
			e.Answer = &dnssec.Answer{Name: owner, Trouble: dnssec.Trouble{Text: "more than 13 name servers", Budget: true}}
		}, "more than 13 name servers"},
		"the servers that an alias leads to differ": {func(e *dnssec.Each) {
			e.Differ, e.Hops[0].Servers[0].Answer.Data, e.Hops[0].Servers[1].Answer.Data = true, e.Answer.Data, e.Answer.Data
		}, "the servers do not all say the same"},
	}
	for claim, tc := range cases {
		for verb, do := range map[string]func(*Publisher, context.Context, []Entry) (Report, error){"publish": (*Publisher).Publish, "withdraw": (*Publisher).Withdraw} {
			t.Run(verb+", "+claim, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for _, flip := range []bool{false, true} {
						s := newScene()
						if verb == "withdraw" {
							s = newScene(ours)
						}
						if flip {
							s.each = tc.each
						}
						r, err := do(s.publisher(t), t.Context(), []Entry{entry(ours)})
						if r.Proven() == flip || (err == nil) == flip || flip && !strings.Contains(err.Error(), tc.why) {
							t.Errorf("with it %t: %v, %+v", flip, err, r)
						}
					}
				})
			})
		}
	}
}

// TestServersDifferInWhatOthersChange: somebody else's record that is on its way keeps
// nothing from being called published or withdrawn.
func TestServersDifferInWhatOthersChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(odd)
		s.each = func(e *dnssec.Each) { // the first server has one more each time
			a := e.Hops[0].Servers[0].Answer
			a.Kind, a.Data = dnssec.Positive, append(slices.Clone(a.Data), recordWith(byte(s.asked)).RDATA())
			e.Differ, e.Hops[0].Differ = true, true
		}
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
			t.Errorf("%v, %+v", err, r)
		}
		if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestOneServerOutOfReach: a server that this machine has no way to counts neither way,
// also for what was gone before.
func TestOneServerOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.servers = append(s.servers, &server{skipped: true})
		r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
		if err != nil || !r.Proven() || r.Sets[0].Before != 0 || len(r.Sets[0].Servers) != 3 || !r.Sets[0].Servers[2].Skipped {
			t.Errorf("%v, %+v", err, r)
		}
		if r, err = s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() || r.Sets[0].Before != 300*time.Second {
			t.Errorf("%v, %+v", err, r)
		}
		if r, err = s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || !r.Sets[0].Unknown || !r.Until.IsZero() {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestWhatServersGive: caches may hold the record for as long as any server has given it,
// whatever the place says, and also where a call before was cut short.
func TestWhatServersGive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours, theirs)
		s.servers[1].ttl, s.servers[1].lag = 86400, 30*time.Second
		if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || r.Sets[0].Before != 24*time.Hour {
			t.Errorf("a server with another TTL: %v, %+v", err, r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.servers[0].ttl, s.servers[1].ttl, s.servers[1].lag = 86400, 86400, 30*time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if r, err := s.publisher(t).Withdraw(ctx, []Entry{entry(ours)}); kindOf(err) != Stopped || !r.Written() {
			t.Fatalf("%v, %+v", err, r)
		}
		if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || r.Sets[0].Before != 24*time.Hour || !r.Until.Equal(time.Now().Add(24*time.Hour)) {
			t.Errorf("called again: %v, %+v", err, r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.negative, s.servers[1].lag = 3*time.Hour, 30*time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s.publisher(t).Publish(ctx, []Entry{entry(ours)})
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || r.Written() || r.Sets[0].Before != 3*time.Hour {
			t.Errorf("an absence that one server still tells of: %v, %+v", err, r)
		}
	})
}

func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []Record
		for i := range 255 {
			many = append(many, must(fmt.Sprintf("255 255 255 %064x", i+1000)))
		}
		s := newScene(many[:254]...)
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
			t.Fatal(err)
		}
		s = newScene(many...)
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); kindOf(err) != Unsupported || s.writes != 0 || r.Written() {
			t.Errorf("%v", err)
		}
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(many[0])}); err != nil || !r.Proven() {
			t.Errorf("one of the 255: %v", err)
		}
		if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(many[0])}); err != nil || !r.Proven() {
			t.Errorf("one of the 255 withdrawn: %v", err)
		}
	})
}

// TestWhatALookMissed: the zone of the proof is judged, also where the look before the
// writing was answered by nobody.
func TestWhatALookMissed(t *testing.T) {
	missed := func(s *scene) {
		n := 0
		s.each = func(e *dnssec.Each) {
			if n++; n == 1 {
				*e = dnssec.Each{}
			}
		}
		heard := 0
		s.before = func(a *dnssec.Answer) {
			if heard++; heard < 3 {
				*a = dnssec.Answer{Name: a.Name}
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		missed(s)
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
			t.Fatalf("%v, %+v", err, r)
		}
		s = newScene()
		s.apex = "cnf.vendor.example."
		missed(s)
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); kindOf(err) != NotProven || r.Proven() || !strings.Contains(err.Error(), "delegated_name") {
			t.Errorf("%v, %+v", err, r)
		}
		s = newScene()
		s.away, s.security = true, dnssec.Insecure
		if _, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); kindOf(err) != Unsigned || s.writes != 0 {
			t.Errorf("behind forwarders, and not signed: %v", err)
		}
	})
}

// TestInsecureIsNoMore: what a zone without signatures may pass as, one that is broken or
// under a negative trust anchor may not.
func TestInsecureIsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for claim, tc := range map[string]struct {
			security   dnssec.Security
			overridden bool
			proven     bool
		}{
			"not signed": {dnssec.Insecure, false, true}, "bogus": {dnssec.Bogus, false, false}, "unknown": {dnssec.Indeterminate, false, false},
			"under a negative trust anchor": {dnssec.Insecure, true, false},
		} {
			s := newScene()
			s.security, s.overridden = tc.security, tc.overridden
			r, err := s.publisher(t, func(c *Config) { c.Insecure = true }).Publish(t.Context(), []Entry{entry(ours)})
			if r.Proven() != tc.proven || (err == nil) != tc.proven || tc.proven && r.Sets[0].Security != tc.security {
				t.Errorf("%s: %v, %+v", claim, err, r)
			}
		}
	})
}

// TestServedAnew: a server that falls back after all had the change begins the counting anew.
func TestServedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		n := 0
		s.before = func(a *dnssec.Answer) {
			if n++; a.Name == owner && n < 20 {
				a.Kind, a.Data = dnssec.Positive, [][]byte{ours.RDATA()}
			}
		}
		began := time.Now()
		r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)})
		if err != nil || time.Since(began) < 10*time.Second || r.Until.Before(time.Now().Add(300*time.Second)) {
			t.Errorf("%v, until %v, after %v", err, r.Until, time.Since(began))
		}
	})
}

func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs, ours)
		s.put(Set{Name: underscored, TTL: time.Minute, Records: []Record{theirs}})
		there, troubles := s.publisher(t).Standing(t.Context(), both())
		if len(troubles) > 0 || !slices.Equal(there, both()[:1]) {
			t.Errorf("%v, %v", there, troubles)
		}
		for kind, want := range map[Kind]int{WrongZone: 2, Unreachable: 1} {
			s.failRead = func(int) error { return broken(kind) }
			if there, troubles := s.publisher(t).Standing(t.Context(), both()); len(there) > 0 || len(troubles) != want {
				t.Errorf("%v: %v, %v", kind, there, troubles)
			}
		}
	})
}

// TestWaitingEnds: what cannot be proven is not waited for once every server says it, and
// no round goes on for long after the time is up.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.security, s.servers[1].lag = dnssec.Insecure, 20*time.Second
		began := time.Now()
		r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)})
		if took := time.Since(began); kindOf(err) != NotProven || !r.Written() || r.Proven() || took < 20*time.Second || took > time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if !s.said(Waiting, "waiting until ") {
			t.Errorf("%v", s.events)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		w := &slow{scene: s, until: time.Now().Add(time.Hour)}
		began := time.Now()
		r, err := s.publisher(t, func(c *Config) { c.World, c.Timeout = w, 15*time.Second }).Publish(t.Context(), []Entry{entry(ours)})
		if took := time.Since(began); err != nil || !r.Proven() || took > 25*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		s = newScene()
		w = &slow{scene: s, until: time.Now().Add(time.Hour)}
		began = time.Now()
		r, err = s.publisher(t, func(c *Config) { c.World, c.Timeout = w, 5*time.Second }).Publish(t.Context(), []Entry{entry(ours)})
		if took := time.Since(began); kindOf(err) != NotProven || !r.Written() || r.Sets[0].Served || took > 10*time.Second+5*time.Second+lastRound {
			t.Errorf("%v after %v, %+v", err, took, r)
		}
	})
}

// TestUntilAnotherDay has its date.
func TestUntilAnotherDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		if _, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || !s.said(Proven, "until 00:05:00 UTC (5m0s)") {
			t.Errorf("%v, %v", err, s.events)
		}
		s = newScene(ours)
		s.servers[0].ttl = 86400
		if _, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); err != nil || !s.said(Proven, "until 2000-01-02 00:00:00 UTC (24h0m0s)") {
			t.Errorf("%v, %v", err, s.events)
		}
	})
}

// TestUntilIsWholeSeconds, as it is printed, and no sooner.
func TestUntilIsWholeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		s := newScene(ours)
		r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)})
		if err != nil || r.Until.Before(time.Now().Add(300*time.Second)) || r.Until.Nanosecond() != 0 {
			t.Errorf("%v, %v", err, r.Until)
		}
	})
}
