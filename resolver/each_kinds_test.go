package resolver

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// otherDS replaces the DS records of a zone below by one that leads to no key.
func otherDS(ds []dns.RR) []dns.RR {
	rr := dns.Copy(ds[0]).(*dns.DS)
	rr.KeyTag, rr.Digest = 4711, strings.Repeat("00", 32)
	return []dns.RR{rr}
}

// TestEachUnderAnAnchor: where the zone has a trust anchor of its own, what its parent proves of its keys decides
// nothing; to whom it delegates still does.
func TestEachUnderAnAnchor(t *testing.T) {
	for _, c := range []struct {
		claim            string
		anchored, parted bool
		edit             func([]site)
	}{
		{"another DS, and no anchor", false, true, func(s []site) { s[3].ds = otherDS }},
		{"another DS under an anchor", true, false, func(s []site) { s[3].ds = otherDS }},
		{"another server under an anchor", true, true, func(s []site) { s[3].at = append(s[3].at, thirdAt) }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := doubled(t)
				anchors, err := dnssec.ParseAnchors([]string{l.anchor, l.zones["vendor.example."].DS(dns.SHA256)[0].String()})
				if err != nil {
					t.Fatal(err)
				}
				r := l.resolver(t, func(config *Config) {
					if c.anchored {
						config.Anchors = &anchors
					}
				})
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Parents) != 2 {
					t.Fatalf("before: %+v\n%s", e, referred(&e.Hops[0]))
				}
				l.delegates(t, example2At, c.edit)
				e := rollOf(t, r, owner)
				if h := &e.Hops[0]; h.Parted != c.parted || e.Differ != c.parted || (e.Answer.Security == dnssec.Secure) == c.parted {
					t.Errorf("%t %+v\n%s", e.Differ, e.Answer, referred(h))
				}
			})
		})
	}
}

// TestEachUnsigned: servers of an unsigned zone, or of one below an unsigned one, are held to the same; a negative
// trust anchor makes what all of them say worth nothing, and it is not kept.
func TestEachUnsigned(t *testing.T) {
	bare := func(i ...int) []site {
		sites := tree()
		sites[1].at = []string{exampleAt, example2At}
		for _, i := range i {
			sites[i].bare = true
		}
		return sites
	}
	for _, c := range []struct {
		claim      string
		sites      []site
		overridden bool
	}{
		{"the zone is unsigned", bare(3), false},
		{"the zone above is, too", bare(1, 3), false},
		{"a negative anchor covers it", bare(), true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, c.sites...)
				r := l.resolver(t, func(config *Config) {
					if c.overridden {
						config.NegativeAnchors = []NegativeAnchor{{Name: "vendor.example."}}
					}
				})
				alike := func() {
					t.Helper()
					e := rollOf(t, r, owner)
					if h := &e.Hops[0]; e.Differ || e.Answer.Security != dnssec.Insecure || e.Answer.Overridden != c.overridden || len(h.Servers) != 2 || len(h.Parents) != 2 {
						t.Fatalf("%+v\n%s\n%s", e.Answer, referred(h), heard(h))
					}
				}
				alike()
				if _, ok := r.Cached(dnssec.Question{Type: dnssec.TypeTLSA, Name: nameOf(t, owner)}); ok {
					t.Error("it is kept")
				}
				older := newLab(t, c.sites...)
				if err := older.zones["vendor.example."].Remove(owner, dnssec.TypeTLSA); err != nil {
					t.Fatal(err)
				}
				l.on[mustAddr(vendor2At)] = older.on[mustAddr(vendor2At)]
				if e := rollOf(t, r, owner); !e.Differ || !e.Hops[0].Differ || e.Answer.Data != nil {
					t.Errorf("one lacks the record: %+v\n%s", e.Answer, heard(&e.Hops[0]))
				}
				l.on[mustAddr(vendor2At)] = l.on[mustAddr(vendorAt)]
				alike()
				parent := newLab(t, c.sites...).zones["example."]
				if err := parent.Replace(parse(t, ".", "vendor.example. 300 NS ns1.vendor.example.")...); err != nil {
					t.Fatal(err)
				}
				l.on[mustAddr(example2At)]["example."] = parent
				if e := rollOf(t, r, owner); !e.Differ || !e.Hops[0].Parted || e.Answer.Data != nil {
					t.Errorf("one of the parent's delegates to others: %+v\n%s", e.Answer, referred(&e.Hops[0]))
				}
				if err := parent.Remove("vendor.example.", dns.TypeNS); err != nil {
					t.Fatal(err)
				}
				if e := rollOf(t, r, owner); !e.Differ || e.Answer.Security == dnssec.Secure {
					t.Errorf("one of the parent's knows of no such zone: %+v\n%s", e.Answer, referred(&e.Hops[0]))
				}
			})
		})
	}
}

func nameOf(tb testing.TB, name string) dnssec.Name {
	tb.Helper()
	n, ok := dnssec.NameOf(name)
	if !ok {
		tb.Fatal(name)
	}
	return n
}

// TestEachBelowAHiddenZone: the zone that delegates lies on the servers of the one above it, which is the last that is
// referred to. What its copies say is compared, and proven by its own keys.
func TestEachBelowAHiddenZone(t *testing.T) {
	sites := func(ds func([]dns.RR) []dns.RR, at ...string) []site {
		all := tree(
			site{name: "b.example.", at: []string{exampleAt, example2At}},
			site{name: "a.b.example.", at: at, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", ds: ds},
		)
		all[1].at = []string{exampleAt, example2At}
		return all
	}
	const name = "jwk.cnf.a.b.example."
	for _, c := range []struct {
		claim string
		older []site
	}{
		{"another DS", sites(otherDS, otherAt, thirdAt)},
		{"another server", sites(nil, otherAt)},
	} {
		for _, at := range []string{exampleAt, example2At} {
			t.Run(c.claim+" at "+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, sites(nil, otherAt, thirdAt)...)
					r := l.resolver(t)
					e := rollOf(t, r, name)
					if h := &e.Hops[0]; e.Differ || len(e.Answer.Data) != 1 || h.Above != "b.example." || len(h.Parents) != 2 || h.Parents[1].DS == nil {
						t.Fatalf("before: %+v\n%s", e, referred(h))
					}
					l.on[mustAddr(at)]["b.example."] = newLab(t, c.older...).zones["b.example."]
					if e = rollOf(t, r, name); !e.Differ || !e.Hops[0].Parted || e.Answer.Security == dnssec.Secure {
						t.Errorf("%t %+v\n%s", e.Differ, e.Answer, referred(&e.Hops[0]))
					}
				})
			})
		}
	}
}

// TestParentsByIPv6: an address of the parent's servers that this machine has no way to is not told of, where the same
// server was heard at another; where that was all that it has, it is.
func TestParentsByIPv6(t *testing.T) {
	const six = "2001:db8::12"
	for _, c := range []struct {
		claim string
		four  bool // it has another address
		turn  func(*Config)
		want  string // in the end
	}{
		{"with IPv6", true, func(*Config) {}, asEver + "\n" + six + ": " + asEver},
		{"without, and another address", true, func(c *Config) { c.Exchanger = &noSix{c.Exchanger, netip.Addr{}} }, ""},
		{"without, and no other", false, func(c *Config) { c.Exchanger = &noSix{c.Exchanger, netip.Addr{}} }, asEver + "\n" + six + ": nothing, network is unreachable"},
		{"turned off, and no other", false, func(c *Config) { c.NoIPv6 = true }, asEver + "\ninvalid IP: nothing, no address of it can be asked"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := tree()
				glue := "ns2.example. 3600 AAAA " + six + "\n"
				sites[1].records += "@ 3600 NS ns2\n" + glue
				sites[0].records += "example. 3600 NS ns2.example.\n" + glue
				if c.four {
					for i := range 2 {
						sites[i].records += "ns2.example. 3600 A " + example2At + "\n"
					}
				}
				l := newLab(t, sites...)
				l.on[mustAddr(six)], l.on[mustAddr(example2At)] = l.on[mustAddr(exampleAt)], l.on[mustAddr(exampleAt)]
				e := rollOf(t, l.resolver(t, c.turn), owner)
				if got := referred(&e.Hops[0]); e.Differ || len(e.Answer.Data) != 1 || !strings.HasSuffix(got, c.want) || strings.Contains(got, "nothing") != strings.Contains(c.want, "nothing") {
					t.Errorf("%+v\n%s", e.Answer, got)
				}
			})
		})
	}
}

// TestParentElsewhere: a server of the zone above whose name lies in another tree is looked up, and heard like any.
func TestParentElsewhere(t *testing.T) {
	sites := func(ds func([]dns.RR) []dns.RR) []site {
		all := tree(site{name: "host.test.", at: []string{otherAt}, records: "ns 3600 A " + example2At + "\n"})
		all[1].at, all[1].ns = []string{exampleAt, example2At}, []string{"ns1.example.", "ns.host.test."}
		all[1].records = "ns1 3600 A " + exampleAt + "\n"
		all[3].ds = ds
		return all
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, sites(nil)...)
		r := l.resolver(t)
		if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || referred(&e.Hops[0]) != example2At+": "+asEver+"\n"+exampleAt+": "+asEver {
			t.Fatalf("before: %+v\n%s", e, referred(&e.Hops[0]))
		}
		l.on[mustAddr(example2At)]["example."] = newLab(t, sites(otherDS)...).zones["example."]
		if e := rollOf(t, r, owner); !e.Differ || !e.Hops[0].Parted || e.Answer.Data != nil {
			t.Errorf("%+v\n%s", e.Answer, referred(&e.Hops[0]))
		}
	})
}

// TestParentRefersElsewhere: one of the parent's servers delegates a name between the two zones to others.
func TestParentRefersElsewhere(t *testing.T) {
	const name = "jwk.cnf.a.b.example."
	for _, at := range []string{exampleAt, example2At} {
		synctest.Test(t, func(t *testing.T) {
			sites := tree(site{name: "a.b.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"})
			sites[1].at = []string{exampleAt, example2At}
			l := newLab(t, sites...)
			r := l.resolver(t)
			if e := rollOf(t, r, name); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Parents) != 2 {
				t.Fatalf("before: %+v", e)
			}
			sites = tree(site{name: "b.example.", at: []string{evilAt}})
			sites[1].at = []string{exampleAt, example2At}
			l.on[mustAddr(at)]["example."] = newLab(t, sites...).zones["example."]
			e := rollOf(t, r, name)
			if h := &e.Hops[0]; !e.Differ || !h.Parted || e.Answer.Security == dnssec.Secure || !strings.Contains(referred(h), at+": refers to servers of b.example.") {
				t.Errorf("%+v\n%s", e.Answer, referred(h))
			}
		})
	}
}

// TestParentIsAStub: where the zone above is configured, the servers that are configured for it are heard.
func TestParentIsAStub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := doubled(t)
		r := l.resolver(t, func(c *Config) {
			c.Stubs = []Stub{{Zone: "example.", Addresses: []netip.Addr{mustAddr(exampleAt), mustAddr(example2At)}}}
		})
		if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Parents) != 2 {
			t.Fatalf("before: %+v", e)
		}
		l.delegates(t, example2At, func(s []site) { s[3].ds = otherDS })
		if e := rollOf(t, r, owner); !e.Differ || !e.Hops[0].Parted || e.Answer.Data != nil {
			t.Errorf("%+v\n%s", e.Answer, referred(&e.Hops[0]))
		}
	})
}
