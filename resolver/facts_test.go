package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestServersAreTriedAgain: who was slow or silent once is found out to be the better
// one now, without a dead server being asked first again and again.
func TestServersAreTriedAgain(t *testing.T) {
	slowly := func(by time.Duration) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		return func(_ string, _, r *dns.Msg) *dns.Msg {
			time.Sleep(by) // of the bubble
			return r
		}
	}
	for _, c := range []struct {
		claim string
		first func(string, *dns.Msg, *dns.Msg) *dns.Msg // what the one server does at first
		then  func(string, *dns.Msg, *dns.Msg) *dns.Msg // and what the other does later
	}{
		{"slow, then the quicker one", slowly(60 * time.Millisecond), slowly(300 * time.Millisecond)},
		{"silent, then the only one", silent, silent},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				r.chance = func(oneIn int) bool { return rand.IntN(oneIn) == 0 }
				share := func(label string, questions int) (one, other int) {
					l.count()
					for i := range questions {
						a, _ := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA, Bounded: true}, fmt.Sprintf("%s%d.wild.vendor.example.", label, i))
						if a.Security != dnssec.Secure {
							t.Fatalf("%s %+v", a.Security, a.Trouble)
						}
						for _, line := range l.log() {
							switch netip.MustParseAddr(line[:len(vendorAt)]) {
							case mustAddr(vendorAt):
								one++
							case mustAddr(vendor2At):
								other++
							}
						}
						time.Sleep(time.Second)
					}
					return one, other
				}
				l.lie(c.first, vendorAt)
				if one, other := share("a", 500); one > 60 || other < 450 {
					t.Errorf("while it is the worse one: asked %d times, the other %d", one, other)
				}
				l.lie(nil, vendorAt)
				l.lie(c.then, vendor2At)
				share("b", 500)
				if one, other := share("c", 500); one < 450 || other > 60 {
					t.Errorf("when it is the better one: asked %d times, the other %d", one, other)
				}
			})
		})
	}
}

// TestFactsAge: what was measured long ago no longer counts, and of all who come upon a
// server that was silent one tries it.
func TestFactsAge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	f := newFacts(func() time.Time { return now })
	a := netip.MustParseAddrPort("192.0.2.1:53")
	f.answered(a, 300*time.Millisecond)
	if x := f.get(a); x.rtt != 300*time.Millisecond {
		t.Errorf("%+v", x)
	}
	now = now.Add(factLife + time.Second)
	if x := f.get(a); x.rtt != 0 {
		t.Errorf("%+v after %s", x, factLife)
	}
	if !f.probe(a) {
		t.Error("a server that never was silent may not be tried")
	}
	f.failed(a)
	f.failed(a)
	if f.probe(a) {
		t.Error("tried at once")
	}
	now = now.Add(4 * time.Second)
	if !f.probe(a) || f.probe(a) {
		t.Error("after its back-off: not tried by exactly one")
	}
	for range 40 {
		f.failed(a)
	}
	now = now.Add(maxBackOff)
	if !f.probe(a) {
		t.Errorf("not tried after %s", maxBackOff)
	}
}

// TestOldFactsStayForgotten: what was learnt of a server long ago does not come back with
// its next answer.
func TestOldFactsStayForgotten(t *testing.T) {
	now := time.Unix(1e9, 0)
	f := newFacts(func() time.Time { return now })
	a := netip.MustParseAddrPort("192.0.2.1:53")
	f.answered(a, 1900*time.Millisecond)
	f.refusesEDNS(a)
	now = now.Add(factLife + time.Second)
	if x := f.get(a); x.plain || x.rtt != 0 {
		t.Fatalf("%+v", x)
	}
	f.answered(a, 10*time.Millisecond) // with EDNS
	if x := f.get(a); x.plain || x.rtt > 20*time.Millisecond {
		t.Errorf("%+v", x)
	}
}
