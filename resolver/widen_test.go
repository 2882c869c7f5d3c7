package resolver

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestServersThatAZoneNames: a zone's own NS set is asked when those that the parent
// named are gone, where it is proven, and no longer than the parent's TTL.
func TestServersThatAZoneNames(t *testing.T) {
	sites := []site{
		{name: "wide.example.", at: []string{vendorAt, vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n@ 3600 NS ns9.vendor.test."},
	}
	for _, c := range []struct {
		claim string
		edit  func(set []dns.RR) []dns.RR
		want  dnssec.Security
	}{
		{"signed", func(set []dns.RR) []dns.RR { return set }, dnssec.Secure},
		{"not shown", func([]dns.RR) []dns.RR { return nil }, dnssec.Indeterminate},
		{"without its signature", func(set []dns.RR) []dns.RR {
			return slices.DeleteFunc(set, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG })
		}, dnssec.Indeterminate},
		{"with one more server than was signed", func(set []dns.RR) []dns.RR {
			more := *set[0].(*dns.NS)
			more.Ns = "ns66.vendor.test."
			return append(set, &more)
		}, dnssec.Indeterminate},
	} {
		bubble(t, tree(append(sites, site{name: "spare.test.", at: []string{otherAt}, records: "x 300 A 192.0.2.1"})...), func(t *testing.T, l *lab) {
			// The third server holds the zone; its name lies in another.
			if err := l.zones["vendor.test."].Replace(parse(t, ".", "ns9.vendor.test. 300 A "+otherAt)...); err != nil {
				t.Fatal(err)
			}
			l.on[mustAddr(otherAt)]["wide.example."] = l.zones["wide.example."]
			set := l.zones["wide.example."].Answer("wide.example.", dns.TypeNS, true, time.Now()).Answer
			r := l.resolver(t)
			l.lie(silent, vendorAt)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeTLSA {
					r.Ns = append(r.Ns, c.edit(slices.Clone(set))...)
				}
				return r
			}, vendor2At)
			r.facts.answered(netip.AddrPortFrom(mustAddr(vendorAt), 53), time.Millisecond) // asked first
			if a, _ := lookup(t, r, noCache(0), "jwk.cnf.wide.example."); a.Security != dnssec.Secure {
				t.Fatalf("%s: %s %+v", c.claim, a.Security, a.Trouble)
			}
			l.lie(silent, vendor2At)
			if a, _ := lookup(t, r, noCache(0), "jwk.cnf.wide.example."); a.Security != c.want {
				t.Errorf("%s: %s %+v", c.claim, a.Security, a.Trouble)
			}
			if c.want != dnssec.Secure {
				return
			}
			time.Sleep(maxChainTTL + time.Second)
			l.count()
			ask(t, r, "jwk.cnf.wide.example.", dns.TypeTLSA)
			if !l.asked(exampleAt) {
				t.Errorf("%s: the parent was not asked after its TTL", c.claim)
			}
		})
	}
}
