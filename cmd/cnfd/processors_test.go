package main

import (
	"runtime"
	"testing"
)

// TestOneProcessorIsLeftFree: of one, Go makes two; more, and what somebody has set, stay.
func TestOneProcessorIsLeftFree(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct {
		name     string
		set      string
		has, get int
	}{
		{"one processor", "", 1, 2},
		{"two", "", 2, 2},
		{"three", "", 3, 3},
		{"one that was asked for", "1", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOMAXPROCS", c.set)
			runtime.GOMAXPROCS(c.has)
			freeProcessor()
			if got := runtime.GOMAXPROCS(0); got != c.get {
				t.Errorf("%d processors, want %d", got, c.get)
			}
		})
	}
}
