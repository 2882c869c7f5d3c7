package resolver

import (
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestEachOfLameServers: who was heard and does not serve the zone is told from who was not heard, of
// each server and of all of them.
func TestEachOfLameServers(t *testing.T) {
	refused := func(_ string, _, r *dns.Msg) *dns.Msg {
		r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
		return r
	}
	const name = "jwk.cnf.bare.example."
	for _, c := range []struct {
		claim       string
		first, then func(string, *dns.Msg, *dns.Msg) *dns.Msg
		lame        int // servers
		all         bool
	}{
		{"both refuse", refused, refused, 2, true},
		{"one refuses, and one is silent", refused, silent, 1, true},
		{"both are silent", silent, silent, 0, false},
		{"one refuses, and one answers", refused, nil, 1, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree(site{name: "bare.example.", at: []string{otherAt, evilAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key})...)
				r := l.resolver(t)
				if e := rollOf(t, r, name); e.Differ || e.Answer.Security != dnssec.Insecure || len(e.Answer.Data) != 1 || len(e.Hops[0].Servers) != 2 {
					t.Fatalf("before: %s", heard(&e.Hops[0]))
				}
				l.lie(c.first, otherAt)
				l.lie(c.then, evilAt)
				e := rollOf(t, r, name)
				lame := 0
				for _, s := range e.Hops[0].Servers {
					if s.Trouble.Lame && s.Address.IsValid() {
						lame++
					}
				}
				if lame != c.lame || e.Answer.Trouble.Lame != c.all || e.Answer.Trouble.Unreachable == (c.then == nil) {
					t.Errorf("%d lame, %+v\n%s", lame, e.Answer.Trouble, heard(&e.Hops[0]))
				}
			})
		})
	}
}
