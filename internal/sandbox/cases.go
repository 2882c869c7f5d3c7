package sandbox

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// ZoneInfo says what a zone of the sandbox is there for.
type ZoneInfo struct {
	Name string // apex, with the trailing dot
	// Want is what a validator makes of the zone's confirmation record: "secure",
	// "insecure" or "bogus"; "indeterminate" where no server answers.
	Want    string
	Why     string           // for people: what the case is
	Servers []netip.AddrPort // of the zone itself, first the one that takes updates
	Cases   []Case           // questions whose outcome is known
}

// Case is a question to which the right answer is known.
type Case struct {
	Name string // owner name, with the trailing dot
	Type uint16 // RR type code
	Want string // "secure", "insecure", "bogus" or "indeterminate"
	Kind string // "positive", "nodata" or "noname"; "" where no server answers
	// Peers is what other validators make of it, where their policy is another than
	// cnfd's default: RSA/SHA-1 signatures are secure to them, so are sets of more than
	// 255 records, and silence is as bad as a forgery. Otherwise the same as Want.
	Peers string
	// Wildcard: the answer is synthesised from a wildcard.
	Wildcard bool
	Why      string // where it is not the zone's own reason
}

// Zones lists the zones with what becomes of each, parents first.
func (n *Internet) Zones() []ZoneInfo {
	var out []ZoneInfo
	for i := range n.specs {
		out = append(out, n.info(&n.specs[i]))
	}
	return out
}

// info tells the outside about a zone, with the cases that every such zone has.
func (n *Internet) info(s *spec) ZoneInfo {
	info := ZoneInfo{Name: s.name, Want: s.want, Why: s.why}
	for _, on := range s.on {
		info.Servers = append(info.Servers, netip.AddrPortFrom(n.config.Host(on), uint16(n.port)))
	}
	if s.silent {
		info.Cases = []Case{{Name: "jwk.cnf." + s.name, Type: dns.TypeTLSA, Want: s.want, Peers: bogus, Why: s.why}}
		return info
	}
	if s.older != "" {
		return info // the answer depends on whom one asks
	}
	z := n.zones[s.name]
	switch set := z.Records("jwk.cnf."+s.name, dns.TypeTLSA); {
	case len(set) > 255: // nobody needs so many: they are proven, and not handed out
		info.Cases = append(info.Cases, Case{Name: "jwk.cnf." + s.name, Type: dns.TypeTLSA, Want: indeterminate, Kind: positive, Peers: s.want})
	case set != nil:
		info.Cases = append(info.Cases, Case{Name: "jwk.cnf." + s.name, Type: dns.TypeTLSA, Want: s.want, Kind: positive})
	}
	if strings.HasPrefix(s.records, published) {
		info.Cases = append(info.Cases, Case{Name: "1.8." + s.name, Type: dns.TypeTLSA, Want: s.want, Kind: positive})
		if s.policy.Spoil == nil && s.policy.Iterations < 100 {
			info.Cases = append(info.Cases,
				Case{Name: "jwk.cnf.absent." + s.name, Type: dns.TypeTLSA, Want: s.want, Kind: noname},
				Case{Name: "www." + s.name, Type: dns.TypeTLSA, Want: s.want, Kind: nodata})
		}
	}
	info.Cases = append(info.Cases, s.cases...)
	for i := range info.Cases {
		c := &info.Cases[i]
		if c.Why == "" {
			c.Why = s.why
		}
		if c.Peers == "" {
			c.Peers = c.Want
		}
		if len(s.keys) > 0 && (s.keys[0] == dns.RSASHA1 || s.keys[0] == dns.RSASHA1NSEC3SHA1) {
			c.Peers = secure
		}
	}
	return info
}
