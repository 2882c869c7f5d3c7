package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
)

// TestItIsTriedAgain: after 5 s, then more and more seldom, at a reload at once; each reason is told once, and so is the end.
func TestItIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		logger := slog.New(slog.NewTextHandler(&log, nil))
		begun := time.Now()
		var tried []time.Duration
		why := error(&notIssuedError{errors.New("disk full")})
		o := newOpening()
		o.try = func(context.Context) error {
			tried = append(tried, time.Since(begun))
			switch len(tried) {
			case 4:
				why = errors.New("the store is gone")
			case 7:
				return nil
			}
			return why
		}
		must(t, o.first(t.Context(), logger))
		if o.isOpen() {
			t.Fatal("it is open")
		}
		time.AfterFunc(100*time.Second, func() { o.again <- struct{}{} }) // a reload
		if !o.await(t.Context(), logger) || !o.isOpen() {
			t.Fatal("it is not open")
		}
		want := []time.Duration{0, 5, 15, 35, 75, 100, 110}
		for n := range want {
			if want[n] *= time.Second; n >= len(tried) || tried[n] != want[n] {
				t.Fatalf("tried at %v, want %v", tried, want)
			}
		}
		for text, n := range map[string]int{"disk full": 1, "the store is gone": 1, "it issues from now on": 1} {
			if got := strings.Count(log.String(), text); got != n {
				t.Errorf("%q is told %d times, want %d", text, got, n)
			}
		}
		if o.waits.Load() != nil {
			t.Error("it waits still")
		}
	})
}

// TestAClockThatGoesOnIsNoNewReason: what differs in the time alone is told once.
func TestAClockThatGoesOnIsNoNewReason(t *testing.T) {
	dir, _ := agedCA(t, -2*time.Hour)
	of := func(after time.Duration) error {
		_, err := ca.Open(ca.Config{Dir: dir, URL: anyURL, Now: func() time.Time { return time.Now().Add(after) }})
		return err
	}
	first, second := of(0), of(time.Minute)
	if first.Error() == second.Error() || kindOf(first) != kindOf(second) || kindOf(first) == kindOf(errors.New("another")) || of(3*time.Hour) != nil {
		t.Errorf("%v, and %v", first, second)
	}
}

// TestItIsTriedEachMinute, at the most seldom, and not once the daemon ends.
func TestItIsTriedEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, tries := newOpening(), 0
		o.try = func(context.Context) error { tries++; return &acme.Problem{Detail: "not yet"} }
		if err := o.first(t.Context(), quiet()); err == nil {
			t.Error("what somebody has to mend ends no start")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if o.await(ctx, quiet()) {
			t.Error("it is open")
		}
		if tries != 1+5+57 { // 0; 5, 15, 35, 75, 135 s, then each minute
			t.Errorf("%d tries in an hour", tries)
		}
	})
}

// TestTheManagerIsToldWhatIsNotOpen: its status has it beside, and only while it is so.
func TestTheManagerIsToldWhatIsNotOpen(t *testing.T) {
	for beside, want := range map[string]string{"": "READY=1\nSTATUS=ready", "acme: not open:\ndisk full": "READY=1\nSTATUS=ready; acme: not open: disk full"} {
		m := newManager(t)
		s := supervisorOf(m.env(nil), quiet())
		s.beside = func() string { return beside }
		s.ready(t.Context(), func(context.Context) error { return nil })
		if said := m.next(t); said != want {
			t.Errorf("%q, want %q", said, want)
		}
	}
}

// TestAReloadHasItTried: once for however many, and none of a server that is open.
func TestAReloadHasItTried(t *testing.T) {
	dir, _ := madeCA(t)
	c := parse(t, acmeConfig, dir)
	d := start(t, c)
	for range 3 {
		must(t, d.change(c))
	}
	if n := len(d.acme.again); n != 0 {
		t.Errorf("of a server that is open: %d", n)
	}
	d.acme.opened = make(chan struct{}) // nobody waits for it
	for range 3 {
		must(t, d.change(c))
	}
	if n := len(d.acme.again); n != 1 {
		t.Errorf("of one that is not: %d", n)
	}
}
