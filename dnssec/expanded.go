package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// Expanded is the finding that a name's records are those of a wildcard that was
// met before, where nothing closer exists (RFC 8198 §5.3). Confirmation records
// are asked for each time.
func (d *Denials) Expanded(name string, rrtype uint16, oldest time.Time, t *Terms) (Finding, bool) {
	if d == nil || len(d.wild) == 0 || rrtype == dns.TypeANY {
		return Finding{}, false
	}
	s := &selection{zone: d.zone, t: t, oldest: oldest, life: maxDenialTTL}
	if len(d.soa) > 0 {
		s.life = negativeTTL(d.soa[0].records, d.zone)
	}
	for n := Labels(name) - 1; n >= Labels(d.zone); n-- {
		encloser := Ancestor(name, n)
		p, ok := d.made(wildcardOf(encloser), rrtype)
		if !ok || !p.serves(oldest, t.Now) {
			continue
		}
		for _, choose := range []func(*selection, string) *denial{d.chooseNSEC, d.chooseNSEC3} {
			s.used = nil
			if choose(s, name).noCloser(name, encloser) == shownSecure {
				f := p.at(name, rrtype)
				s.bound(&f)
				return f, true
			}
		}
	}
	return Finding{}, false
}

// made finds the RRset or the alias that a wildcard makes.
func (d *Denials) made(wildcard string, rrtype uint16) (Proof, bool) {
	for _, kind := range []uint16{rrtype, dns.TypeCNAME} {
		key := wildKey(wildcard, kind)
		if p, ok := before(d.wild, key); ok && p.key == key {
			return p, true
		}
	}
	return Proof{}, false
}

// at is a wildcard's RRset as that of a name.
func (p Proof) at(name string, rrtype uint16) Finding {
	f := Finding{Security: Secure, Kind: Positive, Wildcard: true, Since: p.learnt, Until: p.until}
	for _, rr := range p.records {
		c := dns.Copy(rr)
		c.Header().Name = name
		f.Answer = append(f.Answer, c)
		if cname, ok := c.(*dns.CNAME); ok && rrtype != dns.TypeCNAME {
			f.Target = Canonical(cname.Target)
		}
	}
	return f
}

// wildKey is the place of a wildcard's RRset.
func wildKey(wildcard string, rrtype uint16) string {
	return wildcard + " " + dns.Type(rrtype).String()
}
