package resolver

import (
	"context"
	"net/netip"
	"slices"
)

// early is a question that was sent before its turn: while a zone is asked for its
// keys, so that a zone that nobody knows yet costs one round trip, not two. Its
// reply is looked at by nobody before ask comes to the same question.
type early struct {
	to     netip.AddrPort
	name   string
	rrtype uint16
	stop   context.CancelFunc
	back   chan attempt // of one; something always comes
}

// sendEarly sends the first server of a cut a question that is to be asked there
// later, and does not wait. Servers that must be looked up first are not asked
// early. It reports whether anything was sent.
func (w *walk) sendEarly(c *cut, name string, rrtype uint16) bool {
	if c.forwards() || w.ctx.Err() != nil {
		return false
	}
	line := w.lineup(c)
	if len(line.queue) == 0 || !w.maySend() {
		return false
	}
	e := &early{to: line.queue[0].at, name: name, rrtype: rrtype, back: make(chan attempt, 1)}
	var ctx context.Context
	ctx, e.stop = context.WithCancel(w.ctx)
	wait := w.r.waitFor(e.to, "udp", 0)
	go func() {
		var a attempt
		defer func() { // a panic is the question's, as it would be without this goroutine
			a.panicked = recover()
			e.back <- a
		}()
		a = w.r.try(ctx, wait, e.to, "udp", newQuery(name, rrtype, true))
	}()
	w.early = append(w.early, e)
	return true
}

// ahead sends the question that the search will ask the servers of a cut before it
// stands there, and leads that step from now on.
func (s *search) ahead(c *cut) {
	name, rrtype := s.question(c.zone.Name, 0)
	if len(s.looking) > 0 && len(s.early) > 0 { // on the way to a server: one at a time
		return
	}
	if !s.sendEarly(c, name, rrtype) || name == s.name {
		return
	}
	s.leads.leave()
	s.leads, _ = s.lead(c.zone.Name+" "+name, false)
}

// isEarly finds a question among those that were sent early.
func (w *walk) isEarly(name string, rrtype uint16) int {
	return slices.IndexFunc(w.early, func(e *early) bool { return e.name == name && e.rrtype == rrtype })
}

// takeEarly is the early attempt at a question, where there is one.
func (w *walk) takeEarly(at netip.AddrPort, network, name string, rrtype uint16) (attempt, bool) {
	i := w.isEarly(name, rrtype)
	if i < 0 || network != "udp" || w.early[i].to != at {
		return attempt{}, false
	}
	e := w.early[i]
	defer e.stop()
	w.early = slices.Delete(w.early, i, i+1)
	a := w.await(e)
	if a.panicked != nil {
		panic(a.panicked)
	}
	return a, true
}

// giveUpEarly ends what was sent early and did not come to its turn, but for the first few.
func (w *walk) giveUpEarly(but int) {
	for len(w.early) > but {
		last := len(w.early) - 1
		w.early[last].stop()
		w.await(w.early[last])
		w.early = w.early[:last]
	}
}

// await waits for what becomes of an early question.
func (w *walk) await(e *early) attempt {
	select {
	case a := <-e.back:
		return a
	default:
	}
	defer w.goOn(w.rest())
	return <-e.back
}
