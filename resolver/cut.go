package resolver

import (
	"net/netip"
	"slices"
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
	// overridden: learnt under a negative trust anchor, and known only to walks under it.
	overridden bool
	keyed      bool // asked for the keys that something vouches for
	// own are servers that the zone names for itself and its parent does not.
	own   []server
	until time.Time
	// granted is how long the tree above lets the zone be known without being
	// asked again, our own caps apart: by the TTLs of its delegation and keys,
	// and no longer than the same of its parent. Else a zone whose delegation
	// was taken away could live on in cuts learnt below it, each just before
	// the one above dies (phoenix domains, CVE-2022-30698 and 30699). Zero: no bound.
	granted time.Time
	// rooted is when the oldest part of its chain of trust was fetched, from the anchor down;
	// zero before it is kept, of one that rests on no other.
	rooted time.Time
	// proof is what shows the zone to be Secure, for a snapshot (see show): its DS
	// records, where no anchor vouches for it, and its keys, with their signatures.
	proof dnssec.Records
}

// under bounds a cut by the one above it, which its trust rests on.
func (c *cut) under(parent *cut) {
	c.granted = sooner(c.granted, parent.granted)
	c.rooted = sooner(c.rooted, parent.rooted)
}

// hidden is a cut below that has the same servers, which nothing is known of yet but what its parent bounds.
func (c *cut) hidden() *cut {
	return &cut{servers: c.servers, fixed: c.fixed, until: c.until, granted: c.granted, rooted: c.rooted}
}

// sooner is the earlier of two times, where the zero time is no bound.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

type server struct {
	name  string
	addrs []netip.Addr // from glue; empty where the name must be looked up
	via   *forwarder   // a forwarder, reached as it says
	// offered are addresses from beyond the zone that referred. They are asked
	// when all else fails: for servers that can be found only through each other.
	offered []netip.Addr
	// local is an address that the delegation gives, and that may not be asked (see mayAsk).
	local netip.Addr
}

func (c *cut) size() int {
	n := 248 + c.zone.Size() + len(c.proof)
	for _, s := range slices.Concat(c.servers, c.own) {
		n += 112 + len(s.name) + 24*(len(s.addrs)+len(s.offered))
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
	if c := w.cuts[name]; c != nil && !c.rooted.Before(w.rooted) {
		return c
	}
	if w.private {
		return nil
	}
	c := w.cached(cutKey(name))
	if c == nil && !w.rooted.IsZero() {
		c = w.cached(doubtKey(name))
	}
	if c != nil && !w.terms.Now.Before(c.until) {
		return w.reprove(c)
	}
	return c
}

// cached is the cut that a key has; nil where there is none, or none that may be used.
func (w *walk) cached(key string) *cut {
	e, ok := w.r.cache.PeekString(key, time.Time{})
	if !ok || e.cut.overridden != w.negative(e.cut.zone.Name) || e.cut.rooted.Before(w.rooted) {
		return nil
	}
	return e.cut
}

// reprove asks what a delegation is worth now whose zone was Bogus a while ago:
// its parent for the DS, its servers for the keys. Where that still does not
// hold, it is nil and the delegation itself is asked for anew: the zone may
// have moved. Neither way does it live longer than its parent said.
func (w *walk) reprove(c *cut) *cut {
	name := c.zone.Name
	if w.retried[name] {
		return nil
	}
	w.retried[name] = true
	p := w.nearest(dnssec.Parent(name), dns.TypeNS)
	if p.zone.Security != dnssec.Secure || p.forwards() {
		return nil
	}
	del := w.delegation(p, name, nil)
	if del.Cut != dnssec.CutSecure && del.Cut != dnssec.CutInsecure {
		return nil
	}
	next := &cut{servers: c.servers, until: c.granted}
	next.under(p)
	if next.zone = w.proveChild(next, p, name, del); next.zone.Security != dnssec.Secure && next.zone.Security != dnssec.Insecure {
		return nil
	}
	return w.keep(next)
}

// keep remembers a cut. A delegation lives no longer than its parent's TTL
// says, and its keys no longer than their proof: until has both.
func (w *walk) keep(c *cut) *cut {
	if w.cuts[c.zone.Name] == c {
		return c // kept, and others may be reading it
	}
	limit, proven := w.terms.Now.Add(maxChainTTL), true
	switch {
	case c.zone.Trouble.Unreachable:
		limit, proven = w.later(unreachable), false
	case c.zone.Security == dnssec.Bogus:
		limit, proven = w.later(maxFailureTTL), false
	}
	c.granted = sooner(sooner(c.granted, c.until), c.zone.Until)
	c.until = sooner(c.granted, limit)
	c.rooted = sooner(c.rooted, w.terms.Now)
	c.overridden = w.negative(c.zone.Name)
	w.cuts[c.zone.Name] = c
	if !w.private && !c.zone.Trouble.Budget && (proven || !w.over() && !w.narrowed) {
		end := c.until
		if c.zone.Security == dnssec.Bogus && !c.fixed && !w.r.setApart(c.zone.Name, dnssec.Parent(c.zone.Name)) {
			end = sooner(c.granted, w.terms.Now.Add(maxChainTTL)) // the delegation; see reprove
		}
		key := cutKey(c.zone.Name)
		if !proven && w.holds(c) {
			key, end = doubtKey(c.zone.Name), c.until
		}
		w.r.cache.Put(key, cache.Entry[*entry]{Value: &entry{cut: c}, Size: c.size(), Until: end, Since: w.terms.Now})
	}
	return c
}

// root primes the walk: the hints are asked who the root servers are
// (RFC 9609 §3), and those for the keys.
func (w *walk) root() *cut {
	if c := w.known("."); c != nil {
		return c
	}
	if len(w.r.forwarders) > 0 {
		return w.forwardRoot()
	}
	for range maxWaits + 1 {
		l, after := w.lead(".", true)
		defer l.leave()
		if c := w.known("."); c != nil {
			return c
		}
		if after == nil {
			break
		}
	}
	c := &cut{zone: dnssec.Unsigned(".", dnssec.Indeterminate, "hints", dnssec.Trouble{}, time.Time{}), fixed: true, servers: w.r.hinted()}
	// The hints most likely are the root's servers still: what is to be asked of
	// those is asked of the hints in the meantime.
	if w.r.anchors.Load().At(".") != nil {
		w.sendEarly(c, ".", dns.TypeDNSKEY)
	}
	if w.outset != nil {
		w.outset(c)
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
	c.zone = w.trust(c, ".", w.r.anchors.Load().At("."), dnssec.Unsigned(".", dnssec.Indeterminate, "no trust anchor", dnssec.Trouble{Code: dnssec.CodeIndeterminate, Text: "no trust anchor covers the name"}, time.Time{}))
	return w.keep(c)
}

// hinted are the servers of the root that the hints name.
func (r *Resolver) hinted() []server {
	var out []server
	for _, h := range r.cfg.Hints {
		out = append(out, server{name: dnssec.Canonical(h.Name), addrs: h.Addresses})
	}
	return out
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
	w.outset = nil // what is asked below the stub is nothing to the root's servers
	c := &cut{fixed: true, servers: []server{{name: name, addrs: s.Addresses}}}
	c.zone = dnssec.Unsigned(name, dnssec.Indeterminate, "stub", dnssec.Trouble{}, time.Time{})
	anchor := w.r.anchors.Load().At(name)
	if _, covered := w.r.anchors.Load().Closest(name); anchor != nil || !covered || w.negative(name) {
		c.zone = w.trust(c, name, anchor, dnssec.Unsigned(name, dnssec.Indeterminate, "stub without a trust anchor", dnssec.Trouble{Code: dnssec.CodeIndeterminate, Text: "no trust anchor covers the stub " + name}, time.Time{}))
		return w.keep(c)
	}
	parent := w.nearest(name, dns.TypeDS)
	f, at := w.find(name, dns.TypeDS)
	if at == nil {
		at = parent
	}
	c.rooted = at.rooted
	c.zone = w.proveChild(c, at, name, w.delegationFrom(at, name, f))
	return w.keep(c)
}

// trust proves the keys of a zone from an anchor; without one, otherwise holds.
func (w *walk) trust(c *cut, name string, anchor *dnssec.Trust, otherwise *dnssec.Zone) *dnssec.Zone {
	switch {
	case w.negative(name):
		return w.disregarded(name)
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
		z = w.judgeKeys(name, tr, r.msg)
		return z.Security != dnssec.Bogus
	})
	if got.ok && z.Security == dnssec.Secure {
		w.show(c, got.reply.msg.Answer, name, dns.TypeDNSKEY)
	}
	if z == nil || got.trouble.Budget {
		got.trouble.Text = "the keys of " + name + " cannot be had: " + got.trouble.Text
		return dnssec.Unsigned(name, dnssec.Indeterminate, tr.String(), got.trouble, time.Time{})
	}
	return z
}
