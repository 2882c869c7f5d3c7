package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// rollOf asks every server, and says how long that took.
func rollOf(tb testing.TB, r *Resolver, name string) *dnssec.Each {
	tb.Helper()
	q := dnssec.Question{Type: dnssec.TypeTLSA}
	q.Name, _ = dnssec.NameOf(name)
	began := time.Now()
	e, err := r.LookupEach(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	if took := time.Since(began); took > eachTime {
		tb.Fatalf("it took %v", took)
	}
	return e
}

// hold gives servers another copy of their zone, signed with the same keys.
func (l *lab) hold(tb testing.TB, s site, at ...string) {
	tb.Helper()
	older := newLab(tb, tree(s)[4:]...)
	for _, a := range at {
		l.on[mustAddr(a)][s.name] = older.zones[s.name]
	}
}

// vendor is the tree's vendor.example with other records.
func vendor(records string) site {
	return site{name: "vendor.example.", at: []string{vendorAt, vendor2At}, records: records}
}

// heard is a hop in short: "ns1.vendor.example. 192.0.2.4: secure 1 record".
func heard(h *dnssec.Hop) string {
	var out []string
	for _, s := range h.Servers {
		said := "nothing, " + s.Trouble.Text
		switch {
		case s.Skipped:
			said = "skipped"
		case s.Answer != nil:
			said = fmt.Sprintf("%s %d", s.Answer.Security, len(s.Answer.Data))
		}
		if s.HasSerial {
			said += fmt.Sprintf(" serial %d", s.Serial)
		}
		out = append(out, fmt.Sprintf("%s %s: %s", s.Name, s.Address, said))
	}
	return strings.Join(out, "\n")
}

// TestServersThatDiffer: what one of two servers does differently is seen, and by whom. Each row is first all
// right, then one thing is turned.
func TestServersThatDiffer(t *testing.T) {
	const same = "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
	unsigned := func(_ string, _, r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r }
	for _, c := range []struct {
		claim string
		turn  func(*testing.T, *lab)
		want  string // of ns2
	}{
		{"it has an older copy, without the record", func(t *testing.T, l *lab) { l.hold(t, vendor("www 300 TXT none\n"), vendor2At) }, "secure 0 serial 1"},
		{"it has another key's record", func(t *testing.T, l *lab) {
			l.hold(t, vendor("jwk.cnf 300 TLSA 255 255 255 "+strings.Repeat("00", 32)+"\n"), vendor2At)
		}, "secure 1 serial 1"},
		{"it has a record more", func(t *testing.T, l *lab) {
			l.hold(t, vendor(same+"jwk.cnf 300 TLSA 255 255 255 "+strings.Repeat("00", 32)+"\n"), vendor2At)
		}, "secure 2 serial 1"},
		{"it has a wildcard in the record's place", func(t *testing.T, l *lab) {
			l.hold(t, vendor("*.cnf 300 TLSA 255 255 255 "+key+"\n"), vendor2At)
		}, "secure 1 serial 1"},
		{"it has an alias in the record's place", func(t *testing.T, l *lab) {
			l.hold(t, vendor("jwk.cnf 300 CNAME www\n"), vendor2At)
		}, "secure 0 serial 1"},
		{"it has lost the signatures", func(_ *testing.T, l *lab) { l.lie(unsigned, vendor2At) }, "bogus 0 serial 1"},
		{"it lies about the record", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				for _, rr := range r.Answer {
					if x, ok := rr.(*dns.TLSA); ok {
						x.Certificate = strings.Repeat("00", 32)
					}
				}
				return r
			}, vendor2At)
		}, "bogus 0 serial 1"},
		{"it is silent", func(_ *testing.T, l *lab) { l.lie(silent, vendor2At) }, "nothing, context deadline exceeded"},
		{"it refuses", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, _, r *dns.Msg) *dns.Msg {
				r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
				return r
			}, vendor2At)
		}, "nothing, says REFUSED"},
		{"it is a cache", func(_ *testing.T, l *lab) { l.lie(unauthoritative, vendor2At) }, "nothing, recurses instead of having authority"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				e := rollOf(t, r, owner)
				if e.Differ || e.Answer.Security != dnssec.Secure || len(e.Answer.Data) != 1 || len(e.Hops) != 1 {
					t.Fatalf("before: %+v", e)
				}
				if got := heard(&e.Hops[0]); got != "ns1.vendor.example. "+vendorAt+": secure 1\nns2.vendor.example. "+vendor2At+": secure 1" {
					t.Fatalf("before: %s", got)
				}
				c.turn(t, l)
				e = rollOf(t, r, owner)
				got := heard(&e.Hops[0])
				if !e.Differ || !e.Hops[0].Differ || e.Answer.Kind != dnssec.NoAnswer || e.Answer.Data != nil || e.Answer.Security == dnssec.Secure {
					t.Errorf("they differ: %t; %+v\n%s", e.Differ, e.Answer, got)
				}
				if !strings.HasSuffix(got, "\nns2.vendor.example. "+vendor2At+": "+c.want) || !strings.Contains(got, vendorAt+": secure 1 serial 1\n") {
					t.Errorf("%s\nns2 is to be %q", got, c.want)
				}
				l.lie(nil, vendor2At)
				l.hold(t, tree()[3], vendorAt, vendor2At)
				if e = rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Errorf("in step again: %s", heard(&e.Hops[0]))
				}
			})
		})
	}
}

// TestServersAlike: what all servers say is the answer, whatever it is; the way in which they say it does not matter.
func TestServersAlike(t *testing.T) {
	two := "jwk.cnf 300 TLSA 255 255 255 " + key + "\njwk.cnf 300 TLSA 255 255 255 " + strings.Repeat("00", 32) + "\n"
	both := []string{vendorAt, vendor2At}
	for _, c := range []struct {
		claim string
		turn  func(*testing.T, *lab)
		want  string
	}{
		{"the order of the records, and their TTL", func(t *testing.T, l *lab) {
			l.hold(t, vendor(two), both...)
			l.lie(func(_ string, _, r *dns.Msg) *dns.Msg {
				slices.Reverse(r.Answer)
				for _, rr := range r.Answer {
					rr.Header().Ttl = 60
				}
				return r
			}, vendor2At)
		}, "secure 2 1m0s"},
		{"all have withdrawn it", func(t *testing.T, l *lab) { l.hold(t, vendor("www 300 TXT none\n"), both...) }, "secure 0 1m0s"},
		{"one proves the absence by NSEC3", func(t *testing.T, l *lab) {
			l.hold(t, vendor("www 300 TXT none\n"), vendorAt)
			s := vendor("other 300 TXT none\n")
			s.policy = &zone.Policy{Denial: zone.NSEC3}
			l.hold(t, s, vendor2At)
		}, "secure 0 1m0s"},
		{"all are bogus", func(_ *testing.T, l *lab) {
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dnssec.TypeTLSA {
					drop(r, dns.TypeRRSIG)
				}
				return r
			}, both...)
		}, "bogus 0 1m0s"},
		{"all are silent", func(_ *testing.T, l *lab) { l.lie(silent, both...) }, "indeterminate 0 5s unreachable"},
		{"all have more records than anybody needs", func(t *testing.T, l *lab) {
			var b strings.Builder
			for i := range 256 {
				fmt.Fprintf(&b, "jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
			}
			l.hold(t, vendor(b.String()), both...)
		}, "indeterminate 0 5s costly"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tree()...)
				r := l.resolver(t)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Fatalf("before: %+v", e)
				}
				c.turn(t, l)
				e := rollOf(t, r, owner)
				got := fmt.Sprintf("%s %d %v", e.Answer.Security, len(e.Answer.Data), e.Answer.Until.Sub(e.Answer.Fetched).Round(time.Second))
				if e.Answer.Trouble.Unreachable {
					got = fmt.Sprintf("%s %d 5s unreachable", e.Answer.Security, len(e.Answer.Data))
				}
				if e.Answer.Trouble.Budget {
					got = fmt.Sprintf("%s %d 5s costly", e.Answer.Security, len(e.Answer.Data))
				}
				if e.Differ || got != c.want {
					t.Errorf("they differ: %t; %s, want %s\n%s\n%s", e.Differ, got, c.want, e.Answer.Trouble.Text, heard(&e.Hops[0]))
				}
			})
		})
	}
}

// TestEachIsFresh: nothing that was known before is used, be it an answer, an absence or a failure.
func TestEachIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree()...)
		r := l.resolver(t)
		for _, c := range []struct {
			claim   string
			records string
			lie     func(string, *dns.Msg, *dns.Msg) *dns.Msg
			want    int
		}{
			{"published", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", nil, 1},
			{"withdrawn", "www 300 TXT none\n", nil, 0},
			{"bogus", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", func(_ string, _, r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r }, 0},
			{"repaired", "jwk.cnf 300 TLSA 255 255 255 " + key + "\n", nil, 1},
		} {
			l.hold(t, vendor(c.records), vendorAt, vendor2At)
			l.lie(c.lie, vendorAt, vendor2At)
			e := rollOf(t, r, owner)
			if secure := e.Answer.Security == dnssec.Secure; secure == (c.lie != nil) || len(e.Answer.Data) != c.want {
				t.Errorf("%s: %v, %d records: %s", c.claim, e.Answer.Security, len(e.Answer.Data), e.Answer.Trouble.Text)
			}
			ask(t, r, owner, dnssec.TypeTLSA) // and now it is known
		}
	})
}
