package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		began := time.Now()
		r, report, err := c.rotate(t, t.Context(), Orders{})
		if err != nil || r.Stage != Spread || !report.Written() || !report.Proven() {
			t.Fatalf("%v, %+v, %v", r.Stage, report, err)
		}
		if took := time.Since(began); took < 340*time.Second {
			t.Errorf("spread after %v: the second server's lag is 40s, the TTL 300s", took)
		}
		c.switched = time.Now()
		now := time.Now()
		if r, _, err = c.rotate(t, t.Context(), Orders{Switched: true}); err != nil || r.Stage != Aged || time.Since(now) < 300*time.Second {
			t.Fatalf("%v after %v, %v", r.Stage, time.Since(now), err)
		}
		for range 2 { // without the operator's word nothing is retired, however often
			if r, report, err = c.rotate(t, t.Context(), Orders{}); err != nil || r.Stage != Aged || report.Written() || !report.Proven() {
				t.Fatalf("%v, %+v, %v", r.Stage, report, err)
			}
		}
		r, report, err = c.rotate(t, t.Context(), Orders{Retire: true})
		if err != nil || r.Stage != Retired || !report.Written() || !report.Proven() {
			t.Fatalf("%v, %+v, %v", r.Stage, report, err)
		}
		c.done(t)
		writes := c.writes
		if r, report, err = c.rotate(t, t.Context(), Orders{Retire: true}); err != nil || r.Stage != Retired || c.writes != writes || report.Written() || !report.Proven() {
			t.Errorf("once more: %v, %+v, %v", r.Stage, report, err)
		}
	})
}

func TestRotateInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		o := Orders{Retire: true, Switch: c.use}
		if r, _, err := c.rotate(t, t.Context(), o); err != nil || r.Stage != Retired {
			t.Fatalf("%v, %v", r.Stage, err)
		}
		c.done(t)
	})
}

// TestRotateRefuses begins each time with the rotation that TestRotateInOneCall shows to
// go well, and changes one thing.
func TestRotateRefuses(t *testing.T) {
	removed := func(r Record) func(*changeover) {
		return func(c *changeover) {
			set := c.sets[owner2]
			c.put(set.Without(r))
		}
	}
	tests := []struct {
		claim  string
		at     Stage // where it has come to before
		spoil  func(c *changeover)
		orders Orders
		kind   Kind
		says   string
		stays  Stage // what is kept afterwards
	}{
		{"an old key that is not published", Planned, removed(ours), Orders{}, Missing, "1.8.vendor.example.: the old key is not published there", Planned},
		{"an old key that is not proven", Planned, func(c *changeover) { c.servers[1].silent = true }, Orders{}, NotProven, "no answer", Planned},
		{"a switch that is told of before its time", Planned, nil, Orders{Switched: true}, NotProven, "cannot have been switched", Planned},
		{"a switch told of while caches may hold old sets", NextPublished, nil, Orders{Switched: true}, NotProven, "cannot have been switched", NextPublished},
		{"a new key that somebody removed during the wait", NextPublished, removed(next), Orders{}, Missing, "somebody has removed it", Planned},
		{"a new key that somebody removed before the switch", Spread, removed(next), Orders{}, Missing, "somebody has removed it", Planned},
		{"an old key that is gone before the switch", Spread, removed(ours), Orders{}, Missing, "the old key, which is in use, is not published there", Spread},
		{"a server that has lost the new key before the switch", Spread, func(c *changeover) { c.servers[0].stuck = true }, Orders{}, NotProven, "still without the record", NextPublished},
		{"a server that says nothing before the switch", Spread, func(c *changeover) { c.servers[0].silent = true }, Orders{}, NotProven, "no answer", Spread},
		{"a new key that is gone before the old is retired", Aged, removed(next), Orders{Retire: true}, Missing, "the new key, which is in use, is not published there", Aged},
		{"a new key that a server lacks before the old is retired", Aged, func(c *changeover) { c.servers[0].stuck = true }, Orders{Retire: true}, NotProven, "still without the record", Aged},
		{"an old key that is published again after all", Retired, func(c *changeover) { c.put(c.sets[owner].With(ours, 0)) }, Orders{Retire: true}, Conflict, "published again", Retired},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChangeover()
				c.comeTo(t, tt.at)
				if tt.spoil != nil {
					tt.spoil(c)
				}
				writes, before := c.writes, c.sets[owner2]
				tt.orders.Switch = func(context.Context) error { t.Error("the key was switched"); return nil }
				r, _, err := c.rotate(t, t.Context(), tt.orders)
				var e *Error
				if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v, want %v with %q", err, tt.kind, tt.says)
				}
				if r.Stage != tt.stays || c.state(t).Stage != tt.stays {
					t.Errorf("at %v, kept %v, want %v", r.Stage, c.state(t).Stage, tt.stays)
				}
				if c.writes != writes || !c.sets[owner2].Same(before) {
					t.Errorf("%d writes more, %v", c.writes-writes, c.sets[owner2])
				}
			})
		})
	}
}

// TestRotateGuardsTheWriteItself has somebody take away the record that has to stay between
// the last look and the write.
func TestRotateGuardsTheWriteItself(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		at     Stage
		gone   Record
		orders Orders
		says   string
	}{
		{"the old key, when the new is to be written", Planned, ours, Orders{}, "the old key is not published there"},
		{"the new key, when the old is to be retired", Aged, next, Orders{Retire: true}, "the new key is not published there"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChangeover()
				c.comeTo(t, tt.at)
				first := c.writes
				c.meanwhile = func(n int) {
					if n == first {
						c.put(c.sets[owner].Without(tt.gone))
					}
				}
				r, _, err := c.rotate(t, t.Context(), tt.orders)
				if kindOf(err) != Missing || !strings.Contains(err.Error(), tt.says) || r.Stage != tt.at {
					t.Errorf("%v at %v", err, r.Stage)
				}
				both := []Record{ours, next}
				both = slices.DeleteFunc(both, func(r Record) bool { return r == tt.gone })
				if tt.at == Aged && !c.sets[owner].Has(both[0]) {
					t.Error("both keys are gone")
				}
				if missing := without(c.others[owner], c.sets[owner].Records); len(missing) > 0 {
					t.Errorf("others' %v is gone", missing)
				}
			})
		})
	}
}

func TestRotateWritesNothingThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		c.failSave = func(int, *Rotation) (error, error) { return errors.New("disk full"), nil }
		if _, _, err := c.rotate(t, t.Context(), Orders{}); err == nil || !strings.Contains(err.Error(), "could not be kept: disk full") || c.writes > 0 {
			t.Errorf("%v after %d writes", err, c.writes)
		}
		if r, _, _ := c.rotate(t, t.Context(), Orders{}); !r.Began.IsZero() {
			t.Errorf("begun at %v, and nothing is kept", r.Began)
		}
	})
}

// TestRotateSwitch is of the operator's program and of what is known of it.
func TestRotateSwitch(t *testing.T) {
	fault := errors.New("exit status 4")
	for _, tt := range []struct {
		claim string
		run   func(c *changeover, cancel func()) func(context.Context) error
		fail  func(n int, r *Rotation) (error, error)
		stays Stage
		says  string
		kind  Kind
	}{
		{"it goes well", func(c *changeover, _ func()) func(context.Context) error { return c.use }, nil, Aged, "", Failed},
		{"it fails", func(c *changeover, _ func()) func(context.Context) error {
			return func(context.Context) error { return fault }
		}, nil, Spread, "the key was not switched: exit status 4", Failed},
		{"it is cut short", func(c *changeover, cancel func()) func(context.Context) error {
			return func(context.Context) error { cancel(); return fault }
		}, nil, SwitchBegun, "whether the key was switched is not known", Stopped},
		{"that it begins cannot be kept", func(c *changeover, _ func()) func(context.Context) error { return c.use }, func(_ int, r *Rotation) (error, error) {
			if r.Stage == SwitchBegun {
				return fault, nil
			}
			return nil, nil
		}, Spread, "could not be kept", Failed},
		{"that it ended cannot be kept", func(c *changeover, _ func()) func(context.Context) error { return c.use }, func(_ int, r *Rotation) (error, error) {
			if r.Stage == Switched {
				return fault, nil
			}
			return nil, nil
		}, SwitchBegun, "the key was switched, but the rotation's state could not be kept", Failed},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChangeover()
				c.failSave = tt.fail
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, _, err := c.rotate(t, ctx, Orders{Switch: tt.run(c, cancel)})
				if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || kindOf(err) != tt.kind) || c.state(t).Stage != tt.stays {
					t.Errorf("%v, kept at %v, want %v %v with %q", err, c.state(t).Stage, tt.stays, tt.kind, tt.says)
				}
				if tt.claim == "that it begins cannot be kept" && c.switches > 0 {
					t.Error("the key was switched without a word of it kept")
				}
				c.failSave = nil
				if tt.stays == SwitchBegun { // without a word it is not run again, and not taken for done
					if r, _, err := c.rotate(t, t.Context(), Orders{Retire: true}); err != nil || r.Stage != SwitchBegun {
						t.Errorf("%v, %v", r.Stage, err)
					}
				}
				if _, _, err := c.rotate(t, t.Context(), Orders{Switch: c.use, Retire: true}); err != nil {
					t.Error(err)
				}
				c.done(t)
			})
		})
	}
}

func TestRotateSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		if _, _, err := c.rotate(t, t.Context(), Orders{Switch: c.use}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			step Step
			text string
		}{
			{Waiting, "until no cache can hold a set without the new key: at 2000-01-01 00:0"},
			{Switching, "having the key switched"},
			{Waiting, "until no cache holds anything from before the switch"},
		} {
			if !c.said(want.step, want.text) {
				t.Errorf("no %v with %q in %v", want.step, want.text, c.events)
			}
		}
	})
}

func TestRotateNeedsARotationAndSomewhereToKeepIt(t *testing.T) {
	c := newChangeover()
	p := c.publisher(t)
	r := fresh()
	for claim, call := range map[string]func() error{
		"nowhere to keep it": func() error { _, err := p.Rotate(t.Context(), &r, Orders{}); return err },
		"the zero rotation":  func() error { _, err := p.Rotate(t.Context(), &Rotation{}, Orders{Save: c.save}); return err },
		"no waiting": func() error {
			_, err := c.publisher(t, func(c *Config) { c.Timeout = -1 }).Rotate(t.Context(), &r, Orders{Save: c.save})
			return err
		},
	} {
		if err := call(); err == nil || c.writes+c.saves > 0 {
			t.Errorf("%s: %v, %d writes", claim, err, c.writes)
		}
	}
}

func TestPlanRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChangeover()
		plan, err := c.publisher(t).PlanRotate(t.Context(), fresh())
		if err != nil || len(plan.Publish) != 2 || len(plan.Retire) != 2 || plan.Wait != 300*time.Second+underway {
			t.Fatalf("%+v, %v", plan, err)
		}
		for i, name := range []string{owner, owner2} {
			add, drop := plan.Publish[i], plan.Retire[i]
			if add.Name != name || !slices.Equal(add.Added(), []Record{next}) || len(add.Removed()) > 0 ||
				!slices.Equal(drop.Removed(), []Record{ours}) || len(drop.Added()) > 0 || !drop.Before.Same(add.After) {
				t.Errorf("%v, then %v", add.Diff(), drop.Diff())
			}
		}
		for s, want := range map[Stage]int{Spread: 2, Aged: 2, Retired: 0} {
			c := newChangeover()
			c.comeTo(t, s)
			writes := c.writes
			if plan, err := c.publisher(t).PlanRotate(t.Context(), c.state(t)); err != nil || len(plan.Publish) != 0 || len(plan.Retire) != want || c.writes != writes {
				t.Errorf("%v: %+v, %v", s, plan, err)
			}
		}
		if c.writes > 0 || c.saves > 0 {
			t.Errorf("%d writes, %d saves", c.writes, c.saves)
		}
		for s, spoil := range map[Stage]struct {
			record Record
			there  bool
			kind   Kind
		}{
			NextPublished: {next, false, Missing},
			Spread:        {ours, false, Missing},
			Aged:          {next, false, Missing},
			Retired:       {ours, true, Conflict},
		} { // what is kept is not taken for so
			c := newChangeover()
			c.comeTo(t, s)
			set := c.sets[owner].Without(spoil.record)
			if spoil.there {
				set = c.sets[owner].With(spoil.record, 0)
			}
			c.put(set)
			if _, err := c.publisher(t).PlanRotate(t.Context(), c.state(t)); kindOf(err) != spoil.kind {
				t.Errorf("%v, spoilt: %v, want %v", s, err, spoil.kind)
			}
		}
		c.put(c.sets[owner].Without(ours))
		if _, err := c.publisher(t).PlanRotate(t.Context(), fresh()); kindOf(err) != Missing {
			t.Errorf("without the old key: %v", err)
		}
	})
}
