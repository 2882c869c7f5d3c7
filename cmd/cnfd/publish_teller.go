package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"cnfd/publish"
)

// teller writes the progress of a command, a line an event; to a terminal also how
// long the last one has been waited on. close ends it.
type teller struct {
	w       io.Writer
	stop    chan struct{}
	stopped chan struct{}

	mu      sync.Mutex      // guards what follows, and w
	waiting bool            // something is waited for: the seconds are shown
	since   int             // seconds that the last line stands
	shows   bool            // a line of seconds stands there, without its end
	looking map[string]bool // names that were told to be looked at, by the plan or by what carries it out
}

func newTeller(w io.Writer) *teller {
	t := &teller{w: w, stop: make(chan struct{}), stopped: make(chan struct{}), looking: map[string]bool{}}
	if !terminal(w) {
		close(t.stopped)
		return t
	}
	go t.count()
	return t
}

func (t *teller) count() {
	defer close(t.stopped)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.second()
		case <-t.stop:
			return
		}
	}
}

func (t *teller) second() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since++; t.waiting {
		t.shows = true
		fmt.Fprintf(t.w, "\r\033[K… %d s", t.since)
	}
}

// tell writes one event: its time in UTC, the name it is about, what has come about.
func (t *teller) tell(e publish.Event) {
	var b strings.Builder
	b.WriteString(e.At.UTC().Format("15:04:05 "))
	if e.Name != "" {
		b.WriteString(strings.TrimSuffix(e.Name, ".") + ": ")
	}
	if e.Step == publish.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(shown(e.Text))
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Step == publish.Looking {
		if t.looking[e.Name] {
			return
		}
		t.looking[e.Name] = true
	}
	t.clear()
	t.since, t.waiting = 0, e.Step != publish.Switching // a program that runs meanwhile writes to the same terminal
	fmt.Fprintln(t.w, b.String())
}

// rest shows no seconds until the next event: somebody else is about to write.
func (t *teller) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = false
	t.clear()
}

func (t *teller) clear() {
	if t.shows {
		fmt.Fprint(t.w, "\r\033[K")
		t.shows = false
	}
}

func (t *teller) close() {
	t.rest()
	close(t.stop)
	<-t.stopped
}

// quietly is a Writer beside which a teller rests: both may be one terminal.
type quietly struct {
	io.Writer
	teller *teller
}

// Write writes what it is given, with no line of seconds before it.
func (q quietly) Write(p []byte) (int, error) {
	q.teller.rest()
	return q.Writer.Write(p)
}
