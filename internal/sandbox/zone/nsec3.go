package zone

import (
	"slices"
	"sort"
	"strings"

	"github.com/miekg/dns"
)

// nsec3Chain is the zone's names by the order of their hashes (RFC 5155 §7.1).
type nsec3Chain struct {
	zone   *Zone
	hashes []string // upper-case base32hex, ascending
	sets   []*rrset
}

func newNSEC3Chain(z *Zone) *nsec3Chain {
	c := &nsec3Chain{zone: z}
	nodes := map[string]*node{}
	for name, n := range z.nodes {
		if z.hashed(n) {
			nodes[c.hash(name)] = n
		}
	}
	for h := range nodes {
		c.hashes = append(c.hashes, h)
	}
	slices.Sort(c.hashes)
	ttl, p := z.negativeTTL(), &z.policy
	for i, h := range c.hashes {
		rr := &dns.NSEC3{
			Hdr:  dns.RR_Header{Name: under(strings.ToLower(h), z.apex), Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: ttl},
			Hash: dns.SHA1, Iterations: p.Iterations, SaltLength: uint8(len(p.Salt) / 2), Salt: p.Salt,
			HashLength: 20, NextDomain: c.hashes[(i+1)%len(c.hashes)],
			TypeBitMap: nsec3Bitmap(z, nodes[h]),
		}
		if p.OptOut {
			rr.Flags = 1
		}
		c.sets = append(c.sets, &rrset{records: []dns.RR{rr}})
	}
	return c
}

// hashed reports whether a node has an NSEC3: every authoritative name and empty
// non-terminal has, but under opt-out unsigned delegations have not, nor names
// that exist only for their sake (RFC 5155 §7.1).
func (z *Zone) hashed(n *node) bool {
	if !z.authoritative(n) {
		return false
	}
	if len(n.sets) > 0 {
		return !(z.policy.OptOut && z.delegation(n) && n.sets[dns.TypeDS] == nil)
	}
	for name, below := range z.nodes {
		if name != n.name && len(below.sets) > 0 && dns.IsSubDomain(n.name, name) && z.hashed(below) {
			return true
		}
	}
	return false
}

// nsec3Bitmap differs from an NSEC's in that an NSEC3 is not itself at the name,
// and that a name without signed data shows no RRSIG (RFC 5155 §3.2.1).
func nsec3Bitmap(z *Zone, n *node) []uint16 {
	if len(n.sets) == 0 || z.delegation(n) && n.sets[dns.TypeDS] == nil {
		return bitmap(z, n)
	}
	return bitmap(z, n, dns.TypeRRSIG)
}

func (c *nsec3Chain) hash(name string) string {
	return dns.HashName(name, dns.SHA1, c.zone.policy.Iterations, c.zone.policy.Salt)
}

func (c *nsec3Chain) match(name string) *rrset {
	if i, ok := sort.Find(len(c.hashes), c.order(name)); ok {
		return c.sets[i]
	}
	return nil
}

func (c *nsec3Chain) cover(name string) *rrset {
	i, ok := sort.Find(len(c.hashes), c.order(name))
	if ok {
		return c.sets[i]
	}
	return c.sets[(i+len(c.sets)-1)%len(c.sets)]
}

func (c *nsec3Chain) order(name string) func(int) int {
	h := c.hash(name)
	return func(i int) int { return strings.Compare(h, c.hashes[i]) }
}

// encloser returns the closest encloser of name that has an NSEC3, and the name
// one label longer: together they are the closest encloser proof (RFC 5155 §7.2.1).
func (c *nsec3Chain) encloser(name string) (closest, next string) {
	for c.match(name) == nil && name != c.zone.apex {
		name, next = parent(name), name
	}
	return name, next
}
