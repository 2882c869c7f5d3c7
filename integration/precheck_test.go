package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
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
	network := fmt.Sprintf("127.%d.0.", number)
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

// prechecked is what the tests read of a precheck's verdict.
type prechecked struct {
	verdict
	Detail string
}

// precheck asks the daemon of the pair's key, as an issuer would.
func (d *daemon) precheck(t testing.TB) (v prechecked) {
	t.Helper()
	body := fmt.Appendf(nil, `{"subject":"https://%s","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}`, strings.TrimSuffix(pairDomain, "."))
	response, err := d.local().Post("http://cnfd/v1/precheck", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// finds fails the test where a precheck does not come to a verdict, or does not say these words of the servers.
func (d *daemon) finds(t testing.TB, want string, words ...string) {
	t.Helper()
	v := d.precheck(t)
	if v.String() != want {
		t.Errorf("%s, want %s: %s %s", v, want, v.Detail, v.all())
	}
	for _, w := range words {
		if !strings.Contains(v.Detail, w) {
			t.Errorf("%s: %q does not say %q", v, v.Detail, w)
		}
	}
}

// An impostor stands at a server's address, and hands every question on to another server; what comes back it may spoil.
type impostor struct {
	spoil func(q, r *dns.Msg)
	to    string
}

func (i *impostor) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r, _, err := (&dns.Client{Net: "tcp"}).Exchange(q.Copy(), net.JoinHostPort(i.to, "53"))
	if err != nil {
		r = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	} else if i.spoil != nil {
		i.spoil(q, r)
	}
	w.WriteMsg(r)
}

// pose starts an impostor at an address, over UDP and TCP.
func pose(t *testing.T, at, to string, spoil func(q, r *dns.Msg)) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		up := make(chan struct{})
		s := &dns.Server{Addr: net.JoinHostPort(at, "53"), Net: network, Handler: &impostor{spoil, to}, NotifyStartedFunc: func() { close(up) }}
		failed := make(chan error, 1)
		go func() { failed <- s.ListenAndServe() }()
		select {
		case <-up:
		case err := <-failed:
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown() })
	}
}

func TestPrecheckOfBINDAndKnot(t *testing.T) { precheckOf(t, 61, knotSecondary) }

func TestPrecheckOfBINDAndNSD(t *testing.T) { precheckOf(t, 62, nsdSecondary) }

const (
	alike  = "confirmed record_matches"
	differ = "unproven servers_differ"
)

// precheckOf tells what becomes of a record on its way to a secondary, and of servers that are out of order. Every
// story begins confirmed, and ends so again.
func precheckOf(t *testing.T, number int, second func(primary string) *secondary) {
	t.Parallel()
	n := newPair(t, number, second)
	d := n.daemon(t, settings{})
	one, two := "ns.paired.example "+n.leaf.addr, "ns2.paired.example "+n.second.addr
	d.finds(t, alike, "name servers were asked at 2 addresses, and all say the same")
	if t.Failed() {
		return
	}
	t.Run("a record withdrawn, and the secondary held back", func(t *testing.T) {
		n.leaf.edit(t, n.zone, []dns.RR{n.record(t)}, nil)
		d.finds(t, differ, one+": no record, serial ", two+": 1 record with this key, serial ")
		n.inStep(t)
		d.finds(t, "refuted record_absent", "all say the same")
	})
	t.Run("a record published, and the secondary held back", func(t *testing.T) {
		n.leaf.edit(t, n.zone, nil, []dns.RR{n.record(t)})
		d.finds(t, differ, two+": no record, serial ", one+": 1 record with this key, serial ")
		n.inStep(t)
		d.finds(t, alike)
	})
	t.Run("another key's record, and the secondary held back", func(t *testing.T) {
		other := tlsa(t, pairOwner, strings.Repeat("5a", 32))
		n.leaf.edit(t, n.zone, []dns.RR{n.record(t)}, []dns.RR{other})
		d.finds(t, differ, one+": 1 record without this key", two+": 1 record with this key")
		n.inStep(t)
		d.finds(t, "refuted record_differs")
		n.leaf.edit(t, n.zone, []dns.RR{other}, []dns.RR{n.record(t)})
		n.inStep(t)
		d.finds(t, alike)
	})
	t.Run("the secondary is killed", func(t *testing.T) {
		n.second.process.stop()
		d.finds(t, differ, two+": ", one+": 1 record with this key")
		n.posers(t, d)
		n.second.launch(t)
		n.second.awaitZones(t)
		d.finds(t, alike)
	})
	t.Run("both are killed", func(t *testing.T) {
		n.second.process.stop()
		n.leaf.process.stop()
		d.finds(t, "unproven unreachable")
	})
}

// posers stand in the secondary's place: first one that is honest, then others that are not.
func (n *pair) posers(t *testing.T, d *daemon) {
	two := "ns2.paired.example " + n.second.addr
	ofRecord := func(q *dns.Msg) bool { return q.Question[0].Qtype == dns.TypeTLSA }
	for _, p := range []struct {
		claim, want, words string
		spoil              func(q, r *dns.Msg)
	}{
		{"an honest one", alike, "all say the same", nil},
		{"a bit of the record is another", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			for _, rr := range r.Answer {
				if x, ok := rr.(*dns.TLSA); ok {
					x.Certificate = "81" + x.Certificate[2:]
				}
			}
		}},
		{"the record is there without its signature", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				r.Answer = r.Answer[:1]
			}
		}},
		{"the record is denied without a proof", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				r.Rcode, r.Answer, r.Ns = dns.RcodeNameError, nil, nil
			}
		}},
		{"another record is forged", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				forged := dns.Copy(r.Answer[0]).(*dns.TLSA)
				forged.Certificate = strings.Repeat("5a", 32)
				r.Answer = append(r.Answer, forged)
			}
		}},
		{"it is a cache", differ, two + ": ", func(q, r *dns.Msg) { r.Authoritative, r.RecursionAvailable = false, true }},
		{"it refuses", differ, two + ": says REFUSED", func(q, r *dns.Msg) { r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil }},
	} {
		t.Run(p.claim, func(t *testing.T) {
			pose(t, n.second.addr, n.leaf.addr, p.spoil)
			d.finds(t, p.want, p.words)
		})
	}
}

// TestPrecheckThroughAForwarder: the token is confirmed, and what each name server says nobody can know.
func TestPrecheckThroughAForwarder(t *testing.T) {
	t.Parallel()
	n := newPair(t, 63, knotSecondary)
	direct := n.daemon(t, settings{})
	direct.finds(t, alike)
	at := n.startUnbound(t)
	d := n.daemon(t, settings{resolver: fmt.Sprintf("mode: forward\n  forwarders: [\"udp://%s\"]", at)})
	if v := d.says(t, ofSubject(strings.TrimSuffix(pairDomain, "."))); v.String() != alike {
		t.Fatalf("%s: %s", v, v.all())
	}
	d.finds(t, "unproven unreachable", "questions are handed on to forwarders (resolver.mode: forward)")
}

// TestPrecheckWithoutIPv6: the command says the same as the daemon, and an address that nothing leads to from this machine, which
// has no IPv6, is named and counts for nobody.
func TestPrecheckWithoutIPv6(t *testing.T) {
	t.Parallel()
	n := newPair(t, 64, knotSecondary)
	key := n.file(t, "key.jwk", `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`)
	path := n.configure(t, n.second.path("command"), settings{})
	asks := func(want, words string) {
		t.Helper()
		text := said(cnfd(t), "precheck", "--config", path, "--subject", "https://paired.example", "--key", key, "--method", "jkt")
		if !strings.HasPrefix(text, want+"\n") || !strings.Contains(text, words) {
			t.Errorf("want %s, %s:\n%s", want, words, text)
		}
	}
	asks("confirmed: record_matches", "name servers were asked at 2 addresses, and all say the same\n")
	n.leaf.edit(t, n.zone, nil, records(t, "ns2."+pairDomain+" AAAA 2001:db8::3"))
	n.inStep(t)
	asks("confirmed: record_matches", "not asked: ns2.paired.example 2001:db8::3: its address family is turned off (resolver.ipv4, resolver.ipv6)")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(text), "ipv6: false", "ipv6: true", 1))
	asks("confirmed: record_matches", "not asked: ns2.paired.example 2001:db8::3: network is unreachable")
	run(t, "", "", "ip", "-6", "address", "replace", "2001:db8::3/128", "dev", "lo", "nodad")
	defer run(t, "", "", "ip", "-6", "address", "delete", "2001:db8::3/128", "dev", "lo")
	asks("unproven: servers_differ", "ns2.paired.example 2001:db8::3: ")
}
