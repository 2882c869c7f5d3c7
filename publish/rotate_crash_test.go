package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

var errFault = errors.New("fault")

// TestRotateAfterACrashAnywhere stops one rotation at each thing that it does in turn, in
// each way, and goes on with what was kept: the end is the same, and at no moment a cache
// could hold a set without a key in use.
func TestRotateAfterACrashAnywhere(t *testing.T) {
	stops := map[string]func(c *changeover, n int, cancel func()){
		"a write fails with nothing done":   func(c *changeover, n int, _ func()) { c.failBefore = nth(n) },
		"a write fails with the work done":  func(c *changeover, n int, _ func()) { c.failAfter = nth(n) },
		"a reading fails":                   func(c *changeover, n int, _ func()) { c.failRead = nth(n) },
		"ended before a write":              func(c *changeover, n int, cancel func()) { c.failBefore = ending(n, cancel, errFault) },
		"ended after a write":               func(c *changeover, n int, cancel func()) { c.failAfter = ending(n, cancel, nil) },
		"ended at a reading":                func(c *changeover, n int, cancel func()) { c.failRead = ending(n, cancel, nil) },
		"the state cannot be kept":          func(c *changeover, n int, _ func()) { c.failSave = saving(n, func() {}, errFault, nil) },
		"the state is kept, and an error":   func(c *changeover, n int, _ func()) { c.failSave = saving(n, func() {}, nil, errFault) },
		"ended before the state is kept":    func(c *changeover, n int, cancel func()) { c.failSave = saving(n, cancel, errFault, nil) },
		"ended when the state is kept":      func(c *changeover, n int, cancel func()) { c.failSave = saving(n, cancel, nil, nil) },
		"ended a while later":               func(_ *changeover, n int, cancel func()) { time.AfterFunc(time.Duration(n)*25*time.Second, cancel) },
		"the first server is silent awhile": func(c *changeover, n int, _ func()) { c.silence(0, n) },
	}
	for claim, stop := range stops {
		t.Run(claim, func(t *testing.T) {
			stopped := 0
			for n := range 40 {
				synctest.Test(t, func(t *testing.T) {
					c := newChangeover()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					stop(c, n, cancel)
					o := Orders{Switch: c.use, Retire: true}
					r, _, err := c.rotate(t, ctx, o)
					if err != nil {
						stopped++
					} else if r.Stage != Retired {
						t.Errorf("%d: ended at %v without an error", n, r.Stage)
					}
					c.failBefore, c.failAfter, c.failRead, c.failSave = nil, nil, nil, nil
					if _, _, err := c.rotate(t, t.Context(), o); err != nil {
						t.Errorf("%d: gone on with: %v", n, err)
					}
					c.done(t)
					if t.Failed() {
						t.Fatalf("%d: began with %v", n, err)
					}
				})
			}
			if stopped == 0 && claim != "a write fails with the work done" && claim != "the first server is silent awhile" {
				t.Error("nothing was stopped")
			}
		})
	}
}

func nth(n int) func(int) error {
	return func(i int) error {
		if i == n {
			return &Error{Kind: ServFail, What: "fault"}
		}
		return nil
	}
}

func ending(n int, cancel func(), err error) func(int) error {
	return func(i int) error {
		if i == n {
			cancel()
			return err
		}
		return nil
	}
}

func saving(n int, cancel func(), before, after error) func(int, *Rotation) (error, error) {
	return func(i int, _ *Rotation) (error, error) {
		if i != n {
			return nil, nil
		}
		cancel()
		return before, after
	}
}

// silence has a server say nothing for a minute, from some time on.
func (c *changeover) silence(i, n int) {
	at := time.Duration(n) * 20 * time.Second
	c.later(at, func() { c.servers[i].silent = true })
	c.later(at+time.Minute, func() { c.servers[i].silent = false })
}

// TestRotateUnderRandomTrouble is the property itself: whatever is interrupted, fails with
// or without having done the work, lags, is removed by others or goes backwards, and in
// whatever order.
func TestRotateUnderRandomTrouble(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 50
	}
	reached := map[Stage]int{}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &weather{changeover: newChangeover(), rand: rand.New(rand.NewPCG(uint64(seed), 8))}
				w.servers[0].lag, w.servers[1].lag = w.seconds(5), w.seconds(90)
				for range 12 {
					reached[w.badDay(t)]++
				}
				w.goodDay(t)
				w.done(t)
			})
		})
	}
	for s := Planned; s <= Retired; s++ {
		if reached[s] == 0 {
			t.Errorf("no call ended at %v: the trouble is not random enough", s)
		}
	}
}

// weather is what goes on around a rotation.
type weather struct {
	*changeover
	rand   *rand.Rand
	behind time.Duration // how far the clock has gone backwards
}

func (w *weather) chance(percent int) bool { return w.rand.IntN(100) < percent }

func (w *weather) seconds(most int) time.Duration {
	return time.Duration(w.rand.IntN(most)) * time.Second
}

// badDay is one call in which much goes wrong, and what happens before the next.
func (w *weather) badDay(t *testing.T) Stage {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fault := func(percent int) func(int) error {
		return func(int) error {
			switch {
			case !w.chance(percent):
				return nil
			case w.chance(40):
				cancel()
			}
			return &Error{Kind: ServFail, What: "fault"}
		}
	}
	w.failBefore, w.failAfter, w.failRead = fault(15), fault(15), fault(3)
	w.failSave = func(int, *Rotation) (before, after error) {
		before, after = fault(6)(0), fault(6)(0)
		return before, after
	}
	if w.chance(20) {
		w.silence(0, w.rand.IntN(30))
	}
	if w.chance(50) {
		time.AfterFunc(w.seconds(1500), cancel)
	}
	if w.chance(15) {
		w.later(w.seconds(700), w.somebody(w.chance(60), []time.Duration{5, 60, 300}[w.rand.IntN(3)]*time.Second))
	}
	if w.chance(20) {
		w.behind += w.seconds(2000)
	}
	now := func() time.Time { return time.Now().Add(-w.behind) }
	o := Orders{Retire: w.chance(30)}
	switch {
	case w.chance(50):
		o.Switch = w.program(cancel)
	case !w.switched.IsZero() && w.state(t).Stage >= Spread && w.chance(50):
		o.Switched = true
	}
	r, _, err := w.rotate(t, ctx, o, func(c *Config) { c.Now = now })
	if err == nil && r.Stage == Spread && w.chance(50) && w.sets[owner].Has(next) && w.sets[owner2].Has(next) {
		w.use(ctx) // the operator, by hand, as he is told; says so by --switched another day
	}
	time.Sleep(w.seconds(600))
	return w.state(t).Stage
}

// program switches the key, and fails now and then, with and without having done it.
func (w *weather) program(cancel func()) func(context.Context) error {
	return func(ctx context.Context) error {
		if w.chance(20) {
			return errFault
		}
		w.use(ctx)
		switch {
		case w.chance(20):
			return errFault
		case w.chance(20):
			cancel()
			return errFault
		}
		return nil
	}
}

// somebody takes the new key's record away while nobody uses it yet, or changes the TTL.
func (w *weather) somebody(removes bool, ttl time.Duration) func() {
	return func() {
		set := w.sets[owner]
		if removes && w.switched.IsZero() {
			w.put(set.Without(next))
			return
		}
		set.TTL = ttl
		w.put(set)
	}
}

// goodDay has all come to its end.
func (w *weather) goodDay(t *testing.T) {
	w.failBefore, w.failAfter, w.failRead, w.failSave = nil, nil, nil, nil
	time.Sleep(time.Hour)
	for range 3 {
		r, _, err := w.rotate(t, t.Context(), Orders{Switch: w.use, Retire: true})
		if err == nil && r.Stage == Retired {
			return
		}
		t.Logf("%v, %v", r.Stage, err)
	}
}
