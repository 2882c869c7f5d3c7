package resolver

import (
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// search is the way to what the tree says of one name and type: from the nearest
// known cut downward, at each cut ask and prove.
type search struct {
	*walk
	name   string
	rrtype uint16
	at     *cut
	skip   int  // labels that were found not to be cuts
	whole  bool // the servers are to be asked for the whole name at once
	waits  int  // for others that were taking the same step
	leads  lead // of the step that it is at, or, where that was asked early, will be at next
	// disproved are children that a server referred to and whose parent proves
	// that there are none.
	disproved map[string]bool
	found     dnssec.Finding
	done      bool
}

// find learns what the tree says of one name and type, aliases not followed.
func (w *walk) find(name string, rrtype uint16) (dnssec.Finding, *cut) {
	if f, c, ok := w.aliased(name, rrtype); ok {
		return f, c
	}
	s := search{walk: w, name: name, rrtype: rrtype, whole: w.r.cfg.WholeNames}
	defer s.giveUpEarly(len(w.early))
	defer s.leads.leave()
	w.outset = s.ahead
	s.at = w.nearest(name, rrtype)
	w.outset = nil
	if s.at.forwards() {
		return w.findForwarded(s.at, name, rrtype)
	}
	for !s.done {
		s.step()
	}
	return s.found, s.at
}

func (s *search) end(f dnssec.Finding) { s.found, s.done = f, true }

// step asks the servers of the cut that the search stands at, and follows what they say.
func (s *search) step() {
	c := s.at
	if stuck(c) || len(c.servers) == 0 {
		s.end(lost(c.zone.Trouble))
		return
	}
	if f, ok := s.absent(c, s.name, s.rrtype); ok {
		s.end(f)
		return
	}
	qname, qtype := s.question(c.zone.Name, s.skip)
	if s.follow(c.zone.Name+" "+qname, qname) {
		return
	}
	// What is begun here ends here; a step below may be begun in the meantime.
	mine := s.leads
	s.leads = lead{}
	defer mine.leave()
	var f dnssec.Finding
	line := s.lineup(c)
	if qname != s.name {
		line.rounds = fewRounds
	}
	got := s.askOf(line, c, qname, qtype, func(r *reply) bool {
		if r.class == referral {
			return r.lame == "" && !s.disproved[r.child]
		}
		if qname != s.name {
			return r.lame == ""
		}
		// A Bogus answer, or one with too much in it, may be one server's fault: others
		// are asked before it stands (RFC 4035 §4.7, DNSSEC-lame servers).
		found := s.judge(c, r.msg, s.name, s.rrtype)
		if r.lame != "" && found.Security != dnssec.Secure {
			return false
		}
		f = found
		return !f.Overfull && (f.Security != dnssec.Bogus || c.zone.Security == dnssec.Bogus || f.SignedBy != "")
	})
	switch {
	case !got.usable && qname == s.name:
		s.unanswered(got)
	case got.trouble.Budget:
		s.end(lost(got.trouble))
	case got.silent && s.elsewhere():
	case got.reply.class == referral:
		s.refer(got.reply)
	case qname != s.name:
		s.relax(got)
		if mine.step != nil {
			mine.step.relaxed, mine.step.whole = true, s.whole
		}
	default:
		if got.strained {
			s.widen(c, got.reply.msg)
		}
		s.settle(f, got.reply.msg)
	}
}

// follow waits for whoever takes the step that the search is at, where somebody does,
// and adopts what was learnt; else the search leads it from now on, if others may
// need it too. It reports whether the search has come to stand elsewhere.
func (s *search) follow(name, qname string) bool {
	if s.leads.name == name { // begun with an early question
		return false
	}
	s.leads.leave()
	if qname == s.name || s.waits >= maxWaits {
		return false
	}
	at := s.at
	var after *step
	s.leads, after = s.lead(name, true)
	// Somebody may have taken it between the look into the cache and now.
	moved := s.stand(s.nearest(s.name, s.rrtype))
	switch {
	case moved:
		s.leads.leave()
	case after != nil && after.relaxed && at == s.at:
		s.skip++
		s.whole = s.whole || after.whole
	}
	if after != nil {
		s.waits++
	}
	return moved || after != nil
}

// stand goes on from a cut, and tells whether it is another than before.
func (s *search) stand(c *cut) (moved bool) {
	if c.zone.Name == s.at.zone.Name {
		return false
	}
	s.at, s.skip = c, 0
	return true
}

// refer follows a referral. One that the referring zone itself proves to be none
// is one server's lie or fault until others have said the same.
func (s *search) refer(r reply) {
	next, held := s.descend(s.at, r.msg, r.child, s.ahead)
	if !held && !s.disproved[r.child] {
		if s.disproved == nil {
			s.disproved = map[string]bool{}
		}
		s.disproved[r.child] = true
		return
	}
	s.at, s.skip = s.keep(next), 0
}

// relax goes on from a minimised question, which asks for nothing but a cut. Whatever
// else it brought is asked anew with more of the name, or with all of it where
// servers do not bear less (RFC 9156 §2.3).
func (s *search) relax(got asked) {
	s.skip++
	s.whole = s.whole || !got.usable || got.reply.msg.Rcode != dns.RcodeSuccess || len(got.reply.msg.Answer) > 0 || s.skip > maxMinimised
}

// settle ends the search with an answer, judged as one of the zone that it is from.
func (s *search) settle(f dnssec.Finding, msg *dns.Msg) {
	f, again := s.placed(f, msg)
	if again {
		return
	}
	if s.rrtype == dnssec.TypeTLSA && f.Kind != dnssec.NoAnswer && unsigned(s.at.zone) {
		f, s.at = s.unsignedCut(s.at, f, s.name)
	}
	s.end(f)
}

// placed judges an answer that another zone may have given that lies hidden on the same
// servers, and stands there. Where that zone does not prove right on them, while others
// of them refer to it, it has servers of its own, to be asked again: a server of the
// parent may hold an old copy.
func (s *search) placed(f dnssec.Finding, msg *dns.Msg) (_ dnssec.Finding, again bool) {
	c := s.at
	if next := s.anchoredBelow(c, s.name, s.rrtype); next != nil {
		f, s.at = s.judgeAgain(next, msg, s.name, s.rrtype)
		return f, false
	}
	if f.Security != dnssec.Bogus || c.zone.Security != dnssec.Secure || !f.Unsigned && f.SignedBy == "" {
		return f, false
	}
	next, unheard := s.reveal(c, hiddenAt(f, s.name, s.rrtype))
	switch {
	case next != nil && next.zone.Security == dnssec.Bogus && s.refersTo(c, next.zone.Name):
		return f, true
	case next != nil:
		f, s.at = s.judgeAgain(next, msg, s.name, s.rrtype)
	case s.over():
		f = s.interrupted()
	case unheard.Unreachable:
		f = lost(unheard)
	}
	return f, false
}

// refersTo goes on from where a server of a cut refers to a child, if any does.
func (s *search) refersTo(c *cut, child string) bool {
	got := s.referral(c, child)
	if !got.ok {
		return false
	}
	next, held := s.descend(c, got.reply.msg, child, nil)
	if !held || next.zone.Security == dnssec.Bogus {
		return false
	}
	s.at, s.skip = s.keep(next), 0
	return true
}

// unanswered is where no server of the cut gave anything of use to the whole question.
func (s *search) unanswered(got asked) {
	c := s.at
	switch {
	case got.lame != nil && mayLack(c, got.lame.msg, s.rrtype):
		s.found, s.at = s.withoutAuthority(c, got.lame.msg, s.name, s.rrtype)
		s.done = true
	case c.zone.Security == dnssec.Bogus:
		f := lost(c.zone.Trouble) // whatever its servers said, it would be Bogus
		f.Security = dnssec.Bogus
		s.end(f)
	case !s.elsewhere():
		s.end(lost(got.trouble))
	}
}

// elsewhere goes on from where the zone's servers are now, if they have moved, or with
// those that the zone itself names.
func (s *search) elsewhere() bool {
	next := s.moved(s.at)
	if next == nil {
		next = s.at.byOwnWord()
	}
	if next == nil {
		return false
	}
	s.at, s.skip = next, 0
	return true
}

// maxMinimised bounds the questions that minimisation adds (RFC 9156 §2.3 has 10).
const maxMinimised = 8

// question is what the servers of a zone are asked next, of which some labels were
// found not to be cuts.
func (s *search) question(zone string, skip int) (string, uint16) {
	if s.whole {
		return s.name, s.rrtype
	}
	return minimised(zone, s.name, s.rrtype, skip)
}

// minimised is what a zone's server needs to be asked to give the next cut on
// the way to name: one label more than the zone has, and the labels that were
// found to be no cut. The labels of a confirmation record before its domain are
// not spent one by one: there is no cut to find that would be followed.
func minimised(zone, name string, rrtype uint16, skip int) (string, uint16) {
	full, have := dnssec.Labels(name), dnssec.Labels(zone)+1+skip
	last := full - 1
	if rrtype == dnssec.TypeTLSA {
		last = full - 2
		if strings.HasPrefix(name, "_") {
			last = full - 1
		}
	}
	if have > last {
		return name, rrtype
	}
	return dnssec.Ancestor(name, have), dns.TypeA
}
