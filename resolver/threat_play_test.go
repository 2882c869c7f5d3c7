package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// threat is a set-up that answers as it should, and the one thing that an
// attacker turns in it. docs/threats.md says which limit each is there for.
type threat struct {
	claim  string
	sites  []site // besides the tree
	name   string // default owner
	rrtype uint16 // default TLSA
	config func(*Config)
	before dnssec.Security // before the flip; default Secure
	flip   func(t testing.TB, l *lab)

	want   dnssec.Security
	kind   dnssec.Kind
	code   uint16
	budget bool   // the trouble is the cost
	text   string // a part of the trouble's
	any    bool   // whatever the trouble is
	check  func(t testing.TB, l *lab, a *dnssec.Answer, log []string)
}

// play shows that the set-up answers, turns the one thing, and asks a resolver
// that knows nothing yet. Whatever the threat is: 64 messages and 7 s are never passed.
func (c threat) play(t *testing.T) {
	bubble(t, tree(c.sites...), func(t *testing.T, l *lab) { c.in(t, l) })
}

func (c threat) in(t testing.TB, l *lab) {
	t.Helper()
	if c.name == "" {
		c.name = owner
	}
	if c.rrtype == 0 {
		c.rrtype = dns.TypeTLSA
	}
	if c.config == nil {
		c.config = func(*Config) {}
	}
	if c.before == 0 {
		c.before = dnssec.Secure
	}
	if a := ask(t, l.resolver(t, c.config), c.name, c.rrtype); a.Security != c.before || a.Kind == dnssec.NoAnswer {
		t.Fatalf("before the flip: %s, kind %d: %+v\n%s", a.Security, a.Kind, a.Trouble, strings.Join(l.log(), "\n"))
	}
	l.count()
	c.flip(t, l)
	began := time.Now()
	a := ask(t, l.resolver(t, c.config), c.name, c.rrtype)
	took, log := time.Since(began), l.log()
	right := a.Trouble.Code == c.code && a.Trouble.Budget == c.budget && strings.Contains(a.Trouble.Text, c.text)
	if a.Security != c.want || a.Kind != c.kind || !c.any && !right {
		t.Errorf("%s, kind %d: %+v\n%d messages:\n%s", a.Security, a.Kind, a.Trouble, len(log), strings.Join(log, "\n"))
	}
	if len(log) > 64 || took > 7*time.Second {
		t.Errorf("%d messages in %s", len(log), took)
	}
	if a.Security != dnssec.Secure && a.Security != dnssec.Insecure && len(a.Data) > 0 {
		t.Error("data in an answer that proves nothing")
	}
	if c.check != nil {
		c.check(t, l, a, log)
	}
}

// to counts the messages to an address.
func to(log []string, at string) int {
	n := 0
	for _, s := range log {
		if strings.HasPrefix(s, at+" ") {
			n++
		}
	}
	return n
}

// serversUnder counts the different servers that were asked under a prefix.
func serversUnder(log []string, prefix string) int {
	seen := map[string]bool{}
	for _, s := range log {
		if strings.HasPrefix(s, prefix) {
			at, _, _ := strings.Cut(s, " ")
			seen[at] = true
		}
	}
	return len(seen)
}

// redelegate has the server of a parent refer a zone to other name servers, the
// DS records and their proof left as they were.
func redelegate(t testing.TB, l *lab, parent, child string, records ...string) {
	refer := parse(t, ".", strings.Join(records, "\n")+"\n")
	l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
		told := slices.ContainsFunc(r.Ns, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeNS && dns.CanonicalName(rr.Header().Name) == child
		})
		if !told {
			return r
		}
		r.Ns = slices.DeleteFunc(slices.Clone(r.Ns), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS })
		r.Extra = slices.DeleteFunc(slices.Clone(r.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT })
		for _, rr := range refer {
			if rr.Header().Rrtype == dns.TypeNS {
				r.Ns = append(r.Ns, rr)
			} else {
				r.Extra = append(r.Extra, rr)
			}
		}
		return r
	}, parent)
}

// lines makes n lines of a format that takes a number from 0.
func lines(n int, format string) []string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return out
}

// truncating has servers truncate what they say over UDP.
func truncating(network string, _, r *dns.Msg) *dns.Msg {
	if network == "udp" {
		r.Truncated, r.Answer, r.Ns = true, nil, nil
	}
	return r
}

func refusing(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) }

// relay is a chain of n signed zones, each on a server of its own, in which an
// alias leads from one to the next; the last has the record. wild: each alias comes
// from a wildcard, so that a denial is part of its proof.
func relay(n int, wild bool) (sites []site, at []string) {
	for i := range n {
		at = append(at, fmt.Sprintf("198.51.100.%d", i+1))
		alias := fmt.Sprintf("jwk.cnf 300 CNAME jwk.cnf.s%d.example.\n", i+1)
		if wild {
			alias = fmt.Sprintf("*.cnf 300 CNAME jwk.cnf.s%d.example.\na TXT a\nb TXT b\nc TXT c\nd TXT d\n", i+1)
		}
		if i == n-1 {
			alias = "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
		}
		sites = append(sites, site{name: fmt.Sprintf("s%d.example.", i), at: at[i:], records: alias})
		sites[i].at = at[i : i+1]
	}
	return sites, at
}
