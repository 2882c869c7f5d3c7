package stories

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// zone reads a zone, or a change to one, up to ZONE_END.
func (p *reader) zone(apex string) (*zoneText, error) {
	z := &zoneText{where: p.here(), apex: dns.CanonicalName(apex)}
	if _, ok := dns.IsDomainName(apex); !ok {
		return nil, p.fault("%q is no name", apex)
	}
	for p.next() {
		var err error
		switch p.words[0] {
		case "ZONE_END":
			return z, nil
		case "SERVER":
			z.servers, err = p.addresses(z.servers)
		case "SIGNED":
			z.signing, err = p.signing()
		case "DELEGATE":
			for _, child := range p.words[1:] {
				z.delegated = append(z.delegated, dns.CanonicalName(child))
			}
		case "REMOVE":
			var h dns.RR_Header
			h, err = p.removal(z.apex)
			z.removals = append(z.removals, h)
		default:
			var rrs []dns.RR
			rrs, err = p.record(z.apex)
			z.records = append(z.records, rrs...)
			if slices.ContainsFunc(rrs, func(rr dns.RR) bool { return !dns.IsSubDomain(z.apex, rr.Header().Name) }) {
				err = p.fault("a record outside of %s", z.apex)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, p.fault("ZONE_END is missing")
}

func (p *reader) removal(apex string) (dns.RR_Header, error) {
	if len(p.words) != 3 {
		return dns.RR_Header{}, p.fault("REMOVE wants a name and a type")
	}
	rrtype, known := dns.StringToType[p.words[2]]
	if !known {
		return dns.RR_Header{}, p.fault("%q is no type", p.words[2])
	}
	name := p.words[1]
	switch {
	case name == "@":
		name = apex
	case !strings.HasSuffix(name, "."):
		name = strings.TrimSuffix(name+"."+apex, "..") // below the root the apex is a dot already
		name = dns.Fqdn(name)
	}
	return dns.RR_Header{Name: dns.CanonicalName(name), Rrtype: rrtype}, nil
}

// signing reads the words behind SIGNED.
func (p *reader) signing() (*signing, error) {
	s := &signing{key: keySpec{algorithm: dns.ED25519}}
	for _, word := range p.words[1:] {
		key, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseInt(value, 10, 32)
		number := err == nil
		switch {
		case word == "no":
			s.unsigned = true
		case word == "optout":
			s.policy.Denial, s.policy.OptOut = zone.NSEC3, true
		case word == "denial=nsec":
			s.policy.Denial = zone.NSEC
		case word == "denial=nsec3":
			s.policy.Denial = zone.NSEC3
		case word == "ds=no":
			s.noDS = true
		case word == "ds=sha1":
			s.key.sha1 = true
		case key == "key" && value != "":
			s.key.seed = value
		case key == "algorithm" && number && slices.Contains([]int64{5, 7, 8, 10, 13, 14, 15, zone.Unknown}, n):
			s.key.algorithm = uint8(n)
		case key == "iterations" && number && n >= 0 && n < 1<<16:
			s.policy.Denial, s.policy.Iterations = zone.NSEC3, uint16(n)
		case key == "since" && number:
			s.policy.Since = time.Duration(n) * time.Second
		case key == "for" && number && n > 0:
			s.policy.For = time.Duration(n) * time.Second
		default:
			return nil, p.fault("%q says nothing about how a zone is signed", word)
		}
	}
	return s, nil
}
