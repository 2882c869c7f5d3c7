package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// at is the tests' clock.
var at = time.Date(2026, 11, 22, 6, 35, 13, 0, time.UTC)

func clock() time.Time { return at }

// fakeVerifier hands out one verdict or error and keeps what it was asked, as
// it was then: the real one reads the bytes before it returns.
type fakeVerifier struct {
	verdict verifier.Verdict
	err     error
	do      func(context.Context) // what happens while it works

	mu    sync.Mutex // guards asked
	asked []verifier.Request
}

func (f *fakeVerifier) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	kept := *q
	kept.Bytes = append([]byte(nil), q.Bytes...)
	f.mu.Lock()
	kept.Scratch = nil // nobody's but the call's
	f.asked = append(f.asked, kept)
	f.mu.Unlock()
	if f.do != nil {
		f.do(ctx)
	}
	return f.verdict, f.err
}

// last is the last question; it fails the test where there was none.
func (f *fakeVerifier) last(t *testing.T) verifier.Request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("the verifier was not asked")
	}
	return f.asked[len(f.asked)-1]
}

func (f *fakeVerifier) untouched(t *testing.T) {
	t.Helper()
	if len(f.asked) > 0 {
		t.Errorf("the verifier was asked: %+v", f.asked)
	}
}

type fakeResolver struct {
	answer  *dnssec.Answer
	chain   []dnssec.Link
	err     error
	ready   error
	asked   dnssec.Question
	dropped []string
}

func (f *fakeResolver) Explain(_ context.Context, q dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	f.asked = q
	return f.answer, f.chain, f.err
}
func (f *fakeResolver) Drop(name string) int        { f.dropped = append(f.dropped, name); return 1 }
func (f *fakeResolver) Ready(context.Context) error { return f.ready }

// confirmed is the verdict of docs' example.
func confirmed() verifier.Verdict {
	sum := strings.Repeat("\x80", 32)
	tp, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, []byte(sum))
	if err != nil {
		panic(err)
	}
	return verifier.Verdict{
		Reason: verifier.RecordMatches, Subject: []byte("https://vendor.example"), Domain: "vendor.example",
		Method: thumbprint.MethodJWK, Thumbprint: tp, Asked: true,
		Record:     verifier.Record{Name: "jwk.cnf.vendor.example.", Usable: 1, TTL: 287 * time.Second},
		DNS:        verifier.DNS{Security: dnssec.Secure, Cached: true, Age: 13 * time.Second},
		Time:       verifier.Checked,
		ValidUntil: at.Add(287 * time.Second),
	}
}

func newHandler(t testing.TB, c Config) http.Handler {
	t.Helper()
	if c.Verifier == nil {
		c.Verifier = &fakeVerifier{verdict: confirmed()}
	}
	if c.Resolver == nil {
		c.Resolver = &fakeResolver{}
	}
	c.Now = clock
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send makes one request; headers are "Name: value".
func send(h http.Handler, method, target, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

const (
	asJSON = "Content-Type: application/json"
	asJWT  = "Content-Type: application/jwt"
)

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type problemDoc struct {
	Type, Title, Detail, ID string
	Status                  int
}

// wantProblem checks that r is a problem document of that kind, whole and
// consistent, and returns it.
func wantProblem(t *testing.T, r *http.Response, status int, name string) problemDoc {
	t.Helper()
	body := text(t, r)
	var p problemDoc
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("status %d, body %q: %v", r.StatusCode, body, err)
	}
	if r.StatusCode != status || p.Status != status || p.Type != "urn:cnfd:problem:"+name {
		t.Errorf("got %d %+v, want %d %s", r.StatusCode, p, status, name)
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	if cc := r.Header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control %q: a problem must not be kept", cc)
	}
	if p.Title == "" || p.Detail == "" || len(p.ID) != 26 {
		t.Errorf("incomplete: %+v", p)
	}
	return p
}
