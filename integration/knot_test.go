package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// knot is Knot DNS with automatic signing by one key a zone (CSK). Zones are changed with knotc.
type knot struct{}

func (k knot) configure(t testing.TB, h *host) {
	t.Helper()
	if err := os.MkdirAll(h.path("db"), 0o700); err != nil {
		t.Fatal(err)
	}
	var policies, zones strings.Builder
	seen := map[string]bool{}
	for _, z := range h.zones {
		if !z.unsigned && !seen[z.policy()] {
			seen[z.policy()] = true
			policies.WriteString(knotPolicy(z))
		}
		zones.WriteString(k.zone(t, h, z))
	}
	write(t, h.path("knot.conf"), fmt.Sprintf(`server:
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
policy:
%[3]stemplate:
  - id: default
    storage: %[2]s/zones
    zonefile-sync: 0
zone:
%[4]s`, h.addr, h.dir, policies.String(), zones.String()))
}

func knotPolicy(z *zone) string {
	return fmt.Sprintf(`  - id: %s
    algorithm: %s
    single-type-signing: on
    rrsig-lifetime: %dd
    rrsig-refresh: 5d
    nsec3: %t
    nsec3-iterations: 0
    nsec3-salt-length: 0
`, z.policy(), dns.AlgorithmToString[z.algorithm], int(z.validity().Hours()/24), z.nsec3)
}

// zone writes the zone's file, unless knotd has made it its own, and returns its part of the configuration.
func (knot) zone(t testing.TB, h *host, z *zone) string {
	t.Helper()
	file := z.fileName() + ".zone"
	if z.unsigned {
		file = z.fileName() + ".unsigned"
		write(t, h.path("zones", file), z.file())
		return fmt.Sprintf("  - domain: %q\n    file: %s\n    journal-content: none\n", z.name, file)
	}
	if _, err := os.Stat(h.path("zones", file)); err != nil {
		write(t, h.path("zones", file), z.file())
	}
	return fmt.Sprintf("  - domain: %q\n    file: %s\n    dnssec-signing: on\n    dnssec-policy: %s\n", z.name, file, z.policy())
}

func (knot) command(t testing.TB, h *host) []string {
	return []string{testneeds.Binary(t, "knotd", "knot"), "-c", h.path("knot.conf")}
}

func (k knot) change(t testing.TB, h *host, z *zone, remove, add []dns.RR) {
	t.Helper()
	testneeds.Binary(t, "knotc", "knot")
	ctl := func(argv ...string) {
		t.Helper()
		run(t, h.dir, "", append([]string{"knotc", "-s", h.path("ctl"), "-b"}, argv...)...)
	}
	ctl("zone-begin", z.name)
	for _, rr := range remove {
		owner, rtype, data := fields(rr)
		ctl("zone-unset", z.name, owner, rtype, data)
	}
	for _, rr := range add {
		owner, rtype, data := fields(rr)
		ctl("zone-set", z.name, owner, fmt.Sprint(rr.Header().Ttl), rtype, data)
	}
	ctl("zone-commit", z.name)
}

// fields returns a record's owner, type and data as text.
func fields(rr dns.RR) (owner, rtype, data string) {
	return rr.Header().Name, dns.TypeToString[rr.Header().Rrtype], strings.TrimPrefix(rr.String(), rr.Header().String())
}
