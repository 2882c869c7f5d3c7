package resolver

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// walk is the work on one client question, aliases and name servers included.
// It belongs to one goroutine.
type walk struct {
	r      *Resolver
	ctx    context.Context
	budget *dnssec.Budget
	terms  *dnssec.Terms
	// oldest bounds the age of cached records that may be used; cuts and
	// addresses of servers are not bound by it.
	oldest time.Time
	// rooted, where it is set, bounds the age of cuts, of each with all that it rests on.
	// Answers and denials that others have learnt do not say how old that is: none is used.
	rooted time.Time
	ntas   negatives // those that held when the walk began
	// private: judged as of another time, so nothing cached is read or written.
	private   bool
	ahead     bool                  // nobody waits for it: what fails changes nothing
	cuts      map[string]*cut       // of this walk
	retried   map[string]bool       // delegations that were tried again
	malformed string                // the last malformed record that was left out of a message, and whose
	looking   []string              // names of servers whose addresses are being looked up, outermost first
	counted   map[string]bool       // names of servers whose look-up the budget has paid for
	local     map[string]netip.Addr // by names of servers: where they are, and may not be asked (see mayAsk)
	early     []*early              // questions that were sent before their turn
	outset    func(*cut)            // called with the root's servers where they are asked for the first time; may be nil
	purse     *purse                // what it shares with others; nil: nothing
	leading   int                   // steps that others wait for this walk to take
	inTurn    bool                  // it has a turn (transport.Turns), which it gives away while it waits
	// narrowed: something was left out because of the way that led there, so that
	// what failed since then may be found by others.
	narrowed bool
}

func (r *Resolver) newWalk(ctx context.Context, at time.Time) *walk {
	// Ages and ends are counted by the calendar: what the machine slept through is time.
	at = at.Round(0)
	b := &dnssec.Budget{}
	return &walk{
		r: r, ctx: ctx, budget: b,
		terms: &dnssec.Terms{Now: at, Budget: b, SHA1: r.cfg.SHA1},
		cuts:  map[string]*cut{}, retried: map[string]bool{}, counted: map[string]bool{}, local: map[string]netip.Addr{}, ntas: r.ntas.Load().at(at),
	}
}

// unaided reports whether a walk uses nothing that others have learnt, zone cuts apart.
func (w *walk) unaided() bool { return w.private || !w.rooted.IsZero() }

// mayLack reports whether a message may do without authority, where a zone's
// servers give nothing better: only in a zone that has nothing to prove, where
// it is never Secure. An absence must come with its SOA, else it may as well
// be a server that knows nothing (RFC 2308 §2.2). What decides about a
// confirmation never does: a cache may hold what its owner took back.
func mayLack(c *cut, msg *dns.Msg, rrtype uint16) bool {
	if rrtype == dnssec.TypeTLSA || c.zone.Security != dnssec.Insecure && c.zone.Security != dnssec.Indeterminate {
		return false
	}
	return len(msg.Answer) > 0 || slices.ContainsFunc(msg.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
}

// withoutAuthority is the finding where none of an unsigned zone's servers
// claims authority: what they say is taken all the same, for a short time, but
// not where it lies at or below a trust anchor of its own.
func (w *walk) withoutAuthority(c *cut, msg *dns.Msg, name string, rrtype uint16) (dnssec.Finding, *cut) {
	if next := w.anchoredBelow(c, name, rrtype); next != nil {
		return w.judgeAgain(next, msg, name, rrtype)
	}
	f := w.judge(c, msg, name, rrtype)
	f.TTL = min(f.TTL, maxFailureTTL)
	return f, c
}

// judgeAgain judges a message as one from a zone that was found hidden on the
// servers of its parent, and from those hidden below that.
func (w *walk) judgeAgain(c *cut, msg *dns.Msg, name string, rrtype uint16) (dnssec.Finding, *cut) {
	for {
		if stuck(c) {
			return lost(c.zone.Trouble), c
		}
		f := w.judge(c, msg, name, rrtype)
		if f.Security != dnssec.Bogus || c.zone.Security != dnssec.Secure || !f.Unsigned && f.SignedBy == "" {
			return f, c
		}
		next, unheard := w.reveal(c, hiddenAt(f, name, rrtype))
		switch {
		case next == nil && w.over():
			return w.interrupted(), c
		case next == nil && unheard.Unreachable:
			return lost(unheard), c
		case next == nil:
			return f, c
		}
		c = next
	}
}

// interrupted is the finding where the question's time or budget ended the
// search for a zone whose message it would have been: it is not known to be Bogus.
func (w *walk) interrupted() dnssec.Finding {
	if w.budget.Exhausted != "" {
		return lost(w.budget.Trouble())
	}
	return lost(dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: w.whyOver(), Unreachable: true})
}

// stuck reports whether a zone's keys could not be had: nothing that its
// servers say can be judged, so it is not even asked for.
func stuck(c *cut) bool {
	t := c.zone.Trouble
	return c.zone.Security == dnssec.Indeterminate && (t.Unreachable || t.Budget)
}

// hiddenAt is how far down a hidden zone may lie.
func hiddenAt(f dnssec.Finding, name string, rrtype uint16) string {
	if f.SignedBy != "" {
		return f.SignedBy
	}
	if rrtype == dns.TypeDS {
		return dnssec.Parent(name)
	}
	return name
}

// lost is the finding where nothing could be learnt.
func lost(t dnssec.Trouble) dnssec.Finding {
	return dnssec.Finding{Security: dnssec.Indeterminate, Kind: dnssec.NoAnswer, Rcode: dns.RcodeServerFailure, Trouble: t}
}

// addresses looks up where a name server is. Servers in the very zone whose servers are
// sought are not found that way where it has no keys yet or glue is all that there is:
// each look-up would come back to the servers that have just been of no use. Nor are
// those that are being looked up already.
func (w *walk) addresses(name string, c *cut) []netip.Addr {
	if c.zone.Name != "." && dnssec.IsSubdomain(name, c.zone.Name) {
		glued := func(s server) bool { return s.name == name && len(s.addrs) > 0 }
		if c.keyed || slices.ContainsFunc(c.servers, glued) {
			return nil
		}
	}
	if slices.Contains(w.looking, name) || len(w.looking) >= dnssec.MaxDepth {
		w.narrowed = true
		return nil
	}
	// A name is counted once: every question to a zone without glue looks its servers up.
	if !w.counted[name] && !w.budget.LookupNS() {
		return nil
	}
	w.counted[name] = true
	w.looking = append(w.looking, name)
	defer func() { w.looking = w.looking[:len(w.looking)-1] }()
	oldest, rooted := w.oldest, w.rooted
	w.oldest, w.rooted = time.Time{}, time.Time{}
	defer func() { w.oldest, w.rooted = oldest, rooted }()
	var out []netip.Addr
	look := func(rrtype uint16) {
		a := w.answer(name, rrtype, nil)
		out = append(out, w.r.addressesIn(a)...)
		for _, addr := range addressesOf(a) {
			if local(addr) && !w.r.cfg.AllowLocalServers {
				w.local[name] = addr
			}
		}
	}
	if !w.r.cfg.NoIPv4 {
		look(dns.TypeA)
	}
	if !w.r.cfg.NoIPv6 {
		look(dns.TypeAAAA)
	}
	return out
}
