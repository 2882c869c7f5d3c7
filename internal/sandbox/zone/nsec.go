package zone

import (
	"slices"
	"sort"

	"github.com/miekg/dns"
)

// nsecChain is every authoritative name of the zone in canonical order, each
// with the NSEC record that names the next (RFC 4034 §4, RFC 4035 §2.3).
type nsecChain struct {
	names []string
	sets  []*rrset
}

func newNSECChain(z *Zone) *nsecChain {
	c := &nsecChain{}
	for name, n := range z.nodes {
		// Empty non-terminals and glue have no NSEC (RFC 4035 §2.3).
		if len(n.sets) > 0 && z.authoritative(n) {
			c.names = append(c.names, name)
		}
	}
	slices.SortFunc(c.names, Compare)
	ttl := z.negativeTTL()
	for i, name := range c.names {
		n := z.nodes[name]
		c.sets = append(c.sets, &rrset{records: []dns.RR{&dns.NSEC{
			Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl},
			NextDomain: c.names[(i+1)%len(c.names)],
			TypeBitMap: bitmap(z, n, dns.TypeNSEC, dns.TypeRRSIG),
		}}})
	}
	return c
}

// bitmap lists the types present at a name, with those that signing adds. A zone
// cut shows only what the parent owns there: NS and DS (RFC 4035 §2.3).
func bitmap(z *Zone, n *node, added ...uint16) []uint16 {
	out := added
	for _, t := range types(n) {
		if !z.delegation(n) || t == dns.TypeNS || t == dns.TypeDS {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

func (c *nsecChain) match(name string) *rrset {
	if i, ok := c.find(name); ok {
		return c.sets[i]
	}
	return nil
}

// cover returns the NSEC before name; the last one covers what lies behind it.
func (c *nsecChain) cover(name string) *rrset {
	i, ok := c.find(name)
	if ok {
		return c.sets[i]
	}
	return c.sets[(i+len(c.sets)-1)%len(c.sets)]
}

// find returns where name stands, or would.
func (c *nsecChain) find(name string) (int, bool) {
	return sort.Find(len(c.names), func(i int) int { return Compare(name, c.names[i]) })
}
