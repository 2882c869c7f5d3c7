package resolver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// usedZone has a record of each kind with a TTL of 100 s, and many more.
func usedZone() site {
	records := "txt 100 TXT x\njwk.cnf 100 TLSA 255 255 255 " + key + "\nhop 100 CNAME txt\n"
	for i := range 100 {
		records += fmt.Sprintf("t%d 100 TXT x\n", i)
	}
	return site{name: "used.example.", at: []string{otherAt}, records: records}
}

// TestPrefetch: what is asked for in the last tenth of its life is renewed while the
// old answer is given; what is not asked for then goes.
func TestPrefetch(t *testing.T) {
	on := func(c *Config) { c.Prefetch = true }
	both := func(c *Config) { c.Prefetch, c.PrefetchConfirmations = true, true }
	servfail := func(_ string, _, r *dns.Msg) *dns.Msg { r.Rcode, r.Answer = dns.RcodeServerFailure, nil; return r }
	forged := func(_ string, _, r *dns.Msg) *dns.Msg { stripSignatures(r); return r }
	for _, c := range []struct {
		claim   string
		name    string
		rrtype  uint16
		edit    func(*Config)
		at      time.Duration // asked again this long after the first time
		lie     func(string, *dns.Msg, *dns.Msg) *dns.Msg
		renewed bool
		packets int // -1: some
	}{
		{claim: "in the last tenth", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 90 * time.Second, renewed: true, packets: 1},
		{claim: "in the last moment", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 100*time.Second - time.Nanosecond, renewed: true, packets: 1},
		{claim: "before the last tenth", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 89 * time.Second},
		{claim: "an alias with its target", name: "hop", rrtype: dns.TypeTXT, edit: on, at: 95 * time.Second, renewed: true, packets: 2},
		{claim: "an absence", name: "absent", rrtype: dns.TypeTXT, edit: on, at: 290 * time.Second, renewed: true, packets: 1},
		{claim: "a confirmation record is left alone", name: "jwk.cnf", rrtype: dns.TypeTLSA, edit: on, at: 95 * time.Second},
		{claim: "the absence of a confirmation record too", name: "1.8", rrtype: dns.TypeTLSA, edit: on, at: 57 * time.Second},
		{claim: "unless that is set", name: "jwk.cnf", rrtype: dns.TypeTLSA, edit: both, at: 95 * time.Second, renewed: true, packets: 1},
		{claim: "its absence then too", name: "1.8", rrtype: dns.TypeTLSA, edit: both, at: 57 * time.Second, renewed: true, packets: 1},
		{claim: "nothing where it is off", name: "txt", rrtype: dns.TypeTXT, edit: func(*Config) {}, at: 95 * time.Second},
		{claim: "nothing where it is off, confirmations or not", name: "jwk.cnf", rrtype: dns.TypeTLSA, edit: func(c *Config) { c.PrefetchConfirmations = true }, at: 95 * time.Second},
		{claim: "a server that fails takes nothing away", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 90 * time.Second, lie: servfail, packets: -1},
		{claim: "a silent server takes nothing away", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 90 * time.Second, lie: silent, packets: -1},
		{claim: "a forgery takes nothing away", name: "txt", rrtype: dns.TypeTXT, edit: on, at: 90 * time.Second, lie: forged, packets: -1},
		{claim: "a forged target of an alias takes nothing away", name: "hop", rrtype: dns.TypeTXT, edit: on, at: 90 * time.Second, lie: func(n string, q, r *dns.Msg) *dns.Msg {
			if strings.HasPrefix(q.Question[0].Name, "txt.") {
				stripSignatures(r)
			}
			return r
		}, packets: -1},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
				r := l.resolver(t, c.edit)
				ask(t, r, "used.example.", dns.TypeSOA) // so that the cuts are known
				q, name := dnssec.Question{Type: c.rrtype}, c.name+".used.example."
				first, _ := lookup(t, r, q, name)
				if first.Security != dnssec.Secure {
					t.Fatalf("the set-up is wrong: %s %s", first.Security, first.Trouble.Text)
				}
				time.Sleep(time.Until(first.Fetched.Add(c.at)))
				l.count()
				l.lie(c.lie, otherAt)
				for range 100 { // one is enough, and none more is sent
					if a, cached := lookup(t, r, q, name); !cached || a.Until != first.Until {
						t.Fatal("the hit is not the old answer")
					}
				}
				synctest.Wait()
				time.Sleep(min(5*time.Second, time.Until(first.Until)-1))
				synctest.Wait()
				sent := len(l.log())
				if c.packets >= 0 && sent != c.packets || c.packets < 0 && sent == 0 {
					t.Errorf("%d packets, want %d", sent, c.packets)
				}
				if n := r.Stats().Renewed; n != int64(min(1, max(c.packets, -c.packets))) {
					t.Errorf("%d renewals", n)
				}
				if !c.renewed {
					// Not by a question, which would be one in the last tenth.
					if e, ok := r.cache.PeekString(string(answerKey(nil, []byte(name), c.rrtype)), time.Time{}); !ok || e.answer.Until != first.Until {
						t.Error("the old answer is gone")
					}
				}
				time.Sleep(time.Until(first.Until) + time.Second)
				l.lie(nil, otherAt)
				a, cached := lookup(t, r, q, name)
				if cached != c.renewed || a.Security != dnssec.Secure || a.Fetched.Before(first.Fetched.Add(c.at)) {
					t.Errorf("past its end: cached %v, %s, fetched %s later", cached, a.Security, a.Fetched.Sub(first.Fetched))
				}
				r.Close(t.Context())
			})
		})
	}
}

// TestPrefetchOfWhatEndsAllTheSame: a record whose signature expires is not asked for
// again and again towards its end.
func TestPrefetchOfWhatEndsAllTheSame(t *testing.T) {
	short := site{name: "short.example.", at: []string{otherAt}, policy: withKey(t, &zone.Policy{Since: -time.Hour, For: time.Hour + 100*time.Second}), records: "txt 300 TXT x"}
	bubble(t, tree(short), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.Prefetch = true })
		end := ask(t, r, "txt.short.example.", dns.TypeTXT).Until
		for left := 20 * time.Second; left > time.Millisecond; left /= 2 {
			time.Sleep(time.Until(end) - left)
			if a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTXT}, "txt.short.example."); !cached || a.Until.After(end) {
				t.Errorf("%s before its end: cached %v, until %s later", left, cached, a.Until.Sub(end))
			}
		}
		if n := r.Stats().Renewed; n != 1 {
			t.Errorf("%d renewals", n)
		}
		r.Close(t.Context())
	})
}

// TestPrefetchIsBounded: no more than maxAhead at once, whoever asks for how much.
func TestPrefetchIsBounded(t *testing.T) {
	bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.Prefetch = true })
		for i := range 100 {
			ask(t, r, fmt.Sprintf("t%d.used.example.", i), dns.TypeTXT)
		}
		time.Sleep(95 * time.Second)
		l.lie(silent, otherAt)
		for i := range 100 {
			ask(t, r, fmt.Sprintf("t%d.used.example.", i), dns.TypeTXT)
		}
		synctest.Wait()
		if n := r.Stats().Renewed; n != maxAhead {
			t.Errorf("%d renewals at once, want %d", n, maxAhead)
		}
		r.Close(t.Context())
		if n := r.ahead.running; n != 0 {
			t.Errorf("%d renewals outlive the resolver", n)
		}
	})
}

// TestPrefetchRevivesNothing: what is dropped while it is renewed is not kept, and what
// was withdrawn is gone with the renewal.
func TestPrefetchRevivesNothing(t *testing.T) {
	q := dnssec.Question{Type: dns.TypeTXT}
	t.Run("dropped", func(t *testing.T) {
		bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
			r := l.resolver(t, func(c *Config) { c.Prefetch = true })
			ask(t, r, "txt.used.example.", dns.TypeTXT)
			time.Sleep(95 * time.Second)
			lookup(t, r, q, "txt.used.example.")
			synctest.Wait() // the question is under way
			r.Drop("txt.used.example.")
			time.Sleep(time.Second)
			if _, cached := lookup(t, r, q, "txt.used.example."); cached {
				t.Error("it came back")
			}
			r.Close(t.Context())
		})
	})
	t.Run("withdrawn", func(t *testing.T) {
		bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
			r := l.resolver(t, func(c *Config) { c.Prefetch, c.PrefetchConfirmations = true, true })
			q := dnssec.Question{Type: dns.TypeTLSA}
			if a, _ := lookup(t, r, q, "jwk.cnf.used.example."); a.Kind != dnssec.Positive {
				t.Fatal("the set-up is wrong")
			}
			time.Sleep(95 * time.Second)
			if err := l.zones["used.example."].Remove("jwk.cnf.used.example.", dns.TypeTLSA); err != nil {
				t.Fatal(err)
			}
			lookup(t, r, q, "jwk.cnf.used.example.")
			time.Sleep(time.Second)
			if a, cached := lookup(t, r, q, "jwk.cnf.used.example."); !cached || a.Kind == dnssec.Positive || a.Security != dnssec.Secure {
				t.Errorf("cached %v: kind %d, %s", cached, a.Kind, a.Security)
			}
			r.Close(t.Context())
		})
	})
}

// TestPrefetchAndACaller: a caller who wants fresh data while a renewal is under way
// that brings nothing gets what there is, not the renewal's failure to say anything.
func TestPrefetchAndACaller(t *testing.T) {
	bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.Prefetch = true })
		ask(t, r, "txt.used.example.", dns.TypeTXT)
		time.Sleep(95 * time.Second)
		l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { stripSignatures(r); return r }, otherAt)
		lookup(t, r, dnssec.Question{Type: dns.TypeTXT}, "txt.used.example.")
		a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTXT, Bounded: true}, "txt.used.example.")
		if cached || a.Security != dnssec.Bogus {
			t.Errorf("cached %v, %s", cached, a.Security)
		}
		r.Close(t.Context())
	})
	// One who comes when the old answer has just ended waits for the renewal.
	bubble(t, tree(usedZone()), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.Prefetch = true })
		end := ask(t, r, "txt.used.example.", dns.TypeTXT).Until
		time.Sleep(time.Until(end) - time.Millisecond)
		l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { stripSignatures(r); return r }, otherAt)
		q := dnssec.Question{Type: dns.TypeTXT}
		if _, cached := lookup(t, r, q, "txt.used.example."); !cached {
			t.Fatal("the set-up is wrong")
		}
		time.Sleep(time.Millisecond)
		if a, cached := lookup(t, r, q, "txt.used.example."); cached || a.Security != dnssec.Bogus {
			t.Errorf("cached %v, %s", cached, a.Security)
		}
		r.Close(t.Context())
	})
}

// BenchmarkLookupHit is a hit of a confirmation record and of another with prefetch on.
func BenchmarkLookupHit(b *testing.B) {
	for _, rrtype := range []uint16{dns.TypeTLSA, dns.TypeTXT} {
		b.Run(dns.Type(rrtype).String(), func(b *testing.B) {
			l := newLab(b, tree()...)
			r := l.resolver(b, func(c *Config) { c.Prefetch = true })
			q := dnssec.Question{Type: rrtype}
			name := map[uint16]string{dns.TypeTLSA: owner, dns.TypeTXT: "www.vendor.example."}[rrtype]
			lookup(b, r, q, name)
			q.Name, _ = dnssec.NameOf(name)
			b.ReportAllocs()
			for b.Loop() {
				if _, cached, _ := r.Lookup(b.Context(), q); !cached {
					b.Fatal("not a hit")
				}
			}
		})
	}
}
