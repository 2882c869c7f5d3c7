package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/lane"
	"cnfd/verifier"
)

const (
	jsonKind = "application/json"
	jwtKind  = "application/jwt"
)

// hotSource is a source that has an answer at hand, or has not.
type hotSource struct {
	source
	cold    bool
	panics  bool
	lookups int // that would have waited
	known   *dnssec.Answer
}

func (s *hotSource) LookupCached(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool) {
	if s.panics {
		panic("a bug")
	}
	if s.cold || q.Bounded {
		return nil, false
	}
	if s.known == nil || s.known.Name != q.Name.String() {
		s.known, _, _ = s.source.Lookup(ctx, q)
	}
	return s.known, true
}

func (s *hotSource) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	s.lookups++
	a, _, err := s.source.Lookup(ctx, q)
	return a, true, err
}

func newHot(t testing.TB, change func(*verifier.Config, *Config)) (*handler, *hotSource) {
	t.Helper()
	sum, err := hex.DecodeString(publicSum)
	must(t, err)
	s := &hotSource{source: source{name: "jwk.cnf.vendor.example.", data: append([]byte{255, 255, 255}, sum...)}}
	vc, c := verifier.Config{Source: s, Cached: s, Now: clock}, Config{}
	if change != nil {
		change(&vc, &c)
	}
	v, err := verifier.New(vc)
	must(t, err)
	c.Verifier, c.Cached = v, v
	return newHandler(t, c).(*handler), s
}

// TestHotIsTheSame: what is answered beneath net/http is to the octet what is answered
// above it, but for the id; and no more is than the claim says.
func TestHotIsTheSame(t *testing.T) {
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}`
	other := strings.Replace(claims, "vendor.", "other.", 1)
	expired := `{"exp":1,` + claims[1:]
	inJSON := func(claims string) string { return `{"claims":` + claims + `}` }
	cases := []struct {
		claim, kind, accept, body string
		hot                       bool
	}{
		{"claims", jsonKind, "", inJSON(claims), true},
		{"a token in JSON", jsonKind, "*/*", `{"token":"` + unsigned(claims) + `"}`, true},
		{"a token with escapes", jsonKind, "*/*", `{"token":"\u0065` + unsigned(claims)[1:] + `"}`, true},
		{"a token alone", jwtKind, "application/json", unsigned(claims), true},
		{"a token alone, in a line", jwtKind, "", unsigned(claims) + "\r\n", true},
		{"no record", jsonKind, "", inJSON(other), true},
		{"expired", jsonKind, "", inJSON(expired), true},
		{"expired, time off", jsonKind, "", `{"time":false,"claims":` + expired + `}`, true},
		{"an end of its own", jsonKind, "", inJSON(fmt.Sprintf(`{"exp":%d,%s`, at.Unix()+7, claims[1:])), true},
		{"fresh data wanted", jsonKind, "", `{"max_age":0,"claims":` + claims + `}`, false},
		{"a check", jsonKind, "", `{"check":["signature"],"token":"` + unsigned(claims) + `"}`, false},
		{"what no check looks at", jsonKind, "", `{"nonce":"n","dpop":{"proof":"a.b.c","htm":"GET","htu":"https://a.example"},"claims":` + claims + `}`, true},
		{"CBOR wanted", jsonKind, "application/cbor", inJSON(claims), false},
		{"another type", "text/plain", "", inJSON(claims), false},
		{"a type with a parameter", jsonKind + "; charset=utf-8", "", inJSON(claims), false},
		{"an SD-JWT", "application/dc+sd-jwt", "", unsigned(claims) + "~", false},
		{"nothing", jwtKind, "", "", false},
		{"a line end alone", jwtKind, "", "\n", false},
		{"not JSON", jsonKind, "", "{", false},
		{"a member twice", jsonKind, "", `{"claims":` + claims + `,"claims":` + claims + `}`, false},
		{"a subject twice", jsonKind, "", inJSON(`{"sub":"https://other.example",` + claims[1:]), false},
		{"no subject", jsonKind, "", inJSON(`{"cnf":{"jwk":` + publicJWK + `}}`), false},
		{"no domain", jsonKind, "", inJSON(strings.Replace(claims, "https://vendor.example", "https://192.0.2.1", 1)), false},
		{"no key", jsonKind, "", inJSON(`{"sub":"https://vendor.example"}`), false},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			h, s := newHot(t, nil)
			var w lane.Response
			ok := h.Answer(t.Context(), &lane.Request{ContentType: []byte(tc.kind), Accept: []byte(tc.accept), Body: []byte(tc.body)}, &w)
			if ok != tc.hot || s.lookups > 0 {
				t.Fatalf("answered: %v, want %v; asked %d times", ok, tc.hot, s.lookups)
			}
			r := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(tc.body))
			r.Header.Set("Content-Type", tc.kind)
			if tc.accept != "" {
				r.Header.Set("Accept", tc.accept)
			}
			above := httptest.NewRecorder()
			h.ServeHTTP(above, r)
			if !ok {
				return
			}
			want := above.Result()
			body, err := io.ReadAll(want.Body)
			must(t, err)
			if !bytes.Equal(noID(w.Body), noID(body)) || want.StatusCode != 200 {
				t.Errorf("%s, want %d %s", w.Body, want.StatusCode, body)
			}
			if got, want := string(w.Fields), fieldsOf(want.Header); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// fieldsOf is a header as net/http writes it.
func fieldsOf(head http.Header) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(head)) {
		fmt.Fprintf(&out, "%s: %s\r\n", name, head.Get(name))
	}
	return out.String()
}

// noID is a verdict without its id, which is never the same.
func noID(doc []byte) []byte {
	at := bytes.LastIndex(doc, []byte(`,"id":"`))
	if at < 0 {
		return doc
	}
	return slices.Concat(doc[:at], doc[at+len(`,"id":""`)+idSize:])
}

// TestHotWaitsForNobody: what would have to be asked or checked is not answered beneath
// net/http, and nobody is told of it; the same request otherwise is.
func TestHotWaitsForNobody(t *testing.T) {
	body := []byte(`{"claims":{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}}`)
	for _, tc := range []struct {
		claim  string
		change func(*verifier.Config, *Config)
		then   func(*handler, *hotSource)
		want   bool
	}{
		{claim: "the cache has it", want: true},
		{claim: "the cache has it not", then: func(_ *handler, s *hotSource) { s.cold = true }},
		{claim: "the verifier has no cache", change: func(vc *verifier.Config, _ *Config) { vc.Cached = nil }},
		{claim: "the API knows of none", then: func(h *handler, _ *hotSource) { h.Cached = nil }},
		{claim: "a check is configured", change: func(vc *verifier.Config, _ *Config) { vc.Checks = verifier.CheckSignature }},
		{claim: "as many octets as may be", change: func(_ *verifier.Config, c *Config) { c.BodyLimit = int64(len(body)) }, want: true},
		{claim: "more octets than may be", change: func(_ *verifier.Config, c *Config) { c.BodyLimit = int64(len(body)) - 1 }},
		{claim: "a bug", then: func(_ *handler, s *hotSource) { s.panics = true }},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			told := &listening{}
			h, s := newHot(t, func(vc *verifier.Config, c *Config) {
				c.Decisions = told
				if tc.change != nil {
					tc.change(vc, c)
				}
			})
			if tc.then != nil {
				tc.then(h, s)
			}
			var w lane.Response
			got := h.Answer(t.Context(), &lane.Request{ContentType: []byte(jsonKind), Body: body}, &w)
			if got != tc.want || s.lookups > 0 || (len(told.ids) == 1) != tc.want {
				t.Fatalf("answered: %v; asked %d times; told of %q", got, s.lookups, told.ids)
			}
			if got && !bytes.Contains(w.Body, []byte(told.ids[0])) {
				t.Errorf("%s has another id than %q", w.Body, told.ids)
			}
		})
	}
}

// listening keeps the ids of what it is told.
type listening struct{ ids []string }

func (l *listening) Begins(ctx context.Context) context.Context { return ctx }
func (l *listening) Decided(_ context.Context, d *Decision)     { l.ids = append(l.ids, string(d.ID)) }

// TestAHotAnswerAllocatesNothing, once its memory is there.
func TestAHotAnswerAllocatesNothing(t *testing.T) {
	h, _ := newHot(t, func(_ *verifier.Config, c *Config) { c.Decisions = quietly{} })
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}`
	for _, r := range []*lane.Request{
		{ContentType: []byte(jsonKind), Body: []byte(`{"claims":` + claims + `}`)},
		{ContentType: []byte(jsonKind), Body: []byte(`{"token":"` + unsigned(claims) + `"}`)},
		{ContentType: []byte(jwtKind), Body: []byte(unsigned(claims))},
	} {
		var w lane.Response
		c := calls.New().(*call) // a sync.Pool loses some under the race detector
		answer := func() {
			w.Fields, w.Body = w.Fields[:0], w.Body[:0]
			if !c.readPlain(r) || !h.answerCached(t.Context(), c, &w) {
				t.Fatal("not answered")
			}
		}
		answer()
		if n := testing.AllocsPerRun(200, answer); n > 0 {
			t.Errorf("%s: %v allocations", r.Body[:10], n)
		}
	}
}

type quietly struct{}

func (quietly) Begins(ctx context.Context) context.Context { return ctx }
func (quietly) Decided(context.Context, *Decision)         {}
