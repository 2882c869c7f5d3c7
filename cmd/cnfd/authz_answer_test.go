package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/metrics"
	"cnfd/verifier"
)

// cold is a verifier that a proof does not satisfy.
type cold struct{}

func (cold) Verify(context.Context, *verifier.Request) (verifier.Verdict, error) {
	return verifier.Verdict{Reason: verifier.DPoPInvalid, Detail: "DPoP proof: payload.htu: not the URI of this request"}, nil
}

// TestADecisionSaysWhatTheGatewayWasAnswered: a confirmation of a domain that may not pass is not taken for a pass, and
// one that is only observed is not taken for a denial.
func TestADecisionSaysWhatTheGatewayWasAnswered(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"alg":"ES256"}`) + "." + part(`{"sub":"https://xn--53h.example","cnf":{"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}}`) + "." + part("s")
	for _, c := range []struct {
		claim    string
		verifier api.Verifier
		subject  string
		observe  bool
		status   int
		want     map[string]any // nil: not there
	}{
		{"passed", coffee{}, "☕.example", false, 200, map[string]any{"outcome": "confirmed", "gateway": "passed", "status": 200., "observed": nil, "cause": nil, "detail": nil}},
		{"not listed", coffee{}, "other.example", false, 403, map[string]any{"outcome": "confirmed", "gateway": "denied", "status": 403., "observed": nil, "cause": "domain_not_listed"}},
		{"observed", coffee{}, "other.example", true, 200, map[string]any{"outcome": "confirmed", "gateway": "passed", "status": 200., "observed": 403., "cause": "domain_not_listed"}},
		{"observed, and would have passed", coffee{}, "☕.example", true, 200, map[string]any{"gateway": "passed", "status": 200., "observed": 200., "cause": nil}},
		{"a proof for another URI", cold{}, "☕.example", false, 401, map[string]any{"outcome": "refuted", "gateway": "denied", "status": 401., "cause": "dpop_invalid",
			"detail": "DPoP proof: payload.htu: not the URI of this request"}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			conf := config.Default(config.User{Root: true})
			conf.Issuers = []config.Issuer{{Issuer: "https://iss.example"}}
			conf.Authz.Gateway, conf.Authz.Subjects, conf.Authz.Observe = "nginx", []string{c.subject}, c.observe
			var log bytes.Buffer
			d := &decisions{log: slog.New(slog.NewJSONHandler(&log, nil)), counts: metrics.New()}
			d.tells.Store(&tells{lines: true, evidence: "off", subjects: "none"})
			h, err := authzOf(&conf, api.Observed(c.verifier, d, time.Now), &engine{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/v1/authz", nil)
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Net: "unix"}))
			r.Header = http.Header{"Authorization": {"DPoP " + token}, "Dpop": {"a.b.c"}, "X-Original-Method": {"GET"}, "X-Original-Url": {"https://api.example/"}}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var line map[string]any
			if err := json.Unmarshal(log.Bytes(), &line); err != nil || w.Code != c.status {
				t.Fatalf("%d %v: %s", w.Code, err, &log)
			}
			for name, want := range c.want {
				if line[name] != want {
					t.Errorf("%s: %v, want %v", name, line[name], want)
				}
			}
		})
	}
}
