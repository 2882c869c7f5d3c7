package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// dehydrated is a client in Bash with curl and openssl. It makes its account's key itself, of RSA, and those of certificates on P-384.
type dehydrated struct{ program string }

func (d *dehydrated) answers() []string { return []string{"http-01", "dns-01"} }

func (d *dehydrated) runs(t testing.TB, o *acmeOrder, args ...string) (string, error) {
	t.Helper()
	challenge, hook := "http-01", ""
	if o.challenge == "dns-01" {
		challenge, hook = o.challenge, o.dnsHook(t)
	}
	write(t, o.path("config"), fmt.Sprintf("BASEDIR=%q\nCA=%q\nCHALLENGETYPE=%s\nHOOK=%q\nWELLKNOWN=%q\nKEY_ALGO=secp384r1\nCURL_OPTS=\"--cacert %s\"\n",
		o.dir, o.directory, challenge, hook, o.wellKnown(t), o.root))
	return o.runs(nil, append([]string{d.program, "--config", o.path("config")}, args...)...)
}

func (d *dehydrated) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	if said, err := d.runs(t, o, "--register", "--accept-terms"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return o.theOne(t, "accounts", "*", "account_key.pem")
}

func (d *dehydrated) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	d.account(t, o)
	return d.renew(t, o)
}

func (d *dehydrated) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	args := []string{"--cron", "--force"}
	for _, name := range o.names {
		args = append(args, "--domain", name)
	}
	chain := o.path("certs", o.names[0], "fullchain.pem")
	before := o.had(chain)
	said, err := d.runs(t, o, args...)
	return o.got(before, chain, said, err)
}

func (d *dehydrated) revoke(t testing.TB, o *acmeOrder) (string, error) {
	return d.runs(t, o, "--revoke", o.path("certs", o.names[0], "cert.pem"))
}

// uacme is a client in C with libcurl and GnuTLS, here with an account's key on P-256 that it makes itself.
type uacme struct{ program string }

func (u *uacme) answers() []string { return []string{"http-01", "dns-01"} }

// runs gives uacme a machine that trusts the order's root: it believes the system's file of roots and no other, so a mount
// namespace of its own has another file there.
func (u *uacme) runs(t testing.TB, o *acmeOrder, args ...string) (string, error) {
	t.Helper()
	hook := o.declines(t)
	switch o.challenge {
	case "http-01":
		hook = "/usr/share/uacme/uacme.sh"
	case "dns-01":
		hook = o.dnsHook(t)
	}
	argv := []string{testneeds.Binary(t, "unshare", "util-linux"), "--mount", "sh", "-c",
		`mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"`, o.root,
		u.program, "--verbose", "--acme-url", o.directory, "--confdir", o.path("conf"), "--type", "EC", "--yes", "--no-ocsp", "--hook", hook}
	return o.runs([]string{"UACME_CHALLENGE_PATH=" + o.wellKnown(t)}, append(argv, args...)...)
}

func (u *uacme) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	key := o.path("conf", "private", "key.pem")
	if _, err := os.Stat(key); err == nil {
		return key
	}
	args := []string{"new"}
	if x := o.external; x != nil {
		args = []string{"--eab", x.kid + ":" + x.key, "new"}
	}
	if said, err := u.runs(t, o, args...); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return key
}

func (u *uacme) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	u.account(t, o)
	return u.renew(t, o)
}

func (u *uacme) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	chain := o.path("conf", o.names[0], "cert.pem")
	before := o.had(chain)
	if before != nil { // it keeps the old one under a name of whole seconds, and fails where that is taken
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	}
	said, err := u.runs(t, o, append([]string{"--force", "issue"}, o.names...)...)
	return o.got(before, chain, said, err)
}

func (u *uacme) revoke(t testing.TB, o *acmeOrder) (string, error) {
	return u.runs(t, o, "revoke", o.path("conf", o.names[0], "cert.pem"))
}

// acmeTiny is 200 lines of Python. Its account's key and its requests, here of RSA both, are its user's business.
type acmeTiny struct{ program string }

func (a *acmeTiny) answers() []string { return []string{"http-01"} }

func (a *acmeTiny) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	return o.keyFile(t, "account.key", "rsa")
}

func (a *acmeTiny) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) { return a.asks(t, o) }

// asks is obtain with more that `openssl req` is told for the request.
func (a *acmeTiny) asks(t testing.TB, o *acmeOrder, more ...string) ([]byte, string, error) {
	t.Helper()
	var alt []string
	for _, name := range o.names {
		alt = append(alt, "DNS:"+name)
	}
	csr := run(t, o.dir, "", append([]string{testneeds.Binary(t, "openssl", "openssl"), "req", "-new", "-key", o.keyFile(t, "domain.key", "rsa"),
		"-subj", "/", "-addext", "subjectAltName=" + strings.Join(alt, ",")}, more...)...)
	write(t, o.path("domain.csr"), csr)
	// What it writes to standard output is the chain, and to the other what it does.
	said, err := o.runs(nil, "sh", "-c", `exec "$@" > "$0"`, o.path("chain.pem"), a.program, "--account-key", a.account(t, o),
		"--csr", o.path("domain.csr"), "--acme-dir", o.wellKnown(t), "--directory-url", o.directory, "--disable-check")
	return o.got(nil, o.path("chain.pem"), said, err)
}

func (a *acmeTiny) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) { return a.obtain(t, o) }

func (a *acmeTiny) revoke(testing.TB, *acmeOrder) (string, error) { return notSupported() }
