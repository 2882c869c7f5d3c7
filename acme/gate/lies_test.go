package gate

import (
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// lies are single untruths in a verdict that confirms.
var lies = []struct {
	claim string
	lie   func(*verifier.Verdict)
	says  string // "": it is refused for its reason, as any other verdict
}{
	{"the data is insecure", func(v *verifier.Verdict) { v.DNS.Security = dnssec.Insecure }, "insecure"},
	{"the data is bogus", func(v *verifier.Verdict) { v.DNS.Security = dnssec.Bogus }, "bogus"},
	{"the data is indeterminate", func(v *verifier.Verdict) { v.DNS.Security = dnssec.Indeterminate }, "indeterminate"},
	{"the security is none that is known", func(v *verifier.Verdict) { v.DNS.Security = 7 }, "its data is"},
	{"the DNS was not asked", func(v *verifier.Verdict) { v.Asked = false }, "not asked"},
	{"the data is from a cache", func(v *verifier.Verdict) { v.DNS.Cached, v.DNS.Age = true, time.Nanosecond }, "cache"},
	{"another domain", func(v *verifier.Verdict) { v.Domain = "vendor.example" }, "another domain"},
	{"the domain in capitals", func(v *verifier.Verdict) { v.Domain = "WWW.vendor.example" }, "another domain"},
	{"no domain", func(v *verifier.Verdict) { v.Domain = "" }, "another domain"},
	{"another key", func(v *verifier.Verdict) { v.Thumbprint = theirs }, "another key"},
	{"the same octets of another kind of key", func(v *verifier.Verdict) {
		v.Thumbprint, _ = thumbprint.New(thumbprint.COSEKey, thumbprint.SHA256, ours.AppendSum(nil))
	}, "another key"},
	{"no key", func(v *verifier.Verdict) { v.Thumbprint = thumbprint.Thumbprint{} }, "another key"},
	{"another confirmation method", func(v *verifier.Verdict) { v.Method = thumbprint.MethodJKT }, "confirmation method"},
	{"the legacy form", func(v *verifier.Verdict) { v.Record.Form, v.Record.Name = record.LegacyDID, "_did."+wwwName }, "legacy_did"},
	{"a form that is not configured", func(v *verifier.Verdict) { v.Record.Form, v.Record.Name = record.Underscore, "_jwk_cnf."+wwwName }, "underscore"},
	{"a record of another name", func(v *verifier.Verdict) { v.Record.Name = "jwk.cnf.vendor.example." }, "another name"},
	{"a record of another label", func(v *verifier.Verdict) { v.Record.Name = "jkt.cnf." + wwwName }, "another name"},
	{"testing settings", func(v *verifier.Verdict) { v.Testing = true }, "testing"},
	{"the zero Verdict", func(v *verifier.Verdict) { *v = verifier.Verdict{} }, ""},
}

// TestALieConfirmsNothing: whatever in a confirmation is not what was asked for, nothing is issued on it.
func TestALieConfirmsNothing(t *testing.T) {
	for _, c := range lies {
		for name, base := range map[string]func(testing.TB) *scene{"challenged": challenged, "opted": opted, "granted": granted} {
			t.Run(c.claim+"/"+name, func(t *testing.T) {
				s := base(t)
				s.lie = func(*verifier.Verdict, *error) {}
				if p := s.judge(); p != nil {
					t.Fatalf("before: %v", p)
				}
				s.lie = func(v *verifier.Verdict, _ *error) { c.lie(v) }
				want := row{kind: acme.ServerInternal, passing: true, says: c.says}
				if c.says == "" {
					want.kind = acme.DNS
				}
				check(t, &want, s.judge(), www)
			})
		}
	}
	t.Run("whatever else the reason is, it confirms nothing", func(t *testing.T) {
		for r := verifier.Reason(0); r < 255; r++ {
			s := challenged(t)
			s.lie = func(v *verifier.Verdict, _ *error) { v.Reason = r }
			p := s.judge()
			if (p == nil) != (r == verifier.RecordMatches) {
				t.Errorf("%v: %v", r, p)
			}
			if p != nil && strings.Contains(p.Detail, "record.allow_") {
				t.Errorf("%v: %s", r, p.Detail)
			}
		}
	})
	t.Run("testing settings where certificates are for tests too", func(t *testing.T) {
		s := challenged(t)
		s.verifier.Testing = true
		if p := s.judge(); p == nil || p.Kind != acme.ServerInternal {
			t.Fatal(p)
		}
		s.config.Testing = true
		if p := s.judge(); p != nil {
			t.Error(p)
		}
	})
	t.Run("data that a cache has just fetched is fresh", func(t *testing.T) {
		s := challenged(t)
		s.lie = func(v *verifier.Verdict, _ *error) { v.DNS.Cached = true }
		if p := s.judge(); p != nil {
			t.Error(p)
		}
	})
}
