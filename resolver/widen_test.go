package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

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

// TestWidenDoesNotUndo: what others learnt of a zone meanwhile is not undone.
func TestWidenDoesNotUndo(t *testing.T) {
	wide := site{name: "wide.example.", at: []string{vendorAt, vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n@ 3600 NS ns9.vendor.test."}
	bubble(t, tree(wide), func(t *testing.T, l *lab) {
		set := l.zones["wide.example."].Answer("wide.example.", dns.TypeNS, true, time.Now()).Answer
		r := l.resolver(t)
		ask(t, r, "x.wide.example.", dnssec.TypeTLSA)
		l.lie(silent, vendorAt)
		l.lie(func(_ string, q, m *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeTLSA {
				m.Ns = append(m.Ns, slices.Clone(set)...)
				// Meanwhile another question finds the zone elsewhere (moved, reprove, …).
				w := r.newWalk(t.Context(), time.Now())
				w.keep(&cut{zone: dnssec.Unsigned("wide.example.", dnssec.Insecure, "newer", dnssec.Trouble{}, time.Time{}), until: time.Now().Add(time.Minute), servers: []server{{name: "ns.new."}}})
			}
			return m
		}, vendor2At)
		r.facts.answered(netip.AddrPortFrom(mustAddr(vendorAt), 53), time.Millisecond)
		a := ask(t, r, "jwk.cnf.wide.example.", dnssec.TypeTLSA)
		t.Log(a.Security)
		e, ok := r.cache.PeekString(cutKey("wide.example."), time.Time{})
		if !ok || e.cut.zone.How != "newer" {
			t.Errorf("the newer cut is gone: %v %v", ok, e.cut.zone.How)
		}
	})
}

// TestWidenedZoneMoves: a zone that has named servers of its own is found where it has moved to.
func TestWidenedZoneMoves(t *testing.T) {
	const newAt = "192.0.2.95"
	for _, own := range []int{0, 1, 2, 3, 6, 11} {
		for _, how := range []string{"silent", "refuse"} {
			t.Run(fmt.Sprintf("%d own servers, %s", own, how), func(t *testing.T) {
				records := "jwk.cnf 300 TLSA 255 255 255 " + key
				for i := range own {
					records += fmt.Sprintf("\n@ 3600 NS own%d.vendor.test.", i)
				}
				wide := site{name: "wide.example.", at: []string{vendorAt, vendor2At}, records: records}
				bubble(t, tree(wide), func(t *testing.T, l *lab) {
					gone := []string{vendorAt, vendor2At}
					for i := range own {
						at := fmt.Sprintf("192.0.2.%d", 100+i)
						gone = append(gone, at)
						if err := l.zones["vendor.test."].Replace(parse(t, ".", fmt.Sprintf("own%d.vendor.test. 300 A %s", i, at))...); err != nil {
							t.Fatal(err)
						}
						l.on[mustAddr(at)] = map[string]*zone.Zone{"wide.example.": l.zones["wide.example."]}
					}
					l.on[mustAddr(newAt)] = map[string]*zone.Zone{"wide.example.": l.zones["wide.example."]}
					set := l.zones["wide.example."].Answer("wide.example.", dns.TypeNS, true, time.Now()).Answer
					r := l.resolver(t)
					l.lie(silent, vendorAt) // one lost packet
					l.lie(func(_ string, q, m *dns.Msg) *dns.Msg {
						if q.Question[0].Qtype == dns.TypeTLSA && own > 0 {
							m.Ns = append(m.Ns, slices.Clone(set)...)
						}
						return m
					}, vendor2At)
					r.facts.answered(netip.AddrPortFrom(mustAddr(vendorAt), 53), time.Millisecond)
					if a := ask(t, r, "jwk.cnf.wide.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure {
						t.Fatalf("%s %+v", a.Security, a.Trouble)
					}
					if how == "silent" {
						l.lie(silent, gone...)
					} else {
						l.lie(func(_ string, _, m *dns.Msg) *dns.Msg {
							m.Rcode = dns.RcodeRefused
							m.Answer, m.Ns = nil, nil
							return m
						}, gone...)
					}
					redelegate(t, l, exampleAt, "wide.example.", "wide.example. 3600 NS fresh.wide.example.", "fresh.wide.example. 3600 A "+newAt)
					time.Sleep(6 * time.Minute)
					l.count()
					began := time.Now()
					a := ask(t, r, "jwk.cnf.wide.example.", dnssec.TypeTLSA)
					if log := l.log(); a.Security != dnssec.Secure {
						t.Errorf("%s after %s and %d messages: %s\n%s", a.Security, time.Since(began), len(log), a.Trouble.Text, strings.Join(log[max(0, len(log)-3):], "\n"))
					}
				})
			})
		}
	}
}
