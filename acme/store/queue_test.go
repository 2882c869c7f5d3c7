package store

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"cnfd/acme"
)

// TestWhoLeavesTheQueueKeepsNobody ends the contexts of some that wait, while the turn comes to them.
func TestWhoLeavesTheQueueKeepsNobody(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
	for range 50 {
		calls := 0
		c := newCrowd(t, s, putsAs("first", &calls))
		ctx, end := context.WithCancel(t.Context())
		for range 3 {
			c.add(ctx, func(tx acme.Tx) error { return nil })
		}
		last := 0
		c.add(t.Context(), putsAs("last", &last))
		go end()
		errs := c.ends()
		if errs[0] != nil || errs[4] != nil || last == 0 {
			t.Fatal(errs)
		}
		for _, err := range errs[1:4] {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
}

// TestTurnThatComesTooLate ends a context at the very moment that the turn comes: whoever leaves passes it on.
func TestTurnThatComesTooLate(t *testing.T) {
	late := 0
	for range 200 {
		q := &queue{taken: true}
		ctx, end := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			w, err := q.wait(ctx, false)
			if err == nil {
				w.pass(q)
			}
			left <- err
		}()
		for waiting := 0; waiting == 0; runtime.Gosched() {
			q.mu.Lock()
			waiting = len(q.all)
			q.mu.Unlock()
		}
		q.mu.Lock() // it cannot leave
		end()
		for range 100 {
			runtime.Gosched()
		}
		p := q.all[0]
		q.all = nil
		p.turn <- newWriting(false)
		q.mu.Unlock()
		if <-left != nil {
			late++
		}
		if q.taken {
			t.Fatal("the turn is lost")
		}
	}
	if late == 0 {
		t.Error("it came too late not once")
	}
}

// TestNobodyJoins has one wait while another's transaction ends: it is given that one's, and flips one thing.
func TestNobodyJoins(t *testing.T) {
	for claim, flip := range map[string]func(w *writing, p *place){
		"":                        func(*writing, *place) {},
		"that one wants no other": func(w *writing, _ *place) { w.alone = true },
		"it wants none":           func(_ *writing, p *place) { p.alone = true },
		"it is not to be kept":    func(w *writing, _ *place) { w.spoilt = true },
		"it has as many as may":   func(w *writing, _ *place) { w.updates = mostTogether },
	} {
		w, p := newWriting(false), &place{turn: make(chan *writing, 1)}
		w.updates = mostTogether - 1
		flip(w, p)
		q := &queue{taken: true, all: []*place{p}}
		if joins := q.next(w) == p; joins != (claim == "") {
			t.Errorf("%s: it joins: %v", claim, joins)
		}
		if claim == "" {
			continue
		}
		w.pass(q)
		if own := <-p.turn; own == w || own.alone != p.alone {
			t.Errorf("%s: it gets %+v", claim, own)
		} else if own.pass(q); q.taken {
			t.Errorf("%s: the turn is lost", claim)
		}
	}
}

// TestWhoIsAloneStaysSo: whoever begins anew alone is joined by nobody, also where nobody has waited before.
func TestWhoIsAloneStaysSo(t *testing.T) {
	for _, alone := range []bool{false, true} {
		q := new(queue)
		w, err := q.wait(t.Context(), alone)
		must(t, err)
		q.all = []*place{{turn: make(chan *writing, 1)}}
		if joins := q.next(w) != nil; joins == alone {
			t.Errorf("alone %t: another joins: %t", alone, joins)
		}
	}
}

// TestConnectionThatDoesNotBegin is not used again: nobody knows whether its transaction has begun all the same.
func TestConnectionThatDoesNotBegin(t *testing.T) {
	for words, again := range map[string]bool{"BEGIN IMMEDIATE": true, "BEGIN OF NOTHING": false} {
		s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
		before, err := s.writer.take(t.Context(), "BEGIN")
		must(t, err)
		before.undo()
		s.writer.give(before)
		if l, err := s.writer.take(t.Context(), words); (err == nil) != again {
			t.Fatalf("%s: %v", words, err)
		} else if err == nil {
			l.undo()
			s.writer.give(l)
		}
		if got := len(s.writer.idle) == 1 && s.writer.idle[0] == before; got != again {
			t.Errorf("%s: it is used again: %t", words, got)
		}
		if n := s.writer.Stats().OpenConnections; n != number(again) {
			t.Errorf("%s: %d connections are open", words, n)
		}
		update(t, s, func(tx acme.Tx) error { return tx.PutBlob("after", nil) })
	}
}

// TestConnectionThatDoesNotRollBack is not used again either: nobody knows what became of its transaction.
func TestConnectionThatDoesNotRollBack(t *testing.T) {
	for _, ended := range []bool{false, true} {
		s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
		l, err := s.writer.take(t.Context(), "BEGIN")
		must(t, err)
		if ended {
			must(t, l.do(t.Context(), "COMMIT"))
		}
		l.undo()
		s.writer.give(l)
		if n := s.writer.Stats().OpenConnections; n != number(!ended) || len(s.writer.idle) != n {
			t.Errorf("ended %t: %d connections are open, %d wait", ended, n, len(s.writer.idle))
		}
		update(t, s, func(tx acme.Tx) error { return tx.PutBlob("after", nil) })
	}
}
