package integration

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"
)

// A clientGate is who believes certificates of the CA by its root and its lists alone: nginx, whose clients need
// one, and openssl verify.
type clientGate struct {
	*acmeScene
	openssl, nginx string
	at             string // nginx
	trusted        string // as it was served
	key, cert      string // of the client: cert has the chain
	tries          int
}

// TestACMERootList: who asks for revocation lists up to the root believes a certificate, and none that is revoked, nor one of
// an intermediate that is.
func TestACMERootList(t *testing.T) {
	t.Parallel()
	g := &clientGate{openssl: testneeds.Binary(t, "openssl", "openssl"), nginx: testneeds.Binary(t, "nginx", "nginx")}
	testneeds.Binary(t, "curl", "curl")
	const plain = "127.0.0.1:21305"
	g.acmeScene = newACMEScene(t, 213, "record", "listen_plain: "+plain)
	g.at = g.net + "9"
	claim(t, g.at)

	// The root as anybody gets it is the one that init has made, by its fingerprint.
	g.trusted = filepath.Join(g.dir, "fetched-root.pem")
	write(t, g.trusted, run(t, "", "", "curl", "-sSf", "http://"+plain+"/root.pem"))
	fingerprint := func(file string) string {
		return run(t, "", "", g.openssl, "x509", "-in", file, "-noout", "-fingerprint", "-sha256")
	}
	if fingerprint(g.trusted) != fingerprint(filepath.Join(g.dir, "ca", "root.pem")) {
		t.Fatal("another root is served")
	}

	a := g.actor(t, &lego{testneeds.Binary(t, "lego", "lego")}, 0, "lego", acmeNone)
	g.obtain(t, a)
	g.believes(t, "it is good", "")
	full := g.lists(t)

	// Without the root's list nobody is believed: what there was to be had before there was one.
	g.judges(t, "there is no list of the root's", g.leafList(t), "unable to get certificate CRL")

	// The certificate is revoked.
	g.commands(t, "acme", "revoke", serialOfLeaf(t, g.cert), "--reason", "keyCompromise")
	await(t, "the list with the revocation", func() error {
		if g.lists(t) == full {
			return errors.New("it is the one before")
		}
		return nil
	})
	g.believes(t, "the certificate is revoked", "certificate revoked")
	g.obtain(t, a)
	g.believes(t, "the next one is not", "")

	// The intermediate is revoked: all that it has issued goes with it, and the daemon has the next one without being told.
	former := [2]string{content(t, g.cert), content(t, g.key)}
	g.commands(t, "acme", "rotate", "--revoke-former", "--reason", "keyCompromise")
	g.believes(t, "the intermediate is revoked", "certificate revoked")
	if said := g.verify(t, g.lists(t)); !strings.Contains(said, "at 1 depth lookup: certificate revoked") {
		t.Errorf("it is not the intermediate's revocation: %s", said)
	}
	g.obtain(t, a)
	if chain := certificates(t, g.cert); chain[1].Subject.CommonName != "cnfd Intermediate CA 2" {
		t.Fatalf("issued by %s", chain[1].Subject)
	}
	g.believes(t, "one of the next intermediate is good", "")
	write(t, g.cert, former[0])
	write(t, g.key, former[1])
	g.believes(t, "one of the former is none the more", "certificate revoked")
}

// commands runs cnfd on the CA.
func (g *clientGate) commands(t testing.TB, argv ...string) {
	t.Helper()
	if out, code := commandLine(t, "", append(argv, "--config", g.config)...); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
}

// obtain has the client get a certificate.
func (g *clientGate) obtain(t *testing.T, a *acmeActor) {
	t.Helper()
	g.grants(t, a, a.client.obtain)
	g.cert, g.key = a.client.(*lego).chain(a.acmeOrder), a.path("certificates", a.names[0]+".key")
}

// certificates are those in a PEM file.
func certificates(t testing.TB, file string) (chain []*x509.Certificate) {
	t.Helper()
	for block, rest := pem.Decode([]byte(content(t, file))); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, cert)
	}
	if len(chain) < 2 {
		t.Fatalf("%s: %d certificates", file, len(chain))
	}
	return chain
}

func serialOfLeaf(t testing.TB, file string) string {
	return fmt.Sprintf("%x", certificates(t, file)[0].SerialNumber.Bytes())
}

// fetched is a list in PEM, from the place that a certificate names.
func (g *clientGate) fetched(t testing.TB, cert *x509.Certificate) string {
	t.Helper()
	if len(cert.CRLDistributionPoints) != 1 || !strings.HasPrefix(cert.CRLDistributionPoints[0], "http://localhost:21305/crl/") {
		t.Fatalf("%s names %q", cert.Subject, cert.CRLDistributionPoints)
	}
	der := run(t, "", "", "curl", "-sSf", cert.CRLDistributionPoints[0])
	return run(t, "", der, g.openssl, "crl", "-inform", "DER")
}

// lists are that of the certificate's issuer and that of the root's, one behind the other, as nginx takes them.
func (g *clientGate) lists(t testing.TB) string {
	t.Helper()
	return g.leafList(t) + g.fetched(t, certificates(t, g.cert)[1])
}

func (g *clientGate) leafList(t testing.TB) string {
	t.Helper()
	return g.fetched(t, certificates(t, g.cert)[0])
}

// believes fetches the lists, one by one and all at once, and has both judge the certificate by them, see judges.
func (g *clientGate) believes(t testing.TB, claim, refusal string) {
	t.Helper()
	g.judges(t, claim, g.lists(t), refusal)
	g.judges(t, claim+", by the file of all lists", run(t, "", "", "curl", "-sSf", "http://localhost:21305/crl/all.pem"), refusal)
}

// judges fails the test where the certificate is not accepted by these lists, or refused with these words.
func (g *clientGate) judges(t testing.TB, claim, lists, refusal string) {
	t.Helper()
	said := g.verify(t, lists)
	if accepted := strings.HasSuffix(strings.TrimSpace(said), ": OK"); accepted != (refusal == "") || !strings.Contains(said, refusal) {
		t.Errorf("%s: openssl: %s", claim, said)
	}
	status, log := g.visit(t, lists)
	want := "200"
	if refusal != "" {
		want = "400"
	}
	if status != want || !strings.Contains(log, refusal) {
		t.Errorf("%s: nginx: %s\n%s", claim, status, log)
	}
}

// verify is what openssl says of the whole chain.
func (g *clientGate) verify(t testing.TB, lists string) string {
	t.Helper()
	file := filepath.Join(g.dir, "lists.pem")
	write(t, file, lists)
	out, err := exec.Command(g.openssl, "verify", "-x509_strict", "-purpose", "sslclient", "-crl_check_all", "-CAfile", g.trusted, "-CRLfile", file, "-untrusted", g.cert, g.cert).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

// visit starts an nginx with these lists, and asks it for a page with the certificate. It returns the status and what nginx said.
func (g *clientGate) visit(t testing.TB, lists string) (status, log string) {
	t.Helper()
	g.tries++
	dir := filepath.Join(g.dir, fmt.Sprintf("nginx-%d", g.tries))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, cert := g.issue(t, "nginx.example")
	write(t, filepath.Join(dir, "lists.pem"), lists)
	write(t, filepath.Join(dir, "nginx.conf"), nginxHead(dir, "master_process off", "user root")+fmt.Sprintf(`	server {
		listen %[2]s:443 ssl;
		ssl_certificate %[3]s;
		ssl_certificate_key %[4]s;
		ssl_client_certificate %[5]s;
		ssl_verify_client on;
		ssl_verify_depth 2;
		ssl_crl %[1]s/lists.pem;
		location / { return 200 "$ssl_client_verify\n"; }
	}
}
`, dir, g.at, cert, key, g.trusted))
	p := start(t, filepath.Join(dir, "log"), g.nginx, "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	defer p.stop()
	await(t, "nginx", func() error {
		conn, err := net.Dial("tcp", g.at+":443")
		if err == nil {
			conn.Close()
		}
		return err
	})
	var out, said bytes.Buffer
	cmd := exec.Command("curl", "-sS", "--max-time", "20", "--cacert", g.ca, "--resolve", "nginx.example:443:"+g.at,
		"--cert", g.cert, "--key", g.key, "-o", filepath.Join(dir, "page"), "-w", "%{http_code}", "https://nginx.example/")
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return out.String(), content(t, p.log)
}
