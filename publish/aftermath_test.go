package publish

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
)

// TestUntilWhereTheLookIsCut: what servers give until the last moment counts, also where
// nobody had heard it before the writing.
func TestUntilWhereTheLookIsCut(t *testing.T) {
	for claim, until := range map[string]time.Duration{"prompt": 0, "slow": time.Minute} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(ours)
				s.servers[1].ttl, s.servers[1].lag = 3600, 2*time.Minute
				w := &slow{scene: s, until: time.Now().Add(until)}
				r, err := s.publisher(t, func(c *Config) { c.World = w }).Withdraw(t.Context(), []Entry{entry(ours)})
				if err != nil || r.Sets[0].Before < time.Hour || r.Until.Before(time.Now().Add(59*time.Minute)) {
					t.Errorf("%v: %v until %v: a server gave an hour until a moment ago", err, r.Sets[0].Before, r.Until)
				}
			})
		})
	}
}

// TestKnownByAServer: how long caches hold a record that the place has let go of before is
// not unknown where a server still gives it.
func TestKnownByAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.servers[1].ttl, s.servers[1].lag = 3600, 2*time.Minute
		s.put(Set{Name: owner})
		w := &slow{scene: s, until: time.Now().Add(time.Minute)}
		r, err := s.publisher(t, func(c *Config) { c.World = w }).Withdraw(t.Context(), []Entry{entry(ours)})
		if err != nil || r.Sets[0].Unknown || r.Until.Before(time.Now().Add(59*time.Minute)) {
			t.Errorf("%v, %+v", err, r.Sets[0])
		}
	})
}

// slowSOA is a scene in which only the look-up of the SOA is slow.
type slowSOA struct{ *scene }

func (w slowSOA) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if q.Type == typeSOA {
		if err := sleep(ctx, 10*time.Second); err != nil {
			return nil, false, err
		}
	}
	return w.scene.Lookup(ctx, q)
}

// TestWhatIsNeverProven is not waited for, and has its time all the same.
func TestWhatIsNeverProven(t *testing.T) {
	for claim, flip := range map[string]func(*scene, *Config){
		"a zone that is not signed": func(*scene, *Config) {},
		"one whose SOA is slow":     func(s *scene, c *Config) { c.World = slowSOA{s} },
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(ours)
				s.security = dnssec.Insecure
				began := time.Now()
				r, err := s.publisher(t, func(c *Config) { flip(s, c) }).Withdraw(t.Context(), []Entry{entry(ours)})
				if kindOf(err) != NotProven || time.Since(began) > time.Minute || r.Until.Before(time.Now().Add(290*time.Second)) {
					t.Errorf("%v after %v, until %v", err, time.Since(began), r.Until)
				}
			})
		})
	}
	t.Run("under a negative trust anchor", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(ours)
			s.security, s.overridden = dnssec.Insecure, true
			began := time.Now()
			r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)})
			if kindOf(err) != NotProven || !r.Written() || time.Since(began) > time.Minute || s.said(Warning, "--allow-insecure") || !strings.Contains(err.Error(), "negative trust anchor") {
				t.Errorf("%v after %v: %v", err, time.Since(began), s.events)
			}
		})
	})
}

// forwarding is a place that hands on what is written, and shows it a second later.
type forwarding struct {
	*place
	wrote time.Time
	old   map[string]Set
}

func (l *forwarding) Write(ctx context.Context, c Change) error {
	l.old[c.Name], l.wrote = l.sets[c.Name], time.Now()
	return l.place.Write(ctx, c)
}

func (l *forwarding) Read(ctx context.Context, name string) (Set, error) {
	if s, ok := l.old[name]; ok && time.Since(l.wrote) < time.Second {
		s.Name = name
		return s, nil
	}
	return l.place.Read(ctx, name)
}

func TestAPlaceThatShowsItLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs)
		l := &forwarding{place: s.place, old: map[string]Set{}}
		r, err := s.publisher(t, func(c *Config) { c.Target.Zone = l }).Publish(t.Context(), []Entry{entry(ours)})
		if err != nil || !r.Proven() || s.writes != 1 {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestAnAliasAtOneServer: where one server has an alias at the name, and others have not,
// nobody has looked where it leads.
func TestAnAliasAtOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, alias := range []bool{false, true} {
			s := newScene(ours)
			s.each = func(e *dnssec.Each) {
				a := *e.Hops[0].Servers[0].Answer
				if a.Kind == dnssec.NoData && alias {
					e.Differ, e.Hops[0].Differ = true, true
					a.Kind = dnssec.Positive // a CNAME, and nothing of the name's own
					e.Hops[0].Servers[0].Answer = &a
				}
			}
			if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); (err == nil) == alias || r.Proven() == alias {
				t.Errorf("with an alias %t: %v, %+v", alias, err, r)
			}
		}
	})
}

// TestHeard: a record that a server still has is found, though the place has let go of it.
func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(ours)
		s.servers[1].lag = time.Minute
		s.put(Set{Name: owner})
		if there := s.publisher(t).Heard(t.Context(), both()); len(there) != 1 || there[0] != both()[0] {
			t.Errorf("%v", there)
		}
		time.Sleep(2 * time.Minute)
		if there := s.publisher(t).Heard(t.Context(), both()); len(there) != 0 {
			t.Errorf("%v", there)
		}
		w := &slow{scene: s, until: time.Now().Add(time.Hour)}
		if there := s.publisher(t, func(c *Config) { c.World = w }).Heard(t.Context(), both()); len(there) != 2 {
			t.Errorf("nobody was heard: %v", there)
		}
	})
}
