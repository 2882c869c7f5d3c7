package provider

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func ovhOf(s *stage) *ovhFake { return s.fake.(*ovhFake) }

// served fails unless what the servers have is what the records are.
func served(t *testing.T, s *stage) {
	t.Helper()
	if lines := s.lines(); !slices.Equal(ovhOf(s).served, lines) {
		t.Errorf("served: %q; there: %q", less(ovhOf(s).served, lines), less(lines, ovhOf(s).served))
	}
}

func TestOVHServesWhatIsWritten(t *testing.T) {
	s := play(t, "ovh", owner)
	s.set(here, 7200, theirs...)
	a, b := tlsa(t, ours), tlsa(t, later)
	if err := s.write(t, s.adding(t, here, a)); err != nil {
		t.Fatal(err)
	}
	served(t, s)
	c := publish.Change{Name: here, Before: s.read(t, here)}
	c.After = c.Before.Without(a).With(b, time.Hour)
	if err := s.write(t, c); err != nil {
		t.Fatal(err)
	}
	served(t, s)
	if err := s.write(t, s.removing(t, here, b)); err != nil {
		t.Fatal(err)
	}
	served(t, s)
}

func TestOVHTellsWhoIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf []byte
		want publish.Kind
	}{
		{"another application key", ovhConf("0000000000000000", ovhSecret, ovhConsumer), publish.BadKey},
		{"another secret", ovhConf(ovhApplication, "00000000000000000000000000000000", ovhConsumer), publish.BadKey},
		{"another consumer key", ovhConf(ovhApplication, ovhSecret, "00000000000000000000000000000000"), publish.BadKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, "ovh", owner).read(t, here) // the same without the fault
			s := play(t, "ovh", owner, func(c *Config) { c.Credentials = tt.conf })
			_, err := s.target.Zone.Read(t.Context(), here)
			wantKind(t, s, err, tt.want)
		})
	}
}

// A request is signed by the API's clock, which is asked for once.
func TestOVHGoesByTheAPIsClock(t *testing.T) {
	now := noon()
	s := play(t, "ovh", owner, func(c *Config) { c.Now = func() time.Time { return now } })
	s.read(t, here)
	s.read(t, here)
	if asked := count(s.calls, "GET /auth/time"); asked != 1 {
		t.Errorf("the time was asked for %d times, want once", asked)
	}
	now = now.Add(time.Hour) // ours jumps, and theirs does not
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.BadTime)
	if theirs := err.(*publish.Error).Theirs; theirs.IsZero() {
		t.Error("their clock is not told")
	}
	s.read(t, here) // it was asked for again
	if asked := count(s.calls, "GET /auth/time"); asked != 2 {
		t.Errorf("the time was asked for %d times, want twice", asked)
	}
}

func count(calls []string, call string) (n int) {
	for _, c := range calls {
		if c == call {
			n++
		}
	}
	return n
}

// half is a change of two calls: ours goes and later comes.
func half(t *testing.T, s *stage) publish.Change {
	t.Helper()
	s.set(here, 7200, append(slices.Clone(theirs), ours)...)
	c := publish.Change{Name: here, Before: s.read(t, here)}
	c.After = c.Before.Without(tlsa(t, ours)).With(tlsa(t, later), time.Hour)
	return c
}

func deletes(r *http.Request) bool { return r.Method == http.MethodDelete }

func TestOVHHalfOfAChange(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fault
		want  publish.Kind
		left  []string // beside theirs
	}{
		{"fails before", failBefore, publish.ServFail, []string{ours, later}},
		{"fails after", failAfter, publish.ServFail, []string{later}},
		{"silent before", dropBefore, publish.Unreachable, []string{ours, later}},
		{"silent after", dropAfter, publish.Unreachable, []string{later}},
		{"refused", func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
			ovhFault(w, http.StatusForbidden, "NOT_GRANTED_CALL", "This call has not been granted")
		}, publish.Refused, []string{ours, later}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := play(t, "ovh", owner)
			if err := good.write(t, half(t, good)); err != nil {
				t.Fatal("the same without the fault:", err)
			}
			s := play(t, "ovh", owner)
			c := half(t, s)
			before := s.lines()
			s.next(deletes, tt.fault)
			wantKind(t, s, s.write(t, c), tt.want)
			got := s.read(t, here)
			if len(got.Records) != len(theirs)+len(tt.left) {
				t.Errorf("read %+v, want theirs and %q", got, tt.left)
			}
			for _, text := range append(slices.Clone(theirs), tt.left...) {
				if !got.Has(tlsa(t, text)) {
					t.Errorf("read %+v, without %s", got, text)
				}
			}
			for _, line := range less(before, s.lines()) {
				if !holds(line, tlsa(t, ours)) {
					t.Errorf("gone: %s", line)
				}
			}
			served(t, s) // what is there is what everybody sees
		})
	}
}

func TestOVHServesWhatItHasDoneOfSeveral(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first bool // the call that fails, else the second
		fault fault
		left  int
	}{
		{"the first may have been done", true, failAfter, 1},
		{"the first is unheard of", true, dropAfter, 1},
		{"the second fails", false, failBefore, 1},
		{"the second is refused", false, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
			ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", "Invalid target")
		}, 1},
		{"the second may have been done", false, failAfter, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "ovh", owner)
			s.set(here, 7200, theirs...)
			c := s.adding(t, here, tlsa(t, ours))
			c.After = c.After.With(tlsa(t, later), time.Hour)
			skip := !tt.first
			s.next(func(r *http.Request) bool {
				if !s.writes(r) || skip {
					skip = skip && !s.writes(r)
					return false
				}
				return true
			}, tt.fault)
			if err := s.write(t, c); err == nil || s.pending() {
				t.Fatalf("error %v", err)
			}
			if got := s.read(t, here); len(got.Records) != len(theirs)+tt.left {
				t.Errorf("read %+v, want %d of ours", got, tt.left)
			}
			served(t, s)
		})
	}
}

// What cannot be served must not look as if it had been written.
func TestOVHCannotServeTheZone(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(f *ovhFake)
		want publish.Kind
	}{
		{"the key has no right to", func(f *ovhFake) { f.denied = true }, publish.Refused},
		{"it fails", func(f *ovhFake) { f.broken = true }, publish.ServFail},
		{"it does so and fails to say it", func(f *ovhFake) { f.mute = true }, publish.ServFail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "ovh", owner)
			c := half(t, s)
			without := func(lines []string) (rest []string) {
				for _, line := range lines { // ours comes back with another id
					if !holds(line, tlsa(t, ours)) {
						rest = append(rest, line)
					}
				}
				return rest
			}
			before := s.lines()
			tt.do(ovhOf(s))
			err := s.write(t, c)
			wantKind(t, s, err, tt.want)
			if !strings.Contains(err.Error(), "taken back") {
				t.Errorf("error %q does not say that all was taken back", err)
			}
			unchanged(t, without(before), without(s.lines()))
			if got := s.read(t, here); !got.Same(c.Before) || got.TTL != c.Before.TTL {
				t.Errorf("read %+v, want %+v", got, c.Before)
			}
			if ovhOf(s).mute { // what they have is what is there again
				served(t, s)
			}
			if doubt := strings.Contains(err.Error(), "not known"); doubt != (tt.want == publish.ServFail) {
				t.Errorf("error %q", err)
			}
			ovhOf(s).denied, ovhOf(s).broken, ovhOf(s).mute = false, false, false
			if err := s.write(t, c); err != nil {
				t.Fatal("the same without the fault:", err)
			}
			served(t, s)
		})
	}
}

func TestOVHCannotTakeBack(t *testing.T) {
	s := play(t, "ovh", owner)
	c := s.adding(t, here, tlsa(t, ours))
	ovhOf(s).denied = true
	s.next(deletes, failBefore)
	err := s.write(t, c)
	wantKind(t, s, err, publish.Refused)
	if !strings.Contains(err.Error(), "could not be taken back") {
		t.Errorf("error %q does not say so", err)
	}
	if got := s.read(t, here); !got.Same(c.After) {
		t.Errorf("read %+v, want what is there", got)
	}
}

func TestOVHAsksAgainForTheZoneToBeServed(t *testing.T) {
	s := play(t, "ovh", owner)
	refreshes := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/refresh") }
	for _, f := range []fault{failBefore, failAfter, dropBefore, dropAfter} {
		before := s.lines()
		s.next(refreshes, f)
		if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil || s.pending() {
			t.Fatal(err)
		}
		served(t, s)
		if err := s.write(t, s.removing(t, here, tlsa(t, ours))); err != nil {
			t.Fatal(err)
		}
		unchanged(t, before, s.lines())
	}
}

// A record without a TTL of its own has the zone's, and a set has the longest of its records'.
func TestOVHTimesToLive(t *testing.T) {
	s := play(t, "ovh", owner)
	s.set(here, 0, theirs...)
	if got := s.read(t, here); got.TTL != time.Hour {
		t.Errorf("TTL %v, want the zone's hour", got.TTL)
	}
	s.set(here, 7200, theirs...)
	if got := s.read(t, here); got.TTL != 2*time.Hour {
		t.Errorf("TTL %v, want two hours", got.TTL)
	}
	c := s.adding(t, here, tlsa(t, ours))
	s.next(s.writes, meanwhile(func() { s.set(here, 600, theirs...) })) // ours still comes with two hours
	if err := s.write(t, c); err != nil {
		t.Fatal(err)
	}
	if got := s.read(t, here); got.TTL != 2*time.Hour {
		t.Errorf("TTL %v, want the longest", got.TTL)
	}
}

func TestOVHRecordThatGoesWhileItIsRead(t *testing.T) {
	s := play(t, "ovh", owner)
	s.set(here, 7200, theirs...)
	one := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/record/") }
	s.next(one, meanwhile(func() { s.set(here, 7200, theirs[1:]...) }))
	if got := s.read(t, here); len(got.Records) != len(theirs)-1 {
		t.Errorf("read %+v, want the two that are left", got)
	}
}

func TestOVHMayNotList(t *testing.T) {
	list := func(r *http.Request) bool { return r.URL.Path == "/domain/zone" }
	s := play(t, "ovh", owner)
	s.read(t, here)
	s.next(list, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		ovhFault(w, http.StatusForbidden, "NOT_GRANTED_CALL", "This call has not been granted")
	})
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Refused)
	if !strings.Contains(err.Error(), "name the zone") {
		t.Errorf("error %q does not say what helps", err)
	}
}

func TestOVHListThatIsTooLong(t *testing.T) {
	s := play(t, "ovh", owner)
	s.set(here, 7200, theirs...)
	list := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/record") }
	for n, good := range map[int]bool{maxIDs: true, maxIDs + 1: false} {
		s.next(list, saying("[9"+strings.Repeat(",9", n-1)+"]"))
		calls := len(s.calls)
		_, err := s.target.Zone.Read(t.Context(), here)
		if made := len(s.calls) - calls; (err == nil) != good || !good && made > 3 {
			t.Errorf("%d ids: error %v after %d calls", n, err, made)
		}
	}
}

func TestOVHWithoutTheTime(t *testing.T) {
	clock := func(r *http.Request) bool { return r.URL.Path == "/auth/time" }
	play(t, "ovh", owner).read(t, here)
	s := play(t, "ovh", owner)
	var down fault
	down = func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		s.next(clock, down)
		f.failed(w)
	}
	s.next(clock, down)
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.ServFail)
	if len(s.calls) != maxTries {
		t.Errorf("%d calls, want %d", len(s.calls), maxTries)
	}
}
