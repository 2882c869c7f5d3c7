package provider

import (
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func TestDeSECLeastTTLIsTheDomains(t *testing.T) {
	for _, tt := range []struct {
		name  string
		least int
		ttl   time.Duration
		want  bool
	}{
		{"the usual hour", 3600, time.Hour, true},
		{"a second less", 3600, time.Hour - time.Second, false},
		{"a domain that may have less", 900, 15 * time.Minute, true},
		{"a domain that must have more", 86400, time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "desec", owner)
			s.fake.(*desecFake).minTTL = tt.least
			before := s.lines()
			c := s.adding(t, here, tlsa(t, ours))
			c.After.TTL = tt.ttl
			s.next(s.writes, failBefore)
			err := s.write(t, c)
			if tt.want {
				wantKind(t, s, err, publish.ServFail) // it was sent
				if err := s.write(t, c); err != nil {
					t.Fatal(err)
				}
				onlyOurs(t, before, s.lines(), tlsa(t, ours))
				return
			}
			wantKind(t, s, err, publish.Unsupported)
			if !s.pending() || !strings.Contains(err.Error(), "--ttl") {
				t.Errorf("error %v; sent %v", err, !s.pending())
			}
			unchanged(t, before, s.lines())
		})
	}
}

// A set that is older than the rule keeps its TTL, also below the least: it is not sent.
func TestDeSECKeepsTheTTLOfASet(t *testing.T) {
	s := play(t, "desec", owner)
	s.set(here, 60, theirs...)
	before := s.lines()
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	onlyOurs(t, before, s.lines(), tlsa(t, ours))
}

// Twice is a Conflict, and anything else that is wrong with a new set is not.
func TestDeSECTellsASecondSetFromOneThatItDoesNotTake(t *testing.T) {
	s := play(t, "desec", owner)
	c := s.adding(t, here, tlsa(t, ours))
	s.next(s.writes, meanwhile(func() { s.set(here, 7200, later) }))
	wantKind(t, s, s.write(t, c), publish.Conflict)

	s = play(t, "desec", owner)
	c = s.adding(t, here, tlsa(t, ours))
	s.next(s.writes, meanwhile(func() { s.fake.(*desecFake).minTTL = 7200 }))
	err := s.write(t, c)
	wantKind(t, s, err, publish.Unsupported)
	if !strings.Contains(err.Error(), "greater than or equal to 7200") {
		t.Errorf("error %q does not say why", err)
	}
}

func TestDeSECWords(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail":"Invalid token."}`:               "Invalid token.",
		`{"ttl":["too low"],"records":["bad","x"]}`: "records: bad x; ttl: too low",
		`{"non_field_errors":["twice"],"other":{}}`: "non_field_errors: twice",
		`[{"ttl":["x"]}]`:                           "",
		`<h1>Server Error (500)</h1>`:               "",
		``:                                          "",
	} {
		if got := desecWords([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
