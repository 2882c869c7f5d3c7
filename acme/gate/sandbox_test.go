package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/record"

	"github.com/miekg/dns"
)

// TestTheWorldChangesOnce: a signed Internet in which a certificate may be issued, by a
// real resolver and verifier; one thing in it changes, and none may.
func TestTheWorldChangesOnce(t *testing.T) {
	h := newHouse(t)
	h.put("unsigned.example.", `forbids.unsigned.example. 300 IN CAA 0 issue ";"`)
	h.put("unsigned.example.", "permits.unsigned.example. "+optsIn)
	h.put("vendor.test.", "optsin.vendor.test. "+optsIn)
	for i, c := range []struct {
		claim   string
		before  func(*site)
		flip    func(*site)
		kind    acme.Kind
		passing bool
		says    string
	}{
		{"nothing changes", challenge, func(*site) {}, "", false, ""},
		{"the record is published beside another", challenge, func(s *site) {
			s.put(vendor, record.Presentation(s.key(), 300, theirs), record.Presentation(s.key(), 300, ours))
		}, "", false, ""},
		{"CAA comes to name us", challenge, permits, "", false, ""},
		{"an alias leads to where CAA names another method, unsigned", challenge, leads("permits.unsigned.example."), acme.CAA, false, "validationmethods"},

		{"the record is deleted", challenge, func(s *site) { s.take(vendor, s.key(), dns.TypeTLSA) }, acme.Unauthorized, false, "(record_absent)"},
		{"the record is deleted, and would have sufficed", opts, func(s *site) { s.take(vendor, s.key(), dns.TypeTLSA) }, acme.Unauthorized, false, "(record_absent)"},
		{"the record is deleted under a grant", grants, func(s *site) { s.take(vendor, s.key(), dns.TypeTLSA) }, acme.Unauthorized, false, "(record_absent)"},
		{"the record comes to name another key", challenge, func(s *site) { s.publish(theirs) }, acme.Unauthorized, false, "(record_differs)"},
		{"the key is another account's", opts, func(s *site) { s.claim.Keys[0] = theirs }, acme.Unauthorized, false, "255 255 255 6262"},
		{"a second key is asked for", challenge, func(s *site) { s.claim.Keys = append(s.claim.Keys, theirs) }, acme.Unauthorized, false, "255 255 255 6262"},
		{"the record moves to the parent", challenge, func(s *site) {
			s.take(vendor, s.key(), dns.TypeTLSA)
			s.put(vendor, record.Presentation("jwk.cnf."+s.above, 300, ours))
		}, acme.Unauthorized, false, "(record_absent)"},
		{"the record moves to a wildcard", challenge, func(s *site) {
			s.take(vendor, s.key(), dns.TypeTLSA)
			s.put(vendor, record.Presentation("*.cnf."+s.name, 300, ours))
		}, acme.DNS, true, "(wildcard)"},
		{"the record moves behind an alias into an unsigned zone", challenge, func(s *site) {
			s.take(vendor, s.key(), dns.TypeTLSA)
			s.put(vendor, s.key()+" 300 IN CNAME jwk.cnf.unsigned.example.")
		}, acme.DNS, true, "(insecure)"},
		{"the record moves behind an alias into an expired zone", challenge, func(s *site) {
			s.take(vendor, s.key(), dns.TypeTLSA)
			s.put(vendor, s.key()+" 300 IN CNAME jwk.cnf.expired.example.")
		}, acme.DNS, true, "(bogus"},
		{"the record becomes one for servers", challenge, func(s *site) {
			s.put(vendor, strings.Replace(record.Presentation(s.key(), 300, ours), "255 255 255", "3 1 1", 1))
		}, acme.Unauthorized, false, "(record_absent)"},

		{"CAA comes to forbid", challenge, restrict(`0 issue ";"`), acme.CAA, false, "lets nobody issue"},
		{"CAA comes to forbid what it permitted", permits, restrict(`0 issue "ca1.example.net"`), acme.CAA, false, "another issuer"},
		{"CAA at the parent comes to forbid", challenge, func(s *site) { s.put(vendor, s.above+` 300 IN CAA 0 issue ";"`) }, acme.CAA, false, "at r"},
		{"CAA at the parent comes to forbid a grant", grants, func(s *site) { s.put(vendor, s.above+` 300 IN CAA 0 issue ";"`) }, acme.CAA, false, "at r"},
		{"CAA comes to name another account", permits, restrict(`0 issue "ca.example; accounturi=` + account + `1"`), acme.CAA, false, "accounturi"},
		{"CAA comes to name other methods", permits, restrict(`0 issue "ca.example; validationmethods=dns-01,tls-alpn-01"`), acme.CAA, false, "validationmethods"},
		{"CAA comes to hold what nobody understands", permits, restrict(`0 issue "ca.example"`, `128 future "x"`), acme.CAA, false, "critical"},
		{"CAA comes to forbid wildcards", func(s *site) {
			permits(s)
			s.claim.Identifier.Value, s.claim.Method = "*."+s.claim.Identifier.Value, acme.MethodDNS
		}, restrict(`0 issue "ca.example"`, `0 issuewild ";"`), acme.CAA, false, "issuewild"},
		{"an alias leads to where CAA forbids, unsigned", challenge, leads("forbids.unsigned.example."), acme.CAA, false, "lets nobody issue"},
		{"an alias leads to an expired zone", challenge, leads("www.expired.example."), acme.DNS, true, "(bogus"},
		{"an alias leads to where nobody answers", challenge, leads("www.silent.example."), acme.DNS, true, "(unreachable"},

		{"the opt-in is deleted", opts, func(s *site) { s.take(vendor, s.name, caa.Type) }, acme.Unauthorized, false, `IN CAA 0 issue "ca.example; validationmethods=ca-cnf-01"`},
		{"the opt-in moves to the parent", opts, func(s *site) {
			s.take(vendor, s.name, caa.Type)
			s.put(vendor, s.above+" "+optsIn)
		}, acme.Unauthorized, false, "of its own"},
		{"the opt-in moves to a wildcard", opts, func(s *site) {
			s.take(vendor, s.name, caa.Type)
			s.put(vendor, "*."+s.above+" "+optsIn)
		}, acme.Unauthorized, false, "of its own"}, // the record below makes the name exist, so that no wildcard stands for it (RFC 4592 §2.2.2)
		{"the opt-in moves behind an alias", opts, leads("optsin.vendor.test."), acme.Unauthorized, false, "alias"},
		{"the opt-in moves behind an unsigned alias", opts, leads("permits.unsigned.example."), acme.Unauthorized, false, "not proven"},
		{"the opt-in moves behind a DNAME, and the record with it", opts, func(s *site) {
			away := "away." + s.above
			s.put(vendor, record.Presentation("jwk.cnf.host."+away, 300, ours))
			s.put(vendor, "host."+away+" "+optsIn)
			s.put(vendor, "gone."+s.above+" 300 IN DNAME "+away)
			s.claim.Identifier.Value = "host.gone." + strings.TrimSuffix(s.above, ".")
		}, acme.Unauthorized, false, "alias"},
		{"the opt-in loses its method", opts, permits, acme.Unauthorized, false, "validationmethods"},
		{"the opt-in is made another account's", opts, restrict(`0 issue "ca.example; validationmethods=ca-cnf-01; accounturi=` + account + `8"`), acme.Unauthorized, false, "accounturi"},
		{"the opt-in is made another issuer's", opts, restrict(`0 issue "ca1.example.net; validationmethods=ca-cnf-01"`), acme.Unauthorized, false, "another issuer"},
		{"the opt-in is made one of wildcards", opts, restrict(`0 issuewild "ca.example; validationmethods=ca-cnf-01"`), acme.Unauthorized, false, "no such property"},
		{"the claim is made one of the wildcard", opts, func(s *site) { s.claim.Identifier.Value = "*." + s.claim.Identifier.Value }, acme.Unauthorized, false, "IN CAA 0 issuewild"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := h.site(fmt.Sprintf("r%d", i))
			c.before(s)
			s.holds(t)
			c.flip(s)
			if c.kind == "" {
				s.holds(t)
				return
			}
			s.refused(t, c.kind, c.passing, c.says)
		})
	}
}
