package resolver

import (
	"net/netip"
	"slices"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// descend follows a referral from a zone to its child. held tells that the zone
// did not prove at the same time that there is no such child. ahead, where it is
// not nil, is called with a Secure child before it is asked for its keys.
func (w *walk) descend(c *cut, msg *dns.Msg, child string, ahead func(*cut)) (next *cut, held bool) {
	for name := child; name != c.zone.Name; name = dnssec.Parent(name) {
		if s, ok := w.r.stubs[name]; ok {
			return w.stub(name, s), true
		}
	}
	next = &cut{
		zone:    &dnssec.Zone{Name: child},
		servers: w.r.serversIn(msg.Ns, msg.Extra, child, c.zone.Name),
		until:   w.terms.Now.Add(ttlOf(msg.Ns, child, dns.TypeNS)),
	}
	if n := w.anchoredBelow(c, child, dns.TypeDS); n != nil {
		c = n // a referral must not lead past a zone that has a trust anchor
	}
	c, del := w.vouch(w.above(c, child, msg), child, msg)
	next.under(c)
	if del.Cut == dnssec.CutSecure && ahead != nil {
		ahead(next)
	}
	next.zone = w.proveChild(next, c, child, del)
	return next, del.Cut != dnssec.NoCut && del.Cut != dnssec.NoCutNoName
}

// moved asks the parent of a zone that was known before, and whose servers give
// nothing now, where they are today. It is nil where they are the same.
func (w *walk) moved(c *cut) *cut {
	name := c.zone.Name
	if name == "." || c.fixed || w.private || w.cuts[name] != nil || w.over() {
		return nil
	}
	w.cuts[name] = c // once, whatever comes of it
	p := w.nearest(dnssec.Parent(name), dns.TypeNS)
	if p.forwards() || stuck(p) {
		return nil
	}
	got := w.referral(p, name)
	if !got.ok {
		return nil
	}
	now := w.r.serversIn(got.reply.msg.Ns, got.reply.msg.Extra, name, p.zone.Name)
	if !slices.ContainsFunc(now, func(s server) bool { return !knows(c.servers, s) }) {
		return nil
	}
	next, _ := w.descend(p, got.reply.msg, name, nil)
	return w.keep(next)
}

// referral asks the servers of a zone to refer to a child.
func (w *walk) referral(c *cut, child string) asked {
	return w.ask(c, child, dns.TypeA, func(r *reply) bool { return r.class == referral && r.child == child })
}

// knows reports whether a server is among others by its name and all its addresses.
func knows(servers []server, s server) bool {
	return slices.ContainsFunc(servers, func(o server) bool {
		return o.name == s.name && !slices.ContainsFunc(s.addrs, func(a netip.Addr) bool { return !slices.Contains(o.addrs, a) })
	})
}

// vouch proves what lies at a child's name. Where the zone that referred says
// nothing that holds, a zone hidden between the two, on the same servers, may;
// it returns the one that it was.
func (w *walk) vouch(c *cut, child string, msg *dns.Msg) (*cut, dnssec.Delegation) {
	for {
		if c.zone.Security != dnssec.Secure {
			return c, dnssec.Delegation{}
		}
		del := w.delegation(c, child, msg)
		if del.Cut != dnssec.CutUnproven || w.over() {
			return c, del
		}
		next, unheard := w.reveal(c, dnssec.Parent(child))
		if next == nil {
			if unheard.Unreachable {
				del.Trouble = unheard
			}
			return c, del
		}
		c = next
	}
}

// above makes sure that no zone lies hidden between a zone and the child that
// its server referred to: the signature of the DS names its zone.
func (w *walk) above(c *cut, child string, msg *dns.Msg) *cut {
	if c.zone.Security != dnssec.Secure {
		return c
	}
	for _, rr := range msg.Ns {
		sig, ok := rr.(*dns.RRSIG)
		if !ok || sig.TypeCovered != dns.TypeDS && sig.TypeCovered != dns.TypeNSEC && sig.TypeCovered != dns.TypeNSEC3 {
			continue
		}
		signer := dnssec.Canonical(sig.SignerName)
		if signer != c.zone.Name && signer != child && dnssec.IsSubdomain(signer, c.zone.Name) && dnssec.IsSubdomain(child, signer) {
			if next, _ := w.reveal(c, signer); next != nil {
				return w.above(next, child, msg)
			}
		}
	}
	return c
}

// delegation proves what a Secure zone says of a child; msg may hold it already.
func (w *walk) delegation(c *cut, child string, msg *dns.Msg) dnssec.Delegation {
	if msg != nil {
		d := w.judgeDelegation(c, child, msg)
		w.learn(c, d.Proofs)
		if d.Cut == dnssec.CutSecure || d.Cut == dnssec.CutInsecure || w.budget.Exhausted != "" {
			return d
		}
	}
	// Where a server refers to the child, that there is none may be known from
	// before it was delegated: it is asked for again.
	d := w.denials(c).Delegation(child, w.terms)
	if d.Cut == dnssec.CutInsecure || d.Cut != dnssec.CutUnproven && msg == nil {
		return d
	}
	got := w.ask(c, child, dns.TypeDS, func(r *reply) bool {
		d = w.judgeDelegation(c, child, r.msg) // only a proof counts, authority or not
		return d.Cut != dnssec.CutUnproven
	})
	if !got.usable || got.trouble.Budget {
		d = dnssec.Delegation{Trouble: got.trouble}
	}
	w.learn(c, d.Proofs)
	return d
}

// delegationFrom turns the finding of a DS question into a delegation.
func (w *walk) delegationFrom(c *cut, child string, f dnssec.Finding) dnssec.Delegation {
	switch {
	case f.Kind == dnssec.NoAnswer:
		return dnssec.Delegation{Trouble: f.Trouble}
	case c.zone.Security != dnssec.Secure:
		return dnssec.Delegation{}
	}
	return w.judgeDelegation(c, child, &dns.Msg{Answer: f.Answer, Ns: f.Authority})
}

// proveChild decides the trust in a child zone from its parent's word.
func (w *walk) proveChild(next, parent *cut, child string, del dnssec.Delegation) *dnssec.Zone {
	if anchor := w.r.anchors.Load().At(child); anchor != nil || !w.ntas[child].IsZero() {
		return w.trust(next, child, anchor, nil)
	}
	if p := parent.zone; p.Security != dnssec.Secure {
		return &dnssec.Zone{Name: child, Security: p.Security, Trouble: p.Trouble, How: "under " + p.Name}
	}
	switch del.Cut {
	case dnssec.CutSecure:
		w.show(next, del.Set.All(), child, dns.TypeDS)
		z := w.keys(next, child, del.Trust)
		if !del.Until.IsZero() && (z.Until.IsZero() || del.Until.Before(z.Until)) {
			bounded := *z
			bounded.Until = del.Until
			return &bounded
		}
		return z
	case dnssec.CutInsecure:
		return dnssec.Unsigned(child, dnssec.Insecure, del.How, del.Trouble, del.Until)
	case dnssec.NoCut, dnssec.NoCutNoName:
		del.Trouble = dnssec.Trouble{Code: dnssec.CodeBogus, Text: parent.zone.Name + " refers to " + child + " and proves at the same time that it is no delegation"}
	}
	s := dnssec.Bogus
	if del.Trouble.Unreachable || del.Trouble.Budget {
		s = dnssec.Indeterminate
	}
	return &dnssec.Zone{Name: child, Security: s, Trouble: del.Trouble, How: "unproven delegation"}
}

// anchoredBelow finds a zone with a trust anchor of its own between a zone and
// a name, served by the same servers, so that no referral shows it.
func (w *walk) anchoredBelow(c *cut, name string, rrtype uint16) *cut {
	if rrtype == dns.TypeDS && name != "." {
		name = dnssec.Parent(name)
	}
	n, ok := w.r.anchors.Load().Closest(name)
	if !ok || n == c.zone.Name || !dnssec.IsSubdomain(n, c.zone.Name) {
		return nil
	}
	next := c.hidden()
	next.zone = w.proveChild(next, c, n, dnssec.Delegation{})
	if next.zone.Trouble.Unreachable {
		// That these servers do not have its keys says nothing of the zone's own:
		// other questions must not suffer from it.
		w.cuts[n] = next
		return next
	}
	return w.keep(next)
}

// reveal looks for zone cuts between a zone and a name below it that no
// referral shows, since the same servers hold both: it asks for DS records
// label by label (RFC 4035 §4.2). It returns the first cut, nil where none is, or where
// nobody was heard: unheard says so then.
func (w *walk) reveal(c *cut, upto string) (found *cut, unheard dnssec.Trouble) {
	for n := dnssec.Labels(c.zone.Name) + 1; n <= dnssec.Labels(upto); n++ {
		name := dnssec.Ancestor(upto, n)
		hidden := c.hidden()
		if w.r.anchors.Load().At(name) != nil || !w.ntas[name].IsZero() {
			hidden.zone = w.proveChild(hidden, c, name, dnssec.Delegation{})
			return w.keep(hidden), dnssec.Trouble{}
		}
		del := w.delegation(c, name, nil)
		switch del.Cut {
		case dnssec.NoCut:
		case dnssec.CutSecure, dnssec.CutInsecure:
			hidden.zone = w.proveChild(hidden, c, name, del)
			return w.keep(hidden), dnssec.Trouble{}
		default:
			if del.Trouble.Unreachable {
				unheard = del.Trouble
			}
			return nil, unheard
		}
	}
	return nil, dnssec.Trouble{}
}
