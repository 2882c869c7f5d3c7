package integration

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// An acmeScene is a lab whose ACME server is `cnfd serve`, made as its operator makes it.
type acmeScene struct {
	*acmeLab
	config string // of the server, and of the commands that the domain's owner calls
	daemon *daemon
	roots  *x509.CertPool
	keys   int
}

// acmeIdentity is the server's name in CAA records.
const acmeIdentity = "ca.example"

// newACMEScene makes a CA by `cnfd acme init` and serves it, with one profile of the grant, and lines of the section acme.
func newACMEScene(t *testing.T, number int, grant string, lines ...string) *acmeScene {
	t.Helper()
	s := &acmeScene{acmeLab: newACMELab(t, number)}
	dir, port := filepath.Join(s.dir, "ca"), 100*number
	sections := fmt.Sprintf(`
acme:
  listen: 127.0.0.1:%d
  url: https://localhost:%d
  directory: %q
  caa_identities: [%s]
  allow_networks: [127.0.0.0/8, "fd00::/8"]
  profiles: [{name: default, grant: %s}]
  %s
publish: {to: rfc2136, credentials: %q, ttl: 5s, wait: 1m}
`, port, port+9, dir, acmeIdentity, grant, strings.Join(lines, "\n  "), s.updater())
	// The owner's commands and the server's are of the same file here.
	s.config = s.newConfig(t, settings{sections: sections})
	if out, code := commandLine(t, "", "acme", "init", "--config", s.config); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	s.daemon = s.acmeLab.daemon(t, settings{sections: sections})
	root := filepath.Join(dir, "root.pem")
	s.roots = poolOf(t, root)
	s.front(t, fmt.Sprintf("127.0.0.1:%d", port+9), fmt.Sprintf("127.0.0.1:%d", port), "/directory", root)
	return s
}

// publish has `cnfd publish` add or remove the record of the key in a file for each name.
func (s *acmeScene) publish(t testing.TB, verb, key string, names ...string) {
	t.Helper()
	for _, name := range names {
		if out, code := commandLine(t, "", "publish", verb, "--config", s.config, "--subject", "https://"+name, "--key", key); code != 0 {
			t.Fatalf("publish %s %s: exit code %d: %s", verb, name, code, out)
		}
	}
}

// thumbprint is the digest of the key in a file, as `cnfd thumbprint` prints it.
func (s *acmeScene) thumbprint(t testing.TB, key string) string {
	t.Helper()
	out, code := commandLine(t, "", "thumbprint", "--json", key)
	var doc struct{ JKT struct{ Hex string } }
	if err := json.Unmarshal([]byte(out), &doc); code != 0 || err != nil || doc.JKT.Hex == "" {
		t.Fatalf("exit code %d: %s", code, out)
	}
	return doc.JKT.Hex
}

// update makes changes by nsupdate, in its words.
func (s *acmeScene) update(t testing.TB, changes ...string) {
	t.Helper()
	if _, err := try("", fmt.Sprintf("server %s\nzone %s\n%s\nsend\n", s.leaf.addr, publishingDomain, strings.Join(changes, "\n")), "nsupdate", "-k", s.updater()); err != nil {
		t.Error(err) // from any goroutine
	}
}

// optIn has every name say that the record is enough (docs/acme.md).
func (s *acmeScene) optIn(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		s.update(t, fmt.Sprintf(`add %s. 300 CAA 0 issue "%s; validationmethods=ca-cnf-01"`, name, acmeIdentity))
	}
}

// issued counts the certificates that the server knows, whatever has become of them.
func (s *acmeScene) issued(t testing.TB, flags ...string) int {
	t.Helper()
	out, code := commandLine(t, "", append([]string{"acme", "list", "--json", "--config", s.config}, flags...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	return strings.Count(out, "\n")
}

// another is the file of a new key that no client has.
func (s *acmeScene) another(t testing.TB) string {
	t.Helper()
	s.keys++
	return newRotatingKey(t, filepath.Join(s.dir, fmt.Sprintf("another-%d.jwk", s.keys))).file
}

// delegate has the domain's parent say this of its keys, and returns what it said before.
func (s *acmeScene) delegate(t testing.TB, ds []dns.RR) (before []dns.RR) {
	t.Helper()
	root := s.internet.zones["."]
	before = root.set(publishingDomain, dns.TypeDS)
	s.root.edit(t, root, before, ds)
	s.daemon.forget(t, strings.TrimSuffix(publishingDomain, ".")) // a delegation may be known for its TTL
	return before
}
