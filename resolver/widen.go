package resolver

import (
	"slices"
	"strings"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// widen adds the servers that a zone names for itself to those that its parent named,
// behind them: its own word has less weight (RFC 2181 §5.4.1), and is looked at
// where a server that the parent named was of no use. Only a set that is proven
// counts, since whoever forges one reply would plant a server otherwise (CVE-2025-40778);
// and the cut lives as long as the parent said, not a second longer.
func (w *walk) widen(c *cut, msg *dns.Msg) {
	if w.private || c.fixed || c.widened || c.forwards() || c.zone.Security != dnssec.Secure {
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
	f := c.zone.Answer(set, c.zone.Name, dns.TypeNS, w.terms)
	if f.Security != dnssec.Secure || f.Kind != dnssec.Positive {
		return
	}
	next := *c
	next.widened, next.servers = true, slices.Clone(c.servers)
	for _, rr := range f.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok || len(next.servers) == maxServers {
			continue
		}
		name := dnssec.Canonical(ns.Ns)
		if !slices.ContainsFunc(next.servers, func(s server) bool { return s.name == name }) {
			next.servers = append(next.servers, server{name: name, own: true})
		}
	}
	w.cuts[c.zone.Name] = &next
	w.r.cache.Put(cutKey(c.zone.Name), cache.Entry[*entry]{Value: &entry{cut: &next}, Size: next.size(), Until: next.until, Since: w.terms.Now})
}
