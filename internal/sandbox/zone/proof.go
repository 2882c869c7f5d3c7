package zone

import (
	"github.com/miekg/dns"
)

// chain is the sorted ring of records that deny what lies between them.
type chain interface {
	match(name string) *rrset // the record that stands for name; nil where none does
	cover(name string) *rrset // the record whose interval holds name
}

// encloser is the closest encloser of a name that does not exist: its longest
// ancestor that does (RFC 4592 §3.3.1). Empty non-terminals count.
func (z *Zone) encloser(name string) string {
	for z.nodes[name] == nil && name != z.apex {
		name = parent(name)
	}
	return name
}

// proveNoName denies a name: nothing stands at it, and no wildcard could stand in
// for it (RFC 4035 §3.1.3.2; RFC 5155 §7.2.2).
func (z *Zone) proveNoName(name, encloser string) []*rrset {
	switch c := z.chain.(type) {
	case *nsecChain:
		return []*rrset{c.cover(name), c.cover(under("*", encloser))}
	case *nsec3Chain:
		closest, next := c.encloser(name)
		return []*rrset{c.match(closest), c.cover(next), c.cover(under("*", closest))}
	}
	return nil
}

// proveNoData denies the type at a name that exists (RFC 4035 §3.1.3.1; RFC 5155
// §7.2.3). An empty non-terminal has no NSEC of its own: the one before it, whose
// next name lies below it, shows both that it exists and that it is empty. An
// unsigned delegation under opt-out has no NSEC3: the closest provable encloser
// and an opt-out interval over the next name show that it may exist (§7.2.4, §7.2.7).
func (z *Zone) proveNoData(name string) []*rrset {
	if z.chain == nil {
		return nil
	}
	if m := z.chain.match(name); m != nil {
		return []*rrset{m}
	}
	if c, ok := z.chain.(*nsec3Chain); ok {
		closest, next := c.encloser(name)
		return []*rrset{c.match(closest), c.cover(next)}
	}
	return []*rrset{z.chain.cover(name)}
}

// proveExpansion shows that a wildcard was right to answer: nothing closer exists
// (RFC 4035 §3.1.3.3; RFC 5155 §7.2.6).
func (z *Zone) proveExpansion(name, encloser string) []*rrset {
	switch c := z.chain.(type) {
	case *nsecChain:
		return []*rrset{c.cover(name)}
	case *nsec3Chain:
		return []*rrset{c.cover(nextCloser(name, encloser))}
	}
	return nil
}

// proveWildcardNoData shows that nothing closer exists and that the wildcard
// lacks the type (RFC 4035 §3.1.3.4; RFC 5155 §7.2.5).
func (z *Zone) proveWildcardNoData(name, encloser string) []*rrset {
	w := under("*", encloser)
	switch c := z.chain.(type) {
	case *nsecChain:
		if m := c.match(w); m != nil {
			return []*rrset{c.cover(name), m}
		}
		return []*rrset{c.cover(name), c.cover(w)} // the wildcard is an empty non-terminal
	case *nsec3Chain:
		return []*rrset{c.match(encloser), c.cover(nextCloser(name, encloser)), c.match(w)}
	}
	return nil
}

// nextCloser is the name one label longer than its closest encloser (RFC 5155 §1.3).
func nextCloser(name, encloser string) string {
	for parent(name) != encloser && name != "." {
		name = parent(name)
	}
	return name
}

// negativeTTL is how long an absence lasts: the lesser of the SOA's minimum and
// its own TTL (RFC 2308 §5); NSEC and NSEC3 records live as long (RFC 9077 §3).
func (z *Zone) negativeTTL() uint32 {
	soa := z.nodes[z.apex].sets[dns.TypeSOA].records[0].(*dns.SOA)
	return min(soa.Minttl, soa.Hdr.Ttl)
}
