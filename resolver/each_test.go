package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// rollOf asks every server, and says how long that took.
func rollOf(tb testing.TB, r *Resolver, name string) *dnssec.Each {
	tb.Helper()
	q := dnssec.Question{Type: dnssec.TypeTLSA}
	q.Name, _ = dnssec.NameOf(name)
	began := time.Now()
	e, err := r.LookupEach(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	if took := time.Since(began); took > eachTime {
		tb.Fatalf("it took %v", took)
	}
	return e
}

// hold gives servers another copy of their zone, signed with the same keys.
func (l *lab) hold(tb testing.TB, s site, at ...string) {
	tb.Helper()
	older := newLab(tb, tree(s)[4:]...)
	for _, a := range at {
		l.on[mustAddr(a)][s.name] = older.zones[s.name]
	}
}

// vendor is the tree's vendor.example with other records.
func vendor(records string) site {
	return site{name: "vendor.example.", at: []string{vendorAt, vendor2At}, records: records}
}

// heard is a hop in short: "ns1.vendor.example. 192.0.2.4: secure 1 record".
func heard(h *dnssec.Hop) string {
	var out []string
	for _, s := range h.Servers {
		said := "nothing, " + s.Trouble.Text
		switch {
		case s.Skipped:
			said = "skipped"
		case s.Answer != nil:
			said = fmt.Sprintf("%s %d", s.Answer.Security, len(s.Answer.Data))
		}
		if s.HasSerial {
			said += fmt.Sprintf(" serial %d", s.Serial)
		}
		out = append(out, fmt.Sprintf("%s %s: %s", s.Name, s.Address, said))
	}
	return strings.Join(out, "\n")
}

// TestServersThatDiffer: what one of two servers does differently is seen, and by whom. Each row is first all
// right, then one thing is turned.
func TestServersThatDiffer(t *testing.T) {
	const same = "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
	unsigned := func(_ string, _, r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r }
	for _, c := range []struct {
		claim string
		turn  func(*testing.T, *lab)
		want  string // of ns2
	}{
		{"it has an older copy, without the record", func(t *testing.T, l *lab) { l.hold(t, vendor("www 300 TXT none\n"), vendor2At) }, "secure 0 serial 1"},
		{"it has another key's record", func(t *testing.T, l *lab) {
			l.hold(t, vendor("jwk.cnf 300 TLSA 255 255 255 "+strings.Repeat("00", 32)+"\n"), vendor2At)
		}, "secure 1 serial 1"},
		{"it has a record more", func(t *testing.T, l *lab) {
			l.hold(t, vendor(same+"jwk.cnf 300 TLSA 255 255 255 "+strings.Repeat("00", 32)+"\n"), vendor2At)
		}, "secure 2 serial 1"},
		{"it has a wildcard in the record's place", func(t *testing.T, l *lab) {
			l.hold(t, vendor("*.cnf 300 TLSA 255 255 255 "+key+"\n"), vendor2At)
		}, "secure 1 serial 1"},
		{"it has an alias in the record's place", func(t *testing.T, l *lab) {
			l.hold(t, vendor("jwk.cnf 300 CNAME www\n"), vendor2At)
		}, "secure 0 serial 1"},
		{"it has lost the signatures", func(_ *testing.T, l *lab) { l.lie(unsigned, vendor2At) }, "bogus 0 serial 1"},
		{"it lies about the record", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				for _, rr := range r.Answer {
					if x, ok := rr.(*dns.TLSA); ok {
						x.Certificate = strings.Repeat("00", 32)
					}
				}
				return r
			}, vendor2At)
		}, "bogus 0 serial 1"},
		{"it is silent", func(_ *testing.T, l *lab) { l.lie(silent, vendor2At) }, "nothing, context deadline exceeded"},
		{"it refuses", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, _, r *dns.Msg) *dns.Msg {
				r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
				return r
			}, vendor2At)
		}, "nothing, says REFUSED"},
		{"it is a cache", func(_ *testing.T, l *lab) { l.lie(unauthoritative, vendor2At) }, "nothing, recurses instead of having authority"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				e := rollOf(t, r, owner)
				if e.Differ || e.Answer.Security != dnssec.Secure || len(e.Answer.Data) != 1 || len(e.Hops) != 1 {
					t.Fatalf("before: %+v", e)
				}
				if got := heard(&e.Hops[0]); got != "ns1.vendor.example. "+vendorAt+": secure 1\nns2.vendor.example. "+vendor2At+": secure 1" {
					t.Fatalf("before: %s", got)
				}
				c.turn(t, l)
				e = rollOf(t, r, owner)
				got := heard(&e.Hops[0])
				if !e.Differ || !e.Hops[0].Differ || e.Answer.Kind != dnssec.NoAnswer || e.Answer.Data != nil || e.Answer.Security == dnssec.Secure {
					t.Errorf("they differ: %t; %+v\n%s", e.Differ, e.Answer, got)
				}
				if !strings.HasSuffix(got, "\nns2.vendor.example. "+vendor2At+": "+c.want) || !strings.Contains(got, vendorAt+": secure 1 serial 1\n") {
					t.Errorf("%s\nns2 is to be %q", got, c.want)
				}
				l.lie(nil, vendor2At)
				l.hold(t, tree()[3], vendorAt, vendor2At)
				if e = rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Errorf("in step again: %s", heard(&e.Hops[0]))
				}
			})
		})
	}
}

// TestServersAlike: what all servers say is the answer, whatever it is; the way in which they say it does not matter.
func TestServersAlike(t *testing.T) {
	two := "jwk.cnf 300 TLSA 255 255 255 " + key + "\njwk.cnf 300 TLSA 255 255 255 " + strings.Repeat("00", 32) + "\n"
	both := []string{vendorAt, vendor2At}
	for _, c := range []struct {
		claim string
		turn  func(*testing.T, *lab)
		want  string
	}{
		{"the order of the records, and their TTL", func(t *testing.T, l *lab) {
			l.hold(t, vendor(two), both...)
			l.lie(func(_ string, _, r *dns.Msg) *dns.Msg {
				slices.Reverse(r.Answer)
				for _, rr := range r.Answer {
					rr.Header().Ttl = 60
				}
				return r
			}, vendor2At)
		}, "secure 2 1m0s"},
		{"all have withdrawn it", func(t *testing.T, l *lab) { l.hold(t, vendor("www 300 TXT none\n"), both...) }, "secure 0 1m0s"},
		{"one proves the absence by NSEC3", func(t *testing.T, l *lab) {
			l.hold(t, vendor("www 300 TXT none\n"), vendorAt)
			s := vendor("other 300 TXT none\n")
			s.policy = &zone.Policy{Denial: zone.NSEC3}
			l.hold(t, s, vendor2At)
		}, "secure 0 1m0s"},
		{"all are bogus", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dnssec.TypeTLSA {
					drop(r, dns.TypeRRSIG)
				}
				return r
			}, both...)
		}, "bogus 0 1m0s"},
		{"all are silent", func(_ *testing.T, l *lab) { l.lie(silent, both...) }, "indeterminate 0 5s unreachable"},
		{"all have more records than anybody needs", func(t *testing.T, l *lab) {
			var b strings.Builder
			for i := range 256 {
				fmt.Fprintf(&b, "jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
			}
			l.hold(t, vendor(b.String()), both...)
		}, "indeterminate 0 5s costly"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Fatalf("before: %+v", e)
				}
				c.turn(t, l)
				e := rollOf(t, r, owner)
				got := fmt.Sprintf("%s %d %v", e.Answer.Security, len(e.Answer.Data), e.Answer.Until.Sub(e.Answer.Fetched).Round(time.Second))
				if e.Answer.Trouble.Unreachable {
					got = fmt.Sprintf("%s %d 5s unreachable", e.Answer.Security, len(e.Answer.Data))
				}
				if e.Answer.Trouble.Budget {
					got = fmt.Sprintf("%s %d 5s costly", e.Answer.Security, len(e.Answer.Data))
				}
				if e.Differ || got != c.want {
					t.Errorf("they differ: %t; %s, want %s\n%s\n%s", e.Differ, got, c.want, e.Answer.Trouble.Text, heard(&e.Hops[0]))
				}
			})
		})
	}
}

// TestEachIsFresh: nothing that was known before is used, be it an answer, an absence or a failure.
func TestEachIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree()...)
		r := l.resolver(t)
		for _, c := range []struct {
			claim   string
			records string
			lie     func(string, *dns.Msg, *dns.Msg) *dns.Msg
			want    int
		}{
			{"published", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", nil, 1},
			{"withdrawn", "www 300 TXT none\n", nil, 0},
			{"bogus", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", func(_ string, _, r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r }, 0},
			{"repaired", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", nil, 1},
		} {
			l.hold(t, vendor(c.records), vendorAt, vendor2At)
			l.lie(c.lie, vendorAt, vendor2At)
			e := rollOf(t, r, owner)
			if secure := e.Answer.Security == dnssec.Secure; secure == (c.lie != nil) || len(e.Answer.Data) != c.want {
				t.Errorf("%s: %v, %d records: %s", c.claim, e.Answer.Security, len(e.Answer.Data), e.Answer.Trouble.Text)
			}
			ask(t, r, owner, dnssec.TypeTLSA) // and now it is known
		}
	})
}

// TestEachAlias: the servers of every zone on the way are asked.
func TestEachAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := tree(site{name: "two.test.", at: []string{"192.0.2.31", "192.0.2.32"}, records: "jwk.cnf 200 TLSA 255 255 255 " + key + "\n"})
		sites[3].records += "far 300 CNAME jwk.cnf.two.test.\nloop 300 CNAME loop2\nloop2 300 CNAME loop\n"
		l := newLab(t, sites...)
		r := l.resolver(t)
		e := rollOf(t, r, "far.vendor.example.")
		if e.Differ || e.Answer.Security != dnssec.Secure || len(e.Answer.Data) != 1 || len(e.Hops) != 2 || e.Answer.Zone != "vendor.example." || e.Answer.Name != "far.vendor.example." {
			t.Fatalf("%+v", e)
		}
		if h := e.Hops[1]; h.Zone != "two.test." || h.Name != "jwk.cnf.two.test." || len(h.Servers) != 2 {
			t.Errorf("%+v", h)
		}
		l.lie(silent, "192.0.2.32")
		if e = rollOf(t, r, "far.vendor.example."); !e.Differ || e.Hops[0].Differ || !e.Hops[1].Differ {
			t.Errorf("the second zone's second server is silent: %+v", e)
		}
		l.lie(nil, "192.0.2.32")
		l.lie(silent, vendor2At)
		if e = rollOf(t, r, "far.vendor.example."); !e.Differ || len(e.Hops) != 1 {
			t.Errorf("the first zone's second server is silent: %+v", e)
		}
		l.lie(nil, vendor2At)
		if e = rollOf(t, r, "loop.vendor.example."); e.Answer.Kind != dnssec.NoAnswer || e.Answer.Security != dnssec.Indeterminate {
			t.Errorf("a circle: %+v", e.Answer)
		}
	})
}

// TestEachOfWhom: the parent's servers and those that the zone names beside them are asked, all at every address.
func TestEachOfWhom(t *testing.T) {
	third := "192.0.2.33"
	more := func(child, parent bool) []site {
		sites := tree()
		if child {
			sites[3].records += "@ 3600 NS ns3\nns3 3600 A " + third + "\n"
		}
		if parent {
			sites[1].records += "vendor.example. 3600 NS ns3.vendor.example.\nns3.vendor.example. 3600 A " + third + "\n"
		}
		return sites
	}
	for _, c := range []struct {
		claim         string
		child, parent bool
	}{{"both name it", true, true}, {"the zone alone", true, false}, {"the parent alone", false, true}} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, more(c.child, c.parent)...)
				l.on[mustAddr(third)] = l.on[mustAddr(vendorAt)]
				r := l.resolver(t)
				e := rollOf(t, r, owner)
				if e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Servers) != 3 {
					t.Fatalf("%s", heard(&e.Hops[0]))
				}
				l.lie(silent, third)
				if e = rollOf(t, r, owner); !e.Differ {
					t.Errorf("the third is silent: %s", heard(&e.Hops[0]))
				}
			})
		})
	}
	t.Run("a second address of one of them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sites := tree()
			sites[3].records += "ns2 3600 A " + third + "\n"
			l := newLab(t, sites...)
			l.on[mustAddr(third)] = l.on[mustAddr(vendorAt)]
			r := l.resolver(t)
			if e := rollOf(t, r, owner); e.Differ || len(e.Hops[0].Servers) != 3 {
				t.Fatalf("%s", heard(&e.Hops[0]))
			}
			l.lie(silent, third)
			if e := rollOf(t, r, owner); !e.Differ {
				t.Errorf("%s", heard(&e.Hops[0]))
			}
		})
	})
	t.Run("one whose name leads nowhere, and one at a local address", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for at, want := range map[string]string{"": "its name leads to no address", "ns3 3600 A 10.0.0.1\n": "a local address, which is not asked (resolver.allow_local_servers)"} {
				sites := tree()
				sites[3].records += "@ 3600 NS ns3\n" + at
				e := rollOf(t, newLab(t, sites...).resolver(t), owner)
				if got := heard(&e.Hops[0]); !e.Differ || !strings.HasSuffix(got, "nothing, "+want) {
					t.Errorf("%t\n%s", e.Differ, got)
				}
			}
		})
	})
}

// TestEachIPv6: addresses that this machine has no way to are named, and stand against nobody.
func TestEachIPv6(t *testing.T) {
	const at = "2001:db8::5"
	const other = "2001:db8::4"
	lab6 := func(t *testing.T, more string) *lab {
		sites := tree()
		sites[3].records += more + "ns2 3600 AAAA " + at + "\n"
		l := newLab(t, sites...)
		l.on[mustAddr(at)], l.on[mustAddr(other)] = l.on[mustAddr(vendorAt)], l.on[mustAddr(vendorAt)]
		return l
	}
	for _, c := range []struct {
		claim  string
		more   string
		turn   func(*lab, *Config)
		differ bool
		want   string
	}{
		{"with IPv6 it is asked", "", func(*lab, *Config) {}, false, "secure 1"},
		{"with IPv6 it counts", "", func(l *lab, _ *Config) { l.lie(silent, at) }, true, "nothing, context deadline exceeded"},
		{"IPv6 is turned off", "", func(_ *lab, c *Config) { c.NoIPv6 = true }, false, "skipped"},
		{"the machine has none", "", func(_ *lab, c *Config) { c.Exchanger = &noSix{c.Exchanger, netip.Addr{}} }, false, "skipped"},
		{"there is no way to it alone", "ns1 3600 AAAA " + other + "\n", func(_ *lab, c *Config) { c.Exchanger = &noSix{c.Exchanger, mustAddr(other)} }, true,
			"nothing, network is unreachable"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := lab6(t, c.more)
				e := rollOf(t, l.resolver(t, func(config *Config) { c.turn(l, config) }), owner)
				if got := heard(&e.Hops[0]); e.Differ != c.differ || !strings.HasSuffix(got, "ns2.vendor.example. "+at+": "+c.want) {
					t.Errorf("they differ: %t\n%s", e.Differ, got)
				}
			})
		})
	}
}

// TestEachNewAddress: where a server is now counts, and not where it was found before.
func TestEachNewAddress(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if e := rollOf(t, r, owner); e.Differ || len(e.Hops[0].Servers) != 2 {
			t.Fatalf("%s", heard(&e.Hops[0]))
		}
		time.Sleep(time.Second)
		if err := l.zones["vendor.example."].Replace(parse(t, ".", "ns2.vendor.example. 3600 A 192.0.2.77")...); err != nil {
			t.Fatal(err)
		}
		if e := rollOf(t, r, owner); !e.Differ || !strings.Contains(heard(&e.Hops[0]), "ns2.vendor.example. 192.0.2.77: nothing") {
			t.Errorf("%s", heard(&e.Hops[0]))
		}
	})
}

// noSix is an Exchanger on a machine without IPv6.
type noSix struct {
	Exchanger
	but netip.Addr // one that there is a way to all the same
}

func (n *noSix) Exchange(ctx context.Context, to netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	if to.Addr().Is6() && to.Addr() != n.but {
		return nil, fmt.Errorf("connect: %w", syscall.ENETUNREACH)
	}
	return n.Exchanger.Exchange(ctx, to, network, q)
}

// TestEachNotAsked: forwarders stand between us and the servers; a stub's are those that are configured.
func TestEachNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree()...)
		forward := func(c *Config) {
			c.Forwarders = []Forwarder{{Network: "udp", Address: netip.MustParseAddrPort(evilAt + ":53")}}
		}
		e := rollOf(t, l.resolver(t, forward), owner)
		if !e.Forwarded || e.Differ || !e.Answer.Trouble.Unreachable || e.Answer.Security == dnssec.Secure || e.Answer.Data != nil {
			t.Errorf("forwarded: %+v, %+v", e, e.Answer)
		}
		stub := func(c *Config) {
			c.Stubs = []Stub{{Zone: "vendor.example.", Addresses: []netip.Addr{mustAddr(vendorAt)}}}
		}
		l.lie(silent, vendor2At)
		e = rollOf(t, l.resolver(t, stub), owner)
		if got := heard(&e.Hops[0]); e.Differ || got != "vendor.example. "+vendorAt+": secure 1" {
			t.Errorf("a stub: %s", got)
		}
		q := dnssec.Question{Type: dnssec.TypeTLSA, At: time.Now().Add(-time.Hour)}
		q.Name, _ = dnssec.NameOf(owner)
		if e, err := l.resolver(t).LookupEach(t.Context(), q); err != nil || e.Answer.Kind != dnssec.NoAnswer {
			t.Errorf("another time: %+v %v", e, err)
		}
	})
}

// TestEachOnParentsServer: a zone on its parent's servers, which show no referral.
func TestEachOnParentsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(site{name: "sub.vendor.example.", at: []string{vendorAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"})...)
		e := rollOf(t, l.resolver(t), "jwk.cnf.sub.vendor.example.")
		if e.Differ || e.Answer.Security != dnssec.Secure || len(e.Answer.Data) != 1 || e.Hops[0].Zone != "sub.vendor.example." || len(e.Hops[0].Servers) != 1 {
			t.Errorf("half of the parent's: %+v %s", e.Answer, heard(&e.Hops[0]))
		}
		l = newLab(t, tree(site{name: "sub.vendor.example.", at: []string{vendorAt, vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"})...)
		e = rollOf(t, l.resolver(t), "jwk.cnf.sub.vendor.example.")
		if e.Differ || e.Answer.Security != dnssec.Secure || e.Hops[0].Zone != "sub.vendor.example." || len(e.Hops[0].Servers) != 2 {
			t.Errorf("all of the parent's: %+v %s", e.Answer, heard(&e.Hops[0]))
		}
	})
}

// many is the tree with a zone of so many servers with so many addresses each, in the zone itself.
func many(names, addresses int) []site {
	s := site{name: "many.example.", records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
	for i := range names {
		s.at = append(s.at, fmt.Sprintf("198.51.100.%d", i+1))
		for j := range addresses - 1 {
			s.records += fmt.Sprintf("ns%d 3600 A 203.0.113.%d\n", i+1, i*(addresses-1)+j+1)
		}
	}
	return tree(s)
}

// TestEachIsBounded: what a zone has beyond the bounds is not left out of the judgement, and nothing costs more than
// its bound, whatever the servers do.
func TestEachIsBounded(t *testing.T) {
	for _, c := range []struct {
		claim            string
		names, addresses int
		silent           bool
		want             string
	}{
		{"thirteen servers with four addresses are asked", 13, 4, false, ""},
		{"two servers with six addresses are asked", 2, 6, false, ""},
		{"fourteen servers are too many", 14, 1, false, "more than 13 name servers"},
		{"fifty-three addresses are too many", 2, 27, false, "more than 52 addresses"},
		{"fifty-two silent addresses", 13, 4, true, "no server of many.example."},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, many(c.names, c.addresses)...)
				all := l.on[mustAddr("198.51.100.1")]
				for i := range c.names * (c.addresses - 1) {
					l.on[mustAddr(fmt.Sprintf("203.0.113.%d", i+1))] = all
				}
				r := l.resolver(t)
				if c.silent {
					if e := rollOf(t, r, "jwk.cnf.many.example."); e.Differ || len(e.Answer.Data) != 1 {
						t.Fatalf("before: %+v", e.Answer)
					}
					for a := range l.on {
						if a.As4()[0] != 192 {
							l.lie(silent, a.String())
						}
					}
				}
				l.count()
				e := rollOf(t, r, "jwk.cnf.many.example.")
				if n := l.count(); n > maxEachSends || c.want == "" && n < c.names*c.addresses {
					t.Errorf("%d messages", n)
				}
				ok := !e.Differ && e.Answer.Security == dnssec.Secure && len(e.Answer.Data) == 1 && len(e.Hops[0].Servers) == c.names*c.addresses
				if ok != (c.want == "") || !strings.Contains(e.Answer.Trouble.Text, c.want) || e.Answer.Trouble.Budget == (c.silent || c.want == "") {
					t.Errorf("%t %+v\n%s", e.Differ, e.Answer, heard(&e.Hops[0]))
				}
			})
		})
	}
}

// busy is an Exchanger that remembers how many messages were under way at once.
type busy struct {
	Exchanger
	mu        sync.Mutex // guards what follows
	now, most int
}

func (b *busy) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += n
	b.most = max(b.most, b.now)
}

func (b *busy) Exchange(ctx context.Context, to netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	b.count(1)
	defer b.count(-1)
	return b.Exchanger.Exchange(ctx, to, network, q)
}

// TestEachInAll: what the parts of one question send is counted together, eight are sent at a time, and a proof that
// costs too much at one server is not made at the next.
func TestEachInAll(t *testing.T) {
	first, second := many(13, 4)[5], many(13, 4)[5]
	first.records = strings.Replace(first.records, "jwk.cnf 300 TLSA 255 255 255 "+key, "jwk.cnf 300 CNAME jwk.cnf.more.example.", 1)
	second.name = "more.example."
	bubble(t, tree(first, second), func(t *testing.T, l *lab) {
		all := l.on[mustAddr("198.51.100.1")]
		for i := range 39 {
			l.on[mustAddr(fmt.Sprintf("203.0.113.%d", i+1))] = all
		}
		b := &busy{Exchanger: l}
		r := l.resolver(t, func(c *Config) { c.Exchanger = b })
		if e := rollOf(t, r, "jwk.cnf.more.example."); e.Differ || len(e.Answer.Data) != 1 {
			t.Fatalf("one of the two zones: %+v", e.Answer)
		}
		l.count()
		e := rollOf(t, r, "jwk.cnf.many.example.")
		if n := l.count(); n != 256 || !e.Answer.Trouble.Budget || e.Answer.Data != nil || e.Differ {
			t.Errorf("%d messages: %+v", n, e.Answer)
		}
		if b.most > 8 {
			t.Errorf("%d messages at once", b.most)
		}
	})
	bubble(t, tree(), func(t *testing.T, l *lab) {
		var crowd strings.Builder
		for i := range 256 {
			fmt.Fprintf(&crowd, "jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
		}
		c := &roll{r: l.resolver(t), ctx: t.Context(), rrtype: dnssec.TypeTLSA, now: time.Now()}
		c.purse.left.Store(maxEachSends)
		h := &hop{Hop: dnssec.Hop{Name: owner, Zone: "vendor.example."}}
		_, h.at = c.walk().zoneOf(owner, dnssec.TypeTLSA)
		l.hold(t, vendor("cnf 300 NS ns.elsewhere.test.\n"), vendor2At)
		away := &polled{}
		away.Address = mustAddr(vendor2At)
		if c.ask(h, away); away.answered || away.Trouble.Text != "refers to servers of cnf.vendor.example." {
			t.Errorf("it has given the name away: %+v", away)
		}
		l.hold(t, vendor(crowd.String()), vendor2At)
		one, two := &polled{}, &polled{}
		one.Address, two.Address = mustAddr(vendorAt), mustAddr(vendor2At)
		if c.ask(h, one); !one.answered || c.purse.left.Load() <= 0 {
			t.Fatalf("%+v, %d left", one, c.purse.left.Load())
		}
		if c.ask(h, two); two.answered || !two.Trouble.Budget || c.purse.left.Load() > 0 {
			t.Errorf("%+v, %d left", two, c.purse.left.Load())
		}
	})
}

// TestEachTogether: many who ask the same at the same time are served by two rounds at most, and a panic is theirs.
func TestEachTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree()...)
		r := l.resolver(t)
		rollOf(t, r, owner)
		once := l.count()
		rollOf(t, r, owner)
		once = min(once, l.count())
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Errorf("%+v", e)
				}
			})
		}
		all.Wait()
		if n := l.count(); n > 2*once {
			t.Errorf("%d messages for 200 at once, and %d for one", n, once)
		}
		l.lie(func(string, *dns.Msg, *dns.Msg) *dns.Msg { panic("a bug") }, vendor2At)
		q := dnssec.Question{Type: dnssec.TypeTLSA}
		q.Name, _ = dnssec.NameOf(owner)
		if _, err := r.LookupEach(t.Context(), q); err == nil {
			t.Error("a panic is no error")
		}
	})
}

// TestEachAsksTheParent: which servers a zone has is what its parent says now, and not what is remembered of it.
func TestEachAsksTheParent(t *testing.T) {
	for _, c := range []struct {
		claim string
		turn  func(*testing.T, *lab)
		want  string
	}{
		{"nothing", func(*testing.T, *lab) {}, "secure 1"},
		{"it delegates the zone no more", func(t *testing.T, l *lab) {
			for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS} {
				if err := l.zones["example."].Remove("vendor.example.", rrtype); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"ns1.vendor.example.", "ns2.vendor.example."} {
				if err := l.zones["example."].Remove(name, dns.TypeA); err != nil {
					t.Fatal(err)
				}
			}
		}, "secure 0 in example."},
		{"it delegates the zone to others", func(t *testing.T, l *lab) {
			l.on[mustAddr(otherAt)]["vendor.example."] = newLab(t, tree(vendor("www 300 TXT none\n"))[4:]...).zones["vendor.example."]
			for _, name := range []string{"ns1.vendor.example.", "ns2.vendor.example."} {
				if err := l.zones["example."].Replace(parse(t, ".", name+" 300 A "+otherAt)...); err != nil {
					t.Fatal(err)
				}
			}
		}, "differ"},
		{"it has another DS", func(t *testing.T, l *lab) {
			ds := dns.Copy(l.zones["vendor.example."].DS(dns.SHA256)[0]).(*dns.DS)
			ds.Digest = strings.Repeat("00", 32)
			if err := l.zones["example."].Replace(ds); err != nil {
				t.Fatal(err)
			}
		}, "bogus 0"},
		{"it says nothing", func(_ *testing.T, l *lab) { l.lie(silent, exampleAt) }, "indeterminate 0 unreachable"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Fatalf("before: %+v", e)
				}
				time.Sleep(time.Second)
				c.turn(t, l)
				e := rollOf(t, r, owner)
				got := fmt.Sprintf("%s %d", e.Answer.Security, len(e.Answer.Data))
				switch {
				case e.Differ:
					got = "differ"
				case e.Answer.Trouble.Unreachable:
					got += " unreachable"
				case e.Answer.Zone != "vendor.example.":
					got += " in " + e.Answer.Zone
				}
				if got != c.want {
					t.Errorf("%s, want %s: %s", got, c.want, e.Answer.Trouble.Text)
				}
			})
		})
	}
}
