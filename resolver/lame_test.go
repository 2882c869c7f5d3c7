package resolver

import (
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// unauthoritative makes servers that answer as caches do.
func unauthoritative(_ string, _, r *dns.Msg) *dns.Msg {
	r.Authoritative, r.RecursionAvailable = false, true
	return r
}

// TestWithoutAuthority: what servers say that claim no authority is the last
// resort for an unsigned zone and nothing for any other.
func TestWithoutAuthority(t *testing.T) {
	plain := site{name: "plain.test.", at: []string{evilAt}, bare: true, records: "www 300 A 192.0.2.200\njwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
	for _, c := range []struct {
		claim  string
		name   string
		rrtype uint16
		lie    func(string, *dns.Msg, *dns.Msg) *dns.Msg
		at     []string
		want   dnssec.Security
		kind   dnssec.Kind
	}{
		{"an honest server", "www.plain.test.", dns.TypeA, nil, nil, dnssec.Insecure, dnssec.Positive},
		{"an address", "www.plain.test.", dns.TypeA, unauthoritative, []string{evilAt}, dnssec.Insecure, dnssec.Positive},
		{"an absence with its SOA", "nope.plain.test.", dns.TypeA, unauthoritative, []string{evilAt}, dnssec.Insecure, dnssec.NoName},
		{"an empty message", "www.plain.test.", dns.TypeMX, func(n string, q, r *dns.Msg) *dns.Msg {
			r.Ns = nil
			return unauthoritative(n, q, r)
		}, []string{evilAt}, dnssec.Indeterminate, dnssec.NoAnswer},
		{"a confirmation record", "jwk.cnf.plain.test.", dnssec.TypeTLSA, unauthoritative, []string{evilAt}, dnssec.Indeterminate, dnssec.NoAnswer},
		{"a signed zone, proven", "www.vendor.example.", dns.TypeTXT, unauthoritative, []string{vendorAt, vendor2At}, dnssec.Secure, dnssec.Positive},
		{"a signed zone, not proven", "www.vendor.example.", dns.TypeTXT, func(n string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeTXT {
				drop(r, dns.TypeRRSIG)
			}
			return unauthoritative(n, q, r)
		}, []string{vendorAt, vendor2At}, dnssec.Indeterminate, dnssec.NoAnswer},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree(plain)...)
				l.lie(c.lie, c.at...)
				a := ask(t, l.resolver(t), c.name, c.rrtype)
				if a.Security != c.want || a.Kind != c.kind {
					t.Errorf("%v, kind %v (%s); want %v, kind %v", a.Security, a.Kind, a.Trouble.Text, c.want, c.kind)
				}
			})
		})
	}
}

// TestLastResort: servers that can be found only through each other are asked
// where a referral said that they are, and one whose own zone gives a dead
// address where its parent said; neither proves anything.
func TestLastResort(t *testing.T) {
	beyond := func(name, at string) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, _, r *dns.Msg) *dns.Msg {
			for _, rr := range r.Ns {
				if ns, ok := rr.(*dns.NS); ok && ns.Ns == name {
					r.Extra = append(r.Extra, parse(t, ".", name+" 300 A "+at)...)
				}
			}
			return r
		}
	}
	t.Run("a circle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, tree(
				site{name: "one.example.", at: []string{vendorAt}, ns: []string{"ns.two.test."}, records: "ns A " + otherAt + "\njwk.cnf TLSA 255 255 255 " + key + "\n"},
				site{name: "two.test.", at: []string{otherAt}, ns: []string{"ns.one.example."}, records: "ns A " + vendorAt + "\n"},
			)...)
			if a := ask(t, l.resolver(t), "jwk.cnf.one.example.", dnssec.TypeTLSA); a.Kind != dnssec.NoAnswer {
				t.Fatalf("without the referral's word: kind %v", a.Kind)
			}
			l.lie(beyond("ns.two.test.", vendorAt), exampleAt)
			if a := ask(t, l.resolver(t), "jwk.cnf.one.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
				t.Errorf("with it: %v, %d records, %s", a.Security, len(a.Data), a.Trouble.Text)
			}
			l.lie(beyond("ns.two.test.", evilAt), exampleAt)
			if a := ask(t, l.resolver(t), "jwk.cnf.one.example.", dnssec.TypeTLSA); a.Security == dnssec.Secure {
				t.Error("a wrong address makes it Secure")
			}
		})
	})
	t.Run("parent and child differ", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, tree(
				site{name: "three.example.", at: []string{vendorAt}, ns: []string{"ns1.host.test."}, records: "jwk.cnf TLSA 255 255 255 " + key + "\n"},
				site{name: "host.test.", at: []string{vendorAt}},
			)...)
			if err := l.zones["host.test."].Replace(parse(t, ".", "ns1.host.test. 300 A "+evilAt)...); err != nil {
				t.Fatal(err)
			}
			if a := ask(t, l.resolver(t), "jwk.cnf.three.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
				t.Errorf("%v, %d records, %s", a.Security, len(a.Data), a.Trouble.Text)
			}
		})
	})
	t.Run("the server's name is delegated away, to nowhere", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, tree(
				site{name: "four.example.", at: []string{vendorAt}, ns: []string{"ns1.host.test."}, records: "jwk.cnf TLSA 255 255 255 " + key + "\n"},
				site{name: "host.test.", at: []string{vendorAt}, bare: true},
			)...)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if dns.CanonicalName(q.Question[0].Name) == "ns1.host.test." && len(r.Answer) > 0 {
					r.Answer, r.Authoritative = nil, false
					r.Ns = parse(t, ".", "ns1.host.test. 300 NS nowhere.host.test.")
				}
				return r
			}, vendorAt)
			if a := ask(t, l.resolver(t), "jwk.cnf.four.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
				t.Errorf("%v, %d records, %s", a.Security, len(a.Data), a.Trouble.Text)
			}
		})
	})
}
