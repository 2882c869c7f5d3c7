package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

	{"the zone is unsigned", challenged, func(s *scene) { s.tlsa().Security = dnssec.Insecure }, acme.DNS, passing, "(insecure)…signs the zone"},
	{"the zone is unsigned, and the operator allows that elsewhere", challenged, func(s *scene) {
		s.tlsa().Security = dnssec.Insecure
		s.verifier.AllowInsecure = true
	}, acme.ServerInternal, passing, "its data is insecure"},
	{"the record is bogus", challenged, func(s *scene) { s.tlsa().Security = dnssec.Bogus }, acme.DNS, passing, "(bogus)…cnfd resolve"},
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
	{"the verifier does not take the question", challenged, func(s *scene) {
		s.lie = func(_ *verifier.Verdict, err *error) {
			*err = &verifier.Error{Problem: verifier.Malformed, Detail: "cnf"}
		}
	}, acme.ServerInternal, passing, "cnf"},
}

// tlsa is what the scene's name answers for its record.
func (s *scene) tlsa() *dnssec.Answer { return s.world.sets[wwwKey+" TLSA"] }

func other(k thumbprint.Kind, h thumbprint.Hash, n int) thumbprint.Thumbprint {
	t, err := thumbprint.New(k, h, make([]byte, n))
	if err != nil {
		panic(err)
	}
	return t
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestOneFlip: the scene holds, one thing is flipped, and exactly that is said.
func TestOneFlip(t *testing.T) {
	for _, c := range slices.Concat(rows, caaRows) {
		t.Run(c.claim, func(t *testing.T) {
			s := c.scene(t)
			if p := s.judge(); p != nil {
				t.Fatalf("before: %v", p)
			}
			c.flip(s)
			check(t, &c, s.judge(), s.claim.Identifier)
		})
	}
}

// check holds a problem to a row, and to what every problem of a gate is.
func check(t *testing.T, c *row, p *acme.Problem, i acme.Identifier) {
	t.Helper()
	if c.kind == "" {
		if p != nil {
			t.Errorf("%v", p)
		}
		return
	}
	if p == nil {
		t.Fatal("nothing stands against it")
	}
	if p.Kind != c.kind || p.Passing != c.passing {
		t.Errorf("%v, passing %v; want %s, passing %v", p, p.Passing, c.kind, c.passing)
	}
	rest := p.Detail
	for piece := range strings.SplitSeq(c.says, "…") {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			t.Fatalf("%q does not say %q", p.Detail, c.says)
		}
		rest = after
	}
	if p.Identifier == nil || *p.Identifier != i {
		t.Errorf("it is of %v, want %v", p.Identifier, i)
	}
	if p.Status < 400 || p.Passing != (p.Retry > 0) || p.Retry > time.Minute {
		t.Errorf("status %d, passing %v, retry after %s", p.Status, p.Passing, p.Retry)
	}
	if strings.Contains(p.Detail, "record.allow_") {
		t.Errorf("%q: no such setting holds for certificates", p.Detail)
	}
	if j := acme.Joined([]*acme.Problem{nil, p}); j.Kind != p.Kind || j.Passing != p.Passing || len(j.Subproblems) != 1 || *j.Subproblems[0].Identifier != i {
		t.Errorf("joined: %+v", j)
	}
}

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

// TestWhatIsAsked: each key at the domain's own record, then CAA from the domain to
// the top, each name once, and nothing of an address but its own.
func TestWhatIsAsked(t *testing.T) {
	key := wwwKey + " TLSA"
	climb := []string{wwwName + " CAA", "vendor.example. CAA", "example. CAA"}
	for _, c := range []struct {
		claim string
		scene func(testing.TB) *scene
		flip  func(*scene)
		want  []string
	}{
		{"a challenge", challenged, func(*scene) {}, append([]string{key}, climb...)},
		{"a grant", granted, func(*scene) {}, append([]string{key}, climb...)},
		{"an opt-in, which is the CAA set as well", opted, func(*scene) {}, []string{key, climb[0]}},
		{"a wildcard", starred, func(*scene) {}, []string{key, climb[0]}},
		{"two keys", challenged, func(s *scene) { s.claim.Keys = append(s.claim.Keys, ours) }, append([]string{key, key}, climb...)},
		{"no key", challenged, func(s *scene) { s.claim.Keys = nil }, climb},
		{"a set half-way", challenged, func(s *scene) { s.world.caa("vendor.example.", `0 issue "ca.example"`) }, append([]string{key}, climb[:2]...)},
		{"an address that opts in", addressed, func(*scene) {}, []string{"jwk.cnf." + ip4Name + " TLSA", ip4Name + " CAA"}},
		{"an address by a challenge", addressed, func(s *scene) { s.claim.Method = acme.MethodHTTP }, []string{"jwk.cnf." + ip4Name + " TLSA"}},
		{"an address by a grant", addressed, func(s *scene) { s.claim.Granted = true }, []string{"jwk.cnf." + ip4Name + " TLSA"}},
		{"a claim that is none", challenged, func(s *scene) { s.claim.Method = "?" }, nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := c.scene(t)
			c.flip(s)
			s.judge()
			if !slices.Equal(s.world.asked, c.want) {
				t.Errorf("asked for %q, want %q", s.world.asked, c.want)
			}
		})
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	good := func() Config {
		s := challenged(t)
		return Config{Confirmer: s, Source: s.world, Identities: []string{"ca.example"}, Forms: []record.Form{record.Underscore, record.Dotted}}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for field, flip := range map[string]func(*Config){
		"Confirmer":                     func(c *Config) { c.Confirmer = nil },
		"Source":                        func(c *Config) { c.Source = nil },
		`Identities: "ca.example."`:     func(c *Config) { c.Identities[0] = "ca.example." },
		`Identities: ""`:                func(c *Config) { c.Identities[0] = "" },
		`Identities: "ca.example; a=b"`: func(c *Config) { c.Identities[0] = "ca.example; a=b" },
		"Forms":                         func(c *Config) { c.Forms[1] = record.Underscore },
		"legacy_did":                    func(c *Config) { c.Forms[1] = record.LegacyDID },
		"unknown":                       func(c *Config) { c.Forms[1] = 9 },
	} {
		c := good()
		flip(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "gate: Config.") || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestTheGateKeepsItsConfig: what the caller changes afterwards changes nothing.
func TestTheGateKeepsItsConfig(t *testing.T) {
	s := opted(t)
	mine := []string{"ca.example"}
	g, err := New(Config{Confirmer: s, Source: s.world, Identities: mine})
	if err != nil {
		t.Fatal(err)
	}
	mine[0] = "other.example"
	if p := g.Judge(t.Context(), &s.claim); p != nil {
		t.Error(p)
	}
}

func TestIPv6(t *testing.T) {
	s := newScene(t, ip6, acme.MethodHTTP)
	if p := s.judge(); p != nil {
		t.Fatal(p)
	}
	s.world.sets = nil
	want := row{kind: acme.Unauthorized, says: fmt.Sprintf("jwk.cnf.%sip6.arpa. 300 IN TLSA", "1."+strings.Repeat("0.", 23)+"8.b.d.0.1.0.0.2.")}
	check(t, &want, s.judge(), ip6)
}
