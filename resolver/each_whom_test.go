package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

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

// TestEachOfWhomUntold: where a server does not say which servers the zone has, there may be one that nobody has asked.
func TestEachOfWhomUntold(t *testing.T) {
	const third = "192.0.2.33"
	ofServers := func(f func(r *dns.Msg) *dns.Msg) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeNS {
				return f(r)
			}
			return r
		}
	}
	for claim, f := range map[string]func(r *dns.Msg) *dns.Msg{
		"silent":   func(*dns.Msg) *dns.Msg { return nil },
		"unsigned": func(r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r },
		"refused":  func(r *dns.Msg) *dns.Msg { r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil; return r },
		"empty":    func(r *dns.Msg) *dns.Msg { r.Answer = nil; return r },
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := tree()
				sites[3].records += "@ 3600 NS ns3\nns3 3600 A " + third + "\n"
				l := newLab(t, sites...)
				l.on[mustAddr(third)] = l.on[mustAddr(vendorAt)]
				r := l.resolver(t)
				l.lie(ofServers(f), vendor2At)
				if e := rollOf(t, r, owner); len(e.Hops[0].Servers) != 3 {
					t.Fatalf("ns1 tells of the third all the same: %s", heard(&e.Hops[0]))
				}
				l.lie(nil, vendor2At)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Servers) != 3 {
					t.Fatalf("%s", heard(&e.Hops[0]))
				}
				l.lie(silent, third)
				l.lie(ofServers(f), vendorAt, vendor2At)
				if e := rollOf(t, r, owner); e.Answer.Security == dnssec.Secure || len(e.Answer.Data) != 0 {
					t.Errorf("differ: %t, %v\n%s", e.Differ, e.Answer.Security, heard(&e.Hops[0]))
				}
			})
		})
	}
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

// TestEachIPv6Alone: a server that this machine has no way to at any address is one that was not asked.
func TestEachIPv6Alone(t *testing.T) {
	const at = "2001:db8::5"
	for _, c := range []struct {
		claim, addresses string
		turn             func(*Config)
		differ           bool
	}{
		{"with IPv6", "", func(*Config) {}, false},
		{"IPv6 is turned off", "", func(c *Config) { c.NoIPv6 = true }, true},
		{"the machine has none", "", func(c *Config) { c.Exchanger = &noSix{c.Exchanger, netip.Addr{}} }, true},
		{"the machine has none, and the server another's address too", "ns3 3600 A " + vendorAt + "\n", func(c *Config) { c.Exchanger = &noSix{c.Exchanger, netip.Addr{}} }, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := tree()
				sites[3].records += "@ 3600 NS ns3\nns3 3600 AAAA " + at + "\n" + c.addresses
				l := newLab(t, sites...)
				l.on[mustAddr(at)] = l.on[mustAddr(vendorAt)]
				e := rollOf(t, l.resolver(t, c.turn), owner)
				if e.Differ != c.differ || (len(e.Answer.Data) == 1) == c.differ {
					t.Errorf("they differ: %t\n%s", e.Differ, heard(&e.Hops[0]))
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
