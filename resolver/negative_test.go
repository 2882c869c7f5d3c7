package resolver

import (
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestNegativeAnchor: what a negative trust anchor covers is Insecure and says
// so, at the end of an alias too and from the cache; what it does not cover is
// proven as ever.
func TestNegativeAnchor(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.NegativeAnchors = []string{"Vendor.TEST"} })
		for _, c := range []struct {
			claim, name string
			security    dnssec.Security
			overridden  bool
		}{
			{"a name under it", "jwk.cnf.vendor.test.", dnssec.Insecure, true},
			{"an absent name under it", "absent.vendor.test.", dnssec.Insecure, true},
			{"an alias that leads under it", "out.vendor.example.", dnssec.Insecure, true},
			{"a name beside it", owner, dnssec.Secure, false},
			{"a name above it", "test.", dnssec.Secure, false},
			{"a name that only ends like it", "notvendor.test.", dnssec.Secure, false},
		} {
			for range 2 { // the second is from the cache
				a := ask(t, r, c.name, dns.TypeTLSA)
				if a.Security != c.security || a.Overridden != c.overridden {
					t.Errorf("%s: %s, overridden %v: %s", c.claim, a.Security, a.Overridden, a.Trouble.Text)
				}
			}
		}
	})
}
