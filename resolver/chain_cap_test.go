package resolver

import (
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestChainIsBelievedForAnHour: whatever TTL the delegation, its DS and the keys have, they are asked for again after an
// hour; until then whoever wants nothing cached has the record fetched, and not the chain.
func TestChainIsBelievedForAnHour(t *testing.T) {
	for _, c := range []struct {
		claim string
		after time.Duration
		chain bool // is asked for
	}{{"nearly an hour", time.Hour - time.Second, false}, {"an hour", time.Hour, true}} {
		sub(t, c.claim, tree(site{name: "lasting.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}), func(t *testing.T, l *lab) {
			const owner = "jwk.cnf.lasting.example."
			for above, z := range l.zones {
				for below := range l.zones {
					for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS, dns.TypeDNSKEY} {
						for _, rr := range z.Records(below, rrtype) {
							rr = dns.Copy(rr)
							rr.Header().Ttl = 86400
							if err := z.Replace(rr); err != nil {
								t.Fatalf("%s: %v", above, err)
							}
						}
					}
				}
			}
			r := l.resolver(t)
			began := time.Now()
			if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			time.Sleep(30 * time.Minute)
			l.count()
			if a, cached := lookup(t, r, noCache(0), owner); a.Security != dnssec.Secure || cached {
				t.Errorf("%s %+v, cached: %t", a.Security, a.Trouble, cached)
			}
			if sent := l.log(); len(sent) != 1 || sent[0] != otherAt+" udp "+owner+" TLSA" {
				t.Errorf("for nothing cached: %q", sent)
			}
			time.Sleep(time.Until(began.Add(c.after)))
			if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Secure {
				t.Errorf("%s %+v", a.Security, a.Trouble)
			}
			if l.asked(exampleAt) != c.chain {
				t.Errorf("the chain is asked for: %t", !c.chain)
			}
		})
	}
}
