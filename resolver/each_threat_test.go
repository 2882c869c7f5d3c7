package resolver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestThreatEach: what a precheck may cost, whatever is done to it that is done to a question of one server, and what
// it never takes for proof. Each set-up is first asked in peace.
func TestThreatEach(t *testing.T) {
	for _, c := range append(amplifications(), proofThreats(t)...) {
		if c.rrtype != 0 && c.rrtype != dns.TypeTLSA {
			continue
		}
		if c.name == "" {
			c.name = owner
		}
		if c.config == nil {
			c.config = func(*Config) {}
		}
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(c.sites...), func(t *testing.T, l *lab) {
				one := ask(t, l.resolver(t, c.config), c.name, dnssec.TypeTLSA)
				before := rollOf(t, l.resolver(t, c.config), c.name)
				// Aliases through a dozen zones may be more than can be asked everywhere; and ns1.victim.test, where that
				// is a zone's server, has a second address, which refuses.
				if b := before.Answer; (b.Security != one.Security || len(b.Data) != len(one.Data)) && !b.Trouble.Budget && !before.Differ {
					t.Fatalf("before the flip: %+v, one server says %+v\n%s", b, one, heard(&before.Hops[len(before.Hops)-1]))
				}
				c.flip(t, l)
				l.count()
				e := rollOf(t, l.resolver(t, c.config), c.name)
				if n := l.count(); n > maxEachSends {
					t.Errorf("%d messages", n)
				}
				a := ask(t, l.resolver(t, c.config), c.name, dnssec.TypeTLSA)
				if e.Answer.Security == dnssec.Secure && a.Security != dnssec.Secure || e.Answer.Security != dnssec.Secure && e.Answer.Security != dnssec.Insecure && len(e.Answer.Data) > 0 {
					t.Errorf("%+v\none server says %+v", e.Answer, a)
				}
			})
		})
	}
}

// TestThreatEachChaos: of servers that lie, fail and fall silent by chance a precheck confirms nothing that not all of
// them prove, within its bounds; and once all are honest again it confirms.
func TestThreatEachChaos(t *testing.T) {
	names := map[string]dnssec.Kind{
		owner: dnssec.Positive, "out.vendor.example.": dnssec.Positive, "jwk.cnf.vendor.test.": dnssec.Positive,
		"jwk.cnf.absent.vendor.example.": dnssec.NoName, "www.vendor.example.": dnssec.NoData,
	}
	order := []string{owner, "out.vendor.example.", "jwk.cnf.vendor.test.", "jwk.cnf.absent.vendor.example.", "www.vendor.example."}
	at := []string{rootAt, exampleAt, testAt, vendorAt, vendor2At, otherAt}
	alikes, differs := 0, 0
	for seed := range 60 {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			chance := dice{of: rand.New(rand.NewPCG(uint64(seed), 11))}
			r := l.resolver(t)
			check := func(name string, healed bool) {
				l.count()
				e := rollOf(t, r, name)
				log := l.log()
				bad := ""
				switch {
				case len(log) > maxEachSends:
					bad = "too much"
				case e.Answer.Security == dnssec.Secure && (e.Differ || e.Answer.Kind != names[name]):
					bad = "Secure, and not so"
				case len(e.Answer.Data) > 0 && (e.Answer.Data[0][3] != 0x80 || e.Answer.Security != dnssec.Secure):
					bad = "forged"
				case e.Answer.Security == dnssec.Secure && !allHeard(e):
					bad = "Secure, and not by everybody"
				case healed && e.Answer.Security != dnssec.Secure:
					bad = "not healed"
				}
				if bad != "" {
					t.Fatalf("seed %d, %s: %s: %+v %t\n%s\n%s", seed, name, bad, e.Answer, e.Differ, heard(&e.Hops[len(e.Hops)-1]), strings.Join(log, "\n"))
				}
				if e.Answer.Security == dnssec.Secure && !healed {
					alikes++
				} else if e.Differ {
					differs++
				}
			}
			lies := faces(t)
			for range 2 {
				for _, a := range at {
					mood, often := chance.IntN(len(lies)), 1+chance.IntN(4)
					// Half of them are honest, or hardly anything would ever be alike.
					if chance.IntN(2) == 0 {
						l.lie(nil, a)
						continue
					}
					l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
						if chance.IntN(4) >= often {
							return r
						}
						return lies[mood](network, q, r)
					}, a)
				}
				for range 4 {
					check(order[chance.IntN(len(order))], false)
				}
				time.Sleep(time.Duration(chance.IntN(4000)) * time.Second)
			}
			l.lie(nil, at...)
			time.Sleep(maxChainTTL + time.Minute)
			for _, name := range order {
				check(name, true)
			}
		})
		if t.Failed() {
			return
		}
	}
	if alikes < 10 || differs < 10 {
		t.Errorf("%d alike, %d different: the lies are too many, or too few", alikes, differs)
	}
}

// allHeard reports whether both servers of vendor.example, where its name was asked, said something Secure.
func allHeard(e *dnssec.Each) bool {
	return !slices.ContainsFunc(e.Hops, func(h dnssec.Hop) bool {
		heard := map[string]bool{}
		for _, s := range h.Servers {
			if s.Answer == nil || s.Answer.Security != dnssec.Secure {
				return true
			}
			heard[fmt.Sprint(s.Address)] = true
		}
		want := map[string][]string{"vendor.example.": {vendorAt, vendor2At}, "vendor.test.": {otherAt}}[h.Zone]
		return slices.ContainsFunc(want, func(a string) bool { return !heard[a] })
	})
}
