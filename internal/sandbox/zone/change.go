package zone

import (
	"fmt"
	"maps"

	"github.com/miekg/dns"
)

// change is a new version of a zone in the making. It shares with the old one
// every RRset that it does not touch, signatures included.
type change struct {
	zone    *Zone
	nodes   map[string]*node
	touched bool
}

// edit makes a new version by f and puts it in the old one's place, the serial
// raised, unless f fails or changes nothing.
func (z *Zone) edit(f func(*change) error) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	c := change{zone: z, nodes: maps.Clone(z.nodes)}
	if err := f(&c); err != nil {
		return err
	}
	if c.touched {
		c.raiseSerial()
		c.commit()
	}
	return nil
}

// set returns the RRset under a name and type, or nil.
func (c *change) set(name string, rrtype uint16) *rrset {
	if n := c.nodes[name]; n != nil {
		return n.sets[rrtype]
	}
	return nil
}

// asSent is a copy of a record as it comes out of a message. The library compares texts,
// and hex from a zone file is written in either case.
func asSent(rr dns.RR) (dns.RR, error) {
	wire := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, err
	}
	sent, _, err := dns.UnpackRR(wire[:n], 0)
	return sent, err
}

// put replaces a set; nil takes it out.
func (c *change) put(name string, rrtype uint16, s *rrset) {
	c.touched = true
	fresh := &node{name: name, sets: map[uint16]*rrset{}}
	if old := c.nodes[name]; old != nil {
		maps.Copy(fresh.sets, old.sets)
	}
	delete(fresh.sets, rrtype)
	if s != nil {
		fresh.sets[rrtype] = s
	}
	c.nodes[name] = fresh
}

// add puts one record into its RRset; one that is there already changes nothing
// but the TTL, which is that of the record added last (RFC 2181 §5.2).
func (c *change) add(rr dns.RR) error {
	rr, err := asSent(rr)
	if err != nil {
		return fmt.Errorf("zone %s: %w", c.zone.apex, err)
	}
	h := rr.Header()
	h.Name = dns.CanonicalName(h.Name)
	if !dns.IsSubDomain(c.zone.apex, h.Name) {
		return fmt.Errorf("zone %s: %s lies outside", c.zone.apex, h.Name)
	}
	records := []dns.RR{}
	if old := c.set(h.Name, h.Rrtype); old != nil {
		for _, o := range old.records {
			if dns.IsDuplicate(o, rr) {
				if o.Header().Ttl == h.Ttl {
					return nil
				}
				continue
			}
			o = dns.Copy(o)
			o.Header().Ttl = h.Ttl
			records = append(records, o)
		}
	}
	c.put(h.Name, h.Rrtype, &rrset{records: append(records, rr)})
	return nil
}

func (c *change) removeSet(name string, rrtype uint16) {
	if c.set(name, rrtype) != nil {
		c.put(name, rrtype, nil)
	}
}

// remove takes out the one record that equals rr.
func (c *change) remove(rr dns.RR) {
	name, rrtype := dns.CanonicalName(rr.Header().Name), rr.Header().Rrtype
	old := c.set(name, rrtype)
	if old == nil {
		return
	}
	var left []dns.RR
	for _, o := range old.records {
		if !dns.IsDuplicate(o, rr) {
			left = append(left, o)
		}
	}
	switch {
	case len(left) == len(old.records):
	case len(left) == 0:
		c.put(name, rrtype, nil)
	default:
		c.put(name, rrtype, &rrset{records: left})
	}
}

func (c *change) raiseSerial() {
	soa := dns.Copy(c.set(c.zone.apex, dns.TypeSOA).records[0]).(*dns.SOA)
	soa.Serial++
	c.put(c.zone.apex, dns.TypeSOA, &rrset{records: []dns.RR{soa}})
}

// commit makes the change the zone: names are joined to the apex by empty
// non-terminals, and the chain of denial is drawn anew.
func (c *change) commit() {
	nodes := map[string]*node{}
	for name, n := range c.nodes {
		if len(n.sets) > 0 {
			nodes[name] = n
		}
	}
	for name := range maps.Clone(nodes) {
		for _, a := range ancestors(name, c.zone.apex) {
			if nodes[a] == nil {
				nodes[a] = &node{name: a}
			}
		}
	}
	c.zone.nodes = nodes
	c.zone.link()
}

// link draws the chain of denial, keeping the signatures of the links that stayed.
func (z *Zone) link() {
	if len(z.policy.Keys) == 0 {
		return
	}
	old := map[string]*rrset{}
	for _, s := range links(z.chain) {
		old[s.records[0].String()] = s
	}
	switch z.policy.Denial {
	case NSEC3:
		z.chain = newNSEC3Chain(z)
	default:
		z.chain = newNSECChain(z)
	}
	sets := links(z.chain)
	for i, s := range sets {
		if same := old[s.records[0].String()]; same != nil {
			sets[i] = same
		}
	}
}

// links returns the records of a chain, in its order.
func links(c chain) []*rrset {
	switch c := c.(type) {
	case *nsecChain:
		return c.sets
	case *nsec3Chain:
		return c.sets
	}
	return nil
}
