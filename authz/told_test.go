package authz

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cnfd/verifier"
)

// answers asks another verifier, and notes what its verdict will be answered.
type answers struct {
	Verifier
	told []Answer
}

func (v *answers) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	verdict, err := v.Verifier.Verify(ctx, q)
	if a, ok := AnswerTo(ctx, &verdict); ok && err == nil {
		v.told = append(v.told, a)
	}
	return verdict, err
}

// TestWhatAVerdictIsAnsweredIsKnownWithIt: whoever hears of a verdict hears what the gateway is then told, for every
// one of the flips that comes to a verdict.
func TestWhatAVerdictIsAnsweredIsKnownWithIt(t *testing.T) {
	judged := 0
	for _, observe := range []bool{false, true} {
		all := slices.Clone(flips)
		all[0].claim, all[0].flip = "nothing", func(*scene) {}
		for _, f := range append(all, flips[0]) {
			s := newScene(t, Nginx)
			f.flip(s)
			s.config.Observe = observe
			s.handler()
			v := &answers{Verifier: s.config.Verifier}
			s.config.Verifier = v
			a := s.ask()
			if len(v.told) == 0 {
				continue
			}
			judged++
			got := v.told[0]
			status := a.StatusCode
			if observe {
				var err error
				status, err = strconv.Atoi(a.Header.Get("Cnf-Observed"))
				must(t, err)
			}
			if want := (Answer{status, a.Header.Get("Cnf-Reason"), observe}); got != want {
				t.Errorf("%s: %+v, want %+v", f.claim, got, want)
			}
		}
	}
	if judged < 10 {
		t.Errorf("%d verdicts", judged)
	}
	if _, ok := AnswerTo(context.Background(), &verifier.Verdict{}); ok {
		t.Error("there is an answer to no question")
	}
}

// hear has s log objects, of which those that say who was not let through are given.
func (s *scene) hear() func() []object {
	log := &bytes.Buffer{}
	s.config.Log = slog.New(slog.NewJSONHandler(log, nil))
	return func() (all []object) {
		for line := range strings.Lines(log.String()) {
			var one object
			must(s.t, json.Unmarshal([]byte(line), &one))
			if message, _ := one["msg"].(string); strings.Contains(message, "let through") {
				all = append(all, one)
			}
		}
		return all
	}
}

// TestWhoIsNotLetThroughIsFoundInTheLog: by the id of the problem document, though nobody
// has judged the token; the first, the second, the fourth and the eighth time.
func TestWhoIsNotLetThroughIsFoundInTheLog(t *testing.T) {
	for _, c := range []struct {
		reason string
		flip   func(*scene)
		level  string
	}{
		{"bound_as_bearer", func(s *scene) { s.scheme = "Bearer" }, "INFO"},
		{"no_token", func(s *scene) { s.head["Authorization"] = nil }, "INFO"},
		{"domain_not_listed", func(s *scene) { s.config.Subjects = []string{"other.example"} }, "INFO"},
		{"odd_headers", func(s *scene) { s.head["X-Original-Url"] = nil }, "WARN"},
		{"strange_peer", func(s *scene) { s.peer = "192.0.2.1:1" }, "WARN"},
	} {
		s := newScene(t, Nginx)
		told := s.hear()
		if a := s.ask(); a.StatusCode != http.StatusOK || len(told()) != 0 {
			t.Fatalf("before anything is changed: %s %v", said(a), told())
		}
		s.config.Verifier, s.config.Counts = nil, &Counts{}
		c.flip(s)
		var ids []string
		for i := range 9 {
			s.config.Verifier, s.proof["jti"] = nil, string(rune('a'+i))
			ids = append(ids, idIn(t, s.ask()))
		}
		lines := told()
		if len(lines) != 4 {
			t.Errorf("%s: %d lines", c.reason, len(lines))
			continue
		}
		for i, at := range []int{0, 1, 3, 7} {
			if one := lines[i]; one["id"] != ids[at] || one["reason"] != c.reason || one["level"] != c.level || one["msg"] != "authz: not let through" {
				t.Errorf("%s: %v, want id %s", c.reason, one, ids[at])
			}
		}
	}
}

// TestTheOperatorIsToldWhichRule: which the proof breaks is in the log, without a value of it;
// the stranger who has sent it is not told more than that it does not hold.
func TestTheOperatorIsToldWhichRule(t *testing.T) {
	const rule = "payload.htu: not the URI of this request"
	s := newScene(t, Nginx)
	told := s.hear()
	s.proof["htu"] = api + "/secret"
	a := s.ask()
	body, err := io.ReadAll(a.Body)
	must(t, err)
	lines := told()
	if said(a) != "401 refuted dpop_invalid" || len(lines) != 1 {
		t.Fatalf("%s %v", said(a), lines)
	}
	if detail, _ := lines[0]["detail"].(string); !strings.HasSuffix(detail, rule) || strings.Contains(detail, "secret") {
		t.Errorf("the log: %v", lines[0])
	}
	if strings.Contains(string(body), "htu") {
		t.Errorf("the stranger: %s", body)
	}
}

// TestACertificateThatIsNotHandedOn: a gateway that does not write the header at all is
// spoken of, and one that has shown a wrong certificate is not.
func TestACertificateThatIsNotHandedOn(t *testing.T) {
	for _, g := range gateways {
		for _, missing := range []bool{true, false} {
			s := newScene(t, g)
			s.byCertificate()
			told := s.hear()
			if a := s.ask(); a.StatusCode != http.StatusOK {
				t.Fatalf("%s: before anything is changed: %s", g, said(a))
			}
			s.config.Verifier = nil
			if missing {
				s.head.Del(shapes[g].certificate)
			} else {
				s.head.Set(shapes[g].certificate, s.handed(newScene(t, g).der))
			}
			a, lines := s.ask(), told()
			if said(a) != "401 refuted mtls_mismatch" || len(lines) != 1 {
				t.Fatalf("%s: %s %v", g, said(a), lines)
			}
			what, _ := lines[0]["what"].(string)
			if named := strings.Contains(what, "has sent no "+shapes[g].certificate); named != missing || missing != (lines[0]["level"] == "WARN") {
				t.Errorf("%s, missing %t: %v", g, missing, lines[0])
			}
			if strings.Contains(what, "or the client") != (missing && g != Caddy) {
				t.Errorf("%s: %s", g, what)
			}
		}
	}
}

// TestWhoIsObservedIsLetThrough: and the log does not say otherwise.
func TestWhoIsObservedIsLetThrough(t *testing.T) {
	s := newScene(t, Nginx)
	told := s.hear()
	s.config.Observe, s.head["Authorization"] = true, nil
	a, lines := s.ask(), told()
	if a.StatusCode != http.StatusOK || len(lines) != 1 || lines[0]["msg"] != "authz: observed: would not have been let through" || lines[0]["id"] == "" {
		t.Errorf("%s %v", said(a), lines)
	}
}
