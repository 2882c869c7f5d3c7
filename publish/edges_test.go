package publish

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

func TestEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs)
		other := entry(recordWith(7))
		for claim, entries := range map[string][]Entry{"none": nil, "one without a record": {{Name: owner, Domain: domain}},
			"one without a name": {{Domain: domain, Record: ours}}, "one that is too long": {{Name: strings.Repeat("a.", 200), Domain: domain, Record: ours}}} {
			if r, err := s.publisher(t).Publish(t.Context(), entries); err == nil || s.writes != 0 {
				t.Errorf("%s: %v, %v", claim, r, err)
			}
		}
		r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours), other, entry(ours)})
		if err != nil || len(r.Sets) != 2 || s.writes != 2 || !slices.Equal(s.sets[owner].Records, []Record{theirs, ours, other.Record}) {
			t.Errorf("two keys at one name: %v, %+v, %v", err, r, s.sets[owner])
		}
		changes, err := s.publisher(t).PlanWithdrawAll(t.Context(), []Entry{entry(ours), other})
		if err != nil || len(changes) != 1 || len(changes[0].Removed()) != 3 || s.writes != 2 {
			t.Errorf("%v, %v", changes, err)
		}
		changes, err = s.publisher(t).PlanWithdraw(t.Context(), []Entry{entry(ours), other})
		if err != nil || len(changes) != 2 || len(changes[1].Before.Records) != 2 || !slices.Equal(changes[1].After.Records, []Record{theirs}) {
			t.Errorf("%v, %v", changes, err)
		}
		if changes, err := s.publisher(t).PlanPublish(t.Context(), []Entry{entry(ours)}); err != nil || len(changes) != 1 || !changes[0].None() {
			t.Errorf("%v, %v", changes, err)
		}
	})
}

// TestReadBack holds what may stand there after a write that the place made something of.
func TestReadBack(t *testing.T) {
	cases := []struct {
		claim string
		flip  func(*scene)
		kind  Kind
		said  string
	}{
		{"an alias", func(s *scene) {
			s.mangle = func(set Set) Set { set.Alias = "elsewhere.example."; return set }
		}, Mangled, "an alias to elsewhere.example. stands there"},
		{"half of it, and an error", func(s *scene) {
			s.mangle = func(set Set) Set { set.Records = []Record{theirs}; return set }
			s.failAfter = onWrite(0, broken(ServFail))
		}, Mangled, "it lacks 0 0 1 00FF"},
		{"all of it, and the context has ended meanwhile", func(s *scene) {
			ctx := s.ctx
			s.failAfter = func(int) error { s.cancel(); return ctx.Err() }
		}, Stopped, "written: " + owner},
		{"none of it, and the context has ended meanwhile", func(s *scene) {
			s.failBefore = func(int) error { s.cancel(); return &Error{Kind: Stopped, What: "stopped"} }
		}, Stopped, "stopped"},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(theirs, odd)
				s.ctx, s.cancel = context.WithCancel(t.Context())
				defer s.cancel()
				if changes, err := s.publisher(t).PlanPublish(s.ctx, []Entry{entry(ours)}); err != nil || len(changes) != 1 {
					t.Fatal(err)
				}
				tc.flip(s)
				r, err := s.publisher(t).Publish(s.ctx, []Entry{entry(ours)})
				if kindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.said) || r.Proven() {
					t.Errorf("%v, %+v", err, r)
				}
				if got := s.sets[owner].Has(ours); got != r.Written() && tc.kind == Stopped {
					t.Errorf("there %t, said %t", got, r.Written())
				}
			})
		})
	}
}

// TestWhatStaysOfAWithdrawal: what could be withdrawn is reported as that, and as nothing else.
func TestWhatStaysOfAWithdrawal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours, theirs)
		s.put(Set{Name: underscored, TTL: time.Minute, Records: []Record{ours}})
		s.failBefore = onWrite(1, broken(Refused))
		r, err := s.publisher(t).Withdraw(t.Context(), both())
		if kindOf(err) != Partial || !strings.Contains(err.Error(), "written: "+owner) || !r.Sets[0].Written || r.Sets[0].Undone || r.Sets[1].Written {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

func TestNobodyToAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() {
			t.Fatal(err)
		}
		s.skipped = true
		r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
		if kindOf(err) != NotProven || !strings.Contains(err.Error(), "no server of the zone could be asked") || r.Sets[0].Served || !r.Sets[0].Servers[0].Skipped {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

func TestNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		r, err := s.publisher(t, func(c *Config) { c.Timeout = -1 }).Publish(t.Context(), []Entry{entry(ours)})
		if kindOf(err) != NotProven || !r.Written() || r.Proven() || !s.sets[owner].Has(ours) {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// signatures are one, over a set of that type with that TTL.
func signatures(rrtype uint16, ttl uint32) dnssec.Records {
	return dnssec.PackRecords([]dns.RR{&dns.RRSIG{
		Hdr:         dns.RR_Header{Name: owner, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 7},
		TypeCovered: rrtype, OrigTtl: ttl, SignerName: domain + ".", Signature: "AAAA",
	}})
}

// TestHowLongCachesHold holds what the report says of caches to what servers said before.
func TestHowLongCachesHold(t *testing.T) {
	cases := []struct {
		claim string
		had   []Record
		flip  func(*scene)
		want  time.Duration
	}{
		{"an absence, for the SOA's MINIMUM", nil, func(*scene) {}, 60 * time.Second},
		{"an absence, for the SOA's TTL where that is less", nil, func(s *scene) {
			s.before = func(a *dnssec.Answer) { a.AnswerSection = signatures(dns.TypeSOA, 20) }
		}, 20 * time.Second},
		{"an absence, for MINIMUM where the SOA's TTL is more", nil, func(s *scene) {
			s.before = func(a *dnssec.Answer) { a.AnswerSection = signatures(dns.TypeSOA, 900) }
		}, 60 * time.Second},
		{"an absence, whatever other signatures stand beside the SOA's", nil, func(s *scene) {
			s.before = func(a *dnssec.Answer) { a.AnswerSection = signatures(dns.TypeNS, 20) }
		}, 60 * time.Second},
		{"an absence in a zone whose SOA is not had", nil, func(s *scene) {
			s.before = func(a *dnssec.Answer) {
				if a.Name == domain+"." {
					a.Kind = dnssec.NoAnswer
				}
			}
		}, unknownNegative},
		{"an absence in a zone that nobody can tell", nil, func(s *scene) { s.apex = "" }, unknownNegative},
		{"a set, for its TTL", []Record{theirs}, func(*scene) {}, 300 * time.Second},
		{"a set that was served with a longer TTL than the place has", []Record{theirs}, func(s *scene) {
			s.signed = signatures(dns.TypeTLSA, 900)
		}, 900 * time.Second},
		{"what somebody else has put there since it was read", nil, func(s *scene) {
			s.meanwhile = func(n int) {
				if n == 0 {
					s.put(Set{Name: owner, TTL: 700 * time.Second, Records: []Record{theirs}})
				}
			}
		}, 700 * time.Second},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(tc.had...)
				tc.flip(s)
				r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
				if err != nil || r.Sets[0].Before != tc.want || !r.Until.Equal(time.Now().Add(tc.want)) {
					t.Errorf("%v: %v until %v", err, r.Sets[0].Before, r.Until)
				}
			})
		})
	}
}

// TestPlainNames: a name that the place cannot have is told before any other is written.
func TestPlainNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := entry(ours)
		odd.Name, odd.Method = "x5t#s256.cnf.vendor.example.", "x5t#S256"
		s := newScene()
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours), odd}); err != nil || !r.Proven() {
			t.Fatal(err)
		}
		s = newScene()
		plain := func(c *Config) { c.Target.Limits.PlainNames = true }
		if _, err := s.publisher(t, plain).Publish(t.Context(), []Entry{entry(ours), odd}); kindOf(err) != Unsupported || s.writes != 0 {
			t.Errorf("%v, %d writes", err, s.writes)
		}
		if r, err := s.publisher(t, plain).Publish(t.Context(), both()); err != nil || !r.Proven() {
			t.Error(err)
		}
	})
}

// TestUntilOfSeveral: nobody knows until when while one of the sets is not served.
func TestUntilOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.put(Set{Name: underscored, TTL: 2 * time.Minute, Records: []Record{ours}})
		if r, err := s.publisher(t).Withdraw(t.Context(), both()); err != nil || !r.Until.Equal(time.Now().Add(300*time.Second)) {
			t.Errorf("%v, %v", err, r.Until)
		}
		s = newScene(ours)
		s.put(Set{Name: underscored, TTL: 2 * time.Minute, Records: []Record{ours}})
		s.each = func(e *dnssec.Each) {
			if e.Hops[0].Name == underscored {
				e.Hops[0].Servers[1].Answer, e.Differ = nil, true
			}
		}
		if r, err := s.publisher(t).Withdraw(t.Context(), both()); kindOf(err) != NotProven || !r.Until.IsZero() || r.Sets[0].Until.IsZero() {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestTTLOfAnotherMind: a place that makes something else of the TTL is told of.
func TestTTLOfAnotherMind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.mangle = func(set Set) Set { set.TTL = 24 * time.Hour; return set }
		r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
		if err != nil || !s.said(Warning, "the TTL there is 24h0m0s") || r.Sets[0].Change.After.TTL != 24*time.Hour {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestWarnings: what does not stand in the way is told before anything is written.
func TestWarnings(t *testing.T) {
	for part, flip := range map[string]func(*scene, *Config){
		"does not sign zones":   func(_ *scene, c *Config) { c.Target.Limits.CannotSign = true },
		"takes no precondition": func(_ *scene, c *Config) { c.Target.Limits.Unguarded = true },
		"what is there now is bogus": func(s *scene, c *Config) {
			s.security, c.Timeout = dnssec.Bogus, time.Second
		},
		"questions go to forwarders": func(s *scene, c *Config) { s.away, c.Timeout = true, time.Second },
	} {
		t.Run(part, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene()
				if _, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || s.said(Warning, part) {
					t.Fatalf("%v, %v", err, s.events)
				}
				s = newScene()
				s.publisher(t, func(c *Config) { flip(s, c) }).Publish(t.Context(), []Entry{entry(ours)})
				warned := slices.IndexFunc(s.events, func(e Event) bool { return e.Step == Warning && strings.Contains(e.Text, part) })
				wrote := slices.IndexFunc(s.events, func(e Event) bool { return e.Step == Writing })
				if warned < 0 || wrote < warned {
					t.Errorf("%v", s.events)
				}
			})
		})
	}
	t.Run("a zone under a negative trust anchor is as one that is not signed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene()
			s.overridden = true
			if _, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); kindOf(err) != Unsigned || s.writes != 0 {
				t.Errorf("%v", err)
			}
		})
	})
}
