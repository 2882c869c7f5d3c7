package resolver

import (
	"slices"
	"strings"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// widen learns the servers that a zone names for itself and its parent does not. Its
// own word has less weight (RFC 2181 §5.4.1): it is looked at where a server that the
// parent named was of no use, and they are asked when all of those are and the
// parent names no others. Only a set that is proven counts, since whoever forges one
// reply would plant a server otherwise (CVE-2025-40778); and the cut lives as long
// as the parent said, not a second longer.
func (w *walk) widen(c *cut, msg *dns.Msg) {
	if w.private || c.fixed || c.own != nil || c.forwards() || c.zone.Security != dnssec.Secure {
		return
	}
	set := &dns.Msg{Answer: slices.DeleteFunc(slices.Concat(msg.Answer, msg.Ns), func(rr dns.RR) bool {
		sig, signs := rr.(*dns.RRSIG)
		ofNS := rr.Header().Rrtype == dns.TypeNS || signs && sig.TypeCovered == dns.TypeNS
		return !ofNS || !strings.EqualFold(rr.Header().Name, c.zone.Name)
	})}
	if len(set.Answer) == 0 {
		return
	}
	f := w.judge(c, set, c.zone.Name, dns.TypeNS)
	if f.Security != dnssec.Secure || f.Kind != dnssec.Positive {
		return
	}
	own := []server{}
	for _, rr := range f.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok || len(c.servers)+len(own) >= maxServers {
			continue
		}
		name := dnssec.Canonical(ns.Ns)
		if !slices.ContainsFunc(c.servers, func(s server) bool { return s.name == name }) {
			own = append(own, server{name: name})
		}
	}
	next := *c
	next.own = own
	w.cuts[c.zone.Name] = &next
	key := cutKey(c.zone.Name)
	if e, ok := w.r.cache.PeekString(key, time.Time{}); ok && e.cut == c { // what somebody has learnt since is not undone
		w.r.cache.Put(key, cache.Entry[*entry]{Value: &entry{cut: &next}, Size: next.size(), Until: next.until, Since: w.terms.Now})
	}
}

// byOwnWord is a cut with the servers that its zone names for itself in place of the
// parent's; nil where it has named none.
func (c *cut) byOwnWord() *cut {
	if len(c.own) == 0 {
		return nil
	}
	next := *c
	next.servers, next.own = c.own, nil
	return &next
}
