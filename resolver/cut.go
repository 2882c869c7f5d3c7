package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// cut is a zone with its servers: what a walk stands on.
type cut struct {
	zone    *dnssec.Zone
	servers []server
	fixed   bool // configured: hints and stubs
	keyed   bool // asked for the keys that something vouches for
	until   time.Time
}

type server struct {
	name  string
	addrs []netip.Addr // from glue; empty where the name must be looked up
}

func (c *cut) size() int {
	n := 200 + c.zone.Size()
	for _, s := range c.servers {
		n += 64 + len(s.name) + 24*len(s.addrs)
	}
	return n
}

// nearest is the deepest cut that is known and encloses a name. The DS records
// of a name belong to its parent's zone, so for them the search begins there
// (RFC 4035 §3.1.4.1).
func (w *walk) nearest(name string, rrtype uint16) *cut {
	if rrtype == dns.TypeDS && name != "." {
		name = dnssec.Parent(name)
	}
	for ; name != "."; name = dnssec.Parent(name) {
		if c := w.known(name); c != nil {
			return c
		}
		if s, ok := w.r.stubs[name]; ok {
			return w.stub(name, s)
		}
	}
	return w.root()
}

func (w *walk) known(name string) *cut {
	if c := w.cuts[name]; c != nil {
		return c
	}
	if w.private {
		return nil
	}
	if e, ok := w.r.cache.PeekString(cutKey(name), time.Time{}); ok {
		return e.cut
	}
	return nil
}

// keep remembers a cut. A delegation lives no longer than its parent's TTL
// says, and its keys no longer than their proof: until has both.
func (w *walk) keep(c *cut) *cut {
	limit, proven := w.terms.Now.Add(maxChainTTL), true
	switch {
	case c.zone.Trouble.Unreachable:
		limit, proven = w.later(unreachable), false
	case c.zone.Security == dnssec.Bogus:
		limit, proven = w.later(maxFailureTTL), false
	}
	for _, t := range []time.Time{c.zone.Until, limit} {
		if !t.IsZero() && (c.until.IsZero() || t.Before(c.until)) {
			c.until = t
		}
	}
	w.cuts[c.zone.Name] = c
	if !w.private && !c.zone.Trouble.Budget && (proven || !w.over()) {
		w.r.cache.Put(cutKey(c.zone.Name), cache.Entry[*entry]{Value: &entry{cut: c}, Size: c.size(), Until: c.until, Since: w.terms.Now})
	}
	return c
}

// root primes the walk: the hints are asked who the root servers are
// (RFC 9609 §3), and those for the keys.
func (w *walk) root() *cut {
	if c := w.known("."); c != nil {
		return c
	}
	c := &cut{zone: dnssec.Unsigned(".", dnssec.Indeterminate, "hints", dnssec.Trouble{}, time.Time{}), fixed: true}
	for _, h := range w.r.cfg.Hints {
		c.servers = append(c.servers, server{dnssec.Canonical(h.Name), h.Addresses})
	}
	var primed []server
	got := w.ask(c, ".", dns.TypeNS, func(r *reply) bool {
		primed = w.r.serversIn(r.msg.Answer, r.msg.Extra, ".", ".")
		return len(primed) > 0 && r.lame == ""
	})
	if primed = withHints(primed, c.servers); got.ok && addressed(primed) {
		c = &cut{servers: primed, zone: c.zone}
		c.until = w.terms.Now.Add(ttlOf(got.reply.msg.Answer, ".", dns.TypeNS))
	}
	c.zone = w.trust(c, ".", w.r.cfg.Anchors.At("."), dnssec.Unsigned(".", dnssec.Indeterminate, "no trust anchor", dnssec.Trouble{Code: dnssec.CodeIndeterminate, Text: "no trust anchor covers the name"}, time.Time{}))
	return w.keep(c)
}

// addressed reports whether any server can be asked at once. Root servers
// without one would have to be looked up at the root.
func addressed(servers []server) bool {
	return slices.ContainsFunc(servers, func(s server) bool { return len(s.addrs) > 0 })
}

// withHints gives primed servers that came without an address the hint's.
func withHints(primed, hints []server) []server {
	for i, p := range primed {
		for _, h := range hints {
			if len(p.addrs) == 0 && h.name == p.name {
				primed[i].addrs = h.addrs
			}
		}
	}
	return primed
}

// stub is a zone whose servers are configured. Its trust comes from its own
// anchor or from the tree above, asked as if there were no stub.
func (w *walk) stub(name string, s Stub) *cut {
	c := &cut{fixed: true, servers: []server{{name: name, addrs: s.Addresses}}}
	c.zone = dnssec.Unsigned(name, dnssec.Indeterminate, "stub", dnssec.Trouble{}, time.Time{})
	anchor := w.r.cfg.Anchors.At(name)
	if _, covered := w.r.cfg.Anchors.Closest(name); anchor != nil || !covered || w.r.negative(name) {
		c.zone = w.trust(c, name, anchor, dnssec.Unsigned(name, dnssec.Indeterminate, "stub without a trust anchor", dnssec.Trouble{Code: dnssec.CodeIndeterminate, Text: "no trust anchor covers the stub " + name}, time.Time{}))
		return w.keep(c)
	}
	parent := w.nearest(name, dns.TypeDS)
	f, at := w.find(name, dns.TypeDS)
	if at == nil {
		at = parent
	}
	c.zone = w.proveChild(c, at, name, w.delegationFrom(at, name, f))
	return w.keep(c)
}

// negative reports whether a name is under a negative trust anchor.
func (r *Resolver) negative(name string) bool {
	if len(r.ntas) == 0 {
		return false
	}
	for ; ; name = dnssec.Parent(name) {
		if r.ntas[name] {
			return true
		}
		if name == "." {
			return false
		}
	}
}

// trust proves the keys of a zone from an anchor; without one, otherwise holds.
func (w *walk) trust(c *cut, name string, anchor *dnssec.Trust, otherwise *dnssec.Zone) *dnssec.Zone {
	switch {
	case w.r.negative(name):
		return dnssec.Unsigned(name, dnssec.Insecure, "negative trust anchor", dnssec.Trouble{Text: "a negative trust anchor covers " + name}, time.Time{})
	case anchor == nil:
		return otherwise
	}
	return w.keys(c, name, anchor)
}

// keys asks a zone's servers for its keys until a server's prove right.
func (w *walk) keys(c *cut, name string, tr *dnssec.Trust) *dnssec.Zone {
	if !tr.Usable(w.terms) {
		return dnssec.ProveZone(name, tr, nil, w.terms)
	}
	at := &cut{zone: &dnssec.Zone{Name: name}, servers: c.servers, fixed: c.fixed, keyed: true}
	var z *dnssec.Zone
	got := w.ask(at, name, dns.TypeDNSKEY, func(r *reply) bool {
		z = dnssec.ProveZone(name, tr, r.msg, w.terms)
		return z.Security != dnssec.Bogus
	})
	if z == nil || got.trouble.Budget {
		got.trouble.Text = "the keys of " + name + " cannot be had: " + got.trouble.Text
		return dnssec.Unsigned(name, dnssec.Indeterminate, tr.String(), got.trouble, time.Time{})
	}
	return z
}

// descend follows a referral from a zone to its child.
func (w *walk) descend(c *cut, msg *dns.Msg, child string) *cut {
	for name := child; name != c.zone.Name; name = dnssec.Parent(name) {
		if s, ok := w.r.stubs[name]; ok {
			return w.stub(name, s)
		}
	}
	next := &cut{
		zone:    &dnssec.Zone{Name: child},
		servers: w.r.serversIn(msg.Ns, msg.Extra, child, c.zone.Name),
		until:   w.terms.Now.Add(ttlOf(msg.Ns, child, dns.TypeNS)),
	}
	var del dnssec.Delegation
	if c.zone.Security == dnssec.Secure {
		if c = w.above(c, child, msg); c.zone.Security == dnssec.Secure {
			del = w.delegation(c, child, msg)
		}
	}
	next.zone = w.proveChild(next, c, child, del)
	return w.keep(next)
}

// above makes sure that no zone lies hidden between a zone and the child that
// its server referred to: the signature of the DS names its zone.
func (w *walk) above(c *cut, child string, msg *dns.Msg) *cut {
	for _, rr := range msg.Ns {
		sig, ok := rr.(*dns.RRSIG)
		if !ok || sig.TypeCovered != dns.TypeDS && sig.TypeCovered != dns.TypeNSEC && sig.TypeCovered != dns.TypeNSEC3 {
			continue
		}
		signer := dnssec.Canonical(sig.SignerName)
		if signer != c.zone.Name && signer != child && dnssec.IsSubdomain(signer, c.zone.Name) && dnssec.IsSubdomain(child, signer) {
			if next := w.reveal(c, signer); next != nil {
				return next
			}
		}
	}
	return c
}

// delegation proves what a Secure zone says of a child; msg may hold it already.
func (w *walk) delegation(c *cut, child string, msg *dns.Msg) dnssec.Delegation {
	if msg != nil {
		if d := c.zone.Delegation(child, msg, w.terms); d.Cut == dnssec.CutSecure || d.Cut == dnssec.CutInsecure || d.Trouble.Budget {
			return d
		}
	}
	var d dnssec.Delegation
	got := w.ask(c, child, dns.TypeDS, func(r *reply) bool {
		d = c.zone.Delegation(child, r.msg, w.terms) // only a proof counts, authority or not
		return d.Cut != dnssec.CutUnproven
	})
	if !got.usable || got.trouble.Budget {
		d = dnssec.Delegation{Trouble: got.trouble}
	}
	return d
}

// delegationFrom turns the finding of a DS question into a delegation.
func (w *walk) delegationFrom(c *cut, child string, f dnssec.Finding) dnssec.Delegation {
	if c.zone.Security != dnssec.Secure {
		return dnssec.Delegation{}
	}
	return c.zone.Delegation(child, &dns.Msg{Answer: f.Answer, Ns: f.Authority}, w.terms)
}

// proveChild decides the trust in a child zone from its parent's word.
func (w *walk) proveChild(next, parent *cut, child string, del dnssec.Delegation) *dnssec.Zone {
	if anchor := w.r.cfg.Anchors.At(child); anchor != nil || w.r.ntas[child] {
		return w.trust(next, child, anchor, nil)
	}
	if p := parent.zone; p.Security != dnssec.Secure {
		return &dnssec.Zone{Name: child, Security: p.Security, Trouble: p.Trouble, How: "under " + p.Name}
	}
	switch del.Cut {
	case dnssec.CutSecure:
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
	n, ok := w.r.cfg.Anchors.Closest(name)
	if !ok || n == c.zone.Name || !dnssec.IsSubdomain(n, c.zone.Name) {
		return nil
	}
	next := &cut{servers: c.servers, fixed: c.fixed, until: c.until}
	next.zone = w.proveChild(next, c, n, dnssec.Delegation{})
	return w.keep(next)
}

// reveal looks for zone cuts between a zone and a name below it that no
// referral shows, since the same servers hold both: it asks for DS records
// label by label (RFC 4035 §4.2). It returns the first cut, nil where none is.
func (w *walk) reveal(c *cut, upto string) *cut {
	for n := dnssec.Labels(c.zone.Name) + 1; n <= dnssec.Labels(upto); n++ {
		name := dnssec.Ancestor(upto, n)
		hidden := &cut{servers: c.servers, fixed: c.fixed, until: c.until}
		if w.r.cfg.Anchors.At(name) != nil || w.r.ntas[name] {
			hidden.zone = w.proveChild(hidden, c, name, dnssec.Delegation{})
			return w.keep(hidden)
		}
		del := w.delegation(c, name, nil)
		switch del.Cut {
		case dnssec.NoCut:
		case dnssec.CutSecure, dnssec.CutInsecure:
			hidden.zone = w.proveChild(hidden, c, name, del)
			return w.keep(hidden)
		default:
			return nil
		}
	}
	return nil
}

// serversIn reads the servers of a zone from a section, with the addresses that
// the additional section gives. Glue counts only for names inside the zone
// that refers (Unbound: harden-glue); it is used inside this delegation alone.
func (r *Resolver) serversIn(section, extra []dns.RR, zone, from string) []server {
	var out []server
	for _, rr := range section {
		ns, ok := rr.(*dns.NS)
		if !ok || !strings.EqualFold(ns.Hdr.Name, zone) || len(out) == maxServers {
			continue
		}
		s := server{name: dnssec.Canonical(ns.Ns)}
		if dnssec.IsSubdomain(s.name, from) {
			for _, g := range extra {
				if strings.EqualFold(g.Header().Name, s.name) {
					s.addrs = append(s.addrs, r.addressIn(g)...)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func (r *Resolver) addressesIn(a *dnssec.Answer) []netip.Addr {
	if a.Security == dnssec.Bogus {
		return nil
	}
	var out []netip.Addr
	for _, rr := range a.AnswerSection {
		out = append(out, r.addressIn(rr)...)
	}
	return out
}

// addressIn reads an address that a server may be asked at.
func (r *Resolver) addressIn(rr dns.RR) []netip.Addr {
	var a netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA.To16())
	}
	if !a.IsValid() || !r.mayAsk(a.Unmap()) {
		return nil
	}
	return []netip.Addr{a}
}

// mayAsk refuses learnt addresses that no server can have, and those of this
// machine and its networks: a zone must not make us ask our neighbours.
func (r *Resolver) mayAsk(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsMulticast() || a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240) {
		return false
	}
	local := a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
	return !local || r.cfg.AllowLocalServers
}

// ttlOf is the smallest TTL of an RRset in a section.
func ttlOf(section []dns.RR, name string, rrtype uint16) time.Duration {
	ttl := maxChainTTL
	for _, rr := range section {
		if h := rr.Header(); h.Rrtype == rrtype && strings.EqualFold(h.Name, name) {
			ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
		}
	}
	return ttl
}
