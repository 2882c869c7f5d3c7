package authz

import (
	"fmt"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox"
	"cnfd/resolver"

	"github.com/miekg/dns"
)

// TestLookUpGoesOn: a question whose time is over is unproven; what was being looked up
// for it is looked up to its end, though nobody asks any more, and the next one passes.
func TestLookUpGoesOn(t *testing.T) {
	s := newScene(t, Nginx)
	clock := func() time.Time { return now }
	internet, err := sandbox.Start(sandbox.Config{Now: clock})
	must(t, err)
	t.Cleanup(func() { internet.Close() })
	must(t, internet.Replace(domain+".", "jkt.cnf."+domain+". 300 IN TLSA 255 255 255 "+s.holder.jkt().Hex()))
	anchors, err := dnssec.ParseAnchors([]string{internet.Anchor()})
	must(t, err)
	rc := resolver.Config{Now: clock, Anchors: &anchors, ServerPort: uint16(internet.Port()), AllowLocalServers: true}
	for _, h := range internet.Hints() {
		rc.Hints = append(rc.Hints, resolver.Hint(h))
	}
	r, err := resolver.New(rc)
	must(t, err)
	t.Cleanup(func() { r.Close(t.Context()) })

	gate := make(chan struct{})
	for server := range internet.Queries() {
		must(t, internet.Tamper(server, func(_ string, _, reply *dns.Msg) *dns.Msg { <-gate; return reply }))
	}
	s.verifying.Source, s.config.Deadline = r, 20*time.Millisecond
	h := s.handler()
	if got := said(serve(h, s.request())); got != "403 unproven unreachable" {
		t.Fatal(got)
	}
	heard := func() (n int) {
		for _, queries := range internet.Queries() {
			n += queries
		}
		return n
	}
	before := heard()
	close(gate)
	await(t, "a question to the DNS that nobody waits for", func() bool { return heard() > before })
	await(t, "a pass", func() bool {
		s.proof["jti"] = fmt.Sprint(s.proof["jti"], "1")
		return said(serve(h, s.request())) == "200 confirmed record_matches"
	})
}

func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for range 1500 {
		if ready() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: never", what)
}
