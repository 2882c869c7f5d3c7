package resolver

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestThreatParentsChaos: of the zone above one server or the other has an old copy, or lies, fails and falls silent by
// chance. Nothing is confirmed while one that speaks as it knows delegates in another way, all of it within bounds; and
// once all is as it should be it is confirmed.
func TestThreatParentsChaos(t *testing.T) {
	older := []func([]site){
		func(s []site) { s[3].ds = otherDS },
		func(s []site) { s[3].ds = func([]dns.RR) []dns.RR { return nil } },
		func(s []site) { s[3].ds = func(ds []dns.RR) []dns.RR { return append(ds, otherDS(ds)...) } },
		func(s []site) { s[3].at = []string{vendorAt} },
		func(s []site) { s[3].at = append(s[3].at, thirdAt) },
		func(s []site) { s[3].ns = []string{"ns8.vendor.example.", "ns9.vendor.example."} },
		func(s []site) { s[3].name = "other.example." },
	}
	parents, children := []string{exampleAt, example2At}, []string{vendorAt, vendor2At}
	confirmed, parted := 0, 0
	for seed := range 60 {
		synctest.Test(t, func(t *testing.T) {
			l := doubled(t)
			chance := dice{of: rand.New(rand.NewPCG(uint64(seed), 17))}
			r := l.resolver(t)
			lies := faces(t)
			for range 4 {
				var known []int // which copies those have that do not lie
				for _, at := range parents {
					which := -1
					if chance.IntN(4) == 0 {
						which = chance.IntN(len(older))
					}
					l.delegates(t, at, func(s []site) {
						if which >= 0 {
							older[which](s)
						}
					})
					l.lie(nil, at)
					if chance.IntN(3) > 0 {
						known = append(known, which)
						continue
					}
					mood := lies[chance.IntN(len(lies))]
					l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
						if chance.IntN(3) == 0 {
							return r
						}
						return mood(network, q, r)
					}, at)
				}
				apart := len(known) == 2 && known[0] != known[1]
				for _, at := range children {
					l.lie(nil, at)
					if chance.IntN(8) == 0 {
						l.lie(lies[chance.IntN(len(lies))], at)
					}
				}
				l.count()
				e := rollOf(t, r, owner)
				h := &e.Hops[len(e.Hops)-1]
				secure := e.Answer.Security == dnssec.Secure
				switch n := l.count(); {
				case n > maxEachSends:
					t.Fatalf("seed %d: %d messages", seed, n)
				case secure && e.Differ, secure && h.Zone == "vendor.example." && (len(e.Answer.Data) == 0 || e.Answer.Data[0][3] != 0x80):
					t.Fatalf("seed %d: %+v", seed, e.Answer)
				case secure && apart:
					t.Fatalf("seed %d: they do not lie, and have different copies: %+v\n%s", seed, e.Answer, referred(h))
				case !secure && !e.Differ && len(e.Answer.Data) > 0 && e.Answer.Security != dnssec.Insecure:
					t.Fatalf("seed %d: %+v", seed, e.Answer)
				case secure:
					confirmed++
				case h.Parted:
					parted++
				}
				time.Sleep(time.Duration(chance.IntN(4000)) * time.Second)
			}
			for _, at := range parents {
				l.delegates(t, at, func([]site) {})
			}
			l.lie(nil, append(parents, children...)...)
			time.Sleep(maxChainTTL + time.Minute)
			if e := rollOf(t, r, owner); e.Differ || e.Answer.Security != dnssec.Secure || len(e.Answer.Data) != 1 {
				t.Fatalf("seed %d: not healed: %+v\n%s", seed, e.Answer, referred(&e.Hops[0]))
			}
		})
		if t.Failed() {
			return
		}
	}
	if confirmed < 20 || parted < 20 {
		t.Errorf("%d were confirmed, %d parted: the lies are too many, or too few", confirmed, parted)
	}
}
