package resolver

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestChainAgeFailsAlone: what cannot be proven with a young chain is as true as before to those who are content with an older one.
func TestChainAgeFailsAlone(t *testing.T) {
	const owner, missing, alias = "jwk.cnf.lasting.example.", "no.cnf.lasting.example.", "jwk.cnf.alias.example."
	noKeys := func(_ string, q, r *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeDNSKEY {
			return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		}
		return r
	}
	for _, c := range []struct {
		claim, at string
		lie       func(string, *dns.Msg, *dns.Msg) *dns.Msg
		want      dnssec.Security
		until     time.Duration
	}{
		{"the root is silent", rootAt, silent, dnssec.Indeterminate, unreachable},
		{"the zone above is silent", exampleAt, silent, dnssec.Indeterminate, unreachable},
		{"the keys of the zone above have no signature", exampleAt, edit(dns.TypeDNSKEY, stripSignatures), dnssec.Bogus, maxFailureTTL},
		{"the keys of the zone have no signature", otherAt, edit(dns.TypeDNSKEY, stripSignatures), dnssec.Bogus, maxFailureTTL},
		{"the zone's servers do not give its keys", otherAt, noKeys, dnssec.Indeterminate, unreachable},
	} {
		for _, name := range []string{owner, alias} {
			sub(t, c.claim+", "+name, lasting(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				for _, n := range []string{owner, alias} {
					if a := rooted(t, r, n); a.Security != dnssec.Secure {
						t.Fatalf("%s %+v", a.Security, a.Trouble)
					}
				}
				time.Sleep(10 * time.Minute)
				l.lie(c.lie, c.at)
				if a := rooted(t, r, name); a.Security != c.want {
					t.Fatalf("%s %+v", a.Security, a.Trouble)
				}
				for _, n := range []string{owner, missing} {
					if a := ask(t, r, n, dnssec.TypeTLSA); a.Security != dnssec.Secure {
						t.Errorf("others are told that %s is %s: %s", n, a.Security, a.Trouble.Text)
					}
				}
				if c.at != exampleAt && c.at != rootAt {
					return // whom others ask for a zone that they do not know
				}
				l.count()
				for i := range 20 {
					if a := rooted(t, r, fmt.Sprintf("jwk.cnf.x%d.lasting.example.", i)); a.Security != c.want {
						t.Errorf("%s %+v", a.Security, a.Trouble)
					}
				}
				if l.asked(c.at) && c.want == dnssec.Indeterminate {
					t.Errorf("a failure that is known is sought again: %q", l.log())
				}
				l.lie(nil, c.at)
				time.Sleep(c.until)
				if a := rooted(t, r, name); a.Security != dnssec.Secure {
					t.Errorf("it does not heal: %s %+v", a.Security, a.Trouble)
				}
			})
		}
	}
}

// TestChainAgeBringsNothingBack: what was withdrawn while it was being asked for stays withdrawn.
func TestChainAgeBringsNothingBack(t *testing.T) {
	const owner, alias = "jwk.cnf.lasting.example.", "jwk.cnf.alias.example."
	for _, c := range []struct {
		claim, name string
		q           dnssec.Question
	}{
		{"no bound", owner, noCache(0)},
		{"a bound", owner, dnssec.Question{Type: dnssec.TypeTLSA, ChainAge: time.Hour}},
		{"no bound, through an alias", alias, noCache(0)},
		{"a bound, through an alias", alias, dnssec.Question{Type: dnssec.TypeTLSA, ChainAge: time.Hour}},
	} {
		sub(t, c.claim, lasting(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			for _, n := range []string{owner, alias} {
				if a := ask(t, r, n, dnssec.TypeTLSA); a.Security != dnssec.Secure {
					t.Fatalf("%s %+v", a.Security, a.Trouble)
				}
			}
			var held atomic.Bool
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dnssec.TypeTLSA && !held.Swap(true) {
					time.Sleep(300 * time.Millisecond)
				}
				return r
			}, otherAt)
			var other sync.WaitGroup
			other.Go(func() {
				if a, _ := lookup(t, r, c.q, c.name); a.Kind != dnssec.Positive {
					t.Errorf("the set-up is wrong: it was withdrawn too early: %+v", a.Trouble)
				}
			})
			time.Sleep(100 * time.Millisecond)
			if err := l.zones["lasting.example."].Remove(owner, dnssec.TypeTLSA); err != nil {
				t.Fatal(err)
			}
			q := dnssec.Question{Type: dnssec.TypeTLSA}
			q.Name, _ = dnssec.NameOf(owner)
			if e, err := r.LookupEach(t.Context(), q); err != nil || e.Answer.Kind == dnssec.Positive || e.Answer.Security != dnssec.Secure {
				t.Fatalf("%v %+v", err, e.Answer)
			}
			other.Wait()
			if a := ask(t, r, owner, dnssec.TypeTLSA); a.Kind == dnssec.Positive {
				t.Error("a key that every server denied is there again")
			}
		})
	}
}

// TestChainAgeOfAStub: a zone whose servers are configured is vouched for by the tree, and is no younger than what says so.
func TestChainAgeOfAStub(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		const owner = "jwk.cnf.lasting.example."
		r := l.resolver(t, func(c *Config) {
			c.Stubs = []Stub{{Zone: "lasting.example.", Addresses: []netip.Addr{mustAddr(otherAt)}}}
		})
		if a := rooted(t, r, "jwk.cnf.vendor.example."); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		if err := l.zones["."].Remove("example.", dns.TypeDS); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("the set-up is wrong: others are told %s", a.Security)
		}
		if a := rooted(t, r, owner); a.Security != dnssec.Insecure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
	})
}
