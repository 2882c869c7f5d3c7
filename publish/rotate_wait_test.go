package publish

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestRotateWaits holds every wait to the TTL, also where it is cut and gone on with.
func TestRotateWaits(t *testing.T) {
	for _, at := range []Stage{NextPublished, Switched} {
		t.Run(at.String(), func(t *testing.T) {
			left := func(t *testing.T, spend time.Duration, clock func() time.Time) time.Duration {
				var took time.Duration
				synctest.Test(t, func(t *testing.T) {
					c := newChangeover()
					c.comeTo(t, at)
					time.Sleep(spend)
					if c.state(t).Stage != at {
						t.Fatal("not there")
					}
					began := time.Now()
					r, _, err := c.rotate(t, t.Context(), Orders{}, func(conf *Config) {
						if clock != nil {
							conf.Now = clock
						}
					})
					if err != nil || r.Stage != map[Stage]Stage{NextPublished: Spread, Switched: Aged}[at] {
						t.Fatalf("%v, %v", r.Stage, err)
					}
					took = time.Since(began)
				})
				return took
			}
			const whole = 300*time.Second + underway
			if got := left(t, 0, nil); got != whole {
				t.Errorf("at once: %v, want %v", got, whole)
			}
			if got := left(t, 100*time.Second, nil); got != whole-100*time.Second {
				t.Errorf("after 100s: %v, want what is left", got)
			}
			if got := left(t, time.Hour, nil); got != 0 {
				t.Errorf("after an hour: %v, want nothing", got)
			}
			if got := left(t, time.Hour, func() time.Time { return time.Now().Add(-24 * time.Hour) }); got != whole {
				t.Errorf("after an hour, with a clock that went back a day: %v, want %v", got, whole)
			}
			if got := left(t, 100*time.Second, func() time.Time { return time.Now().Add(-50 * time.Second) }); got != whole-50*time.Second {
				t.Errorf("after 100s, with a clock that went back 50s: %v, want as long as the clock says", got)
			}
		})
	}
}

func TestRotateRemembersTheLongestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		c.failSave = func(_ int, r *Rotation) (error, error) {
			if r.Stage == NextPublished && r.Since.IsZero() {
				for _, name := range []string{owner, owner2} { // lowered when it is written: caches hold what they hold
					set := c.sets[name]
					set.TTL = 5 * time.Second
					c.put(set)
				}
			}
			return nil, nil
		}
		began := time.Now()
		if r, _, err := c.rotate(t, t.Context(), Orders{Switch: c.use}); err != nil || r.Stage != Aged || r.TTL != 300*time.Second || time.Since(began) < 640*time.Second {
			t.Errorf("%v, TTL %v after %v, %v", r.Stage, r.TTL, time.Since(began), err)
		}
		c.never(t)
	})
}

// TestRotateGoesByTheServersTTL: a place may not know what TTL its servers give the set.
func TestRotateGoesByTheServersTTL(t *testing.T) {
	signed := func(name string, ttl uint32) dns.RR {
		return &dns.RRSIG{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}, TypeCovered: dns.TypeTLSA, OrigTtl: ttl, SignerName: domain + "."}
	}
	served := func(name string, ttl uint32) dns.RR {
		return &dns.TLSA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTLSA, Class: dns.ClassINET, Ttl: ttl}, Usage: 255, Certificate: "00"}
	}
	for _, tt := range []struct {
		ttl    uint32
		record func(string, uint32) dns.RR
	}{{60, signed}, {900, signed}, {60, served}, {900, served}} {
		synctest.Test(t, func(t *testing.T) {
			c := newChangeover()
			c.before = func(a *dnssec.Answer) {
				if a.Type == dnssec.TypeTLSA {
					a.AnswerSection = dnssec.PackRecords([]dns.RR{tt.record(a.Name, tt.ttl)})
				}
			}
			want := max(300*time.Second, time.Duration(tt.ttl)*time.Second)
			if r, _, err := c.rotate(t, t.Context(), Orders{}); err != nil || r.TTL != want || !r.Until.Equal(time.Now()) || r.Until.Sub(r.Since) != want+underway {
				t.Errorf("TTL %v, %v to %v, %v", r.TTL, r.Since, r.Until, err)
			}
		})
	}
}

// TestRotateWaitsUntilNoCacheHoldsThatTheSetWasNotThere: nobody can tell how old the set is
// when a rotation begins. Caches that asked before it was made say for the zone's negative
// TTL that nothing is there, which at the switch is an outage.
func TestRotateWaitsUntilNoCacheHoldsThatTheSetWasNotThere(t *testing.T) {
	for _, tt := range []struct {
		claim          string
		negative, want time.Duration
		says           string
	}{
		{"an absence that lasts shorter than the set", time.Minute, 300 * time.Second, "(TTL of the set, 5m0s)"},
		{"an absence that lasts longer", time.Hour, time.Hour, "(absence, 1h0m0s: "},
		{"an absence that no cache should hold so long", 7 * 24 * time.Hour, longestAbsence, "(absence, 3h0m0s: "},
	} {
		for _, cut := range []time.Duration{0, 100 * time.Second} {
			t.Run(fmt.Sprint(tt.claim, ", cut after ", cut), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newChangeover()
					c.servers[1].lag = 0
					c.negative = tt.negative
					began := time.Now()
					plan, err := c.publisher(t).PlanRotate(t.Context(), fresh())
					if err != nil || plan.First != tt.want+underway || plan.Wait != 300*time.Second+underway || !strings.HasPrefix("("+plan.Of+")", tt.says) {
						t.Errorf("%+v, %v", plan, err)
					}
					if cut > 0 {
						ctx, cancel := context.WithTimeout(t.Context(), cut)
						defer cancel()
						if r, _, err := c.rotate(t, ctx, Orders{}); kindOf(err) != Stopped || r.Stage != NextPublished {
							t.Fatalf("%v, %v", r.Stage, err)
						}
					}
					if r, _, err := c.rotate(t, t.Context(), Orders{}); err != nil || r.Stage != Spread {
						t.Fatalf("%v, %v", r.Stage, err)
					}
					if took := time.Since(began); took != tt.want+underway {
						t.Errorf("spread after %v, want %v", took, tt.want+underway)
					}
					if !c.said(Waiting, tt.says) {
						t.Errorf("no %q in %v", tt.says, c.events)
					}
					began = time.Now()
					if r, _, err := c.rotate(t, t.Context(), Orders{Switch: c.use}); err != nil || r.Stage != Aged || time.Since(began) != 300*time.Second+underway {
						t.Errorf("%v after %v, %v", r.Stage, time.Since(began), err)
					}
				})
			})
		}
	}
}

// TestRotateWaitsForAbsence: a server that was seen to have nothing at all may have told
// caches so, which hold that for the zone's negative TTL.
func TestRotateWaitsForAbsence(t *testing.T) {
	for _, negative := range []time.Duration{time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := newChangeover()
			c.negative = negative
			for i := range c.history {
				c.history[i].at = time.Now()
			}
			time.Sleep(time.Minute)
			c.comeTo(t, Spread)
			c.servers[0].stuck = true // in what was before there was anything
			if r, _, err := c.rotate(t, t.Context(), Orders{}); kindOf(err) != NotProven || r.Stage != NextPublished {
				t.Fatalf("%v, %v", r.Stage, err)
			}
			c.servers[0].stuck = false
			began := time.Now()
			if r, _, err := c.rotate(t, t.Context(), Orders{}); err != nil || r.Stage != Spread {
				t.Fatalf("%v, %v", r.Stage, err)
			}
			if took, want := time.Since(began), max(300*time.Second, negative)+underway; took != want {
				t.Errorf("waited %v, want %v", took, want)
			}
		})
	}
}

// TestRotateSeesAServerFallBackInTheMiddleOfAWait: all of the wait begins anew when it has
// caught up.
func TestRotateSeesAServerFallBackInTheMiddleOfAWait(t *testing.T) {
	for _, falls := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newChangeover()
			c.comeTo(t, NextPublished)
			if falls {
				c.later(100*time.Second, func() { c.servers[0].stuck = true })
				c.later(160*time.Second, func() { c.servers[0].stuck = false })
			}
			began := time.Now()
			if r, _, err := c.rotate(t, t.Context(), Orders{}); err != nil || r.Stage != Spread {
				t.Fatalf("%v, %v", r.Stage, err)
			}
			took := time.Since(began)
			if want := 302 * time.Second; !falls && took != want || falls && took < 160*time.Second+want {
				t.Errorf("falls back: %v: waited %v", falls, took)
			}
			if falls != c.said(Warning, "a server was without the new key just now") {
				t.Errorf("%v", c.events)
			}
		})
	}
}

// TestRotateSeesAServerFallBack: one that was without the new key for a moment, before the
// switch or before the old key is retired, has all waited for anew.
func TestRotateSeesAServerFallBack(t *testing.T) {
	for at, o := range map[Stage]Orders{Spread: {}, Aged: {Retire: true}} {
		t.Run(at.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChangeover()
				c.comeTo(t, at)
				began := time.Now()
				if r, _, err := c.rotate(t, t.Context(), Orders{}); err != nil || r.Stage != at || time.Since(began) != 0 {
					t.Fatalf("without trouble: %v after %v, %v", r.Stage, time.Since(began), err)
				}
				c.servers[0].stuck = true
				c.later(30*time.Second, func() { c.servers[0].stuck = false })
				if _, _, err := c.rotate(t, t.Context(), o); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < 330*time.Second {
					t.Errorf("went on after %v", took)
				}
			})
		})
	}
}
