package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// denial is the proven NSEC and NSEC3 records of one message: what its zone
// says does not exist.
type denial struct {
	zone  string
	nsec  []*dns.NSEC
	nsec3 *nsec3Set

	ttl   time.Duration
	until time.Time
	// costly: NSEC3 records that hold but ask for so many iterations that they
	// are not looked at; what they would prove is Insecure (RFC 9276 §3.2).
	costly bool
	// trouble is what was wrong with the first record that did not hold.
	trouble Trouble
	// overfull says of what there is more than is looked at. It is no more than the
	// message's trouble, which any server can make: the budget is not spent by it.
	overfull Trouble
	// records are those that hold, with their signatures: what a stub may be shown.
	records []dns.RR
	proofs  []Proof // those that may be kept for other questions
}

// verdict of a denial: what it shows of a name.
type shown uint8

const (
	notShown    shown = iota
	shownSecure       // proven
	shownOptOut       // proven up to an opt-out span: Insecure (RFC 5155 §9.2)
	shownCostly       // proven by more than 50 NSEC3 iterations: Insecure (RFC 9276 §3.2)
)

// trouble words what keeps a denial that holds from being Secure.
func (s shown) trouble(name, zone string) Trouble {
	switch s {
	case shownOptOut:
		return Trouble{Code: CodeOther, Text: name + " lies in an NSEC3 opt-out span of " + zone}
	case shownCostly:
		return Trouble{Code: CodeIterations, Text: zone + " asks for more than 50 NSEC3 iterations"}
	}
	return Trouble{}
}

// denials proves each NSEC and NSEC3 RRset of an authority section and keeps
// those that hold. Of a section with more of them than are looked at none is:
// what it would prove is not known.
func (z *Zone) denials(section []dns.RR, t *Terms) *denial {
	d := &denial{zone: z.Name, ttl: 1 << 62}
	d.nsec3 = &nsec3Set{zone: z.Name, terms: t}
	signed := signedDenials(section)
	if d.overfull = signed.overfull(section); d.overfull.Text != "" {
		return d
	}
	for _, rr := range section {
		at, ok := denialAt(rr)
		if !ok {
			continue
		}
		todo, known := signed[at]
		if !known && d.trouble.Text == "" {
			d.trouble = z.bogus(CodeSignatureMissing, RRset{Name: at.name, Type: at.rrtype}, "has no signature")
		}
		if !todo {
			continue
		}
		signed[at] = false
		set := find(section, at.name, at.rrtype)
		p, trouble := z.proveRRset(set, t)
		if trouble.Text == "" && p.labels != ownLabels(at.name) {
			// A denial is never the product of a wildcard.
			trouble = z.bogus(CodeBogus, set, "was expanded from a wildcard")
		}
		if trouble.Text != "" {
			if d.trouble.Text == "" {
				d.trouble = trouble
			}
			continue
		}
		d.keep(set, p, t)
	}
	return d
}

// place is where an RRset of a section is.
type place struct {
	name   string
	rrtype uint16
}

// denialAt is the place of a record that denies something, if it is one.
func denialAt(rr dns.RR) (place, bool) {
	h := rr.Header()
	if h.Class != dns.ClassINET || h.Rrtype != dns.TypeNSEC && h.Rrtype != dns.TypeNSEC3 {
		return place{}, false
	}
	return place{Canonical(h.Name), h.Rrtype}, true
}

// places are those of the denials that somebody has signed, which alone can prove
// anything; true, until they were looked at.
type places map[place]bool

func signedDenials(section []dns.RR) places {
	out := places{}
	for _, rr := range section {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.Hdr.Class == dns.ClassINET && (sig.TypeCovered == dns.TypeNSEC || sig.TypeCovered == dns.TypeNSEC3) {
			out[place{Canonical(sig.Hdr.Name), sig.TypeCovered}] = true
		}
	}
	return out
}

// overfull is the trouble where more denials are signed than are looked at, each of
// which may cost a signature check and hashes for every label of a name.
func (p places) overfull(section []dns.RR) Trouble {
	nsec, nsec3 := 0, 0
	for _, rr := range section {
		at, ok := denialAt(rr)
		switch {
		case !ok || !p[at]:
		case at.rrtype == dns.TypeNSEC:
			nsec++
		default:
			nsec3++
		}
	}
	switch {
	case nsec3 > maxNSEC3:
		return tooCostly("8 NSEC3 records in a message")
	case nsec > maxNSEC:
		return tooCostly("16 NSEC records in a message")
	}
	return Trouble{}
}

// givenUp is the finding where the budget is spent, or else this message is overfull.
func (d *denial) givenUp(t *Terms) Finding {
	f := givenUp(t)
	if !t.Budget.spent() {
		f.Trouble, f.Overfull = d.overfull, true
	}
	return f
}

// ownLabels is the Labels field that a signature over a name itself has.
func ownLabels(name string) int {
	if isWildcard(name) {
		return Labels(name) - 1
	}
	return Labels(name)
}

func (d *denial) keep(set RRset, p proof, t *Terms) {
	for _, rr := range set.RRs {
		switch rr := rr.(type) {
		case *dns.NSEC:
			// Owner, next name and signer lie in one zone: an NSEC that points
			// out of it would deny names that are not the zone's.
			if !IsSubdomain(Canonical(rr.NextDomain), d.zone) {
				continue
			}
			d.nsec = append(d.nsec, rr)
			if len(set.RRs) == 1 {
				d.proofs = append(d.proofs, newProof(set, p, t))
			}
		case *dns.NSEC3:
			if rr.Hash != dns.SHA1 || rr.Flags&^1 != 0 || Parent(set.Name) != d.zone {
				continue // RFC 5155 §8.1, §8.2
			}
			if rr.Iterations > hardIterations {
				d.costly = true
				continue
			}
			d.nsec3.add(set.Name, rr)
			if len(set.RRs) == 1 && rr.Iterations <= maxIterations {
				d.proofs = append(d.proofs, newProof(set, p, t))
			}
		}
	}
	d.records = append(d.records, set.All()...)
	d.ttl = min(d.ttl, p.ttl)
	if d.until.IsZero() || p.until.Before(d.until) {
		d.until = p.until
	}
}

func (d *denial) empty() bool { return len(d.nsec) == 0 && len(d.nsec3.records) == 0 }

// noData: the name exists (or a wildcard that it matches), the type does not.
func (d *denial) noData(name string, rrtype uint16) shown {
	if s := d.nsecNoData(name, rrtype); s != notShown {
		return s
	}
	return d.nsec3.weigh(d.nsec3.noData(name, rrtype))
}

// noName: the name does not exist, and no wildcard makes it.
func (d *denial) noName(name string) shown {
	if s := d.nsecNoName(name); s != notShown {
		return s
	}
	return d.nsec3.weigh(d.nsec3.noName(name))
}

// noCloser: nothing between a wildcard's encloser and the name exists, so the
// wildcard was rightly expanded (RFC 4035 §5.3.4, RFC 5155 §8.8).
func (d *denial) noCloser(name, encloser string) shown {
	if s := d.nsecNoCloser(name, encloser); s != notShown {
		return s
	}
	return d.nsec3.weigh(d.nsec3.noCloser(name, encloser))
}

// hasType looks a type up in a type bit map.
func hasType(bitmap []uint16, rrtype uint16) bool {
	for _, t := range bitmap {
		if t == rrtype {
			return true
		}
	}
	return false
}

// deniesType reports whether a record at the name itself shows that it has no
// such type. The rules on NS and SOA tell the parent's record at a cut from
// the child's: only the parent's speaks of DS, only the child's of the rest
// (RFC 6840 §4.1, RFC 4035 §5.2).
func deniesType(bitmap []uint16, name string, rrtype uint16) bool {
	if hasType(bitmap, rrtype) || hasType(bitmap, dns.TypeCNAME) || rrtype == dns.TypeANY && len(bitmap) > 0 {
		return false // ANY is absent only where nothing is there
	}
	if rrtype == dns.TypeDS {
		return !hasType(bitmap, dns.TypeSOA) || name == "."
	}
	return !hasType(bitmap, dns.TypeNS) || hasType(bitmap, dns.TypeSOA)
}

// cutsOff reports whether a record at an ancestor of a name says that the
// names below are not this zone's to deny (RFC 6840 §4.1).
func cutsOff(bitmap []uint16) bool {
	return hasType(bitmap, dns.TypeDNAME) || hasType(bitmap, dns.TypeNS) && !hasType(bitmap, dns.TypeSOA)
}
