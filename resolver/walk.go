package resolver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
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
	// private: judged as of another time, so nothing cached is read or written.
	private   bool
	cuts      map[string]*cut // of this walk
	retried   map[string]bool // delegations that were tried again
	malformed string          // the last malformed record that was left out of a message, and whose
	looking   []string        // names of servers whose addresses are being looked up, outermost first
}

func (r *Resolver) newWalk(ctx context.Context, at time.Time) *walk {
	b := &dnssec.Budget{}
	return &walk{
		r: r, ctx: ctx, budget: b,
		terms: &dnssec.Terms{Now: at, Budget: b, SHA1: r.cfg.SHA1},
		cuts:  map[string]*cut{}, retried: map[string]bool{},
	}
}

// find learns what the tree says of one name and type, aliases not followed:
// from the nearest known cut downward, at each cut ask and prove.
func (w *walk) find(name string, rrtype uint16) (dnssec.Finding, *cut) {
	if f, c, ok := w.aliased(name, rrtype); ok {
		return f, c
	}
	c := w.nearest(name, rrtype)
	if c.forwards() {
		return w.findForwarded(c, name, rrtype)
	}
	skip := 0 // labels that were found not to be cuts
	whole := w.r.cfg.WholeNames
	for {
		if stuck(c) || len(c.servers) == 0 {
			return lost(c.zone.Trouble), c
		}
		if f, ok := w.absent(c, name, rrtype); ok {
			return f, c
		}
		qname, qtype := name, rrtype
		if !whole {
			qname, qtype = minimised(c.zone.Name, name, rrtype, skip)
		}
		var f dnssec.Finding
		got := w.ask(c, qname, qtype, func(r *reply) bool {
			if r.class == referral || qname != name {
				return r.lame == ""
			}
			// A Bogus answer may be one server's fault: others are asked
			// before it stands (RFC 4035 §4.7, DNSSEC-lame servers).
			found := c.zone.Answer(r.msg, name, rrtype, w.terms)
			if r.lame != "" && found.Security != dnssec.Secure {
				return false
			}
			f = found
			return f.Security != dnssec.Bogus || c.zone.Security == dnssec.Bogus || f.SignedBy != ""
		})
		switch {
		case qname != name && (!got.ok || got.reply.class == answer):
			// A minimised question asks for nothing but a cut. Whatever else
			// it brings is asked anew with more of the name, or with all of it
			// where servers do not bear less (RFC 9156 §2.3, relaxed).
			skip++
			whole = whole || !got.usable || got.reply.msg.Rcode != dns.RcodeSuccess || len(got.reply.msg.Answer) > 0 || skip > maxMinimised
			if got.trouble.Budget {
				return lost(got.trouble), c
			}
			continue
		case !got.usable && got.lame != nil && qname == name && mayLack(c, got.lame.msg, rrtype):
			return w.withoutAuthority(c, got.lame.msg, name, rrtype)
		case !got.usable && c.zone.Security == dnssec.Bogus:
			f := lost(c.zone.Trouble) // whatever its servers said, it would be Bogus
			f.Security = dnssec.Bogus
			return f, c
		case !got.usable:
			if next := w.moved(c); next != nil {
				c, skip = next, 0
				continue
			}
			return lost(got.trouble), c
		case got.trouble.Budget:
			return lost(got.trouble), c
		case got.reply.class == referral:
			c, skip = w.descend(c, got.reply.msg, got.reply.child), 0
			continue
		}
		if next := w.anchoredBelow(c, name, rrtype); next != nil {
			return w.judgeAgain(next, got.reply.msg, name, rrtype)
		}
		if f.Security == dnssec.Bogus && c.zone.Security == dnssec.Secure && (f.Unsigned || f.SignedBy != "") {
			if next := w.reveal(c, hiddenAt(f, name, rrtype)); next != nil {
				return w.judgeAgain(next, got.reply.msg, name, rrtype)
			}
			if w.over() {
				return w.interrupted(), c
			}
		}
		return f, c
	}
}

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
	f := c.zone.Answer(msg, name, rrtype, w.terms)
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
		f := c.zone.Answer(msg, name, rrtype, w.terms)
		if f.Security != dnssec.Bogus || c.zone.Security != dnssec.Secure || !f.Unsigned && f.SignedBy == "" {
			return f, c
		}
		next := w.reveal(c, hiddenAt(f, name, rrtype))
		switch {
		case next == nil && w.over():
			return w.interrupted(), c
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
	return lost(dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: "time is up", Unreachable: true})
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

// maxMinimised bounds the questions that minimisation adds (RFC 9156 §2.3 has 10).
const maxMinimised = 8

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

// addresses looks up where a name server is. Servers below the very zone whose
// servers are sought cannot be found that way, nor those being looked up already.
func (w *walk) addresses(name string, c *cut) []netip.Addr {
	if slices.Contains(w.looking, name) || len(w.looking) >= dnssec.MaxDepth || !w.budget.LookupNS() {
		return nil
	}
	w.looking = append(w.looking, name)
	defer func() { w.looking = w.looking[:len(w.looking)-1] }()
	oldest := w.oldest
	w.oldest = time.Time{}
	defer func() { w.oldest = oldest }()
	var out []netip.Addr
	if !w.r.cfg.NoIPv4 {
		out = append(out, w.r.addressesIn(w.answer(name, dns.TypeA, nil))...)
	}
	if !w.r.cfg.NoIPv6 {
		out = append(out, w.r.addressesIn(w.answer(name, dns.TypeAAAA, nil))...)
	}
	return out
}
