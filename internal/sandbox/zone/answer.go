package zone

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Reply is what the zone has to say to one question: the sections of an answer
// without header, question and EDNS.
type Reply struct {
	Rcode         int
	Authoritative bool // false: a referral
	Answer        []dns.RR
	Authority     []dns.RR
	Additional    []dns.RR
}

// maxAliases bounds CNAME and DNAME hops within the zone; a loop ends here.
const maxAliases = 8

// Answer answers the question of one name and type by the algorithm of RFC 1034
// §4.3.2: walk down to the name; a zone cut on the way is a referral, a DNAME or
// CNAME starts again at its target, a missing name is looked for under the
// wildcard. With dnssec (the DO bit, RFC 4035 §3.1) every RRset brings its
// signatures, made at the time at, and every absence its proof.
func (z *Zone) Answer(qname string, qtype uint16, dnssec bool, at time.Time) Reply {
	z.mu.RLock()
	defer z.mu.RUnlock()
	s := search{zone: z, qtype: qtype, dnssec: dnssec && z.chain != nil, at: at}
	s.reply.Authoritative = true
	name, asked := dns.CanonicalName(qname), qname
	for range maxAliases {
		target := s.step(name, asked)
		if target == "" || !z.Contains(target) {
			break
		}
		name, asked = dns.CanonicalName(target), target
		s.followed = true
	}
	return s.reply
}

// search is one question on its way down the zone.
type search struct {
	zone     *Zone
	qtype    uint16
	dnssec   bool
	at       time.Time
	followed bool // an alias has been followed already
	reply    Reply
}

// step looks for one name; asked is the same name in the client's own spelling,
// which synthesised records carry. It returns the target where the answer so far is an alias.
func (s *search) step(name, asked string) (target string) {
	for _, a := range append([]string{s.zone.apex}, ancestors(name, s.zone.apex)...) {
		n := s.zone.nodes[a]
		if n == nil {
			break
		}
		// The parent side of a cut answers for DS and nothing else (RFC 4035 §3.1.4.1).
		if s.zone.delegation(n) && !(a == name && s.qtype == dns.TypeDS) {
			s.refer(n)
			return ""
		}
		if d := n.sets[dns.TypeDNAME]; d != nil && a != name {
			return s.dname(d, name, asked)
		}
	}
	if n := s.zone.nodes[name]; n != nil {
		return s.node(n, asked, nil)
	}
	encloser := s.zone.encloser(name)
	if w := s.zone.nodes[under("*", encloser)]; w != nil {
		return s.node(w, asked, &expansion{name: name, encloser: encloser})
	}
	s.reply.Rcode = dns.RcodeNameError
	s.soa()
	s.prove(s.zone.proveNoName(name, encloser))
	return ""
}

// expansion is the use of a wildcard for a name that does not exist.
type expansion struct{ name, encloser string }

// node answers from a node that exists, or from the wildcard that stands in for it.
func (s *search) node(n *node, asked string, w *expansion) (target string) {
	sets := s.zone.wanted(n, s.qtype)
	alias := len(sets) == 0 && n.sets[dns.TypeCNAME] != nil
	if alias {
		sets = []*rrset{n.sets[dns.TypeCNAME]}
	}
	if len(sets) == 0 {
		s.soa()
		if w != nil {
			s.prove(s.zone.proveWildcardNoData(w.name, w.encloser))
		} else {
			s.prove(s.zone.proveNoData(n.name))
		}
		return ""
	}
	for _, set := range sets {
		s.put(&s.reply.Answer, set, expandedName(w, asked))
		if set.records[0].Header().Rrtype == dns.TypeNS {
			s.addresses(set)
		}
	}
	if w != nil {
		s.prove(s.zone.proveExpansion(w.name, w.encloser))
	}
	if alias {
		return sets[0].records[0].(*dns.CNAME).Target
	}
	return ""
}

// expandedName is the owner that records get: the asked name where a wildcard
// stands in for it, else their own.
func expandedName(w *expansion, asked string) string {
	if w == nil {
		return ""
	}
	return asked
}

// wanted returns the RRsets of a node that a query type asks for.
func (z *Zone) wanted(n *node, qtype uint16) []*rrset {
	switch qtype {
	case dns.TypeANY:
		var all []*rrset
		for _, t := range types(n) {
			all = append(all, n.sets[t])
		}
		return all
	case dns.TypeNSEC:
		if c, ok := z.chain.(*nsecChain); ok {
			if set := c.match(n.name); set != nil {
				return []*rrset{set}
			}
		}
	}
	if set := n.sets[qtype]; set != nil {
		return []*rrset{set}
	}
	return nil
}

// types lists the types at a node in ascending order.
func types(n *node) []uint16 {
	var out []uint16
	for t := range n.sets {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// dname answers with the DNAME and the CNAME synthesised from it, which is not
// signed: the DNAME's signature proves it (RFC 6672 §5.3.1).
func (s *search) dname(set *rrset, name, asked string) (target string) {
	s.put(&s.reply.Answer, set, "")
	d := set.records[0].(*dns.DNAME)
	owner := dns.CanonicalName(d.Hdr.Name)
	prefix := asked[:len(asked)-len(owner)]
	if owner == "." {
		prefix = asked
	}
	target = prefix + d.Target
	if d.Target == "." {
		target = prefix
	}
	if _, ok := dns.IsDomainName(target); !ok {
		s.reply.Rcode = dns.RcodeYXDomain // the name would be too long (RFC 6672 §2.2)
		return ""
	}
	s.reply.Answer = append(s.reply.Answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: asked, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl},
		Target: target,
	})
	return target
}

// refer points to the child's servers: their names, the DS RRset or the proof
// that there is none (RFC 4035 §3.1.4), and the addresses known here as glue.
func (s *search) refer(cut *node) {
	if s.followed {
		return // the client asks for the alias's target itself
	}
	s.reply.Authoritative = false
	ns := cut.sets[dns.TypeNS]
	s.reply.Authority = append(s.reply.Authority, copies(ns.records)...)
	if ds := cut.sets[dns.TypeDS]; ds != nil {
		if s.dnssec {
			s.put(&s.reply.Authority, ds, "")
		}
	} else {
		s.prove(s.zone.proveNoData(cut.name))
	}
	s.addresses(ns)
}

// addresses adds the addresses of name servers that this zone holds, as data or as glue.
func (s *search) addresses(ns *rrset) {
	for _, rr := range ns.records {
		n := s.zone.nodes[dns.CanonicalName(rr.(*dns.NS).Ns)]
		if n == nil {
			continue
		}
		for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if set := n.sets[t]; set != nil {
				s.reply.Additional = append(s.reply.Additional, copies(set.records)...)
			}
		}
	}
}

// soa puts the SOA into the authority section of a negative answer; its TTL is
// how long the absence may be remembered (RFC 2308 §3).
func (s *search) soa() {
	set := s.zone.nodes[s.zone.apex].sets[dns.TypeSOA]
	at := len(s.reply.Authority)
	s.put(&s.reply.Authority, set, "")
	for _, rr := range s.reply.Authority[at:] {
		rr.Header().Ttl = s.zone.negativeTTL()
	}
}

// prove adds the NSEC or NSEC3 records of a denial, each once.
func (s *search) prove(proof []*rrset) {
	if !s.dnssec {
		return
	}
	for i, set := range proof {
		if set != nil && !slices.Contains(proof[:i], set) {
			s.put(&s.reply.Authority, set, "")
		}
	}
}

// put adds an RRset and its signatures to a section, under another owner name
// where one is given.
func (s *search) put(section *[]dns.RR, set *rrset, owner string) {
	out := copies(set.records)
	if s.dnssec {
		out = append(out, copies(s.zone.signatures(set, s.at))...)
	}
	for _, rr := range out {
		if owner != "" {
			rr.Header().Name = owner
		}
	}
	*section = append(*section, out...)
}
