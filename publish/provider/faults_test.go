package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// The name and the records of these tests. theirs are others' at the same name, as
// DANE has them and odder; what a provider cannot hold its fake may hold otherwise.
const here = "jwk.cnf.vendor.example."

var (
	ours   = "255 255 255 80D55188C8EFC1A3D1DE2DCC1AE23B7CF20A2FEA8FA4B0F8EC1F95C7D3B2A9AF"
	later  = "255 255 255 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
	theirs = []string{
		"3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971",
		"0 0 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E972",
		"255 255 255 " + strings.Repeat("A5", 48),
	}
)

// everyProvider runs a test for each provider.
func everyProvider(t *testing.T, f func(t *testing.T, word string)) {
	for _, word := range slices.Sorted(maps.Keys(fakes)) {
		t.Run(word, func(t *testing.T) { t.Parallel(); f(t, word) })
	}
}

func TestEveryProviderHasAFake(t *testing.T) {
	if got := slices.Sorted(maps.Keys(fakes)); !slices.Equal(got, Names()) {
		t.Errorf("fakes of %v, providers %v", got, Names())
	}
}

// wantKind fails unless err is an *Error of that kind that repeats no secret.
func wantKind(t *testing.T, s *stage, err error, want publish.Kind) {
	t.Helper()
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind != want {
		t.Fatalf("error %v (%T), want one of kind %s", err, err, want)
	}
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%v", e.Err), fmt.Sprintf("%+v", e.Err)} {
		for _, secret := range secretsIn(s.config.Credentials) {
			if strings.Contains(text, secret) {
				t.Fatalf("error %q repeats %q of the credentials", text, secret)
			}
		}
	}
}

// onlyOurs fails unless the one difference of two lists of lines is a line of r.
func onlyOurs(t *testing.T, before, after []string, r publish.Record) {
	t.Helper()
	gone, come := less(before, after), less(after, before)
	if len(gone) != 0 || len(come) != 1 || !holds(come[0], r) {
		t.Fatalf("lines gone: %q; come: %q; want the one of %s", gone, come, r)
	}
}

func unchanged(t *testing.T, before, after []string) {
	t.Helper()
	if !slices.Equal(before, after) {
		t.Fatalf("lines gone: %q; come: %q", less(before, after), less(after, before))
	}
}

func TestNothingIsWrittenFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		caller caller
		zone   string
		at     string // instead of here
		want   publish.Kind
		reads  bool // Read goes well, Write does not
	}{
		{"wrong credentials", stranger, "", "", publish.BadKey, false},
		{"credentials that may only read", guest, "", "", publish.Refused, true},
		{"a name in no zone of the account", owner, "", "jwk.cnf.vendor.test.", publish.WrongZone, false},
		{"a zone that the account has not", owner, "nobody.example.", "jwk.cnf.nobody.example.", publish.WrongZone, false},
		{"a configured zone that does not hold the name", owner, "dor.example.", "", publish.WrongZone, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everyProvider(t, func(t *testing.T, word string) {
				good := play(t, word, owner)
				if err := good.write(t, good.adding(t, here, tlsa(t, ours))); err != nil {
					t.Fatal("the same set-up without the fault:", err)
				}
				s := play(t, word, tt.caller, func(c *Config) { c.Zone = tt.zone })
				at := here
				if tt.at != "" {
					at = tt.at
				}
				before := s.lines()
				set, err := s.target.Zone.Read(t.Context(), at)
				if !tt.reads {
					wantKind(t, s, err, tt.want)
					set = publish.Set{Name: at}
				} else if err != nil {
					t.Fatal(err)
				}
				wantKind(t, s, s.write(t, publish.Change{Name: at, Before: set, After: set.With(tlsa(t, ours), time.Hour)}), tt.want)
				unchanged(t, before, s.lines())
			})
		})
	}
}

func TestWhatSomebodyElseWritesInBetween(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		for _, tt := range []struct {
			name string
			do   func(s *stage)
		}{
			{"adds a record", func(s *stage) { s.set(here, 7200, append(slices.Clone(theirs), later)...) }},
			{"removes a record", func(s *stage) { s.set(here, 7200, theirs[1:]...) }},
			{"removes all", func(s *stage) { s.set(here, 7200) }},
			{"changes the TTL", func(s *stage) { s.set(here, 3600, theirs...) }},
		} {
			t.Run(tt.name, func(t *testing.T) {
				// Seen before it is written, by everybody: reading again costs nothing.
				s := play(t, word, owner)
				s.set(here, 7200, theirs...)
				c := s.adding(t, here, tlsa(t, ours))
				tt.do(s)
				between := s.lines()
				wantKind(t, s, s.write(t, c), publish.Conflict)
				unchanged(t, between, s.lines())
			})
			t.Run(tt.name+" at the last moment", func(t *testing.T) {
				s := play(t, word, owner)
				s.set(here, 7200, theirs...)
				c := s.adding(t, here, tlsa(t, ours))
				var between []string
				s.next(s.writes, meanwhile(func() { tt.do(s); between = s.lines() }))
				err := s.write(t, c)
				if s.pending() {
					t.Fatal("nothing was written")
				}
				if !s.target.Limits.Unguarded {
					wantKind(t, s, err, publish.Conflict)
					unchanged(t, between, s.lines())
					return
				}
				// Without a precondition it must be beside theirs, or told of, or be seen by reading again.
				gone, come := less(between, s.lines()), less(s.lines(), between)
				beside := len(gone) == 0 && len(come) == 1 && holds(come[0], tlsa(t, ours))
				if !beside && !overwriting[word] && err == nil && s.read(t, here).Same(c.After) {
					t.Errorf("written over what somebody else did, and nobody can tell: gone %q, come %q", gone, come)
				}
			})
		}
	})
}

func TestWrittenAgainWhatIsThere(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		s.set(here, 7200, theirs...)
		c := s.adding(t, here, tlsa(t, ours))
		if err := s.write(t, c); err != nil {
			t.Fatal(err)
		}
		after := s.lines()
		wantKind(t, s, s.write(t, c), publish.Conflict) // the set is not c.Before any more
		unchanged(t, after, s.lines())
	})
}

func TestFewerCallsAreWanted(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		t.Run("once", func(t *testing.T) {
			s := play(t, word, owner)
			before := s.lines()
			s.next(s.reads, busyFor("7"))
			c := s.adding(t, here, tlsa(t, ours))
			s.next(s.writes, busyFor("7"))
			if err := s.write(t, c); err != nil {
				t.Fatal(err)
			}
			if s.pending() || len(s.waited()) != 2 {
				t.Fatalf("waited %v, want twice", s.waited())
			}
			onlyOurs(t, before, s.lines(), tlsa(t, ours))
		})
		t.Run("for ever", func(t *testing.T) {
			s := play(t, word, owner)
			c, before := s.adding(t, here, tlsa(t, ours)), s.lines()
			var busy fault
			busy = func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				s.next(s.writes, busy)
				f.busy(w, "1")
			}
			s.next(s.writes, busy)
			wantKind(t, s, s.write(t, c), publish.RateLimited)
			unchanged(t, before, s.lines())
		})
	})
}

func TestAProviderThatBreaksDown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fault
		want  publish.Kind
		done  bool
	}{
		{"before", failBefore, publish.ServFail, false},
		{"after", failAfter, publish.ServFail, true},
		{"silently before", dropBefore, publish.Unreachable, false},
		{"silently after", dropAfter, publish.Unreachable, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everyProvider(t, func(t *testing.T, word string) {
				s := play(t, word, owner)
				s.set(here, 7200, theirs...)
				before, r := s.lines(), tlsa(t, ours)
				c := s.adding(t, here, r)
				s.next(s.writes, tt.fault)
				wantKind(t, s, s.write(t, c), tt.want)
				if !tt.done {
					unchanged(t, before, s.lines())
				} else {
					onlyOurs(t, before, s.lines(), r)
				}
				// Read tells what became of it.
				if got := s.read(t, here); got.Has(r) != tt.done || len(got.Records) < len(theirs) {
					t.Errorf("read %+v, done %v", got, tt.done)
				}
			})
		})
	}
}

func TestAReadThatFailsIsMadeAgain(t *testing.T) {
	for _, f := range []fault{failBefore, dropBefore} {
		everyProvider(t, func(t *testing.T, word string) {
			s := play(t, word, owner)
			s.set(here, 7200, theirs...)
			s.next(s.reads, f)
			if got := s.read(t, here); len(got.Records) != len(theirs) || s.pending() {
				t.Errorf("read %+v", got)
			}
		})
	}
}

func TestAMangledRecordIsReadAsItIs(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		s.mangle()
		c := s.adding(t, here, tlsa(t, ours))
		err := s.write(t, c)
		if got := s.read(t, here); err == nil && got.Same(c.After) {
			t.Errorf("read %+v, which is not what is there: %q", got, s.lines())
		}
	})
}

func TestStoppedInTheMiddle(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		c, before := s.adding(t, here, tlsa(t, ours)), s.lines()
		ctx, cancel := context.WithCancel(t.Context())
		s.next(s.writes, func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
			cancel()
			f.busy(w, "7")
		})
		wantKind(t, s, s.target.Zone.Write(ctx, c), publish.Stopped)
		unchanged(t, before, s.lines())
	})
}
