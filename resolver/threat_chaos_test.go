package resolver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// faces are what a server may do to a reply; each is a lie, a fault or a habit.
func faces(t testing.TB) []func(network string, q, r *dns.Msg) *dns.Msg {
	rcode := func(code int) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) }
	}
	on := func(f func(r *dns.Msg)) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, _, r *dns.Msg) *dns.Msg { f(r); return r }
	}
	without := func(rrtype uint16) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return on(func(r *dns.Msg) { drop(r, rrtype) })
	}
	each := func(r *dns.Msg, f func(rr dns.RR)) {
		for _, section := range [][]dns.RR{r.Answer, r.Ns} {
			for _, rr := range section {
				f(rr)
			}
		}
	}
	refer := func(to func(name string) string) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, q, r *dns.Msg) *dns.Msg {
			child := to(q.Question[0].Name)
			u := new(dns.Msg).SetReply(q)
			u.Ns, u.Extra = parse(t, ".", child+" 300 NS ns66.forger.example."), parse(t, ".", "ns66.forger.example. 300 A "+evilAt)
			return u
		}
	}
	return []func(string, *dns.Msg, *dns.Msg) *dns.Msg{
		silent, refusing, truncating, rcode(dns.RcodeServerFailure), rcode(dns.RcodeFormatError), rcode(dns.RcodeNameError), rcode(dns.RcodeSuccess), rcode(dns.RcodeYXDomain),
		without(dns.TypeRRSIG), without(dns.TypeDS), without(dns.TypeNSEC), without(dns.TypeNSEC3), without(dns.TypeDNSKEY), without(dns.TypeSOA), without(dns.TypeNS), without(dns.TypeTLSA),
		on(flipBit), on(spoiled(3, true)), on(spoiled(8, false)),
		on(func(r *dns.Msg) { r.Answer = nil }), on(func(r *dns.Msg) { r.Ns = nil }), on(func(r *dns.Msg) { r.Extra = nil }),
		on(func(r *dns.Msg) { r.Authoritative = !r.Authoritative }), on(func(r *dns.Msg) { r.RecursionAvailable = true }),
		on(func(r *dns.Msg) { r.Answer, r.Ns = r.Ns, r.Answer }), on(func(r *dns.Msg) { slices.Reverse(r.Answer); slices.Reverse(r.Ns) }),
		on(func(r *dns.Msg) { r.Answer, r.Ns = append(r.Answer, r.Answer...), append(r.Ns, r.Ns...) }),
		on(func(r *dns.Msg) { each(r, func(rr dns.RR) { rr.Header().Ttl = 0 }) }),
		on(func(r *dns.Msg) { each(r, func(rr dns.RR) { rr.Header().Ttl = 1<<31 - 1 }) }),
		on(func(r *dns.Msg) { each(r, func(rr dns.RR) { rr.Header().Class = dns.ClassCHAOS }) }),
		on(func(r *dns.Msg) {
			each(r, func(rr dns.RR) {
				if s, ok := rr.(*dns.RRSIG); ok {
					s.SignerName = dnssec.Parent(s.SignerName)
				}
			})
		}),
		on(func(r *dns.Msg) {
			each(r, func(rr dns.RR) {
				if s, ok := rr.(*dns.RRSIG); ok && s.Labels > 0 {
					s.Labels--
				}
			})
		}),
		on(func(r *dns.Msg) {
			r.Answer = append(r.Answer, parse(t, ".", r.Question[0].Name+" 300 CNAME jwk.cnf.bare.example.")...)
		}),
		on(func(r *dns.Msg) {
			r.Answer = parse(t, ".", r.Question[0].Name+" 300 TLSA 255 255 255 "+strings.Repeat("66", 32))
		}),
		on(func(r *dns.Msg) {
			r.Ns = append(r.Ns, parse(t, ".", "vendor.example. 300 NS ns66.forger.example.\nexample. 300 NS ns66.forger.example.")...)
			r.Extra = append(r.Extra, parse(t, ".", "ns66.forger.example. 300 A "+evilAt+"\nns1.vendor.example. 300 A "+evilAt)...)
		}),
		refer(func(string) string { return "." }), refer(func(name string) string { return name }), refer(dnssec.Parent),
		refer(func(name string) string { return dnssec.Ancestor(name, 2) }),
		func(_ string, _, r *dns.Msg) *dns.Msg { time.Sleep(300 * time.Millisecond); return r },
	}
}

// dice are thrown by several at once.
type dice struct {
	mu sync.Mutex // guards of
	of *rand.Rand
}

func (d *dice) IntN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of.IntN(n)
}

// TestThreatChaos: servers that lie, fail and fall silent by chance, each in its own
// way and all at once, make nothing Secure that is not so, nothing absent that is there,
// and nothing unsigned that is signed; and when all are honest again all heals.
func TestThreatChaos(t *testing.T) {
	const bare = "jwk.cnf.bare.example."
	forged := strings.Repeat("66", 32)
	names := []struct {
		name string
		kind dnssec.Kind
		want dnssec.Security
	}{
		{owner, dnssec.Positive, dnssec.Secure}, {"out.vendor.example.", dnssec.Positive, dnssec.Secure}, {"jwk.cnf.vendor.test.", dnssec.Positive, dnssec.Secure},
		{"jwk.cnf.absent.vendor.example.", dnssec.NoName, dnssec.Secure}, {"www.vendor.example.", dnssec.NoData, dnssec.Secure},
		{"jwk.cnf.absent.vendor.test.", dnssec.NoName, dnssec.Secure}, {"x.wild.vendor.example.", dnssec.Positive, dnssec.Secure}, {bare, dnssec.Positive, dnssec.Insecure},
	}
	servers := []string{rootAt, exampleAt, testAt, vendorAt, vendor2At, otherAt, "192.0.2.9"}
	for seed := range 100 {
		bubble(t, tree(site{name: "bare.example.", at: []string{"192.0.2.9"}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key}), func(t *testing.T, l *lab) {
			// A forger who has made himself the whole tree below the root, signed and all.
			fake := newLab(t, site{name: "vendor.example.", at: []string{evilAt}, policy: withKey(t, &zone.Policy{}), records: "jwk.cnf TLSA 255 255 255 " + forged + "\n*.wild TLSA 255 255 255 " + forged},
				site{name: "vendor.test.", at: []string{evilAt}, bare: true, records: "jwk.cnf TLSA 255 255 255 " + forged}, site{name: "example.", at: []string{evilAt}, bare: true})
			l.on[mustAddr(evilAt)] = fake.on[mustAddr(evilAt)]
			chance := dice{of: rand.New(rand.NewPCG(uint64(seed), 5))}
			r := l.resolver(t)
			check := func(when string, i int, healed bool) {
				t.Helper()
				n := names[i]
				l.count()
				began := time.Now()
				a, _ := lookup(t, r, noCache(0), n.name)
				bad := ""
				switch {
				case a.Security == dnssec.Secure && (n.want != dnssec.Secure || a.Kind != n.kind):
					bad = "Secure, and not so"
				case len(a.Data) > 0 && a.Data[0][3] != 0x80 && (n.name != bare || a.Security == dnssec.Secure):
					bad = "forged"
				case a.Security == dnssec.Insecure && n.want == dnssec.Secure:
					bad = "unsigned, and signed it is"
				case len(a.Data) > 0 && a.Security != dnssec.Secure && a.Security != dnssec.Insecure:
					bad = "data without proof"
				case healed && (a.Security != n.want || a.Kind != n.kind):
					bad = "not healed"
				}
				if log := l.log(); bad != "" || len(log) > 64 || time.Since(began) > 7*time.Second {
					t.Fatalf("seed %d, %s, %s: %s: %s, kind %d, %x %+v\n%d messages in %s\n%s", seed, when, n.name, bad, a.Security, a.Kind, a.Data, a.Trouble, len(log), time.Since(began), strings.Join(log, "\n"))
				}
			}
			for i := range names {
				if seed%2 == 0 { // else nothing is known when the lies begin
					check("before", i, true)
				}
			}
			lies := faces(t)
			for round := range 3 {
				for _, at := range servers {
					mood, often := []int{chance.IntN(len(lies)), chance.IntN(len(lies))}[chance.IntN(2):], 1+chance.IntN(4)
					if chance.IntN(3) == 0 {
						l.lie(nil, at)
						continue
					}
					l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
						for _, m := range mood {
							if chance.IntN(4) >= often || r == nil {
								continue
							}
							r = lies[m](network, q, r)
						}
						return r
					}, at)
				}
				for range 8 {
					check(fmt.Sprint("round ", round), chance.IntN(len(names)), false)
				}
				time.Sleep(time.Duration(chance.IntN(4000)) * time.Second)
			}
			l.lie(nil, servers...)
			time.Sleep(maxChainTTL + time.Minute) // as long as a delegation lives, which nobody signs
			for i := range names {
				check("after", i, true)
			}
		})
		if t.Failed() {
			return
		}
	}
}
