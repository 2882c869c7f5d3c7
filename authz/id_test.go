package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"cnfd/verifier"
)

// counted names questions id1, id2 and so on.
func counted() func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprint("id", n.Add(1)) }
}

// hears asks another verifier, and notes by what id.
type hears struct {
	verdicts
	ids []string
}

func (v *hears) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	v.ids = append(v.ids, IDOf(ctx))
	return v.verdicts.Verify(ctx, q)
}

// TestTheIDIsTheVerdicts: the problem document of a question is named as its verdict is, and its
// line in the log; another question has another name, with a verdict or without.
func TestTheIDIsTheVerdicts(t *testing.T) {
	for _, c := range []struct {
		claim   string
		flip    func(*scene)
		says    verdicts
		want    int
		verdict bool // it is asked for one
		logs    bool
	}{
		{"refuted", func(*scene) {}, verdicts{v: verifier.Verdict{Reason: verifier.RecordAbsent}}, 403, true, true},
		{"unproven", func(s *scene) { s.config.Unproven = 503 }, verdicts{}, 503, true, true},
		{"an expired token", func(*scene) {}, verdicts{v: verifier.Verdict{Reason: verifier.Expired}}, 401, true, true},
		{"no verdict", func(*scene) {}, verdicts{err: errors.New("disk")}, 403, true, true},
		{"a panic", func(*scene) {}, verdicts{panics: true}, 403, true, true},
		{"no token", func(s *scene) { s.head["Authorization"] = nil }, verdicts{}, 401, false, true},
		{"odd headers", func(s *scene) { s.head["X-Original-Method"] = nil }, verdicts{}, 403, false, true},
		{"not configured", func(s *scene) { s.config.Issuers = false }, verdicts{}, 503, false, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, Nginx)
			if a := s.ask(); a.StatusCode != http.StatusOK || idIn(t, a) != "" {
				t.Fatalf("before anything is changed: %s", said(a))
			}
			v := &hears{verdicts: c.says}
			s.config.Verifier = v
			c.flip(s)
			h := s.handler()
			first, second := serve(h, s.request()), serve(h, s.request())
			one, two := idIn(t, first), idIn(t, second)
			if first.StatusCode != c.want || one == "" || two == "" || one == two {
				t.Fatalf("%d %q, then %q", first.StatusCode, one, two)
			}
			if asked := strings.Join(v.ids, " "); c.verdict && asked != one+" "+two || !c.verdict && asked != "" {
				t.Errorf("asked by %q, answered by %s %s", asked, one, two)
			}
			if strings.Contains(s.log.String(), "id="+one) != c.logs {
				t.Errorf("the log: %s", &s.log)
			}
		})
	}
	if got := IDOf(context.Background()); got != "" {
		t.Errorf("of no question: %q", got)
	}
}

// idIn is the id of an answer's problem document; "" where it has no body.
func idIn(t *testing.T, a *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(a.Body)
	must(t, err)
	if len(body) == 0 {
		return ""
	}
	var p struct{ ID string }
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p.ID
}
