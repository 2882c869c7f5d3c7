package resolver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// bubble runs a test against a lab in a bubble, where time costs nothing.
func bubble(t *testing.T, sites []site, f func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newLab(t, sites...)) })
}

func noCache(maxAge time.Duration) dnssec.Question {
	return dnssec.Question{Type: dns.TypeTLSA, Bounded: true, MaxAge: maxAge}
}

// longerSOA has the zone's SOA say that absences hold for longer.
func longerSOA(r *dns.Msg) {
	for _, rr := range r.Ns {
		if s, ok := rr.(*dns.SOA); ok {
			s.Hdr.Ttl, s.Minttl = 3000, 3000
		}
	}
}

// TestKept: how long each kind of answer is believed, to the second.
func TestKept(t *testing.T) {
	both := []string{vendorAt, vendor2At}
	records := `
jwk.cnf 30 TLSA 255 255 255 ` + key + `
long 9000 TLSA 255 255 255 ` + key + `
zero 0 TLSA 255 255 255 ` + key + `
txt 9000 TXT "x"
hop 50 CNAME long
loop 9000 CNAME pool
pool 9000 CNAME loop
`
	for _, c := range []struct {
		claim  string
		name   string
		rrtype uint16
		lie    func(string, *dns.Msg, *dns.Msg) *dns.Msg
		edit   func(*Config)
		want   time.Duration
	}{
		{claim: "a record for its TTL", name: "jwk.cnf", want: 30 * time.Second},
		{claim: "a confirmation record for 300 s at most", name: "long", want: 300 * time.Second},
		{claim: "or as the operator says", name: "long", edit: func(c *Config) { c.MaxTTL = 100 * time.Second }, want: 100 * time.Second},
		{claim: "another record for an hour at most", name: "txt", rrtype: dns.TypeTXT, want: time.Hour},
		{claim: "a record of TTL 0 not at all", name: "zero", want: 0},
		{claim: "an alias no longer than its hop", name: "hop", want: 50 * time.Second},
		{claim: "an absence for 60 s at most", name: "absent", want: 60 * time.Second},
		{claim: "or as the operator says", name: "absent", edit: func(c *Config) { c.MaxNegativeTTL = 7 * time.Second }, want: 7 * time.Second},
		{claim: "an absent type for 60 s at most", name: "txt", want: 60 * time.Second},
		{claim: "an absence of another type as the zone says", name: "absent", rrtype: dns.TypeTXT, want: 300 * time.Second},
		{claim: "a forgery for 60 s", name: "jwk.cnf", lie: edit(dns.TypeTLSA, stripSignatures), want: 60 * time.Second},
		{claim: "a forgery with TTL 0 for 60 s", name: "zero", lie: edit(dns.TypeTLSA, stripSignatures), want: 60 * time.Second},
		{claim: "a failure no longer than the operator says", name: "jwk.cnf", lie: edit(dns.TypeTLSA, stripSignatures), edit: func(c *Config) { c.MaxNegativeTTL = 7 * time.Second }, want: 7 * time.Second},
		{claim: "silence for 5 s", name: "jwk.cnf", lie: silent, want: 5 * time.Second},
		{claim: "a circle of aliases for 60 s at most", name: "loop", want: 60 * time.Second},
		{claim: "a circle of aliases of another type likewise", name: "loop", rrtype: dns.TypeTXT, want: 60 * time.Second},
		{claim: "a larger TTL on the way is cut to the signed one", name: "jwk.cnf", lie: edit(dns.TypeTLSA, func(r *dns.Msg) {
			for _, rr := range r.Answer {
				rr.Header().Ttl = 200
			}
		}), want: 30 * time.Second},
		{claim: "an unsigned SOA does not lengthen an absence", name: "absent", rrtype: dns.TypeTXT, lie: edit(dns.TypeTXT, func(r *dns.Msg) {
			r.Ns = slices.DeleteFunc(r.Ns, func(rr dns.RR) bool {
				sig, ok := rr.(*dns.RRSIG)
				return ok && sig.TypeCovered == dns.TypeSOA
			})
			longerSOA(r)
		}), want: 0},
		{claim: "a forged SOA makes a forgery of it", name: "absent", rrtype: dns.TypeTXT, lie: edit(dns.TypeTXT, longerSOA), want: 60 * time.Second},
	} {
		t.Run(c.claim+"/"+c.name, func(t *testing.T) {
			bubble(t, tree(site{name: "ttl.example.", at: both, records: records}), func(t *testing.T, l *lab) {
				r := l.resolver(t, func(x *Config) {
					if c.edit != nil {
						c.edit(x)
					}
				})
				name, rrtype := c.name+".ttl.example.", c.rrtype
				if rrtype == 0 {
					rrtype = dns.TypeTLSA
				}
				ask(t, r, "ttl.example.", dns.TypeSOA) // so that the cuts are known
				time.Sleep(time.Second)
				l.lie(c.lie, both...)
				began := time.Now()
				a := ask(t, r, name, rrtype)
				got := a.Until.Sub(a.Fetched)
				if failed(a) {
					got = time.Until(a.Until)
				}
				if got != c.want {
					t.Errorf("believed for %s, want %s: %s %+v", got, c.want, a.Security, a.Trouble)
				}
				if a.Fetched.Before(began) || a.Fetched.After(began) {
					t.Errorf("fetched %s after the question", a.Fetched.Sub(began))
				}
				if c.want == 0 {
					if _, cached := lookup(t, r, dnssec.Question{Type: rrtype}, name); cached {
						t.Error("kept")
					}
					return
				}
				time.Sleep(time.Until(a.Until) - time.Millisecond)
				if _, cached := lookup(t, r, dnssec.Question{Type: rrtype}, name); !cached {
					t.Error("forgotten before its time")
				}
				l.count()
				time.Sleep(time.Millisecond)
				if _, cached := lookup(t, r, dnssec.Question{Type: rrtype}, name); cached || l.count() == 0 && c.name != "loop" { // its aliases are proven, and known for longer
					t.Error("kept past its time")
				}
			})
		})
	}
}

// TestSignatureExpiry: an answer dies with the first signature that it rests on.
func TestSignatureExpiry(t *testing.T) {
	short := &zone.Policy{Since: -time.Hour, For: time.Hour + 20*time.Second}
	bubble(t, tree(site{name: "short.example.", at: []string{otherAt}, policy: withKey(t, short), records: "jwk.cnf 300 TLSA 255 255 255 " + key}), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		for _, name := range []string{"jwk.cnf.short.example.", "absent.short.example."} {
			a := ask(t, r, name, dns.TypeTLSA)
			if a.Security != dnssec.Secure || a.Until.Sub(a.Fetched) > 20*time.Second {
				t.Errorf("%s: %s until %s: %+v", name, a.Security, a.Until.Sub(a.Fetched), a.Trouble)
			}
		}
	})
}

func withKey(t *testing.T, p *zone.Policy) *zone.Policy {
	k, err := zone.NewKey(dns.ED25519, 257, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Keys = []*zone.Key{k}
	return p
}

// TestMaxAge: who bounds the age gets nothing older, a failure excepted.
func TestMaxAge(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, owner, dns.TypeTLSA)
		ask(t, r, "out.vendor.example.", dns.TypeTLSA)
		time.Sleep(10 * time.Second)
		l.count()
		for _, c := range []struct {
			claim  string
			name   string
			q      dnssec.Question
			cached bool
			asks   int
		}{
			{"no bound", owner, dnssec.Question{Type: dns.TypeTLSA}, true, 0},
			{"older than it is", owner, noCache(11 * time.Second), true, 0},
			{"younger than it is", owner, noCache(9 * time.Second), false, 1},
			{"and then it is fresh", owner, noCache(time.Second), true, 0},
			{"an alias is bound with its target", "out.vendor.example.", noCache(5 * time.Second), false, 2},
			{"and then both are fresh", "out.vendor.example.", noCache(time.Second), true, 0},
		} {
			a, cached := lookup(t, r, c.q, c.name)
			if n := l.count(); cached != c.cached || n != c.asks || a.Security != dnssec.Secure {
				t.Errorf("%s: cached %v, %d asked, %s", c.claim, cached, n, a.Security)
			}
		}
		time.Sleep(time.Second)
		if _, cached := lookup(t, r, noCache(0), owner); cached {
			t.Error("no-cache was answered from the cache")
		}
	})
}

// TestAliasIsAsOldAsItsTarget: an alias that was joined with a target from the
// cache is not younger than that.
func TestAliasIsAsOldAsItsTarget(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		target := ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA)
		time.Sleep(30 * time.Second)
		a := ask(t, r, "out.vendor.example.", dns.TypeTLSA)
		if !a.Fetched.Equal(target.Fetched) || !a.Until.Equal(target.Until) {
			t.Errorf("fetched %s and true until %s, its target %s and %s", a.Fetched, a.Until, target.Fetched, target.Until)
		}
		if _, cached := lookup(t, r, noCache(10*time.Second), "out.vendor.example."); cached {
			t.Error("a target of half a minute was given to one who allows ten seconds")
		}
	})
}

// TestFailuresSurviveNoCache: who asks for fresh data cannot have a broken zone
// hammered, and a minute later it is asked anew.
func TestFailuresSurviveNoCache(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		l.lie(edit(dns.TypeTLSA, stripSignatures), vendorAt, vendor2At)
		a := ask(t, r, owner, dns.TypeTLSA)
		if a.Security != dnssec.Bogus {
			t.Fatalf("%s", a.Security)
		}
		l.count()
		for range 50 {
			time.Sleep(time.Second)
			if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Bogus {
				t.Errorf("%s", a.Security)
			}
		}
		if n := l.count(); n > 20 {
			t.Errorf("50 repeats cost %d messages", n)
		}
		l.lie(nil, vendorAt, vendor2At)
		time.Sleep(time.Until(a.Until))
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("after a minute: %s %+v", a.Security, a.Trouble)
		}
	})
}

// TestWithdrawn: a record that is taken away is not Secure for longer than its TTL.
func TestWithdrawn(t *testing.T) {
	bubble(t, tree(site{name: "leaving.example.", at: []string{otherAt}, records: "jwk.cnf 2 TLSA 255 255 255 " + key}), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		const name = "jwk.cnf.leaving.example."
		if a := ask(t, r, name, dns.TypeTLSA); a.Kind != dnssec.Positive {
			t.Fatalf("%+v", a)
		}
		if err := l.zones["leaving.example."].Remove(name, dns.TypeTLSA); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if a := ask(t, r, name, dns.TypeTLSA); a.Kind == dnssec.Positive || a.Security != dnssec.Secure {
			t.Errorf("%s, kind %d", a.Security, a.Kind)
		}
	})
}

func TestDrop(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, owner, dns.TypeTLSA)
		ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA)
		l.count()
		if n := r.Drop("Vendor.Example"); n < 2 {
			t.Errorf("%d entries dropped", n)
		}
		ask(t, r, owner, dns.TypeTLSA)
		if l.count() == 0 {
			t.Error("a dropped name was answered from the cache")
		}
		ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA)
		if n := l.count(); n != 0 {
			t.Errorf("%d messages for a name that was not dropped", n)
		}
		if n := r.Drop("nowhere."); n != 0 {
			t.Errorf("%d entries of a name that nobody asked for", n)
		}
	})
}

// TestDropFollowsAliases: who drops a name wants to know anew what it says, and
// that may stand elsewhere.
func TestDropFollowsAliases(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		const target = "jwk.cnf.vendor.test."
		ask(t, r, "out.vendor.example.", dns.TypeTLSA) // leads to the target
		if _, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, target); !cached {
			t.Fatal("the target is not kept, so that nothing can be shown")
		}
		r.Drop("vendor.example.")
		if _, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, target); cached {
			t.Error("the target was not dropped")
		}
	})
}

// TestDropForgetsBothEnds: a withdrawn record is not answered by way of an alias
// that was kept, whichever end of it is dropped.
func TestDropForgetsBothEnds(t *testing.T) {
	for _, dropped := range []string{"out.vendor.example.", "vendor.example.", "vendor.test.", "jwk.cnf.vendor.test.", "two.vendor.example."} {
		sites := tree()
		sites[3].records += "two 300 CNAME out\ndn 300 DNAME cnf.vendor.test.\n"
		bubble(t, sites, func(t *testing.T, l *lab) {
			r := l.resolver(t)
			if a := ask(t, r, "two.vendor.example.", dns.TypeTLSA); a.Kind != dnssec.Positive || a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			ask(t, r, "out.vendor.example.", dns.TypeTLSA)
			ask(t, r, "jwk.dn.vendor.example.", dns.TypeTLSA)
			if err := l.zones["vendor.test."].Remove("jwk.cnf.vendor.test.", dns.TypeTLSA); err != nil {
				t.Fatal(err)
			}
			r.Drop(dropped)
			if a := ask(t, r, "two.vendor.example.", dns.TypeTLSA); a.Kind == dnssec.Positive {
				t.Errorf("after %s was dropped: %s, kind %d", dropped, a.Security, a.Kind)
			}
			if strings.HasSuffix(dropped, "test.") {
				if a := ask(t, r, "jwk.dn.vendor.example.", dns.TypeTLSA); a.Kind == dnssec.Positive {
					t.Errorf("by way of a DNAME, after %s was dropped: %s, kind %d", dropped, a.Security, a.Kind)
				}
			}
		})
	}
}

// TestDropDuringAWalk: what a walk learnt before a name was dropped is not put
// back after it.
func TestDropDuringAWalk(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "www.vendor.example.", dns.TypeTLSA) // the cuts
		ask(t, r, "www.vendor.test.", dns.TypeTLSA)
		release := make(chan struct{})
		const target = "jwk.cnf.vendor.test."
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Name == target {
				<-release // the answer is made, and on its way
			}
			return r
		}, otherAt)
		done := make(chan struct{})
		go func() {
			defer close(done)
			ask(t, r, "out.vendor.example.", dns.TypeTLSA) // leads to the target
		}()
		time.Sleep(50 * time.Millisecond)
		r.Drop(target)
		close(release)
		<-done
		l.lie(nil, otherAt)
		if _, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, target); cached {
			t.Error("the dropped name is back in the cache")
		}
	})
}

// TestOneFlight: a thousand who ask the same at once cost what one costs.
func TestOneFlight(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "www.example.", dns.TypeTLSA)
		l.count()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
					t.Errorf("%s", a.Security)
				}
			})
		}
		wg.Wait()
		if log := l.log(); len(log) != 3 {
			t.Errorf("%d exchanges\n%s", len(log), strings.Join(log, "\n"))
		}
		for range 1000 {
			wg.Go(func() { lookup(t, r, noCache(0), owner) })
		}
		wg.Wait()
		if n := l.count(); n > 2 {
			t.Errorf("a thousand who want nothing cached cost %d exchanges", n)
		}
	})
}

// TestCallersLeave: a caller whose context ends is let go, and the flight goes
// on for the others.
func TestCallersLeave(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
				t.Errorf("who stayed: %s", a.Security)
			}
		})
		wg.Go(func() {
			name, _ := dnssec.NameOf(owner)
			if a, _, err := r.Lookup(ctx, dnssec.Question{Name: name, Type: dns.TypeTLSA}); err == nil || a != nil {
				t.Errorf("who left: %v %v", a, err)
			}
		})
		wg.Wait()
	})
}

// TestAt: a judgement as of another time leaves no trace.
func TestAt(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		before := r.Stats().Cache.Entries
		q := dnssec.Question{Type: dns.TypeTLSA, At: time.Now().Add(30 * 24 * time.Hour)}
		if a, cached := lookup(t, r, q, owner); a.Security != dnssec.Bogus || a.Trouble.Code != dnssec.CodeExpired || cached {
			t.Errorf("in a month: %s %+v", a.Security, a.Trouble)
		}
		if n := r.Stats().Cache.Entries; n != before {
			t.Errorf("%d entries in the cache", n)
		}
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("now: %s %+v", a.Security, a.Trouble)
		}
		l.count()
		if a, cached := lookup(t, r, q, owner); a.Security != dnssec.Bogus || cached || l.count() == 0 {
			t.Errorf("in a month, after now was cached: %s", a.Security)
		}
	})
}

// TestFailuresOfAWalkStayItsOwn: what failed because one question's time or
// budget was spent says nothing of the names that it met on its way. Else
// whoever has a slow name of his own looked up, with an alias to another's,
// takes that other down.
func TestFailuresOfAWalkStayItsOwn(t *testing.T) {
	slow := site{name: "slow.example.", at: []string{otherAt}, records: "jwk.cnf 300 CNAME hop\nhop 300 CNAME " + owner + "\n"}
	bare := site{name: "bare.vendor.example.", at: []string{vendorAt, vendor2At}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	t.Run("time", func(t *testing.T) {
		for _, left := range []time.Duration{3, 9, 15} {
			bubble(t, tree(slow), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				ask(t, r, "www.slow.example.", dns.TypeTLSA)
				// A server known to be slow is waited for 2 s: two silences, one
				// answer, one silence, and one answer when the 7 s are almost over.
				began, tries := time.Now(), 0
				r.facts.answered(netip.AddrPortFrom(mustAddr(otherAt), 53), 600*time.Second)
				l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
					if q.Question[0].Qtype != dns.TypeTLSA {
						return r
					}
					switch tries++; tries {
					case 1, 2, 4:
						return nil
					case 5:
						time.Sleep(time.Until(began.Add(questionTime - left*time.Millisecond)))
					}
					return r
				}, otherAt)
				a := ask(t, r, "jwk.cnf.slow.example.", dns.TypeTLSA)
				if a.Security == dnssec.Secure || tries != 5 || len(a.AnswerSection) == 0 {
					t.Fatalf("the test does not test: %s after %d tries, %s", a.Security, tries, time.Since(began))
				}
				if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
					t.Errorf("with %d ms left: %s %+v", left, a.Security, a.Trouble)
				}
			})
		}
	})
	t.Run("budget", func(t *testing.T) {
		for left := range 24 {
			bubble(t, tree(slow, bare), func(t *testing.T, l *lab) {
				for _, name := range []string{owner, "jwk.cnf.bare.vendor.example.", "jwk.cnf.absent.vendor.test."} {
					r := l.resolver(t)
					w := r.newWalk(t.Context(), time.Now())
					for range dnssec.MaxSends - left {
						w.budget.Send()
					}
					short := w.answer(name, dns.TypeTLSA, nil)
					if short.Security == dnssec.Bogus {
						t.Errorf("%s with %d messages left: %+v", name, left, short.Trouble)
					}
					want := dnssec.Secure
					if strings.Contains(name, "bare") {
						want = dnssec.Insecure
					}
					if a := ask(t, r, name, dns.TypeTLSA); a.Security != want {
						t.Errorf("%s after %d messages were left: %s %+v", name, left, a.Security, a.Trouble)
					}
				}
			})
		}
	})
}

// TestFailureIsKeptFromItsEnd: a failure that took long to find is kept all the same.
func TestFailureIsKeptFromItsEnd(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		l.lie(silent, vendorAt, vendor2At)
		began := time.Now()
		ask(t, r, owner, dns.TypeTLSA)
		took := time.Since(began)
		l.count()
		for range 4 {
			if _, cached := lookup(t, r, noCache(0), owner); !cached {
				t.Errorf("after %s of silence the failure was not kept", took)
			}
			time.Sleep(time.Second)
		}
		if n := l.count(); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}
