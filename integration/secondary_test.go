package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// A publishing is a domain as its owner runs one: BIND, which takes dynamic updates with the key "lab" (the file at
// key) and signs, and a Knot secondary that BIND tells of every change at once, and that transfers the zone with the
// same key. Below a root of its own.
type publishing struct {
	*internet
	second *host
	zone   *zone
}

const publishingDomain = "vendor.example."

// newPublishing starts the root and the domain on BIND at 127.number.0.1 and 2, and the domain's secondary at 3, and puts
// these lines of a zone file into the domain's zone. Absence there is cached for 2 seconds (its SOA's minimum, RFC 2308 §5).
func newPublishing(t testing.TB, number int, lines ...string) *publishing {
	t.Helper()
	lab(t)
	network := network(t, number)
	n := &publishing{internet: &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}}
	n.root = newHost(t, bind{inline: true}, network+"1")
	n.leaf = newHost(t, tellingBIND{second: network + "3"}, network+"2")
	n.tld = n.leaf
	n.second = newHost(t, toldKnot(n.leaf.addr), network+"3")
	root := n.add(t, n.root, ".", dns.ECDSAP256SHA256)
	n.zone = n.add(t, n.leaf, publishingDomain, dns.ECDSAP256SHA256)
	n.zone.edit(nil, records(t, publishingDomain+" NS ns2."+publishingDomain, "ns2."+publishingDomain+" A "+n.second.addr))
	root.edit(nil, n.zone.records)
	if len(lines) > 0 {
		n.zone.edit(nil, records(t, lines...))
	}
	n.second.zones = []*zone{n.zone}
	n.root.launch(t)
	n.leaf.start(t)
	n.second.start(t)
	n.root.awaitZones(t)
	n.chain(t)
	return n
}

// key is the file with the TSIG key that may update the zone, as tsig-keygen writes it.
func (n *publishing) key() string { return n.leaf.path("tsig") }

// standing is the RDATA of every TLSA record at a name, in presentation form, as one server has it.
func (n *publishing) standing(t testing.TB, h *host, name string) (set []string) {
	t.Helper()
	m, err := h.ask(name, dns.TypeTLSA)
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeTLSA {
			_, _, data := fields(rr)
			set = append(set, data)
		}
	}
	return set
}

// hold has the secondary keep what it has, whatever it is told, until release.
func (n *publishing) hold(t testing.TB)    { n.control(t, "zone-freeze") }
func (n *publishing) release(t testing.TB) { n.control(t, "zone-thaw"); n.control(t, "zone-refresh") }

func (n *publishing) control(t testing.TB, command string) {
	t.Helper()
	testneeds.Binary(t, "knotc", "knot")
	run(t, n.second.dir, "", "knotc", "-s", n.second.path("ctl"), "-b", command, n.zone.name)
}

// told is how often the secondary was told of a change.
func (n *publishing) told(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(n.second.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "notify, incoming")
}

// tellingBIND is BIND that tells one secondary of every change, and lets whoever has the key transfer its zones.
type tellingBIND struct {
	bind
	second string
}

func (b tellingBIND) configure(t testing.TB, h *host) {
	t.Helper()
	_, unwritten := os.Stat(h.path(h.zones[0].fileName() + ".zone"))
	b.bind.configure(t, h)
	edit(t, h.path("named.conf"),
		"notify no;", fmt.Sprintf(`notify explicit; notify-delay 0; also-notify { %s key "lab"; };`, b.second),
		"allow-transfer { none; }", `allow-transfer { key "lab"; }`)
	if unwritten == nil {
		return // named has made the files its own
	}
	for _, z := range h.zones {
		edit(t, h.path(z.fileName()+".zone"), fmt.Sprintf(" 864000 %d\n", ttl), " 864000 2\n")
	}
}

// edit replaces words in a file, each of which must be there.
func edit(t testing.TB, path string, oldNew ...string) {
	t.Helper()
	octets, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(octets)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("%s has no %q", path, oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	write(t, path, text)
}

// toldKnot is a Knot secondary that believes and asks its primary with the key "lab" alone.
func toldKnot(primary string) *secondary {
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
key:
  - id: lab
    algorithm: hmac-sha256
    secret: bGFib3JhdG9yeSBvbmx5LCBubyBzZWNyZXQgYXQgYWxs
remote:
  - id: primary
    address: %[3]s@53
    key: lab
acl:
  - id: told
    key: lab
    action: notify
template:
  - id: default
    storage: %[2]s/zones
zone:
%[4]s`, h.addr, h.dir, s.primary, zones.String())
	}}
}

// TestSecondaryIsTold shows that a change at the primary is at the secondary soon, by NOTIFY and transfer with the key, and
// that a secondary that is held keeps the old until it is released.
func TestSecondaryIsTold(t *testing.T) {
	t.Parallel()
	const owner = "jwk.cnf." + publishingDomain
	n := newPublishing(t, 101)
	first, later := tlsa(t, owner, strings.Repeat("11", 32)), tlsa(t, owner, strings.Repeat("22", 32))
	n.leaf.edit(t, n.zone, nil, []dns.RR{first})
	await(t, "the secondary", func() error { return n.second.answers(n.zone, owner, dns.TypeTLSA) })
	n.hold(t)
	told := n.told(t)
	n.leaf.edit(t, n.zone, nil, []dns.RR{later})
	await(t, "a NOTIFY", func() error {
		if now := n.told(t); now == told {
			return fmt.Errorf("%d, as before", now)
		}
		return nil
	})
	if got := n.standing(t, n.second, owner); len(got) != 1 {
		t.Fatalf("a secondary that is held has %q", got)
	}
	n.release(t)
	await(t, "the secondary", func() error { return n.second.answers(n.zone, owner, dns.TypeTLSA) })
	if got := n.standing(t, n.second, owner); len(got) != 2 {
		t.Fatalf("a secondary that was released has %q", got)
	}
}
