package resolver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cnfd/dnssec"
)

// TestManyThingsAtOnce: questions, purges, new anchors and lost packets in any order: no
// wrong answer, none older than allowed, and nothing left behind.
func TestManyThingsAtOnce(t *testing.T) {
	none := func([]dns.RR) []dns.RR { return nil }
	sites := tree(
		site{name: "co.test.", at: []string{"192.0.2.71"}, bare: true, ds: none},
		site{name: "good.co.test.", at: []string{"192.0.2.73", "192.0.2.74"}, bare: true, ds: none, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n*.all 300 TLSA 255 255 255 " + key},
		site{name: "left.example.", at: []string{otherAt}, ns: []string{"ns1.right.test."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nns9 300 A " + otherAt},
		site{name: "right.test.", at: []string{evilAt, otherAt}, ns: []string{"ns1.right.test.", "ns9.left.example."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nns1 300 A " + otherAt},
		site{name: "a.b.c.vendor.example.", at: []string{"192.0.2.75", "192.0.2.76"}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "hid.vendor.example.", at: []string{vendorAt, vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
	)
	names := map[string]dnssec.Security{
		owner: dnssec.Secure, "a.vendor.example.": dnssec.Secure, "out.vendor.example.": dnssec.Secure, "jwk.cnf.left.example.": dnssec.Secure,
		"jwk.cnf.right.test.": dnssec.Secure, "jwk.cnf.good.co.test.": dnssec.Insecure, "x.y.all.good.co.test.": dnssec.Insecure, "jwk.cnf.a.b.c.vendor.example.": dnssec.Secure,
		"jwk.cnf.hid.vendor.example.": dnssec.Secure, "n.x.y.z.vendor.example.": dnssec.Secure, "jwk.cnf.nope.test.": dnssec.Secure, "1.8.left.example.": dnssec.Secure,
	}
	var list []string
	for n := range names {
		list = append(list, n)
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, sites, func(t *testing.T, l *lab) {
				var mu sync.Mutex
				rng := rand.New(rand.NewPCG(seed, 1))
				roll := func(n int) int { mu.Lock(); defer mu.Unlock(); return rng.IntN(n) }
				r := l.resolver(t, func(c *Config) {
					c.WholeNames = seed%5 == 4
					if seed%4 == 1 {
						c.Stubs = []Stub{{Zone: "vendor.example.", Addresses: []netip.Addr{mustAddr(vendorAt)}}}
					}
				})
				r.chance = func(n int) bool { return roll(n) == 0 }
				loss := []int{1000000, 20, 6}[seed%3]
				l.lie(func(_ string, q, m *dns.Msg) *dns.Msg {
					if roll(loss) == 0 {
						return nil
					}
					time.Sleep(time.Duration(roll(30)) * time.Millisecond)
					return m
				}, rootAt, exampleAt, testAt, vendorAt, vendor2At, otherAt, "192.0.2.71", "192.0.2.73", "192.0.2.74", "192.0.2.75", "192.0.2.76")
				stop := make(chan struct{})
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Duration(roll(300)) * time.Millisecond):
						}
						switch roll(4) {
						case 0:
							r.Drop([]string{"vendor.example.", "test.", ".", "left.example."}[roll(4)])
						case 1:
							r.SetAnchors(*r.anchors.Load())
						case 2:
							n, _ := dnssec.NameOf(list[roll(len(list))])
							r.Lookup(t.Context(), dnssec.Question{Name: n, Type: dnssec.TypeTLSA, At: time.Now()})
						case 3:
							ctx, c := context.WithTimeout(t.Context(), time.Duration(roll(100))*time.Millisecond)
							r.Ready(ctx)
							c()
						}
					}
				}()
				var wg sync.WaitGroup
				for range 200 {
					wg.Go(func() {
						time.Sleep(time.Duration(roll(3000)) * time.Millisecond)
						name := list[roll(len(list))]
						q := dnssec.Question{Type: dnssec.TypeTLSA}
						if roll(2) == 0 {
							q = noCache(0)
						}
						began := time.Now()
						a, _ := lookup(t, r, q, name)
						if took := time.Since(began); took > 15*time.Second {
							t.Errorf("%s took %s", name, took)
						}
						if lost := a.Security == dnssec.Indeterminate && a.Trouble.Unreachable; a.Security != names[name] && !lost {
							t.Errorf("one packet in %d lost: %s %s %s", loss, name, a.Security, a.Trouble.Text)
						}
						if q.Bounded && a.Fetched.Before(began) && !failed(a) {
							t.Errorf("%s too old", name)
						}
					})
				}
				wg.Wait()
				close(stop)
				time.Sleep(10 * time.Second)
				r.crowd.mu.Lock()
				defer r.crowd.mu.Unlock()
				r.steps.mu.Lock()
				defer r.steps.mu.Unlock()
				if len(r.steps.of) > 0 || r.crowd.guests.Len() > 0 {
					t.Errorf("%v %d", r.steps.of, r.crowd.guests.Len())
				}
			})
		})
	}
}
