package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	rfc2136 "cnfd/publish/update"

	"github.com/miekg/dns"
)

// sig0BIND lets whoever's keys stand at writer names of the zone update.
type sig0BIND struct {
	updateBIND
	writers []string
}

func (b sig0BIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.updateBIND.configure(t, h)
	grants := ""
	for _, name := range b.writers {
		grants += fmt.Sprintf(" grant %s zonesub TLSA CNAME;", name)
	}
	edited(t, h.path("named.conf"), "grant lab zonesub TLSA CNAME;", "grant lab zonesub TLSA CNAME;"+grants)
}

// keyPair makes a key with dnssec-keygen and returns it and its KEY record.
func keyPair(t *testing.T, algorithm, name string) (key rfc2136.Key, record string) {
	t.Helper()
	testneeds.Binary(t, "dnssec-keygen", "bind9-utils")
	dir := t.TempDir()
	base := filepath.Join(dir, strings.TrimSpace(run(t, dir, "", "dnssec-keygen", "-q", "-T", "KEY", "-n", "HOST", "-a", algorithm, name)))
	public, err := os.ReadFile(base + ".key")
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(base + ".private")
	if err != nil {
		t.Fatal(err)
	}
	if key, err = rfc2136.ParseSIG0(public, private); err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR(string(public))
	if err != nil {
		t.Fatal(err)
	}
	rr.Header().Ttl = ttl
	return key, rr.String()
}

// takesSIG0 reports whether this BIND checks SIG(0): 9.18.28 and later of 9.18 do not (CVE-2024-1975), 9.20 does.
func takesSIG0(t *testing.T) bool {
	t.Helper()
	testneeds.Binary(t, "named", "bind9")
	var major, minor, patch int
	out := said("named", "-V")
	if _, err := fmt.Sscanf(out, "BIND %d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return minor >= 20 || minor == 18 && patch < 28
}

// TestUpdateSIG0 writes with SIG(0) to BIND where it takes it, and is refused where it does not.
func TestUpdateSIG0(t *testing.T) {
	t.Parallel()
	lab(t)
	const zoneName = "vendor.example."
	at := newHost(t, nil, "127.135.0.1")
	z := newZone(t, zoneName, at.addr, dns.ECDSAP256SHA256)
	writers := []string{"ed25519.writers." + zoneName, "p256.writers." + zoneName}
	at.software = sig0BIND{updateBIND{}, writers}
	ed, edRecord := keyPair(t, "ED25519", writers[0])
	p256, p256Record := keyPair(t, "ECDSAP256SHA256", writers[1])
	stranger, strangerRecord := keyPair(t, "ED25519", "stranger.writers."+zoneName)
	var impostors [2]rfc2136.Key // whose KEY records are not in the zone
	impostors[0], _ = keyPair(t, "ED25519", writers[0])
	impostors[1], _ = keyPair(t, "ECDSAP256SHA256", writers[1])
	z.records = append(z.records, records(t, edRecord, p256Record, strangerRecord, "alias.cnf."+zoneName+" CNAME ns."+zoneName)...)
	at.zones = []*zone{z}
	anew(t, at.dir)
	at.start(t)
	w := &writable{server: at.addr + ":53", zone: zoneName, key: labKey}
	if !takesSIG0(t) {
		name := "untaken.cnf." + zoneName
		before := readSet(t, w.target(t, nil), name)
		after := before.With(tlsaOf(t, updateTheirs)[0], time.Minute)
		writeSet(t, w.target(t, nil), before, after)
		rest := w.all(t)
		err := w.target(t, func(c *rfc2136.Config) { c.Key = ed }).Write(t.Context(),
			publish.Change{Name: name, Before: after, After: after.With(tlsaOf(t, updateOurs)[0], time.Minute)})
		w.refused(t, err, expected{publish.Refused, "9.18.28 and later of 9.18 take no SIG(0)"})
		if now := w.all(t); !slices.Equal(now, rest) {
			t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
		}
		t.Log("this BIND takes no SIG(0): it refused, and nothing more was shown; Debian 13 has one that does")
		return
	}
	for i, k := range []rfc2136.Key{ed, p256} {
		t.Run(k.String(), func(t *testing.T) {
			w.edge(t, func(c *rfc2136.Config) { c.Key = k })
			name := fmt.Sprintf("signed%d.cnf.%s", i, zoneName)
			for _, f := range []struct {
				claim string
				flip  func(c *rfc2136.Config)
				expected
			}{
				{"a key whose name may not", func(c *rfc2136.Config) { c.Key = stranger }, expected{publish.Refused, "REFUSED"}},
				{"another key of that name", func(c *rfc2136.Config) { c.Key = impostors[i] }, expected{publish.ServFail, "does not verify"}},
				{"a clock that is an hour late", func(c *rfc2136.Config) { c.Now = func() time.Time { return time.Now().Add(-time.Hour) } }, expected{publish.ServFail, "and the clocks"}},
				{"a clock that is an hour early", func(c *rfc2136.Config) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } }, expected{publish.ServFail, "and the clocks"}},
			} {
				t.Run(f.claim, func(t *testing.T) {
					right := w.target(t, func(c *rfc2136.Config) { c.Key = k })
					before := readSet(t, right, name)
					after := before.With(tlsaOf(t, updateTheirs)[0], time.Minute)
					writeSet(t, right, before, after)
					rest := w.all(t)
					wrong := w.target(t, func(c *rfc2136.Config) { c.Key = k; f.flip(c) })
					w.refused(t, wrong.Write(t.Context(), publish.Change{Name: name, Before: after, After: after.With(tlsaOf(t, updateOurs)[0], time.Minute)}), f.expected)
					if now := w.all(t); !slices.Equal(now, rest) {
						t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
					}
				})
			}
		})
	}
}
