package dnssec

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// nsec3Set is the proven NSEC3 records of one message.
type nsec3Set struct {
	zone    string
	terms   *Terms
	records []nsec3
	hashes  map[string]string // by salt, iterations and name
	costly  bool              // a record asks for more than maxIterations
}

type nsec3 struct {
	*dns.NSEC3
	owner, next string // hashes, base32hex in upper case
}

func (s *nsec3Set) add(owner string, rr *dns.NSEC3) {
	label, _, _ := strings.Cut(owner, ".")
	s.costly = s.costly || rr.Iterations > maxIterations
	s.records = append(s.records, nsec3{rr, strings.ToUpper(label), strings.ToUpper(rr.NextDomain)})
}

// hash computes the hash of a name under a record's parameters, once for each
// (RFC 5155 §5). It gives "" where the budget is spent.
func (s *nsec3Set) hash(r nsec3, name string) string {
	key := r.Salt + "/" + strconv.Itoa(int(r.Iterations)) + "/" + name
	if h, ok := s.hashes[key]; ok {
		return h
	}
	if !s.terms.Budget.hash(1) {
		return ""
	}
	h := dns.HashName(name, dns.SHA1, r.Iterations, r.Salt)
	if s.hashes == nil {
		s.hashes = map[string]string{}
	}
	s.hashes[key] = h
	return h
}

func (s *nsec3Set) match(name string) *nsec3 {
	for i, r := range s.records {
		if h := s.hash(r, name); h != "" && h == r.owner {
			return &s.records[i]
		}
	}
	return nil
}

func (s *nsec3Set) cover(name string) *nsec3 {
	for i, r := range s.records {
		h := s.hash(r, name)
		if h == "" {
			continue
		}
		between := r.owner < h && h < r.next
		// The last record of the zone points back to the first; alone it
		// points to itself.
		around := r.owner >= r.next && (h > r.owner || h < r.next)
		if between || around && h != r.owner {
			return &s.records[i]
		}
	}
	return nil
}

// encloser finds the closest encloser of a name and the record that covers the
// next closer name (RFC 5155 §8.3).
func (s *nsec3Set) encloser(name string) (encloser string, covering *nsec3) {
	for n := Labels(name) - 1; n >= Labels(s.zone); n-- {
		ce := Ancestor(name, n)
		m := s.match(ce)
		if m == nil {
			continue
		}
		if cutsOff(m.TypeBitMap) {
			return "", nil
		}
		return ce, s.cover(Ancestor(name, n+1))
	}
	return "", nil
}

// weigh lowers what costly records show.
func (s *nsec3Set) weigh(x shown) shown {
	if s.costly && x != notShown {
		return shownCostly
	}
	return x
}

func optOut(r *nsec3) shown {
	if r.Flags&1 != 0 {
		return shownOptOut
	}
	return shownSecure
}

func (s *nsec3Set) noData(name string, rrtype uint16) shown {
	if len(s.records) == 0 || !IsSubdomain(name, s.zone) {
		return notShown
	}
	if m := s.match(name); m != nil {
		if deniesType(m.TypeBitMap, name, rrtype) {
			return shownSecure // RFC 5155 §8.5, §8.6
		}
		return notShown
	}
	ce, covering := s.encloser(name)
	if covering == nil {
		return notShown
	}
	wild := wildcardOf(ce)
	if w := s.match(wild); w != nil { // RFC 5155 §8.7
		if deniesType(w.TypeBitMap, wild, rrtype) {
			return optOut(covering)
		}
		return notShown
	}
	// An opt-out span may hide an insecure delegation, or an empty
	// non-terminal above one (RFC 5155 §8.6, §6).
	if optOut(covering) == shownOptOut {
		return shownOptOut
	}
	return notShown
}

func (s *nsec3Set) noName(name string) shown {
	if len(s.records) == 0 || !IsSubdomain(name, s.zone) || s.match(name) != nil {
		return notShown
	}
	ce, covering := s.encloser(name) // RFC 5155 §8.4
	if covering == nil {
		return notShown
	}
	wild := s.cover(wildcardOf(ce))
	if wild == nil {
		return notShown
	}
	return optOut(covering)
}

func (s *nsec3Set) noCloser(name, encloser string) shown {
	if len(s.records) == 0 || !IsSubdomain(name, s.zone) {
		return notShown
	}
	covering := s.cover(Ancestor(name, Labels(encloser)+1)) // RFC 5155 §8.8
	if covering == nil {
		return notShown
	}
	return optOut(covering)
}
