package resolver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
)

// TestLongChainPoisonsNobody: somebody's long chain of aliases that ends at a good alias
// makes that one unproven for nobody else, and takes nothing out of the cache.
func TestLongChainPoisonsNobody(t *testing.T) {
	const good = "a.vendor.example." // an alias of the owner
	for n := 9; n <= 12; n++ {
		for _, cached := range []bool{false, true} {
			records := ""
			for i := range n {
				to := fmt.Sprintf("c%d", i+1)
				if i == n-1 {
					to = good
				}
				records += fmt.Sprintf("c%d 300 CNAME %s\n", i, to)
			}
			evil := site{name: "evil.test.", at: []string{evilAt}, records: records}
			t.Run(fmt.Sprintf("%d aliases, cached=%v", n, cached), func(t *testing.T) {
				bubble(t, tree(evil), func(t *testing.T, l *lab) {
					r := l.resolver(t)
					if cached {
						if a := ask(t, r, good, dnssec.TypeTLSA); a.Security != dnssec.Secure {
							t.Fatal(a.Security)
						}
						time.Sleep(time.Second)
					}
					bad, _ := lookup(t, r, noCache(0), "c0.evil.test.")
					time.Sleep(40 * time.Second)
					if a := ask(t, r, good, dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
						t.Errorf("%s %s (the bad question: %s)", a.Security, a.Trouble.Text, bad.Security)
					}
				})
			})
		}
	}
}

// TestDepthPoisonsNobody: a question whose way to a zone is as deep as may be makes that
// zone unproven for nobody else.
func TestDepthPoisonsNobody(t *testing.T) {
	var sites []site
	// d0.test. has its server in d1.test., … d6.test. has its in hosted.example., whose
	// servers are named in vendor.test. (without glue), as those of most zones are.
	const depth = 7
	for i := range depth {
		ns := fmt.Sprintf("ns.d%d.test.", i+1)
		if i == depth-1 {
			ns = "ns.hosted.example."
		}
		sites = append(sites, site{name: fmt.Sprintf("d%d.test.", i), at: []string{evilAt}, ns: []string{ns}, records: "ns 300 A " + evilAt + "\nx 300 TLSA 255 255 255 " + key})
	}
	sites = append(sites, site{name: "hosted.example.", at: []string{"192.0.2.88"}, ns: []string{"jwkns.vendor.test."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nns 300 A " + evilAt})
	for _, attack := range []bool{false, true} {
		sub(t, fmt.Sprint("attack=", attack), tree(sites...), func(t *testing.T, l *lab) {
			if err := l.zones["vendor.test."].Replace(parse(t, ".", "jwkns.vendor.test. 300 A 192.0.2.88")...); err != nil {
				t.Fatal(err)
			}
			r := l.resolver(t)
			ask(t, r, "x.example.", dnssec.TypeTLSA)
			ask(t, r, "x.test.", dnssec.TypeTLSA)
			if attack {
				a := ask(t, r, "x.d0.test.", dnssec.TypeTLSA)
				t.Logf("the bad question: %s %s", a.Security, a.Trouble.Text)
			}
			l.count()
			a := ask(t, r, "jwk.cnf.hosted.example.", dnssec.TypeTLSA)
			if a.Security != dnssec.Secure {
				t.Errorf("attack=%v: %s %s\n%s", attack, a.Security, a.Trouble.Text, strings.Join(l.log(), "\n"))
			}
		})
	}
}

// sub is bubble in a subtest: a failed bubble ends the test that it is in.
func sub(t *testing.T, name string, sites []site, f func(t *testing.T, l *lab)) {
	t.Run(name, func(t *testing.T) { bubble(t, sites, f) })
}
