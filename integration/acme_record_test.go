package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestACMEByRecord has ten unmodified clients obtain certificates with nothing but their record, published by
// `cnfd publish`: no challenge is answered, nor could one be.
func TestACMEByRecord(t *testing.T) {
	t.Parallel()
	newACMEScene(t, 162, "record").play(t, acmeNone)
}

// TestACMEByChallenge has them answer a challenge besides: http-01, and for one certificate each of the others that they can.
func TestACMEByChallenge(t *testing.T) {
	t.Parallel()
	newACMEScene(t, 164, "challenge").play(t, "http-01")
}

// An acmeFlip is one thing that is wrong, and the word for it in the problem that a client is told.
type acmeFlip struct {
	claim, reason string
	breaks        func(t testing.TB, s *acmeScene, a *acmeActor) (mend func())
}

// An acmeActor is a client with an account and records.
type acmeActor struct {
	client acmeClient
	*acmeOrder
	key, digest string
}

var acmeFlips = []acmeFlip{
	{"the record is not there", "record_absent", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		s.publish(t, "remove", a.key, a.names...)
		return func() { s.publish(t, "add", a.key, a.names...) }
	}},
	{"the record is of another key", "record_differs", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		other := s.another(t)
		s.publish(t, "add", other, a.names...)
		s.publish(t, "remove", a.key, a.names...)
		return func() {
			s.publish(t, "add", a.key, a.names...)
			s.publish(t, "remove", other, a.names...)
		}
	}},
	{"the zone is not secure", "insecure", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		ds := s.delegate(t, nil)
		return func() { s.delegate(t, ds) }
	}},
	{"the zone is bogus", "bogus", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		wrong := dns.Copy(s.internet.zones["."].set(publishingDomain, dns.TypeDS)[0]).(*dns.DS)
		wrong.Digest = strings.Repeat("00", len(wrong.Digest)/2)
		ds := s.delegate(t, []dns.RR{wrong})
		return func() { s.delegate(t, ds) }
	}},
	{"the record is made from a wildcard", "wildcard", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		move := func(from, to string) {
			for _, name := range a.names {
				s.update(t, fmt.Sprintf("delete %scnf.%s. TLSA", from, name), fmt.Sprintf("add %scnf.%s. 5 TLSA 255 255 255 %s", to, name, a.digest))
			}
		}
		move("jwk.", "*.")
		return func() { move("*.", "jwk.") }
	}},
	{"one of two names has no record", "record_absent", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		s.publish(t, "remove", a.key, a.names[1])
		return func() { s.publish(t, "add", a.key, a.names[1]) }
	}},
	{"the record is removed between authorization and finalize", "record_absent", func(t testing.TB, s *acmeScene, a *acmeActor) func() {
		s.meanwhile("/finalize", func() {
			for _, name := range a.names {
				s.update(t, fmt.Sprintf("delete jwk.cnf.%s. TLSA", name))
			}
		})
		return func() {
			s.meanwhile("", nil)
			s.publish(t, "add", a.key, a.names...)
		}
	}},
}

// play has every client get certificates, then none while one thing is wrong, then one again.
func (s *acmeScene) play(t *testing.T, challenge string) {
	clients := acmeClients(t)
	for i, name := range slices.Sorted(maps.Keys(clients)) {
		t.Run(name, func(t *testing.T) {
			a := s.actor(t, clients[name], i, name, challenge)
			s.grants(t, a, a.client.obtain)
			s.grants(t, a, a.client.renew)
			s.others(t, a)
			for _, f := range acmeFlips {
				mend := f.breaks(t, s, a)
				s.refuses(t, a, f, a.client.obtain)
				mend()
			}
			s.grants(t, a, a.client.obtain)
			revoked := s.issued(t, "--revoked")
			switch said, err := a.client.revoke(t, a.acmeOrder); {
			case errors.Is(err, errors.ErrUnsupported):
			case err != nil:
				t.Errorf("revocation: %v\n%s", err, acmeSaid(said))
			case s.issued(t, "--revoked") != revoked+1:
				t.Error("revocation: the server knows of none")
			}
			mend := acmeFlips[0].breaks(t, s, a)
			s.refuses(t, a, acmeFlips[0], a.client.renew)
			mend()
		})
	}
}

// actor is a client with an account whose key both of its names vouch for.
func (s *acmeScene) actor(t *testing.T, c acmeClient, i int, name, challenge string) *acmeActor {
	t.Helper()
	a := &acmeActor{client: c, acmeOrder: s.client(t, i, name, "www")}
	a.challenge = challenge
	if _, itself := c.(*caddy); !itself && challenge != acmeNone {
		s.web(t, a.acmeOrder)
	}
	if challenge == acmeNone {
		s.optIn(t, a.names...)
	}
	a.key = c.account(t, a.acmeOrder)
	a.digest = s.thumbprint(t, a.key)
	s.publish(t, "add", a.key, a.names...)
	return a
}

// others has a client that answers challenges answer all that it can.
func (s *acmeScene) others(t *testing.T, a *acmeActor) {
	t.Helper()
	first := a.challenge
	for _, other := range a.client.answers() {
		if first != acmeNone && other != first {
			a.challenge = other
			s.grants(t, a, a.client.obtain)
		}
	}
	a.challenge = first
}

type acmeVerb func(testing.TB, *acmeOrder) ([]byte, string, error)

// grants fails the test where the client comes to no certificate.
func (s *acmeScene) grants(t *testing.T, a *acmeActor, verb acmeVerb) {
	t.Helper()
	s.requests()
	chain, said, err := verb(t, a.acmeOrder)
	seen := s.requests()
	if err != nil {
		t.Fatalf("%v\n%s\nthe server:\n%s", err, acmeSaid(said), seen)
	}
	a.proven(t, chain, s.roots)
	if answered := strings.Contains(seen, "POST /acme/chall/"); answered != (a.challenge != acmeNone) {
		t.Errorf("a challenge was answered: %v\n%s", answered, seen)
	}
}

// refuses fails the test where anything but the refusal comes to pass.
func (s *acmeScene) refuses(t *testing.T, a *acmeActor, f acmeFlip, verb acmeVerb) {
	t.Helper()
	s.requests()
	before := s.issued(t)
	_, said, err := verb(t, a.acmeOrder)
	seen := s.requests()
	want := 0
	if _, each := a.client.(*caddy); each && strings.HasPrefix(f.claim, "one of two") {
		want = 1 // Caddy orders a certificate for each name
	}
	if now := s.issued(t); err == nil || now != before+want {
		t.Errorf("%s: %d certificates, want %d; the client: %v\n%s\nthe server:\n%s", f.claim, now-before, want, err, acmeSaid(said), seen)
	}
	if !strings.Contains(seen, "("+f.reason) {
		t.Errorf("%s: no %q in\n%s\nthe client:\n%s", f.claim, f.reason, seen, acmeSaid(said))
	}
	if finalized := strings.Contains(seen, "/finalize"); finalized != (strings.Contains(f.claim, "finalize") || want > 0) {
		t.Errorf("%s: it came to finalize: %v\n%s", f.claim, finalized, seen)
	}
}
