package gate

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme"
	"cnfd/dnssec"
)

// The four names that a challenge for www is asked of.
var places = []string{wwwKey + " TLSA", wwwName + " CAA", "vendor.example. CAA", "example. CAA"}

// TestWhicheverComesFirst: however long each answer takes, the same is said; the nearer decides over the farther, and the record over all.
func TestWhicheverComesFirst(t *testing.T) {
	flips := []func(*world){
		func(w *world) { w.remove(wwwKey, dnssec.TypeTLSA) },
		func(w *world) { w.tlsa(wwwKey, ours).Security = dnssec.Insecure },
		func(w *world) { w.caa(wwwName, `0 issue "ca.example"`).Security = dnssec.Bogus },
		func(w *world) { w.caa(wwwName, `0 issue ";"`) },
		func(w *world) { w.caa("vendor.example.", `0 issue "ca.example"`).Security = dnssec.Bogus },
		func(w *world) { w.caa("vendor.example.", `0 issue ";"`) },
		func(w *world) { w.caa("example.", `0 issue "ca.example"`).Security = dnssec.Bogus },
		func(w *world) { w.caa("example.", `0 issue ";"`) },
	}
	said := map[string]bool{}
	for first := range len(flips) + 1 {
		for second := first; second <= len(flips); second++ {
			flip := func(s *scene) {
				for _, n := range []int{second, first} { // the first last, where both are of one name
					if n < len(flips) {
						flips[n](s.world)
					}
				}
			}
			alone := challenged(t)
			flip(alone)
			want := fmt.Sprint(alone.judge())
			said[want] = true
			only := challenged(t)
			if first < len(flips) {
				flips[first](only.world)
			}
			if got := fmt.Sprint(only.judge()); got != want {
				t.Errorf("%d and %d: %s, and for the first of them alone %s", first, second, want, got)
			}
			for slow := range 1 << len(places) {
				synctest.Test(t, func(t *testing.T) {
					s := challenged(t)
					flip(s)
					s.world.slow = map[string]time.Duration{}
					for n, place := range places {
						if slow>>n&1 > 0 {
							s.world.slow[place] = time.Duration(n+1) * time.Second
						}
					}
					if got := fmt.Sprint(s.judge()); got != want {
						t.Errorf("%d and %d, %04b slow: %s, want %s", first, second, slow, got, want)
					}
				})
			}
		}
	}
	if len(said) != len(flips)+1 {
		t.Errorf("%d things were said, want %d and nothing", len(said), len(flips))
	}
}

// TestWhatIsWaitedFor: what decides, and what is looked at before it, and nothing besides.
func TestWhatIsWaitedFor(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		claim string
		scene func(testing.TB) *scene
		flip  func(*scene)
		want  time.Duration
	}{
		{"a record and three sets", challenged, func(*scene) {}, 2 * second},
		{"two keys", challenged, func(s *scene) { s.claim.Keys = append(s.claim.Keys, ours) }, 2 * second},
		{"an opt-in", opted, func(*scene) {}, second},
		{"a long name", func(t testing.TB) *scene {
			return newScene(t, acme.Identifier{Type: acme.TypeDNS, Value: "a.b.c.d.e.f.g"}, acme.MethodHTTP)
		}, func(*scene) {}, 3 * second},
		{"no record, and a set that nobody answers for", challenged, func(s *scene) {
			s.world.remove(wwwKey, dnssec.TypeTLSA)
			s.world.slow[wwwName+" CAA"] = time.Hour
		}, second},
		{"a set above, and above that nobody who answers", challenged, func(s *scene) {
			s.world.caa("vendor.example.", `0 issue "ca.example"`)
			s.world.slow["example. CAA"] = time.Hour
		}, 2 * second},
		{"nobody who answers for the set above", challenged, func(s *scene) { s.world.slow["vendor.example. CAA"] = time.Minute }, second + time.Minute},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tt.scene(t)
				s.world.slow = map[string]time.Duration{}
				for _, place := range append(places, "jwk.cnf.a.b.c.d.e.f.g. TLSA", "a.b.c.d.e.f.g. CAA", "b.c.d.e.f.g. CAA", "c.d.e.f.g. CAA", "d.e.f.g. CAA", "e.f.g. CAA", "f.g. CAA", "g. CAA") {
					s.world.slow[place] = second
				}
				tt.flip(s)
				begun := time.Now() // of the bubble
				s.judge()
				if took := time.Since(begun); took != tt.want {
					t.Errorf("it took %s, want %s", took, tt.want)
				}
			})
		})
	}
}

// TestClimbIsCutOff: a caller that gives up waits for nothing that is under way.
func TestClimbIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := challenged(t)
		if p := s.judge(); p != nil {
			t.Fatal(p)
		}
		s.world.slow = map[string]time.Duration{"example. CAA": time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.ctx = ctx
		begun := time.Now()
		check(t, &row{kind: acme.DNS, passing: true, says: "CAA records of example.…within the time"}, s.judge(), www)
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}
