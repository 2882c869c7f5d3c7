package publish

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
)

// changeover is a rotation in a scene: from ours to next, at two names, beside others'
// records. What a crash leaves is what was kept, and nothing else.
type changeover struct {
	*scene
	mu       sync.Mutex // held by who looks at the scene or writes to it, and by what later brings about
	kept     []byte     // the state, as it is on the disk
	saves    int
	failSave func(n int, r *Rotation) (before, after error) // of the n-th: without and with the work done
	switched time.Time                                      // when the holder began to use the new key
	switches int
	others   map[string][]Record
}

func (c *changeover) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.scene.LookupEach(ctx, q)
}

func (c *changeover) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.scene.Lookup(ctx, q)
}

func (c *changeover) Read(ctx context.Context, name string) (Set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place.Read(ctx, name)
}

func (c *changeover) Write(ctx context.Context, change Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place.Write(ctx, change)
}

// later has something come about.
func (c *changeover) later(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		f()
	})
}

// publisher works where c does.
func (c *changeover) publisher(t testing.TB, changes ...func(*Config)) *Publisher {
	t.Helper()
	return c.scene.publisher(t, append(changes, func(conf *Config) { conf.World, conf.Target.Zone = c, c })...)
}

const owner2 = "1.8.vendor.example."

var next = recordWith(3)

func newChangeover() *changeover {
	c := &changeover{scene: newScene(), others: map[string][]Record{owner: {theirs, odd}, owner2: {odd}}}
	for name, others := range c.others {
		set := Set{Name: name, TTL: 300 * time.Second, Records: append([]Record{ours}, others...)}
		c.sets[name] = set
		c.history = append(c.history, moment{time.Time{}, name, set})
	}
	c.servers[1].lag = 40 * time.Second
	return c
}

func entriesOf(r Record) []Entry {
	return []Entry{entry(r), {Name: owner2, Domain: domain, Method: "1", Form: "dotted", Record: r}}
}

// fresh is the rotation as the command line asks for it.
func fresh() Rotation {
	r, err := NewRotation("https://vendor.example", "urn:old", "urn:new", entriesOf(ours), entriesOf(next))
	if err != nil {
		panic(err)
	}
	return r
}

// state is what a new process finds.
func (c *changeover) state(t testing.TB) Rotation {
	t.Helper()
	if c.kept == nil {
		return fresh()
	}
	r, err := ParseRotation(c.kept)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (c *changeover) save(r Rotation) error {
	n := c.saves
	c.saves++
	var before, after error
	if c.failSave != nil {
		before, after = c.failSave(n, &r)
	}
	if before != nil {
		return before
	}
	c.kept = r.Text()
	return after
}

// use is the operator's program: it may be called again, and does no harm then.
func (c *changeover) use(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.switches++
	if c.switched.IsZero() {
		c.switched = time.Now()
	}
	return nil
}

// rotate is one call of the command, by a process of its own.
func (c *changeover) rotate(t testing.TB, ctx context.Context, o Orders, changes ...func(*Config)) (Rotation, Report, error) {
	t.Helper()
	r := c.state(t)
	o.Save = c.save
	report, err := c.publisher(t, changes...).Rotate(ctx, &r, o)
	if c.kept != nil {
		if disk := c.state(t); err == nil && disk.Stage != r.Stage {
			t.Errorf("at %v, and %v is kept", r.Stage, disk.Stage)
		}
	}
	return r, report, err
}

// done fails the test where the end is not what it has to be.
func (c *changeover) done(t testing.TB) {
	t.Helper()
	for name, others := range c.others {
		want := append(slices.Clone(others), next)
		if got := c.sets[name]; !got.Same(Set{Name: name, Records: want}) {
			t.Errorf("%s ends with %v, want %v", name, got.Records, want)
		}
	}
	if got := c.state(t).Stage; got != Retired {
		t.Errorf("kept at %v", got)
	}
	c.never(t)
}

// never fails the test where, at any moment, a cache could hold a set without a key that
// is in use then: the old one until it is retired, since its tokens are about, and the
// new one from the switch on; or where a record of others was ever gone.
func (c *changeover) never(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	began, end := c.history[0].at, time.Now().Add(time.Hour)
	for name, others := range c.others {
		var at []moment
		for _, m := range c.history {
			if m.name == name {
				at = append(at, m)
			}
		}
		for i, m := range at {
			if missing := without(others, m.set.Records); len(missing) > 0 {
				t.Errorf("%s lacked %v of others at %v", name, missing, m.at)
			}
			last := i == len(at)-1
			for _, v := range c.servers {
				from, until := m.at.Add(v.lag), end
				if m.at.IsZero() {
					from = began
				}
				if !last {
					until = at[i+1].at.Add(v.lag).Add(m.set.TTL)
				}
				if !c.switched.IsZero() && !m.set.Has(next) && until.After(c.switched) {
					t.Errorf("%s: a cache could hold a set without the new key until %v, and the key was switched at %v", name, until, c.switched)
				}
				if !m.set.Has(ours) && !last && at[i+1].set.Has(ours) {
					t.Errorf("%s: the old key was gone at %v, and came back", name, from)
				}
				if !m.set.Has(ours) && c.switched.IsZero() {
					t.Errorf("%s: the old key was gone at %v, before the switch", name, from)
				}
			}
		}
	}
}

// comeTo has the rotation go well until a stage: by calls that end there.
func (c *changeover) comeTo(t testing.TB, s Stage) {
	t.Helper()
	stop := func(at Stage) (context.Context, func()) {
		ctx, cancel := context.WithCancel(t.Context())
		c.failSave = func(_ int, r *Rotation) (error, error) {
			if r.Stage == at && (at != NextPublished || !r.Since.IsZero()) {
				cancel()
			}
			return nil, nil
		}
		return ctx, cancel
	}
	switch {
	case s == Planned:
		return
	case s == Retired:
		c.rotate(t, t.Context(), Orders{Switch: c.use, Retire: true})
	case s == Aged:
		c.rotate(t, t.Context(), Orders{Switch: c.use})
	case s == Spread:
		c.rotate(t, t.Context(), Orders{})
	default:
		ctx, cancel := stop(s)
		defer cancel()
		c.rotate(t, ctx, Orders{Switch: c.use})
	}
	c.failSave = nil
	if got := c.state(t).Stage; got != s {
		t.Fatalf("came to %v, want %v", got, s)
	}
}
