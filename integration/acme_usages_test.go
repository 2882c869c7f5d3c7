package integration

import (
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"
)

// TestACMEUsagesOfAProfile has the configuration say what certificates are for: TLS clients alone, servers alone, and both. OpenSSL
// reads in them what it takes them for. What a request asks for besides is passed over.
func TestACMEUsagesOfAProfile(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	s := newACMEScene(t, 208, "record, usages: [client]")
	actors := map[string]*acmeActor{}
	for i, name := range []string{"acme-tiny", "certbot", "lego"} {
		actors[name] = s.actor(t, clients[name], i, name, acmeNone)
	}
	before := "usages: [client]"
	for _, p := range []struct{ usages, reads, client, server string }{
		{"usages: [client]", "TLS Web Client Authentication", ": OK", "unsuitable certificate purpose"},
		{"usages: [server]", "TLS Web Server Authentication", "unsuitable certificate purpose", ": OK"},
		{"usages: [server, client]", "TLS Web Server Authentication, TLS Web Client Authentication", ": OK", ": OK"},
	} {
		if p.usages != before {
			s.reconfigure(t, before, p.usages)
			before = p.usages
		}
		is := func(t *testing.T, a *acmeActor, chain []byte, told string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%v\n%s\nthe server:\n%s", err, acmeSaid(told), s.requests())
			}
			openssl := testneeds.Binary(t, "openssl", "openssl")
			leaf, above := pem.Decode(chain)
			write(t, a.path("leaf.pem"), inPEM("CERTIFICATE", leaf.Bytes))
			write(t, a.path("above.pem"), string(above))
			head, reads, _ := strings.Cut(strings.TrimSpace(run(t, "", "", openssl, "x509", "-in", a.path("leaf.pem"), "-noout", "-ext", "extendedKeyUsage")), "\n")
			if reads = strings.TrimSpace(reads); reads != p.reads {
				t.Errorf("OpenSSL reads %s %s, want %s", head, reads, p.reads)
			}
			for purpose, want := range map[string]string{"sslclient": p.client, "sslserver": p.server} {
				if out := said(openssl, "verify", "-CAfile", filepath.Join(s.dir, "ca", "root.pem"), "-untrusted", a.path("above.pem"), "-purpose", purpose, a.path("leaf.pem")); !strings.Contains(out, want) {
					t.Errorf("OpenSSL, -purpose %s: %s", purpose, out)
				}
			}
		}
		t.Run(p.usages, func(t *testing.T) {
			for name, a := range actors {
				t.Run(name, func(t *testing.T) {
					chain, told, err := a.client.obtain(t, a.acmeOrder)
					is(t, a, chain, told, err)
				})
			}
			for claim, asks := range map[string]string{
				"a request that asks for servers":        "extendedKeyUsage=serverAuth",
				"a request that asks for clients":        "extendedKeyUsage=clientAuth",
				"a request that asks for code, critical": "extendedKeyUsage=critical,codeSigning,anyExtendedKeyUsage",
			} {
				t.Run(claim, func(t *testing.T) {
					a := actors["acme-tiny"]
					chain, told, err := a.client.(*acmeTiny).asks(t, a.acmeOrder, "-addext", asks)
					if asked := run(t, "", "", "openssl", "req", "-in", a.path("domain.csr"), "-noout", "-text"); !strings.Contains(asked, "Extended Key Usage") {
						t.Fatalf("the request does not ask:\n%s", asked)
					}
					is(t, a, chain, told, err)
				})
			}
		})
	}
}
