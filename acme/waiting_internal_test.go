package acme

import (
	"sync"
	"testing"
	"time"
)

func TestWaiting(t *testing.T) {
	why := Problemf(DNS, "nothing is proven")
	done := make(chan *Problem, 1)
	var w waiting
	if w.heard() {
		t.Error("of the zero value somebody waits")
	}
	w.begin()
	if p := w.over(done); p != nil || w.heard() {
		t.Errorf("its client was told, and hears it: %v", p)
	}
	w.begin()
	for range 2 { // an Update may be carried out again
		if !w.heard() {
			t.Error("somebody waits, and does not hear it")
		}
	}
	done <- why
	if p := w.over(done); p != why {
		t.Errorf("the request answers with %v", p)
	}
}

// TestWaitingIsDecidedOnce: however the two meet, a client is told one thing.
func TestWaitingIsDecidedOnce(t *testing.T) {
	why := Problemf(DNS, "nothing is proven")
	for range 2000 {
		var w waiting
		w.begin()
		done := make(chan *Problem, 1)
		var heard bool
		var worker sync.WaitGroup
		worker.Go(func() {
			heard = w.heard()
			done <- why
		})
		p := w.over(done)
		worker.Wait()
		if heard != (p == why) {
			t.Fatalf("the order is ready again: %t; the request answers with %v", heard, p)
		}
	}
}

// TestRest: what was not proven rests as long as the gate says, within bounds.
func TestRest(t *testing.T) {
	for retry, want := range map[time.Duration]time.Duration{
		0: 5 * time.Second, 5 * time.Second: 5 * time.Second, 20 * time.Second: 20 * time.Second, time.Minute: time.Minute, time.Hour: time.Minute,
	} {
		p := Problemf(DNS, "nothing is proven")
		p.Retry = retry
		if got := p.rest(); got != want {
			t.Errorf("told to come again in %s it rests %s, want %s", retry, got, want)
		}
	}
}
