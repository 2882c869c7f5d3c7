package authz

import "testing"

// TestCountsOfTwoHandlers: what was let through to be observed is not counted with what was kept out, though the handlers
// that take turns have one Counts.
func TestCountsOfTwoHandlers(t *testing.T) {
	s := newScene(t, Nginx)
	s.config.Counts = &Counts{}
	s.head["Authorization"] = nil
	ask := func(observe bool, times int) {
		s.config.Observe = observe
		h := s.handler()
		for range times {
			serve(h, s.request())
		}
	}
	ask(true, 3)
	ask(false, 5)
	ask(true, 1)
	got := map[Count]bool{}
	for _, c := range s.config.Counts.All() {
		got[c] = true
	}
	if len(got) != 2 || !got[Count{401, "invalid", "no_token", true, 4}] || !got[Count{401, "invalid", "no_token", false, 5}] {
		t.Errorf("%+v", got)
	}
}
