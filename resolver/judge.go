package resolver

import (
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// inTurns is an Exchanger that has turns of its own: who judges what it brings takes them, too.
type inTurns interface{ Turns() *transport.Turns }

func turnsOf(x Exchanger) *transport.Turns {
	if x, ok := x.(inTurns); ok {
		return x.Turns()
	}
	return &transport.Turns{}
}

// judge is what a message proves as one of a zone's, in its turn: where the question's
// time is over before that comes, nothing was learnt.
func (w *walk) judge(c *cut, msg *dns.Msg, name string, rrtype uint16) dnssec.Finding {
	if !w.r.turns.Take(w.ctx) {
		return w.interrupted()
	}
	defer w.r.turns.Give()
	return c.zone.Answer(msg, name, rrtype, w.terms)
}

// judgeDelegation is judge for what a zone says of a child.
func (w *walk) judgeDelegation(c *cut, child string, msg *dns.Msg) dnssec.Delegation {
	if !w.r.turns.Take(w.ctx) {
		return dnssec.Delegation{Trouble: w.interrupted().Trouble}
	}
	defer w.r.turns.Give()
	return c.zone.Delegation(child, msg, w.terms)
}

// judgeKeys is judge for a zone's keys.
func (w *walk) judgeKeys(name string, tr *dnssec.Trust, msg *dns.Msg) *dnssec.Zone {
	if !w.r.turns.Take(w.ctx) {
		return dnssec.Unsigned(name, dnssec.Indeterminate, tr.String(), w.interrupted().Trouble, time.Time{})
	}
	defer w.r.turns.Give()
	return dnssec.ProveZone(name, tr, msg, w.terms)
}
