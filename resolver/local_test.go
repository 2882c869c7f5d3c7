package resolver

import (
	"strings"
	"testing"
	"testing/synctest"

	"cnfd/dnssec"
)

// TestLocalServersAreNamed: where all addresses of a zone's servers are local, and those may
// not be asked, the trouble says so, and which setting decides; where they may, they are.
func TestLocalServersAreNamed(t *testing.T) {
	for _, c := range []struct {
		claim string
		site  site
		at    string
	}{
		{"by glue, loopback", site{name: "local.test.", at: []string{"127.0.0.13"}}, "127.0.0.13"},
		{"by glue, private", site{name: "local.test.", at: []string{"10.0.0.1"}}, "10.0.0.1"},
		{"by name", site{name: "local.test.", at: []string{"127.0.0.13"}, ns: []string{"ns.inside.vendor.example."}}, "127.0.0.13"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.site.records = "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
				sites := tree(c.site)
				sites[3].records += "ns.inside 3600 A 127.0.0.13\n"
				l := newLab(t, sites...)
				const name = "jwk.cnf.local.test."
				allowed := l.resolver(t, func(c *Config) { c.AllowLocalServers = true })
				if a := ask(t, allowed, name, dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
					t.Fatalf("where they may be asked: %s, %+v", a.Security, a.Trouble)
				}
				l.log()
				want := c.at + " is a local address, which is not asked (resolver.allow_local_servers)"
				r := l.resolver(t)
				if a := ask(t, r, name, dnssec.TypeTLSA); !a.Trouble.Unreachable || a.Trouble.Lame || !strings.Contains(a.Trouble.Text, want) {
					t.Errorf("%s, %+v", a.Security, a.Trouble)
				}
				if e := rollOf(t, r, name); !e.Answer.Trouble.Unreachable || !strings.Contains(e.Answer.Trouble.Text, want) {
					t.Errorf("each: %s, %+v", e.Answer.Security, e.Answer.Trouble)
				}
				if sent := strings.Join(l.log(), "\n"); strings.Contains(sent, c.at+" ") {
					t.Errorf("it was asked\n%s", sent)
				}
			})
		})
	}
}
