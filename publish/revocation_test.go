package publish

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
)

// TestARevocationIsNotHeldUp by a name that cannot be read or written, nor by name
// servers that do not answer.
func TestARevocationIsNotHeldUp(t *testing.T) {
	for claim, flip := range map[string]func(*scene){
		"the first cannot be read":    func(s *scene) { s.failRead = onWrite(0, broken(WrongZone)) },
		"the second cannot be read":   func(s *scene) { s.failRead = onWrite(1, broken(WrongZone)) },
		"the first cannot be written": func(s *scene) { s.failBefore = onWrite(0, broken(Refused)) },
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(ours)
				s.put(Set{Name: underscored, TTL: time.Minute, Records: []Record{ours, theirs}})
				flip(s)
				r, err := s.publisher(t).Withdraw(t.Context(), both())
				left := 0
				for i, e := range both() {
					if s.sets[e.Name].Has(ours) {
						left++
					} else if !r.Sets[i].Proven {
						t.Errorf("%s was not waited for: %+v", e.Name, r.Sets[i])
					}
				}
				if kindOf(err) != Partial || left != 1 || !r.Written() || r.Proven() || !strings.Contains(err.Error(), "broken") {
					t.Errorf("%v, %d left, %+v", err, left, r)
				}
			})
		})
	}
	t.Run("all that there is cannot be read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(ours)
			s.failRead = func(int) error { return broken(BadKey) }
			if r, err := s.publisher(t).Withdraw(t.Context(), []Entry{entry(ours)}); kindOf(err) != BadKey || r.Written() {
				t.Errorf("%v, %+v", err, r)
			}
		})
	})
	t.Run("the servers take their time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(ours)
			began, wrote := time.Now(), time.Duration(0)
			s.meanwhile = func(int) { wrote = time.Since(began) }
			w := &slow{scene: s, until: began.Add(time.Minute)}
			r, err := s.publisher(t, func(c *Config) { c.World = w }).Withdraw(t.Context(), both())
			if err != nil || !r.Proven() || wrote > lookTime || !s.said(Warning, "not all name servers have answered") {
				t.Errorf("%v, written after %v, %+v", err, wrote, r)
			}
			if r.Sets[0].Before != 300*time.Second {
				t.Errorf("%v", r.Sets[0].Before)
			}
		})
	})
}

// slow is a scene in which every look takes ten seconds, up to a time.
type slow struct {
	*scene
	until time.Time
}

func (w *slow) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	if time.Now().Before(w.until) {
		if err := sleep(ctx, 10*time.Second); err != nil {
			return nil, err
		}
	}
	return w.scene.LookupEach(ctx, q)
}

// TestMaybe: what was sent and not answered may be there already, or come late, or never.
func TestMaybe(t *testing.T) {
	unheard := &Error{Kind: Unreachable, What: "no reply in time", Maybe: true}
	for claim, tc := range map[string]struct {
		after  time.Duration // that the change comes; 0: never
		unsure bool
	}{
		"it comes a moment later":            {3 * time.Second, false},
		"it comes after nobody looks for it": {time.Minute, true},
		"it never comes":                     {0, true},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(theirs)
				sent := time.Time{}
				s.failBefore = func(int) error { sent = time.Now(); return unheard }
				s.failRead = func(int) error {
					if tc.after > 0 && !sent.IsZero() && time.Since(sent) >= tc.after {
						s.sets[owner] = s.sets[owner].With(ours, 0)
						s.put(s.sets[owner])
					}
					return nil
				}
				r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
				if (err != nil) != tc.unsure || r.Sets[0].Unsure != tc.unsure || r.Proven() == tc.unsure {
					t.Errorf("%v, %+v", err, r)
				}
				if err != nil && (kindOf(err) != Unreachable || !strings.Contains(err.Error(), "may still be")) {
					t.Error(err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs)
		s.failBefore = func(int) error { return broken(Refused) }
		s.meanwhile = func(int) { s.put(s.sets[owner].With(recordWith(9), 0)) }
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); kindOf(err) != Refused || r.Written() || r.Sets[0].Unsure {
			t.Errorf("refused, while somebody else writes: %v, %+v", err, r)
		}
	})
}

// TestWithdrawAllTakesWhatWasAgreedTo, and nothing that came since.
func TestWithdrawAllTakesWhatWasAgreedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for claim, later := range map[string]func(*scene){
			"between the look and the call": func(s *scene) { s.put(s.sets[owner].With(theirs, 0)) },
			"under the write":               func(s *scene) { s.meanwhile = func(int) { s.put(s.sets[owner].With(theirs, 0)) } },
		} {
			s := newScene(ours, odd)
			agreed, err := s.publisher(t).PlanWithdrawAll(t.Context(), []Entry{entry(ours)})
			if err != nil || len(agreed[0].Removed()) != 2 {
				t.Fatal(err)
			}
			later(s)
			r, err := s.publisher(t).WithdrawAll(t.Context(), []Entry{entry(ours)}, agreed)
			if kindOf(err) != Conflict || len(s.sets[owner].Records) != 3 || r.Written() {
				t.Errorf("%s: %v, %v", claim, err, s.sets[owner])
			}
		}
		s := newScene(ours)
		if _, err := s.publisher(t).WithdrawAll(t.Context(), []Entry{entry(ours)}, nil); kindOf(err) != Conflict || !s.sets[owner].Has(ours) {
			t.Errorf("nothing was agreed to: %v", err)
		}
		s = newScene(ours)
		agreed, _ := s.publisher(t).PlanWithdrawAll(t.Context(), []Entry{entry(ours)})
		if _, err := s.publisher(t).WithdrawAll(t.Context(), []Entry{{Name: owner, Domain: domain}}, agreed); err != nil || len(s.sets[owner].Records) > 0 {
			t.Errorf("by the name alone: %v", err)
		}
	})
}

// TestUndoIsExact: what others add while a publication is taken back stays.
func TestUndoIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(odd)
		s.failBefore = onWrite(1, broken(ServFail))
		s.meanwhile = func(n int) {
			if n == 1 {
				s.put(s.sets[owner].With(theirs, 0))
			}
		}
		r, err := s.publisher(t).Publish(t.Context(), both())
		if kindOf(err) != Partial || r.Written() || !slices.Equal(s.sets[owner].Records, []Record{odd, theirs}) {
			t.Errorf("%v, %v", err, s.sets[owner])
		}
	})
	synctest.Test(t, func(t *testing.T) { // the second is written, and cannot be read back once
		s := newScene(odd)
		s.failRead = onWrite(3, broken(Unreachable))
		r, err := s.publisher(t).Publish(t.Context(), both())
		if kindOf(err) != Partial || r.Written() || s.sets[owner].Has(ours) || s.sets[underscored].Has(ours) {
			t.Errorf("%v, %+v, %v", err, r, s.sets)
		}
	})
}

// TestUnguarded: where the place takes no precondition the set is read right before it is written.
func TestUnguarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(odd)
		s.unguarded = true
		s.failRead = func(n int) error {
			if n == 1 { // the second name is read: meanwhile somebody writes the first
				s.put(s.sets[owner].With(theirs, 0))
			}
			return nil
		}
		r, err := s.publisher(t, func(c *Config) { c.Target.Limits.Unguarded = true }).Publish(t.Context(), both())
		if err != nil || !r.Proven() || !slices.Equal(s.sets[owner].Records, []Record{odd, theirs, ours}) {
			t.Errorf("%v, %v", err, s.sets[owner])
		}
	})
}
