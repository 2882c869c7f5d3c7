package store

import (
	"context"
	"slices"
	"sync"

	"cnfd/acme"
)

// mostTogether bounds how many Updates share one transaction, and so how long another process waits for its end.
const mostTogether = 16

// A writing is one transaction of the database, which Updates that wait at the same time
// share: one after the other, each in the caller's own goroutine, and one wait for the
// disk for all. None of them returns before that wait is over, whatever it comes to. What
// cannot be kept of it is as if it had never been: each begins anew, in a transaction of its own.
type writing struct {
	link    *link
	updates int  // that have had their turn
	alone   bool // nobody else joins
	spoilt  bool // it is not to be kept

	over chan struct{} // closed at its end; then:
	err  error         // why it was not kept, as the database says it
}

// A queue is of Updates that wait for their turn to write.
type queue struct {
	mu    sync.Mutex // guards what follows
	taken bool       // somebody has the turn
	all   []*place
}

type place struct {
	alone bool
	turn  chan *writing
}

// wait returns what the caller is to write in; the turn is the caller's until pass.
func (q *queue) wait(ctx context.Context, alone bool) (*writing, error) {
	q.mu.Lock()
	if !q.taken {
		q.taken = true
		q.mu.Unlock()
		return newWriting(alone), nil
	}
	p := &place{alone, make(chan *writing, 1)}
	q.all = append(q.all, p)
	q.mu.Unlock()
	select {
	case w := <-p.turn:
		return w, nil
	case <-ctx.Done():
		if !q.leave(p) {
			(<-p.turn).pass(q) // it had its turn at the same time
		}
		return nil, ctx.Err()
	}
}

// leave reports whether p was still waiting; it is not any more.
func (q *queue) leave(p *place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.all, p)
	if at < 0 {
		return false
	}
	q.all = slices.Delete(q.all, at, at+1)
	return true
}

// next takes the first one that waits out of the queue, for a writing, or, where that is nil, for a new one. It is nil where
// nobody waits who may have it; then the turn to begin a new one is free.
func (q *queue) next(w *writing) *place {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w != nil && (w.alone || w.spoilt || w.updates >= mostTogether || len(q.all) == 0 || q.all[0].alone) {
		return nil
	}
	if len(q.all) == 0 {
		q.taken = false
		return nil
	}
	first := q.all[0]
	q.all = slices.Delete(q.all, 0, 1)
	return first
}

func newWriting(alone bool) *writing { return &writing{alone: alone, over: make(chan struct{})} }

// pass gives the turn to the next one. Where nobody can join w it comes to its end first.
func (w *writing) pass(q *queue) {
	if next := q.next(w); next != nil {
		next.turn <- w
		return
	}
	w.end()
	if next := q.next(nil); next != nil {
		next.turn <- newWriting(next.alone)
	}
}

// end keeps w, or not.
func (w *writing) end() {
	defer close(w.over)
	if w.link == nil {
		return // none has begun, or its beginning was the end of it
	}
	if !w.spoilt {
		w.err = w.link.do(context.Background(), "COMMIT")
		w.spoilt = w.err != nil
	}
	if w.spoilt {
		w.link.undo()
	}
	w.link.pool.give(w.link)
}

// write runs f in a transaction that it may share; broken says that this one came to nothing for whatever another Update
// has done: f begins anew, alone. again says that another process was in its way.
func (s *Store) write(ctx context.Context, alone bool, f func(acme.Tx) error) (again, broken bool, err error) {
	w, err := s.queue.wait(ctx, alone)
	if err != nil {
		return false, false, s.wrap(ctx, err)
	}
	again, err = s.turn(ctx, w, f)
	<-w.over
	switch {
	case !w.spoilt:
		return false, false, err
	case w.updates > 1:
		return false, true, nil
	case w.err != nil:
		return s.dialect.again(w.err), false, s.wrap(context.Background(), w.err)
	}
	return again, false, err
}

// turn runs f in w, and passes on the turn, also where f panics.
func (s *Store) turn(ctx context.Context, w *writing, f func(acme.Tx) error) (again bool, err error) {
	defer w.pass(&s.queue)
	w.updates++
	if ctx.Err() != nil {
		return false, s.wrap(ctx, ctx.Err())
	}
	w.spoilt = true // until f returns, which it may not
	begins := w.link == nil
	if begins {
		if w.link, err = s.writer.take(ctx, s.dialect.write); err != nil {
			return s.dialect.again(err), s.wrap(ctx, err)
		}
	}
	t := newTx(ctx, s, w.link)
	if begins {
		if err := t.ofVersion(s.version); err != nil {
			return t.again, err
		}
	}
	err = t.run(f)
	w.spoilt = t.failed || t.wrote && err != nil
	return t.again, err
}
