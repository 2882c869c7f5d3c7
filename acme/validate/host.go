package validate

import (
	"errors"
	"net/netip"
	"strings"
)

// host is whom to ask: a name, or an address. One of them is set.
type host struct {
	name    string // lower case, without the trailing dot
	address netip.Addr
}

// String returns the host as it stands in an identifier.
func (h host) String() string {
	if h.address.IsValid() {
		return h.address.String()
	}
	return h.name
}

// inURL is the host as it stands in a URL and in the Host field: an IPv6 address in
// brackets (RFC 8738 §4, RFC 3986 §3.2.2).
func (h host) inURL() string {
	if h.address.Is6() {
		return "[" + h.address.String() + "]"
	}
	return h.String()
}

// The bounds of a name in text (RFC 1035 §2.3.4).
const (
	maxName  = 253
	maxLabel = 63
)

var errHost = errors.New("not a host name in letters, digits and hyphens")

// parseHost reads a name or an address. It refuses what other programs might take
// for an address, since they and we must not mean different hosts: zones, IPv4 in
// IPv6, and names that end in a number ("127.1", "0x7f.1").
func parseHost(text string) (host, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return host{}, errors.New("an address with a zone, or IPv4 in IPv6")
		}
		return host{address: a}, nil
	}
	name := lower(strings.TrimSuffix(text, "."))
	if len(name) > maxName {
		return host{}, errHost
	}
	var last string
	for last = range strings.SplitSeq(name, ".") {
		if last == "" || len(last) > maxLabel || strings.ContainsFunc(last, notInLabel) {
			return host{}, errHost
		}
	}
	if c := last[0]; '0' <= c && c <= '9' {
		return host{}, errHost
	}
	return host{name: name}, nil
}

// notInLabel lets the underscore through: it is in the names of many hosts that are
// redirected to.
func notInLabel(c rune) bool {
	return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_')
}

// lower lower-cases the letters that DNS knows (RFC 4343 §3): strings.ToLower would
// make a K of the sign for kelvin.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
