package resolver

import (
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestAnchorAnsweredAbove: where the server of a parent answers in place of a
// zone that has a trust anchor, nothing is believed, and the zone itself is
// found by the next question.
func TestAnchorAnsweredAbove(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		anchors, err := dnssec.ParseAnchors([]string{l.zones["vendor.example."].DS(dns.SHA256)[0].String()})
		if err != nil {
			t.Fatal(err)
		}
		r := l.resolver(t, func(c *Config) { c.Anchors = &anchors })
		l.lie(func(_ string, q, _ *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			if m.Authoritative = true; q.Question[0].Qtype != dns.TypeA {
				return m.SetRcode(q, dns.RcodeServerFailure)
			}
			m.Answer = parse(t, ".", "x.vendor.example. 300 A "+evilAt)
			return m
		}, exampleAt)
		if a := ask(t, r, "x.vendor.example.", dns.TypeA); a.Security == dnssec.Secure || a.Security == dnssec.Insecure || a.Kind != dnssec.NoAnswer {
			t.Errorf("the parent is believed: %s, kind %d", a.Security, a.Kind)
		}
		l.lie(nil, exampleAt)
		if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure || len(a.Data) != 1 {
			t.Errorf("%s, %d records (%s)", a.Security, len(a.Data), a.Trouble.Text)
		}
	})
}
