package sandbox

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// build makes the servers and their zones from the specs, children first, so that
// a parent's DS records can be taken from its children's keys.
func (n *Internet) build() error {
	for i := range serverCount {
		n.servers = append(n.servers, &server{
			addr: n.config.Host(i), zones: map[string]*zone.Zone{}, now: n.config.Now, secret: n.secret,
		})
	}
	all := specs()
	rsa := &sharedRSA{}
	delegations := map[string][]dns.RR{} // by the parent's apex
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		s.defaults()
		z, err := n.make(&s, rsa, delegations[s.name])
		if err != nil {
			return err
		}
		if !s.silent {
			for _, on := range s.on {
				n.servers[on].zones[s.name] = z
			}
		}
		n.zones[s.name] = z
		if s.older != "" {
			if n.servers[s.on[1]].zones[s.name], err = n.copyOf(&s, s.older, nil); err != nil {
				return err
			}
		}
		if s.name == "." {
			n.anchor = strings.ReplaceAll(z.DS(dns.SHA256)[0].String(), "\t", " ")
		} else {
			up := parentZone(s.name, all)
			delegations[up] = append(delegations[up], n.delegation(&s, z)...)
		}
		all[i] = s
	}
	n.specs = all
	return nil
}

// defaults fills in what a spec leaves out.
func (s *spec) defaults() {
	if s.want == "" {
		s.want = secure
	}
	if s.on == nil {
		s.on = []int{serverLeaf}
	}
	if s.keys == nil {
		s.keys = []uint8{dns.ECDSAP256SHA256}
	}
	if s.ds == nil {
		s.ds = func(ds []dns.RR) []dns.RR { return ds }
	}
	if s.records == "" {
		s.records = published
	}
}

// parentZone is the longest apex above name.
func parentZone(name string, all []spec) string {
	up := "."
	for _, s := range all {
		if s.name != name && dns.IsSubDomain(s.name, name) && len(s.name) > len(up) {
			up = s.name
		}
	}
	return up
}

// sharedRSA is one RSA key for all zones that need one: it takes long to find.
type sharedRSA struct{ key crypto.Signer }

func (r *sharedRSA) newKey(algorithm uint8, flags uint16) (*zone.Key, error) {
	switch algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
	default:
		return zone.NewKey(algorithm, flags, nil)
	}
	k, err := zone.NewKey(algorithm, flags, r.key)
	if err == nil {
		r.key = k.Private()
	}
	return k, err
}

// make makes one zone; below are the records of the delegations in it.
func (n *Internet) make(s *spec, rsa *sharedRSA, below []dns.RR) (*zone.Zone, error) {
	for _, algorithm := range s.keys {
		flags := []uint16{dns.ZONE | dns.SEP}
		if s.split {
			flags = append(flags, dns.ZONE)
		}
		for _, f := range flags {
			k, err := rsa.newKey(algorithm, f)
			if err != nil {
				return nil, err
			}
			s.policy.Keys = append(s.policy.Keys, k)
		}
	}
	return n.copyOf(s, s.records, below)
}

// copyOf makes a zone of s's keys and other content.
func (n *Internet) copyOf(s *spec, content string, below []dns.RR) (*zone.Zone, error) {
	records, err := n.parse(s, n.apex(s)+content)
	if err != nil {
		return nil, err
	}
	return zone.New(s.name, s.policy, append(records, below...))
}

// apex is the zone file of the SOA, the NS records and the servers' addresses.
func (n *Internet) apex(s *spec) string {
	ttl := "3600"
	minimum := "300"
	if strings.Contains(s.records, "{short}") {
		minimum = "{short}"
	}
	var b strings.Builder
	names := s.serverNames()
	fmt.Fprintf(&b, "@ %s SOA %s hostmaster.nic.example. 1 7200 3600 1209600 %s\n", ttl, names[0], minimum)
	for i, name := range names {
		fmt.Fprintf(&b, "@ %s NS %s\n", ttl, name)
		if s.ns == "" && s.name != "." {
			fmt.Fprintf(&b, "%s %s A %s\n", name, ttl, n.config.Host(s.on[i]))
		}
	}
	return b.String()
}

// serverNames are the names of a zone's servers, in the order of s.on.
func (s *spec) serverNames() []string {
	switch {
	case s.name == ".":
		return []string{rootServer}
	case s.ns != "":
		return []string{s.ns}
	}
	var out []string
	for i := range s.on {
		label := "ns"
		if i > 0 {
			label += strconv.Itoa(i + 1)
		}
		out = append(out, label+"."+s.name)
	}
	return out
}

// delegation is what a zone's parent holds of it: NS, DS and glue.
func (n *Internet) delegation(s *spec, z *zone.Zone) []dns.RR {
	var out []dns.RR
	for i, name := range s.serverNames() {
		out = append(out, &dns.NS{Hdr: header(s.name, dns.TypeNS), Ns: name})
		if dns.IsSubDomain(s.name, name) {
			out = append(out, &dns.A{Hdr: header(name, dns.TypeA), A: n.config.Host(s.on[i]).AsSlice()})
		}
	}
	return append(out, s.ds(z.DS(dns.SHA256))...)
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 3600}
}

// parse reads a zone file after its placeholders have been filled in.
func (n *Internet) parse(s *spec, text string) ([]dns.RR, error) {
	text = strings.NewReplacer(
		"{jkt}", n.holder.jkt, "{ckt}", n.holder.ckt, "{other}", fmt.Sprintf("%X", sha256.Sum256([]byte("another key"))),
		"{n}", fmt.Sprint(n.config.TTL), "{short}", fmt.Sprint(n.config.ShortTTL),
		"{address}", n.config.Host(s.on[0]).String(),
	).Replace(text)
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), s.name, s.name+"zone")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	return out, p.Err()
}

// many is zone-file lines of n further records at one name.
func many(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s {n} TLSA 255 255 255 %X\n", name, sha256.Sum256([]byte{byte(i >> 8), byte(i)}))
	}
	return b.String()
}
