package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestSame: what two servers may do differently, and what they may not.
func TestSame(t *testing.T) {
	records := func(lines ...string) []dns.RR {
		var out []dns.RR
		for _, line := range lines {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, rr)
		}
		return out
	}
	one := "jwk.cnf.vendor.example. 300 TLSA 255 255 255 " + strings.Repeat("11", 32)
	two := "jwk.cnf.vendor.example. 60 TLSA 255 255 255 " + strings.Repeat("22", 32)
	has := func(lines ...string) Finding {
		return Finding{Security: Secure, Kind: Positive, Answer: records(lines...)}
	}
	with := func(f Finding, change func(*Finding)) Finding { change(&f); return f }
	none := Finding{Security: Secure, Kind: NoName}
	for _, c := range []struct {
		claim string
		a, b  Finding
		same  bool
	}{
		{"the same record", has(one), has(one), true},
		{"the order", has(one, two), has(two, one), true},
		{"a record twice", has(one), has(one, one), true},
		{"the TTL", has(one), has(strings.Replace(one, "300", "7", 1)), true},
		{"a signature beside it", has(one), has(one, "jwk.cnf.vendor.example. 300 RRSIG TLSA 13 4 300 20300101000000 20200101000000 1 vendor.example. AAAA"), true},
		{"another record", has(one), has(two), false},
		{"a record more", has(one), has(one, two), false},
		{"a record and none", has(one), none, false},
		{"how it is absent", none, with(none, func(f *Finding) { f.Kind, f.Rcode = NoData, 0 }), true},
		{"one is not signed", has(one), with(has(one), func(f *Finding) { f.Security = Insecure }), false},
		{"one is bogus", has(one), with(has(one), func(f *Finding) { f.Security = Bogus }), false},
		{"both are bogus", with(has(one), func(f *Finding) { f.Security = Bogus }), with(none, func(f *Finding) { f.Security = Bogus }), true},
		{"one is from a wildcard", has(one), with(has(one), func(f *Finding) { f.Wildcard = true }), false},
		{"the same alias", with(has(), func(f *Finding) { f.Target = "a." }), with(has(), func(f *Finding) { f.Target = "a." }), true},
		{"another alias", with(has(), func(f *Finding) { f.Target = "a." }), with(has(), func(f *Finding) { f.Target = "b." }), false},
		{"an alias and an absence", with(has(), func(f *Finding) { f.Target = "a." }), none, false},
		{"nothing is known of one", Finding{}, none, false},
		{"nothing is known of both", Finding{}, Finding{}, false},
	} {
		if c.a.Same(&c.b, TypeTLSA) != c.same || c.b.Same(&c.a, TypeTLSA) != c.same {
			t.Errorf("%s: same should be %t", c.claim, c.same)
		}
	}
}
