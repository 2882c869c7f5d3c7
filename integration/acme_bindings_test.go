package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestACMEBindsTheCertificatesKey has the record vouch for the key that is to be certified: with `bind: csr` in place of the
// account's, with `bind: both` beside it. The clients are those whose user says which key that is.
func TestACMEBindsTheCertificatesKey(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	certified := map[string]string{"acme-client": "key.pem", "acme-tiny": "domain.key", "acmez": "key.pem", "xcrypto": "key.pem"}
	for number, bind := range map[int]string{166: "csr", 168: "both"} {
		t.Run(bind, func(t *testing.T) {
			s := newACMEScene(t, number, "challenge, bind: "+bind)
			i := 0
			for name, file := range certified {
				t.Run(name, func(t *testing.T) {
					i++
					a := s.actor(t, clients[name], i, name, "http-01")
					key := a.keyFile(t, file, "ec")
					s.publish(t, "add", key, a.names...)
					if bind == "csr" {
						s.publish(t, "remove", a.key, a.names...)
					}
					s.grants(t, a, a.client.obtain)
					s.publish(t, "add", a.key, a.names...)
					s.publish(t, "remove", key, a.names[1])
					s.refusesAt(t, a, "(record_differs)")
					s.publish(t, "add", key, a.names[1])
					s.grants(t, a, a.client.obtain)
					if bind == "both" {
						s.publish(t, "remove", a.key, a.names[1])
						s.refusesAt(t, a, "(record_differs)")
					}
				})
			}
		})
	}
}

// refusesAt fails the test where the client comes to a certificate, or the server says no such words.
func (s *acmeScene) refusesAt(t *testing.T, a *acmeActor, words string) {
	t.Helper()
	s.requests()
	before := s.issued(t)
	_, said, err := a.client.obtain(t, a.acmeOrder)
	seen := s.requests()
	if now := s.issued(t); err == nil || now != before || !strings.Contains(seen, words) {
		t.Errorf("%d certificates; want %q; the client: %v\n%s\nthe server:\n%s", now-before, words, err, acmeSaid(said), seen)
	}
}

// TestACMEKeyChange has uacme change its account's key (RFC 8555 §7.3.5). From then on it is the new one that the domain has to
// vouch for.
func TestACMEKeyChange(t *testing.T) {
	t.Parallel()
	s := newACMEScene(t, 180, "record")
	u := acmeClients(t)["uacme"].(*uacme)
	a := s.actor(t, u, 0, "uacme", acmeNone)
	s.grants(t, a, u.obtain)
	old := a.path("old.pem")
	run(t, "", "", "cp", a.key, old)
	if said, err := u.runs(t, a.acmeOrder, "newkey"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if s.thumbprint(t, a.key) == a.digest {
		t.Fatal("the key is as it was")
	}
	s.refusesAt(t, a, "(record_differs)")
	s.publish(t, "add", a.key, a.names...)
	s.publish(t, "remove", old, a.names...)
	s.grants(t, a, u.obtain)
}

// TestACMEWildcards has clients order a name and its wildcard. The record is one; that it is enough has to be said of each.
func TestACMEWildcards(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	byRecord, byChallenge := newACMEScene(t, 182, "record"), newACMEScene(t, 188, "challenge")
	for i, name := range []string{"certbot", "lego", "uacme", "acme-client", "acmez", "xcrypto"} {
		t.Run(name+" by the record", func(t *testing.T) {
			a := byRecord.wild(t, clients[name], i, name, acmeNone)
			byRecord.optIn(t, a.names[0])
			byRecord.refusesAt(t, a, "issuewild")
			byRecord.update(t, fmt.Sprintf(`add %s. 300 CAA 0 issuewild "%s; validationmethods=ca-cnf-01"`, a.names[0], acmeIdentity))
			byRecord.grants(t, a, a.client.obtain)
			byRecord.publish(t, "remove", a.key, a.names[0])
			byRecord.refusesAt(t, a, "(record_absent)")
		})
		t.Run(name+" by dns-01 besides", func(t *testing.T) {
			a := byChallenge.wild(t, clients[name], i, name, "dns-01")
			byChallenge.grants(t, a, a.client.obtain)
			byChallenge.publish(t, "remove", a.key, a.names[0])
			byChallenge.refusesAt(t, a, "(record_absent)")
		})
	}
}

// wild is a client with an account whose key its name vouches for, and that orders the wildcard below it too.
func (s *acmeScene) wild(t *testing.T, c acmeClient, i int, name, challenge string) *acmeActor {
	t.Helper()
	a := &acmeActor{client: c, acmeOrder: s.client(t, i, name)}
	a.challenge = challenge
	a.key = c.account(t, a.acmeOrder)
	a.digest = s.thumbprint(t, a.key)
	s.publish(t, "add", a.key, a.names[0])
	a.names = append(a.names, "*."+a.names[0])
	return a
}
