package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// An upper is a domain whose parent has two name servers by different people: BIND, which signs it, and a secondary
// that transfers the signed zone only when it is told to.
type upper struct {
	*internet
	second     *host
	root, zone *zone
}

// newUpper starts a root on BIND at 127.number.0.1, its other server at 4, and a domain with one server at 2.
func newUpper(t *testing.T, number int, second func(primary string) *secondary) *upper {
	t.Helper()
	lab(t)
	network := network(t, number)
	n := &upper{internet: &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}}
	n.internet.root, n.leaf = newHost(t, openBIND{bind{inline: true}}, network+"1"), newHost(t, bind{}, network+"2")
	n.tld = n.leaf
	n.second = newHost(t, second(n.internet.root.addr), network+"4")
	n.root = n.add(t, n.internet.root, ".", dns.ECDSAP256SHA256)
	n.zone = n.add(t, n.leaf, pairDomain, dns.ECDSAP256SHA256)
	n.zone.edit(nil, []dns.RR{tlsa(t, pairOwner, subjectsKey)})
	n.root.edit(nil, slices.Concat(records(t, ". NS ns2.", "ns2. A "+n.second.addr), n.zone.set(pairDomain, dns.TypeNS), n.zone.set("ns."+pairDomain, dns.TypeA)))
	n.second.zones = []*zone{n.root}
	n.internet.root.launch(t)
	n.leaf.start(t)
	n.internet.root.awaitZones(t)
	n.second.start(t)
	n.chain(t)
	n.inStep(t)
	return n
}

// delegate changes the delegation at the primary alone.
func (n *upper) delegate(t testing.TB, remove, add []dns.RR) {
	t.Helper()
	n.root.edit(remove, add)
	n.internet.root.change(t, n.internet.root, n.root, remove, add)
	await(t, "the delegation", func() error { return n.refers(n.internet.root) })
}

// refers reports how a server's delegation differs from what the root has.
func (n *upper) refers(h *host) error {
	m, err := h.ask(pairDomain, dns.TypeA)
	if err != nil {
		return err
	}
	ds, err := h.ask(pairDomain, dns.TypeDS)
	if err != nil {
		return err
	}
	of := func(section []dns.RR, rrtype uint16) []dns.RR {
		return slices.DeleteFunc(slices.Clone(section), func(rr dns.RR) bool { return rr.Header().Rrtype != rrtype || rr.Header().Name != pairDomain })
	}
	for rrtype, have := range map[uint16][]dns.RR{dns.TypeNS: of(m.Ns, dns.TypeNS), dns.TypeDS: of(ds.Answer, dns.TypeDS)} {
		want := n.root.set(pairDomain, rrtype)
		if missing, surplus := without(want, have), without(have, want); missing != nil || surplus != nil {
			return fmt.Errorf("%s lacks %v, and has %v", h.addr, missing, surplus)
		}
	}
	if !signed(ds.Answer, dns.TypeDS) {
		return fmt.Errorf("%s: the DS is not signed", h.addr)
	}
	return nil
}

// inStep has the secondary fetch what the primary has.
func (n *upper) inStep(t testing.TB) {
	t.Helper()
	await(t, "the primary", func() error { return n.refers(n.internet.root) })
	n.second.change(t, n.second, n.root, nil, nil)
	await(t, "the secondary", func() error { return n.refers(n.second) })
}

func TestPrecheckOfTheZoneAbove(t *testing.T) { precheckAbove(t, 65, knotSecondary) }

func TestPrecheckOfTheZoneAboveOnNSD(t *testing.T) { precheckAbove(t, 66, nsdSecondary) }

// precheckAbove tells of a delegation and a DS on their way to the parent's secondary, and of a server of the parent that
// is out of order. Every story begins confirmed, and ends so again.
func precheckAbove(t *testing.T, number int, second func(primary string) *secondary) {
	t.Parallel()
	n := newUpper(t, number, second)
	d := n.daemon(t, settings{})
	const intro = "the servers of . do not all delegate paired.example alike: "
	one, two := "ns "+n.internet.root.addr, "ns2 "+n.second.addr
	const all = "the one address of the zone's name servers was asked"
	d.finds(t, alike, all)
	if t.Failed() {
		return
	}
	t.Run("another DS, and the parent's secondary held back", func(t *testing.T) {
		ds := records(t, pairDomain+" DS 4711 13 2 "+strings.Repeat("5A", 32))
		n.delegate(t, nil, ds)
		d.finds(t, differ, intro, one+": DS ", "4711 13 2 5a5a5a5a…", two+": DS ", all)
		n.inStep(t)
		d.finds(t, alike, all)
		n.delegate(t, ds, nil)
		d.finds(t, differ, intro, one+": DS ", two+": DS ", "4711 13 2 5a5a5a5a…")
		n.inStep(t)
		d.finds(t, alike, all)
	})
	t.Run("another name server, and the parent's secondary held back", func(t *testing.T) {
		more := records(t, pairDomain+" NS ns2."+pairDomain, "ns2."+pairDomain+" A "+n.leaf.addr)
		n.delegate(t, nil, more)
		d.finds(t, differ, intro, one+": to ns.paired.example and ns2.paired.example", two+": to ns.paired.example")
		n.inStep(t)
		// The name leads nowhere in the zone itself.
		n.leaf.edit(t, n.zone, nil, more[1:])
		d.finds(t, alike, "; ns2.paired.example is named for paired.example by . alone")
		n.leaf.edit(t, n.zone, nil, more[:1])
		if v := d.precheck(t); v.String() != alike || strings.Contains(v.Detail, "alone") {
			t.Errorf("%s: %s", v, v.Detail)
		}
	})
	t.Run("the parent's secondary is killed", func(t *testing.T) {
		n.second.process.stop()
		d.finds(t, alike, "; not heard of the zone above: "+two+": ")
		n.posers(t, d, intro, two+": ")
		n.second.launch(t)
		n.second.awaitZones(t)
		d.finds(t, alike)
	})
}

// posers stand in the place of the parent's secondary: first one that is honest, then others that are not.
func (n *upper) posers(t *testing.T, d *daemon, intro, named string) {
	ofDS := func(f func(ds *dns.DS)) func(q, r *dns.Msg) {
		return func(_, r *dns.Msg) {
			for _, rr := range slices.Concat(r.Answer, r.Ns) {
				if ds, ok := rr.(*dns.DS); ok {
					f(ds)
				}
			}
		}
	}
	for _, p := range []struct {
		claim, want, words string
		spoil              func(q, r *dns.Msg)
	}{
		{"an honest one", alike, "was asked", nil},
		{"a bit of the DS is another", differ, intro + named, ofDS(func(ds *dns.DS) { ds.KeyTag ^= 1 })},
		{"the DS is left out", differ, intro + named, func(q, r *dns.Msg) {
			if q.Question[0].Qtype != dns.TypeNS && q.Question[0].Qtype != dns.TypeDNSKEY {
				isDS := func(rr dns.RR) bool {
					sig, ok := rr.(*dns.RRSIG)
					return rr.Header().Rrtype == dns.TypeDS || ok && sig.TypeCovered == dns.TypeDS
				}
				r.Answer, r.Ns = slices.DeleteFunc(r.Answer, isDS), slices.DeleteFunc(r.Ns, isDS)
			}
		}},
		{"it refers to another server", differ, named + "to ns.elsewhere.example", func(_, r *dns.Msg) {
			for _, rr := range r.Ns {
				if ns, ok := rr.(*dns.NS); ok && ns.Hdr.Name == pairDomain {
					ns.Ns = "ns.elsewhere.example."
				}
			}
		}},
		{"it refuses", alike, "says REFUSED", func(q, r *dns.Msg) { r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil }},
	} {
		t.Run(p.claim, func(t *testing.T) {
			pose(t, n.second.addr, n.internet.root.addr, p.spoil)
			d.finds(t, p.want, p.words)
		})
	}
}
