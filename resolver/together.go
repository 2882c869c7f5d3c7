package resolver

import "sync"

// steps are those that walks are taking toward zone cuts right now, so that a
// thousand names in a zone that nobody knows yet cost its delegation and its keys once.
type steps struct {
	mu sync.Mutex // guards of
	of map[string]*step
}

// step is one that somebody takes.
type step struct {
	over chan struct{} // closed when it has been taken; what follows is not changed any more then
	// relaxed: it led to no cut; whole: nor will any other question for a part of
	// the name (see search.relax).
	relaxed, whole bool
}

// lead is that a walk takes a step for all who need it. The zero lead is for nobody else.
type lead struct {
	walk *walk
	name string
	step *step
}

// maxWaits is how often one search waits for others.
const maxWaits = 2

// lead begins a step that all who need the same cut would take alike: the caller is
// to take it, and to call leave then. Where after is not nil somebody else took it
// meanwhile, or the question's time is over. Who leads waits for nobody, or two could
// wait for each other; nor does who says so.
func (w *walk) lead(name string, wait bool) (l lead, after *step) {
	if w.private {
		return lead{}, nil
	}
	s := &w.r.steps
	s.mu.Lock()
	taken := s.of[name]
	if taken == nil {
		l = lead{w, name, &step{over: make(chan struct{})}}
		s.of[name] = l.step
		w.leading++
	}
	s.mu.Unlock()
	if taken == nil || !wait || w.leading > 0 {
		return l, nil
	}
	defer w.goOn(w.rest())
	select {
	case <-taken.over:
		return lead{}, taken
	case <-w.ctx.Done():
		return lead{}, &step{}
	}
}

// leave ends the step, once.
func (l *lead) leave() {
	if l.step == nil {
		return
	}
	s := &l.walk.r.steps
	l.walk.leading--
	s.mu.Lock()
	delete(s.of, l.name)
	s.mu.Unlock()
	close(l.step.over)
	*l = lead{}
}
