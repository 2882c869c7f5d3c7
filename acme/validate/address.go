package validate

import (
	"net/netip"
	"slices"
)

// mayReach reports whether a may be connected to: it is a public address, or the
// operator has named its network. An account holder would else have this machine
// knock on its neighbours' doors (server-side request forgery).
func (v *Validator) mayReach(a netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	return public(a) || slices.ContainsFunc(v.cfg.AllowNetworks, in)
}

// public reports whether a is one host's in the Internet, by the IANA special-purpose
// address registries (RFC 6890). Of IPv6 only global unicast (2000::/3, RFC 4291 §2.4)
// is; what has an IPv4 address inside is not, since that would be reached by a detour.
func public(a netip.Addr) bool {
	if a.Is4() {
		return !within(a, special4)
	}
	return globalUnicast.Contains(a) && !within(a, special6)
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

var globalUnicast = netip.MustParsePrefix("2000::/3")

var special4 = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791 §3.2)
	netip.MustParsePrefix("10.0.0.0/8"),      // private (RFC 1918)
	netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's NAT (RFC 6598)
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback (RFC 1122 §3.2.1.3)
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local (RFC 3927); clouds' metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private (RFC 1918)
	netip.MustParsePrefix("192.0.0.0/24"),    // of protocols (RFC 6890 §2.1)
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation (RFC 5737)
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays, no more (RFC 7526)
	netip.MustParsePrefix("192.168.0.0/16"),  // private (RFC 1918)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("198.51.100.0/24"), // documentation (RFC 5737)
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation (RFC 5737)
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast (RFC 5771)
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast (RFC 1112 §4, RFC 8190)
}

// special6 is what is not public within globalUnicast. Outside of it lie loopback,
// unspecified, IPv4-mapped, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard-only,
// unique local, link-local, site-local and multicast addresses.
var special6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),     // of protocols (RFC 2928), Teredo among them (RFC 4380)
	netip.MustParsePrefix("2001:db8::/32"), // documentation (RFC 3849)
	netip.MustParsePrefix("2002::/16"),     // 6to4: IPv4 inside (RFC 3056)
	netip.MustParsePrefix("3fff::/20"),     // documentation (RFC 9637)
}
