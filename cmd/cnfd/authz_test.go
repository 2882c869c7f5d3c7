package main

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/sandbox"
	"cnfd/verifier"
)

// coffee is a verifier that has confirmed a key of the draft's own domain.
type coffee struct{}

func (coffee) Verify(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
	return verifier.Verdict{Reason: verifier.RecordMatches, Domain: "xn--53h.example", Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked}, nil
}

// TestAGatewayIsAnsweredByOneConfiguration: who was asked under one is not judged by the issuers of the next, whose
// domains may be others.
func TestAGatewayIsAnsweredByOneConfiguration(t *testing.T) {
	o := operate(t, func(c *config.Config) {
		c.Issuers[0].Issuer = "https://other.example"
		c.Authz.Gateway, c.Authz.Subjects, c.Authz.Deadline = "nginx", []string{config.AnySubject}, 10*time.Second
	})
	before, token := o.live.Load().handler, o.token(t, "vendor.jwt")
	says := func(h http.Handler) string {
		r := httptest.NewRequest("GET", "/v1/authz", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Net: "unix"}))
		r.Header = http.Header{"Authorization": {"DPoP " + token}, "X-Original-Method": {"GET"}, "X-Original-Url": {"https://api.example/"}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Header().Get("Cnf-Reason")
	}
	if got := says(before); got != "signature_invalid" {
		t.Fatalf("an issuer that is not configured: %s", got)
	}
	o.c.Issuers[0].Issuer = sandbox.Issuer
	o.again(t)
	if got := says(o.live.Load().handler); got != "dpop_invalid" {
		t.Fatalf("an issuer that is: %s", got)
	}
	if got := says(before); got != "signature_invalid" {
		t.Errorf("under the configuration before: %s", got)
	}
}

// TestAuthzOf: the section is what the gateways' handler is made of, a domain by its A-labels.
func TestAuthzOf(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"alg":"ES256"}`) + "." + part(`{"sub":"https://xn--53h.example","cnf":{"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}}`) + "." + part("s")
	for _, c := range []struct {
		claim string
		flip  func(*config.Config)
		want  int
	}{
		{"all of it", func(*config.Config) {}, 200},
		{"in A-labels", func(c *config.Config) { c.Authz.Subjects = []string{"XN--53H.example."} }, 200},
		{"any", func(c *config.Config) { c.Authz.Subjects = []string{config.AnySubject} }, 200},
		{"another domain", func(c *config.Config) { c.Authz.Subjects = []string{"other.example"} }, 403},
		{"another gateway", func(c *config.Config) { c.Authz.Gateway = "caddy" }, 403},
		{"another proof", func(c *config.Config) { c.Authz.Possession = []string{"mtls"} }, 401},
		{"no gateway", func(c *config.Config) { c.Authz.Gateway = "" }, 503},
		{"no subjects", func(c *config.Config) { c.Authz.Subjects = nil }, 503},
		{"no issuers", func(c *config.Config) { c.Issuers = nil }, 503},
		{"to be observed", func(c *config.Config) { c.Authz.Subjects, c.Authz.Observe = []string{"other.example"}, true }, 200},
	} {
		t.Run(c.claim, func(t *testing.T) {
			conf := config.Default(config.User{Root: true})
			conf.Issuers = []config.Issuer{{Issuer: "https://iss.example"}}
			conf.Authz.Gateway, conf.Authz.Subjects = "nginx", []string{"☕.example"}
			c.flip(&conf)
			h, err := authzOf(&conf, coffee{}, &engine{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/v1/authz", nil)
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Net: "unix"}))
			r.Header = http.Header{"Authorization": {"DPoP " + token}, "Dpop": {"a.b.c"}, "X-Original-Method": {"GET"}, "X-Original-Url": {"https://api.example/"}}
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != c.want {
				t.Errorf("%d %v, want %d", w.Code, w.Header(), c.want)
			}
		})
	}
}
