package resolver

import (
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// TestDeniedBefore: what a signed zone denied answers for other names without a
// question, no longer and no further than it may (RFC 8198).
func TestDeniedBefore(t *testing.T) {
	records := "a A 192.0.2.200\nm A 192.0.2.200\nz.ent A 192.0.2.200\n*.wild 20 A 192.0.2.200\nown.wild A 192.0.2.201\n*.hop 300 CNAME a\n*.vouch TLSA 255 255 255 " + key + "\nunsigned NS ns1.vendor.test.\n"
	for _, kind := range []struct {
		name   string
		policy zone.Policy
		optOut bool
	}{
		{"NSEC", zone.Policy{}, false},
		{"NSEC3", zone.Policy{Denial: zone.NSEC3}, false},
		{"NSEC3 with opt-out", zone.Policy{Denial: zone.NSEC3, OptOut: true}, true},
	} {
		for _, c := range []struct {
			claim  string
			first  string // asked before, for its TXT or the type beside it
			name   string
			rrtype uint16
			q      dnssec.Question
			wait   time.Duration
			drop   string
			free   bool // answered without a question
			want   dnssec.Security
			kind   dnssec.Kind
		}{
			{claim: "a name below an absent one", first: "n", name: "x.y.n", rrtype: dns.TypeA, free: true, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "a confirmation name below an absent one", first: "n", name: "jwk.cnf.n", rrtype: dnssec.TypeTLSA, free: true, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "another type of a name", first: "m", name: "m", rrtype: dnssec.TypeTLSA, free: true, want: dnssec.Secure, kind: dnssec.NoData},
			{claim: "a type that is there", first: "m", name: "m", rrtype: dns.TypeA, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "an empty name", first: "ent", name: "ent", rrtype: dns.TypeA, free: true, want: dnssec.Secure, kind: dnssec.NoData},
			{claim: "a name below an empty one that exists", first: "ent", name: "z.ent", rrtype: dns.TypeA, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "what a wildcard makes", first: "x.wild", name: "y.wild", rrtype: dns.TypeA, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "what a wildcard made", first: "x.wild A", name: "y.wild", rrtype: dns.TypeA, free: true, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "a name beside a wildcard", first: "x.wild A", name: "own.wild", rrtype: dns.TypeA, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "an alias that a wildcard made", first: "x.hop A", name: "y.hop", rrtype: dns.TypeA, free: true, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "what a wildcard made, to be no older", first: "x.wild A", name: "y.wild", rrtype: dns.TypeA, wait: 9 * time.Second, q: dnssec.Question{Bounded: true, MaxAge: 8 * time.Second}, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "what a wildcard made, after its TTL", first: "x.wild A", name: "y.wild", rrtype: dns.TypeA, wait: 20 * time.Second, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "a confirmation record that a wildcard made", first: "x.vouch TLSA", name: "y.vouch", rrtype: dnssec.TypeTLSA, want: dnssec.Secure, kind: dnssec.Positive},
			{claim: "a type of a delegation", first: "m", name: "unsigned", rrtype: dns.TypeA, want: dnssec.Indeterminate, kind: dnssec.NoAnswer},
			{claim: "nothing cached is wanted", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, q: dnssec.Question{Bounded: true}, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "younger than it is is wanted", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, wait: 9 * time.Second, q: dnssec.Question{Bounded: true, MaxAge: 8 * time.Second}, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "as young as wanted", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, wait: 9 * time.Second, q: dnssec.Question{Bounded: true, MaxAge: 10 * time.Second}, free: true, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "another time is asked for", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, q: dnssec.Question{At: time.Date(2000, 1, 1, 0, 0, 30, 0, time.UTC)}, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "a confirmation name after 59 s", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, wait: 59 * time.Second, free: true, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "a confirmation name after 60 s", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, wait: 60 * time.Second, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "another type after 299 s", first: "n", name: "x.n", rrtype: dns.TypeA, wait: 299 * time.Second, free: true, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "another type after 300 s", first: "n", name: "x.n", rrtype: dns.TypeA, wait: 300 * time.Second, want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "the name was dropped", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, drop: "x.n.deny.example.", want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "a name above was dropped", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, drop: "example.", want: dnssec.Secure, kind: dnssec.NoName},
			{claim: "another name was dropped", first: "n", name: "x.n", rrtype: dnssec.TypeTLSA, drop: "vendor.example.", free: true, want: dnssec.Secure, kind: dnssec.NoName},
		} {
			t.Run(kind.name+"/"+c.claim, func(t *testing.T) {
				bubble(t, tree(site{name: "deny.example.", at: []string{evilAt}, records: records, policy: &kind.policy}), func(t *testing.T, l *lab) {
					r := l.resolver(t)
					first, rrtype, typed := strings.Cut(c.first, " ")
					if !typed {
						rrtype = "TXT"
					}
					ask(t, r, first+".deny.example.", dns.StringToType[rrtype])
					before := l.count()
					began := time.Now()
					time.Sleep(c.wait)
					if c.drop != "" {
						r.Drop(c.drop)
					}
					c.q.Type = c.rrtype
					a, _ := lookup(t, r, c.q, c.name+".deny.example.")
					n := l.count()
					want, free := c.want, c.free
					if kind.optOut && (c.kind == dnssec.NoName || c.name == "y.wild" || c.first != "n" && c.kind == dnssec.Positive && strings.HasPrefix(c.first, "x.") && !strings.HasPrefix(c.name, "own")) {
						want, free = dnssec.Insecure, false // the span may hide names
					}
					if kind.policy.Denial == zone.NSEC3 && c.kind == dnssec.Positive {
						free = n == 0 && free // by chance the hashes lie in one span
					}
					if a.Security != want || a.Kind != c.kind {
						t.Errorf("%s, kind %d (%s); want %s, kind %d", a.Security, a.Kind, a.Trouble.Text, want, c.kind)
					}
					if free != (n == 0) {
						t.Errorf("%d messages after %d", n, before)
					}
					if !free {
						return
					}
					if c.kind == dnssec.Positive {
						if a.Wildcard && !a.Fetched.After(began) && a.AnswerSection.RRs()[0].Header().Name == c.name+".deny.example." && len(a.AuthoritySection.RRs()) >= 2 {
							return
						}
						t.Errorf("wildcard %v, fetched %s after the denial: %v", a.Wildcard, a.Fetched.Sub(began), a.AnswerSection.RRs())
						return
					}
					if a.Fetched.After(began) || len(a.AuthoritySection.RRs()) < 4 {
						t.Errorf("fetched %s after the denial, with %d records", a.Fetched.Sub(began), len(a.AuthoritySection.RRs()))
					}
					most := 300 * time.Second
					if c.rrtype == dnssec.TypeTLSA {
						most = 60 * time.Second
					}
					if life := a.Until.Sub(a.Fetched); life != most {
						t.Errorf("believed for %s, want %s", life, most)
					}
				})
			})
		}
	}
}
