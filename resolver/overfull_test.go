package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// padding makes servers add n NSEC or NSEC3 records to whatever denies something, each with
// a signature that does not hold where signed is set.
func padding(tb testing.TB, n int, line string, signed bool) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
	return func(_ string, _, r *dns.Msg) *dns.Msg {
		if !slices.ContainsFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNSEC }) {
			return r
		}
		for i := range n {
			rrs := parse(tb, ".", fmt.Sprintf(line, i))
			r.Ns = append(r.Ns, rrs...)
			if h := rrs[0].Header(); signed {
				r.Ns = append(r.Ns, parse(tb, ".", fmt.Sprintf("%s 300 RRSIG %s 13 3 300 20360101000000 20160101000000 1 two.example. AAAA", h.Name, dns.Type(h.Rrtype)))...)
			}
		}
		return r
	}
}

// TestPaddedByOneServer: however many denials one server of two adds to its own, signed or
// not, what the other proves is found, of a name and of a child; that it costs too much is
// said where nobody has fewer.
func TestPaddedByOneServer(t *testing.T) {
	const nsec, nsec3 = "x%d.two.example. 300 NSEC z.two.example. A", "%032d.two.example. 300 NSEC3 1 0 0 - 00000000000000000000000000000000 A"
	sites := tree(
		site{name: "two.example.", at: []string{otherAt, evilAt}, records: "www 300 TXT x\n"},
		site{name: "bare.two.example.", at: []string{vendorAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"},
	)
	one, both := []string{otherAt}, []string{otherAt, evilAt}
	for _, c := range []struct {
		claim string
		lie   func(string, *dns.Msg, *dns.Msg) *dns.Msg
		at    []string
		text  string // of what is too much; "": what they deny is proven
	}{
		{"nothing", nil, nil, ""},
		{"nine NSEC3 that nobody has signed", padding(t, 9, nsec3, false), one, ""},
		{"17 NSEC that nobody has signed", padding(t, 17, nsec, false), one, ""},
		{"nine NSEC3 that nobody has signed, everywhere", padding(t, 9, nsec3, false), both, ""},
		{"nine NSEC3 with signatures", padding(t, 9, nsec3, true), one, ""},
		{"17 NSEC with signatures", padding(t, 17, nsec, true), one, ""},
		{"nine NSEC3 with signatures, everywhere", padding(t, 9, nsec3, true), both, "8 NSEC3 records in a message"},
		{"17 NSEC with signatures, everywhere", padding(t, 17, nsec, true), both, "16 NSEC records in a message"},
	} {
		for name, want := range map[string]dnssec.Security{"jwk.cnf.two.example.": dnssec.Secure, "jwk.cnf.bare.two.example.": dnssec.Insecure} {
			right := 0
			var got *dnssec.Answer
			for range 6 { // which of the two is asked first is left to chance
				bubble(t, sites, func(t *testing.T, l *lab) {
					l.lie(c.lie, c.at...)
					a := ask(t, l.resolver(t), name, dns.TypeTLSA)
					costly := a.Kind == dnssec.NoAnswer && a.Rcode == dns.RcodeServerFailure && a.Trouble.Budget && strings.Contains(a.Trouble.Text, c.text)
					if sent := l.count(); sent > 16 {
						t.Errorf("%s, %s: %d messages", c.claim, name, sent)
					}
					if c.text == "" && a.Security == want && a.Kind != dnssec.NoAnswer || c.text != "" && a.Security == dnssec.Indeterminate && costly {
						right++
					} else {
						got = a
					}
				})
			}
			if got != nil {
				t.Errorf("%s, %s: right %d times of 6, else %s, kind %d, %+v", c.claim, name, right, got.Security, got.Kind, got.Trouble)
			}
		}
	}
}

// TestPaddedByOneForwarder: nor does one forwarder of two.
func TestPaddedByOneForwarder(t *testing.T) {
	pad := padding(t, 9, "%032d.vendor.example. 300 NSEC3 1 0 0 - 00000000000000000000000000000000 A", true)
	for range 6 {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			forward := l.forward(forwarderAt, forwarder2At)
			l.fetching(func(q, r *dns.Msg) {
				if q.Question[0].Qtype == dns.TypeTLSA {
					pad("udp", q, r)
				}
			}, forwarderAt)
			l.fetching(nil, forwarder2At)
			if a := ask(t, l.resolver(t, forward), "jwk.cnf.absent.vendor.example.", dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.NoName {
				t.Errorf("%s, kind %d, %+v", a.Security, a.Kind, a.Trouble)
			}
		})
	}
}
