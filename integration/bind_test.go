package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// bind is BIND with dnssec-policy. Zones are changed by TSIG-signed dynamic updates; with inline, the
// zone file is edited and named signs its own copy (inline signing).
type bind struct{ inline bool }

// tsig is the key of updates and of the control channel; it opens nothing outside this run's namespace.
const tsig = `key "lab" { algorithm hmac-sha256; secret "bGFib3JhdG9yeSBvbmx5LCBubyBzZWNyZXQgYXQgYWxs"; };` + "\n"

func (b bind) configure(t testing.TB, h *host) {
	t.Helper()
	if err := os.MkdirAll(h.path("keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, `%s
options {
	directory %q; pid-file none; session-keyfile none;
	listen-on port 53 { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; max-records-per-type 0; allow-transfer { none; };
};
controls { inet %s port 953 allow { any; } keys { "lab"; }; };
`, tsig, h.dir, h.addr, h.addr)
	policies := map[string]bool{}
	for _, z := range h.zones {
		if !z.unsigned && !policies[z.policy()] {
			policies[z.policy()] = true
			conf.WriteString(bindPolicy(z))
		}
		conf.WriteString(b.zone(t, h, z))
	}
	write(t, h.path("named.conf"), conf.String())
	write(t, h.path("tsig"), tsig)
}

func bindPolicy(z *zone) string {
	days := int(z.validity().Hours() / 24)
	denial := ""
	if z.nsec3 {
		denial = "nsec3param iterations 0 optout no salt-length 0;"
	}
	return fmt.Sprintf(`dnssec-policy %q {
	keys { ksk lifetime unlimited algorithm %[2]s; zsk lifetime unlimited algorithm %[2]s; };
	signatures-validity %[3]dd; signatures-validity-dnskey %[3]dd; signatures-refresh 5d; %[4]s
};
`, z.policy(), dns.AlgorithmToString[z.algorithm], days, denial)
}

// zone writes the zone's file, unless named has it already with changes of its own, and returns its statement.
func (b bind) zone(t testing.TB, h *host, z *zone) string {
	t.Helper()
	file := z.fileName() + ".zone"
	if z.unsigned {
		file = z.fileName() + ".unsigned"
		write(t, h.path(file), z.file())
		return fmt.Sprintf("zone %q { type primary; file %q; };\n", z.name, file)
	}
	if _, err := os.Stat(h.path(file)); err != nil {
		write(t, h.path(file), z.file())
	}
	changed := "update-policy { grant lab zonesub any; };"
	if b.inline {
		changed = "inline-signing yes;"
	}
	return fmt.Sprintf("zone %q { type primary; file %q; key-directory %q; dnssec-policy %q; %s };\n",
		z.name, file, h.path("keys"), z.policy(), changed)
}

func (bind) command(t testing.TB, h *host) []string {
	return []string{unconfined(t, "named", "bind9"), "-g", "-n", "1", "-c", h.path("named.conf")}
}

func (b bind) change(t testing.TB, h *host, z *zone, remove, add []dns.RR) {
	t.Helper()
	if b.inline || z.unsigned {
		testneeds.Binary(t, "rndc", "bind9")
		write(t, h.path(z.fileName()+".zone"), z.file())
		run(t, h.dir, "", "rndc", "-k", h.path("tsig"), "-s", h.addr, "reload", z.name)
		return
	}
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	var update strings.Builder
	fmt.Fprintf(&update, "server %s\nzone %s\n", h.addr, z.name)
	for _, rr := range remove {
		fmt.Fprintf(&update, "del %s\n", rr)
	}
	for _, rr := range add {
		fmt.Fprintf(&update, "add %s\n", rr)
	}
	run(t, h.dir, update.String()+"send\n", "nsupdate", "-k", h.path("tsig"))
}
