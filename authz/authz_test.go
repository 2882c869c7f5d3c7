package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/verifier"
)

var gateways = []Gateway{Nginx, Caddy, Traefik, Envoy}

// flips each change one thing of a request that passes.
var flips = []struct {
	claim string
	flip  func(*scene)
	want  string
}{
	{"no token", func(s *scene) { s.head["Authorization"] = nil }, "401 invalid no_token"},
	{"another scheme", func(s *scene) { s.head.Set("Authorization", "Basic YTpi") }, "401 invalid no_token"},
	{"a scheme alone", func(s *scene) { s.head.Set("Authorization", "DPoP") }, "401 invalid malformed"},
	{"two tokens", func(s *scene) { s.head["Authorization"] = []string{"DPoP a.b.c", "DPoP a.b.c"} }, "401 invalid two_tokens"},
	{"two tokens that were joined", func(s *scene) { s.afterwards = func(token string) string { return token + ",DPoP " + token } }, "401 invalid malformed"},
	{"a token that is none", func(s *scene) { s.afterwards = func(string) string { return "a.b.c" } }, "401 invalid malformed"},
	{"a token with more after it", func(s *scene) { s.afterwards = func(token string) string { return token + " x" } }, "401 invalid malformed"},
	{"a token that is too long", func(s *scene) { s.afterwards = func(string) string { return strings.Repeat("a", 65537) } }, "401 invalid malformed"},
	{"a bound token as Bearer", func(s *scene) { s.scheme = "Bearer" }, "401 invalid bound_as_bearer"},
	{"a bound token as Bearer, with its proof", func(s *scene) {
		r := s.request()
		s.scheme = "bearer"
		s.head["Dpop"] = r.Header["Dpop"]
	}, "401 invalid bound_as_bearer"},
	{"a jkt beside a jwk, as Bearer", func(s *scene) {
		s.claims["cnf"].(object)["jwk"] = s.holder.jwk
		s.scheme = "Bearer"
	}, "401 invalid bound_as_bearer"},
	{"a key and no proof", func(s *scene) {
		s.claims["cnf"] = object{"jwk": s.holder.jwk}
		s.scheme = "Bearer"
	}, "401 invalid unbound"},
	{"a certificate beside the key, where none is taken", func(s *scene) {
		s.claims["cnf"].(object)["x5t#S256"] = b64(make([]byte, 32))
	}, "401 invalid bound_otherwise"},
	{"an octet of the issuer's signature", func(s *scene) { s.afterwards = flipped }, "401 refuted signature_invalid"},
	{"a stranger's signature", func(s *scene) { s.issuer = newPerson(s.t) }, "401 refuted signature_invalid"},
	{"another issuer", func(s *scene) { s.claims["iss"] = "https://other.example" }, "401 refuted signature_invalid"},
	{"expired", func(s *scene) { s.claims["exp"] = now.Unix() - 60 }, "401 refuted expired"},
	{"not yet valid", func(s *scene) { s.claims["nbf"] = now.Unix() + 61 }, "401 refuted not_yet_valid"},
	{"for another audience", func(s *scene) { s.claims["aud"] = "https://other.example" }, "401 refuted audience_mismatch"},
	{"for nobody", func(s *scene) { delete(s.claims, "aud") }, "401 refuted audience_mismatch"},
	{"no proof", func(s *scene) { s.head["Dpop"] = nil }, "401 refuted dpop_invalid"},
	{"two proofs", func(s *scene) { s.head["Dpop"] = []string{"a.b.c", "a.b.c"} }, "401 invalid two_proofs"},
	{"a proof twice", func(s *scene) { d := s.request().Header["Dpop"][0]; s.head["Dpop"] = []string{d, d} }, "401 invalid two_proofs"},
	{"two proofs that were joined", func(s *scene) { d := s.request().Header["Dpop"][0]; s.head["Dpop"] = []string{d + ", " + d} }, "401 refuted dpop_invalid"},
	{"a proof that is too long", func(s *scene) { s.head["Dpop"] = []string{strings.Repeat("a", 16<<10+1)} }, "401 invalid two_proofs"},
	{"another's proof", func(s *scene) { s.prover = newPerson(s.t) }, "401 refuted dpop_invalid"},
	{"a proof for another method", func(s *scene) { s.proof["htm"] = "GET" }, "401 refuted dpop_invalid"},
	{"a proof for another path", func(s *scene) { s.proof["htu"] = api + "/orders/8" }, "401 refuted dpop_invalid"},
	{"a proof for the gateway's own question", func(s *scene) { s.proof["htu"] = "http://cnfd/v1/authz" }, "401 refuted dpop_invalid"},
	{"a proof for another host", func(s *scene) { s.proof["htu"] = "https://other.example/orders/7" }, "401 refuted dpop_invalid"},
	{"a proof for another token", func(s *scene) { s.proof["ath"] = b64(make([]byte, 32)) }, "401 refuted dpop_invalid"},
	{"an old proof", func(s *scene) { s.proof["iat"] = now.Unix() - 300 }, "401 refuted dpop_invalid"},

	{"a private key in the token", func(s *scene) {
		s.claims["cnf"] = object{"jwk": json.RawMessage(strings.Replace(string(s.holder.jwk), "{", `{"d":"AAAA",`, 1))}
	}, "401 invalid malformed"},
	{"a key elsewhere", func(s *scene) { s.claims["cnf"] = object{"jku": "https://evil.example/"} }, "403 not_reducible not_reducible"},
	{"no key in the token", func(s *scene) { delete(s.claims, "cnf") }, "403 not_reducible not_reducible"},
	{"no subject", func(s *scene) { delete(s.claims, "sub") }, "403 not_derivable not_derivable"},
	{"a subject without a domain", func(s *scene) { s.claims["sub"] = "urn:a:b" }, "403 not_derivable not_derivable"},
	{"the record is removed", func(s *scene) { clear(s.zone.records) }, "403 refuted record_absent"},
	{"the record is another's", func(s *scene) { s.zone.records["jkt.cnf."+domain+"."] = newPerson(s.t).jkt().Hex() }, "403 refuted record_differs"},
	{"the DNS is not proven", func(s *scene) { s.zone.broken = true }, "403 unproven bogus"},
	{"the DNS does not answer in time", func(s *scene) { s.zone.stuck, s.config.Deadline = true, time.Millisecond }, "403 unproven unreachable"},
	{"the domain is not listed", func(s *scene) { s.config.Subjects = []string{"other.example"} }, "403 denied domain_not_listed"},
	{"the domain above it is listed", func(s *scene) {
		s.claims["sub"] = "https://sub.vendor.example"
		s.zone.records["jkt.cnf.sub."+domain+"."] = s.holder.jkt().Hex()
	}, "403 denied domain_not_listed"},
	{"the domain is listed in capitals", func(s *scene) { s.config.Subjects = []string{"VENDOR.EXAMPLE"} }, "403 denied domain_not_listed"},
	{"the verifier fails", func(s *scene) { s.config.Verifier = verdicts{err: errors.New("disk")} }, "403 denied internal"},
	{"there is no room for a look-up", func(s *scene) { s.config.Verifier = verdicts{err: fmt.Errorf("verifier: %w", full{})} }, "403 unproven unreachable"},
	{"the verifier confirms without the signature", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, DPoP: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms without the proof", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms with another proof than the token needs", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, MTLS: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms without the time", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, DPoP: verifier.Valid}}
	}, "403 denied check_not_made"},
	{"the verifier confirms nobody", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked}}
		s.config.Subjects = []string{Any}
	}, "403 denied domain_not_listed"},
	{"the verifier confirms what is no domain", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: "a.example\r\nCnf-Outcome: confirmed", Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked}}
		s.config.Subjects = []string{Any}
	}, "403 denied domain_not_listed"},
	{"the verifier panics", func(s *scene) { s.config.Verifier = verdicts{panics: true} }, "403 denied internal"},
	{"the verifier says nothing", func(s *scene) { s.config.Verifier = verdicts{} }, "403 unproven indeterminate"},
}

// verdicts is a verifier that says one thing.
type verdicts struct {
	v      verifier.Verdict
	err    error
	panics bool
}

func (d verdicts) Verify(context.Context, *verifier.Request) (verifier.Verdict, error) {
	if d.panics {
		panic("what a stranger sent")
	}
	return d.v, d.err
}

// full is an error that says that there is no room.
type full struct{}

func (full) Error() string { return "full" }
func (full) Busy() bool    { return true }

func flipped(token string) string {
	b := []byte(token)
	b[len(b)-10] ^= 'A' ^ 'B'
	if c := b[len(b)-10]; !isAlphanumeric(c) {
		b[len(b)-10] = 'A'
	}
	return string(b)
}

// TestOneFlip: for every gateway a request passes, and with one thing changed it is
// kept out for that very reason.
func TestOneFlip(t *testing.T) {
	for _, g := range gateways {
		for _, f := range flips {
			t.Run(g.String()+"/"+f.claim, func(t *testing.T) {
				s := newScene(t, g)
				if a := s.ask(); said(a) != "200 confirmed record_matches" || a.Header.Get("Cnf-Domain") != domain || a.Header.Get("Cnf-Thumbprint") != s.holder.jkt().URI() {
					t.Fatalf("before anything is changed: %s %v", said(a), a.Header)
				}
				s.proof["jti"], s.config.Verifier = "2", nil
				f.flip(s)
				a := s.ask()
				if said(a) != f.want {
					t.Fatalf("%s, want %s", said(a), f.want)
				}
				keptOut(t, a)
				if strings.Contains(s.log.String(), "stranger") {
					t.Errorf("the log repeats it: %s", &s.log)
				}
			})
		}
	}
}

// keptOut holds what every answer but 200 has.
func keptOut(t *testing.T, a *http.Response) {
	t.Helper()
	body, err := io.ReadAll(a.Body)
	must(t, err)
	var p struct {
		Type, Title, Detail, ID string
		Status                  int
	}
	if err := json.Unmarshal(body, &p); err != nil || len(p.ID) < 3 || p.Status != a.StatusCode || p.Type == "" || p.Title == "" || p.Detail == "" || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a problem document: %s", body)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("it may be kept")
	}
	for name, values := range a.Header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") || strings.HasPrefix(name, "Cnf-") && len(values) != 1 {
				t.Errorf("%s: %q", name, values)
			}
		}
	}
	if challenged := a.Header.Get("WWW-Authenticate") != ""; challenged != (a.StatusCode == 401) {
		t.Errorf("%d, challenged: %t", a.StatusCode, challenged)
	}
}

func TestReplayedProof(t *testing.T) {
	s := newScene(t, Nginx)
	h, r := s.handler(), s.request()
	for _, want := range []string{"200 confirmed record_matches", "401 refuted dpop_replayed"} {
		if got := said(serve(h, r)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestEveryCause: each has its words, and a status that gateways know.
func TestEveryCause(t *testing.T) {
	for c, e := range causes {
		if e.word == "" != e.judged || e.outcome == "" != e.judged || e.status == 0 || e.detail == "" && cause(c) != passed {
			t.Errorf("%d: %+v", c, e)
		}
		switch {
		case e.status == 200 && cause(c) == passed, e.status == 401, e.status == 403:
		default:
			t.Errorf("%d: status %d", c, e.status)
		}
		if e.outcome == "confirmed" {
			t.Errorf("%d: only a verdict confirms", c)
		}
	}
	for _, r := range verifier.Reasons() {
		if int(r) >= maxReasons {
			t.Errorf("%s is not counted by itself", r)
		}
	}
}
