package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

const underscored = "_jwk_cnf.vendor.example."

// both is our record under two names, beside which others have theirs.
func both() []Entry {
	second := entry(ours)
	second.Name, second.Form = underscored, underscore
	return []Entry{entry(ours), second}
}

func broken(kind Kind) error { return &Error{Kind: kind, Where: "the place", What: "broken"} }

func onWrite(n int, err error) func(int) error {
	return func(i int) error {
		if i == n {
			return err
		}
		return nil
	}
}

// TestFaultsOfThePlace: the place fails at the first or second of two sets, before or
// after it has done the work.
func TestFaultsOfThePlace(t *testing.T) {
	publish, withdraw := (*Publisher).Publish, (*Publisher).Withdraw
	cases := []struct {
		claim string
		do    func(*Publisher, context.Context, []Entry) (Report, error)
		flip  func(*scene)
		kind  Kind // of the error; Failed where there is none
		ours  []bool
	}{
		{"published", publish, func(*scene) {}, Failed, []bool{true, true}},
		{"withdrawn", withdraw, func(*scene) {}, Failed, []bool{false, false}},
		{"the first cannot be written", publish, func(s *scene) { s.failBefore = onWrite(0, broken(ServFail)) }, ServFail, []bool{false, false}},
		{"the second cannot be written: the first is taken back", publish, func(s *scene) { s.failBefore = onWrite(1, broken(ServFail)) }, Partial, []bool{false, false}},
		{"the second cannot be withdrawn: the first stays so", withdraw, func(s *scene) { s.failBefore = onWrite(1, broken(ServFail)) }, Partial, []bool{false, true}},
		{"an error after the work is none", publish, func(s *scene) { s.failAfter = onWrite(0, broken(Unreachable)) }, Failed, []bool{true, true}},
		{"an error after a withdrawal is none", withdraw, func(s *scene) { s.failAfter = onWrite(1, broken(Unreachable)) }, Failed, []bool{false, false}},
		{"somebody else is quicker", publish, func(s *scene) { s.meanwhile = s.stranger(0) }, Failed, []bool{true, true}},
		{"somebody else is quicker than a withdrawal", withdraw, func(s *scene) { s.meanwhile = s.stranger(1) }, Failed, []bool{false, false}},
		{"somebody else is always quicker", publish, func(s *scene) { s.meanwhile = s.stranger(-1) }, Conflict, []bool{false, false}},
		{"the place changes the case of nothing and the data of all", publish, func(s *scene) {
			s.mangle = func(set Set) Set { set.Records = []Record{recordWith(9)}; return set }
		}, Mangled, nil},
		{"the place does nothing and says that it did", publish, func(s *scene) {
			s.mangle = func(set Set) Set { return s.sets[set.Name] }
		}, Mangled, nil},
		{"the place drops what others have", publish, func(s *scene) {
			s.mangle = func(set Set) Set { set.Records = []Record{ours}; return set }
		}, Mangled, nil},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(theirs, odd)
				if strings.Contains(tc.claim, "withdraw") {
					s = newScene(theirs, odd, ours)
				}
				second := s.sets[owner]
				second.Name = underscored
				s.put(second)
				tc.flip(s)
				r, err := tc.do(s.publisher(t), t.Context(), both())
				if kind := kindOf(err); kind != tc.kind || (err == nil) != (tc.kind == Failed) || (err == nil) != r.Proven() {
					t.Fatalf("%v, %+v", err, r)
				}
				if tc.ours == nil {
					return
				}
				for i, e := range both() {
					set := s.sets[e.Name]
					if set.Has(ours) != tc.ours[i] || !set.Has(theirs) || !set.Has(odd) {
						t.Errorf("%s: %v", e.Name, set.Records)
					}
				}
				if err != nil && tc.do != nil && strings.Contains(tc.claim, "taken back") && (r.Written() || !r.Sets[0].Undone) {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestWhatCannotBeTakenBack is named, with what to do.
func TestWhatCannotBeTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs)
		s.failBefore = func(n int) error {
			if n > 0 {
				return broken(ServFail)
			}
			return nil
		}
		r, err := s.publisher(t).Publish(t.Context(), both())
		if kindOf(err) != Partial || !r.Written() || r.Sets[0].Undone || !s.sets[owner].Has(ours) || !s.sets[owner].Has(theirs) ||
			!strings.Contains(err.Error(), owner+" could not be taken back") || !strings.Contains(err.Error(), "remove the record") {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// stranger puts a record beside ours before the n-th write; -1: before each.
func (s *scene) stranger(n int) func(int) {
	made := byte(100)
	return func(i int) {
		if i != n && n >= 0 {
			return
		}
		made++
		for _, name := range []string{owner, underscored} {
			s.put(s.sets[name].With(recordWith(made), 0))
		}
	}
}

func TestUnsure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(theirs)
		s.failAfter = onWrite(0, broken(Unreachable))
		s.failRead = func(n int) error {
			if n > 0 {
				return broken(Unreachable)
			}
			return nil
		}
		r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)})
		if kindOf(err) != Unreachable || !r.Sets[0].Unsure || !strings.Contains(err.Error(), "not known") {
			t.Fatalf("%v, %+v", err, r)
		}
		s.failAfter, s.failRead = nil, nil
		if r, err := s.publisher(t).Publish(t.Context(), []Entry{entry(ours)}); err != nil || !r.Proven() || !slices.Equal(s.others(), []Record{theirs}) {
			t.Errorf("called again: %v, %+v", err, r)
		}
	})
}

// TestStopped ends the context at every event that a whole run has; the report says
// what is written then, and the same call made again ends as if nothing had happened.
func TestStopped(t *testing.T) {
	for claim, do := range map[string]func(*Publisher, context.Context, []Entry) (Report, error){
		"publish": (*Publisher).Publish, "withdraw": (*Publisher).Withdraw,
	} {
		for at := 0; ; at++ {
			whole := false
			synctest.Test(t, func(t *testing.T) {
				had := []Record{theirs, odd}
				if claim == "withdraw" {
					had = append(had, ours)
				}
				s := newScene(had...)
				s.put(Set{Name: underscored, TTL: s.sets[owner].TTL, Records: had})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				events := 0
				stop := func(c *Config) {
					c.Progress = func(Event) {
						if events++; events == at+1 {
							cancel()
						}
					}
				}
				r, err := do(s.publisher(t, stop), ctx, both())
				if whole = events <= at; whole {
					if err != nil {
						t.Fatalf("%s, not stopped: %v", claim, err)
					}
					return
				}
				if err != nil && kindOf(err) != Stopped && !errors.Is(err, context.Canceled) {
					t.Errorf("%s, stopped at event %d: %v", claim, at, err)
				}
				for _, set := range r.Sets {
					if got := s.sets[set.Entry.Name].Has(ours) != slices.Contains(had, ours); got != set.Written {
						t.Errorf("%s, stopped at event %d: %s: written %t, said %t", claim, at, set.Entry.Name, got, set.Written)
					}
				}
				r, err = do(s.publisher(t), t.Context(), both())
				if err != nil || !r.Proven() {
					t.Errorf("%s, after a stop at event %d: %v", claim, at, err)
				}
				for _, e := range both() {
					if set := s.sets[e.Name]; set.Has(ours) != (claim == "publish") || !set.Has(theirs) || !set.Has(odd) {
						t.Errorf("%s, after a stop at event %d: %v", claim, at, set)
					}
				}
			})
			if whole {
				break
			}
			if at > 100 {
				t.Fatal("no end of events")
			}
		}
	}
}
