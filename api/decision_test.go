package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/verifier"
)

// listens keeps what it is told.
type listens struct {
	mu    sync.Mutex
	began int
	told  []string // id, reason
	alien int      // told with another context than Begins returned
	took  time.Duration
}

type listensKey struct{}

func (l *listens) Begins(ctx context.Context) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began++
	return context.WithValue(ctx, listensKey{}, l)
}

func (l *listens) Decided(ctx context.Context, d *Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Value(listensKey{}) != l {
		l.alien++
	}
	l.told = append(l.told, string(d.ID)+" "+d.Verdict.Reason.String())
	l.took = d.Took
}

func unmarshal(t *testing.T, doc string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(doc), into); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
}

func TestDecisionsAreTold(t *testing.T) {
	l := &listens{}
	h := newHandler(t, Config{Verifier: &fakeVerifier{verdict: confirmed()}, Decisions: l})
	item := `{"token":"a.b.c"}`

	var doc struct{ ID string }
	unmarshal(t, text(t, send(h, "POST", "/v1/verify", item, asJSON)), &doc)
	if want := doc.ID + " record_matches"; len(l.told) != 1 || l.told[0] != want {
		t.Fatalf("told %q, want %q", l.told, want)
	}
	lines := strings.Split(strings.TrimSpace(text(t, send(h, "POST", "/v1/verify/batch", item+"\n"+item+"\n", "Content-Type: application/x-ndjson"))), "\n")
	for i, line := range lines {
		unmarshal(t, line, &doc)
		if want := doc.ID + " record_matches"; len(l.told) != 3 || l.told[1+i] != want {
			t.Errorf("told %q, want %q among them", l.told, want)
		}
	}
	if l.alien != 0 || l.began != 3 || l.took < 0 {
		t.Errorf("%d told with another context, %d began, took %s", l.alien, l.began, l.took)
	}

	// What is no verdict is not told.
	send(h, "POST", "/v1/verify", `{"token":1}`, asJSON)
	broken := newHandler(t, Config{Verifier: &fakeVerifier{err: &verifier.Error{Problem: verifier.Malformed}}, Decisions: l})
	send(broken, "POST", "/v1/verify", item, asJSON)
	if len(l.told) != 3 {
		t.Errorf("told %q", l.told)
	}
}

func TestWhoIsTurnedAwayIsToldWhenToComeAgain(t *testing.T) {
	f := &fakeVerifier{verdict: confirmed()}
	h := newHandler(t, Config{Verifier: f})
	ask := func() *http.Response {
		return send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON)
	}
	if r := ask(); r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	for _, tt := range []struct {
		claim  string
		busy   Busy
		status int
		name   string
		after  string
	}{
		{"all ask for too much", Busy{What: "no room"}, 503, "overloaded", "1"},
		{"the caller does", Busy{Caller: true, After: 1500 * time.Millisecond, What: "slower"}, 429, "too-many-requests", "2"},
	} {
		f.err = fmt.Errorf("verifier: look-up of the record: %w", &tt.busy)
		r := ask()
		if got := r.Header.Get("Retry-After"); got != tt.after {
			t.Errorf("%s: Retry-After %q, want %q", tt.claim, got, tt.after)
		}
		if p := wantProblem(t, r, tt.status, tt.name); p.Detail != tt.busy.What {
			t.Errorf("%s: detail %q", tt.claim, p.Detail)
		}
	}
}

func TestMetricsAreThereWhereTheyAreGiven(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("cnfd_up 1\n")) })
	r := send(newHandler(t, Config{Metrics: page}), "GET", "/metrics", "")
	if got := text(t, r); r.StatusCode != 200 || got != "cnfd_up 1\n" || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatal(r.Status, got, r.Header)
	}
	wantProblem(t, send(newHandler(t, Config{}), "GET", "/metrics", ""), 404, "not-found")
	wantProblem(t, send(newHandler(t, Config{Metrics: page, MetricsOnUnix: true}), "GET", "/metrics", ""), 403, "forbidden")
	wantProblem(t, send(newHandler(t, Config{Metrics: page}), "POST", "/metrics", ""), 405, "method-not-allowed")
}

func TestTheBodyMayBeBoundedTighter(t *testing.T) {
	body := `{"token":"` + strings.Repeat("a", 2000) + `"}`
	f := &fakeVerifier{verdict: confirmed()}
	if r := send(newHandler(t, Config{Verifier: f, BodyLimit: 4096}), "POST", "/v1/verify", body, asJSON); r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	h := newHandler(t, Config{Verifier: f, BodyLimit: 1024})
	if p := wantProblem(t, send(h, "POST", "/v1/verify", body, asJSON), 413, "too-large"); !strings.Contains(p.Detail, "1024") {
		t.Error(p.Detail)
	}
	if r := send(h, "POST", "/v1/verify/batch", body+"\n", "Content-Type: application/x-ndjson"); r.StatusCode != 200 {
		t.Error("a batch is bounded too:", r.Status)
	}
}
