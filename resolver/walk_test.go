package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// edit makes a lie that changes the replies to questions of one type.
func edit(rrtype uint16, f func(r *dns.Msg)) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
	return func(_ string, q, r *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == rrtype {
			f(r)
		}
		return r
	}
}

// drop leaves out records, signatures over their type included.
func drop(r *dns.Msg, rrtype uint16) {
	keep := func(section []dns.RR) []dns.RR {
		var out []dns.RR
		for _, rr := range section {
			sig, ok := rr.(*dns.RRSIG)
			if rr.Header().Rrtype != rrtype && !(ok && sig.TypeCovered == rrtype) {
				out = append(out, rr)
			}
		}
		return out
	}
	r.Answer, r.Ns = keep(r.Answer), keep(r.Ns)
}

func stripSignatures(r *dns.Msg) { drop(r, dns.TypeRRSIG) }

func flipBit(r *dns.Msg) {
	for _, rr := range r.Answer {
		if t, ok := rr.(*dns.TLSA); ok {
			t.Certificate = "00" + t.Certificate[2:]
		}
	}
}

// TestLies tells one lie at a time, at both servers of the zone unless it says
// otherwise, and says what becomes of the answer.
func TestLies(t *testing.T) {
	both := []string{vendorAt, vendor2At}
	rcode := func(code int) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, q, r *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) }
	}
	upward := func(_ string, q, r *dns.Msg) *dns.Msg {
		u := new(dns.Msg).SetReply(q)
		u.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 9}, Ns: "ns1."}}
		return u
	}
	for _, c := range []struct {
		claim string
		name  string // default owner
		lie   func(network string, q, r *dns.Msg) *dns.Msg
		at    []string // default both
		want  dnssec.Security
		kind  dnssec.Kind
		code  uint16
		text  string // a part of the trouble's
	}{
		{claim: "no lie", want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "the signatures are missing", lie: edit(dns.TypeTLSA, stripSignatures), want: dnssec.Bogus, kind: dnssec.Positive, code: 10, text: "no signature"},
		{claim: "the signatures are missing at one server", lie: edit(dns.TypeTLSA, stripSignatures), at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "a bit is flipped", lie: edit(dns.TypeTLSA, flipBit), want: dnssec.Bogus, kind: dnssec.Positive, code: 6},
		{claim: "a bit is flipped at one server", lie: edit(dns.TypeTLSA, flipBit), at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "the record is denied without proof", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { r.Answer, r.Rcode = nil, dns.RcodeNameError }), want: dnssec.Bogus, kind: dnssec.NoName, code: 12},
		{claim: "the record is left out", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { r.Answer = nil }), want: dnssec.Bogus, kind: dnssec.NoData, code: 12},
		{claim: "an absence", name: "jwk.cnf.absent.vendor.example.", want: dnssec.Secure, kind: dnssec.NoName},
		{claim: "an absence without NSEC", name: "jwk.cnf.absent.vendor.example.", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { drop(r, dns.TypeNSEC) }), want: dnssec.Bogus, kind: dnssec.NoName, code: 12},
		{claim: "an absence without NSEC at one server", name: "jwk.cnf.absent.vendor.example.", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { drop(r, dns.TypeNSEC) }), at: both[1:], want: dnssec.Secure, kind: dnssec.NoName},
		{claim: "the zone's keys without signature", lie: edit(dns.TypeDNSKEY, stripSignatures), want: dnssec.Bogus, kind: dnssec.Positive, code: 10, text: "DNSKEY"},
		{claim: "the zone's keys left out", lie: edit(dns.TypeDNSKEY, func(r *dns.Msg) { drop(r, dns.TypeDNSKEY) }), want: dnssec.Bogus, kind: dnssec.Positive, code: 9, text: "no DNSKEY"},
		{claim: "the zone's keys without signature at one server", lie: edit(dns.TypeDNSKEY, stripSignatures), at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "the referral comes without DS", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype != dns.TypeDS {
				drop(r, dns.TypeDS)
			}
			return r
		}, at: []string{exampleAt}, want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "the DS is left out everywhere", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			drop(r, dns.TypeDS)
			return r
		}, at: []string{exampleAt}, want: dnssec.Bogus, kind: dnssec.Positive, code: 12, text: "neither DS"},
		{claim: "the DS comes without signature", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			stripSignatures(r)
			return r
		}, at: []string{exampleAt}, want: dnssec.Bogus, kind: dnssec.Positive, code: 10},
		{claim: "the root's keys are not those of the anchor", lie: edit(dns.TypeDNSKEY, func(r *dns.Msg) {
			for _, rr := range r.Answer {
				if k, ok := rr.(*dns.DNSKEY); ok {
					k.PublicKey = "AAAA" + k.PublicKey[4:]
				}
			}
		}), at: []string{rootAt}, want: dnssec.Bogus, kind: dnssec.Positive, code: 9, text: "trust anchor"},
		{claim: "one server refuses", lie: rcode(dns.RcodeRefused), at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "both refuse", lie: rcode(dns.RcodeRefused), want: dnssec.Indeterminate, code: 22, text: "REFUSED"},
		{claim: "one fails", lie: rcode(dns.RcodeServerFailure), at: both[1:], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "both fail", lie: rcode(dns.RcodeServerFailure), want: dnssec.Indeterminate, code: 22, text: "SERVFAIL"},
		{claim: "one refers upward", lie: upward, at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "both refer upward", lie: upward, want: dnssec.Indeterminate, code: 22, text: "refers upward"},
		{claim: "one is silent", lie: silent, at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "both are silent", lie: silent, want: dnssec.Indeterminate, code: 22, text: "no server of vendor.example. answers"},
		{claim: "the root is silent", lie: silent, at: []string{rootAt}, want: dnssec.Indeterminate, code: 22, text: "no server of . answers"},
		{claim: "the root refuses", lie: rcode(dns.RcodeRefused), at: []string{rootAt}, want: dnssec.Indeterminate, code: 22, text: "REFUSED"},
		{claim: "the keys' question alone is not answered", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeDNSKEY {
				return nil
			}
			return r
		}, want: dnssec.Indeterminate, code: 22, text: "keys of vendor.example."},
		{claim: "one does not know EDNS", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.IsEdns0() != nil {
				return new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
			}
			return r
		}, at: both[:1], want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "authority is denied but the proof holds", lie: func(_ string, q, r *dns.Msg) *dns.Msg {
			r.Authoritative = false
			return r
		}, want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "the answers are long", lie: func(network string, q, r *dns.Msg) *dns.Msg {
			if network == "udp" && q.Question[0].Qtype == dns.TypeTLSA {
				r.Answer, r.Ns, r.Truncated = nil, nil, true
			}
			return r
		}, want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "half an RRset with TC", lie: func(network string, q, r *dns.Msg) *dns.Msg {
			if network == "udp" && q.Question[0].Qtype == dns.TypeTLSA {
				r.Answer, r.Truncated = r.Answer[:1], true
			}
			return r
		}, want: dnssec.Secure, kind: dnssec.Positive},
		{claim: "TC over TCP too", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { r.Answer, r.Ns, r.Truncated = nil, nil, true }), want: dnssec.Indeterminate, code: 22, text: "truncated"},
		{claim: "a wildcard's record without its denial", name: "jwk.cnf.wild.vendor.example.", lie: edit(dns.TypeTLSA, func(r *dns.Msg) { r.Ns = nil }), want: dnssec.Bogus, kind: dnssec.Positive, code: 12},
		{claim: "a referral below a name that is no cut", lie: edit(dns.TypeTLSA, func(r *dns.Msg) {
			r.Authoritative, r.Answer = false, nil
			r.Ns = parse(t, ".", "cnf.vendor.example. 300 NS ns.forger.test.")
			r.Extra = parse(t, ".", "ns.forger.test. 300 A "+evilAt)
		}), want: dnssec.Bogus, code: 6, text: "no delegation"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				name, at := c.name, c.at
				if name == "" {
					name = owner
				}
				if at == nil {
					at = both
				}
				l.lie(c.lie, at...)
				began := time.Now()
				a := ask(t, r, name, dns.TypeTLSA)
				if a.Security != c.want || c.want != dnssec.Bogus && a.Kind != c.kind || a.Trouble.Code != c.code || !strings.Contains(a.Trouble.Text, c.text) {
					t.Errorf("%s, kind %d, %+v\n%s", a.Security, a.Kind, a.Trouble, strings.Join(l.log(), "\n"))
				}
				lame := slices.Contains([]string{"REFUSED", "SERVFAIL", "refers upward"}, c.text)
				if a.Trouble.Lame != lame || a.Trouble.Anchor != (c.text == "trust anchor") {
					t.Errorf("lame, an anchor's: %+v", a.Trouble)
				}
				if a.Security == dnssec.Bogus && len(a.Data) > 0 {
					t.Error("forged data in the answer")
				}
				if (a.Trouble.Code == 22) != a.Trouble.Unreachable || a.Trouble.Budget {
					t.Errorf("%+v", a.Trouble)
				}
				if took := time.Since(began); took > questionTime {
					t.Errorf("it took %s", took)
				}
				if n := l.count(); n > dnssec.MaxSends {
					t.Errorf("%d messages", n)
				}
			})
		})
	}
}

// TestExchanges counts what a fresh zone costs.
func TestExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(site{name: "bare.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key})...)
		r := l.resolver(t)
		for _, c := range []struct {
			claim, name string
			most        int
		}{
			{"the root, a top-level domain and a zone", owner, 2 + 2 + 3},
			{"another name of the zone", "1.8.vendor.example.", 1},
			{"a name below a name of the zone", "jwk.cnf.absent.vendor.example.", 2},
			{"a zone that is not signed, and must be shown to hold the record", "jwk.cnf.bare.example.", 3},
			{"a name that its parent denies", "jwk.cnf.nowhere.example.", 2},
			{"another top-level domain and a zone", "jwk.cnf.vendor.test.", 2 + 3},
		} {
			ask(t, r, c.name, dns.TypeTLSA)
			if log := l.log(); len(log) > c.most {
				t.Errorf("%s: %d exchanges, want %d\n%s", c.claim, len(log), c.most, strings.Join(log, "\n"))
			}
		}
		if r.Stats().Queries == 0 {
			t.Error("no queries counted")
		}
	})
}

// TestTCP: a truncated reply is asked for again over TCP, once.
func TestTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := ""
		for i := range 60 {
			records += fmt.Sprintf("jwk.cnf 300 TLSA 255 255 255 %062d%02X\n", 0, i)
		}
		l := newLab(t, tree(site{name: "big.example.", at: []string{otherAt}, records: records})...)
		r := l.resolver(t)
		a := ask(t, r, "jwk.cnf.big.example.", dns.TypeTLSA)
		if a.Security != dnssec.Secure || len(a.Data) != 60 {
			t.Errorf("%s, %d records: %+v", a.Security, len(a.Data), a.Trouble)
		}
		tcp := 0
		for _, s := range l.log() {
			if strings.Contains(s, " tcp ") {
				tcp++
			}
		}
		if tcp != 1 {
			t.Errorf("%d exchanges over TCP", tcp)
		}
	})
}

// TestNoEDNS: a server that answers EDNS with FORMERR once is not asked
// without it for good: without it there are no signatures.
func TestNoEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(site{name: "bare.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key})...)
		r := l.resolver(t)
		formerr := func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.IsEdns0() != nil {
				return new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
			}
			return r
		}
		l.lie(formerr, vendorAt, vendor2At, otherAt)
		if a := ask(t, r, "jwk.cnf.bare.example.", dns.TypeTLSA); a.Kind != dnssec.Positive || a.Security != dnssec.Insecure {
			t.Errorf("an unsigned zone on a server without EDNS: %s %+v", a.Security, a.Trouble)
		}
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security == dnssec.Secure {
			t.Errorf("%s", a.Security)
		}
		l.lie(nil, vendorAt, vendor2At, otherAt)
		time.Sleep(2 * time.Minute)
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("after the servers have recovered: %s %+v", a.Security, a.Trouble)
		}
	})
}

// TestAliases: chains of CNAME, as strong as their weakest link.
func TestAliases(t *testing.T) {
	chain := func(n int) string {
		s := ""
		for i := range n {
			s += fmt.Sprintf("c%d-%d 300 CNAME c%d-%d\n", n, i, n, i+1)
		}
		return s + fmt.Sprintf("c%d-%d 300 TLSA 255 255 255 %s\n", n, n, key)
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(
			site{name: "alias.example.", at: []string{otherAt}, records: chain(11) + chain(12) + `
loop 300 CNAME pool
pool 300 CNAME loop
self 300 CNAME self
open 300 CNAME jwk.cnf.bare.example.
gone 300 CNAME nothing.vendor.example.
dead 300 CNAME jwk.cnf.dead.example.
*.w  300 CNAME jwk.cnf.vendor.example.
d    300 DNAME cnf.vendor.example.
`},
			site{name: "bare.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nback 300 CNAME jwk.cnf.vendor.example.\n"},
			site{name: "dead.example.", at: []string{"192.0.2.200"}},
		)...)
		l.lie(silent, "192.0.2.200")
		r := l.resolver(t)
		for _, c := range []struct {
			name     string
			want     dnssec.Security
			kind     dnssec.Kind
			data     int
			wildcard bool
			budget   bool
		}{
			{"a.vendor.example.", dnssec.Secure, dnssec.Positive, 1, false, false},
			{"out.vendor.example.", dnssec.Secure, dnssec.Positive, 1, false, false},
			{"c11-0.alias.example.", dnssec.Secure, dnssec.Positive, 1, false, false},
			{"c12-0.alias.example.", dnssec.Indeterminate, dnssec.NoAnswer, 0, false, true},
			{"loop.alias.example.", dnssec.Indeterminate, dnssec.NoAnswer, 0, false, false},
			{"self.alias.example.", dnssec.Indeterminate, dnssec.NoAnswer, 0, false, false},
			{"open.alias.example.", dnssec.Insecure, dnssec.Positive, 1, false, false},
			{"back.bare.example.", dnssec.Insecure, dnssec.Positive, 1, false, false},
			{"gone.alias.example.", dnssec.Secure, dnssec.NoName, 0, false, false},
			{"dead.alias.example.", dnssec.Indeterminate, dnssec.NoAnswer, 0, false, false},
			{"any.w.alias.example.", dnssec.Secure, dnssec.Positive, 1, true, false},
			{"jwk.d.alias.example.", dnssec.Secure, dnssec.Positive, 1, false, false},
		} {
			a := ask(t, r, c.name, dns.TypeTLSA)
			if a.Security != c.want || a.Kind != c.kind || len(a.Data) != c.data || a.Wildcard != c.wildcard || a.Trouble.Budget != c.budget {
				t.Errorf("%s: %s, kind %d, %d records, wildcard %v: %+v", c.name, a.Security, a.Kind, len(a.Data), a.Wildcard, a.Trouble)
			}
			if a.Name != c.name || !strings.HasSuffix(a.Name, "."+a.Zone) || dnssec.Labels(a.Zone) != 2 {
				t.Errorf("name %s, zone %s", a.Name, a.Zone)
			}
			if n := l.count(); n > dnssec.MaxSends {
				t.Errorf("%s: %d messages", c.name, n)
			}
		}
	})
}

// TestServersElsewhere: name servers whose names lie in other zones.
func TestServersElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(
			site{name: "hosted.example.", at: []string{otherAt}, ns: []string{"ns1.vendor.test."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
			site{name: "cycle.example.", at: []string{evilAt}, ns: []string{"ns.cycle.test."}},
			site{name: "cycle.test.", at: []string{evilAt}, ns: []string{"ns.cycle.example."}},
			site{name: "nxns.example.", at: []string{evilAt}, ns: func() (out []string) {
				for i := range 40 {
					out = append(out, fmt.Sprintf("ns%d.nowhere.test.", i))
				}
				return out
			}()},
		)...)
		r := l.resolver(t)
		if a := ask(t, r, "jwk.cnf.hosted.example.", dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		l.count()
		if a := ask(t, r, "jwk.cnf.cycle.example.", dns.TypeTLSA); a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable && !a.Trouble.Budget {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		if n := l.count(); n > dnssec.MaxSends {
			t.Errorf("a cycle costs %d messages", n)
		}
		a := ask(t, r, "jwk.cnf.nxns.example.", dns.TypeTLSA)
		if a.Security != dnssec.Indeterminate || !a.Trouble.Budget {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		if log := l.log(); len(log) > 4*dnssec.MaxNSLookups+1 {
			t.Errorf("40 servers without addresses cost %d messages\n%s", len(log), strings.Join(log, "\n"))
		}
	})
}

// TestForeignGlue: an address for a name outside of the zone that refers is
// not believed, nor is anything else that was not asked for.
func TestForeignGlue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree(
			site{name: "hosted.example.", at: []string{otherAt}, ns: []string{"ns1.vendor.test."}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		)...)
		l.on[mustAddr(evilAt)] = map[string]*zone.Zone{}
		r := l.resolver(t)
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			r.Extra = append(r.Extra, parse(t, ".", "ns1.vendor.test. 300 A "+evilAt)...)
			r.Ns = append(r.Ns, parse(t, ".", "vendor.test. 300 NS ns.forger.example.")...)
			return r
		}, exampleAt)
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			r.Answer = append(r.Answer, parse(t, ".", "jwk.cnf.vendor.test. 300 TLSA 255 255 255 00")...)
			return r
		}, otherAt)
		if a := ask(t, r, "jwk.cnf.hosted.example.", dns.TypeTLSA); a.Security != dnssec.Insecure || a.Kind != dnssec.Positive || len(a.Data) != 1 {
			t.Errorf("%s, %d records %+v", a.Security, len(a.Data), a.Trouble)
		}
		if l.asked(evilAt) {
			t.Error("the forger's server was asked")
		}
		l.lie(nil, otherAt)
		if a := ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 || a.Data[0][3] != 0x80 {
			t.Errorf("%s %x", a.Security, a.Data)
		}
	})
}
