package dnssec

// Conclusive reports whether a can decide anything about its Name: it answers for that type, its
// parts agree with each other, it says which zone, the name's or one above, it is from,
// and its security is known: Secure, or proven to be Insecure. The zero Answer is not.
// Whether Name is the one that was asked for the caller compares, who may have it in octets.
func (a *Answer) Conclusive(rrtype uint16) bool {
	switch {
	case a.Type != rrtype:
		return false
	case a.Security != Secure && a.Security != Insecure:
		return false
	case a.Zone == "" || !IsSubdomain(a.Name, a.Zone):
		return false
	}
	switch a.Kind {
	case Positive:
		return len(a.Data) > 0
	case NoData, NoName:
		return len(a.Data) == 0
	}
	return false
}
