package resolver

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// TestFreshZoneCostsTwoRoundTrips: a zone that nobody knows yet is asked for its
// keys and for the record at once; an exchange with the lab takes 10 ms.
func TestFreshZoneCostsTwoRoundTrips(t *testing.T) {
	for _, c := range []struct {
		claim, name string
		lie         func(l *lab)
		security    dnssec.Security
		roundTrips  time.Duration
		messages    int
	}{
		{"a record", owner, nil, dnssec.Secure, 2, 3},
		{"an absence", "1.8.vendor.example.", nil, dnssec.Secure, 2, 3},
		{"an alias within the zone", "a.vendor.example.", nil, dnssec.Secure, 3, 4},
		{"a record whose first server says nothing of it", owner, func(l *lab) {
			asked := map[string]bool{}
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeTLSA && !asked["TLSA"] {
					asked["TLSA"] = true
					r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
				}
				return r
			}, vendorAt, vendor2At)
		}, dnssec.Secure, 3, 4},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				ask(t, r, "www.example.", dns.TypeTLSA)
				l.count()
				if c.lie != nil {
					c.lie(l)
				}
				began := time.Now() // of the bubble
				a := ask(t, r, c.name, dns.TypeTLSA)
				took, log := time.Since(began), l.log()
				if a.Security != c.security || took != c.roundTrips*10*time.Millisecond || len(log) != c.messages {
					t.Errorf("%s %s after %s and %d messages, want %s after %d round trips and %d messages\n%s",
						a.Security, a.Trouble.Text, took, len(log), c.security, c.roundTrips, c.messages, strings.Join(log, "\n"))
				}
			})
		})
	}
}

// TestChainCostsARoundTripAZone: from an empty cache a chain of three zones costs three
// round trips, however it begins.
func TestChainCostsARoundTripAZone(t *testing.T) {
	for _, c := range []struct {
		claim string
		begin func(t *testing.T, r *Resolver)
		trips time.Duration
	}{
		{"an empty cache", func(*testing.T, *Resolver) {}, 3},
		{"a root that is known", func(t *testing.T, r *Resolver) {
			if err := r.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		}, 3},
		{"keys that are known too", func(t *testing.T, r *Resolver) { ask(t, r, "www.example.", dns.TypeTLSA) }, 2},
	} {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			c.begin(t, r)
			l.count()
			began := time.Now()
			a := ask(t, r, owner, dns.TypeTLSA)
			if took := time.Since(began); a.Security != dnssec.Secure || took != c.trips*10*time.Millisecond {
				t.Errorf("%s: %s after %s, want %d round trips\n%s", c.claim, a.Security, took, c.trips, strings.Join(l.log(), "\n"))
			}
		})
	}
}

// TestEarlyIsNotBelieved: what comes before the keys proves nothing without them.
func TestEarlyIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		claim string
		keys  func(q, r *dns.Msg) *dns.Msg
		want  dnssec.Security
	}{
		{"the keys come", func(_, r *dns.Msg) *dns.Msg { return r }, dnssec.Secure},
		{"the keys never come", func(_, r *dns.Msg) *dns.Msg { return nil }, dnssec.Indeterminate},
		{"the keys are denied", func(_, r *dns.Msg) *dns.Msg { r.Answer = nil; return r }, dnssec.Bogus},
	} {
		bubble(t, tree(), func(t *testing.T, l *lab) { // which fails where anything is left behind
			r := l.resolver(t)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeDNSKEY {
					return c.keys(q, r)
				}
				return r
			}, vendorAt, vendor2At)
			a := ask(t, r, owner, dns.TypeTLSA)
			if a.Security != c.want || c.want != dnssec.Secure && len(a.Data) > 0 {
				t.Errorf("%s: %s %x %+v", c.claim, a.Security, a.Data, a.Trouble)
			}
		})
	}
}

// TestOneFlightForACut: a thousand names in a zone that nobody knows yet cost its
// delegation and its keys once; where that fails nobody waits for ever.
func TestOneFlightForACut(t *testing.T) {
	thousand := func(t *testing.T, r *Resolver, name string, want dnssec.Security) time.Duration {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if a := ask(t, r, fmt.Sprintf(name, i), dns.TypeTLSA); a.Security != want {
					t.Errorf("%s: %s %s", a.Name, a.Security, a.Trouble.Text)
				}
			})
		}
		wg.Wait()
		return time.Since(began)
	}
	many := site{name: "many.example.", at: []string{otherAt}, records: "*.all 300 TLSA 255 255 255 " + key}
	bubble(t, tree(many), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		// The root twice, example. and many.example. twice each, and the names.
		if took := thousand(t, r, "n%d.all.many.example.", dnssec.Secure); took > 80*time.Millisecond {
			t.Errorf("%s", took)
		}
		structure := map[string]int{}
		for _, line := range l.log() {
			if question := strings.Join(strings.Fields(line)[2:], " "); !strings.Contains(question, ".all.") {
				structure[question]++
			}
		}
		for _, q := range []string{". NS", ". DNSKEY", "example. A", "example. DNSKEY", "many.example. A", "many.example. DNSKEY"} {
			if structure[q] != 1 {
				t.Errorf("%s was asked %d times", q, structure[q])
			}
		}
	})
	bubble(t, tree(many), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		l.lie(silent, otherAt)
		if took := thousand(t, r, "n%d.all.many.example.", dnssec.Indeterminate); took > questionTime {
			t.Errorf("%s", took)
		}
		// An early question is silent as well, and the failure is kept.
		if n := l.count(); n > 1000 {
			t.Errorf("%d messages for a thousand names in a zone whose server is dead", n)
		}
	})
}

// TestWhoLeadsWaitsForNobody: two zones whose servers' names lie in each other's are
// looked up at once, and neither look-up waits for the other to its end.
func TestWhoLeadsWaitsForNobody(t *testing.T) {
	cross := []site{
		{name: "left.example.", at: []string{otherAt}, ns: []string{"ns1.right.test."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nns9 300 A " + otherAt},
		{name: "right.test.", at: []string{evilAt, otherAt}, ns: []string{"ns1.right.test.", "ns9.left.example."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nns1 300 A " + otherAt},
	}
	bubble(t, tree(cross...), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if a := ask(t, r, []string{"jwk.cnf.left.example.", "jwk.cnf.right.test.", "1.8.left.example.", "1.8.right.test."}[i%4], dns.TypeTLSA); a.Security != dnssec.Secure {
					t.Errorf("%s: %s %s", a.Name, a.Security, a.Trouble.Text)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s", took)
		}
	})
}

// TestReferralThatTheParentDisproves: a server refers to a child that its own zone
// proves not to be there; others are asked before the answer is Bogus.
func TestReferralThatTheParentDisproves(t *testing.T) {
	invent := func(_ string, q, r *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype != dns.TypeTLSA {
			return r
		}
		m := new(dns.Msg).SetReply(q)
		m.SetEdns0(1232, true)
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "cnf.vendor.example.", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 3600}, Ns: "ns1.cnf.vendor.example."}}
		m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: "ns1.cnf.vendor.example.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: mustAddr(evilAt).AsSlice()})
		return m
	}
	for _, c := range []struct {
		claim string
		at    []string
		want  dnssec.Security
	}{
		{"nobody", nil, dnssec.Secure},
		{"one of two servers", []string{vendorAt}, dnssec.Secure},
		{"both", []string{vendorAt, vendor2At}, dnssec.Bogus},
	} {
		for range 4 { // whichever server is asked first
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				l.lie(invent, c.at...)
				a := ask(t, r, owner, dns.TypeTLSA)
				if a.Security != c.want || (len(a.Data) == 1) != (c.want == dnssec.Secure) {
					t.Errorf("%s: %s %x %+v", c.claim, a.Security, a.Data, a.Trouble)
				}
				if l.asked(evilAt) && c.want == dnssec.Secure {
					t.Errorf("%s: the invented server was asked", c.claim)
				}
				if said := strings.Contains(a.Trouble.Text, "proves at the same time that it is no delegation"); said != (c.want == dnssec.Bogus) {
					t.Errorf("%s: %s", c.claim, a.Trouble.Text)
				}
			})
		}
	}
}

// TestTwoInventedChildren: a server that invents two children in turn is believed no
// more than one that invents one.
func TestTwoInventedChildren(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		n := 0
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype != dns.TypeTLSA {
				return r
			}
			child := []string{"cnf.vendor.example.", "jwk.cnf.vendor.example."}[n%2]
			n++
			m := new(dns.Msg).SetReply(q)
			m.SetEdns0(1232, true)
			m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: child, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 3600}, Ns: "ns1." + child}}
			return m
		}, vendorAt)
		r.facts.answered(netip.AddrPortFrom(mustAddr(vendorAt), 53), time.Millisecond) // asked first
		a := ask(t, r, owner, dnssec.TypeTLSA)
		log := l.log()
		if a.Security != dnssec.Secure {
			t.Errorf("%s %+v after %d messages", a.Security, a.Trouble, len(log))
		}
	})
}

// TestNewChild: a child that is delegated after its parent was seen to deny it is found,
// though an honest server shows no proof beside its referral.
func TestNewChild(t *testing.T) {
	none := func([]dns.RR) []dns.RR { return nil }
	sub := site{name: "sub.vendor.example.", at: []string{otherAt}, bare: true, ds: none, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	signed := sub
	signed.bare, signed.ds = false, nil
	for _, c := range []struct {
		claim string
		sub   site
		strip bool
		want  dnssec.Security
	}{
		{"insecure, proven", sub, false, dnssec.Insecure},
		{"insecure, proof not shown", sub, true, dnssec.Insecure},
		{"secure, shown", signed, false, dnssec.Secure},
		{"secure, DS not shown", signed, true, dnssec.Secure},
	} {
		for _, warm := range []bool{false, true} {
			t.Run(c.claim, func(t *testing.T) {
				bubble(t, tree(c.sub), func(t *testing.T, l *lab) {
					r := l.resolver(t)
					z := l.zones["vendor.example."]
					if warm { // before the delegation
						ns, ds := z.Records("sub.vendor.example.", dns.TypeNS), z.Records("sub.vendor.example.", dns.TypeDS)
						for _, ty := range []uint16{dns.TypeNS, dns.TypeDS} {
							if len(z.Records("sub.vendor.example.", ty)) > 0 {
								if err := z.Remove("sub.vendor.example.", ty); err != nil {
									t.Fatal(err)
								}
							}
						}
						a := ask(t, r, "jwk.cnf.sub.vendor.example.", dnssec.TypeTLSA)
						t.Logf("before: %s %v", a.Security, a.Kind)
						if err := z.Replace(ns...); err != nil {
							t.Fatal(err)
						}
						if len(ds) > 0 {
							if err := z.Replace(ds...); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(2 * time.Minute)
					}
					if c.strip {
						l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
							if q.Question[0].Qtype != dns.TypeDS && slices.ContainsFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS }) && !r.Authoritative {
								r.Ns = slices.DeleteFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeNS })
							}
							return r
						}, vendorAt, vendor2At)
					}
					l.count()
					a := ask(t, r, "jwk.cnf.sub.vendor.example.", dnssec.TypeTLSA)
					if a.Security != c.want {
						t.Errorf("%s, warm=%v: %s %s\n%s", c.claim, warm, a.Security, a.Trouble.Text, strings.Join(l.log(), "\n"))
					}
				})
			})
		}
	}
}

// TestFollowersOfSilence: a minimised question that two servers do not answer: one
// question finds its answer all the same, and so do many at once.
func TestFollowersOfSilence(t *testing.T) {
	at := []string{"192.0.2.91", "192.0.2.92"}
	slow := site{name: "slow.example.", at: at, records: "*.sub 300 TLSA 255 255 255 " + key}
	for _, n := range []int{1, 10} {
		sub(t, fmt.Sprint(n, " at once"), tree(slow), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			far := func(_ string, _, r *dns.Msg) *dns.Msg { time.Sleep(90 * time.Millisecond); return r } // so they are waited for 400, 800 and 1600 ms
			l.lie(far, at...)
			ask(t, r, "x.slow.example.", dnssec.TypeTLSA)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeA && strings.EqualFold(q.Question[0].Name, "sub.slow.example.") {
					return nil
				}
				return far("", q, r)
			}, at...)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					began := time.Now()
					a := ask(t, r, fmt.Sprintf("n%d.x.sub.slow.example.", i), dnssec.TypeTLSA)
					if a.Security != dnssec.Secure {
						t.Errorf("%d at once: %s after %s: %s", n, a.Security, time.Since(began), a.Trouble.Text)
					} else {
						t.Logf("%d at once: secure after %s", n, time.Since(began))
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestOldCopyAtTheParent: one of the parent's servers holds an old copy of the child, with keys
// that no DS vouches for any more; another refers to the child's own servers.
func TestOldCopyAtTheParent(t *testing.T) {
	const second = "192.0.2.93"
	child := site{name: "sub.wide.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	wide := site{name: "wide.example.", at: []string{vendorAt, second}, records: "x 300 A 192.0.2.1"}
	for _, c := range []struct {
		claim string
		hold  []string // which of the parent's servers
		want  dnssec.Security
	}{
		{"none of them", nil, dnssec.Secure},
		{"the one that is asked first", []string{vendorAt}, dnssec.Secure},
		{"both", []string{vendorAt, second}, dnssec.Bogus},
	} {
		bubble(t, tree(wide, child), func(t *testing.T, l *lab) {
			old, err := zone.NewKey(dns.ED25519, 257, ed25519.NewKeyFromSeed(make([]byte, 32)))
			if err != nil {
				t.Fatal(err)
			}
			copied, err := zone.New("sub.wide.example.", zone.Policy{Keys: []*zone.Key{old}}, parse(t, "sub.wide.example.", "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1\nns1 300 A "+otherAt+"\njwk.cnf 300 TLSA 255 255 255 "+key+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range c.hold {
				l.on[mustAddr(at)]["sub.wide.example."] = copied
			}
			r := l.resolver(t)
			r.facts.answered(netip.AddrPortFrom(mustAddr(vendorAt), 53), time.Millisecond)
			if a := ask(t, r, "jwk.cnf.sub.wide.example.", dns.TypeTLSA); a.Security != c.want {
				t.Errorf("%s: %s %+v\n%s", c.claim, a.Security, a.Trouble, strings.Join(l.log(), "\n"))
			}
		})
	}
}

// TestLossIsNotBogus: where the questions that would show a hidden zone get lost, its answer is
// not known to be Bogus.
func TestLossIsNotBogus(t *testing.T) {
	hid := site{name: "hid.vendor.example.", at: []string{vendorAt, vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	for _, loss := range []bool{false, true} {
		bubble(t, tree(hid), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if loss && q.Question[0].Qtype == dns.TypeDS {
					return nil
				}
				return r
			}, vendorAt, vendor2At)
			a := ask(t, r, "jwk.cnf.hid.vendor.example.", dns.TypeTLSA)
			if lost := a.Security == dnssec.Indeterminate && a.Trouble.Unreachable; lost != loss || !loss && a.Security != dnssec.Secure {
				t.Errorf("loss %v: %s %+v", loss, a.Security, a.Trouble)
			}
		})
	}
}
