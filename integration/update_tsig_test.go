package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// tsigKeys are keys that may update, one of each algorithm that is taken, with secrets as long as tsig-keygen makes
// them; and one whose secret is longer than a block of its hash, so that its digest is used instead (RFC 2104 §2).
var tsigKeys = []string{
	tsigKey("w256", "hmac-sha256", "b2YgYSBsYWJvcmF0b3J5LCBhbmQgbm8gc2VjcmV0Li4="),
	tsigKey("w384", "hmac-sha384", "b2YgYSBsYWJvcmF0b3J5LCBubyBzZWNyZXQsIGFuZCBhIGxpdHRsZSBsb25nZXIu"),
	tsigKey("w512", "hmac-sha512", "b2YgYSBsYWJvcmF0b3J5LCBubyBzZWNyZXQsIGFuZCBsb25nZXIgc3RpbGwgZm9yIGFub3RoZXIgaGFzaC4uLg=="),
	tsigKey("wlong", "hmac-sha256", strings.Repeat("bW9yZSB0aGFuIGEgYmxvY2sg", 8)),
}

func tsigKey(name, algorithm, secret string) string {
	return fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", name, algorithm, secret)
}

// tsigParts are what a key file says.
func tsigParts(file string) (name, algorithm, secret string) {
	words := strings.FieldsFunc(file, func(r rune) bool { return strings.ContainsRune(" \t\n\";{}", r) })
	return words[1], words[3], words[5]
}

type tsigBIND struct{ updateBIND }

func (b tsigBIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.updateBIND.configure(t, h)
	grants := "grant lab zonesub TLSA CNAME;"
	for _, k := range tsigKeys {
		name, _, _ := tsigParts(k)
		grants += fmt.Sprintf(" grant %s zonesub TLSA CNAME;", name)
	}
	edited(t, h.path("named.conf"), "options {", strings.Join(tsigKeys, "")+"options {")
	edited(t, h.path("named.conf"), "grant lab zonesub TLSA CNAME;", grants)
}

type tsigKnot struct{ updateKnot }

func (k tsigKnot) configure(t testing.TB, h *host) {
	t.Helper()
	k.updateKnot.configure(t, h)
	names, keys := "lab", ""
	for _, file := range tsigKeys {
		name, algorithm, secret := tsigParts(file)
		names += ", " + name
		keys += fmt.Sprintf("  - id: %s\n    algorithm: %s\n    secret: %s\n", name, algorithm, secret)
	}
	edited(t, h.path("knot.conf"), "acl:\n  - id: writes\n    key: lab\n", keys+"acl:\n  - id: writes\n    key: ["+names+"]\n")
}

type tsigPowerDNS struct{ updatePowerDNS }

func (p tsigPowerDNS) configure(t testing.TB, h *host) {
	t.Helper()
	p.updatePowerDNS.configure(t, h)
	names := []string{"lab"}
	for _, k := range tsigKeys {
		name, algorithm, secret := tsigParts(k)
		p.util(t, h, "import-tsig-key", name, algorithm, secret)
		names = append(names, name)
	}
	for _, z := range h.zones {
		p.util(t, h, append([]string{"set-meta", z.name, "TSIG-ALLOW-DNSUPDATE"}, names...)...)
	}
}

// TestUpdateTSIGAlgorithms makes a change with a key of each algorithm, and is refused with another secret.
func TestUpdateTSIGAlgorithms(t *testing.T) {
	t.Parallel()
	lab(t)
	const zoneName = "vendor.example."
	for i, c := range []struct {
		claim string
		software
	}{{"BIND", tsigBIND{}}, {"Knot DNS", tsigKnot{}}, {"PowerDNS", tsigPowerDNS{}}} {
		t.Run(c.claim, func(t *testing.T) {
			at := newHost(t, c.software, fmt.Sprintf("127.150.0.%d", i+1))
			z := newZone(t, zoneName, at.addr, dns.ECDSAP256SHA256)
			z.records = append(z.records, records(t, "neighbour."+zoneName+" TLSA 3 1 1 "+strings.Repeat("AB", 32))...)
			at.zones = []*zone{z}
			anew(t, at.dir)
			at.start(t)
			for _, key := range tsigKeys {
				w := &writable{server: at.addr + ":53", zone: zoneName, key: key}
				if c.claim == "PowerDNS" {
					w.want = pdnsSays
				}
				name, algorithm, _ := tsigParts(key)
				t.Run(algorithm+" "+name, func(t *testing.T) {
					w.edge(t, nil)
					w.faulty(t, name+".cnf."+zoneName, otherSecretFault)
				})
			}
		})
	}
}
