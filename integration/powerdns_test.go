package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// powerdns is PowerDNS with an SQLite database, which signs each answer as it is asked for. With narrow,
// its NSEC3 records are made to measure too ("white lies", RFC 7129 appendix B). Zones are changed with pdnsutil.
type powerdns struct{ narrow bool }

// schema is where Debian's pdns-backend-sqlite3 keeps the tables' definition.
const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

func (p powerdns) configure(t testing.TB, h *host) {
	t.Helper()
	write(t, h.path("pdns.conf"), fmt.Sprintf(`launch=gsqlite3
gsqlite3-database=%[2]s/zones.sqlite3
gsqlite3-dnssec=yes
local-address=%[1]s
socket-dir=%[2]s
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
disable-syslog=yes
`, h.addr, h.dir))
	if _, err := os.Stat(h.path("zones.sqlite3")); err != nil {
		tables, err := os.ReadFile(schema)
		if err != nil {
			testneeds.Lacking(t, "apt-get install pdns-backend-sqlite3: "+err.Error())
		}
		testneeds.Binary(t, "sqlite3", "sqlite3")
		run(t, h.dir, string(tables), "sqlite3", h.path("zones.sqlite3"))
		for _, z := range h.zones {
			p.load(t, h, z)
			if z.unsigned {
				continue
			}
			p.util(t, h, append([]string{"add-zone-key", z.name, "ksk", "active"}, pdnsKey(z.algorithm)...)...)
			if denial := "1 0 0 -"; z.nsec3 && p.narrow {
				p.util(t, h, "set-nsec3", z.name, denial, "narrow")
			} else if z.nsec3 {
				p.util(t, h, "set-nsec3", z.name, denial)
			}
			p.util(t, h, "rectify-zone", z.name)
		}
		return
	}
	for _, z := range h.zones {
		if z.unsigned && !strings.Contains(p.util(t, h, "show-zone", z.name), "not actively secured") {
			p.util(t, h, "disable-dnssec", z.name)
		}
	}
}

func pdnsKey(algorithm uint8) []string {
	if algorithm == dns.RSASHA256 {
		return []string{"2048", "rsasha256"}
	}
	return []string{strings.ToLower(dns.AlgorithmToString[algorithm])}
}

func (p powerdns) load(t testing.TB, h *host, z *zone) {
	t.Helper()
	write(t, h.path(z.fileName()+".zone"), z.file())
	p.util(t, h, "load-zone", z.name, h.path(z.fileName()+".zone"))
}

func (powerdns) util(t testing.TB, h *host, argv ...string) string {
	t.Helper()
	testneeds.Binary(t, "pdnsutil", "pdns-server")
	return run(t, h.dir, "", append([]string{"pdnsutil", "--config-dir=" + h.dir}, argv...)...)
}

func (powerdns) command(t testing.TB, h *host) []string {
	return []string{testneeds.Binary(t, "pdns_server", "pdns-server"), "--config-dir=" + h.dir, "--guardian=no", "--daemon=no", "--write-pid=no"}
}

func (p powerdns) change(t testing.TB, h *host, z *zone, remove, add []dns.RR) {
	t.Helper()
	p.load(t, h, z)
	p.util(t, h, "rectify-zone", z.name)
}
