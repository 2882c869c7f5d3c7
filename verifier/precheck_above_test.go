package verifier

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cnfd/dnssec"
)

// delegator is a server of the zone above that delegates as all do.
func delegator(i int) dnssec.Delegator {
	return dnssec.Delegator{
		Name: fmt.Sprintf("ns%d.example.", i+1), Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), Heard: true,
		NS: []string{"ns1." + zone, "ns2." + zone}, DS: []string{"4711 13 2 80d55420a698198f17cda95c1955872a78eb2657c785f61fd19c5a1c971964eb"},
	}
}

// newDelegatedScene is a precheck scene with three servers of the zone above, which all delegate alike.
func newDelegatedScene() *precheckScene {
	s := newPrecheckScene()
	h := &s.each.Hops[0]
	h.Above, h.Parents = "example.", []dnssec.Delegator{delegator(0), delegator(1), delegator(2)}
	return s
}

// part has one of them delegate in another way, as the resolver says it.
func (s *precheckScene) part(i int, edit func(*dnssec.Delegator)) {
	h := &s.each.Hops[0]
	edit(&h.Parents[i])
	s.each.Differ, h.Parted = true, true
	s.each.Answer = &dnssec.Answer{Name: owner, Type: dnssec.TypeTLSA, Zone: zone, Trouble: dnssec.Trouble{Text: "the servers of example. do not all delegate it alike"}}
}

// TestPrecheckOfTheZoneAbove: where the servers of the zone above delegate in different ways it is not confirmed, and who does so is
// named with what it says; what is only odd is told beside the verdict.
func TestPrecheckOfTheZoneAbove(t *testing.T) {
	const intro = "the servers of example do not all delegate vendor.example alike: "
	const alike = "; name servers were asked at 2 addresses, and all say the same"
	for _, c := range []struct {
		claim  string
		flip   func(*precheckScene)
		want   Reason
		detail string // its beginning
	}{
		{"nothing", func(*precheckScene) {}, RecordMatches, alike[2:]},
		{"an old DS", func(s *precheckScene) {
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{"9 13 2 00000000ff"} })
		}, ServersDiffer, intro + "ns3.example 192.0.2.102: DS 9 13 2 00000000…; ns1.example 192.0.2.100: DS 4711 13 2 80d55420…; ns2.example 192.0.2.101: DS 4711 13 2 80d55420…" + alike},
		{"two DS, of which one is old", func(s *precheckScene) {
			s.part(0, func(p *dnssec.Delegator) { p.DS = append(p.DS, "9 13 2 00000000ff") })
		}, ServersDiffer, intro + "ns1.example 192.0.2.100: DS 4711 13 2 80d55420… and 9 13 2 00000000…; ns2"},
		{"no DS", func(s *precheckScene) { s.part(1, func(p *dnssec.Delegator) { p.DS = []string{} }) }, ServersDiffer,
			intro + "ns2.example 192.0.2.101: without DS; ns1.example 192.0.2.100: DS 4711"},
		{"an old delegation", func(s *precheckScene) {
			s.part(1, func(p *dnssec.Delegator) { p.NS = []string{"ns9." + zone} })
		}, ServersDiffer, intro + "ns2.example 192.0.2.101: to ns9.vendor.example; ns1.example 192.0.2.100: to ns1.vendor.example and ns2.vendor.example; ns3.example 192.0.2.102: to"},
		{"both are old", func(s *precheckScene) {
			s.part(1, func(p *dnssec.Delegator) { p.NS, p.DS = []string{"ns9." + zone}, []string{} })
		}, ServersDiffer, intro + "ns2.example 192.0.2.101: to ns9.vendor.example, without DS; ns1"},
		{"it delegates the zone no more", func(s *precheckScene) {
			s.part(1, func(p *dnssec.Delegator) {
				*p = dnssec.Delegator{Name: p.Name, Address: p.Address, Heard: true}
				p.Trouble.Text = "does not delegate vendor.example."
			})
		}, ServersDiffer, intro + "ns2.example 192.0.2.101: does not delegate vendor.example.; ns1.example 192.0.2.100: to ns1.vendor.example and ns2.vendor.example, DS 4711 13 2 80d55420…"},
		{"one holds the zone itself, with an old DS", func(s *precheckScene) {
			s.part(1, func(p *dnssec.Delegator) { p.NS, p.DS = nil, []string{} })
		}, ServersDiffer, intro + "ns2.example 192.0.2.101: holds the zone itself, without DS; ns1.example 192.0.2.100: DS 4711"},
		{"the zone's servers differ as well", func(s *precheckScene) {
			s.differ(absent(owner, dnssec.NoData), "")
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{} })
		}, ServersDiffer, intro + "ns3.example 192.0.2.102: without DS; ns1.example 192.0.2.100: DS 4711 13 2 80d55420…; ns2.example 192.0.2.101: DS 4711 13 2 80d55420…; ns2.vendor.example 192.0.2.2: no record; ns1.vendor.example"},
		{"the zone is bogus by any of them", func(s *precheckScene) {
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{"9 13 2 00000000ff"} })
			s.each.Answer.Security, s.each.Hops[0].Servers = dnssec.Bogus, nil
		}, Bogus, intro + "ns3.example 192.0.2.102: DS 9 13 2 00000000…"},
		{"none of the zone's servers answers", func(s *precheckScene) {
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{} })
			s.each.Answer.Trouble.Unreachable = true
			for i := range s.each.Hops[0].Servers {
				s.each.Hops[0].Servers[i].Answer, s.each.Hops[0].Servers[i].Trouble.Text = nil, "timeout"
			}
		}, Unreachable, intro + "ns3.example 192.0.2.102: without DS; ns1.example 192.0.2.100: DS 4711 13 2 80d55420…; ns2.example 192.0.2.101: DS 4711 13 2 80d55420…; ns1.vendor.example 192.0.2.1: timeout; ns2"},
		{"the delegation differs for an alias's target", func(s *precheckScene) {
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{} })
			s.each.Hops = append([]dnssec.Hop{{Name: owner, Zone: zone}}, s.each.Hops...)
			s.each.Hops[1].Name = "vendor.keys.example."
		}, ServersDiffer, "for the alias's vendor.keys.example: " + intro + "ns3"},
		{"one of them is silent", func(s *precheckScene) {
			p := &s.each.Hops[0].Parents[1]
			p.Heard, p.NS, p.DS, p.Trouble.Text = false, nil, nil, "timeout"
		}, RecordMatches, alike[2:] + "; not heard of the zone above: ns2.example 192.0.2.101: timeout"},
		{"the zone and its parent name different servers", func(s *precheckScene) {
			s.each.Hops[0].OnlyAbove, s.each.Hops[0].OnlyWithin = []string{"ns2." + zone}, []string{"ns1." + zone}
		}, RecordMatches, alike[2:] + "; ns2.vendor.example is named for vendor.example by example alone; ns1.vendor.example is named for vendor.example by the zone alone, and not by example"},
		{"… and the record is another key's", func(s *precheckScene) {
			s.each.Answer.Data = [][]byte{theirs}
			s.each.Hops[0].OnlyAbove = []string{"ns2." + zone}
		}, RecordDiffers, alike[2:] + "; ns2.vendor.example is named for vendor.example by example alone"},
		{"… and one of them lacks the record", func(s *precheckScene) {
			s.differ(absent(owner, dnssec.NoData), "")
			s.each.Hops[0].OnlyAbove = []string{"ns2." + zone}
		}, ServersDiffer, "ns2.vendor.example 192.0.2.2: no record; ns1.vendor.example 192.0.2.1: 1 record with this key; ns2.vendor.example is named for vendor.example by example alone"},
		{"the zone above is the root", func(s *precheckScene) {
			s.part(2, func(p *dnssec.Delegator) { p.DS = []string{} })
			s.each.Hops[0].Above = "."
		}, ServersDiffer, "the servers of . do not all delegate vendor.example alike: ns3"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newDelegatedScene()
			if v, err := s.ask(t); err != nil || v.Reason != RecordMatches {
				t.Fatalf("before: %v, %v", v.Reason, err)
			}
			c.flip(s)
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want || !strings.HasPrefix(v.Detail, c.detail) {
				t.Errorf("%v %v\n%q; want %v\n%q", err, v.Reason, v.Detail, c.want, c.detail)
			}
		})
	}
}

// TestPrecheckOfTheZoneAboveSaysItOnce: a server of it that is silent is named among those that differ, and not again.
func TestPrecheckOfTheZoneAboveSaysItOnce(t *testing.T) {
	s := newDelegatedScene()
	s.part(2, func(p *dnssec.Delegator) { p.DS = []string{} })
	p := &s.each.Hops[0].Parents[1]
	p.Heard, p.NS, p.DS, p.Trouble.Text = false, nil, nil, "timeout"
	if v, err := s.ask(t); err != nil || v.Reason != ServersDiffer || strings.Count(v.Detail, "timeout") != 1 {
		t.Errorf("%v %v: %s", err, v.Reason, v.Detail)
	}
}

// TestPrecheckDetailAboveIsBounded: however many servers the zone above has, and whatever they say.
func TestPrecheckDetailAboveIsBounded(t *testing.T) {
	long := strings.Repeat("a.", 120)
	for _, zonesToo := range []bool{false, true} {
		s := newDelegatedScene()
		s.part(2, func(p *dnssec.Delegator) { p.NS = []string{long, long} })
		h := &s.each.Hops[0]
		if zonesToo {
			h.Differ = true
			h.Servers[1].Answer, h.Servers[1].Trouble.Text = nil, strings.Repeat("é", 4000)
		}
		h.Above, h.Zone, h.Name = long, long, long
		s.each.Hops = append([]dnssec.Hop{{Name: owner, Zone: zone}}, s.each.Hops...)
		h = &s.each.Hops[1]
		for i := range 200 {
			p := delegator(i)
			p.Name, p.DS = long, []string{fmt.Sprint(strings.Repeat("x", 4000), i)}
			h.Parents, h.OnlyAbove, h.OnlyWithin = append(h.Parents, p), append(h.OnlyAbove, long), append(h.OnlyWithin, long)
			h.Servers = append(h.Servers, server(i, nil))
		}
		v, err := s.ask(t)
		if err != nil || v.Reason != ServersDiffer || len(v.Detail) > maxDetail || !strings.Contains(v.Detail, " more") {
			t.Errorf("%v %v, %d octets: %s", err, v.Reason, len(v.Detail), v.Detail)
		}
	}
}
