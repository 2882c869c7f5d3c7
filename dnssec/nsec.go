package dnssec

import "github.com/miekg/dns"

// matchNSEC finds the record at a name.
func (d *denial) matchNSEC(name string) *dns.NSEC {
	for _, n := range d.nsec {
		if Canonical(n.Hdr.Name) == name {
			return n
		}
	}
	return nil
}

// coverNSEC finds a record whose span holds a name (RFC 4034 §4.1.1).
func (d *denial) coverNSEC(name string) *dns.NSEC {
	for _, n := range d.nsec {
		if d.covers(n, name) {
			return n
		}
	}
	return nil
}

func (d *denial) covers(n *dns.NSEC, name string) bool {
	owner, next := Canonical(n.Hdr.Name), Canonical(n.NextDomain)
	if !IsSubdomain(name, d.zone) || !less(owner, name) {
		return false
	}
	if IsSubdomain(name, owner) && cutsOff(n.TypeBitMap) {
		return false
	}
	// The last record of the zone points back to the apex.
	return less(name, next) || next == d.zone
}

func (d *denial) nsecNoData(name string, rrtype uint16) shown {
	if n := d.matchNSEC(name); n != nil {
		if deniesType(n.TypeBitMap, name, rrtype) {
			return shownSecure
		}
		return notShown
	}
	n := d.coverNSEC(name)
	if n == nil {
		return notShown
	}
	// An empty non-terminal: the next name lies below (RFC 4035 §5.4, RFC 7129 §5.4).
	if next := Canonical(n.NextDomain); next != name && IsSubdomain(next, name) {
		return shownSecure
	}
	wild := wildcardOf(encloserBy(n, name))
	if w := d.matchNSEC(wild); w != nil && deniesType(w.TypeBitMap, wild, rrtype) {
		return shownSecure
	}
	// A wildcard that is an empty non-terminal makes the name exist, and empty (RFC 4592 §2.2.2).
	if w := d.coverNSEC(wild); w != nil && IsSubdomain(Canonical(w.NextDomain), wild) {
		return shownSecure
	}
	return notShown
}

// encloserBy is the closest encloser that a covering record shows: the longest
// name that the denied one shares with either end of the span.
func encloserBy(n *dns.NSEC, name string) string {
	a := commonAncestor(name, Canonical(n.Hdr.Name))
	b := commonAncestor(name, Canonical(n.NextDomain))
	if Labels(b) > Labels(a) {
		return b
	}
	return a
}

func (d *denial) nsecNoName(name string) shown {
	n := d.coverNSEC(name)
	if n == nil {
		return notShown
	}
	if next := Canonical(n.NextDomain); IsSubdomain(next, name) {
		return notShown // an empty non-terminal exists
	}
	wild := wildcardOf(encloserBy(n, name))
	if w := d.coverNSEC(wild); w == nil || IsSubdomain(Canonical(w.NextDomain), wild) {
		return notShown
	}
	return shownSecure
}

func (d *denial) nsecNoCloser(name, encloser string) shown {
	n := d.coverNSEC(name)
	if n == nil || encloserBy(n, name) != encloser || IsSubdomain(Canonical(n.NextDomain), name) {
		return notShown
	}
	return shownSecure
}
