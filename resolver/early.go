package resolver

import (
	"context"
	"net/netip"
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

// sendEarly sends the question that the search will ask the servers of a Secure
// cut to the first of them, and does not wait. Servers that must be looked up
// first are not asked early.
func (s *search) sendEarly(c *cut) {
	if s.early != nil || c.forwards() {
		return
	}
	line := s.lineup(c)
	if len(line.queue) == 0 || s.ctx.Err() != nil || !s.budget.Send() {
		return
	}
	e := &early{to: line.queue[0].at, back: make(chan attempt, 1)}
	e.name, e.rrtype = s.question(c.zone.Name, 0)
	if e.name != s.name {
		s.leaveLed()
		s.led = c.zone.Name + " " + e.name
		s.leave, _ = s.lead(s.led)
	}
	var ctx context.Context
	ctx, e.stop = context.WithTimeout(s.ctx, s.r.waitFor(e.to, "udp", 0))
	go func() { e.back <- s.r.try(ctx, e.to, "udp", newQuery(e.name, e.rrtype, true)) }()
	s.early = e
}

// begin is lead, or goes on leading a step that was begun with an early question.
func (s *search) begin(step string) (leave func(), first bool) {
	if s.led == step {
		s.led = ""
		return s.leave, true
	}
	s.leaveLed()
	return s.lead(step)
}

// leaveLed ends a step that was begun with an early question and not come to.
func (s *search) leaveLed() {
	if s.led != "" {
		s.led = ""
		s.leave()
	}
}

// takeEarly is the early attempt at a question, where there is one.
func (w *walk) takeEarly(at netip.AddrPort, network, name string, rrtype uint16) (attempt, bool) {
	e := w.early
	if e == nil || network != "udp" || e.to != at || e.name != name || e.rrtype != rrtype {
		return attempt{}, false
	}
	defer e.stop()
	w.early = nil
	return <-e.back, true
}

// giveUpEarly ends what was sent early and did not come to its turn.
func (w *walk) giveUpEarly() {
	if e := w.early; e != nil {
		e.stop()
		<-e.back
		w.early = nil
	}
}
