package acme_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
)

func TestNonceOnce(t *testing.T) {
	s := newScene(t, nil)
	n := s.MakeNonce()
	if !s.TakeNonce(n) {
		t.Fatal("a new nonce is not good")
	}
	if s.TakeNonce(n) {
		t.Error("a nonce was good twice")
	}
	other := s.MakeNonce()
	for claim, text := range map[string]string{
		"nobody's": "AAAAAAAAAAAAAAAAAAAAAA", "none": "", "padded": other + "==", "longer": other + "AA", "cut off": other[:20],
		"not base64url": "!" + other[1:], "with a line end": other + "\n",
	} {
		if s.TakeNonce(text) {
			t.Errorf("%s: taken", claim)
		}
	}
	if !s.TakeNonce(other) {
		t.Error("the wrong ones have used up a good one")
	}
}

func TestNoncesAreBounded(t *testing.T) {
	s := newScene(t, nil)
	oldest, second := s.MakeNonce(), s.MakeNonce()
	used := s.MakeNonce()
	s.TakeNonce(used) // makes room for one
	for range acme.MostNonces - 1 {
		s.MakeNonce()
	}
	if s.TakeNonce(oldest) {
		t.Error("the oldest of one too many is still good")
	}
	if !s.TakeNonce(second) {
		t.Error("more than the oldest was forgotten")
	}
}

func TestOneOfManyTakesANonce(t *testing.T) {
	s := newScene(t, nil)
	for range 50 {
		n := s.MakeNonce()
		var all sync.WaitGroup
		taken := make(chan bool, 8)
		for range cap(taken) {
			all.Go(func() { taken <- s.TakeNonce(n); s.MakeNonce() })
		}
		all.Wait()
		close(taken)
		times := 0
		for was := range taken {
			if was {
				times++
			}
		}
		if times != 1 {
			t.Fatalf("taken %d times", times)
		}
	}
}

func TestReplayIsRefused(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	body := c.sign(c.kid, nil)
	r, answer := c.send(c.kid, body)
	wantStatus(t, r, answer, http.StatusOK)
	r, answer = c.send(c.kid, body)
	wantRefused(t, r, answer, http.StatusBadRequest, acme.BadNonce, "used before")
	r, answer = c.post(c.kid, nil) // with the refusal's own nonce
	wantStatus(t, r, answer, http.StatusOK)
}

func TestNoncesOutliveACleanStop(t *testing.T) {
	s := newScene(t, nil)
	n, used := s.MakeNonce(), s.MakeNonce()
	s.TakeNonce(used)
	if err := s.PutNoncesAside(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.TakeNonce(n) {
		t.Error("put aside, and taken by the process that ends: it would be good twice")
	}
	next, third := s.again(nil), s.again(nil)
	if err := next.RestoreNonces(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := third.RestoreNonces(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third.TakeNonce(n) {
		t.Error("handed to two processes")
	}
	if next.TakeNonce(used) {
		t.Error("a used one came back")
	}
	if !next.TakeNonce(n) || next.TakeNonce(n) {
		t.Error("a nonce that was put aside is not good exactly once")
	}
}

// TestQuickerThanTheTakeover: a request that comes before Run has begun finds what was put aside, once the Store hands it over.
func TestQuickerThanTheTakeover(t *testing.T) {
	s := newScene(t, nil)
	first, second, used := s.MakeNonce(), s.MakeNonce(), s.MakeNonce()
	s.TakeNonce(used)
	if err := s.PutNoncesAside(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := s.again(nil)
	s.store.before.Store(1)
	if next.TakeNonceOfRequest(t.Context(), first) {
		t.Error("taken where the Store does not hand it over")
	}
	if !next.TakeNonceOfRequest(t.Context(), first) || next.TakeNonceOfRequest(t.Context(), first) {
		t.Error("a nonce that was put aside is not good exactly once")
	}
	if next.TakeNonceOfRequest(t.Context(), used) || s.again(nil).TakeNonceOfRequest(t.Context(), second) {
		t.Error("a used one came back, or one was handed to two processes")
	}
	if !next.TakeNonceOfRequest(t.Context(), second) {
		t.Error("the second was not handed over")
	}
}

// Whatever becomes of the Update, no nonce is good twice.
func TestNoncesWhereTheStoreFails(t *testing.T) {
	for claim, fail := range map[string]func(*brittle){
		"putting aside, before": func(b *brittle) { b.before.Store(1) },
		"putting aside, after":  func(b *brittle) { b.after.Store(1) },
	} {
		s := newScene(t, nil)
		n := s.MakeNonce()
		fail(s.store)
		if err := s.PutNoncesAside(t.Context()); err == nil {
			t.Errorf("%s: no error", claim)
		}
		next := s.again(nil)
		if err := next.RestoreNonces(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.TakeNonce(n) && next.TakeNonce(n) {
			t.Errorf("%s: good twice", claim)
		}
	}
	for claim, fail := range map[string]func(*brittle){
		"taking over, before": func(b *brittle) { b.before.Store(1) },
		"taking over, after":  func(b *brittle) { b.after.Store(1) },
	} {
		s := newScene(t, nil)
		n := s.MakeNonce()
		if err := s.PutNoncesAside(t.Context()); err != nil {
			t.Fatal(err)
		}
		next, third := s.again(nil), s.again(nil)
		fail(s.store)
		if err := next.RestoreNonces(t.Context()); err == nil {
			t.Errorf("%s: no error", claim)
		}
		if err := third.RestoreNonces(t.Context()); err != nil {
			t.Fatal(err)
		}
		if next.TakeNonce(n) && third.TakeNonce(n) {
			t.Errorf("%s: good twice", claim)
		}
	}
}

func TestNoNonceIsBadNonce(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	body := signed(t, jose.ES256, c.key, []byte{}, map[jose.HeaderKey]any{"url": c.kid}, c.kid)
	r, answer := c.send(c.kid, body)
	wantRefused(t, r, answer, http.StatusBadRequest, acme.BadNonce, "missing")
	r, answer = c.post(c.kid, nil) // with the refusal's
	wantStatus(t, r, answer, http.StatusOK)
}

// A stranger asks for any number of nonces: who has signed for an account keeps theirs.
func TestStrangersDoNotMakeTheServerForget(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	c.post("/acme/acct/"+c.account(), nil) // its answer's nonce is an account's
	mine := c.nonce
	strange := answeredNonce(c)
	for range acme.MostNonces {
		answeredNonce(c)
	}
	c.nonce = mine
	r, body := c.post("/acme/acct/"+c.account(), nil)
	wantStatus(t, r, body, http.StatusOK)
	c.nonce = strange
	r, body = c.post("/acme/acct/"+c.account(), nil)
	wantRefused(t, r, body, http.StatusBadRequest, acme.BadNonce, "too old")

	strange = answeredNonce(c) // outlives a clean stop as any
	if err := s.PutNoncesAside(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.server = s.again(nil)
	if err := c.server.RestoreNonces(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.nonce = strange
	r, body = c.post("/acme/acct/"+c.account(), nil)
	wantStatus(t, r, body, http.StatusOK)
}

// answeredNonce is one of newNonce's.
func answeredNonce(c *client) string {
	r, _ := c.get("/acme/new-nonce")
	return r.Header.Get("Replay-Nonce")
}
