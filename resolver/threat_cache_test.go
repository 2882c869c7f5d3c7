package resolver

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// TestThreatPoison: what a reply says beside what was asked changes nothing for any
// other question, in zones without signatures either, where nobody would notice
// (Kaminsky; promiscuous NS, CVE-2025-40778 and CVE-2026-42960).
func TestThreatPoison(t *testing.T) {
	const forged = "00000000000000000000000000000000000000000000000000000000000000FF"
	const first, second, elsewhere = "jwk.cnf.open.example.", "jwk.cnf.b.open.example.", "jwk.cnf.open.test."
	open := site{name: "open.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\njwk.cnf.b 300 TLSA 255 255 255 " + key + "\nout 300 CNAME jwk.cnf.open.test.\n"}
	far := site{name: "open.test.", at: []string{vendorAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
	for _, c := range []struct {
		claim       string
		first, then string
		answer      []string // put behind what is there
		authority   []string
		additional  []string
	}{
		{claim: "name servers of the zone, beside an answer", first: first, then: second,
			authority: []string{"open.example. 9000 NS ns66.open.example."}, additional: []string{"ns66.open.example. 9000 A " + evilAt}},
		{claim: "another address for the zone's name server", first: first, then: second,
			additional: []string{"ns1.open.example. 9000 A " + evilAt}},
		{claim: "name servers of the zone above", first: first, then: "jwk.cnf.other.example.",
			authority: []string{"example. 9000 NS ns66.open.example."}, additional: []string{"ns66.open.example. 9000 A " + evilAt}},
		{claim: "name servers of the root", first: first, then: elsewhere,
			authority: []string{". 9000 NS ns66.open.example."}, additional: []string{"ns66.open.example. 9000 A " + evilAt}},
		{claim: "name servers of a zone elsewhere", first: first, then: elsewhere,
			authority: []string{"open.test. 9000 NS ns66.open.example."}, additional: []string{"ns66.open.example. 9000 A " + evilAt}},
		{claim: "an address for a name server elsewhere", first: first, then: elsewhere,
			additional: []string{"ns1.open.test. 9000 A " + evilAt}},
		{claim: "a record elsewhere, in the answer", first: first, then: elsewhere,
			answer: []string{elsewhere + " 9000 TLSA 255 255 255 " + forged}},
		{claim: "a record elsewhere, as additional", first: first, then: elsewhere,
			additional: []string{elsewhere + " 9000 TLSA 255 255 255 " + forged}},
		{claim: "a record at another name of the zone", first: first, then: second,
			answer: []string{second + " 9000 TLSA 255 255 255 " + forged}},
		{claim: "the record that an alias leads to", first: "out.open.example.", then: elsewhere,
			answer: []string{elsewhere + " 9000 TLSA 255 255 255 " + forged}},
		{claim: "a DNAME at the zone above", first: first, then: "jwk.cnf.other.example.",
			answer: []string{"example. 9000 DNAME open.example."}},
		{claim: "a delegation of a name below", first: first, then: second,
			authority: []string{"b.open.example. 9000 NS ns66.open.example."}, additional: []string{"ns66.open.example. 9000 A " + evilAt}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(open, far, site{name: "other.example.", at: []string{vendorAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}), func(t *testing.T, l *lab) {
				fake := newLab(t,
					site{name: "open.example.", at: []string{evilAt}, bare: true, records: "jwk.cnf TLSA 255 255 255 " + forged + "\njwk.cnf.b TLSA 255 255 255 " + forged},
					site{name: "open.test.", at: []string{evilAt}, bare: true, records: "jwk.cnf TLSA 255 255 255 " + forged})
				l.on[mustAddr(evilAt)] = fake.on[mustAddr(evilAt)]
				right := func(r *Resolver, when string) {
					t.Helper()
					for _, name := range []string{c.first, c.then, c.first} {
						if a, _ := lookup(t, r, noCache(0), name); a.Security != dnssec.Insecure || len(a.Data) != 1 || a.Data[0][3] != 0x80 {
							t.Errorf("%s the flip, %s: %s %x %+v", when, name, a.Security, a.Data, a.Trouble)
						}
					}
				}
				right(l.resolver(t), "before")
				l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
					if strings.EqualFold(q.Question[0].Name, c.first) && q.Question[0].Qtype == dns.TypeTLSA {
						for _, x := range []struct {
							to   *[]dns.RR
							text []string
						}{{&r.Answer, c.answer}, {&r.Ns, c.authority}, {&r.Extra, c.additional}} {
							*x.to = append(*x.to, parse(t, ".", strings.Join(x.text, "\n")+"\n")...)
						}
					}
					return r
				}, otherAt)
				right(l.resolver(t), "after")
				if l.asked(evilAt) {
					t.Error("the forger's server was asked")
				}
			})
		})
	}
}

// TestThreatGhost: a zone's own word, however often it is heard, keeps no delegation
// alive that the parent has taken away (CVE-2012-1033, CVE-2022-30698).
func TestThreatGhost(t *testing.T) {
	ghost := site{name: "ghost.example.", at: []string{otherAt}, records: "jwk.cnf 1 TLSA 255 255 255 " + key + "\n"}
	const name = "jwk.cnf.ghost.example."
	bubble(t, tree(ghost), func(t *testing.T, l *lab) {
		// The parent's NS and DS live a minute, the child's own NS and keys a day.
		for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS} {
			set := l.zones["example."].Records("ghost.example.", rrtype)
			for _, rr := range set {
				rr.Header().Ttl = 60
			}
			if err := l.zones["example."].Replace(set...); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.zones["ghost.example."].Replace(parse(t, ".", "ghost.example. 86400 NS ns1.ghost.example.")...); err != nil {
			t.Fatal(err)
		}
		whole := l.zones["ghost.example."].Answer("ghost.example.", dns.TypeNS, true, time.Now()).Answer
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeTLSA {
				r.Ns = append(r.Ns, whole...)
				r.Extra = append(r.Extra, parse(t, ".", "ns1.ghost.example. 86400 A "+otherAt)...)
			}
			return r
		}, otherAt)
		r := l.resolver(t)
		alive := func() bool {
			for _, rrtype := range []uint16{dns.TypeNS, dns.TypeA, dns.TypeSOA} { // what refreshed delegations
				ask(t, r, "ghost.example.", rrtype)
				ask(t, r, "ns1.ghost.example.", rrtype)
			}
			return ask(t, r, name, dns.TypeTLSA).Kind == dnssec.Positive
		}
		for range 20 { // ten minutes of it
			if !alive() {
				t.Fatal("not there while its parent says that it is")
			}
			time.Sleep(29 * time.Second)
		}
		for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS} {
			if err := l.zones["example."].Remove("ghost.example.", rrtype); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.zones["example."].Remove("ns1.ghost.example.", dns.TypeA); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			time.Sleep(11 * time.Second)
			alive()
		}
		if alive() {
			t.Error("66 s after its domain was taken away, and 60 s are allowed, a name is still there")
		}
	})
}

// TestThreatOddGlue: a delegation leads to no address that no server can have, nor
// to our own neighbours; what the configuration names is asked all the same.
func TestThreatOddGlue(t *testing.T) {
	for _, c := range []struct {
		at    string
		local bool // is asked where local servers are allowed
	}{
		{"0.0.0.0", false}, {"0.1.2.3", false}, {"224.0.0.251", false}, {"255.255.255.255", false}, {"240.0.0.1", false},
		{"127.0.0.53", true}, {"10.0.0.1", true}, {"172.31.255.254", true}, {"192.168.1.1", true}, {"169.254.169.254", true},
		{"::", false}, {"ff02::1", false}, {"::ffff:224.0.0.1", false}, {"::1", true}, {"fe80::1", true}, {"fd00::1", true}, {"::ffff:127.0.0.1", true},
	} {
		s := site{name: "odd.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
		for _, allow := range []bool{false, true} {
			bubble(t, tree(s), func(t *testing.T, l *lab) {
				want := dnssec.Indeterminate
				if allow && c.local {
					want = dnssec.Secure
				}
				kind := map[bool]string{true: "A", false: "AAAA"}[mustAddr(c.at).Is4()]
				l.on[mustAddr(c.at)] = map[string]*zone.Zone{"odd.example.": l.zones["odd.example."]}
				threat{
					claim: c.at, name: "jwk.cnf.odd.example.", config: func(x *Config) { x.AllowLocalServers = allow },
					flip: func(t testing.TB, l *lab) {
						redelegate(t, l, exampleAt, "odd.example.", "odd.example. 300 NS ns1.odd.example.", "ns1.odd.example. 300 "+kind+" "+c.at)
					},
					want: want, any: true, kind: map[dnssec.Security]dnssec.Kind{dnssec.Secure: dnssec.Positive}[want],
					check: func(t testing.TB, l *lab, a *dnssec.Answer, log []string) {
						if asked := to(log, c.at) > 0; asked != (allow && c.local) {
							t.Errorf("%s, local servers allowed: %v: asked %v", c.at, allow, asked)
						}
					},
				}.in(t, l)
			})
		}
	}
}

// TestThreatBogusAgain: a zone that is broken, or made to look so, is not hammered
// by those who ask again, whoever they are and however fresh they want it.
func TestThreatBogusAgain(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		if a := ask(t, l.resolver(t), owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		r := l.resolver(t)
		l.lie(edit(dns.TypeTLSA, stripSignatures), vendorAt, vendor2At)
		l.count()
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Bogus || a.Trouble.Code != dnssec.CodeSignatureMissing {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		log := l.log()
		if to(log, vendorAt) == 0 || to(log, vendor2At) == 0 {
			t.Errorf("bogus by the word of one server\n%s", strings.Join(log, "\n"))
		}
		for range 50 {
			time.Sleep(time.Second)
			if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Bogus {
				t.Errorf("%s", a.Security)
			}
		}
		if n := l.count(); n > 20 {
			t.Errorf("50 repeats cost %d messages", n)
		}
		time.Sleep(11 * time.Second) // a minute is over
		l.lie(nil, vendorAt, vendor2At)
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("mended, and a minute later: %s %+v", a.Security, a.Trouble)
		}
	})
}

// TestThreatMemoryOfServers: what is remembered of servers is bounded, however many
// addresses zones lead to.
func TestThreatMemoryOfServers(t *testing.T) {
	f := newFacts(time.Now)
	for i := range 20000 {
		f.failed(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 53))
	}
	if n := len(f.of); n != 20000 {
		t.Fatalf("%d of 20000 servers are remembered, so that nothing can be shown", n)
	}
	for i := range 100 {
		f.failed(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 53))
		if n := len(f.of); n > 20000 {
			t.Fatalf("%d servers are remembered", n)
		}
	}
}
