package main

import (
	"sync"
	"time"
)

// tally tells of what strangers can make happen as often as they like: of the first at once,
// and then a line a second at the most, with how many there were. The zero value is ready.
type tally struct {
	mu      sync.Mutex // guards all below
	n       int        // not told of yet
	last    func(n int)
	telling bool // a timer runs
}

// refusalsEvery is how far apart two lines are.
const refusalsEvery = time.Second

// note counts one more; tell writes the line, if this is the last before it is due.
func (t *tally) note(tell func(n int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	t.last = tell
	if !t.telling {
		t.tell()
	}
}

// tell writes a line, and another later if there are more by then. mu is held.
func (t *tally) tell() {
	if t.telling = t.n > 0; !t.telling {
		return
	}
	t.last(t.n)
	t.n = 0
	time.AfterFunc(refusalsEvery, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tell()
	})
}
