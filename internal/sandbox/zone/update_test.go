package zone

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func rr(t testing.TB, line string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUpdate(t *testing.T) {
	const zoneName = "zone.example."
	www, other, fresh := "www.zone.example. 300 A 192.0.2.80", "www.zone.example. 300 A 192.0.2.81", "fresh.zone.example. 60 TXT hi"
	for _, c := range []struct {
		claim  string
		build  func(m *dns.Msg)
		rcode  int
		name   string // what is looked at afterwards
		rrtype uint16
		want   int // how many records are there
	}{
		{"a record is added", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, fresh)}) }, 0, "fresh", dns.TypeTXT, 1},
		{"a record joins its RRset", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, other)}) }, 0, "www", dns.TypeA, 2},
		{"a record that is there changes nothing", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, www)}) }, 0, "www", dns.TypeA, 1},
		{"one record is taken out", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, www)}) }, 0, "www", dns.TypeA, 0},
		{"another record's removal leaves it", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, other)}) }, 0, "www", dns.TypeA, 1},
		{"an RRset is taken out", func(m *dns.Msg) { m.RemoveRRset([]dns.RR{rr(t, www)}) }, 0, "www", dns.TypeA, 0},
		{"a name is taken out", func(m *dns.Msg) { m.RemoveName([]dns.RR{rr(t, www)}) }, 0, "www", dns.TypeA, 0},
		{"the apex keeps its SOA", func(m *dns.Msg) { m.RemoveName([]dns.RR{rr(t, "zone.example. 0 A 192.0.2.1")}) }, 0, "@", dns.TypeSOA, 1},
		{"the apex keeps its last NS", func(m *dns.Msg) { m.Remove([]dns.RR{rr(t, "zone.example. 0 NS ns.zone.example.")}) }, 0, "@", dns.TypeNS, 1},
		{"the apex keeps its keys", func(m *dns.Msg) { m.RemoveName([]dns.RR{rr(t, "zone.example. 0 A 192.0.2.1")}) }, 0, "@", dns.TypeDNSKEY, 1},
		{"a CNAME does not join other data", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, "www.zone.example. 60 CNAME ns.zone.example.")}) }, 0, "www", dns.TypeCNAME, 0},
		{"other data does not join a CNAME", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, "alias.zone.example. 60 TXT hi")}) }, 0, "alias", dns.TypeTXT, 0},
		{"signatures are not the client's to make", func(m *dns.Msg) {
			m.RemoveRRset([]dns.RR{&dns.DNSKEY{Hdr: dns.RR_Header{Name: zoneName, Rrtype: dns.TypeDNSKEY}}})
		}, dns.RcodeRefused, "@", dns.TypeDNSKEY, 1},
		{"another zone's name", func(m *dns.Msg) { m.Insert([]dns.RR{rr(t, "www.other.example. 60 TXT hi")}) }, dns.RcodeNotZone, "www", dns.TypeA, 1},
		{"a prerequisite on the value holds", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, strings.Replace(www, "300", "0", 1))})
			m.Insert([]dns.RR{rr(t, fresh)})
		}, 0, "fresh", dns.TypeTXT, 1},
		{"a prerequisite on the value fails", func(m *dns.Msg) {
			m.Used([]dns.RR{rr(t, strings.Replace(other, "300", "0", 1))})
			m.Insert([]dns.RR{rr(t, fresh)})
		}, dns.RcodeNXRrset, "fresh", dns.TypeTXT, 0},
		{"an RRset that must not be there is", func(m *dns.Msg) { m.RRsetNotUsed([]dns.RR{rr(t, www)}); m.Insert([]dns.RR{rr(t, fresh)}) }, dns.RcodeYXRrset, "fresh", dns.TypeTXT, 0},
		{"an RRset that must be there is not", func(m *dns.Msg) { m.RRsetUsed([]dns.RR{rr(t, fresh)}); m.Insert([]dns.RR{rr(t, fresh)}) }, dns.RcodeNXRrset, "fresh", dns.TypeTXT, 0},
		{"a name that must be in use is not", func(m *dns.Msg) { m.NameUsed([]dns.RR{rr(t, fresh)}); m.Insert([]dns.RR{rr(t, fresh)}) }, dns.RcodeNameError, "fresh", dns.TypeTXT, 0},
		{"an empty non-terminal is not in use", func(m *dns.Msg) {
			m.NameNotUsed([]dns.RR{rr(t, "hollow.zone.example. 0 TXT x")})
			m.Insert([]dns.RR{rr(t, fresh)})
		}, 0, "fresh", dns.TypeTXT, 1},
		{"a name that must not be in use is", func(m *dns.Msg) { m.NameNotUsed([]dns.RR{rr(t, www)}); m.Insert([]dns.RR{rr(t, fresh)}) }, dns.RcodeYXDomain, "fresh", dns.TypeTXT, 0},
		{"all of it or none", func(m *dns.Msg) {
			m.Insert([]dns.RR{rr(t, fresh)})
			m.Insert([]dns.RR{rr(t, "www.other.example. 60 TXT hi")})
		}, dns.RcodeNotZone, "fresh", dns.TypeTXT, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			z := signed(t, NSEC, false)
			m := new(dns.Msg).SetUpdate(zoneName)
			c.build(m)
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			if got := z.Update(m); got != c.rcode {
				t.Errorf("rcode %s, want %s", dns.RcodeToString[got], dns.RcodeToString[c.rcode])
			}
			name := c.name + "." + zoneName
			if c.name == "@" {
				name = zoneName
			}
			if got := len(z.Records(name, c.rrtype)); got != c.want {
				t.Errorf("%d records, want %d", got, c.want)
			}
			if c.want > 0 {
				r := z.Answer(name, c.rrtype, true, noon)
				checkSignatures(t, z, append(r.Answer, r.Authority...))
			}
		})
	}
}

// TestRecordsAreTheirOctets: hex that a zone file has in capitals is what a message says of it.
func TestRecordsAreTheirOctets(t *testing.T) {
	z := signed(t, NSEC, false)
	const line = "jwk.cnf.zone.example. 300 TLSA 255 255 255 C0FFEE"
	if err := z.Replace(rr(t, line)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		was  string
		want int
	}{{"C0FFEF", dns.RcodeNXRrset}, {"C0FFEE", dns.RcodeSuccess}} {
		m := new(dns.Msg).SetUpdate("zone.example.")
		m.Used([]dns.RR{rr(t, "jwk.cnf.zone.example. 0 TLSA 255 255 255 "+step.was)})
		m.Remove([]dns.RR{rr(t, line)})
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		if got := z.Update(m); got != step.want {
			t.Errorf("with %s: %s", step.was, dns.RcodeToString[got])
		}
	}
	if left := z.Records("jwk.cnf.zone.example.", dns.TypeTLSA); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// FuzzUpdate holds that no update, however odd, breaks a zone: it still answers
// for its apex, signed.
func FuzzUpdate(f *testing.F) {
	for _, lines := range [][]string{
		{"zone.example. 0 SOA a. b. 9 1 1 1 1"}, {"www.zone.example. 0 CNAME www.zone.example."}, {"*.zone.example. 0 NS ns.zone.example.", "a.b.zone.example. 0 DNAME ."},
	} {
		m := new(dns.Msg).SetUpdate("zone.example.")
		for _, l := range lines {
			m.Insert([]dns.RR{rr(f, l)})
		}
		wire, _ := m.Pack()
		f.Add(wire, "x.www.zone.example.")
	}
	key := newKey(f, dns.ED25519)
	records := parse(f, "zone.example.", content)
	f.Fuzz(func(t *testing.T, wire []byte, name string) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		for _, d := range []Denial{NSEC, NSEC3} {
			z, err := New("zone.example.", Policy{Keys: []*Key{key}, Denial: d}, records)
			if err != nil {
				t.Fatal(err)
			}
			z.Update(m)
			if _, ok := dns.IsDomainName(name); ok && z.Contains(name) {
				z.Answer(name, dns.TypeTLSA, true, noon)
			}
			r := z.Answer("zone.example.", dns.TypeSOA, true, noon)
			if sketch(r.Answer) != "@ SOA" {
				t.Errorf("the apex answers %q", sketch(r.Answer))
			}
			checkSignatures(t, z, r.Answer)
		}
	})
}
