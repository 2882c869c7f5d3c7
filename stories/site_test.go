package stories

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// site is a zone as it is served.
type site struct {
	apex    string
	servers []netip.Addr
	signing signing
	records []dns.RR // all but what signing makes
	parent  *site    // nil for one that none of the story's zones delegates to
	zone    *zone.Zone
	signed  time.Time // when its signatures were made
}

// load makes the zones of a story, those above before those below.
func (w *world) load(zones []*zoneText) error {
	ordered := slices.Clone(zones)
	slices.SortStableFunc(ordered, func(a, b *zoneText) int { return dns.CountLabel(a.apex) - dns.CountLabel(b.apex) })
	for _, z := range ordered {
		if w.sites[z.apex] != nil {
			return z.fault("%s is there twice", z.apex)
		}
		if err := w.add(z); err != nil {
			return z.fault("%v", err)
		}
	}
	return nil
}

// add makes a zone and has the one above delegate to it.
func (w *world) add(z *zoneText) error {
	s := &site{apex: z.apex, servers: z.servers, signing: signing{key: keySpec{algorithm: dns.ED25519}}, records: z.records}
	if z.signing != nil {
		s.signing = *z.signing
	}
	for _, other := range w.sites {
		if other.apex != s.apex && dns.IsSubDomain(other.apex, s.apex) && (s.parent == nil || len(other.apex) > len(s.parent.apex)) {
			s.parent = other
		}
	}
	s.furnish()
	w.sites[s.apex] = s
	if err := s.sign(w.now()); err != nil {
		return err
	}
	if s.parent == nil || s.parent.holds(s.apex, dns.TypeNS) {
		return nil
	}
	s.parent.records = append(s.parent.records, s.delegation()...)
	return s.parent.sign(w.now())
}

// furnish adds what a zone cannot be without: a SOA, and its servers with their addresses.
func (s *site) furnish() {
	var text strings.Builder
	if !s.holds(s.apex, dns.TypeSOA) {
		text.WriteString("@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n")
	}
	if !s.holds(s.apex, dns.TypeNS) {
		for i, a := range s.servers {
			rrtype := "AAAA"
			if a.Is4() {
				rrtype = "A"
			}
			fmt.Fprintf(&text, "@ 3600 NS ns%d\nns%d 3600 %s %s\n", i+1, i+1, rrtype, a)
		}
	}
	p := dns.NewZoneParser(strings.NewReader(text.String()), s.apex, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		s.records = append(s.records, rr)
	}
}

func (s *site) holds(name string, rrtype uint16) bool {
	return slices.ContainsFunc(s.records, func(rr dns.RR) bool { return is(rr, name, rrtype) })
}

func is(rr dns.RR, name string, rrtype uint16) bool {
	return rr.Header().Rrtype == rrtype && strings.EqualFold(rr.Header().Name, name)
}

// delegation is what the zone above holds for this one: its servers, their addresses as glue, its DS.
func (s *site) delegation() []dns.RR {
	var out []dns.RR
	for _, ns := range s.records {
		if !is(ns, s.apex, dns.TypeNS) {
			continue
		}
		out = append(out, dns.Copy(ns))
		for _, rr := range s.records {
			if target := ns.(*dns.NS).Ns; is(rr, target, dns.TypeA) || is(rr, target, dns.TypeAAAA) {
				out = append(out, dns.Copy(rr))
			}
		}
	}
	if !s.signing.noDS {
		out = append(out, s.zone.DS(s.signing.key.digest())...)
	}
	return out
}

// sign makes the zone from its records, with signatures made at a time.
func (s *site) sign(at time.Time) error {
	p := s.signing.policy
	if !s.signing.unsigned {
		k, err := s.signing.key.make(s.apex)
		if err != nil {
			return err
		}
		p.Keys = []*zone.Key{k}
	}
	z, err := zone.New(s.apex, p, copies(s.records))
	if err == nil {
		s.zone, s.signed = z, at
	}
	return err
}

// change carries a CHANGE out.
func (w *world) change(z *zoneText) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sites[z.apex]
	if s == nil {
		if len(z.servers) == 0 {
			return z.fault("%s: a zone wants a SERVER", z.apex)
		}
		return w.add(z)
	}
	if z.servers != nil {
		w.leave(s, z.servers)
	}
	replaced := slices.Clone(z.removals)
	for _, rr := range z.records {
		replaced = append(replaced, *rr.Header())
	}
	for i, h := range replaced {
		if i < len(z.removals) && !s.holds(h.Name, h.Rrtype) {
			return z.fault("%s has no %s %s to remove", z.apex, h.Name, dns.Type(h.Rrtype))
		}
		s.records = slices.DeleteFunc(slices.Clone(s.records), func(rr dns.RR) bool { return is(rr, h.Name, h.Rrtype) })
	}
	s.records = append(s.records, z.records...)
	if z.signing != nil {
		s.signing = *z.signing
	}
	if z.servers != nil {
		s.servers = z.servers
	}
	for _, child := range z.delegated {
		below := w.sites[child]
		if below == nil {
			return z.fault("%s is no zone", child)
		}
		s.records = slices.DeleteFunc(s.records, func(rr dns.RR) bool { return dns.IsSubDomain(child, rr.Header().Name) })
		s.records = append(s.records, below.delegation()...)
	}
	return s.sign(w.now())
}

// leave has the servers that a zone moves away from go on as before.
func (w *world) leave(s *site, to []netip.Addr) {
	old := *s
	w.left = append(w.left, &old)
	for _, l := range w.left {
		if l.apex == s.apex {
			l.servers = slices.DeleteFunc(slices.Clone(l.servers), func(a netip.Addr) bool { return slices.Contains(to, a) })
		}
	}
}

// make makes the same key every time.
func (k keySpec) make(apex string) (*zone.Key, error) {
	seed := sha256.Sum256([]byte(k.seed + " " + apex))
	var private crypto.Signer
	switch k.algorithm {
	case dns.ED25519, zone.Unknown:
		private = ed25519.NewKeyFromSeed(seed[:])
	case dns.ECDSAP256SHA256:
		seed[0] &= 0x7f // below the order of the group
		var err error
		if private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]); err != nil {
			return nil, err
		}
	}
	return zone.NewKey(k.algorithm, 257, private) // RSA and P-384: another one every time
}

func (k keySpec) digest() uint8 {
	if k.sha1 {
		return dns.SHA1
	}
	return dns.SHA256
}
