package gate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// row is one change to a scene in which all of the claim holds, and the problem that it must lead to.
type row struct {
	claim   string
	scene   func(testing.TB) *scene
	flip    func(*scene)
	kind    acme.Kind // "": it still holds
	passing bool
	says    string // in the detail, pieces with … between
}

const passing = true

// rows are the flips of the record, of the claim and of the ways to fail. Those of CAA are in caaRows.
var rows = []row{
	{"another record stands beside ours", challenged, func(s *scene) {
		s.world.put(wwwKey, dnssec.TypeTLSA, record.Presentation(wwwKey, 300, theirs), record.Presentation(wwwKey, 300, ours))
	}, "", false, ""},
	{"both keys are published", challenged, func(s *scene) {
		s.claim.Keys = []thumbprint.Thumbprint{ours, theirs}
		s.world.put(wwwKey, dnssec.TypeTLSA, record.Presentation(wwwKey, 300, theirs), record.Presentation(wwwKey, 300, ours))
	}, "", false, ""},
	{"no key is known yet", challenged, func(s *scene) { s.claim.Keys = nil; s.world.remove(wwwKey, dnssec.TypeTLSA) }, "", false, ""},
	{"the underscored form, where it is looked up", challenged, func(s *scene) {
		both := []record.Form{record.Dotted, record.Underscore}
		s.verifier.Forms, s.config.Forms = both, both
		s.world.remove(wwwKey, dnssec.TypeTLSA)
		s.world.tlsa("_jwk_cnf."+wwwName, ours)
	}, "", false, ""},

	{"the record is absent", challenged, func(s *scene) { s.world.remove(wwwKey, dnssec.TypeTLSA) },
		acme.Unauthorized, false, "(record_absent)…jwk.cnf.www.vendor.example. 300 IN TLSA 255 255 255 6161…cnfd thumbprint"},
	{"the record differs", challenged, func(s *scene) { s.world.tlsa(wwwKey, theirs) },
		acme.Unauthorized, false, "(record_differs)…jwk.cnf.www.vendor.example. 300 IN TLSA 255 255 255 6161"},
	{"the claim is of another key", challenged, func(s *scene) { s.claim.Keys[0] = theirs },
		acme.Unauthorized, false, "(record_differs)…IN TLSA 255 255 255 6262"},
	{"a second key is not published", challenged, func(s *scene) { s.claim.Keys = append(s.claim.Keys, theirs) },
		acme.Unauthorized, false, "(record_differs)…IN TLSA 255 255 255 6262"},
	{"the first of two keys is not published", challenged, func(s *scene) { s.claim.Keys = []thumbprint.Thumbprint{theirs, ours} },
		acme.Unauthorized, false, "(record_differs)…IN TLSA 255 255 255 6262"},
	{"neither of two keys is published", challenged, func(s *scene) {
		s.claim.Keys = append(s.claim.Keys, theirs)
		s.world.remove(wwwKey, dnssec.TypeTLSA)
	}, acme.Unauthorized, false, "255 6161…and jwk.cnf.www.vendor.example. 300 IN TLSA 255 255 255 6262"},
	{"the record stands at the parent only", challenged, func(s *scene) {
		s.world.remove(wwwKey, dnssec.TypeTLSA)
		s.world.tlsa("jwk.cnf.vendor.example.", ours)
	}, acme.Unauthorized, false, "(record_absent)"},
	{"the record stands in a form that is not looked up", challenged, func(s *scene) {
		s.world.remove(wwwKey, dnssec.TypeTLSA)
		s.world.tlsa("_jwk_cnf."+wwwName, ours)
	}, acme.Unauthorized, false, "(record_absent)"},
	{"the record is absent, and the underscored form is the first", challenged, func(s *scene) {
		s.verifier.Forms, s.config.Forms, s.config.TTL = []record.Form{record.Underscore}, []record.Form{record.Underscore}, 60
	}, acme.Unauthorized, false, "_jwk_cnf.www.vendor.example. 60 IN TLSA 255 255 255 6161"},
	{"the record alone would suffice, and is absent", opted, func(s *scene) { s.world.remove(wwwKey, dnssec.TypeTLSA) },
		acme.Unauthorized, false, "(record_absent)"},
	{"the account has a grant, and the record is absent", granted, func(s *scene) { s.world.remove(wwwKey, dnssec.TypeTLSA) },
		acme.Unauthorized, false, "(record_absent)"},
	{"a wildcard's record is absent at its base", starred, func(s *scene) { s.world.remove(wwwKey, dnssec.TypeTLSA) },
		acme.Unauthorized, false, "jwk.cnf.www.vendor.example. 300 IN TLSA"},
	{"an address's record is absent at its reverse name", addressed, func(s *scene) { s.world.remove("jwk.cnf."+ip4Name, dnssec.TypeTLSA) },
		acme.Unauthorized, false, "jwk.cnf.1.2.0.192.in-addr.arpa. 300 IN TLSA 255 255 255 6161"},
	{"another address", addressed, func(s *scene) { s.claim.Identifier.Value = "192.0.2.2" },
		acme.Unauthorized, false, "jwk.cnf.2.2.0.192.in-addr.arpa. 300 IN TLSA"},

	{"the zone is unsigned", challenged, func(s *scene) { s.tlsa().Security = dnssec.Insecure }, acme.DNS, passing, "(insecure)…sign the domain"},
	{"the zone is unsigned, and the operator allows that elsewhere", challenged, func(s *scene) {
		s.tlsa().Security = dnssec.Insecure
		s.verifier.AllowInsecure = true
	}, acme.ServerInternal, passing, "its data is insecure"},
	{"the record is bogus", challenged, func(s *scene) { s.tlsa().Security = dnssec.Bogus }, acme.DNS, passing, "(bogus)…repair the signatures"},
	{"no server answers", challenged, func(s *scene) { s.tlsa().Trouble = dnssec.Trouble{Unreachable: true, Text: "192.0.2.9 is silent"} },
		acme.DNS, passing, "(unreachable: 192.0.2.9 is silent)"},
	{"the proof costs too much", challenged, func(s *scene) { s.tlsa().Trouble.Budget = true }, acme.DNS, passing, "(too_costly)"},
	{"no anchor covers the name", challenged, func(s *scene) { s.tlsa().Security = dnssec.Indeterminate }, acme.DNS, passing, "(indeterminate)"},
	{"a negative trust anchor covers the record", challenged, func(s *scene) { s.tlsa().Overridden = true }, acme.DNS, passing, "(insecure)"},
	{"the record comes from a wildcard", challenged, func(s *scene) { s.tlsa().Wildcard = true }, acme.DNS, passing, "(wildcard)"},
	{"the record's name is delegated away", challenged, func(s *scene) { s.tlsa().Zone = "cnf.www.vendor.example." }, acme.DNS, passing, "(delegated_name)"},
	{"one key is refuted, of the other nothing is proven", challenged, func(s *scene) {
		s.claim.Keys = append(s.claim.Keys, theirs)
		s.lie = func(v *verifier.Verdict, _ *error) {
			if v.Thumbprint == ours {
				v.Reason = verifier.Bogus
			}
		}
	}, acme.Unauthorized, false, "(record_differs)…255 6262"},
	{"of one of two keys nothing is proven", challenged, func(s *scene) {
		s.claim.Keys = append(s.claim.Keys, theirs)
		s.world.put(wwwKey, dnssec.TypeTLSA, record.Presentation(wwwKey, 300, theirs), record.Presentation(wwwKey, 300, ours))
		s.lie = func(v *verifier.Verdict, _ *error) {
			if v.Thumbprint == ours {
				v.Reason = verifier.Bogus
			}
		}
	}, acme.DNS, passing, "(bogus)"},
	{"of neither of two keys anything is proven: the first is spoken of", challenged, func(s *scene) {
		s.claim.Keys = append(s.claim.Keys, theirs)
		s.world.put(wwwKey, dnssec.TypeTLSA, record.Presentation(wwwKey, 300, theirs), record.Presentation(wwwKey, 300, ours))
		s.lie = func(v *verifier.Verdict, _ *error) {
			v.Reason = verifier.Indeterminate
			if v.Thumbprint == ours {
				v.Reason = verifier.Bogus
			}
		}
	}, acme.DNS, passing, "(bogus)"},

	{"an identifier of another type", challenged, func(s *scene) { s.claim.Identifier.Type = "email" }, acme.UnsupportedIdentifier, false, "dns and ip"},
	{"an identifier of no type, for which no key is known", challenged, func(s *scene) { s.claim.Identifier.Type, s.claim.Keys = "", nil }, acme.UnsupportedIdentifier, false, ""},
	{"an empty name", challenged, func(s *scene) { s.claim.Identifier.Value = "" }, acme.RejectedIdentifier, false, "empty"},
	{"a name with a final dot", challenged, func(s *scene) { s.claim.Identifier.Value += "." }, acme.RejectedIdentifier, false, "empty label"},
	{"a name in capitals", challenged, func(s *scene) { s.claim.Identifier.Value = "WWW.vendor.example" }, acme.RejectedIdentifier, false, "character"},
	{"a name with an underscore", challenged, func(s *scene) { s.claim.Identifier.Value = "_www.vendor.example" }, acme.RejectedIdentifier, false, "character"},
	{"a wildcard below a wildcard", challenged, func(s *scene) { s.claim.Identifier.Value = "*.*.vendor.example" }, acme.RejectedIdentifier, false, "character"},
	{"a wildcard within a label", challenged, func(s *scene) { s.claim.Identifier.Value = "w*.vendor.example" }, acme.RejectedIdentifier, false, "character"},
	{"a name that takes too many look-ups", challenged, func(s *scene) {
		s.claim.Identifier.Value = strings.Repeat("a.", 16) + "example"
		s.world.tlsa("jwk.cnf."+s.claim.Identifier.Value+".", ours)
	}, acme.RejectedIdentifier, false, "more than 16 labels"},
	{"a name of as many labels as are looked up", challenged, func(s *scene) {
		s.claim.Identifier.Value = strings.Repeat("a.", 15) + "example"
		s.world.tlsa("jwk.cnf."+s.claim.Identifier.Value+".", ours)
	}, "", false, ""},
	{"a name that is an address", challenged, func(s *scene) { s.claim.Identifier.Value = "192.0.2.1" }, acme.RejectedIdentifier, false, "IP address"},
	{"a name that is never asked for", challenged, func(s *scene) { s.claim.Identifier.Value = "vendor.local" }, acme.RejectedIdentifier, false, "never sent"},
	{"no address", addressed, func(s *scene) { s.claim.Identifier.Value = "www.vendor.example" }, acme.RejectedIdentifier, false, "RFC 5952"},
	{"an address in another form", addressed, func(s *scene) { s.claim.Identifier.Value = "2001:DB8::1" }, acme.RejectedIdentifier, false, "RFC 5952"},
	{"an address with a zone", addressed, func(s *scene) { s.claim.Identifier.Value = "fe80::1%eth0" }, acme.RejectedIdentifier, false, "RFC 5952"},
	{"an IPv4 address in IPv6, whose other reverse name vouches", addressed, func(s *scene) {
		s.claim.Identifier.Value = "::ffff:192.0.2.1"
		other := s.claim.Identifier.Domain() + "."
		s.world.tlsa("jwk.cnf."+other, ours)
		s.world.caa(other, optIn)
	}, acme.RejectedIdentifier, false, "IPv4 as such"},
	{"a wildcard of an address", addressed, func(s *scene) { s.claim.Identifier.Value = "*.192.0.2.1" }, acme.RejectedIdentifier, false, "RFC 5952"},

	{"a method that nobody knows", challenged, func(s *scene) { s.claim.Method = "http-02" }, acme.ServerInternal, passing, "method"},
	{"the method by its name in CAA, which owes no opt-in", opted, func(s *scene) { s.claim.Method = caa.MethodCNF }, acme.ServerInternal, passing, "method"},
	{"a record alone, and no key", opted, func(s *scene) { s.claim.Keys = nil }, acme.ServerInternal, passing, "names no key"},
	{"a grant, and no key", granted, func(s *scene) { s.claim.Keys = []thumbprint.Thumbprint{} }, acme.ServerInternal, passing, "names no key"},
	{"the key is the zero one", challenged, func(s *scene) { s.claim.Keys[0] = thumbprint.Thumbprint{} }, acme.ServerInternal, passing, "thumbprint"},
	{"the key's thumbprint is of another kind", challenged, func(s *scene) { s.claim.Keys[0] = other(thumbprint.COSEKey, thumbprint.SHA256, 32) }, acme.ServerInternal, passing, "thumbprint"},
	{"the key's thumbprint is of another hash", challenged, func(s *scene) { s.claim.Keys[0] = other(thumbprint.JWK, thumbprint.SHA512, 64) }, acme.ServerInternal, passing, "thumbprint"},

	{"the caller gives up", challenged, func(s *scene) { s.ctx = cancelled() }, acme.DNS, passing, "within the time"},
	{"the caller gives up, and no key is known yet", challenged, func(s *scene) { s.claim.Keys = nil; s.ctx = cancelled() }, acme.DNS, passing, "CAA records of www.vendor.example."},
	{"the look-up fails before it is made", challenged, func(s *scene) { s.world.before = context.DeadlineExceeded }, acme.DNS, passing, "within the time"},
	{"the look-up fails after it was made", challenged, func(s *scene) { s.world.after = context.DeadlineExceeded }, acme.DNS, passing, "the record jwk.cnf.www"},
	{"the verifier fails with a confirmation in its hand", challenged, func(s *scene) {
		s.lie = func(_ *verifier.Verdict, err *error) { *err = errors.New("afterwards") }
	}, acme.DNS, passing, "within the time"},
	{"the verifier fails with a refutation in its hand", challenged, func(s *scene) {
		s.lie = func(v *verifier.Verdict, err *error) {
			v.Reason, *err = verifier.RecordAbsent, errors.New("afterwards")
		}
	}, acme.DNS, passing, "within the time"},
	{"the verifier does not take the question", challenged, func(s *scene) {
		s.lie = func(_ *verifier.Verdict, err *error) {
			*err = &verifier.Error{Problem: verifier.Malformed, Detail: "cnf"}
		}
	}, acme.ServerInternal, passing, "cnf"},
}
