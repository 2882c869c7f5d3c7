package integration

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// An acmeOrder is what a client is told: who issues, for what, and how challenges are answered.
type acmeOrder struct {
	directory string // URL
	root      string // PEM file of whom to trust as the server
	names     []string
	challenge string        // one of the client's answers, or acmeNone
	external  *acmeExternal // nil: none
	dir       string        // the client's own; whatever it keeps is below
	address   string        // where the names are; web servers and responders of the client listen there
	webroot   string        // is served at http://address/.well-known/acme-challenge/
	resolver  string        // address and port
	dns       string        // name server that takes updates, and
	dnsKey    string        // the file of their key
}

// acmeExternal is an external account (RFC 8555 §7.3.4): the name of its key, and the key in base64url.
type acmeExternal struct{ kid, key string }

// acmeNone: no challenge can be answered. Whatever a client has to be told in its place does not work.
const acmeNone = "none"

// acmeMail is whom clients name that want a contact.
const acmeMail = "hostmaster@vendor.example"

// An acmeClient is somebody else's ACME client, as its users run it.
type acmeClient interface {
	// answers are the challenges that it can answer here.
	answers() []string
	// account returns the file of its account's key, which it has made if it makes one itself. No certificate need be had for that.
	account(t testing.TB, o *acmeOrder) string
	// obtain asks for a certificate, whatever it has already; renew renews what was obtained; both give back the chain in PEM,
	// and what the client said, which is a failure's reason.
	obtain(t testing.TB, o *acmeOrder) (chain []byte, said string, err error)
	renew(t testing.TB, o *acmeOrder) (chain []byte, said string, err error)
	// revoke revokes what was obtained last; errors.ErrUnsupported of a client that cannot.
	revoke(t testing.TB, o *acmeOrder) (said string, err error)
}

// acmeClients are all that are tried, by name. Each needs its programs.
func acmeClients(t testing.TB) map[string]acmeClient {
	t.Helper()
	return map[string]acmeClient{
		"certbot":     &certbot{testneeds.Binary(t, "certbot", "certbot")},
		"lego":        &lego{testneeds.Binary(t, "lego", "lego")},
		"dehydrated":  &dehydrated{testneeds.Binary(t, "dehydrated", "dehydrated")},
		"uacme":       &uacme{testneeds.Binary(t, "uacme", "uacme")},
		"acmetool":    &acmetool{testneeds.Binary(t, "acmetool", "acmetool")},
		"acme-tiny":   &acmeTiny{testneeds.Binary(t, "acme-tiny", "acme-tiny")},
		"caddy":       &caddy{testneeds.Binary(t, "caddy", "caddy")},
		"acme-client": newNodeACME(t),
		"acmez":       &goACME{goACMEProgram(t), "acmez"},
		"xcrypto":     &goACME{goACMEProgram(t), "xcrypto"},
	}
}

// acmePatience bounds one run of a client.
const acmePatience = 90 * time.Second

// runs runs a program of the client's in its directory, with nothing of this process's environment, and returns all it says.
// Its children end with it.
func (o *acmeOrder) runs(env []string, argv ...string) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), acmePatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = o.dir, append(o.env(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("no end after %v: %w", acmePatience, ctx.Err())
	}
	return string(out), err
}

// env is the environment of every client: its home is its directory, and each way to be told of a trusted root is there.
func (o *acmeOrder) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "LANG=C.UTF-8",
		"SSL_CERT_FILE=" + o.root,                 // Go, OpenSSL
		"REQUESTS_CA_BUNDLE=" + o.root,            // certbot
		"LEGO_CA_CERTIFICATES=" + o.root,          // lego
		"NODE_EXTRA_CA_CERTS=" + o.root,           // node
		"CURL_CA_BUNDLE=" + o.root,                // dehydrated's curl
		"LAB_DNS=" + o.dns, "LAB_KEY=" + o.dnsKey, // acme/dns.sh
	}
}

func (o *acmeOrder) path(elem ...string) string {
	return filepath.Join(append([]string{o.dir}, elem...)...)
}

// wellKnown is the directory for http-01's answers: one that nobody serves where none may be answered.
func (o *acmeOrder) wellKnown(t testing.TB) string {
	t.Helper()
	dir := o.webroot
	if o.challenge == acmeNone {
		dir = o.path("unserved")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// declines is a hook that answers no challenge.
func (o *acmeOrder) declines(t testing.TB) string { return testneeds.Binary(t, "false", "coreutils") }

// terms is the URL of the server's terms of service, for a client that has to name what it agrees to.
func (o *acmeOrder) terms(t testing.TB) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(t, o.root)}, DisableKeepAlives: true}}
	response, err := client.Get(o.directory)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var directory struct {
		Meta struct{ TermsOfService string }
	}
	if err := json.NewDecoder(response.Body).Decode(&directory); err != nil {
		t.Fatal(err)
	}
	return directory.Meta.TermsOfService
}

// dnsHook is acme/dns.sh.
func (o *acmeOrder) dnsHook(t testing.TB) string {
	t.Helper()
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	path, err := filepath.Abs("acme/dns.sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// got is the end of obtain: a chain in a file that the client has written just now, or the client's failure.
func (o *acmeOrder) got(before []byte, file, said string, err error) ([]byte, string, error) {
	if err != nil {
		return nil, said, err
	}
	chain, err := os.ReadFile(file)
	if err == nil && bytes.Equal(chain, before) {
		err = fmt.Errorf("%s is as it was", file)
	}
	if err != nil {
		return nil, said, err
	}
	return chain, said, nil
}

// had is what a file has before a client runs, if it is there at all.
func (o *acmeOrder) had(file string) []byte {
	chain, _ := os.ReadFile(file)
	return chain
}

// theOne is the one file of a pattern in the client's directory.
func (o *acmeOrder) theOne(t testing.TB, pattern ...string) string {
	t.Helper()
	all, err := filepath.Glob(o.path(pattern...))
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %d files %q", filepath.Join(pattern...), len(all), all)
	}
	return all[0]
}

// keyFile is a file of a new private key in PEM, unless it is there already: "ec" or "rsa" as PKCS #8, or
// "sec1" as RFC 5915 has keys on curves.
func (o *acmeOrder) keyFile(t testing.TB, name, kind string) string {
	t.Helper()
	path := o.path(name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	var key any
	var err error
	if kind == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	label, marshal := "PRIVATE KEY", x509.MarshalPKCS8PrivateKey
	if kind == "sec1" {
		label, marshal = "EC PRIVATE KEY", func(key any) ([]byte, error) { return x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey)) }
	}
	der, err := marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, inPEM(label, der))
	return path
}

// proven fails the test where the chain does not lead to one of the roots from a certificate of exactly the names, or from one of each.
func (o *acmeOrder) proven(t testing.TB, chain []byte, roots *x509.CertPool) (leaves []*x509.Certificate) {
	t.Helper()
	above := x509.NewCertPool()
	var have []string
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			t.Fatal(err)
		case c.IsCA:
			above.AddCert(c)
		default:
			leaves, have = append(leaves, c), append(have, c.DNSNames...)
			for _, address := range c.IPAddresses {
				have = append(have, address.String())
			}
		}
	}
	slices.Sort(have)
	if want := slices.Sorted(slices.Values(o.names)); !slices.Equal(have, want) {
		t.Errorf("certificate of %q, want %q", have, want)
	}
	for _, c := range leaves {
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
			t.Errorf("certificate: %v", err)
		}
	}
	return leaves
}

// acmeSaid is the last lines of what a client says, for a failure's message.
func acmeSaid(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// notSupported is revoke of a client that cannot.
func notSupported() (string, error) { return "", errors.ErrUnsupported }
