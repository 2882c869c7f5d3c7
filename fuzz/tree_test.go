package fuzz

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"
	"cnfd/resolver"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// now is when everything here happens.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// tree is a signed Internet without sockets: a root, example., and
// vendor.example. (NSEC) and empty.example. (NSEC3), each on an address of its own.
type tree struct {
	zones  map[netip.Addr]*zone.Zone
	anchor string
}

func newTree(tb testing.TB, records ...string) *tree {
	tb.Helper()
	t := &tree{zones: map[netip.Addr]*zone.Zone{}}
	vendor := t.add(tb, "vendor.example.", "192.0.2.3", signed(tb, zone.NSEC), records)
	empty := t.add(tb, "empty.example.", "192.0.2.4", signed(tb, zone.NSEC3), nil)
	example := t.add(tb, "example.", "192.0.2.2", signed(tb, zone.NSEC3), nil, vendor, empty)
	t.plant(tb, example)
	return t
}

// plant makes the root over a top-level domain, and its anchor.
func (t *tree) plant(tb testing.TB, tld ...*zone.Zone) {
	tb.Helper()
	root := t.add(tb, ".", "192.0.2.1", signed(tb, zone.NSEC), nil, tld...)
	t.anchor = root.DS(dns.SHA256)[0].String()
}

// signed is a zone's policy with one key of its own.
func signed(tb testing.TB, denial zone.Denial) zone.Policy {
	tb.Helper()
	key, err := zone.NewKey(dns.ECDSAP256SHA256, 257, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return zone.Policy{Keys: []*zone.Key{key}, Denial: denial}
}

// add makes a zone on an address, with delegations to children.
func (t *tree) add(tb testing.TB, apex, address string, policy zone.Policy, records []string, children ...*zone.Zone) *zone.Zone {
	tb.Helper()
	server := "ns." + apex
	if apex == "." {
		server = "ns."
	}
	lines := append([]string{
		fmt.Sprintf("%s 3600 IN SOA %s h. 1 7200 3600 1209600 300", apex, server),
		fmt.Sprintf("%s 3600 IN NS %s", apex, server),
		fmt.Sprintf("%s 3600 IN A %s", server, address),
	}, records...)
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			tb.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	for _, c := range children {
		rrs = append(rrs, c.DS(dns.SHA256)...)
		rrs = append(rrs, c.Records(c.Apex(), dns.TypeNS)...)
		rrs = append(rrs, c.Records("ns."+c.Apex(), dns.TypeA)...)
	}
	z, err := zone.New(apex, policy, rrs)
	if err != nil {
		tb.Fatal(err)
	}
	t.zones[netip.MustParseAddr(address)] = z
	return z
}

// spoiler changes the n-th reply, in wire form, on its way to the resolver.
type spoiler func(n int, reply []byte) []byte

// wire carries messages to the zones; it is a resolver.Exchanger. Whatever the
// spoiler makes of a reply is delivered, with the question that was asked, as an
// attacker would who can guess everything.
type wire struct {
	tree  *tree
	mu    sync.Mutex // guards spoil's turns and n: one question asks several at once
	spoil spoiler
	n     int
}

func (w *wire) Exchange(_ context.Context, server netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	z := w.tree.zones[server.Addr()]
	if z == nil {
		return nil, errors.New("no such host")
	}
	r := new(dns.Msg).SetReply(q)
	if z.Contains(q.Question[0].Name) {
		a := z.Answer(q.Question[0].Name, q.Question[0].Qtype, true, now)
		r.Rcode, r.Authoritative, r.Answer, r.Ns, r.Extra = a.Rcode, a.Authoritative, a.Answer, a.Authority, a.Additional
	} else {
		r.Rcode = dns.RcodeRefused // as every server does of a zone that it has not
	}
	out, err := r.Pack()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	if w.spoil != nil {
		out = w.spoil(w.n, out)
	}
	w.n++
	w.mu.Unlock()
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil {
		return nil, err
	}
	m.Id, m.Response, m.Question = q.Id, true, q.Question
	return m, nil
}

// house is the real verifier on the real resolver on such a wire.
func (t *tree) house(tb testing.TB, spoil spoiler) *verifier.Verifier {
	tb.Helper()
	return t.houseOf(tb, spoil, verifier.Config{})
}

// houseOf is such a house with a verifier of its own making; it is given a source
// and a clock.
func (t *tree) houseOf(tb testing.TB, spoil spoiler, c verifier.Config) *verifier.Verifier {
	tb.Helper()
	anchors, err := dnssec.ParseAnchors([]string{t.anchor})
	if err != nil {
		tb.Fatal(err)
	}
	c.Now = clock
	r, err := resolver.New(resolver.Config{
		Now:       clock,
		Hints:     []resolver.Hint{{Name: "ns.", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
		Anchors:   &anchors,
		NoIPv6:    true,
		MaxBytes:  4 << 20,
		Exchanger: &wire{tree: t, spoil: spoil},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	c.Source = r
	v, err := verifier.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func clock() time.Time { return now }
