package resolver

import (
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// inTurns is an Exchanger that has turns of its own: who works with what it brings takes them, too.
type inTurns interface{ Turns() *transport.Turns }

func turnsOf(x Exchanger) *transport.Turns {
	if x, ok := x.(inTurns); ok {
		return x.Turns()
	}
	return &transport.Turns{}
}

// rest gives the walk's turn away, while the walk waits for anybody: else those whom it
// waits for could be waiting for its turn. It tells whether there was one.
func (w *walk) rest() bool {
	had := w.inTurn
	if w.inTurn = false; had {
		w.r.turns.Give()
	}
	return had
}

// goOn takes a turn again, where there was one before. None comes once the question's
// time is over, when there is nothing left to be done.
func (w *walk) goOn(rested bool) {
	if rested {
		w.inTurn = w.r.turns.Take(w.ctx)
	}
}

// turn is the one that a judgement is made in: the walk's, or one for that alone. It is
// not ok where the question's time is over before that comes: then nothing is learnt.
func (w *walk) turn() (end func(), ok bool) {
	if w.inTurn {
		return func() {}, true
	}
	return w.r.turns.Give, w.r.turns.Take(w.ctx)
}

// judge is what a message proves as one of a zone's.
func (w *walk) judge(c *cut, msg *dns.Msg, name string, rrtype uint16) dnssec.Finding {
	end, ok := w.turn()
	if !ok {
		return w.interrupted()
	}
	defer end()
	return c.zone.Answer(msg, name, rrtype, w.terms)
}

// judgeDelegation is judge for what a zone says of a child.
func (w *walk) judgeDelegation(c *cut, child string, msg *dns.Msg) dnssec.Delegation {
	end, ok := w.turn()
	if !ok {
		return dnssec.Delegation{Trouble: w.interrupted().Trouble}
	}
	defer end()
	return c.zone.Delegation(child, msg, w.terms)
}

// judgeKeys is judge for a zone's keys.
func (w *walk) judgeKeys(name string, tr *dnssec.Trust, msg *dns.Msg) *dnssec.Zone {
	end, ok := w.turn()
	if !ok {
		return dnssec.Unsigned(name, dnssec.Indeterminate, tr.String(), w.interrupted().Trouble, time.Time{})
	}
	defer end()
	return dnssec.ProveZone(name, tr, msg, w.terms)
}
