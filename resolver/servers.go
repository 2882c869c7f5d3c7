package resolver

import (
	"net/netip"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// serversIn reads the servers of a zone from a section, with the addresses that
// the additional section gives. Glue counts only for names inside the zone
// that refers (Unbound: harden-glue), other addresses as a last resort; both are
// used inside this delegation alone, of which that zone decides anyway.
func (r *Resolver) serversIn(section, extra []dns.RR, zone, from string) []server {
	var out []server
	for _, rr := range section {
		ns, ok := rr.(*dns.NS)
		if !ok || !strings.EqualFold(ns.Hdr.Name, zone) || len(out) == maxServers {
			continue
		}
		s := server{name: dnssec.Canonical(ns.Ns)}
		inside := dnssec.IsSubdomain(s.name, from)
		for _, g := range extra {
			switch {
			case !strings.EqualFold(g.Header().Name, s.name):
			case r.localIn(g).IsValid():
				s.local = r.localIn(g)
			case inside:
				s.addrs = append(s.addrs, r.addressIn(g)...)
			default:
				s.offered = append(s.offered, r.addressIn(g)...)
			}
		}
		out = append(out, s)
	}
	return out
}

// glueOf is where the delegation of the zone that a server's name lies in says
// the server is: the parent's word, for when the zone's own leads nowhere.
func (w *walk) glueOf(name string) []netip.Addr {
	var out []netip.Addr
	for zone := name; zone != "."; zone = dnssec.Parent(zone) {
		c := w.known(zone)
		if c == nil {
			continue
		}
		for _, s := range c.servers {
			if s.name == name {
				out = append(out, s.addrs...)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

func (r *Resolver) addressesIn(a *dnssec.Answer) []netip.Addr {
	if a.Security == dnssec.Bogus {
		return nil
	}
	var out []netip.Addr
	for _, rr := range a.AnswerSection.RRs() {
		out = append(out, r.addressIn(rr)...)
	}
	return out
}

// addressIn reads an address that a server may be asked at.
func (r *Resolver) addressIn(rr dns.RR) []netip.Addr {
	if a := addressOf(rr); a.IsValid() && r.mayAsk(a.Unmap()) {
		return []netip.Addr{a}
	}
	return nil
}

// addressOf is the address of an A or AAAA record; of another it is not valid.
func addressOf(rr dns.RR) netip.Addr {
	var a netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA.To16())
	}
	return a
}

// mayAsk refuses learnt addresses that no server can have, and those of this
// machine and its networks: a zone must not make us ask our neighbours.
func (r *Resolver) mayAsk(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsMulticast() || a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240) {
		return false
	}
	return !local(a) || r.cfg.AllowLocalServers
}

// local reports whether an address is this machine's or of its networks.
func local(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// localIn reads an address that may not be asked since it is local; else it is not valid.
func (r *Resolver) localIn(rr dns.RR) netip.Addr {
	if a := addressOf(rr).Unmap(); local(a) && !r.cfg.AllowLocalServers {
		return a
	}
	return netip.Addr{}
}

// localAt says which of a zone's servers may not be asked where they are: a setting
// decides that, and who has forgotten it is told.
func (w *walk) localAt(c *cut) (why []string) {
	for _, s := range c.servers {
		a := s.local
		if !a.IsValid() {
			a = w.local[s.name]
		}
		if a.IsValid() {
			why = append(why, a.String()+" is a local address, which is not asked (resolver.allow_local_servers)")
		}
	}
	return why
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
