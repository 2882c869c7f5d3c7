package integration

import (
	"path/filepath"
	"testing"
)

// certbot is EFF's client. It makes its account's key itself, of RSA, and keeps it as a JWK.
type certbot struct{ program string }

func (c *certbot) answers() []string { return []string{"http-01", "dns-01"} }

func (c *certbot) runs(o *acmeOrder, args ...string) (string, error) {
	return o.runs(nil, append([]string{c.program, "--non-interactive", "--config-dir", o.path("etc"), "--work-dir", o.path("lib"),
		"--logs-dir", o.path("log"), "--server", o.directory}, args...)...)
}

func (c *certbot) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	args := []string{"register", "--agree-tos", "--register-unsafely-without-email"}
	if x := o.external; x != nil {
		args = append(args, "--eab-kid", x.kid, "--eab-hmac-key", x.key)
	}
	if said, err := c.runs(o, args...); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return o.theOne(t, "etc", "accounts", "*", "*", "*", "private_key.json")
}

func (c *certbot) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	args := []string{"certonly", "--agree-tos", "--register-unsafely-without-email", "--force-renewal", "--cert-name", o.names[0]}
	switch o.challenge {
	case "dns-01":
		hook := o.dnsHook(t)
		args = append(args, "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", hook, "--manual-cleanup-hook", hook)
	case "http-01": // below its webroot certbot makes .well-known/acme-challenge
		args = append(args, "--webroot", "--webroot-path", filepath.Dir(filepath.Dir(o.wellKnown(t))))
	default:
		args = append(args, "--manual", "--preferred-challenges", "http", "--manual-auth-hook", o.declines(t))
	}
	for _, name := range o.names {
		args = append(args, "--domain", name)
	}
	before := o.had(c.chain(o))
	said, err := c.runs(o, args...)
	return o.got(before, c.chain(o), said, err)
}

func (c *certbot) chain(o *acmeOrder) string {
	return o.path("etc", "live", o.names[0], "fullchain.pem")
}

func (c *certbot) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	before := o.had(c.chain(o))
	said, err := c.runs(o, "renew", "--cert-name", o.names[0], "--force-renewal", "--no-random-sleep-on-renew")
	return o.got(before, c.chain(o), said, err)
}

func (c *certbot) revoke(t testing.TB, o *acmeOrder) (string, error) {
	return c.runs(o, "revoke", "--cert-path", o.path("etc", "live", o.names[0], "cert.pem"), "--no-delete-after-revoke")
}
