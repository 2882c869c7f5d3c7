package publish_test

import (
	"slices"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/publish"

	"github.com/miekg/dns"
)

// TestCheckAdvises: each row is a finding with what is told for it in general, then one
// thing more is known, and what is told is of that.
func TestCheckAdvises(t *testing.T) {
	type listing = *publish.Listing
	silent := func(s *publish.SeenSet) {
		s.Differ, s.Partly, s.Kind, s.Security, s.Records = true, true, dnssec.NoAnswer, dnssec.Indeterminate, nil
		s.Servers[1].Kind, s.Servers[1].Records, s.Servers[1].Trouble = dnssec.NoAnswer, nil, dnssec.Trouble{Text: "i/o timeout", Unreachable: true}
	}
	for _, c := range []struct {
		claim      string
		before     func(l listing)
		turn       func(l listing)
		want       publish.What
		text, do   string
		everyCheck bool // what was told in general is part of what is told
	}{
		{"the link that is broken is a trust anchor's", func(l listing) {
			l.Sets[0].Security, l.Sets[0].Trouble = dnssec.Bogus, dnssec.Trouble{Text: "the DNSKEY of . has a signature that expired"}
		}, func(l listing) { l.Sets[0].Trouble.Anchor = true }, publish.Bogus, "DNSKEY of . has a signature that expired", "see this machine's clock, or resolver.trust_anchors", false},
		{"a signed zone without a DS", func(l listing) { l.Sets[0].Security = dnssec.Insecure }, func(l listing) {
			l.Zones[0].Lacks, l.Zones[0].Do = "it is signed, and has no DS", "give the parent the DS"
		}, publish.Insecure, "nothing proves what the zone vendor.example. says of it: it is signed, and has no DS", "give the parent the DS", false},
		{"no server has the zone", func(l listing) {
			l.Sets[0].Kind, l.Sets[0].Security = dnssec.NoAnswer, dnssec.Indeterminate
			l.Sets[0].Trouble = dnssec.Trouble{Text: "ns1: refers upward to .", Unreachable: true}
		}, func(l listing) { l.Sets[0].Trouble.Lame = true }, publish.NotReached, "no server has the zone that should: ns1: refers upward", "have the zone's name servers serve it, or correct the NS records at its parent", false},
		{"one server is down, and the other alone says anything", func(l listing) {
			silent(&l.Sets[0])
			l.Sets[0].Partly, l.Sets[0].Servers[1].Kind = false, dnssec.NoData
		}, func(l listing) { silent(&l.Sets[0]) }, publish.ServersDiffer,
			"not every server answers; ns2.vendor.example. 192.0.2.2: no answer: i/o timeout; ns1.vendor.example. 192.0.2.1: 1 record with the key",
			"bring ns2.vendor.example. 192.0.2.2 up, or see what keeps this machine from it; or take it out of the zone's NS", false},
		{"one server does not have the zone", func(l listing) {
			silent(&l.Sets[0])
			l.Sets[0].Partly, l.Sets[0].Servers[1].Kind = false, dnssec.NoData
		}, func(l listing) {
			silent(&l.Sets[0])
			l.Sets[0].Servers[1].Trouble = dnssec.Trouble{Text: "says REFUSED", Lame: true}
		}, publish.ServersDiffer, "no answer: says REFUSED", "have ns2.vendor.example. 192.0.2.2 serve the zone; or take it out of the zone's NS", false},
		{"no address of one server can be had", func(l listing) {
			silent(&l.Sets[0])
			l.Sets[0].Partly, l.Sets[0].Servers[1].Kind = false, dnssec.NoData
		}, func(l listing) {
			silent(&l.Sets[0])
			l.Sets[0].Servers[1] = publish.SeenServer{Server: "ns2.elsewhere.example.", Nowhere: true, Trouble: dnssec.Trouble{Text: "says REFUSED", Unreachable: true, Lame: true}}
		}, publish.ServersDiffer, "ns2.elsewhere.example.: no answer", "see why no address of ns2.elsewhere.example. can be had; or take it out", false},
		{"one is down, and of the others one is late", func(l listing) {
			l.Sets[0].Differ, l.Sets[0].Kind, l.Sets[0].Security = true, dnssec.NoAnswer, dnssec.Indeterminate
			l.Sets[0].Servers[1].Kind, l.Sets[0].Servers[1].Records = dnssec.NoData, nil
		}, func(l listing) {
			l.Sets[0].Servers = append(l.Sets[0].Servers, publish.SeenServer{Server: "ns3.", Trouble: dnssec.Trouble{Text: "i/o timeout", Unreachable: true}})
		}, publish.ServersDiffer, "ns3.: no answer: i/o timeout", "bring ns3. up", true},
		{"a server that this machine has no way to is not down", func(l listing) {
			l.Sets[0].Differ, l.Sets[0].Servers[1].Kind = true, dnssec.NoData
		}, func(l listing) {
			l.Sets[0].Servers = append(l.Sets[0].Servers, publish.SeenServer{Server: "ns3.", Skipped: true, Trouble: dnssec.Trouble{Text: "no way"}})
		}, publish.ServersDiffer, "ns3.: not asked: no way", "wait until every server has the change", true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			l := allRight()
			if v := publish.Check(l, revocable); len(v.Findings) != 0 {
				t.Fatalf("at first: %+v", v)
			}
			c.before(&l)
			if f := publish.Check(l, revocable).Findings[0]; f.What != c.want || f.Do != c.want.Do() || strings.Contains(f.Do, c.do) && !c.everyCheck {
				t.Fatalf("before: %+v", f)
			}
			c.turn(&l)
			f := publish.Check(l, revocable).Findings[0]
			if f.What != c.want || !strings.Contains(f.Text, c.text) || !strings.Contains(f.Do, c.do) || strings.Contains(f.Do, c.want.Do()) != c.everyCheck {
				t.Errorf("%s: %q, %q; want %q, %q", f.What, f.Text, f.Do, c.text, c.do)
			}
		})
	}
}

// TestListHears: where one server is silent, what the others have is seen, and is nobody's
// proof; where those differ too, or one of them is not to be trusted, it is not.
func TestListHears(t *testing.T) {
	line := watched + " 300 TLSA " + theKey.String()
	whole := func() *dnssec.Answer {
		return says(watched, dnssec.Secure, dnssec.Positive, line, watched+" 300 TLSA "+noKey.String())
	}
	none := says(watched, dnssec.Secure, dnssec.NoData)
	both := []publish.SeenRecord{{Record: theKey, Usable: true, Wanted: true}, {Record: noKey, Why: "it begins with 3 1 1, want 255 255 255"}}
	for _, c := range []struct {
		claim  string
		turn   func(e *dnssec.Each)
		partly bool
		heard  []publish.SeenRecord
	}{
		{"it is down", func(e *dnssec.Each) {}, true, both},
		{"the others have none", func(e *dnssec.Each) { e.Hops[0].Servers[0].Answer, e.Hops[0].Servers[1].Answer = none, none }, true, nil},
		{"one of the others has none", func(e *dnssec.Each) { e.Hops[0].Servers[1].Answer = none }, false, nil},
		{"one of the others has it unsigned", func(e *dnssec.Each) { e.Hops[0].Servers[1].Answer.Security = dnssec.Insecure }, false, nil},
		{"one of the others is bogus", func(e *dnssec.Each) { e.Hops[0].Servers[1].Answer.Security = dnssec.Bogus }, false, nil},
		{"one of the others has it from a wildcard", func(e *dnssec.Each) { e.Hops[0].Servers[1].Answer.Wildcard = true }, false, nil},
		{"one of the others has more", func(e *dnssec.Each) {
			a := e.Hops[0].Servers[1].Answer
			a.Data = append(slices.Clone(a.Data), anotherKey.RDATA())
		}, false, nil},
		{"one of the others has an alias", func(e *dnssec.Each) { e.Hops[0].Servers[1].Answer.Data = nil }, false, nil},
		{"nobody says anything", func(e *dnssec.Each) { e.Hops[0].Servers[0].Answer, e.Hops[0].Servers[1].Answer = nil, nil }, false, nil},
		{"this machine has no way to it", func(e *dnssec.Each) { e.Hops[0].Servers[2].Skipped = true }, false, nil},
		{"the zone above differs too", func(e *dnssec.Each) {
			e.Hops[0].Parted, e.Hops[0].Parents = true, []dnssec.Delegator{{Name: "a.example.", Heard: true}}
		}, false, nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			e := alike(whole(), whole(), whole())
			w := &told{each: map[string]*dnssec.Each{watched: e}}
			if s := &look(t, w, watch(theKey)).Sets[0]; s.Partly || s.Heard != nil || !s.Has(theKey) || len(s.Servers) != 3 {
				t.Fatalf("before: %+v", s)
			}
			e.Differ, e.Hops[0].Differ = true, true
			e.Answer = &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Zone: "vendor.example.", Trouble: dnssec.Trouble{Text: "they differ"}}
			e.Hops[0].Servers[2].Answer, e.Hops[0].Servers[2].Trouble = nil, dnssec.Trouble{Text: "i/o timeout", Unreachable: true}
			c.turn(e)
			s := &look(t, w, watch(theKey)).Sets[0]
			if s.Partly != c.partly || !slices.Equal(s.Heard, c.heard) || s.Has(theKey) || len(s.Records) != 0 {
				t.Errorf("%t, %+v, want %t, %+v; records %+v", s.Partly, s.Heard, c.partly, c.heard, s.Records)
			}
		})
	}
}

// TestListSortsServers: by name and address, in whatever order they were asked.
func TestListSortsServers(t *testing.T) {
	a := says(watched, dnssec.Secure, dnssec.NoData)
	e := alike(a, a, a)
	slices.Reverse(e.Hops[0].Servers)
	e.Hops[0].Servers[0].Name = "ns1.vendor.example."
	e.Hops[0].Servers = append(e.Hops[0].Servers, dnssec.Server{Name: "ns0.vendor.example.", Trouble: dnssec.Trouble{Text: "its name leads to no address"}})
	l := look(t, &told{each: map[string]*dnssec.Each{watched: e}}, watch(theKey))
	var got []string
	for _, s := range l.Sets[0].Servers {
		got = append(got, s.Server)
	}
	if s := l.Sets[0].Servers; !s[0].Nowhere || s[1].Nowhere {
		t.Errorf("%+v", s)
	}
	if want := []string{"ns0.vendor.example.", "ns1.vendor.example. 192.0.2.1", "ns1.vendor.example. 192.0.2.3", "ns2.vendor.example. 192.0.2.2"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if e.Hops[0].Servers[0].Address.String() != "192.0.2.3" {
		t.Error("what others read was sorted")
	}
}

// TestListSaysWhatAZoneLacks: of an insecure zone alone, and not where this machine was told not to look.
func TestListSaysWhatAZoneLacks(t *testing.T) {
	keys := func(s dnssec.Security, overridden bool) *dnssec.Answer {
		return &dnssec.Answer{Name: "vendor.example.", Type: dns.TypeDNSKEY, Security: s, Kind: dnssec.NoData, Zone: "vendor.example.", Overridden: overridden}
	}
	for _, c := range []struct {
		claim string
		keys  *dnssec.Answer
		lacks string
	}{
		{"a secure zone", keys(dnssec.Secure, false), ""},
		{"an insecure zone", keys(dnssec.Insecure, false), "the zone vendor.example. is not signed"},
		{"under a negative trust anchor", keys(dnssec.Insecure, true), ""},
		{"a zone that was not heard", nil, ""},
	} {
		w := &told{
			each:    map[string]*dnssec.Each{watched: alike(says(watched, dnssec.Insecure, dnssec.NoData))},
			answers: map[string]*dnssec.Answer{"vendor.example. DNSKEY": c.keys},
		}
		if z := look(t, w, watch(theKey)).Zones[0]; z.Lacks != c.lacks || (z.Do == "") != (c.lacks == "") {
			t.Errorf("%s: %+v", c.claim, z)
		}
	}
}
