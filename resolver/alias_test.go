package resolver

import (
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestAliasMetBefore: a proven CNAME or DNAME leads on for other types and
// names without being asked for, as long and as young as it may.
func TestAliasMetBefore(t *testing.T) {
	records := "jwk.cnf 300 TLSA 255 255 255 " + key + "\na 100 CNAME jwk.cnf.vendor.test.\nd 100 DNAME vendor.test.\nlong 3000 CNAME jwk.cnf.vendor.test.\n"
	unsigned := site{name: "bare.test.", at: []string{vendor2At}, bare: true, records: records}
	for _, c := range []struct {
		claim  string
		zone   string // default names.example.
		first  string
		typed  uint16
		name   string
		rrtype uint16 // default TLSA
		q      dnssec.Question
		wait   time.Duration
		drop   string
		asked  bool // the alias is asked for anew
		kind   dnssec.Kind
		names  int // records of the answer, signatures apart
	}{
		{claim: "another type at a CNAME", first: "a", typed: dns.TypeA, name: "a", kind: dnssec.Positive, names: 2},
		{claim: "the CNAME itself", first: "a", typed: dns.TypeA, name: "a", rrtype: dns.TypeCNAME, kind: dnssec.Positive, names: 1},
		{claim: "after a question for the CNAME", first: "a", typed: dns.TypeCNAME, name: "a", kind: dnssec.Positive, names: 2},
		{claim: "the DS beside a CNAME", first: "a", typed: dns.TypeA, name: "a", rrtype: dns.TypeDS, asked: true, kind: dnssec.NoData, names: 1},
		{claim: "a name under a DNAME", first: "x.d", typed: dns.TypeA, name: "jwk.cnf.d", kind: dnssec.Positive, names: 3},
		{claim: "the CNAME that a DNAME makes", first: "x.d", typed: dns.TypeA, name: "y.d", rrtype: dns.TypeCNAME, kind: dnssec.Positive, names: 2},
		{claim: "the DNAME itself", first: "x.d", typed: dns.TypeA, name: "d", rrtype: dns.TypeDNAME, kind: dnssec.Positive, names: 1},
		{claim: "another type at a DNAME", first: "x.d", typed: dns.TypeA, name: "d", rrtype: dns.TypeA, asked: true, kind: dnssec.NoData},
		{claim: "nothing cached is wanted", first: "a", typed: dns.TypeA, name: "a", q: dnssec.Question{Bounded: true}, asked: true, kind: dnssec.Positive, names: 2},
		{claim: "nothing cached is wanted, under a DNAME", first: "x.d", typed: dns.TypeA, name: "jwk.cnf.d", q: dnssec.Question{Bounded: true}, asked: true, kind: dnssec.Positive, names: 3},
		{claim: "99 s later", first: "a", typed: dns.TypeA, name: "a", wait: 99 * time.Second, kind: dnssec.Positive, names: 2},
		{claim: "after its TTL", first: "a", typed: dns.TypeA, name: "a", wait: 100 * time.Second, asked: true, kind: dnssec.Positive, names: 2},
		{claim: "for a confirmation after 300 s", first: "long", typed: dns.TypeA, name: "long", wait: 300 * time.Second, asked: true, kind: dnssec.Positive, names: 2},
		{claim: "for another type after 300 s", first: "long", typed: dns.TypeA, name: "long", rrtype: dns.TypeTXT, wait: 300 * time.Second, kind: dnssec.NoData, names: 1},
		{claim: "dropped", first: "a", typed: dns.TypeA, name: "a", drop: "names.example.", asked: true, kind: dnssec.Positive, names: 2},
		{claim: "a target dropped", first: "a", typed: dns.TypeA, name: "a", drop: "vendor.test.", kind: dnssec.Positive, names: 2},
		{claim: "of an unsigned zone", zone: "bare.test.", first: "a", typed: dns.TypeA, name: "a", asked: true, kind: dnssec.Positive, names: 2},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(site{name: "names.example.", at: []string{evilAt}, records: records}, unsigned), func(t *testing.T, l *lab) {
				if c.zone == "" {
					c.zone = "names.example."
				}
				if c.rrtype == 0 {
					c.rrtype = dnssec.TypeTLSA
				}
				r := l.resolver(t)
				ask(t, r, c.first+"."+c.zone, c.typed)
				began := time.Now()
				time.Sleep(c.wait)
				if c.drop != "" {
					r.Drop(c.drop)
				}
				l.count()
				c.q.Type = c.rrtype
				a, _ := lookup(t, r, c.q, c.name+"."+c.zone)
				if asked := l.asked(evilAt) || l.asked(vendor2At); asked != c.asked {
					t.Errorf("its servers were asked: %v", asked)
				}
				want := dnssec.Secure
				if c.zone == "bare.test." {
					want = dnssec.Insecure
				}
				n := 0
				for _, rr := range a.AnswerSection.RRs() {
					if rr.Header().Rrtype != dns.TypeRRSIG {
						n++
					}
				}
				if a.Security != want || a.Kind != c.kind || c.names != 0 && n != c.names {
					t.Errorf("%s, kind %d, %d records (%s)", a.Security, a.Kind, n, a.Trouble.Text)
				}
				if !c.asked && a.Fetched.After(began) {
					t.Error("it is said to be younger than its alias")
				}
			})
		})
	}
}

// TestAliasEndsWithItsDenial: an alias that is proven to be gone leads nowhere any more, however long its TTL has still to
// run, and whatever type was asked for when it was missed.
func TestAliasEndsWithItsDenial(t *testing.T) {
	for _, c := range []struct {
		claim, alias, name, other string
		gone                      uint16
	}{
		{"a CNAME", "a", "a", "a", dns.TypeCNAME},
		{"a DNAME above", "d", "jwk.cnf.d", "x.d", dns.TypeDNAME},
	} {
		for _, how := range []string{"asked with nothing cached", "asked with a young chain", "asked of each server", "asked for another type"} {
			sub(t, c.claim+", "+how, tree(site{name: "names.example.", at: []string{evilAt}, records: "a 250 CNAME jwk.cnf.vendor.test.\nd 250 DNAME vendor.test.\nz 300 TXT z\n"}), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				name, other := c.name+".names.example.", c.other+".names.example."
				if a := ask(t, r, other, dns.TypeA); a.Security != dnssec.Secure {
					t.Fatalf("%s %+v", a.Security, a.Trouble)
				}
				time.Sleep(time.Second)
				l.count()
				first := uint16(dnssec.TypeTLSA)
				if how == "asked for another type" {
					first = dns.TypeMX // else the record itself is cached under the alias's name
				}
				if a := ask(t, r, name, first); a.Security != dnssec.Secure || l.asked(evilAt) {
					t.Fatalf("the set-up is wrong: the alias is not followed from the cache: %+v", a)
				}
				if err := l.zones["names.example."].Remove(c.alias+".names.example.", c.gone); err != nil {
					t.Fatal(err)
				}
				q := dnssec.Question{Type: dnssec.TypeTLSA, Bounded: true}
				switch how {
				case "asked with a young chain":
					q.ChainAge = time.Minute
				case "asked for another type":
					q.Type = dns.TypeTXT
				}
				if how == "asked of each server" {
					q.Name, _ = dnssec.NameOf(name)
					if e, err := r.LookupEach(t.Context(), q); err != nil || e.Answer.Kind == dnssec.Positive {
						t.Fatalf("%v %+v", err, e)
					}
				} else if a, _ := lookup(t, r, q, name); a.Kind == dnssec.Positive {
					t.Fatalf("%+v", a)
				}
				time.Sleep(70 * time.Second) // the absence of a confirmation is kept for a minute
				if a := ask(t, r, name, dnssec.TypeTLSA); a.Kind == dnssec.Positive {
					t.Errorf("it leads on again: %s", a.Security)
				}
			})
		}
	}
}
