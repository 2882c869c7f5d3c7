package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
)

func TestPublish(t *testing.T) {
	for claim, had := range map[string][]Record{
		"at an empty name":       nil,
		"beside others' records": {theirs, odd},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(had...)
				s.servers[1].lag = 30 * time.Second
				began := time.Now()
				r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
				if err != nil {
					t.Fatal(err)
				}
				if !r.Written() || !r.Proven() || !s.sets[owner].Has(ours) || !slices.Equal(s.others(), had) {
					t.Errorf("%+v, %v", r, s.sets[owner])
				}
				if took := time.Since(began); took < 30*time.Second {
					t.Errorf("said to be proven after %v, before the second server had it", took)
				}
				before, ttl := 60*time.Second, 5*time.Minute
				if had != nil {
					before = 300 * time.Second
				}
				if got := r.Sets[0]; got.Before != before || !got.Until.Equal(time.Now().Add(before)) || s.sets[owner].TTL != ttl {
					t.Errorf("before %v until %v, TTL %v", got.Before, got.Until, s.sets[owner].TTL)
				}
				if !s.said(Serving, "1 of 2 servers: ns2.vendor.example. 192.0.2.2: still without the record") {
					t.Errorf("%v", s.events)
				}
				writes := s.writes
				again, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
				if err != nil || again.Written() || !again.Proven() || s.writes != writes || !again.Until.IsZero() {
					t.Errorf("once more: %+v, %v", again, err)
				}
			})
		})
	}
}

func TestWithdraw(t *testing.T) {
	cases := []struct {
		claim  string
		do     func(*Publisher, context.Context, []Entry) (Report, error)
		left   []Record
		before time.Duration
	}{
		{"one record, and nothing beside it", (*Publisher).Withdraw, []Record{theirs, odd}, 300 * time.Second},
		{"all of them", withdrawAll, nil, 300 * time.Second},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(theirs, ours, odd)
				s.servers[0].lag = 20 * time.Second
				began := time.Now()
				r, err := tc.do(s.publisher(t), t.Context(), []Entry{entry(ours)})
				if err != nil || !r.Proven() || !slices.Equal(s.sets[owner].Records, tc.left) {
					t.Fatalf("%+v, %v, %v", r, err, s.sets[owner])
				}
				if time.Since(began) < 20*time.Second || r.Sets[0].Before != tc.before || !r.Until.Equal(time.Now().Add(tc.before)) {
					t.Errorf("%v after %v", r.Until, time.Since(began))
				}
				writes := s.writes
				again, err := tc.do(s.publisher(t), t.Context(), []Entry{entry(ours)})
				if err != nil || again.Written() || s.writes != writes || !again.Sets[0].Unknown && again.Until.Before(time.Now().Add(tc.before)) {
					t.Errorf("once more, as after a call that was cut short: %+v, %v", again, err)
				}
			})
		})
	}
}

// withdrawAll takes away all that a look at it shows.
func withdrawAll(p *Publisher, ctx context.Context, entries []Entry) (Report, error) {
	changes, err := p.PlanWithdrawAll(ctx, entries)
	if err != nil {
		return Report{}, err
	}
	return p.WithdrawAll(ctx, entries, changes)
}

// TestNotProven holds what must keep a record from being called published or
// withdrawn: the same scene proves, then one thing is different.
func TestNotProven(t *testing.T) {
	publish := (*Publisher).Publish
	withdraw := (*Publisher).Withdraw
	cases := []struct {
		claim string
		do    func(*Publisher, context.Context, []Entry) (Report, error)
		flip  func(*scene)
		why   string
	}{
		{"a server is stuck", publish, func(s *scene) { s.servers[1].stuck = true }, "ns2.vendor.example. 192.0.2.2: still without the record"},
		{"a server is silent", publish, func(s *scene) { s.servers[0].silent = true }, "ns1.vendor.example. 192.0.2.1: no answer: no answer in 2.8 s"},
		{"the zone is bogus", publish, func(s *scene) { s.security = dnssec.Bogus }, "bogus: nothing proves what it says"},
		{"nothing is known of the zone", publish, func(s *scene) { s.security = dnssec.Indeterminate }, "indeterminate"},
		{"forwarders are asked", publish, func(s *scene) { s.away = true }, "questions go to forwarders"},
		{"there is no server", publish, func(s *scene) { s.servers = s.servers[:0:0]; s.servers = append(s.servers, &server{silent: true}) }, "no answer"},
		{"the lookup finds another set", publish, func(s *scene) {
			s.before = func(a *dnssec.Answer) { a.Data = [][]byte{theirs.RDATA()} }
		}, "still without the record"},
		{"the lookup finds a wildcard", publish, func(s *scene) { s.before = func(a *dnssec.Answer) { a.Wildcard = true } }, "a wildcard answers"},
		{"a negative trust anchor covers it", publish, func(s *scene) { s.before = func(a *dnssec.Answer) { a.Overridden = true } }, "nothing proves"},
		{"a server is stuck with it", withdraw, func(s *scene) { s.servers[1].stuck = true }, "ns2.vendor.example. 192.0.2.2: still with the record"},
		{"a wildcard still has it", withdraw, func(s *scene) { s.wildcard = []Record{ours} }, "a wildcard still answers with the record"},
		{"the zone is not signed", withdraw, func(s *scene) { s.security = dnssec.Insecure }, "every server says so, and the zone is not signed"},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scene := func() *scene {
					if slices.Contains([]string{"a server is stuck with it", "a wildcard still has it", "the zone is not signed"}, tc.claim) {
						return newScene(ours)
					}
					return newScene()
				}
				if _, err := tc.do(scene().publisher(t), t.Context(), []Entry{entry(ours)}); err != nil {
					t.Fatalf("as it should be: %v", err)
				}
				s := scene()
				tc.flip(s)
				r, err := tc.do(s.publisher(t), t.Context(), []Entry{entry(ours)})
				var e *Error
				if !errors.As(err, &e) || e.Kind != NotProven || r.Proven() || !strings.Contains(e.What, tc.why) || r.Sets[0].Why == "" {
					t.Errorf("%v\n%+v", err, r)
				}
				if !r.Written() {
					t.Error("written, and not said so")
				}
			})
		})
	}
}

// TestRefused holds what keeps a record from being written at all, and what does not
// keep one from being withdrawn.
func TestRefused(t *testing.T) {
	cases := []struct {
		claim string
		flip  func(*scene)
		kind  Kind
		allow func(*Config) // the setting that lets it through all the same; nil: none does
	}{
		{"the zone is not signed", func(s *scene) { s.security = dnssec.Insecure }, Unsigned, func(c *Config) { c.Insecure = true }},
		{"cnf is delegated", func(s *scene) { s.apex = "cnf.vendor.example." }, Cut, func(c *Config) { c.Delegated = true }},
		{"the world sees an alias", func(s *scene) { s.alias = "elsewhere.example." }, Alias, nil},
		{"the place has an alias", func(s *scene) { s.sets[owner] = Set{Name: owner, Alias: "elsewhere.example."} }, Alias, nil},
		{"the place cannot be read", func(s *scene) {
			s.failRead = func(int) error { return &Error{Kind: Refused, What: "refused"} }
		}, Refused, nil},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene()
				tc.flip(s)
				r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
				var e *Error
				if !errors.As(err, &e) || e.Kind != tc.kind || r.Written() || s.writes != 0 {
					t.Errorf("%v, %d writes, %+v", err, s.writes, r)
				}
				if tc.allow == nil {
					return
				}
				if r, err := s.publisher(t, tc.allow).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
					t.Errorf("allowed: %v, %+v", err, r)
				}
			})
		})
	}
	for claim, flip := range map[string]func(*scene){
		"unsigned":  func(s *scene) { s.security = dnssec.Insecure },
		"bogus":     func(s *scene) { s.security = dnssec.Bogus },
		"delegated": func(s *scene) { s.apex = "cnf.vendor.example." },
		"unheard":   func(s *scene) { s.servers[0].silent, s.servers[1].silent = true, true },
	} {
		t.Run("a withdrawal is written whatever the zone is: "+claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(ours, theirs)
				flip(s)
				if r, _ := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); !r.Written() || s.sets[owner].Has(ours) || !s.sets[owner].Has(theirs) {
					t.Errorf("%+v, %v", r, s.sets[owner])
				}
			})
		})
	}
	t.Run("the underscore form may be delegated", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene()
			s.apex = "_jwk_cnf.vendor.example."
			e := entry(ours)
			e.Name, e.Form = "_jwk_cnf.vendor.example.", "underscore"
			if r, err := s.publisher(t).Publish(t.Context(), []Entry{e}); err != nil || !r.Proven() {
				t.Errorf("%v, %+v", err, r)
			}
		})
	})
}

func TestTTLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		least := func(c *Config) { c.Target.Limits.MinTTL = time.Hour }
		if _, err := s.publisher(t, least).Publish(t.Context(), []Entry{entry(ours)}); err != nil || s.sets[owner].TTL != time.Hour || !s.said(Warning, "takes no TTL under 1h0m0s") {
			t.Errorf("%v, %v, %v", err, s.sets[owner], s.events)
		}
		s = newScene(theirs)
		short := func(c *Config) { c.TTL = 10 * time.Second }
		if _, err := s.publisher(t, short).Publish(t.Context(), []Entry{entry(ours)}); err != nil || s.sets[owner].TTL != 300*time.Second || !s.said(Warning, "have a TTL of 5m0s") {
			t.Errorf("%v, %v, %v", err, s.sets[owner], s.events)
		}
	})
	for _, ttl := range []time.Duration{-1, 1500 * time.Millisecond, 25 * time.Hour} {
		s := newScene()
		if _, err := New(Config{Target: Target{Zone: s.place}, World: s, Now: time.Now, TTL: ttl}); err == nil {
			t.Errorf("a TTL of %v is taken", ttl)
		}
	}
}
