package zone

import (
	"errors"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Update carries out a dynamic update (RFC 2136 §3) and returns its RCODE. The
// caller has checked the zone section and who asks. All of it is done or none; the
// serial is raised and only what changed is signed again.
func (z *Zone) Update(m *dns.Msg) (rcode int) {
	err := z.edit(func(c *change) error {
		if rcode = c.prerequisites(m.Answer); rcode != dns.RcodeSuccess {
			return errRefused
		}
		if rcode = c.prescan(m.Ns); rcode != dns.RcodeSuccess {
			return errRefused
		}
		for _, rr := range m.Ns {
			c.update(rr)
		}
		return nil
	})
	if err != nil && rcode == dns.RcodeSuccess {
		rcode = dns.RcodeServerFailure
	}
	return rcode
}

var errRefused = errors.New("the update is refused")

// prerequisites checks what must and must not be there (RFC 2136 §3.2).
func (c *change) prerequisites(rrs []dns.RR) int {
	wanted := map[[2]string][]dns.RR{}
	for _, rr := range rrs {
		h := rr.Header()
		name := dns.CanonicalName(h.Name)
		if h.Ttl != 0 {
			return dns.RcodeFormatError
		}
		if !dns.IsSubDomain(c.zone.apex, name) {
			return dns.RcodeNotZone
		}
		n := c.nodes[name]
		inUse := n != nil && len(n.sets) > 0
		exists := c.set(name, h.Rrtype) != nil
		switch {
		case h.Class == dns.ClassANY && h.Rrtype == dns.TypeANY && !inUse:
			return dns.RcodeNameError
		case h.Class == dns.ClassANY && h.Rrtype != dns.TypeANY && !exists:
			return dns.RcodeNXRrset
		case h.Class == dns.ClassNONE && h.Rrtype == dns.TypeANY && inUse:
			return dns.RcodeYXDomain
		case h.Class == dns.ClassNONE && h.Rrtype != dns.TypeANY && exists:
			return dns.RcodeYXRrset
		case h.Class == dns.ClassINET:
			key := [2]string{name, dns.TypeToString[h.Rrtype]}
			wanted[key] = append(wanted[key], rr)
		case h.Class != dns.ClassANY && h.Class != dns.ClassNONE:
			return dns.RcodeFormatError
		}
	}
	for _, want := range wanted {
		h := want[0].Header()
		if !sameRecords(want, c.set(dns.CanonicalName(h.Name), h.Rrtype)) {
			return dns.RcodeNXRrset
		}
	}
	return dns.RcodeSuccess
}

// sameRecords compares a value-dependent prerequisite with an RRset, TTLs aside
// (RFC 2136 §2.4.2).
func sameRecords(want []dns.RR, have *rrset) bool {
	if have == nil || len(want) != len(have.records) {
		return false
	}
	for _, h := range have.records {
		if !slices.ContainsFunc(want, func(w dns.RR) bool { return dns.IsDuplicate(w, h) }) {
			return false
		}
	}
	return true
}

// prescan looks at the whole update section before any of it is done (RFC 2136
// §3.4.1). What signing makes cannot be updated.
func (c *change) prescan(rrs []dns.RR) int {
	for _, rr := range rrs {
		h := rr.Header()
		if !dns.IsSubDomain(c.zone.apex, dns.CanonicalName(h.Name)) {
			return dns.RcodeNotZone
		}
		meta := h.Rrtype >= 128 && h.Rrtype <= 255 || h.Rrtype == dns.TypeOPT
		switch h.Class {
		case dns.ClassINET:
			if meta {
				return dns.RcodeFormatError
			}
		case dns.ClassANY:
			if h.Ttl != 0 || h.Rdlength != 0 || meta && h.Rrtype != dns.TypeANY {
				return dns.RcodeFormatError
			}
		case dns.ClassNONE:
			if h.Ttl != 0 || meta {
				return dns.RcodeFormatError
			}
		default:
			return dns.RcodeFormatError
		}
		if generated(h.Rrtype) {
			return dns.RcodeRefused
		}
	}
	return dns.RcodeSuccess
}

// update does one record of the update section (RFC 2136 §3.4.2). The SOA and NS
// at the apex cannot be taken away, and a CNAME keeps no company: such records
// are passed over in silence, as §3.4.2.2 to §3.4.2.4 want it.
func (c *change) update(rr dns.RR) {
	h := rr.Header()
	name := dns.CanonicalName(h.Name)
	apex := name == c.zone.apex
	switch h.Class {
	case dns.ClassINET:
		if c.mayAdd(name, rr) {
			c.add(rr)
		}
	case dns.ClassANY:
		for _, t := range typesAt(c.nodes[name]) {
			if (h.Rrtype == dns.TypeANY || h.Rrtype == t) && !generated(t) &&
				!(apex && (t == dns.TypeSOA || t == dns.TypeNS)) {
				c.removeSet(name, t)
			}
		}
	case dns.ClassNONE:
		last := h.Rrtype == dns.TypeNS && c.set(name, dns.TypeNS) != nil && len(c.set(name, dns.TypeNS).records) == 1
		if h.Rrtype == dns.TypeSOA || apex && last {
			return
		}
		gone := dns.Copy(rr)
		gone.Header().Class = dns.ClassINET
		c.remove(gone)
	}
}

func typesAt(n *node) []uint16 {
	if n == nil {
		return nil
	}
	return types(n)
}

// mayAdd holds the rules of RFC 2136 §3.4.2.2: CNAME and other data exclude each
// other, a CNAME or SOA takes its predecessor's place, an older SOA is not taken.
func (c *change) mayAdd(name string, rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.SOA:
		old := c.set(name, dns.TypeSOA)
		if old == nil || int32(rr.Serial-old.records[0].(*dns.SOA).Serial) <= 0 {
			return false
		}
		c.removeSet(name, dns.TypeSOA)
	case *dns.CNAME:
		for _, t := range typesAt(c.nodes[name]) {
			if t != dns.TypeCNAME {
				return false
			}
		}
		c.removeSet(name, dns.TypeCNAME)
	default:
		return c.set(name, dns.TypeCNAME) == nil
	}
	return true
}

// All returns the whole zone as a transfer sends it (RFC 5936 §2.2): the SOA
// first and last, signatures and the chain of denial included.
func (z *Zone) All(at time.Time) []dns.RR {
	z.mu.RLock()
	defer z.mu.RUnlock()
	s := search{zone: z, dnssec: z.chain != nil, at: at}
	soa := z.nodes[z.apex].sets[dns.TypeSOA]
	var out []dns.RR
	s.put(&out, soa, "")
	for _, n := range z.nodes {
		owned := z.authoritative(n)
		for t, set := range n.sets {
			if set == soa {
				continue
			}
			s.dnssec = z.chain != nil && owned && !(z.delegation(n) && t != dns.TypeDS)
			s.put(&out, set, "")
		}
	}
	s.dnssec = z.chain != nil
	for _, set := range links(z.chain) {
		s.put(&out, set, "")
	}
	return append(out, copies(soa.records)...)
}
