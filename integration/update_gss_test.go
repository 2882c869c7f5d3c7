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

const realm = "LAB.EXAMPLE"

// A kdc is MIT Kerberos' key distribution centre with a realm of its own.
type kdc struct{ dir, addr string }

// newKDC starts one at addr with these principals, whose keys it puts into files of their names.
func newKDC(t *testing.T, addr string, principals ...string) *kdc {
	t.Helper()
	for _, program := range []string{"krb5kdc", "kdb5_util"} {
		testneeds.Binary(t, program, "krb5-kdc")
	}
	testneeds.Binary(t, "kadmin.local", "krb5-admin-server")
	testneeds.Binary(t, "kinit", "krb5-user")
	k := &kdc{dir: filepath.Join(work, "kdc"), addr: addr}
	claim(t, addr)
	anew(t, k.dir)
	write(t, k.path("krb5.conf"), fmt.Sprintf(`[libdefaults]
 default_realm = %[1]s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 %[1]s = {
  kdc = %[2]s:88
 }
[domain_realm]
 .example = %[1]s
[logging]
 kdc = FILE:%[3]s/kdc.log
`, realm, addr, k.dir))
	write(t, k.path("kdc.conf"), fmt.Sprintf(`[kdcdefaults]
 kdc_listen = %[2]s:88
 kdc_tcp_listen = %[2]s:88
[realms]
 %[1]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
  acl_file = %[3]s/acl
 }
`, realm, addr, k.dir))
	run(t, k.dir, "", k.env("kdb5_util", "create", "-s", "-r", realm, "-P", "opens nothing")...)
	for _, p := range principals {
		run(t, k.dir, "", k.env("kadmin.local", "-q", "addprinc -randkey "+p)...)
		run(t, k.dir, "", k.env("kadmin.local", "-q", "ktadd -k "+k.keytab(p)+" "+p)...)
	}
	start(t, k.path("log"), k.env("krb5kdc", "-n")...)
	return k
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kdc) keytab(principal string) string {
	return k.path(strings.ReplaceAll(principal, "/", "-") + ".keytab")
}

// env is a command that knows this Kerberos and no other.
func (k *kdc) env(argv ...string) []string {
	return append([]string{"env", "KRB5_CONFIG=" + k.path("krb5.conf"), "KRB5_KDC_PROFILE=" + k.path("kdc.conf")}, argv...)
}

// nsupdate is the real one, as whom the tickets of a cache name: those of a principal, or of nobody.
func (k *kdc) nsupdate(t *testing.T, principal string) string {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "tickets")
	if principal != "" {
		await(t, "a ticket", func() error {
			_, err := try(k.dir, "", k.env("kinit", "-c", "FILE:"+cache, "-k", "-t", k.keytab(principal), principal)...)
			return err
		})
	}
	program := filepath.Join(t.TempDir(), "nsupdate")
	text := fmt.Sprintf("#!/bin/sh\nKRB5_CONFIG=%s KRB5CCNAME=FILE:%s exec %s \"$@\"\n", k.path("krb5.conf"), cache, testneeds.Binary(t, "nsupdate", "bind9-dnsutils"))
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

// gssBIND lets the principal writer update.
type gssBIND struct {
	updateBIND
	kdc *kdc
}

func (b gssBIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.updateBIND.configure(t, h)
	edited(t, h.path("named.conf"), "grant lab zonesub TLSA CNAME;", fmt.Sprintf("grant lab zonesub TLSA CNAME; grant writer@%s zonesub TLSA CNAME;", realm))
	edited(t, h.path("named.conf"), "options {", fmt.Sprintf("options {\n\ttkey-gssapi-keytab %q;", b.kdc.keytab("DNS/ns.vendor.example")))
}

func (b gssBIND) command(t testing.TB, h *host) []string {
	return b.kdc.env(b.updateBIND.command(t, h)...)
}

// TestUpdateGSS writes by `nsupdate -g`, with tickets of a real KDC.
func TestUpdateGSS(t *testing.T) {
	t.Parallel()
	lab(t)
	const zoneName = "vendor.example."
	k := newKDC(t, "127.136.0.9", "DNS/ns.vendor.example", "writer", "reader")
	at, plain := newHost(t, gssBIND{updateBIND{}, k}, "127.136.0.1"), newHost(t, updateBIND{}, "127.136.0.2")
	for _, h := range []*host{at, plain} {
		z := newZone(t, zoneName, h.addr, dns.ECDSAP256SHA256)
		z.records = append(z.records, records(t, "alias.cnf."+zoneName+" CNAME ns."+zoneName, "cnf."+zoneName+" TLSA 3 1 1 "+strings.Repeat("AB", 32))...)
		h.zones = []*zone{z}
		anew(t, h.dir)
		h.start(t)
	}
	w := &writable{server: at.addr + ":53", zone: zoneName, key: labKey, alias: "alias.cnf." + zoneName}
	gss := func(t *testing.T, principal string, c *rfc2136.Config) {
		c.Key, c.GSS, c.Nsupdate = rfc2136.Key{}, true, k.nsupdate(t, principal)
	}
	t.Run("changes are made, and nothing beside", func(t *testing.T) { w.change(t, func(c *rfc2136.Config) { gss(t, "writer", c) }) })
	for i, f := range []struct {
		claim string
		flip  func(t *testing.T, c *rfc2136.Config)
		expected
	}{
		{"no ticket", func(t *testing.T, c *rfc2136.Config) { gss(t, "", c) }, expected{publish.BadKey, "kinit"}},
		{"a ticket of somebody who may not", func(t *testing.T, c *rfc2136.Config) { gss(t, "reader", c) }, expected{publish.Refused, "REFUSED"}},
		{"a server without Kerberos", func(t *testing.T, c *rfc2136.Config) { c.Server = plain.addr + ":53" }, expected{publish.BadKey, "nsupdate: "}},
		{"no KDC to get the server's ticket from", func(t *testing.T, c *rfc2136.Config) {
			gss(t, "writer", c) // which has the KDC's ticket and no other yet
			text, err := os.ReadFile(c.Nsupdate)
			if err != nil {
				t.Fatal(err)
			}
			write(t, c.Nsupdate+".conf", strings.ReplaceAll(string(must(t, k.path("krb5.conf"))), k.addr, "127.136.0.8"))
			write(t, c.Nsupdate, strings.ReplaceAll(string(text), k.path("krb5.conf"), c.Nsupdate+".conf"))
		}, expected{publish.BadKey, "kinit"}},
	} {
		t.Run(f.claim, func(t *testing.T) {
			name := fmt.Sprintf("gss%d.cnf.%s", i, zoneName)
			var right rfc2136.Config
			z := w.target(t, func(c *rfc2136.Config) { gss(t, "writer", c); right = *c })
			before := readSet(t, z, name)
			after := before.With(tlsaOf(t, updateTheirs)[0], time.Minute)
			writeSet(t, z, before, after)
			// the plain server holds the same, so that nothing but the server differs there
			other := *w
			other.server = plain.addr + ":53"
			writeSet(t, other.target(t, nil), before, after)
			rest, otherRest := w.all(t), other.all(t)
			wrong := w.target(t, func(c *rfc2136.Config) { *c = right; f.flip(t, c) })
			w.refused(t, wrong.Write(t.Context(), publish.Change{Name: name, Before: after, After: after.With(tlsaOf(t, updateOurs)[0], time.Minute)}), f.expected)
			if now, otherNow := w.all(t), other.all(t); !slices.Equal(now, rest) || !slices.Equal(otherNow, otherRest) {
				t.Errorf("the zone is\n%s\nand was\n%s", strings.Join(now, "\n"), strings.Join(rest, "\n"))
			}
		})
	}
	t.Run("somebody else writes in between", func(t *testing.T) {
		z := w.target(t, func(c *rfc2136.Config) { gss(t, "writer", c) })
		for claim, c := range map[string]struct {
			line string
			expected
		}{
			"a record": {"update add OWNER 60 TLSA 3 0 1 AABB", expected{publish.Conflict, "what is there is not what was read before"}},
			"a-cname":  {"update add OWNER 60 CNAME ns." + zoneName, expected{publish.Alias, "a CNAME to ns." + zoneName}},
		} {
			name := strings.ReplaceAll(claim, " ", "-") + ".gss.cnf." + zoneName
			before := readSet(t, z, name)
			change := publish.Change{Name: name, Before: before, After: before.With(tlsaOf(t, updateOurs)[0], time.Minute)}
			writeSet(t, z, change.Before, change.After)
			writeSet(t, z, change.After, change.Before)
			w.nsupdate(t, strings.ReplaceAll(c.line, "OWNER", name))
			rest := w.all(t)
			w.refused(t, z.Write(t.Context(), change), c.expected)
			if now := w.all(t); !slices.Equal(now, rest) {
				t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
			}
		}
	})
}

func must(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
