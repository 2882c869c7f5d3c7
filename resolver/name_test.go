package resolver

import (
	"strings"
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestNames: a name may be written in several ways, and some texts are none.
func TestNames(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, owner, dns.TypeTLSA)
		for _, name := range []string{"JWK.cnf.Vendor.EXAMPLE", `jwk.\099nf.vendor.example.`, `\106wk.cnf.vendor.example.`, `\jwk.cnf.vendor.example.`} {
			if a := ask(t, r, name, dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.Positive || a.Name != owner {
				t.Errorf("%s: %s, kind %d, as %s: %+v", name, a.Security, a.Kind, a.Name, a.Trouble)
			}
		}
		for _, name := range []string{`\000.vendor.example.`, `a\.b.vendor.example.`, `\200\255.vendor.example.`, `a\ b.vendor.example.`, `\065\046.vendor.example.`} {
			if a := ask(t, r, name, dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.NoName {
				t.Errorf("%s: %s, kind %d: %+v", name, a.Security, a.Kind, a.Trouble)
			}
		}
		l.count()
		for _, name := range []string{
			"a..vendor.example.", ".vendor.example.", "..", strings.Repeat("a", 64) + ".vendor.example.",
			strings.Repeat("a.", 124) + "vendor.example.", `vendor.example\.`, `a\300.vendor.example.`, `a\1.vendor.example.`,
		} {
			a := ask(t, r, name, dns.TypeTLSA)
			if a.Security != dnssec.Indeterminate || a.Kind != dnssec.NoAnswer || a.Trouble.Unreachable || !strings.Contains(a.Trouble.Text, "no domain name") {
				t.Errorf("%q: %s, kind %d: %+v", name, a.Security, a.Kind, a.Trouble)
			}
		}
		if log := l.log(); len(log) != 0 {
			t.Errorf("servers were asked for names that are none:\n%s", strings.Join(log, "\n"))
		}
		if a := ask(t, r, ".", dns.TypeNS); a.Security != dnssec.Secure || a.Kind != dnssec.Positive || a.Zone != "." {
			t.Errorf("the root: %s, kind %d: %+v", a.Security, a.Kind, a.Trouble)
		}
		if a := ask(t, r, "nowhere.", dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.NoName || a.Zone != "." {
			t.Errorf("below the root: %s, kind %d: %+v", a.Security, a.Kind, a.Trouble)
		}
	})
}
