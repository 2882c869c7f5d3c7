package authz

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/verifier"
)

// nonced is a scene whose proofs need a nonce; at is the clock by which they are given.
func nonced(t *testing.T, g Gateway) (s *scene, at *time.Time) {
	t.Helper()
	clock := now
	s = newScene(t, g)
	s.config.DPoPNonce, s.config.Nonces = true, NewNonces(func() time.Time { return clock })
	return s, &clock
}

// again asks with another proof, of which nothing is remembered.
func (s *scene) again(h *Handler) *http.Response {
	s.proof["jti"] = fmt.Sprint(s.proof["jti"], "1")
	return serve(h, s.request())
}

const (
	wanted = "401 invalid use_dpop_nonce"
	passes = "200 confirmed record_matches"
)

// TestNonces: a client whose proof has none is told which to use, and passes with it, until it is too old.
func TestNonces(t *testing.T) {
	for _, g := range gateways {
		t.Run(g.String(), func(t *testing.T) {
			s, at := nonced(t, g)
			h := s.handler()
			a := s.again(h)
			given := a.Header.Get("DPoP-Nonce")
			if challenge := a.Header.Get("WWW-Authenticate"); said(a) != wanted || len(given) != 22 || !strings.HasPrefix(challenge, `DPoP error="use_dpop_nonce", `) {
				t.Fatalf("without one: %s %q %q", said(a), given, challenge)
			}
			keptOut(t, a)
			s.proof["nonce"] = given
			a = s.again(h)
			if said(a) != passes || a.Header.Get("DPoP-Nonce") != given {
				t.Fatalf("with it: %s %v", said(a), a.Header)
			}
			*at = at.Add(NonceWindow)
			a = s.again(h)
			next := a.Header.Get("DPoP-Nonce")
			if said(a) != passes || next == given || next == "" {
				t.Errorf("a window later: %s %q", said(a), next)
			}
			*at = at.Add(NonceWindow)
			if a := s.again(h); said(a) != wanted {
				t.Errorf("two windows later: %s", said(a))
			}
			s.proof["nonce"] = next
			if a := s.again(h); said(a) != passes {
				t.Errorf("with the one that came with the last pass: %s", said(a))
			}
		})
	}
}

// TestOneFlipOfANonce: a request passes with its nonce, and with one thing changed it does not.
func TestOneFlipOfANonce(t *testing.T) {
	for _, c := range []struct {
		claim string
		flip  func(s *scene, given string)
		want  string
	}{
		{"none", func(s *scene, _ string) { delete(s.proof, "nonce") }, wanted},
		{"an empty one", func(s *scene, _ string) { s.proof["nonce"] = "" }, wanted},
		{"a character of it", func(s *scene, given string) { s.proof["nonce"] = flipped(given) }, wanted},
		{"more after it", func(s *scene, given string) { s.proof["nonce"] = given + "A" }, wanted},
		{"another start's", func(s *scene, _ string) { s.config.Nonces = NewNonces(func() time.Time { return now }) }, wanted},
		{"a nonce of the next window", func(s *scene, _ string) {
			n := s.config.Nonces
			s.proof["nonce"] = n.of(n.taken().window + 1)
		}, wanted},
		{"a nonce that is no text", func(s *scene, _ string) { s.proof["nonce"] = 7 }, "401 refuted dpop_invalid"},
		{"no proof", func(s *scene, _ string) { s.head["Dpop"] = nil }, "401 refuted dpop_invalid"},
		{"a proof that is none", func(s *scene, _ string) { s.head["Dpop"] = []string{"a.b.c"} }, "401 refuted dpop_invalid"},
		{"another's proof with the right nonce", func(s *scene, _ string) { s.prover = newPerson(s.t) }, "401 refuted dpop_invalid"},
		{"the record is removed", func(s *scene, _ string) { clear(s.zone.records) }, "403 refuted record_absent"},
		{"nothing is demanded any more", func(s *scene, _ string) { s.config.DPoPNonce = false; delete(s.proof, "nonce") }, passes},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s, _ := nonced(t, Nginx)
			given := s.config.Nonces.taken().current
			s.proof["nonce"] = given
			if a := s.again(s.handler()); said(a) != passes {
				t.Fatalf("before anything is changed: %s", said(a))
			}
			c.flip(s, given)
			a := s.again(s.handler())
			if said(a) != c.want {
				t.Fatalf("%s, want %s", said(a), c.want)
			}
			if told := a.Header.Get("DPoP-Nonce") != ""; told != (a.StatusCode != 403 && s.config.DPoPNonce) {
				t.Errorf("%s: told of a nonce: %v", said(a), told)
			}
		})
	}
}

// TestNoncesAreForProofs: where there is none a nonce is not demanded; and a proof is good once, nonce or not.
func TestNoncesAreForProofs(t *testing.T) {
	s, _ := nonced(t, Nginx)
	s.byCertificate()
	s.config.Possession |= verifier.CheckDPoP
	if a := s.ask(); said(a) != passes {
		t.Errorf("by certificate: %s", said(a))
	}
	s, _ = nonced(t, Nginx)
	s.proof["nonce"] = s.config.Nonces.taken().current
	h, r := s.handler(), s.request()
	for _, want := range []string{passes, "401 refuted dpop_replayed"} {
		if got := said(serve(h, r)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	s, _ = nonced(t, Caddy)
	s.config.Observe = true
	if a := s.ask(); said(a) != "200"+wanted[3:] || a.Header.Get("Cnf-Observed") != "401" || a.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("observed: %s %v", said(a), a.Header)
	}
}
