package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// An acmeFault is `cnfd serve` with an ACME server below a root of its own, made by `cnfd acme init`, to which something
// happens. The record alone is enough, where the domain's CAA set says so.
type acmeFault struct {
	*internet
	*authority
	life    testing.TB // the test that the daemon lives as long as
	zone    *zone
	clock   clock
	later   time.Duration // that the clock was moved by
	own     bool          // the CA issues the server's own certificate; else it is of an authority whose clock does not jump
	address string
	dir     string // holds the configuration, state/ and log
	ca      string // the CA's directory
	within  []string
	pool    *x509.CertPool
	served  *daemon
}

// newACMEFault starts the domain on 127.number.0.x, with this leaf, and serves; within are the words before the daemon's own
// command line. What is at stateDir when it starts is made by `cnfd acme init`.
func newACMEFault(t *testing.T, number int, leaf software, own bool, more string) *acmeFault {
	t.Helper()
	f := &acmeFault{life: t, own: own, address: fmt.Sprintf("127.0.0.1:%d", 100*number)}
	f.internet = newDomain(t, number, tiers{root: bind{inline: true}, tld: bind{inline: true}, leaf: leaf}, publishingDomain)
	f.authority = newAuthority(t, filepath.Join(work, fmt.Sprintf("acmefault-%d", number)))
	f.zone, f.clock = f.internet.zones[publishingDomain], newClock(t, &f.internet.trust)
	f.prepare(t, more)
	return f
}

// prepare writes the configuration and makes the CA.
func (f *acmeFault) prepare(t *testing.T, more string) {
	t.Helper()
	n := daemons.Add(1)
	f.dir = filepath.Join(work, fmt.Sprintf("cnfd-%d", n))
	f.served = &daemon{tcp: fmt.Sprintf("127.0.0.1:%d", 8000+n), unix: filepath.Join(f.dir, "sock"), dns: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.2:%d", 8000+n))}
	f.ca = filepath.Join(f.dir, "state", faultStore)
	root, pair := filepath.Join(f.ca, "root.pem"), ""
	if !f.own {
		key, cert := f.issue(t, "localhost")
		root, pair = f.authority.ca, fmt.Sprintf("tls: {cert: %q, key: %q}", cert, key)
	}
	s := f.clock.settings()
	_, port, _ := net.SplitHostPort(f.address)
	s.sections += fmt.Sprintf(`
acme:
  listen: %s
  url: https://localhost:%s
  caa_identities: [%s]
  profiles: [{name: default, grant: record}, {name: challenged, grant: challenge}]
  allow_networks: [127.0.0.0/8]
  %s
publish: {to: rfc2136, credentials: %q, ttl: 5s, wait: 1m}
api: {listen: %q, unix: %q}
dns: {listen: %q}
%s
`, f.address, port, faultCA, pair, f.leaf.path("tsig"), f.served.tcp, f.served.unix, f.served.dns, more)
	if out, code := commandLine(t, "", "acme", "init", "--config", f.configure(t, f.dir, s)); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	f.pool = poolOf(t, root)
}

const (
	faultCA    = "ca.example"   // the server's name in CAA records
	faultStore = "acme-testing" // the CA's directory in state_dir, since its clock can be set
)

func (f *acmeFault) config() string { return filepath.Join(f.dir, "cnfd.yaml") }
func (f *acmeFault) store() string  { return filepath.Join(f.ca, "acme.db") }

// serve starts the daemon on the state that is there.
func (f *acmeFault) serve(t testing.TB) {
	t.Helper()
	f.served.process = start(f.life, filepath.Join(f.dir, "log"), append(slices.Clone(f.within), cnfd(t), "serve", "--config", f.config())...)
	f.served.awaitHealth(t)
}

// kill ends the daemon as a power cut does, as far as the process goes.
func (f *acmeFault) kill() {
	f.served.process.cmd.Process.Signal(syscall.SIGKILL)
	<-f.served.process.done
}

// end asks the daemon to end, and fails the test where it does not end well.
func (f *acmeFault) end(t testing.TB) {
	t.Helper()
	f.served.process.cmd.Process.Signal(syscall.SIGTERM)
	await(t, "a clean end", func() error {
		select {
		case <-f.served.process.done:
			return nil
		default:
			return fmt.Errorf("it runs")
		}
	})
	if code := f.served.process.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// url is one of the server's.
func (f *acmeFault) url(path string) string {
	_, port, _ := net.SplitHostPort(f.address)
	return "https://localhost:" + port + path
}

// transport reaches the server whatever its name resolves to.
func (f *acmeFault) transport() *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", f.address)
	}
	return &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: f.pool, ServerName: "localhost"}, MaxIdleConnsPerHost: 100}
}

// vouching are the records of a name whose owner has published a key and lets it be enough.
func vouching(t testing.TB, name, digest string) []dns.RR {
	t.Helper()
	return records(t, name+". A 127.0.0.1", fmt.Sprintf(`%s. CAA 0 issue "%s; validationmethods=ca-cnf-01"`, name, faultCA), "jwk.cnf."+name+". TLSA 255 255 255 "+digest)
}

// issuers are the ids of the CA's issuing certificates, and their certificates.
func (f *acmeFault) issuers(t testing.TB) map[string]*x509.Certificate {
	t.Helper()
	all := map[string]*x509.Certificate{}
	files, _ := filepath.Glob(filepath.Join(f.ca, "intermediate-*.pem"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".pem")] = cert
	}
	return all
}

// list fetches a revocation list from where a certificate says that it is, and checks its signature.
func (f *acmeFault) list(client *http.Client, leaf *x509.Certificate, issuer *x509.Certificate) (*x509.RevocationList, error) {
	if len(leaf.CRLDistributionPoints) != 1 {
		return nil, fmt.Errorf("%d distribution points", len(leaf.CRLDistributionPoints))
	}
	response, err := client.Get(leaf.CRLDistributionPoints[0])
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	der, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, der)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	return list, list.CheckSignatureFrom(issuer)
}
