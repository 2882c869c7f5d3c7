package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func hetznerOf(s *stage) *hetznerFake { return s.fake.(*hetznerFake) }

func TestHetznerGoesThroughAllPagesOfZones(t *testing.T) {
	s := play(t, "hetzner", owner) // 63 zones, 50 a page
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	if count(s.calls, "GET /zones?page=2&per_page=50") != 2 {
		t.Errorf("calls %q, want the second page once for each of Read and Write", s.calls)
	}
}

func TestHetznerActions(t *testing.T) {
	for _, tt := range []struct {
		outcome string
		want    publish.Kind
		say     string
		maybe   bool // it may still be done
	}{
		{"error", publish.ServFail, "action_failed", false},
		{"running", publish.Unreachable, "still running", true},
		{"unheard of", publish.Failed, "", true},
	} {
		t.Run(tt.outcome, func(t *testing.T) {
			s := play(t, "hetzner", owner)
			c := s.adding(t, here, tlsa(t, ours))
			if err := s.write(t, c); err != nil {
				t.Fatal("the same without the fault:", err)
			}
			hetznerOf(s).outcome = tt.outcome
			err := s.write(t, s.removing(t, here, tlsa(t, ours)))
			wantKind(t, s, err, tt.want)
			if !strings.Contains(err.Error(), tt.say) {
				t.Errorf("error %q, want it to say %q", err, tt.say)
			}
			if maybe := err.(*publish.Error).Maybe; maybe != tt.maybe {
				t.Errorf("error %q: may still be done: %v", err, maybe)
			}
		})
	}
	t.Run("that cannot be looked at", func(t *testing.T) {
		s := play(t, "hetzner", owner)
		c := s.adding(t, here, tlsa(t, ours))
		action := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/actions/") }
		s.next(action, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
			hetznerFault(w, http.StatusForbidden, "forbidden", "insufficient permissions")
		})
		err := s.write(t, c)
		wantKind(t, s, err, publish.Refused)
		if !err.(*publish.Error).Maybe {
			t.Errorf("error %q: it may have been done", err)
		}
	})
}

func TestHetznerIsAskedWhatItTakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(f *hetznerFake)
		want publish.Kind
	}{
		{"a zone that is copied from elsewhere", func(f *hetznerFake) { f.mode = "secondary" }, publish.Unsupported},
		{"a set that is protected", func(f *hetznerFake) { f.protected = true }, publish.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "hetzner", owner)
			s.set(here, 7200, theirs...)
			if err := s.write(t, s.adding(t, here, tlsa(t, later))); err != nil {
				t.Fatal("the same without the fault:", err)
			}
			before := s.lines()
			tt.do(hetznerOf(s))
			s.next(s.writes, failBefore)
			wantKind(t, s, s.write(t, s.adding(t, here, tlsa(t, ours))), tt.want)
			if !s.pending() {
				t.Error("it was sent all the same")
			}
			unchanged(t, before, s.lines())
		})
	}
}

// A set without a TTL of its own has the zone's, and has none of its own after.
func TestHetznerSetsWithTheZonesTTL(t *testing.T) {
	s := play(t, "hetzner", owner)
	s.set(here, -1, theirs...)
	before := s.lines()
	if got := s.read(t, here); got.TTL != 3*time.Hour {
		t.Fatalf("TTL %v, want the zone's three hours", got.TTL)
	}
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	onlyOurs(t, before, s.lines(), tlsa(t, ours))
}

// What others do in the same moment stays where only additions or removals are asked for.
func TestHetznerTouchesOnlyWhatChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *stage, t *testing.T) publish.Change
	}{
		{"an addition", func(s *stage, t *testing.T) publish.Change { return s.adding(t, here, tlsa(t, ours)) }},
		{"a removal", func(s *stage, t *testing.T) publish.Change { return s.removing(t, here, tlsa(t, theirs[0])) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "hetzner", owner)
			s.set(here, 7200, theirs...)
			c := tt.change(s, t)
			s.next(s.writes, meanwhile(func() { s.set(here, 7200, append([]string{later}, theirs...)...) }))
			if err := s.write(t, c); err != nil {
				t.Fatal(err)
			}
			got := s.read(t, here)
			if !got.Has(tlsa(t, later)) || !got.Same(c.After.With(tlsa(t, later), 0)) {
				t.Errorf("read %+v, want %+v and what came in between", got, c.After)
			}
		})
	}
	t.Run("a set that is made", func(t *testing.T) {
		s := play(t, "hetzner", owner)
		c := s.adding(t, here, tlsa(t, ours))
		var between []string
		s.next(s.writes, meanwhile(func() { s.set(here, 7200, later); between = s.lines() }))
		wantKind(t, s, s.write(t, c), publish.Conflict)
		unchanged(t, between, s.lines())
	})
}

func TestHetznerPagesThatLeadNowhere(t *testing.T) {
	page := func(n, next int) string {
		return fmt.Sprintf(`{"zones":[],"meta":{"pagination":{"page":%d,"next_page":%d}}}`, n, next)
	}
	for _, tt := range [][2]int{{1, 1}, {1, 3}, {1, -1}, {1, 1001}, {2, 0}, {0, 0}} {
		s := play(t, "hetzner", owner)
		s.read(t, here)
		s.next(s.reads, saying(page(tt[0], tt[1])))
		_, err := s.target.Zone.Read(t.Context(), here)
		wantKind(t, s, err, publish.Failed)
	}
	s := play(t, "hetzner", owner)
	n := 1
	var onward fault
	onward = func(f fake, w http.ResponseWriter, work func(http.ResponseWriter)) {
		n++
		s.next(s.reads, onward)
		saying(page(n-1, n))(f, w, work)
	}
	s.next(s.reads, onward)
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Failed)
	if n != maxPages+1 {
		t.Errorf("%d pages were read, want %d", n-1, maxPages)
	}
}
