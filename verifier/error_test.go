package verifier

import (
	"errors"
	"strings"
	"testing"
)

func TestWhatFormsNoQuestion(t *testing.T) {
	for _, c := range []struct {
		claim string
		flip  func(*scene)
		want  Problem
		says  string
	}{
		{"no JSON", func(s *scene) { s.claims = "{" }, Malformed, ""},
		{"a duplicate member", func(s *scene) { s.with(`"sub":"https://other.example"`) }, Malformed, "sub"},
		{"a member in another case", func(s *scene) { s.with(`"Sub":"https://other.example"`) }, Malformed, "Sub"},
		{"a key that is none", func(s *scene) { s.claims = strings.Replace(claims, "18wHLeIg", "18wHLe!g", 1) }, Malformed, "cnf.jwk.x"},
		{"a key that is not on its curve", func(s *scene) { s.claims = strings.Replace(claims, "18wHLeIg", "18wHLeIh", 1) }, Malformed, "cnf.jwk"},
		{"a private key", func(s *scene) {
			s.claims = strings.Replace(claims, `"kty":"EC",`, `"kty":"EC","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",`, 1)
		}, Malformed, "private"},
		{"no subject", func(s *scene) { s.claims = `{"iss":"https://vendor.example","cnf":` + cnf + `}` }, NotDerivable, "claims.sub: missing"},
		{"an empty subject", func(s *scene) { s.claims = `{"sub":"","cnf":` + cnf + `}` }, NotDerivable, "empty"},
		{"a subject without a domain", func(s *scene) { s.claims = `{"sub":"urn:uuid:1","cnf":` + cnf + `}` }, NotDerivable, "https"},
		{"a subject that is not turned on", func(s *scene) { s.claims = `{"sub":"mailto:a@vendor.example","cnf":` + cnf + `}` }, NotDerivable, "subjects.mailto"},
		{"a name that is too long", func(s *scene) {
			s.claims = `{"sub":"https://` + strings.Repeat("a.", 124) + `b","cnf":` + cnf + `}`
		}, NotDerivable, "253"},
		{"a name that is too long, of a token that has expired", func(s *scene) {
			s.claims = `{"sub":"https://` + strings.Repeat("a.", 124) + `b","exp":1,"cnf":` + cnf + `}`
		}, NotDerivable, "253"},
		{"a subject without a domain, of a token that has expired", func(s *scene) { s.claims = `{"sub":"urn:x","exp":1,"cnf":` + cnf + `}` }, NotDerivable, "https"},
		{"no confirmation claim", func(s *scene) { s.claims = `{"sub":"` + subject + `"}` }, NotReducible, "cnf"},
		{"a key elsewhere", func(s *scene) { s.claims = strings.Replace(claims, cnf, `{"jku":"https://a.example/k"}`, 1) }, NotReducible, "cnf"},
		{"a symmetric key", func(s *scene) { s.claims = strings.Replace(claims, cnf, `{"jwk":{"kty":"oct","k":"c2VjcmV0"}}`, 1) }, NotReducible, "cnf"},
		{"more than is read", func(s *scene) { s.claims += strings.Repeat(" ", 64<<10) }, TooLarge, "64 KiB"},
		{"an input that is none", func(s *scene) { s.request.Input = 99 }, Internal, "input"},
		{"a claim set for a JWT", func(s *scene) { s.request.Input = InputJWT }, Malformed, ""},
		{"a claim set for a CWT", func(s *scene) { s.request.Input = InputCWT }, Malformed, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			c.flip(s)
			v, err := s.ask(t)
			var problem *Error
			if !errors.As(err, &problem) || problem.Problem != c.want || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v (%v); want %v and %q", err, v.Reason, c.want, c.says)
			}
			for _, secret := range []string{"870MB6gf", "c2VjcmV0", "secret"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats key material: %v", err)
				}
			}
			if v.Outcome() != Unproven || len(s.source.asked) != 0 {
				t.Errorf("an error with %v and %d questions", v.Outcome(), len(s.source.asked))
			}
		})
	}
}

func TestProblemsAreNamedAsTheirURNs(t *testing.T) {
	for p, want := range map[Problem]string{
		Internal: "internal", Malformed: "malformed", NotDerivable: "not-derivable", NotReducible: "not-reducible", TooLarge: "too-large", 99: "internal",
	} {
		if p.String() != want {
			t.Errorf("%d is %q, want %q", p, p, want)
		}
	}
}
