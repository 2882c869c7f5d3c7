package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
	rfc2136 "cnfd/publish/update"

	"github.com/miekg/dns"
)

// anyOctets are labels that every character of which some program trips over stands in.
const anyOctets = `o\.d\ d\"\000;\\x'.`

// updateHosts starts a primary, a server like it with another zone, and perhaps a secondary, at 127.number.0.1 to 3.
func updateHosts(t *testing.T, number int, primary, stranger, second software) (w *writable, at *host) {
	t.Helper()
	lab(t)
	network := network(t, number)
	w = &writable{zone: "vendor.example.", otherZone: "other.example.", key: labKey, reader: readerKey, alias: "alias.cnf.vendor.example.", odd: anyOctets}
	at = newHost(t, primary, network+"1")
	for _, name := range []string{w.zone, w.otherZone} {
		at.zones = append(at.zones, newZone(t, name, at.addr, dns.ECDSAP256SHA256))
	}
	at.zones[0].records = append(at.zones[0].records, records(t, w.alias+" CNAME ns."+w.zone, "neighbour."+w.zone+" TLSA 3 1 1 "+strings.Repeat("AB", 32),
		"cnf."+w.zone+" TLSA 255 255 255 "+strings.Repeat("CD", 48), "cnf."+w.zone+" TXT \"somebody's\"")...)
	other := newHost(t, stranger, network+"2")
	other.zones = []*zone{newZone(t, "stranger.example.", other.addr, dns.ECDSAP256SHA256)}
	hosts := []*host{at, other}
	if second != nil {
		h := newHost(t, second, network+"3")
		h.zones = at.zones[:1]
		hosts = append(hosts, h)
		w.secondary = h.addr + ":53"
	}
	for _, h := range hosts {
		anew(t, h.dir)
		h.start(t)
	}
	w.server, w.stranger = at.addr+":53", other.addr+":53"
	return w, at
}

// anew takes away what an earlier run of the test has left (go test -count).
func anew(t testing.TB, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

// edited is a configuration with one part in another's place.
func edited(t testing.TB, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s has no %q", path, from)
	}
	write(t, path, strings.ReplaceAll(string(text), from, to))
}

// updateBIND lets the key lab change TLSA and CNAME records, and knows another.
type updateBIND struct{ bind }

func (b updateBIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.bind.configure(t, h)
	edited(t, h.path("named.conf"), "options {", readerKey+"options {")
	edited(t, h.path("named.conf"), "allow-transfer { none; }", "allow-transfer { any; }")
	edited(t, h.path("named.conf"), "grant lab zonesub any;", "grant lab zonesub TLSA CNAME;")
}

// bindSecondary is BIND as a secondary that knows the keys.
type bindSecondary struct{ primary string }

func (b bindSecondary) configure(t testing.TB, h *host) {
	t.Helper()
	var zones strings.Builder
	for _, z := range h.zones {
		fmt.Fprintf(&zones, "zone %q { type secondary; primaries { %s; }; file %q; };\n", z.name, b.primary, z.fileName()+".copy")
	}
	write(t, h.path("named.conf"), fmt.Sprintf(`%s%s
options { directory %q; pid-file none; session-keyfile none; listen-on port 53 { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; };
controls { };
%s`, labKey, readerKey, h.dir, h.addr, zones.String()))
}

func (bindSecondary) command(t testing.TB, h *host) []string {
	return []string{unconfined(t, "named", "bind9"), "-g", "-n", "1", "-c", h.path("named.conf")}
}

func (bindSecondary) change(testing.TB, *host, *zone, []dns.RR, []dns.RR) {}

func TestUpdateBIND(t *testing.T) {
	t.Parallel()
	w, at := updateHosts(t, 131, updateBIND{}, updateBIND{}, bindSecondary{primary: "127.131.0.1"})
	w.want = map[string]expected{"the server is a secondary": {publish.Refused, "publish.server"}}
	w.fail = func(t *testing.T) {
		at.process.stop()
		for _, end := range []string{"", ".jnl", ".signed", ".signed.jnl"} {
			os.Remove(at.path("vendor.example.zone" + end))
		}
		at.process = start(at.life, at.path("log"), at.command(t, at)...)
		await(t, "named without the zone", func() error { return serverFails(at, w.zone) })
	}
	w.prove(t)
}

// serverFails waits until a server says SERVFAIL.
func serverFails(h *host, zone string) error {
	m, _, err := (&dns.Client{Net: "tcp"}).Exchange(new(dns.Msg).SetQuestion(zone, dns.TypeSOA), h.addr+":53")
	if err == nil && m.Rcode != dns.RcodeServerFailure {
		err = fmt.Errorf("says %s", dns.RcodeToString[m.Rcode])
	}
	return err
}

// updateKnot lets the key lab update.
type updateKnot struct{ knot }

func (k updateKnot) configure(t testing.TB, h *host) {
	t.Helper()
	k.knot.configure(t, h)
	edited(t, h.path("knot.conf"), "template:\n", `key:
  - id: lab
    algorithm: hmac-sha256
    secret: `+secretIn(labKey)+`
  - id: reader
    algorithm: hmac-sha512
    secret: `+secretIn(readerKey)+`
acl:
  - id: writes
    key: lab
    action: update
  - id: reads
    address: 127.0.0.0/8
    action: transfer
  - id: reader
    key: reader
    action: transfer
template:
`)
	edited(t, h.path("knot.conf"), "    dnssec-signing: on\n", "    dnssec-signing: on\n    acl: [writes, reads, reader]\n")
}

// keyedKnotSecondary is Knot as a secondary that knows the key lab, for this action: with update it hands updates on.
func keyedKnotSecondary(primary, action string) *secondary {
	s := knotSecondary(primary)
	config := s.config
	s.config = func(s *secondary, h *host) string {
		return strings.NewReplacer("remote:\n", "key:\n  - id: lab\n    algorithm: hmac-sha256\n    secret: "+secretIn(labKey)+"\nremote:\n",
			"template:\n", "  - id: keyed\n    key: lab\n    action: "+action+"\ntemplate:\n", "acl: told", "acl: [told, keyed]").Replace(config(s, h))
	}
	return s
}

func TestUpdateKnot(t *testing.T) {
	t.Parallel()
	w, at := updateHosts(t, 132, updateKnot{}, updateKnot{}, keyedKnotSecondary("127.132.0.1", "transfer"))
	w.takesEmpty = true
	w.want = map[string]expected{
		"the key may not":           {publish.BadKey, "Knot DNS says this of one that may not"},
		"the server is a secondary": {publish.BadKey, "Knot DNS says this of one that may not"},
		"there is no key":           {publish.NotAuth, "Knot DNS says this too where a key is missing"},
	}
	w.fail = func(t *testing.T) {
		at.process.stop()
		os.RemoveAll(at.path("zones"))
		os.RemoveAll(at.path("db", "journal"))
		at.process = start(at.life, at.path("log"), at.command(t, at)...)
		await(t, "knotd without the zone", func() error { return serverFails(at, w.zone) })
	}
	w.prove(t)
}

// TestUpdateByASecondary writes to a secondary that hands updates on (RFC 2136 §6).
func TestUpdateByASecondary(t *testing.T) {
	t.Parallel()
	w, at := updateHosts(t, 137, updateKnot{}, updateKnot{}, keyedKnotSecondary("127.137.0.1", "update"))
	name := "forwarded.cnf." + w.zone
	rest := w.others(t, name)
	z := w.target(t, func(c *rfc2136.Config) { c.Server = w.secondary })
	before := readSet(t, z, name)
	after := before.With(tlsaOf(t, updateOurs)[0], time.Minute)
	writeSet(t, z, before, after)
	await(t, "the primary", func() error {
		if seen, _ := w.asked(t, name); !after.Same(publish.Set{Name: name, Records: seen}) {
			return fmt.Errorf("has %v", seen)
		}
		return nil
	})
	if now := w.others(t, name); now != rest {
		t.Errorf("others' records are\n%s\nand were\n%s", now, rest)
	}
	if late := readSet(t, z, name); !late.Same(before) {
		t.Errorf("the secondary has it without having been told: %v", late)
	}
	(&secondary{}).change(t, &host{addr: strings.TrimSuffix(w.secondary, ":53")}, at.zones[0], nil, nil)
	await(t, "the secondary", func() error {
		if now := readSet(t, z, name); !now.Same(after) {
			return fmt.Errorf("has %v", now)
		}
		return nil
	})
}

// updatePowerDNS lets the key lab update.
type updatePowerDNS struct{ powerdns }

func (p updatePowerDNS) configure(t testing.TB, h *host) {
	t.Helper()
	p.powerdns.configure(t, h)
	edited(t, h.path("pdns.conf"), "launch=gsqlite3\n", "launch=gsqlite3\ndnsupdate=yes\nallow-dnsupdate-from=127.0.0.0/8\nallow-axfr-ips=127.0.0.0/8\n")
	p.util(t, h, "import-tsig-key", "lab", "hmac-sha256", secretIn(labKey))
	p.util(t, h, "import-tsig-key", "reader", "hmac-sha512", secretIn(readerKey))
	for _, z := range h.zones {
		p.util(t, h, "set-meta", z.name, "TSIG-ALLOW-DNSUPDATE", "lab")
	}
}

// pdnsUntold is what PowerDNS says of every key and clock that is wrong.
var pdnsUntold = expected{publish.BadKey, "says NOTAUTH: the key is not known there, its secret is another, or the clocks differ"}

var pdnsSays = map[string]expected{
	"the secret is another": pdnsUntold, "the key is unknown": pdnsUntold, "the algorithm is another": pdnsUntold,
	"the clock is an hour late": pdnsUntold, "the clock is an hour early": pdnsUntold,
}

func TestUpdatePowerDNS(t *testing.T) {
	t.Parallel()
	w, at := updateHosts(t, 133, updatePowerDNS{}, updatePowerDNS{}, nil)
	w.takesEmpty, w.odd = true, `a/b@c:._1_8.` // of names with other signs, "#" among them, it says SERVFAIL
	w.want = pdnsSays
	w.fail = func(t *testing.T) { // of writing
		for _, work := range []string{"insert", "update", "delete"} {
			run(t, at.dir, "create trigger no_"+work+" before "+work+" on records begin select raise(abort, 'full'); end;", "sqlite3", at.path("zones.sqlite3"))
		}
	}
	w.prove(t)
}
