package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// nsd is NSD, serving what ldns-signzone signed. Zones are changed by signing them anew and a restart:
// for a moment after a reload, which forks, old data and new are both served, and a test cannot see when that ends.
type nsd struct {
	optOut bool // NSEC3 opt-out, for zones of delegations
}

func (n nsd) configure(t testing.TB, h *host) {
	t.Helper()
	var zones strings.Builder
	for _, z := range h.zones {
		n.sign(t, h, z)
		fmt.Fprintf(&zones, "zone:\n\tname: %q\n\tzonefile: %q\n", z.name, z.fileName()+".served")
	}
	write(t, h.path("nsd.conf"), fmt.Sprintf(`server:
	ip-address: %s
	server-count: 1
	username: ""
	chroot: ""
	database: ""
	zonesdir: %[2]q
	pidfile: "%[2]s/nsd.pid"
	xfrdir: %[2]q
	xfrdfile: "%[2]s/xfrd.state"
	zonelistfile: "%[2]s/zone.list"
	rrl-ratelimit: 0
remote-control:
	control-enable: no
%[3]s`, h.addr, h.dir, zones.String()))
}

// sign writes the file that NSD serves, with signatures that began an hour ago, or as long ago as the zone lags behind.
func (n nsd) sign(t testing.TB, h *host, z *zone) {
	t.Helper()
	if z.unsigned {
		write(t, h.path(z.fileName()+".served"), z.file())
		return
	}
	testneeds.Binary(t, "ldns-signzone", "ldnsutils")
	if text, _ := os.ReadFile(h.path(z.fileName() + ".zone")); string(text) == z.file() {
		return // signed already
	}
	write(t, h.path(z.fileName()+".zone"), z.file())
	now := time.Now().Add(-z.lag)
	argv := []string{"ldns-signzone", "-f", z.fileName() + ".served",
		"-i", now.Add(-time.Hour).UTC().Format("20060102150405"), "-e", now.Add(z.validity()).UTC().Format("20060102150405")}
	if z.nsec3 {
		argv = append(argv, "-n", "-t", fmt.Sprint(z.iterations))
		if n.optOut {
			argv = append(argv, "-p")
		}
	}
	argv = append(argv, z.fileName()+".zone", n.key(t, h, z, "-k"), n.key(t, h, z, ""))
	run(t, h.dir, "", argv...)
}

// key returns the base name of the zone's key signing key (-k) or zone signing key, made at the first call.
func (nsd) key(t testing.TB, h *host, z *zone, kind string) string {
	t.Helper()
	kept := h.path(fmt.Sprint(z.fileName(), ".", z.algorithm, kind))
	if base, err := os.ReadFile(kept); err == nil {
		return string(base)
	}
	testneeds.Binary(t, "ldns-keygen", "ldnsutils")
	argv := []string{"ldns-keygen", "-a", dns.AlgorithmToString[z.algorithm], "-b", "2048", "-r", "/dev/urandom"}
	if kind != "" {
		argv = append(argv, kind)
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSpace(run(t, h.dir, "", append(argv, z.name)...))
	write(t, kept, base)
	return base
}

func (nsd) command(t testing.TB, h *host) []string {
	return []string{testneeds.Binary(t, "nsd", "nsd"), "-d", "-c", h.path("nsd.conf")}
}

func (n nsd) change(t testing.TB, h *host, z *zone, remove, add []dns.RR) {
	t.Helper()
	h.process.stop()
	h.launch(t)
}
