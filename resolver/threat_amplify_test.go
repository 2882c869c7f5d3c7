package resolver

import (
	"fmt"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// glueless is a chain of n delegations, each to a name server whose name lies in the
// next one: to reach the first, names must be looked up one for the sake of another.
// The one numbered end has servers of its own, so that the chain ends there; nothing
// but what its parent says of it hides the rest.
func glueless(n, end int) []site {
	tld := []string{"example.", "test."}
	var out []site
	for i := range n {
		s := site{name: fmt.Sprintf("d%d.%s", i, tld[i%2]), at: []string{fmt.Sprintf("203.0.113.%d", i+1)}, bare: i > 0}
		if i != end && i != n-1 {
			s.ns = []string{fmt.Sprintf("ns.d%d.%s", i+1, tld[(i+1)%2])}
		}
		s.records = "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
		if i > 0 {
			s.records += "ns 300 A " + out[i-1].at[0] + "\n" // of the zone before
		}
		out = append(out, s)
	}
	return out
}

// woven is n unsigned zones, each on a server whose name must be looked up in another
// zone and each with an alias to a name of many labels in the next; the one numbered
// end has a record instead.
func woven(n, end int) (out []site) {
	for i := range n {
		name, at := "jwk.a.b.c.d.e.f.g.h", fmt.Sprintf("203.0.113.%d", i+1)
		if i == 0 {
			name = "jwk.cnf"
		}
		record := fmt.Sprintf("%s 300 CNAME jwk.a.b.c.d.e.f.g.h.w%d.example.\n", name, i+1)
		if i == end || i == n-1 {
			record = name + " 300 TLSA 255 255 255 " + key + "\n"
		}
		out = append(out,
			site{name: fmt.Sprintf("w%d.example.", i), at: []string{at}, ns: []string{fmt.Sprintf("ns.h%d.test.", i)}, bare: true, records: record},
			site{name: fmt.Sprintf("h%d.test.", i), at: []string{evilAt}, bare: true, records: "ns 300 A " + at + "\n"})
	}
	return out
}

// aliases is a chain of n, from c0; the last leads to a record.
func aliases(n int) string {
	s := ""
	for i := range n {
		s += fmt.Sprintf("c%d 300 CNAME c%d\n", i, i+1)
	}
	return s + fmt.Sprintf("c%d 300 TLSA 255 255 255 %s\n", n, key)
}

// TestThreatAmplification: what a question may cost others, and us, in messages and
// time, whatever those who are asked say (NXNSAttack, CVE-2020-8616; iDNS; TsuNAME;
// NRDelegationAttack, CVE-2022-3204; CAMP).
func TestThreatAmplification(t *testing.T) {
	for _, c := range amplifications() {
		t.Run(c.claim, c.play)
	}
}

func amplifications() []threat {
	relayed, relayAt := relay(12, false)
	hosted := site{name: "hosted.example.", at: []string{otherAt}, ns: []string{"ns1.victim.test."}, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	victim := site{name: "victim.test.", at: []string{evilAt}, bare: true, records: "ns1 300 A " + otherAt + "\n"}
	many := site{name: "many.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key}
	var twenty []string
	for i := range 20 {
		twenty = append(twenty, fmt.Sprintf("203.0.113.%d", 200+i))
	}
	eight := twenty[:8]
	deep := "jwk.cnf." + strings.Repeat("x.", 60) + "deep.example."
	const ofHosted, ofMany = "jwk.cnf.hosted.example.", "jwk.cnf.many.example."

	return []threat{
		{
			claim: "NXNS: a delegation to forty names that do not exist", sites: []site{hosted, victim}, name: ofHosted,
			flip: func(t testing.TB, l *lab) {
				redelegate(t, l, exampleAt, "hosted.example.", lines(40, "hosted.example. 300 NS ns9#.victim.test.")...)
			},
			budget: true, text: "10 look-ups of name servers",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if n := to(log, evilAt); n > 2*10 {
					t.Errorf("whoever serves their names is asked %d times", n)
				}
			},
		},
		{
			claim: "NRDelegation: a delegation to forty servers, none of which will answer", sites: []site{many}, name: ofMany,
			flip: func(t testing.TB, l *lab) {
				records := lines(40, "many.example. 300 NS n#.many.example.")
				for i, line := range lines(40, "n#.many.example. 300 A 203.0.113.") {
					at := fmt.Sprintf("203.0.113.%d", 100+i)
					records = append(records, line+fmt.Sprint(100+i))
					l.on[mustAddr(at)] = map[string]*zone.Zone{"many.example.": l.zones["many.example."]}
					l.lie(refusing, at)
				}
				redelegate(t, l, exampleAt, "many.example.", records...)
			},
			code: dnssec.CodeNoReachable, text: "REFUSED",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if n := serversUnder(log, "203.0.113."); n > 20 {
					t.Errorf("%d servers of one delegation were asked", n)
				}
			},
		},
		{
			claim: "eight servers of an unsigned zone, all of which refuse", name: "jwk.cnf.plain.example.", before: dnssec.Insecure,
			sites: []site{{name: "plain.example.", at: eight, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key}},
			flip:  func(t testing.TB, l *lab) { l.lie(refusing, eight...) },
			code:  dnssec.CodeNoReachable, text: "REFUSED",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if len(log) > 5+8 {
					t.Errorf("%d messages\n%s", len(log), strings.Join(log, "\n"))
				}
			},
		},
		{
			claim: "twenty servers, all of which lie", name: "jwk.cnf.twenty.example.",
			sites: []site{{name: "twenty.example.", at: twenty, records: "jwk.cnf 300 TLSA 255 255 255 " + key}},
			flip:  func(t testing.TB, l *lab) { l.lie(edit(dns.TypeTLSA, stripSignatures), twenty...) },
			want:  dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeSignatureMissing,
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if n := strings.Count(strings.Join(log, "\n"), " TLSA"); n < 2 || n > 4 {
					t.Errorf("%d of them were asked", n)
				}
			},
		},
		{
			claim: "servers that are all silent", sites: []site{many}, name: ofMany,
			flip: func(t testing.TB, l *lab) { l.lie(silent, otherAt) },
			code: dnssec.CodeNoReachable, text: "no server of many.example. answers",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if n := to(log, otherAt); n > 4 { // three times, and once early
					t.Errorf("a server that stays silent is asked %d times", n)
				}
			},
		},
		{
			claim: "forty silent servers, for as long as anybody would wait", sites: []site{many}, name: ofMany,
			flip: func(t testing.TB, l *lab) {
				records := lines(40, "many.example. 300 NS n#.many.example.")
				for i, line := range lines(40, "n#.many.example. 300 A 203.0.113.") {
					records = append(records, line+fmt.Sprint(100+i)) // nobody is there
				}
				redelegate(t, l, exampleAt, "many.example.", records...)
			},
			code: dnssec.CodeNoReachable, text: "no server of many.example. answers",
		},
		{
			claim: "truncated over UDP, silent over TCP", sites: []site{many}, name: ofMany,
			flip: func(t testing.TB, l *lab) {
				l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
					if network == "tcp" {
						return nil
					}
					return truncating(network, q, r)
				}, otherAt)
			},
			code: dnssec.CodeNoReachable, text: "no server of many.example. answers",
		},
		{
			claim: "TsuNAME: two zones whose servers are found only by way of each other", sites: []site{hosted, victim}, name: ofHosted,
			flip: func(t testing.TB, l *lab) {
				redelegate(t, l, testAt, "victim.test.", "victim.test. 300 NS ns1.hosted.example.")
			},
			code: dnssec.CodeNoReachable, text: "no server of hosted.example.",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if len(log) > 9 {
					t.Errorf("a circle costs %d messages\n%s", len(log), strings.Join(log, "\n"))
				}
			},
		},
		{
			claim: "iDNS: a delegation to a name below itself", sites: []site{hosted, victim}, name: ofHosted,
			flip: func(t testing.TB, l *lab) {
				redelegate(t, l, exampleAt, "hosted.example.", "hosted.example. 300 NS ns.a.b.hosted.example.")
			},
			code: dnssec.CodeNoReachable, text: "no server of hosted.example.",
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if len(log) > 5 {
					t.Errorf("a circle costs %d messages\n%s", len(log), strings.Join(log, "\n"))
				}
			},
		},
		{
			claim: "a server's name that needs a server's name that needs …, nine deep", sites: glueless(10, 5), name: "jwk.cnf.d0.example.",
			flip: func(t testing.TB, l *lab) { redelegate(t, l, testAt, "d5.test.", "d5.test. 300 NS ns.d6.example.") },
			any:  true,
			check: func(t testing.TB, l *lab, _ *dnssec.Answer, log []string) {
				if all := strings.Join(log, "\n"); !strings.Contains(all, " d7.") || strings.Contains(all, " d8.") {
					t.Errorf("not seven deep:\n%s", all)
				}
			},
		},
		{
			claim: "the twelfth alias", name: "c0.chain.example.",
			sites: []site{{name: "chain.example.", at: []string{otherAt}, records: aliases(11) + "c12 300 TLSA 255 255 255 " + key + "\n"}},
			flip: func(t testing.TB, l *lab) {
				z := l.zones["chain.example."]
				if err := z.Remove("c11.chain.example.", dns.TypeTLSA); err != nil {
					t.Fatal(err)
				}
				if err := z.Replace(parse(t, "chain.example.", "c11 300 CNAME c12")...); err != nil {
					t.Fatal(err)
				}
			},
			budget: true, text: "more than 11 aliases",
		},
		{
			claim: "CAMP: aliases through zones whose every reply must be fetched twice", sites: relayed, name: "jwk.cnf.s0.example.",
			flip:   func(t testing.TB, l *lab) { l.lie(truncating, append(relayAt, exampleAt)...) },
			budget: true, text: "64 messages sent",
		},
		{
			claim: "aliases, look-ups of servers and labels, each of which costs the others", sites: woven(12, 2), name: "jwk.cnf.w0.example.", before: dnssec.Insecure,
			flip: func(t testing.TB, l *lab) {
				z, at := l.zones["w2.example."], "jwk.a.b.c.d.e.f.g.h.w2.example."
				if err := z.Remove(at, dns.TypeTLSA); err != nil {
					t.Fatal(err)
				}
				if err := z.Replace(parse(t, ".", at+" 300 CNAME jwk.a.b.c.d.e.f.g.h.w3.example.")...); err != nil {
					t.Fatal(err)
				}
			},
			any: true,
			check: func(t testing.TB, l *lab, a *dnssec.Answer, log []string) {
				if !a.Trouble.Budget || to(log, testAt) > 10+2 { // and its keys
					t.Errorf("%+v\n%s", a.Trouble, strings.Join(log, "\n"))
				}
			},
		},
		{
			claim: "a referral from every reply, down a name of sixty labels", name: deep, before: dnssec.Insecure,
			sites: []site{{name: "deep.example.", at: []string{otherAt}, bare: true, records: deep + " 300 TLSA 255 255 255 " + key + "\n"}},
			flip: func(t testing.TB, l *lab) {
				at := 2 // labels of the zone that was referred to last
				l.lie(func(_ string, q, _ *dns.Msg) *dns.Msg {
					at = min(at+1, dnssec.Labels(q.Question[0].Name))
					child := dnssec.Ancestor(deep, at)
					u := new(dns.Msg).SetReply(q)
					u.Ns, u.Extra = parse(t, ".", child+" 300 NS ns."+child), parse(t, ".", "ns."+child+" 300 A "+otherAt)
					return u
				}, otherAt)
			},
			budget: true, text: "64 messages sent",
		},
		{
			claim: "a flood of octets", sites: []site{many}, name: ofMany,
			flip: func(t testing.TB, l *lab) {
				var chaff []dns.RR
				for _, line := range lines(400, "x#.many.example. 9 TXT "+strings.Repeat("x", 120)) {
					chaff = append(chaff, parse(t, ".", line)...)
				}
				l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
					r.Ns = append(r.Ns, chaff...)
					return r
				}, exampleAt, otherAt)
			},
			budget: true, text: "128 KiB received",
		},
	}
}
