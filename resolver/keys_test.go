package resolver

import (
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestAskKeys asks for the keys of zones from the root to one that is signed by
// nobody who is trusted, by walking and through a forwarder.
func TestAskKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		walked := l.resolver(t)
		forwarded := l.resolver(t, l.forward(forwarderAt))
		l.fetching(nil, forwarderAt)
		for how, r := range map[string]*Resolver{"walked": walked, "forwarded": forwarded} {
			for _, zone := range []string{".", "example.", "vendor.example.", "broken.example."} {
				for range 2 { // the second time as well: nothing of it is cached
					l.count()
					keys := 0
					err := r.AskKeys(t.Context(), zone, func(m *dns.Msg) bool {
						for _, rr := range m.Answer {
							if k, ok := rr.(*dns.DNSKEY); ok && dnssec.Canonical(k.Hdr.Name) == zone {
								keys++
							}
						}
						return true
					})
					if err != nil || keys == 0 || l.count() == 0 {
						t.Errorf("%s: %s: %d keys, %v", how, zone, keys, err)
					}
				}
			}
		}
		if err := walked.AskKeys(t.Context(), "www.vendor.example.", func(*dns.Msg) bool { return true }); err == nil {
			t.Error("a name that is no zone has keys")
		}
	})
}

// TestSetAnchors takes the root's key away from a resolver that has proven much
// by it, and gives it back.
func TestSetAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, forwardTree()...)
		r := l.resolver(t)
		right := *r.anchors.Load()
		if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("the set-up is wrong: %+v", a)
		}
		for _, step := range []struct {
			claim   string
			anchors dnssec.Anchors
			want    dnssec.Security
		}{
			{"every anchor was revoked", right.WithAt(".", &dnssec.Trust{Anchor: true}), dnssec.Bogus},
			{"the right one is back", right, dnssec.Secure},
			{"another one", dnssec.RootAnchors(), dnssec.Bogus},
			{"none at all", dnssec.Anchors{}, dnssec.Indeterminate},
			{"the right one once more", right, dnssec.Secure},
		} {
			r.SetAnchors(step.anchors)
			a := ask(t, r, owner, dns.TypeTLSA)
			if a.Security != step.want {
				t.Errorf("%s: %s, want %s: %+v", step.claim, a.Security, step.want, a.Trouble)
			}
			if err := r.Ready(t.Context()); (err != nil) != (step.want == dnssec.Bogus) {
				t.Errorf("%s: ready: %v", step.claim, err)
			}
		}
	})
}
