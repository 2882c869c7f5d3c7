package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

const (
	forwarderAt  = "203.0.113.53"
	forwarder2At = "203.0.113.54"
)

// forward turns honest, whole forwarders of the lab on and has a resolver ask them.
func (l *lab) forward(at ...string) func(*Config) {
	for _, a := range at {
		l.on[mustAddr(a)] = l.zones
		l.lie(nil, a)
	}
	return func(c *Config) {
		c.Hints = []Hint{{"nobody.", []netip.Addr{mustAddr("198.51.100.1")}}} // asked by mistake only
		for _, a := range at {
			c.Forwarders = append(c.Forwarders, Forwarder{Network: "udp", Address: netip.AddrPortFrom(mustAddr(a), 53)})
		}
	}
}

// recursing makes what an authoritative server says the answer of a resolver.
func recursing(q, r *dns.Msg) *dns.Msg {
	r.Authoritative, r.RecursionAvailable = false, true
	r.RecursionDesired, r.CheckingDisabled = q.RecursionDesired, q.CheckingDisabled
	return r
}

// fetching makes forwarders answer honestly but for an edit; nil is none.
func (l *lab) fetching(edit func(q, r *dns.Msg), at ...string) {
	l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
		r = recursing(q, r)
		if edit != nil {
			edit(q, r)
		}
		return r
	}, at...)
}

// stripped takes every trace of DNSSEC out of a reply, as an old forwarder does.
func stripped(q, r *dns.Msg) {
	for _, section := range []*[]dns.RR{&r.Answer, &r.Ns} {
		*section = slices.DeleteFunc(*section, func(rr dns.RR) bool {
			h := rr.Header()
			return slices.Contains([]uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3}, h.Rrtype)
		})
	}
}

func forwardTree() []site {
	return tree(
		site{name: "alias.test.", at: []string{otherAt}, bare: true, records: "a 300 CNAME jwk.cnf.vendor.example.\nb.c 300 CNAME jwk.cnf.vendor.example.\n", ds: func([]dns.RR) []dns.RR { return nil }},
		site{name: "open.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", ds: func([]dns.RR) []dns.RR { return nil }},
		site{name: "cnf.open.example.", at: []string{evilAt}, bare: true, records: "1.8 300 TLSA 255 255 255 " + key + "\n", ds: func([]dns.RR) []dns.RR { return nil }},
		site{name: "open.test.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", ds: func([]dns.RR) []dns.RR { return nil }},
		site{name: "hidden.vendor.example.", at: []string{vendorAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"},
		site{name: "broken.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", ds: func(ds []dns.RR) []dns.RR {
			ds[0].(*dns.DS).Digest = "00" + ds[0].(*dns.DS).Digest[2:]
			return ds
		}},
		site{name: "late.example.", at: []string{otherAt}, policy: &zone.Policy{Since: -30 * 24 * time.Hour, For: 25 * 24 * time.Hour}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"},
	)
}

// TestForwardedIsJudgedAlike: through a forwarder every name is what it is when its own
// servers are asked, and lies in the same zone.
func TestForwardedIsJudgedAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		walked := l.resolver(t)
		forwarded := l.resolver(t, l.forward(forwarderAt))
		l.fetching(nil, forwarderAt)
		for _, q := range []struct {
			name     string
			rrtype   uint16
			security dnssec.Security
		}{
			{owner, dns.TypeTLSA, dnssec.Secure},
			{"www.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"absent.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"absent.example.", dns.TypeTLSA, dnssec.Secure},
			{"a.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"out.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"x.wild.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"x.wild.vendor.example.", dns.TypeTXT, dnssec.Secure},
			{"jwk.cnf.hidden.vendor.example.", dns.TypeTLSA, dnssec.Secure},
			{"vendor.example.", dns.TypeDS, dnssec.Secure},
			{"vendor.example.", dns.TypeDNSKEY, dnssec.Secure},
			{"open.example.", dns.TypeDS, dnssec.Secure},
			{".", dns.TypeNS, dnssec.Secure},
			{"jwk.cnf.open.example.", dns.TypeTLSA, dnssec.Insecure},
			{"absent.open.example.", dns.TypeTLSA, dnssec.Insecure},
			{"1.8.cnf.open.example.", dns.TypeTLSA, dnssec.Insecure},
			{"jwk.cnf.open.test.", dns.TypeTLSA, dnssec.Insecure},
			{"a.alias.test.", dns.TypeTLSA, dnssec.Insecure},
			{"b.c.alias.test.", dns.TypeTLSA, dnssec.Insecure},
			{"jwk.cnf.broken.example.", dns.TypeTLSA, dnssec.Bogus},
			{"absent.broken.example.", dns.TypeTLSA, dnssec.Bogus},
			{"jwk.cnf.late.example.", dns.TypeTLSA, dnssec.Bogus},
		} {
			want, got := ask(t, walked, q.name, q.rrtype), ask(t, forwarded, q.name, q.rrtype)
			if got.Security != q.security || want.Security != q.security {
				t.Errorf("%s %s: %s walked, %s forwarded, want %s: %+v", q.name, dns.Type(q.rrtype), want.Security, got.Security, q.security, got.Trouble)
			}
			if got.Kind != want.Kind || got.Wildcard != want.Wildcard || got.Zone != want.Zone || got.Trouble.Code != want.Trouble.Code || len(got.Data) != len(want.Data) {
				t.Errorf("%s %s: walked %d %t %s %+v, forwarded %d %t %s %+v", q.name, dns.Type(q.rrtype), want.Kind, want.Wildcard, want.Zone, want.Trouble, got.Kind, got.Wildcard, got.Zone, got.Trouble)
			}
		}
		l.count()
		if a, cached := lookup(t, forwarded, dnssec.Question{Type: dns.TypeTLSA}, owner); !cached || a.Security != dnssec.Secure || l.count() != 0 {
			t.Errorf("the second time: cached %t, %+v", cached, a)
		}
		if a := ask(t, forwarded, "b.absent.example.", dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.NoName || l.count() != 0 {
			t.Errorf("denied before: %+v", a)
		}
		name, _ := dnssec.NameOf(owner)
		_, links, err := forwarded.Explain(t.Context(), dnssec.Question{Name: name, Type: dns.TypeTLSA})
		var chain []string
		for _, link := range links {
			chain = append(chain, link.Zone+" "+link.Security+" "+strings.Join(link.Servers, " "))
		}
		const by = " secure udp://" + forwarderAt + ":53"
		if want := []string{"." + by, "example." + by, "vendor.example." + by}; err != nil || !slices.Equal(chain, want) {
			t.Errorf("the chain is %q, want %q: %v", chain, want, err)
		}
	})
}

// TestOnlyForwardersAreAsked: with a question that asks for recursion, for signatures and for no
// judgement, and whole; a stub's own servers are asked as ever.
func TestOnlyForwardersAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		r := l.resolver(t, l.forward(forwarderAt), func(c *Config) { c.Stubs = []Stub{{"vendor.test.", []netip.Addr{mustAddr(otherAt)}}} })
		l.fetching(func(q, _ *dns.Msg) {
			if o := q.IsEdns0(); !q.RecursionDesired || !q.CheckingDisabled || q.AuthenticatedData || o == nil || !o.Do() || o.UDPSize() != 1232 {
				t.Errorf("a forwarder was asked %s", q)
			}
		}, forwarderAt)
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.RecursionDesired || q.CheckingDisabled {
				t.Errorf("a stub's server was asked %s", q)
			}
			return r
		}, otherAt)
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("%s: %+v", a.Security, a.Trouble)
		}
		for _, line := range l.log() {
			if !strings.HasPrefix(line, forwarderAt+" udp ") {
				t.Errorf("asked: %s", line)
			}
		}
		if a := ask(t, r, "out.vendor.example.", dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.Positive {
			t.Errorf("an alias into a stub: %s: %+v", a.Security, a.Trouble)
		}
		if !l.asked(otherAt) {
			t.Error("the stub's own server was not asked")
		}
	})
}

// TestForwarderStrips: a forwarder that loses DNSSEC makes nothing Insecure, and
// where another is whole the answer comes from there.
func TestForwarderStrips(t *testing.T) {
	for claim, edit := range map[string]func(q, r *dns.Msg){
		"every signature": stripped,
		"that of the record": func(q, r *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeTLSA {
				stripped(q, r)
			}
		},
		"the proof of the delegation": func(q, r *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeDS {
				r.Answer = nil
			}
		},
		"record and delegation": func(q, r *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeTLSA || q.Question[0].Qtype == dns.TypeDS {
				stripped(q, r)
				r.Answer = slices.DeleteFunc(r.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeDS })
			}
		},
		"a bit of the record": func(q, r *dns.Msg) {
			for _, rr := range r.Answer {
				if x, ok := rr.(*dns.TLSA); ok {
					x.Certificate = strings.Repeat("00", 32)
				}
			}
		},
		"the record itself": func(q, r *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeTLSA {
				r.Answer, r.Rcode = nil, dns.RcodeNameError
			}
		},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, forwardTree()...)
				forward := l.forward(forwarderAt)
				l.fetching(nil, forwarderAt)
				if a := ask(t, l.resolver(t, forward), owner, dns.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
					t.Fatalf("whole: %s: %+v", a.Security, a.Trouble)
				}
				l.fetching(edit, forwarderAt)
				if a := ask(t, l.resolver(t, forward), owner, dns.TypeTLSA); a.Security != dnssec.Bogus || len(a.Data) > 0 || a.Trouble.Text == "" {
					t.Errorf("%s, %d records: %+v", a.Security, len(a.Data), a.Trouble)
				}
				forward = l.forward(forwarderAt, forwarder2At)
				l.fetching(edit, forwarderAt)
				l.fetching(nil, forwarder2At)
				if a := ask(t, l.resolver(t, forward), owner, dns.TypeTLSA); a.Security != dnssec.Secure {
					t.Errorf("with a whole one beside it: %s: %+v", a.Security, a.Trouble)
				}
			})
		})
	}
}

// TestForwarderOfNoUse: one that says nothing to the point is passed over for another, and
// where there is none the name is unreachable and the reason is told.
func TestForwarderOfNoUse(t *testing.T) {
	for _, c := range []struct {
		claim string
		lie   func(network string, q, r *dns.Msg) *dns.Msg
		why   string
	}{
		{"silent", silent, "context deadline exceeded"},
		{"not a resolver", func(_ string, q, r *dns.Msg) *dns.Msg { return r }, "does not recurse"},
		{"refuses", func(_ string, q, _ *dns.Msg) *dns.Msg {
			return recursing(q, new(dns.Msg).SetRcode(q, dns.RcodeRefused))
		}, "says REFUSED"},
		{"fails, and says why", func(_ string, q, _ *dns.Msg) *dns.Msg {
			r := recursing(q, new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			r.SetEdns0(1232, true)
			r.IsEdns0().Option = append(r.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNoReachableAuthority, ExtraText: "nobody\x1b there"})
			return r
		}, `says SERVFAIL ("No Reachable Authority: nobody\x1b there")`},
		{"refers", func(_ string, q, _ *dns.Msg) *dns.Msg {
			r := recursing(q, new(dns.Msg).SetReply(q))
			r.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60}, Ns: "ns1."}}
			return r
		}, "refers to others"},
		{"truncates without end", func(_ string, q, r *dns.Msg) *dns.Msg {
			r = recursing(q, r)
			r.Truncated = true
			return r
		}, "truncated over TCP too"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, forwardTree()...)
				forward := l.forward(forwarderAt, forwarder2At)
				l.lie(c.lie, forwarderAt)
				l.fetching(nil, forwarder2At)
				r := l.resolver(t, forward)
				if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
					t.Errorf("with another: %s: %+v", a.Security, a.Trouble)
				}
				if c.claim == "silent" {
					l.count()
					ask(t, r, "www.vendor.example.", dns.TypeTLSA)
					if l.asked(forwarderAt) {
						t.Error("the silent one is asked first again")
					}
				}
				l.lie(c.lie, forwarder2At)
				a := ask(t, l.resolver(t, forward), owner, dns.TypeTLSA)
				if a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || a.Trouble.Code != dnssec.CodeNoReachable || !strings.Contains(a.Trouble.Text, c.why) || !strings.Contains(a.Trouble.Text, "no forwarder answers for . DNSKEY: udp://"+forwarderAt+":53") {
					t.Errorf("alone: %s: %+v", a.Security, a.Trouble)
				}
			})
		})
	}
}

// TestZoneThatIsNotShown: where nothing is signed and no SOA tells whose zone a record is in,
// the owner of a zone delegated below the domain would pass for the domain's own.
func TestZoneThatIsNotShown(t *testing.T) {
	const name = "1.8.cnf.open.example."
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		forward := l.forward(forwarderAt)
		l.fetching(nil, forwarderAt)
		if a := ask(t, l.resolver(t, forward), name, dns.TypeTLSA); a.Security != dnssec.Insecure || a.Zone != "cnf.open.example." || len(a.Data) != 1 {
			t.Fatalf("shown: %s in %s: %+v", a.Security, a.Zone, a.Trouble)
		}
		for claim, edit := range map[string]func(q, r *dns.Msg){
			"no SOA":  func(_, r *dns.Msg) { r.Answer, r.Ns = nil, nil },
			"failure": func(_, r *dns.Msg) { r.Answer, r.Ns, r.Rcode = nil, nil, dns.RcodeServerFailure },
		} {
			l.fetching(func(q, r *dns.Msg) {
				if q.Question[0].Qtype == dns.TypeSOA {
					edit(q, r)
				}
			}, forwarderAt)
			if a := ask(t, l.resolver(t, forward), name, dns.TypeTLSA); a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || len(a.Data) > 0 {
				t.Errorf("%s: %s in %s, %d records: %+v", claim, a.Security, a.Zone, len(a.Data), a.Trouble)
			}
		}
	})
}

func TestForwarderIsOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		l.forward(forwarderAt)
		l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
			r = recursing(q, r)
			r.Truncated = network == "udp"
			return r
		}, forwarderAt)
		at := netip.AddrPortFrom(mustAddr(forwarderAt), 5353)
		for network, want := range map[string]string{"udp": " udp ", "tcp": " tcp "} {
			l.count()
			r := l.resolver(t, func(c *Config) { c.Forwarders = []Forwarder{{Network: network, Address: at}} })
			if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
				t.Errorf("%s: %s: %+v", network, a.Security, a.Trouble)
			}
			for i, line := range l.log() {
				if (network == "tcp" || i == 0) && !strings.Contains(line, want) {
					t.Errorf("%s: %s", network, line)
				}
			}
		}
		for _, f := range []Forwarder{{Network: "quic", Address: at}, {Network: "udp"}, {Network: "tls", Address: netip.AddrPortFrom(mustAddr(forwarderAt), 0)}, {Address: at}} {
			if _, err := New(Config{Now: time.Now, Forwarders: []Forwarder{f}}); err == nil {
				t.Errorf("%+v is taken", f)
			}
		}
	})
}

// parrot is a forwarder that says what a fuzzer says to every question of one type.
type parrot struct {
	*lab
	rrtype uint16
	octets []byte
}

func (p parrot) Exchange(_ context.Context, server netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	wire := p.octets
	if q.Question[0].Qtype != p.rrtype {
		var err error
		if wire, err = recursing(q, serve(p.zones, q)).Pack(); err != nil {
			return nil, err
		}
	}
	m := new(dns.Msg)
	return m, m.Unpack(wire)
}

// FuzzForwarded: whatever a forwarder says, there is no crash, no bound is broken, and nothing
// is Secure but what the zone has signed.
func FuzzForwarded(f *testing.F) {
	l := newLab(f, tree()...)
	types := []uint16{dns.TypeTLSA, dns.TypeDNSKEY, dns.TypeDS}
	replies(f, types, func(q *dns.Msg) []*dns.Msg { return []*dns.Msg{recursing(q, serve(l.zones, q))} })
	f.Fuzz(func(t *testing.T, which uint8, octets []byte) {
		p := parrot{lab: l, rrtype: types[int(which)%len(types)], octets: octets}
		a := onlyWhatIsSigned(t, l.resolver(t, func(c *Config) {
			c.Exchanger, c.Forwarders = p, []Forwarder{{Network: "udp", Address: netip.AddrPortFrom(mustAddr(forwarderAt), 53)}}
		}))
		if a.Security == dnssec.Insecure {
			t.Errorf("a signed name is Insecure: %+v", a)
		}
	})
}

// TestForwarderNamesItself without what may be a secret.
func TestForwarderNamesItself(t *testing.T) {
	f := Forwarder{Network: "https", Name: "dns.example", Address: netip.MustParseAddrPort("192.0.2.1:443"), Path: "/s3cret"}
	if got := fmt.Sprint(f); got != "https://dns.example@192.0.2.1:443" {
		t.Error(got)
	}
}
