package integration

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// A pair is a domain with two name servers by different people: BIND, which signs it, and a secondary that transfers
// the signed zone from there, and only when it is told to: nobody sends it a NOTIFY but the test.
type pair struct {
	*internet
	second *host
	zone   *zone
}

const (
	pairDomain = "paired.example."
	pairOwner  = "jkt.cnf." + pairDomain
)

// openBIND is BIND that lets its zones be transferred.
type openBIND struct{ bind }

func (b openBIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.bind.configure(t, h)
	text, err := os.ReadFile(h.path("named.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opened := strings.Replace(string(text), "allow-transfer { none; }", "allow-transfer { any; }", 1)
	if opened == string(text) {
		t.Fatal("named.conf keeps its zones to itself")
	}
	write(t, h.path("named.conf"), opened)
}

// secondary serves zones that it has from a primary.
type secondary struct {
	program, debian, file string // its binary, Debian's package, its configuration
	primary               string
	config                func(s *secondary, h *host) string
}

func (s *secondary) configure(t testing.TB, h *host) {
	t.Helper()
	if err := os.MkdirAll(h.path("zones"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, h.path(s.file), s.config(s, h))
}

func (s *secondary) command(t testing.TB, h *host) []string {
	argv := []string{testneeds.Binary(t, s.program, s.debian), "-c", h.path(s.file)}
	if s.program == "nsd" {
		return append(argv, "-d")
	}
	return argv
}

// change tells the secondary that its primary has something new (RFC 1996).
func (s *secondary) change(t testing.TB, h *host, z *zone, _, _ []dns.RR) {
	t.Helper()
	if _, _, err := (&dns.Client{Net: "tcp"}).Exchange(new(dns.Msg).SetNotify(z.name), net.JoinHostPort(h.addr, "53")); err != nil {
		t.Fatal(err)
	}
}

func knotSecondary(primary string) *secondary {
	return &secondary{"knotd", "knot", "knot.conf", primary, func(s *secondary, h *host) string {
		var zones strings.Builder
		for _, z := range h.zones {
			fmt.Fprintf(&zones, "  - domain: %q\n    file: %s.zone\n    master: primary\n    acl: told\n", z.name, z.fileName())
		}
		return fmt.Sprintf(`server:
    listen: %s@53
    rundir: %[2]s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: %[2]s/ctl
log:
  - target: stderr
    any: info
database:
    storage: %[2]s/db
remote:
  - id: primary
    address: %[3]s@53
acl:
  - id: told
    address: 127.0.0.0/8
    action: notify
template:
  - id: default
    storage: %[2]s/zones
zone:
%[4]s`, h.addr, h.dir, s.primary, zones.String())
	}}
}

func nsdSecondary(primary string) *secondary {
	return &secondary{"nsd", "nsd", "nsd.conf", primary, func(s *secondary, h *host) string {
		var zones strings.Builder
		for _, z := range h.zones {
			fmt.Fprintf(&zones, "zone:\n\tname: %q\n\tzonefile: %q\n\tallow-notify: 127.0.0.0/8 NOKEY\n\trequest-xfr: AXFR %s NOKEY\n", z.name, z.fileName()+".zone", s.primary)
		}
		return fmt.Sprintf(`server:
	ip-address: %s
	server-count: 1
	username: ""
	chroot: ""
	database: ""
	zonesdir: "%[2]s/zones"
	pidfile: "%[2]s/nsd.pid"
	xfrdir: %[2]q
	xfrdfile: "%[2]s/xfrd.state"
	zonelistfile: "%[2]s/zone.list"
	xfrd-reload-timeout: 0
	rrl-ratelimit: 0
remote-control:
	control-enable: no
%[3]s`, h.addr, h.dir, zones.String())
	}}
}

// newPair starts a root and a domain on BIND at 127.number.0.1 and 2, and the domain's other server at 3.
func newPair(t *testing.T, number int, second func(primary string) *secondary) *pair {
	t.Helper()
	lab(t)
	network := network(t, number)
	n := &pair{internet: &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}}
	n.root, n.leaf = newHost(t, bind{inline: true}, network+"1"), newHost(t, openBIND{}, network+"2")
	n.tld = n.leaf
	n.second = newHost(t, second(n.leaf.addr), network+"3")
	root := n.add(t, n.root, ".", dns.ECDSAP256SHA256)
	n.zone = n.add(t, n.leaf, pairDomain, dns.ECDSAP256SHA256)
	n.zone.edit(nil, append(records(t, pairDomain+" NS ns2."+pairDomain, "ns2."+pairDomain+" A "+n.second.addr), n.record(t)))
	n.second.zones = []*zone{n.zone}
	for _, rr := range n.zone.records {
		if rr.Header().Rrtype != dns.TypeTLSA {
			root.edit(nil, []dns.RR{rr})
		}
	}
	n.root.launch(t)
	n.leaf.start(t)
	n.second.start(t)
	n.root.awaitZones(t)
	n.chain(t)
	return n
}

func (n *pair) record(t testing.TB) dns.RR { return tlsa(t, pairOwner, subjectsKey) }

// inStep has the secondary fetch what the primary has.
func (n *pair) inStep(t testing.TB) {
	t.Helper()
	n.second.change(t, n.second, n.zone, nil, nil)
	await(t, "the secondary", func() error {
		first, err := n.leaf.ask(pairDomain, dns.TypeSOA)
		if err != nil {
			return err
		}
		second, err := n.second.ask(pairDomain, dns.TypeSOA)
		if err != nil {
			return err
		}
		if a, b := serialIn(first), serialIn(second); a == 0 || a != b {
			return fmt.Errorf("serial %d, the primary's is %d", b, a)
		}
		return n.second.answers(n.zone, pairOwner, dns.TypeTLSA)
	})
}

func serialIn(m *dns.Msg) uint32 {
	for _, rr := range m.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial
		}
	}
	return 0
}
