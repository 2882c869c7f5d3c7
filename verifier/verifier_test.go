package verifier

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// flips are single changes to a scene that confirms, each with the reason that
// it must lead to.
var flips = []struct {
	claim string
	flip  func(*scene)
	want  Reason
}{
	{"nothing is changed", func(s *scene) {}, RecordMatches},
	{"another record stands beside the right one", func(s *scene) { s.answer.Data = [][]byte{theirs, ours} }, RecordMatches},
	{"an unusable record stands beside the right one", func(s *scene) { s.answer.Data = [][]byte{tlsa(3, 1, 1, sum), ours} }, RecordMatches},
	{"the zone above holds the domain too", func(s *scene) { s.answer.Zone = "example." }, RecordMatches},
	{"the root holds the domain too", func(s *scene) { s.answer.Zone = "." }, RecordMatches},
	{"the token expires later", func(s *scene) { s.with(`"exp":1800000000`) }, RecordMatches},
	{"the token was valid before", func(s *scene) { s.with(`"nbf":1700000000`) }, RecordMatches},

	{"the record names another key", func(s *scene) { s.answer.Data = [][]byte{theirs} }, RecordDiffers},
	{"one bit of the record is another", func(s *scene) { s.answer.Data[0] = append([]byte(nil), ours...); s.answer.Data[0][34] ^= 1 }, RecordDiffers},
	{"the token names another key", func(s *scene) {
		s.claims = `{"sub":"` + subject + `","cnf":{"jkt":"` + strings.Repeat("A", 43) + `"}}`
		s.source.answers["jkt.cnf.vendor.example."] = present("jkt.cnf.vendor.example.", ours)
	}, RecordDiffers},

	{"the name does not exist", func(s *scene) { s.answer.Kind, s.answer.Data = dnssec.NoName, nil }, RecordAbsent},
	{"the name has no such record", func(s *scene) { s.answer.Kind, s.answer.Data = dnssec.NoData, nil }, RecordAbsent},
	{"the record has another usage", func(s *scene) { s.answer.Data = [][]byte{tlsa(3, 255, 255, sum)} }, RecordAbsent},
	{"the record has another selector", func(s *scene) { s.answer.Data = [][]byte{tlsa(255, 1, 255, sum)} }, RecordAbsent},
	{"the record has another matching type", func(s *scene) { s.answer.Data = [][]byte{tlsa(255, 255, 1, sum)} }, RecordAbsent},
	{"the record is an octet short", func(s *scene) { s.answer.Data = [][]byte{ours[:34]} }, RecordAbsent},
	{"the record is published for another method", func(s *scene) {
		s.claims = strings.Replace(claims, `"jwk":`+jwk, `"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"`, 1)
	}, RecordAbsent},
	{"the record is published for another domain", func(s *scene) { s.claims = strings.Replace(claims, "vendor.", "other.", 1) }, RecordAbsent},
	{"the record is published under the parent", func(s *scene) { s.claims = strings.Replace(claims, "vendor.", "www.vendor.", 1) }, RecordAbsent},
	{"the record is published in another form", func(s *scene) { s.config.Forms = []record.Form{record.Underscore} }, RecordAbsent},

	{"the token has expired", func(s *scene) { s.with(`"exp":1361398824`) }, Expired},
	{"the token is not yet valid", func(s *scene) { s.with(`"nbf":1900000000`) }, NotYetValid},
	{"the judgement is of a later time", func(s *scene) { s.with(`"exp":1800000000`); s.request.At = time.Unix(1900000000, 0) }, Expired},
	{"the judgement is of an earlier time", func(s *scene) { s.with(`"nbf":1700000000`); s.request.At = time.Unix(1600000000, 0) }, NotYetValid},

	{"the key is encrypted", func(s *scene) { s.claims = strings.Replace(claims, cnf, encryptedCnf, 1) }, Undecryptable},
	{"a bound of work was reached", func(s *scene) { s.answer.Trouble.Budget = true }, TooCostly},
	{"256 records, the right one among them", func(s *scene) { s.answer.Data = make([][]byte, 256); s.answer.Data[0] = ours }, TooCostly},
	{"no server answers", func(s *scene) { *s.answer = dnssec.Answer{Name: owner, Trouble: dnssec.Trouble{Unreachable: true}} }, Unreachable},
	{"no server answers the last step", func(s *scene) { s.answer.Trouble.Unreachable = true }, Unreachable},
	{"the proof does not hold", func(s *scene) { s.answer.Security = dnssec.Bogus }, Bogus},
	{"the proof of absence does not hold", func(s *scene) { s.answer.Security, s.answer.Kind, s.answer.Data = dnssec.Bogus, dnssec.NoName, nil }, Bogus},
	{"no trust anchor covers the name", func(s *scene) { s.answer.Security = dnssec.Indeterminate }, Indeterminate},
	{"the security is none that is known", func(s *scene) { s.answer.Security = 7 }, Indeterminate},
	{"the kind is none", func(s *scene) { s.answer.Kind = dnssec.NoAnswer }, Indeterminate},
	{"the kind is none that is known", func(s *scene) { s.answer.Kind = 9 }, Indeterminate},
	{"the answer is the zero one", func(s *scene) { *s.answer = dnssec.Answer{} }, Indeterminate},
	{"the answer is none at all", func(s *scene) { s.source.silent = true }, Indeterminate},
	{"the answer is to another name", func(s *scene) { s.answer.Name = "jwk.cnf.other.example." }, Indeterminate},
	{"the answer is to another name of the domain", func(s *scene) { s.answer.Name = "jkt.cnf.vendor.example." }, Indeterminate},
	{"the answer is to a shorter name", func(s *scene) { s.answer.Name, s.answer.Zone = ".", "." }, Indeterminate},
	{"the answer is of another type", func(s *scene) { s.answer.Type = 1 }, Indeterminate},
	{"a positive answer without data", func(s *scene) { s.answer.Data = nil }, Indeterminate},
	{"a negative answer with data", func(s *scene) { s.answer.Kind = dnssec.NoData }, Indeterminate},
	{"the zone is not known", func(s *scene) { s.answer.Zone = "" }, Indeterminate},
	{"the zone is not above the name", func(s *scene) { s.answer.Zone = "other.example." }, Indeterminate},
	{"the zone is above the name by its letters only", func(s *scene) { s.answer.Zone = "r.example." }, Indeterminate},
	{"the record's name is delegated away", func(s *scene) { s.answer.Zone = "cnf.vendor.example." }, DelegatedName},
	{"the record is the apex of its own zone", func(s *scene) { s.answer.Zone = owner }, DelegatedName},
	{"the absence is proven by a zone below the domain", func(s *scene) {
		s.answer.Zone, s.answer.Kind, s.answer.Data = "cnf.vendor.example.", dnssec.NoName, nil
	}, DelegatedName},
	{"the zone is unsigned", func(s *scene) { s.answer.Security = dnssec.Insecure }, Insecure},
	{"the zone is unsigned and has no record", func(s *scene) { s.answer.Security, s.answer.Kind, s.answer.Data = dnssec.Insecure, dnssec.NoName, nil }, Insecure},
	{"a wildcard matches", func(s *scene) { s.answer.Wildcard = true }, Wildcard},
	{"a wildcard differs", func(s *scene) { s.answer.Wildcard = true; s.answer.Data = [][]byte{theirs} }, Wildcard},
	{"a wildcard alias leads nowhere", func(s *scene) { s.answer.Wildcard, s.answer.Kind, s.answer.Data = true, dnssec.NoName, nil }, Wildcard},
}

func TestOneFlipGivesOneReason(t *testing.T) {
	for _, c := range flips {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			c.flip(s)
			v, err := s.ask(t)
			if err != nil {
				t.Fatal(err)
			}
			if v.Reason != c.want {
				t.Errorf("reason %v, want %v", v.Reason, c.want)
			}
			if v.ValidUntil.IsZero() != (v.Outcome() == Unproven || !v.Asked) {
				t.Errorf("%v is valid until %v", v.Outcome(), v.ValidUntil)
			}
		})
	}
}

func TestEveryReasonIsReachedOrSaysThatItIsNot(t *testing.T) {
	reached := map[Reason]bool{}
	for _, c := range flips {
		reached[c.want] = true
	}
	for _, c := range heldFlips {
		reached[c.want] = true
	}
	for _, c := range precheckFlips {
		reached[c.want] = true
	}
	for _, r := range Reasons() {
		if reached[r] == r.entry().later {
			t.Errorf("%v: reached %v, marked as of later %v", r, reached[r], r.entry().later)
		}
	}
}

func TestWhatTheOperatorAllows(t *testing.T) {
	insecure := func(s *scene) { s.config.AllowInsecure = true; s.answer.Security = dnssec.Insecure }
	wildcard := func(s *scene) { s.config.AllowWildcard = true; s.answer.Wildcard = true }
	delegated := func(s *scene) { s.config.AllowDelegated = true; s.answer.Zone = "cnf.vendor.example." }
	differs := func(s *scene) { s.answer.Data = [][]byte{theirs} }
	missing := func(s *scene) { s.answer.Kind, s.answer.Data = dnssec.NoName, nil }
	for _, c := range []struct {
		claim string
		flips []func(*scene)
		want  Reason
	}{
		{"an insecure match confirms", []func(*scene){insecure}, RecordMatches},
		{"an insecure other record never refutes", []func(*scene){insecure, differs}, Insecure},
		{"an insecure absence never refutes", []func(*scene){insecure, missing}, Insecure},
		{"an insecure match is still no bogus one", []func(*scene){insecure, func(s *scene) { s.answer.Security = dnssec.Bogus }}, Bogus},
		{"an insecure match is still no indeterminate one", []func(*scene){insecure, func(s *scene) { s.answer.Security = dnssec.Indeterminate }}, Indeterminate},
		{"an insecure wildcard match does not decide", []func(*scene){insecure, func(s *scene) { s.answer.Wildcard = true }}, Wildcard},
		{"an insecure match below a cut does not decide", []func(*scene){insecure, func(s *scene) { s.answer.Zone = "cnf.vendor.example." }}, DelegatedName},
		{"a wildcard match confirms", []func(*scene){wildcard}, RecordMatches},
		{"a wildcard other record refutes", []func(*scene){wildcard, differs}, RecordDiffers},
		{"a wildcard is still unsigned where it is", []func(*scene){wildcard, func(s *scene) { s.answer.Security = dnssec.Insecure }}, Insecure},
		{"a delegated match confirms", []func(*scene){delegated}, RecordMatches},
		{"a delegated other record refutes", []func(*scene){delegated, differs}, RecordDiffers},
		{"a delegated absence refutes", []func(*scene){delegated, missing}, RecordAbsent},
		{"a delegated name is still in the zone", []func(*scene){delegated, func(s *scene) { s.answer.Zone = "cnf.other.example." }}, Indeterminate},
		{"all at once", []func(*scene){insecure, wildcard, delegated}, RecordMatches},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			for _, flip := range c.flips {
				flip(s)
			}
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want {
				t.Errorf("%v, %v; want %v", v.Reason, err, c.want)
			}
			if v.DNS.Security != s.answer.Security {
				t.Errorf("the verdict says %v of an answer that is %v", v.DNS.Security, s.answer.Security)
			}
		})
	}
}

// TestTheFirstReasonInOrderIsGiven applies every two of the conditions at once.
func TestTheFirstReasonInOrderIsGiven(t *testing.T) {
	order := []struct {
		reason Reason
		flip   func(*scene)
	}{
		{Expired, func(s *scene) { s.with(`"exp":1361398824`) }},
		{NotYetValid, func(s *scene) { s.with(`"nbf":1900000000`) }},
		{Undecryptable, func(s *scene) { s.claims = strings.Replace(s.claims, cnf, encryptedCnf, 1) }},
		{TooCostly, func(s *scene) { s.answer.Trouble.Budget = true }},
		{Unreachable, func(s *scene) { s.answer.Trouble.Unreachable = true }},
		{Bogus, func(s *scene) { s.answer.Security = dnssec.Bogus }},
		{Indeterminate, func(s *scene) { s.answer.Type = 0 }},
		{DelegatedName, func(s *scene) { s.answer.Zone = owner }},
		{Insecure, func(s *scene) { s.answer.Security = min(s.answer.Security, dnssec.Insecure) }},
		{Wildcard, func(s *scene) { s.answer.Wildcard = true }},
		{RecordDiffers, func(s *scene) { s.answer.Data = [][]byte{theirs} }},
	}
	for i, first := range order {
		for _, second := range order[i+1:] {
			for _, both := range [][2]func(*scene){{first.flip, second.flip}, {second.flip, first.flip}} {
				s := newScene()
				both[0](s)
				both[1](s)
				v, err := s.ask(t)
				if err != nil || v.Reason != first.reason {
					t.Errorf("%v and %v give %v, %v", first.reason, second.reason, v.Reason, err)
				}
			}
		}
	}
}

func TestTheQuestionCarriesWhatTheCallerAsks(t *testing.T) {
	at := now.Add(-time.Hour)
	for _, c := range []struct {
		claim   string
		request Request
		want    dnssec.Question
	}{
		{"no bound", Request{}, dnssec.Question{}},
		{"an age", Request{MaxAge: 7 * time.Second, Bounded: true}, dnssec.Question{MaxAge: 7 * time.Second, Bounded: true}},
		{"nothing cached", Request{Bounded: true}, dnssec.Question{Bounded: true}},
		{"another time", Request{At: at}, dnssec.Question{At: at}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			s.request = c.request
			s.request.Input = InputClaims
			if _, err := s.ask(t); err != nil {
				t.Fatal(err)
			}
			c.want.Name, _ = dnssec.NameOf(owner)
			c.want.Type = dnssec.TypeTLSA
			if len(s.source.asked) != 1 || s.source.asked[0] != c.want {
				t.Errorf("asked %+v, want %+v", s.source.asked, c.want)
			}
		})
	}
}

func TestWhereTheTokenDecidesTheDNSIsNotAsked(t *testing.T) {
	for _, members := range []string{`"exp":1361398824`, `"nbf":1900000000`} {
		s := newScene()
		s.with(members)
		v, err := s.ask(t)
		if err != nil || v.Asked || len(s.source.asked) != 0 || v.Domain != "vendor.example" {
			t.Errorf("%s: %+v, %v after %d questions", members, v, err, len(s.source.asked))
		}
	}
}

func TestTheEndOfTheContextIsAnErrorAndNoVerdict(t *testing.T) {
	for name, flip := range map[string]func(*scene){
		"before the look-up": func(s *scene) { s.source.before = context.DeadlineExceeded },
		"after the look-up":  func(s *scene) { s.source.after = context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			flip(s)
			v, err := s.ask(t)
			var problem *Error
			if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &problem) || v.Outcome() != Unproven {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

func TestConfirmAsksTheSameQuestion(t *testing.T) {
	s := newScene()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	key, err := thumbprint.OfJWK([]byte(jwk), thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Confirm(t.Context(), subject, thumbprint.Confirmation{Method: thumbprint.MethodJWK, Thumbprint: key}, Freshness{Bounded: true})
	if err != nil || got.Reason != RecordMatches || got.Time != NotChecked {
		t.Errorf("%+v, %v", got, err)
	}
	if q := s.source.asked[0]; !q.Bounded || q.MaxAge != 0 || q.Name.String() != owner {
		t.Errorf("asked %+v", q)
	}
	t.Run("the zero confirmation is none", func(t *testing.T) {
		var problem *Error
		if _, err := v.Confirm(t.Context(), subject, thumbprint.Confirmation{}, Freshness{}); !errors.As(err, &problem) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a confirmation without a thumbprint confirms nothing", func(t *testing.T) {
		got, err := v.Confirm(t.Context(), subject, thumbprint.Confirmation{Method: thumbprint.MethodJWK}, Freshness{})
		if err != nil || got.Reason != Indeterminate {
			t.Errorf("%v, %v", got.Reason, err)
		}
	})
	t.Run("an encrypted confirmation confirms nothing, whatever it holds", func(t *testing.T) {
		got, err := v.Confirm(t.Context(), subject, thumbprint.Confirmation{Method: thumbprint.MethodJWK, Thumbprint: key, Encrypted: true}, Freshness{})
		if err != nil || got.Reason != Undecryptable {
			t.Errorf("%v, %v", got.Reason, err)
		}
	})
	t.Run("a subject without a domain is an error", func(t *testing.T) {
		var problem *Error
		_, err := v.Confirm(t.Context(), "urn:x", thumbprint.Confirmation{Method: thumbprint.MethodJWK, Thumbprint: key}, Freshness{})
		if !errors.As(err, &problem) || problem.Problem != NotDerivable {
			t.Errorf("%v", err)
		}
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := newScene().config
	for name, spoil := range map[string]func(*Config){
		"Config.Source": func(c *Config) { c.Source = nil },
		"Config.Now":    func(c *Config) { c.Now = nil },
		"Config.Forms":  func(c *Config) { c.Forms = []record.Form{record.Dotted, record.Dotted} },
		"unknown":       func(c *Config) { c.Forms = []record.Form{9} },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
