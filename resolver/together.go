package resolver

import "sync"

// steps are those that walks are taking toward zone cuts right now, so that a
// thousand names in a zone that nobody knows yet cost its delegation and its keys once.
type steps struct {
	mu sync.Mutex // guards of
	of map[string]chan struct{}
}

// maxWaits is how often one search waits for others.
const maxWaits = 2

// lead begins a step that all who need the same cut would take alike. Where first
// is true the caller is to take it, and to call leave then; otherwise somebody
// else took it meanwhile, or the question's time is over. Who leads waits for
// nobody: else two could wait for each other.
func (w *walk) lead(step string) (leave func(), first bool) {
	alone := func() {}
	if w.private {
		return alone, true
	}
	s := &w.r.steps
	s.mu.Lock()
	taken := s.of[step]
	if taken == nil {
		mine := make(chan struct{})
		s.of[step] = mine
		s.mu.Unlock()
		w.leading++
		return func() {
			w.leading--
			s.mu.Lock()
			delete(s.of, step)
			s.mu.Unlock()
			close(mine)
		}, true
	}
	s.mu.Unlock()
	if w.leading > 0 {
		return alone, true
	}
	select {
	case <-taken:
	case <-w.ctx.Done():
	}
	return alone, false
}
