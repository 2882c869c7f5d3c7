package gate

import (
	"context"
	"testing"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
)

// own is what the scene's name answers for its CAA records.
func (s *scene) own() *dnssec.Answer { return s.world.sets[wwwName+" CAA"] }

// permittedByName is a name whose CAA set names us.
func permittedByName(t testing.TB) *scene {
	s := challenged(t)
	s.world.caa(wwwName, `0 issue "ca.example"`)
	return s
}

func caaIs(name string, records ...string) func(*scene) {
	return func(s *scene) { s.world.caa(name, records...) }
}

func onlyCAA(f func(*dnssec.Answer)) func(*scene) { return func(s *scene) { s.world.also = f } }

func onlyOwnCAA(f func(*dnssec.Answer)) func(*scene) {
	return onlyCAA(func(a *dnssec.Answer) {
		if a.Kind == dnssec.Positive {
			f(a)
		}
	})
}

const forbids = "do not let this server issue"

// caaRows are the flips of CAA: as a restriction, then as an opt-in.
var caaRows = []row{
	{"CAA names us", challenged, caaIs(wwwName, `0 issue "ca.example"`), "", false, ""},
	{"CAA names us at the parent", challenged, caaIs("vendor.example.", `0 issue "CA.example"`), "", false, ""},
	{"CAA names us at the name, and others above", challenged, func(s *scene) {
		s.world.caa(wwwName, `0 issue "ca.example"`)
		s.world.caa("vendor.example.", `0 issue ";"`)
	}, "", false, ""},
	{"CAA names this account and method", challenged, caaIs(wwwName, `0 issue "ca.example; accounturi=`+account+`; validationmethods=dns-01,http-01"`), "", false, ""},
	{"CAA has no more than other properties", challenged, caaIs(wwwName, `0 iodef "mailto:x@vendor.example"`), "", false, ""},
	{"an unsigned CAA set names us", permittedByName, func(s *scene) { s.own().Security = dnssec.Insecure }, "", false, ""},
	{"nothing is said above, and that is unsigned", challenged, onlyCAA(func(a *dnssec.Answer) { a.Security = dnssec.Insecure }), "", false, ""},
	{"a CAA set from a wildcard names us", permittedByName, func(s *scene) { s.own().Wildcard = true }, "", false, ""},
	{"a CAA set behind an alias names us", permittedByName, aliased(`0 issue "ca.example"`), "", false, ""},
	{"CAA at the root is not looked at", challenged, caaIs(".", `0 issue ";"`), "", false, ""},

	{"CAA forbids", challenged, caaIs(wwwName, `0 issue ";"`), acme.CAA, false,
		`at www.vendor.example. do not let this server issue: issue ";": it lets nobody issue…add: www.vendor.example. IN CAA 0 issue "ca.example; validationmethods=http-01"`},
	{"CAA names another", challenged, caaIs(wwwName, `0 issue "ca1.example.net"`), acme.CAA, false, "names another issuer"},
	{"CAA at the parent forbids", challenged, caaIs("vendor.example.", `0 issue ";"`), acme.CAA, false, `at vendor.example. do…add: www.vendor.example. IN CAA`},
	{"CAA at the parent forbids, and the name exists", challenged, func(s *scene) {
		s.world.put(wwwName, caa.Type)
		s.world.caa("vendor.example.", `0 issue ";"`)
	}, acme.CAA, false, "at vendor.example. do"},
	{"CAA at the top-level domain forbids", challenged, caaIs("example.", `0 issue ";"`), acme.CAA, false, "at example. do"},
	{"CAA at the parent forbids a grant", granted, caaIs("vendor.example.", `0 issue ";"`), acme.CAA, false, `validationmethods=ca-cnf-01`},
	{"the nearest CAA set forbids, one above names us", challenged, func(s *scene) {
		s.world.caa(wwwName, `0 issue ";"`)
		s.world.caa("vendor.example.", `0 issue "ca.example"`)
	}, acme.CAA, false, forbids},
	{"an unsigned CAA set forbids", challenged, func(s *scene) { s.world.caa(wwwName, `0 issue ";"`).Security = dnssec.Insecure }, acme.CAA, false, forbids},
	{"a CAA set behind an alias forbids", challenged, aliased(`0 issue ";"`), acme.CAA, false, forbids},
	{"CAA names another account", challenged, caaIs(wwwName, `0 issue "ca.example; accounturi=https://ca.example:8256/acme/acct/8"`), acme.CAA, false,
		`accounturi…0 issue "ca.example; validationmethods=http-01; accounturi=` + account + `"`},
	{"the claim is another account's", func(t testing.TB) *scene {
		s := challenged(t)
		s.world.caa(wwwName, `0 issue "ca.example; accounturi=`+account+`"`)
		return s
	}, func(s *scene) { s.claim.Account += "1" }, acme.CAA, false, "accounturi"},
	{"CAA names other methods", challenged, caaIs(wwwName, `0 issue "ca.example; validationmethods=dns-01,ca-cnf-01"`), acme.CAA, false, "validationmethods"},
	{"CAA names other methods than the granted record", granted, caaIs(wwwName, `0 issue "ca.example; validationmethods=http-01"`), acme.CAA, false, "validationmethods"},
	{"CAA names the granted record", granted, caaIs(wwwName, optIn), "", false, ""},
	{"CAA has a critical property that is unknown", challenged, caaIs(wwwName, `0 issue "ca.example"`, `128 tbs "x"`), acme.CAA, false, "critical…Mend that record"},
	{"a CAA record is none", permittedByName, func(s *scene) { s.own().Data = append(s.own().Data, []byte{0, 9, 'i'}) }, acme.CAA, false, "record 2 of 2…Mend that record"},
	{"we have no name", permittedByName, func(s *scene) { s.config.Identities = nil }, acme.CAA, false, "acme.caa_identities"},
	{"we have another name", permittedByName, func(s *scene) { s.config.Identities = []string{"ca2.example"} }, acme.CAA, false, `0 issue "ca2.example; validationmethods=http-01"`},
	{"we have another name beside", permittedByName, func(s *scene) { s.config.Identities = []string{"ca2.example", "ca.example"} }, "", false, ""},
	{"the method is not known yet, and CAA allows some", challenged, func(s *scene) {
		s.claim.Method = ""
		s.world.caa(wwwName, `0 issue "ca.example; validationmethods=tls-alpn-01"`)
	}, "", false, ""},
	{"the method is not known yet, and CAA allows the record", challenged, func(s *scene) {
		s.claim.Method = ""
		s.world.caa(wwwName, optIn)
	}, "", false, ""},
	{"the method is not known yet, and CAA allows none of ours", challenged, func(s *scene) {
		s.claim.Method = ""
		s.world.caa(wwwName, `0 issue "ca.example; validationmethods=email-reply-00"`)
	}, acme.CAA, false, `0 issue "ca.example"`},
	{"the wildcard is forbidden, the name is not", starred, caaIs(wwwName, `0 issue "ca.example"`, `0 issuewild ";"`), acme.Unauthorized, false, "IN CAA 0 issuewild"},
	{"the wildcard is forbidden by a set that lets us have the name", func(t testing.TB) *scene { return newScene(t, wild, acme.MethodDNS) },
		caaIs(wwwName, `0 issue "ca.example"`, `0 issuewild ";"`), acme.CAA, false, `issuewild ";"…IN CAA 0 issuewild "ca.example; validationmethods=dns-01"`},
	{"the wildcard is asked for, and issue names us", func(t testing.TB) *scene { return newScene(t, wild, acme.MethodDNS) }, caaIs(wwwName, `0 issue "ca.example"`), "", false, ""},
	{"CAA says nothing of addresses", func(t testing.TB) *scene { return newScene(t, ip4, acme.MethodHTTP) }, caaIs(ip4Name, `0 issue ";"`), "", false, ""},

	{"CAA is bogus", permittedByName, func(s *scene) { s.own().Security = dnssec.Bogus }, acme.DNS, passing, "CAA records of www.vendor.example.…(bogus)"},
	{"CAA at the parent is bogus", challenged, func(s *scene) { s.world.caa("vendor.example.", `0 issue "ca.example"`).Security = dnssec.Bogus }, acme.DNS, passing, "CAA records of vendor.example.…(bogus)"},
	{"CAA is indeterminate", permittedByName, func(s *scene) { s.own().Security = dnssec.Indeterminate }, acme.DNS, passing, "(indeterminate)"},
	{"the security of CAA is none that is known", permittedByName, func(s *scene) { s.own().Security = 7 }, acme.DNS, passing, "(indeterminate)"},
	{"no server answers for CAA", permittedByName, func(s *scene) { s.own().Trouble.Unreachable = true }, acme.DNS, passing, "(unreachable)"},
	{"CAA costs too much", permittedByName, func(s *scene) { s.own().Trouble.Budget = true }, acme.DNS, passing, "(too_costly)"},
	{"a negative trust anchor covers CAA", permittedByName, func(s *scene) { s.own().Overridden = true }, acme.DNS, passing, "(indeterminate)"},
	{"a negative trust anchor covers the absence of CAA", challenged, onlyCAA(func(a *dnssec.Answer) { a.Overridden = true }), acme.DNS, passing, "(indeterminate)"},
	{"CAA is asked for, and nothing comes", challenged, func(s *scene) { s.world.nobody = true }, acme.DNS, passing, "(indeterminate)"},
	{"the answer is no answer", challenged, onlyCAA(func(a *dnssec.Answer) { a.Kind = dnssec.NoAnswer }), acme.DNS, passing, "(indeterminate)"},
	{"the answer is of a kind that is not known", challenged, onlyCAA(func(a *dnssec.Answer) { a.Kind = 9 }), acme.DNS, passing, "(indeterminate)"},
	{"the answer is to another name", challenged, onlyCAA(func(a *dnssec.Answer) { a.Name = "vendor.example." }), acme.DNS, passing, "(indeterminate)"},
	{"the answer is to another type", challenged, onlyCAA(func(a *dnssec.Answer) { a.Type = dnssec.TypeTLSA }), acme.DNS, passing, "(indeterminate)"},
	{"the answer is of no zone", challenged, onlyCAA(func(a *dnssec.Answer) { a.Zone = "" }), acme.DNS, passing, "(indeterminate)"},
	{"the answer is of another zone", challenged, onlyCAA(func(a *dnssec.Answer) { a.Zone = "other.example." }), acme.DNS, passing, "(indeterminate)"},
	{"an absence with records", permittedByName, func(s *scene) { s.own().Kind = dnssec.NoData }, acme.DNS, passing, "(indeterminate)"},
	{"a presence without records", permittedByName, func(s *scene) { s.own().Data = nil }, acme.DNS, passing, "(indeterminate)"},
	{"the look-up of CAA comes to no end", challenged, func(s *scene) { s.claim.Keys = nil; s.world.after = context.DeadlineExceeded }, acme.DNS, passing, "CAA records of www"},

	{"it opts in for this account", opted, caaIs(wwwName, `0 issue "ca.example; accounturi=`+account+`; validationmethods=http-01,ca-cnf-01"`), "", false, ""},
	{"it opts in beside another issuer", opted, caaIs(wwwName, `0 issue "ca1.example.net"`, optIn), "", false, ""},
	{"there is a grant besides", opted, func(s *scene) { s.claim.Granted = true }, "", false, ""},
	{"a challenge owes no opt-in", opted, func(s *scene) { s.claim.Method = acme.MethodHTTP; s.world.remove(wwwName, caa.Type) }, "", false, ""},
	{"a grant owes no opt-in", opted, func(s *scene) { s.claim.Granted = true; s.world.remove(wwwName, caa.Type) }, "", false, ""},

	{"the opt-in is missing", opted, func(s *scene) { s.world.remove(wwwName, caa.Type) }, acme.Unauthorized, false,
		`no CAA records of its own…add: www.vendor.example. IN CAA 0 issue "ca.example; validationmethods=ca-cnf-01"`},
	{"the opt-in is missing at a name that exists", opted, func(s *scene) { s.world.put(wwwName, caa.Type) }, acme.Unauthorized, false, "no CAA records of its own"},
	{"the grant is withdrawn", granted, func(s *scene) { s.claim.Granted = false }, acme.Unauthorized, false, "no CAA records of its own"},
	{"the opt-in is at the parent only", opted, func(s *scene) {
		s.world.remove(wwwName, caa.Type)
		s.world.caa("vendor.example.", optIn)
	}, acme.Unauthorized, false, "no CAA records of its own"},
	{"the opt-in comes from a wildcard", opted, func(s *scene) { s.own().Wildcard = true }, acme.Unauthorized, false, "wildcard"},
	{"the opt-in is unsigned", opted, func(s *scene) { s.own().Security = dnssec.Insecure }, acme.Unauthorized, false, "not proven by DNSSEC"},
	{"the opt-in is bogus", opted, func(s *scene) { s.own().Security = dnssec.Bogus }, acme.DNS, passing, "(bogus)"},
	{"the opt-in is under a negative trust anchor", opted, func(s *scene) { s.own().Overridden = true }, acme.DNS, passing, "(indeterminate)"},
	{"the opt-in is behind an alias", opted, aliased(optIn), acme.Unauthorized, false, "alias"},
	{"the opt-in is behind a DNAME", opted, func(s *scene) {
		s.world.put(wwwName, caa.Type, "vendor.example. 300 IN DNAME other.example.", "www.vendor.example. 300 IN CNAME www.other.example.", "www.other.example. 300 IN CAA "+optIn)
	}, acme.Unauthorized, false, "alias"},
	{"the opt-in stands at another name, and no alias is shown", opted, func(s *scene) {
		s.world.put(wwwName, caa.Type, "www.other.example. 300 IN CAA "+optIn)
	}, acme.Unauthorized, false, "alias"},
	{"an alias is shown beside the opt-in", opted, func(s *scene) {
		s.world.put(wwwName, caa.Type, "www.vendor.example. 300 IN CNAME www.other.example.", "www.vendor.example. 300 IN CAA "+optIn)
	}, acme.Unauthorized, false, "alias"},
	{"more is said than is shown", opted, func(s *scene) { s.own().Data = append(s.own().Data, s.own().Data[0]) }, acme.Unauthorized, false, "alias"},
	{"nothing is shown", opted, func(s *scene) { s.own().AnswerSection = nil }, acme.Unauthorized, false, "alias"},
	{"the opt-in names no method", opted, caaIs(wwwName, `0 issue "ca.example"`), acme.Unauthorized, false, "it has no validationmethods"},
	{"the opt-in names another method", opted, caaIs(wwwName, `0 issue "ca.example; validationmethods=http-01"`), acme.Unauthorized, false, "validationmethods"},
	{"the opt-in is for another issuer", opted, caaIs(wwwName, `0 issue "ca1.example.net; validationmethods=ca-cnf-01"`), acme.Unauthorized, false, "another issuer"},
	{"the opt-in is for another account", opted, caaIs(wwwName, `0 issue "ca.example; validationmethods=ca-cnf-01; accounturi=x:y"`), acme.Unauthorized, false, "accounturi"},
	{"the opt-in is no record", opted, func(s *scene) { s.own().Data[0] = []byte{0, 9, 'i'} }, acme.Unauthorized, false, "record 1 of 1"},
	{"the opt-in stands beside a critical property that is unknown", opted, caaIs(wwwName, optIn, `128 tbs "x"`), acme.Unauthorized, false, "critical"},
	{"we have no name to opt in to", opted, func(s *scene) { s.config.Identities = nil }, acme.Unauthorized, false, "acme.caa_identities"},
	{"the claim is a wildcard's, and issue opts in", opted, func(s *scene) { s.claim.Identifier = wild }, acme.Unauthorized, false,
		`add: www.vendor.example. IN CAA 0 issuewild "ca.example; validationmethods=ca-cnf-01"`},
	{"the claim is the name's, and issuewild opts in", starred, func(s *scene) { s.claim.Identifier = www }, acme.Unauthorized, false, `IN CAA 0 issue "ca.example`},
	{"an address's opt-in is missing", addressed, func(s *scene) { s.world.remove(ip4Name, caa.Type) }, acme.Unauthorized, false,
		`add: 1.2.0.192.in-addr.arpa. IN CAA 0 issue "ca.example; validationmethods=ca-cnf-01"`},
	{"an address's opt-in is at the zone above", addressed, func(s *scene) {
		s.world.remove(ip4Name, caa.Type)
		s.world.caa("2.0.192.in-addr.arpa.", optIn)
	}, acme.Unauthorized, false, "no CAA records of its own"},
	{"an address's opt-in is bogus", addressed, onlyOwnCAA(func(a *dnssec.Answer) { a.Security = dnssec.Bogus }), acme.DNS, passing, "(bogus)"},
}

// aliased has the name's CAA set stand behind a CNAME.
func aliased(records ...string) func(*scene) {
	return func(s *scene) {
		lines := []string{"www.vendor.example. 300 IN CNAME host.other.example."}
		for _, r := range records {
			lines = append(lines, "host.other.example. 300 IN CAA "+r)
		}
		s.world.put(wwwName, caa.Type, lines...)
	}
}
