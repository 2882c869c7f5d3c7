// Package zone is one signed DNS zone, held in memory: what it contains, how it
// is signed, and which records answer a question (RFC 1034 §4.3.2, RFC 4035 §3.1,
// RFC 5155 §7.2).
//
// It opens no socket and reads no clock: the time at which signatures are made
// is an argument of [Zone.Answer]. Read answer.go first, then proof.go for what a
// denial consists of, then nsec.go and nsec3.go for the two chains that it is cut from.
package zone

import (
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Zone holds the records of one zone and signs them as they are asked for.
// It is safe for use by several goroutines.
type Zone struct {
	apex   string
	policy Policy

	mu    sync.RWMutex // guards what follows; the maps and chains themselves are never changed once built
	nodes map[string]*node
	chain chain // nil where the zone is unsigned
}

// node is one name of the zone, in lower case. A node without sets is an empty
// non-terminal: it exists because something exists below it (RFC 4592 §2.2.2).
type node struct {
	name string
	sets map[uint16]*rrset
}

// New makes the zone at apex from records in which exactly one SOA and at least
// one NS stand at the apex. DNSKEY, NSEC, NSEC3, NSEC3PARAM and RRSIG records
// come from the policy and must not be among them.
func New(apex string, p Policy, records []dns.RR) (*Zone, error) {
	z := &Zone{apex: dns.CanonicalName(apex), policy: p}
	c := change{zone: z, nodes: map[string]*node{}}
	for _, rr := range records {
		if generated(rr.Header().Rrtype) {
			return nil, fmt.Errorf("zone %s: %s is made by signing, not given", z.apex, dns.TypeToString[rr.Header().Rrtype])
		}
		if err := c.add(rr); err != nil {
			return nil, err
		}
	}
	for _, k := range p.Keys {
		if err := c.add(k.record(z.apex)); err != nil {
			return nil, err
		}
	}
	if len(p.Keys) > 0 && p.Denial == NSEC3 {
		if err := c.add(p.nsec3param(z.apex)); err != nil {
			return nil, err
		}
	}
	if c.set(z.apex, dns.TypeSOA) == nil || c.set(z.apex, dns.TypeNS) == nil {
		return nil, fmt.Errorf("zone %s: SOA or NS is missing at the apex", z.apex)
	}
	c.commit()
	return z, nil
}

// Apex is the zone's name: lower case, trailing dot.
func (z *Zone) Apex() string { return z.apex }

// Contains reports whether name lies at or below the apex. Names below a zone
// cut are included: the zone answers for them with a referral.
func (z *Zone) Contains(name string) bool { return dns.IsSubDomain(z.apex, dns.CanonicalName(name)) }

// Delegates reports whether name is a zone cut of this zone: the place whose DS
// records this zone, not the child, answers for (RFC 4035 §3.1.4.1).
func (z *Zone) Delegates(name string) bool {
	name = dns.CanonicalName(name)
	z.mu.RLock()
	defer z.mu.RUnlock()
	cut := z.cutAbove(name)
	return cut != nil && cut.name == name
}

// Records returns the RRset of one name and type as it stands in the zone,
// without signatures; nil where there is none.
func (z *Zone) Records(name string, rrtype uint16) []dns.RR {
	z.mu.RLock()
	defer z.mu.RUnlock()
	n := z.nodes[dns.CanonicalName(name)]
	if n == nil || n.sets[rrtype] == nil {
		return nil
	}
	return copies(n.sets[rrtype].records)
}

// Replace puts one RRset in the place of what the zone holds under the same
// name and type, and raises the serial. All records must share both.
func (z *Zone) Replace(records ...dns.RR) error {
	if len(records) == 0 {
		return fmt.Errorf("zone %s: no records to put in", z.apex)
	}
	h := records[0].Header()
	return z.edit(func(c *change) error {
		c.removeSet(dns.CanonicalName(h.Name), h.Rrtype)
		for _, rr := range records {
			if rr.Header().Rrtype != h.Rrtype || !strings.EqualFold(rr.Header().Name, h.Name) {
				return fmt.Errorf("zone %s: the records are not one RRset", z.apex)
			}
			if err := c.add(rr); err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove takes one RRset out of the zone and raises the serial; where there is
// none it does nothing.
func (z *Zone) Remove(name string, rrtype uint16) error {
	return z.edit(func(c *change) error {
		c.removeSet(dns.CanonicalName(name), rrtype)
		return nil
	})
}

// generated reports whether records of this type come from signing.
func generated(rrtype uint16) bool {
	switch rrtype {
	case dns.TypeDNSKEY, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeRRSIG:
		return true
	}
	return false
}

// cutAbove returns the highest node between the apex (exclusive) and name
// (inclusive) that delegates, or nil. The caller holds the lock.
func (z *Zone) cutAbove(name string) *node {
	for _, a := range ancestors(name, z.apex) {
		if n := z.nodes[a]; n != nil && n.sets[dns.TypeNS] != nil {
			return n
		}
	}
	return nil
}

// authoritative reports whether the zone owns n's records: it is not below a cut.
func (z *Zone) authoritative(n *node) bool {
	cut := z.cutAbove(n.name)
	return cut == nil || cut == n
}

// delegation reports whether n is a zone cut.
func (z *Zone) delegation(n *node) bool { return n.name != z.apex && n.sets[dns.TypeNS] != nil }

// copies returns records that the caller may change.
func copies(in []dns.RR) []dns.RR {
	out := make([]dns.RR, len(in))
	for i, rr := range in {
		out[i] = dns.Copy(rr)
	}
	return out
}
