package acme

import (
	"fmt"
	"net/netip"
	"strings"
)

// The types of identifiers (RFC 8555 §9.7.7, RFC 8738 §3).
const (
	TypeDNS = "dns"
	TypeIP  = "ip"
)

// Identifier is what a certificate is asked for: a DNS name in A-labels and
// lower case, or an IP address in its one text form (RFC 5952). A wildcard
// stands in an order as "*.vendor.example"; an authorization has its base.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Wildcard reports whether i is a wildcard of a DNS name.
func (i Identifier) Wildcard() bool {
	return i.Type == TypeDNS && strings.HasPrefix(i.Value, "*.")
}

// Base returns i without a wildcard's "*.".
func (i Identifier) Base() Identifier {
	if i.Wildcard() {
		i.Value = i.Value[2:]
	}
	return i
}

// Domain returns the domain whose confirmation record is consulted for i, without
// the trailing dot: a name's own, a wildcard's base, an address's reverse name
// (RFC 1035 §3.5, RFC 3596 §2.5). It is "" where i is no checked identifier.
func (i Identifier) Domain() string {
	switch i.Type {
	case TypeDNS:
		return i.Base().Value
	case TypeIP:
		address, err := netip.ParseAddr(i.Value)
		if err != nil {
			return ""
		}
		return ReverseName(address)
	}
	return ""
}

// String returns the identifier for people.
func (i Identifier) String() string { return i.Type + " " + i.Value }

// ReverseName returns the name of address in in-addr.arpa or ip6.arpa, without
// the trailing dot.
func ReverseName(address netip.Addr) string {
	if address.Is4() {
		b := address.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0])
	}
	const hex = "0123456789abcdef"
	var name strings.Builder
	octets := address.As16()
	for i := len(octets) - 1; i >= 0; i-- {
		name.Write([]byte{hex[octets[i]&15], '.', hex[octets[i]>>4], '.'})
	}
	return name.String() + "ip6.arpa"
}
