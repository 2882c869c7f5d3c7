package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// pairKey is the key whose thumbprint is subjectsKey.
const pairKey = `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`

// checkedDoc is what the tests read of `cnfd publish check --json`.
type checkedDoc struct {
	Level, Summary string
	Findings       []struct{ Level, What, Name, Text, Do string }
	Sets           []struct {
		Name, State, Security, Zone string
		TTL                         int64
		Records                     []struct {
			Record string
			Usable bool
			Keys   []string
		}
		Servers []struct{ Server, Says string }
	}
	code int
}

// String is the level and what was found, the worst first: "warning ttl_too_long".
func (d *checkedDoc) String() string {
	words := []string{d.Level}
	for _, f := range d.Findings {
		if !slices.Contains(words, f.What) {
			words = append(words, f.What)
		}
	}
	return strings.Join(words, " ")
}

// A monitor runs `cnfd publish check` as monitoring systems do.
type monitor struct{ binary, config, subject, key string }

func newMonitor(t *testing.T, r *trust, h *host, domain string, s settings) *monitor {
	t.Helper()
	write(t, h.path("key.jwk"), pairKey)
	return &monitor{cnfd(t), r.newConfig(t, s), "https://" + strings.TrimSuffix(domain, "."), h.path("key.jwk")}
}

func (m *monitor) check(t testing.TB, flags ...string) (d checkedDoc) {
	t.Helper()
	argv := append([]string{"publish", "check", "--config", m.config, "--subject", m.subject, "--key", m.key, "--method", "jkt", "--json"}, flags...)
	cmd := exec.Command(m.binary, argv...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v: %v: %s%s", argv, err, out, &stderr)
	}
	d.code = cmd.ProcessState.ExitCode()
	return d
}

// finds fails the test where a check does not come to this, or its first finding does not say these words. On a machine with
// much else to do a server may be too slow: that is asked again where it is not what is wanted.
func (m *monitor) finds(t testing.TB, want string, words string, flags ...string) {
	t.Helper()
	d := m.check(t, flags...)
	for range 5 {
		if d.String() == want || d.Level != "unknown" && !strings.Contains(d.String(), "servers_differ") {
			break
		}
		t.Logf("asked again: %s", d.Summary)
		d = m.check(t, flags...)
	}
	said := d.Summary
	if len(d.Findings) > 0 {
		said = d.Findings[0].Name + ": " + d.Findings[0].Text
	}
	if d.String() != want || !strings.Contains(said, words) {
		t.Errorf("%s, want %s: %q: %s", d.String(), want, words, said)
	}
	level, _, _ := strings.Cut(want, " ")
	if code := map[string]int{"ok": 0, "warning": 1, "critical": 2, "unknown": 3}[level]; d.code != code {
		t.Errorf("%s: exit code %d, want %d", want, d.code, code)
	}
}

// advises fails the test where the first finding does not say that this helps.
func (m *monitor) advises(t testing.TB, do string) {
	t.Helper()
	if d := m.check(t); len(d.Findings) == 0 || !strings.Contains(d.Findings[0].Do, do) {
		t.Errorf("want %q: %+v", do, d.Findings)
	}
}

func TestPublishCheckOfBINDAndKnot(t *testing.T) { publishCheckOf(t, 111, knotSecondary) }

func TestPublishCheckOfBINDAndNSD(t *testing.T) { publishCheckOf(t, 112, nsdSecondary) }

// publishCheckOf turns one thing after another at a domain that is as it should be, and turns it back.
func publishCheckOf(t *testing.T, number int, second func(primary string) *secondary) {
	t.Parallel()
	n := newPair(t, number, second)
	m := newMonitor(t, &n.trust, n.leaf, pairDomain, settings{})
	const fine = "alike at 2 server addresses"
	right := func(t *testing.T) {
		t.Helper()
		m.finds(t, "ok", fine, "--revocation", "5m")
	}
	right(t)
	if t.Failed() {
		return
	}
	edit := func(t *testing.T, remove, add []dns.RR) {
		t.Helper()
		n.leaf.edit(t, n.zone, remove, add)
		n.inStep(t)
	}
	one, two := "ns.paired.example. "+n.leaf.addr, "ns2.paired.example. "+n.second.addr
	ours := []dns.RR{n.record(t)}

	t.Run("the record is withdrawn, and one server is stale", func(t *testing.T) {
		n.leaf.edit(t, n.zone, ours, nil)
		m.finds(t, "critical servers_differ", one+": no record, serial ")
		m.finds(t, "critical servers_differ", two+": 1 record with the key, serial ")
		n.inStep(t)
		m.finds(t, "critical key_not_published", "jkt.cnf.paired.example.: no record is there, which caches may know for 5m")
		edit(t, nil, ours)
		right(t)
	})
	t.Run("another key's record in the place of ours", func(t *testing.T) {
		other := []dns.RR{tlsa(t, pairOwner, strings.Repeat("5a", 32))}
		edit(t, ours, other)
		m.finds(t, "critical key_not_published other_keys", "1 record there, and not the key's")
		edit(t, other, ours)
		right(t)
	})
	t.Run("a record beside ours that nobody can use", func(t *testing.T) {
		odd := records(t, pairOwner+" TLSA 3 1 1 "+strings.Repeat("5a", 32))
		edit(t, nil, odd)
		m.finds(t, "warning unusable_record", "verifiers skip 3 1 1 5A5A")
		edit(t, odd, nil)
		right(t)
	})
	t.Run("a TTL of an hour", func(t *testing.T) {
		slow := []dns.RR{dns.Copy(ours[0])}
		slow[0].Header().Ttl = 3600
		edit(t, ours, nil)
		edit(t, nil, slow)
		m.finds(t, "warning ttl_too_long", "its TTL is 1h", "--revocation", "5m")
		m.finds(t, "ok", fine)
		edit(t, slow, nil)
		edit(t, nil, ours)
		right(t)
	})
	t.Run("a wildcard in its place", func(t *testing.T) {
		star := []dns.RR{tlsa(t, "*."+pairDomain, subjectsKey)}
		edit(t, ours, star)
		m.finds(t, "warning wildcard", "a wildcard answers in its place")
		edit(t, star, ours)
		right(t)
	})
	t.Run("a DS that vouches for no key", func(t *testing.T) {
		root, ds := n.zones["."], n.zones["."].set(pairDomain, dns.TypeDS)
		wrong := records(t, pairDomain+" DS 4711 13 2 "+strings.Repeat("5A", 32))
		n.root.edit(t, root, ds, wrong)
		m.finds(t, "critical bogus", "jkt.cnf.paired.example.: ")
		n.root.edit(t, root, wrong, ds)
		right(t)
	})
	t.Run("no DS: the zone counts as unsigned", func(t *testing.T) {
		root, ds := n.zones["."], n.zones["."].set(pairDomain, dns.TypeDS)
		n.root.edit(t, root, ds, nil)
		m.finds(t, "critical insecure", "nothing proves what the zone paired.example. says of it: the zone paired.example. is signed, but its parent, ., has no DS for it")
		for _, rr := range ds {
			d := rr.(*dns.DS)
			m.advises(t, fmt.Sprintf("paired.example. DS %d %d %d %s", d.KeyTag, d.Algorithm, d.DigestType, strings.ToUpper(d.Digest)))
		}
		n.root.edit(t, root, nil, ds)
		right(t)
	})
	t.Run("a server is killed, then both", func(t *testing.T) {
		n.second.process.stop()
		m.finds(t, "critical servers_differ", "not every server answers; "+two+": no answer: ")
		m.advises(t, "bring "+two+" up")
		text := said(m.binary, "publish", "list", "--config", m.config, "--subject", m.subject, "--key", m.key)
		for _, words := range []string{
			"paired.example: 0 records at 0 of 22 names; what is at 22 is not known: not all servers answer, and those that do have 1 record at 1 of them\n",
			"NOT FROM ALL SERVERS: 1 of 2 addresses answer\n", "    255 255 255 " + strings.ToUpper(subjectsKey) + "  " + m.key + "\n",
			"no record at 21 of the names, as far as servers answer", "server " + two + ": no answer: ",
		} {
			if !strings.Contains(text, words) {
				t.Errorf("no %q in\n%s", words, text)
			}
		}
		if lines := strings.Count(text, "\n"); lines > 10 {
			t.Errorf("%d lines:\n%s", lines, text)
		}
		n.leaf.process.stop()
		m.finds(t, "unknown unreachable", "no server could be asked: ")
		n.leaf.launch(t)
		n.second.launch(t)
		n.leaf.awaitZones(t)
		n.second.awaitZones(t)
		right(t)
	})
}

// TestPublishCheckOfSignatures: nobody signs the zone anew, and the end of its signatures comes nearer: they are of two weeks.
func TestPublishCheckOfSignatures(t *testing.T) {
	t.Parallel()
	n := newPair(t, 113, knotSecondary)
	c := newClock(t, &n.trust)
	m := newMonitor(t, &n.trust, n.leaf, pairDomain, c.settings())
	m.finds(t, "ok", "signatures until 20")
	c.set(t, 12*day)
	m.finds(t, "warning signature_ends_soon", "jkt.cnf.paired.example.: the first of its signatures ends at 20")
	m.finds(t, "ok", "signatures until 20", "--signatures", "12h")
	m.finds(t, "ok", "signatures until 20", "--signatures", "0")
	c.set(t, 20*day)
	m.finds(t, "critical bogus", "expired")
	c.set(t, 200*day)
	m.finds(t, "critical bogus", "jkt.cnf.paired.example.: . DNSKEY ")
	m.advises(t, "see this machine's clock, or resolver.trust_anchors")
	c.set(t, 0)
	m.finds(t, "ok", "signatures until 20")
}

// TestPublishCheckThroughAForwarder: what the servers say each nobody can know, and what is published can be seen all the same.
func TestPublishCheckThroughAForwarder(t *testing.T) {
	t.Parallel()
	n := newPair(t, 114, nsdSecondary)
	m := newMonitor(t, &n.trust, n.leaf, pairDomain, settings{})
	m.finds(t, "ok", "alike at 2 server addresses")
	at := n.startUnbound(t)
	through := newMonitor(t, &n.trust, n.leaf, pairDomain, settings{resolver: fmt.Sprintf("mode: forward\n  forwarders: [\"udp://%s\"]", at)})
	through.finds(t, "unknown servers_not_asked", "questions are handed on to forwarders")
	if d := through.check(t); len(d.Sets) != 1 || d.Sets[0].State != "present" || d.Sets[0].Security != "secure" || len(d.Sets[0].Records) != 1 || len(d.Sets[0].Records[0].Keys) != 1 {
		t.Errorf("%+v", d)
	}
	text := said(m.binary, "publish", "list", "--config", through.config, "--subject", m.subject, "--key", m.key)
	for _, line := range []string{
		"paired.example: 1 record at 1 of 22 names\n", "secure, TTL 300 s, signatures until 20", "servers not asked\n",
		"    255 255 255 " + strings.ToUpper(subjectsKey) + "  " + m.key + "\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	through.finds(t, "unknown servers_not_asked ttl_too_long", "questions are handed on to forwarders", "--revocation", "299s")
}

// TestPublishCheckOfADelegatedName: cnf is handed to another zone, on another server by other people: at first signed, then not.
func TestPublishCheckOfADelegatedName(t *testing.T) {
	t.Parallel()
	lab(t)
	const domain, cut, network = "handing.example.", "cnf.handing.example.", "127.115.0."
	n := &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}
	n.root, n.leaf = newHost(t, bind{inline: true}, network+"1"), newHost(t, bind{}, network+"2")
	n.tld = n.leaf
	other := newHost(t, knot{}, network+"3")
	root, z := n.add(t, n.root, ".", dns.ECDSAP256SHA256), n.add(t, n.leaf, domain, dns.ECDSAP256SHA256)
	record := []dns.RR{tlsa(t, "jkt."+cut, subjectsKey)}
	z.edit(nil, record)
	root.edit(nil, slices.Concat(z.set(domain, dns.TypeNS), z.set("ns."+domain, dns.TypeA)))
	child := newZone(t, cut, other.addr, dns.ECDSAP256SHA256)
	child.edit(nil, record)
	other.zones = []*zone{child}
	for _, h := range []*host{n.root, n.leaf, other} {
		h.start(t)
	}
	n.chain(t)
	m := newMonitor(t, &n.trust, n.leaf, domain, settings{})
	m.finds(t, "ok", "one server address")
	if t.Failed() {
		return
	}

	refers := func(ds bool) func() error {
		return func() error {
			r, err := n.leaf.ask("jkt."+cut, dns.TypeTLSA)
			if err != nil {
				return err
			}
			has := func(rrtype uint16) bool {
				return slices.ContainsFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype })
			}
			if len(r.Answer) > 0 || !has(dns.TypeNS) || has(dns.TypeDS) != ds {
				return fmt.Errorf("no such delegation: %v", r)
			}
			return nil
		}
	}
	ds := other.ds(t, child)
	delegation := slices.Concat(child.set(cut, dns.TypeNS), child.set("ns."+cut, dns.TypeA), ds)
	n.leaf.change(t, n.leaf, z, record, delegation)
	await(t, "the delegation", refers(true))
	m.finds(t, "warning delegated", "it lies in the zone cnf.handing.example., to which handing.example delegates")
	if d := m.check(t); d.Sets[0].Zone != cut || d.Sets[0].Security != "secure" {
		t.Errorf("%+v", d)
	}

	n.leaf.change(t, n.leaf, z, ds, nil)
	await(t, "the delegation without DS", refers(false))
	m.finds(t, "critical insecure delegated", "nothing proves what the zone cnf.handing.example. says of it")

	n.leaf.change(t, n.leaf, z, slices.Concat(child.set(cut, dns.TypeNS), child.set("ns."+cut, dns.TypeA)), record)
	await(t, "the record", func() error {
		r, err := n.leaf.ask("jkt."+cut, dns.TypeTLSA)
		if err == nil && !signed(r.Answer, dns.TypeTLSA) {
			err = fmt.Errorf("no record: %v", r)
		}
		return err
	})
	m.finds(t, "ok", "one server address")
}

// TestPublishCheckOfTheZoneAbove: one of the parent's servers has an old delegation.
func TestPublishCheckOfTheZoneAbove(t *testing.T) {
	t.Parallel()
	n := newUpper(t, 117, knotSecondary)
	m := newMonitor(t, &n.trust, n.leaf, pairDomain, settings{})
	m.finds(t, "ok", "one server address")
	ds := records(t, pairDomain+" DS 4711 13 2 "+strings.Repeat("5A", 32))
	n.delegate(t, nil, ds)
	const intro = "the servers of . do not all delegate paired.example. alike; "
	m.finds(t, "critical servers_differ", intro)
	m.finds(t, "critical servers_differ", "4711 13 2 "+strings.Repeat("5a", 32))
	m.finds(t, "critical servers_differ", "ns2. "+n.second.addr+": to ns.paired.example., DS ")
	n.inStep(t)
	m.finds(t, "ok", "one server address")
}

// TestPublishCheckOfAnImpostor: what stands at a server's address and is not the zone's is never taken for it.
func TestPublishCheckOfAnImpostor(t *testing.T) {
	t.Parallel()
	n := newPair(t, 116, knotSecondary)
	m := newMonitor(t, &n.trust, n.leaf, pairDomain, settings{})
	m.finds(t, "ok", "alike at 2 server addresses")
	n.second.process.stop()
	two := "ns2.paired.example. " + net.ParseIP(n.second.addr).String()
	for _, p := range []struct {
		claim, want, words string
		spoil              func(q, r *dns.Msg)
	}{
		{"an honest one", "ok", "alike at 2 server addresses", nil},
		{"it leaves the signature out", "critical servers_differ", two + ": bogus: ", func(q, r *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeTLSA {
				r.Answer = r.Answer[:1]
			}
		}},
		{"it forges another key's record", "critical servers_differ", two + ": bogus: ", func(q, r *dns.Msg) {
			for _, rr := range r.Answer {
				if x, ok := rr.(*dns.TLSA); ok {
					x.Certificate = strings.Repeat("5a", 32)
				}
			}
		}},
		{"it refuses", "critical servers_differ", two + ": no answer: says REFUSED", func(_, r *dns.Msg) {
			r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
		}},
	} {
		t.Run(p.claim, func(t *testing.T) {
			pose(t, n.second.addr, n.leaf.addr, p.spoil)
			m.finds(t, p.want, p.words)
			if strings.HasSuffix(p.words, "REFUSED") {
				m.advises(t, "have "+two+" serve the zone")
			}
		})
	}
	var none time.Duration
	if d := m.check(t, "--signatures", none.String()); d.String() != "critical servers_differ" {
		t.Errorf("with nobody at the address: %s", d.Summary)
	}
}
