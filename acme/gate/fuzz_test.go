package gate

import (
	"bytes"
	"strings"
	"testing"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// FuzzCAA puts any two records at a name: a certificate is issued on a record alone
// only where one of them is our own opt-in, and never where the set is not proven, stands at
// another name or comes from a wildcard.
func FuzzCAA(f *testing.F) {
	rdata := func(flags byte, tag, value string) []byte {
		return append([]byte{flags, byte(len(tag))}, tag+value...)
	}
	const good = "ca.example; validationmethods=ca-cnf-01"
	for _, v := range []string{good, "ca.example", ";", "%%%", good + ";", good + "; accounturi=" + account, "CA.example;validationmethods=dns-01,ca-cnf-01", "ca.example; validationmethods=http-01"} {
		f.Add(rdata(0, "issue", v), rdata(0, "iodef", "x:y"), uint8(0))
		f.Add(rdata(128, "issuewild", v), rdata(128, "tbs", v), uint8(1))
		f.Add(rdata(0, "ISSUE", v), []byte{0}, uint8(8))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, how uint8) {
		if len(one) > 1000 || len(two) > 1000 {
			return
		}
		s := opted(t)
		a := raw(wwwName, one, two)
		s.world.sets[wwwName+" CAA"] = a
		trusted := true
		switch how % 8 {
		case 1:
			s.claim.Identifier = wild
		case 2:
			a.Security, trusted = dnssec.Insecure, false
		case 3:
			a.Wildcard, trusted = true, false
		case 4:
			a.AnswerSection, trusted = raw("www.other.example.", one, two).AnswerSection, false
		case 5:
			alias, err := dns.NewRR("www.vendor.example. 300 IN CNAME www.other.example.")
			if err != nil {
				t.Fatal(err)
			}
			a.AnswerSection, trusted = append(dnssec.PackRecords([]dns.RR{alias}), a.AnswerSection...), false
		case 6:
			a.Overridden, trusted = true, false
		case 7:
			a.Security, trusted = dnssec.Bogus, false
		}
		p := s.judge()
		if p != nil {
			if p.Identifier == nil || p.Detail == "" || strings.ContainsFunc(p.Detail, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%+v", p)
			}
			return
		}
		tag := "issue"
		if s.claim.Identifier.Wildcard() {
			tag = "issuewild"
		}
		if !trusted || !ourOptIn(one, tag) && !ourOptIn(two, tag) {
			t.Errorf("issued on %q and %q (%d)", one, two, how%8)
		}
	})
}

// ourOptIn says of a record what it must have at the least to be one.
func ourOptIn(r []byte, tag string) bool {
	if len(r) < 2 || int(r[1]) != len(tag) {
		return false
	}
	lower := bytes.ToLower(r[2:])
	return bytes.HasPrefix(lower, []byte(tag)) &&
		bytes.Contains(lower, []byte("ca.example")) && bytes.Contains(r, []byte("validationmethods")) && bytes.Contains(r, []byte(caa.MethodCNF))
}

// raw is a Secure answer with records in wire form, whatever they hold.
func raw(name string, rdata ...[]byte) *dnssec.Answer {
	var section dnssec.Records
	for _, r := range rdata {
		for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
			section = append(append(section, byte(len(label))), label...)
		}
		section = append(section, 0, caa.Type>>8, caa.Type&0xff, 0, 1, 0, 0, 1, 44, byte(len(r)>>8), byte(len(r)))
		section = append(section, r...)
	}
	a := &dnssec.Answer{Name: wwwName, Type: caa.Type, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: ".", AnswerSection: section}
	a.Data = section.RDATA(caa.Type)
	return a
}

// TestFuzzSeedIsIssued: the fuzzed scene can be issued on, or the fuzzing would show nothing.
func TestFuzzSeedIsIssued(t *testing.T) {
	s := opted(t)
	s.world.sets[wwwName+" CAA"] = raw(wwwName, append([]byte{0, 5}, "issueca.example; validationmethods=ca-cnf-01"...), append([]byte{0, 5}, "iodefx:y"...))
	if p := s.judge(); p != nil {
		t.Error(p)
	}
	var _ acme.Gate = (*Gate)(nil)
}
