package dnssec

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// RRset is the records of one name and type with the signatures over them.
type RRset struct {
	Name string // lower case
	Type uint16
	RRs  []dns.RR
	Sigs []*dns.RRSIG
}

// find collects the RRset of a name and type from a section.
func find(section []dns.RR, name string, rrtype uint16) RRset {
	set := RRset{Name: name, Type: rrtype}
	for _, rr := range section {
		h := rr.Header()
		if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
			continue
		}
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == rrtype {
			set.Sigs = append(set.Sigs, sig)
		} else if h.Rrtype == rrtype {
			set.RRs = append(set.RRs, rr)
		}
	}
	return set
}

// types lists the types that a section holds at a name, RRSIG apart.
func types(section []dns.RR, name string) []uint16 {
	var out []uint16
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype != dns.TypeRRSIG && h.Class == dns.ClassINET && strings.EqualFold(h.Name, name) && !slices.Contains(out, h.Rrtype) {
			out = append(out, h.Rrtype)
		}
	}
	return out
}

// All returns records and signatures together, as a section holds them.
func (s RRset) All() []dns.RR {
	out := slices.Clone(s.RRs)
	for _, sig := range s.Sigs {
		out = append(out, sig)
	}
	return out
}

// TTL is the smallest TTL of the records; they should be equal (RFC 2181 §5.2).
func (s RRset) TTL() time.Duration {
	ttl := uint32(1<<31 - 1)
	for _, rr := range s.RRs {
		ttl = min(ttl, validTTL(rr.Header().Ttl))
	}
	return time.Duration(ttl) * time.Second
}

// validTTL treats a TTL with its top bit set as zero (RFC 2181 §8).
func validTTL(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}
