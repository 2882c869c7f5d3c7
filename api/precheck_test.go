package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cnfd/verifier"
)

// fakePrechecker hands out one verdict or error and keeps what it was asked.
type fakePrechecker struct {
	verdict verifier.Verdict
	err     error

	subject string
	key     *verifier.Key
	token   *verifier.Request
}

func (f *fakePrechecker) PrecheckKey(_ context.Context, subject string, k verifier.Key) (verifier.Verdict, error) {
	k.Claim = append([]byte(nil), k.Claim...)
	f.subject, f.key = subject, &k
	return f.verdict, f.err
}

func (f *fakePrechecker) PrecheckToken(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
	kept := *q
	kept.Bytes = append([]byte(nil), q.Bytes...)
	f.token = &kept
	return f.verdict, f.err
}

func prechecking(t testing.TB, more ...func(*Config)) (http.Handler, *fakePrechecker) {
	t.Helper()
	f := &fakePrechecker{verdict: confirmed()}
	f.verdict.Detail = "name servers were asked at 2 addresses, and all say the same"
	c := Config{Prechecker: f}
	for _, edit := range more {
		edit(&c)
	}
	return newHandler(t, c), f
}

func TestPrecheckOfASubjectAndAKey(t *testing.T) {
	h, f := prechecking(t)
	r := send(h, "POST", "/v1/precheck", ` {"cnf": {"jkt": "abc"}, "subject": "https://vendor.example"} `, asJSON)
	body := text(t, r)
	if r.StatusCode != 200 || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Age") != "" {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
	}
	if f.subject != "https://vendor.example" || string(f.key.Claim) != `{"jkt": "abc"}` || f.token != nil {
		t.Errorf("asked %q %s", f.subject, f.key.Claim)
	}
	var v struct{ Outcome, Reason, Detail, ID string }
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.Outcome != "confirmed" || v.Reason != "record_matches" || v.Detail != f.verdict.Detail || len(v.ID) != 26 {
		t.Errorf("%v %+v", err, v)
	}
	send(h, "POST", "/v1/precheck", `{"subject":"did:web:vendor.example","method":"1","thumbprint":"urn:x"}`, asJSON)
	if f.subject != "did:web:vendor.example" || f.key.Method != "1" || f.key.Thumbprint != "urn:x" || len(f.key.Claim) != 0 {
		t.Errorf("asked %q %+v", f.subject, f.key)
	}
	r = send(h, "POST", "/v1/precheck", `{"subject":"https://vendor.example","cnf":{}}`, asJSON, "Accept: application/cbor")
	if ct := r.Header.Get("Content-Type"); ct != "application/cbor" {
		t.Errorf("asked for CBOR: %s", ct)
	}
}

func TestPrecheckOfAToken(t *testing.T) {
	for _, c := range []struct {
		claim, target, body string
		head                string
		input               verifier.Input
		bytes               string
		checks              verifier.Checks
		skip                bool
	}{
		{"in JSON", "", `{"token":"a.b.c"}`, asJSON, verifier.InputToken, "a.b.c", 0, false},
		{"with checks", "", `{"token":"a.b.c","check":["signature"],"time":false}`, asJSON, verifier.InputToken, "a.b.c", verifier.CheckSignature, true},
		{"claims", "?time=false", `{"claims":{"sub":"x"}}`, asJSON, verifier.InputClaims, `{"sub":"x"}`, 0, true},
		{"alone", "?check=signature", "a.b.c\n", asJWT, verifier.InputJWT, "a.b.c", verifier.CheckSignature, false},
		{"an SD-JWT", "", "a.b.c~", "Content-Type: application/dc+sd-jwt", verifier.InputSDJWT, "a.b.c~", 0, false},
		{"a CWT", "", "\xa0", "Content-Type: application/cwt", verifier.InputCWT, "\xa0", 0, false},
	} {
		h, f := prechecking(t)
		r := send(h, "POST", "/v1/precheck"+c.target, c.body, c.head)
		if q := f.token; r.StatusCode != 200 || q == nil || q.Input != c.input || string(q.Bytes) != c.bytes || q.Checks != c.checks || q.SkipTime != c.skip || f.key != nil {
			t.Errorf("%s: %d %s, asked %+v", c.claim, r.StatusCode, text(t, r), q)
		}
	}
}

func TestPrecheckRefuses(t *testing.T) {
	const good = `{"subject":"https://vendor.example","cnf":{"jkt":"abc"}}`
	for _, c := range []struct {
		claim, target, body, head string
		status                    int
		kind, words               string
	}{
		{"no type", "", good, "X: y", 415, "unsupported-media-type", ""},
		{"another type", "", good, "Content-Type: text/plain", 415, "unsupported-media-type", ""},
		{"nothing", "", "", asJSON, 400, "malformed", ""},
		{"nothing in it", "", "{}", asJSON, 400, "malformed", "token"},
		{"no object", "", "[]", asJSON, 400, "malformed", ""},
		{"something after it", "", good + "{}", asJSON, 400, "malformed", ""},
		{"no subject", "", `{"cnf":{}}`, asJSON, 400, "malformed", "subject"},
		{"no key", "", `{"subject":"x"}`, asJSON, 400, "malformed", "cnf"},
		{"a key twice", "", `{"subject":"x","cnf":{},"method":"jwk","thumbprint":"urn:x"}`, asJSON, 400, "malformed", "cnf"},
		{"half a key beside one", "", `{"subject":"x","cnf":{},"method":"jwk"}`, asJSON, 400, "malformed", "cnf"},
		{"half a key", "", `{"subject":"x","method":"jwk"}`, asJSON, 400, "malformed", "cnf"},
		{"a member twice", "", `{"subject":"x","subject":"y","cnf":{}}`, asJSON, 400, "malformed", "twice"},
		{"a member in capitals", "", `{"Subject":"x","cnf":{}}`, asJSON, 400, "malformed", ""},
		{"a subject that is no text", "", `{"subject":1,"cnf":{}}`, asJSON, 400, "malformed", "subject"},
		{"a key that is no object", "", `{"subject":"x","cnf":"y"}`, asJSON, 400, "malformed", "cnf"},
		{"a token beside it", "", `{"subject":"x","cnf":{},"token":"a.b.c"}`, asJSON, 400, "malformed", "stands alone"},
		{"a check beside it", "", `{"subject":"x","cnf":{},"check":["signature"]}`, asJSON, 400, "malformed", "stands alone"},
		{"options in the query", "?check=signature", good, asJSON, 400, "malformed", "query"},
		{"a member that is none, with a token", "", `{"token":"a.b.c","form":"dotted"}`, asJSON, 400, "malformed", ""},
		{"too much", "", `{"subject":"` + strings.Repeat("x", MaxBody) + `"}`, asJSON, 413, "too-large", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			h, f := prechecking(t)
			p := wantProblem(t, send(h, "POST", "/v1/precheck"+c.target, c.body, c.head), c.status, c.kind)
			if !strings.Contains(p.Detail, c.words) || f.key != nil || f.token != nil {
				t.Errorf("%q, want %q; asked %v %v", p.Detail, c.words, f.key, f.token)
			}
		})
	}
	h, f := prechecking(t)
	f.err = &verifier.Error{Problem: verifier.NotDerivable, Detail: "urn: names no domain"}
	wantProblem(t, send(h, "POST", "/v1/precheck", good, asJSON), 422, "not-derivable")
	wantProblem(t, send(h, "GET", "/v1/precheck", ""), 405, "method-not-allowed")
	h, _ = prechecking(t, func(c *Config) { c.Prechecker = nil })
	wantProblem(t, send(h, "POST", "/v1/precheck", good, asJSON), 404, "not-found")
}

// heardDecisions keeps the reasons of what was decided.
type heardDecisions struct{ reasons []string }

func (d *heardDecisions) Begins(ctx context.Context) context.Context { return ctx }
func (d *heardDecisions) Decided(_ context.Context, x *Decision) {
	d.reasons = append(d.reasons, string(x.ID[:2])+x.Verdict.Reason.String())
}

func TestPrecheckIsTold(t *testing.T) {
	var d heardDecisions
	h, f := prechecking(t, func(c *Config) { c.Decisions = &d })
	f.verdict = verifier.Verdict{Reason: verifier.ServersDiffer}
	send(h, "POST", "/v1/precheck", `{"subject":"https://vendor.example","cnf":{"jkt":"abc"}}`, asJSON)
	if len(d.reasons) != 1 || !strings.HasSuffix(d.reasons[0], "servers_differ") {
		t.Errorf("told %q", d.reasons)
	}
}

// FuzzPrecheck: of whatever body either a question comes or a problem, and no member is passed over.
func FuzzPrecheck(f *testing.F) {
	for _, seed := range []string{
		`{"subject":"https://vendor.example","cnf":{"jkt":"abc"}}`, `{"subject":"x","method":"jwk","thumbprint":"urn:x"}`,
		`{"token":"a.b.c"}`, `{"subject":"x","cnf":{"a":"\"}"}}`, `{"cnf":{`, `{"subject":"x","cnf":{},"x":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var k subjectAndKey
		ours, p := k.read([]byte(body))
		if !ours || p != nil {
			return
		}
		var plain map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &plain); err != nil {
			if len(k.key.Claim) == 0 || json.Valid(k.key.Claim) {
				t.Fatalf("taken, and no JSON outside of the claim, which the verifier reads: %q: %v", body, err)
			}
			return
		}
		want := 2
		if k.key.Claim == nil {
			want = 3
		}
		if len(plain) != want {
			t.Errorf("%d members in %q, %d read", len(plain), body, want)
		}
	})
}
