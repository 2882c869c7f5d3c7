package resolver

import (
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// TestBogusZoneHeals: a zone that was Bogus for a while is right again as soon as
// its keys are, also where its parent can say no more than its DS, and where the
// delegation moved meanwhile; one that is gone stays gone.
func TestBogusZoneHeals(t *testing.T) {
	both := []string{vendorAt, vendor2At}
	for _, c := range []struct {
		claim string
		heal  func(t *testing.T, l *lab)
		want  dnssec.Security
		kind  dnssec.Kind
	}{
		{"still without signatures", func(*testing.T, *lab) {}, dnssec.Bogus, dnssec.Positive},
		{"its keys are signed again", func(_ *testing.T, l *lab) { l.lie(nil, both...) }, dnssec.Secure, dnssec.Positive},
		{"and its parent answers nothing but DS", func(_ *testing.T, l *lab) {
			l.lie(nil, both...)
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeDS {
					return r
				}
				return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
			}, exampleAt)
		}, dnssec.Secure, dnssec.Positive},
		{"it moved to another server", func(t *testing.T, l *lab) {
			l.on[mustAddr(evilAt)] = map[string]*zone.Zone{"vendor.example.": l.zones["vendor.example."]}
			for _, n := range []string{"ns1", "ns2"} {
				if err := l.zones["example."].Replace(parse(t, ".", n+".vendor.example. 3600 A "+evilAt)...); err != nil {
					t.Fatal(err)
				}
			}
		}, dnssec.Secure, dnssec.Positive},
		{"it was taken away", func(t *testing.T, l *lab) {
			l.lie(nil, both...)
			for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS} {
				if err := l.zones["example."].Remove("vendor.example.", rrtype); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range []string{"ns1", "ns2"} {
				if err := l.zones["example."].Remove(n+".vendor.example.", dns.TypeA); err != nil {
					t.Fatal(err)
				}
			}
		}, dnssec.Secure, dnssec.NoName},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				l.lie(edit(dns.TypeDNSKEY, stripSignatures), both...)
				if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Bogus {
					t.Fatalf("%s (%s)", a.Security, a.Trouble.Text)
				}
				c.heal(t, l)
				l.count()
				time.Sleep(59 * time.Second)
				if a := ask(t, r, "www.vendor.example.", dns.TypeTXT); a.Security != dnssec.Bogus {
					t.Errorf("before its time: %s", a.Security)
				}
				time.Sleep(2 * time.Second)
				a := ask(t, r, owner, dnssec.TypeTLSA)
				if a.Security != c.want || a.Kind != c.kind {
					t.Errorf("%s, kind %d (%s); want %s, kind %d", a.Security, a.Kind, a.Trouble.Text, c.want, c.kind)
				}
				if n := l.count(); n > 20 {
					t.Errorf("%d messages", n)
				}
			})
		})
	}
}

// TestMovedZone: a zone whose servers fall silent or refuse is looked for at its
// parent within the same question; where it did not move that costs one message.
func TestMovedZone(t *testing.T) {
	refuse := func(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) }
	both := []string{vendorAt, vendor2At}
	for _, c := range []struct {
		claim string
		lie   func(string, *dns.Msg, *dns.Msg) *dns.Msg
		moved bool
		key   bool // the new servers have the keys that the parent vouches for
		want  dnssec.Security
	}{
		{"refused, not moved", refuse, false, true, dnssec.Indeterminate},
		{"refused, moved", refuse, true, true, dnssec.Secure},
		{"silent, moved", silent, true, true, dnssec.Secure},
		{"refused, taken over by one without the keys", refuse, true, false, dnssec.Bogus},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t)
				if a := ask(t, r, "www.vendor.example.", dns.TypeTXT); a.Security != dnssec.Secure {
					t.Fatal(a.Trouble.Text)
				}
				l.lie(c.lie, both...)
				if c.moved {
					l.on[mustAddr(evilAt)] = map[string]*zone.Zone{"vendor.example.": l.zones["vendor.example."]}
					for _, n := range []string{"ns1", "ns2"} {
						if err := l.zones["example."].Replace(parse(t, ".", n+".vendor.example. 3600 A "+evilAt)...); err != nil {
							t.Fatal(err)
						}
					}
				}
				if !c.key {
					l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
						flipBit(r)
						for _, rr := range r.Answer {
							if k, ok := rr.(*dns.DNSKEY); ok {
								k.PublicKey = "AAAA" + k.PublicKey[4:]
							}
						}
						return r
					}, evilAt)
				}
				l.count()
				a := ask(t, r, owner, dnssec.TypeTLSA)
				if a.Security != c.want || c.want != dnssec.Secure && len(a.Data) > 0 {
					t.Errorf("%s, %d records (%s)", a.Security, len(a.Data), a.Trouble.Text)
				}
				if n := 0; !c.moved {
					for _, s := range l.log() {
						if strings.HasPrefix(s, exampleAt+" ") {
							n++
						}
					}
					if n != 1 {
						t.Errorf("the parent was asked %d times", n)
					}
				}
			})
		})
	}
}
