package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// caddy is a web server that has certificates of its own accord. It makes its account's key itself, and orders a certificate for
// each name. It cannot revoke.
type caddy struct{ program string }

func (c *caddy) answers() []string { return []string{"http-01", "tls-alpn-01"} }

// configure writes the Caddyfile: one site for all of the names.
func (c *caddy) configure(t testing.TB, o *acmeOrder) string {
	t.Helper()
	off := map[string]string{
		acmeNone:      "disable_http_challenge\n\t\t\tdisable_tlsalpn_challenge",
		"http-01":     "disable_tlsalpn_challenge",
		"tls-alpn-01": "disable_http_challenge",
	}[o.challenge]
	file := o.path("Caddyfile")
	write(t, file, fmt.Sprintf(`{
	admin off
	default_bind %s
	storage file_system %q
	ocsp_stapling off
	log {
		level debug
	}
}
%s {
	tls {
		issuer acme {
			dir %s
			trusted_roots %q
			%s
		}
	}
}
`, o.address, o.path("storage"), strings.Join(o.names, ", "), o.directory, o.root, off))
	return file
}

// serves runs Caddy until ready or failed says so, and returns what it said.
func (c *caddy) serves(t testing.TB, o *acmeOrder, until func(said string) bool) (said string, err error) {
	t.Helper()
	log := o.path("caddy.log")
	os.Remove(log)
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(c.program, "run", "--config", c.configure(t, o))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.dir, o.env(), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(acmePatience)
	for {
		text, _ := os.ReadFile(log)
		if until(string(text)) {
			break
		}
		select {
		case err := <-ended:
			return string(text), fmt.Errorf("caddy ended: %w", err)
		case <-deadline:
			err = fmt.Errorf("nothing after %v", acmePatience)
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	cmd.Process.Signal(syscall.SIGTERM) // else its locks stay, and the next one waits for them to be stale
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		cmd.Process.Kill()
		<-ended
	}
	text, _ := os.ReadFile(log)
	return string(text), err
}

func (c *caddy) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	keys := func() []string {
		all, _ := filepath.Glob(o.path("storage", "acme", "*", "users", "*", "*.key"))
		return all
	}
	if len(keys()) == 0 { // kept once the account is there; with two names at once Caddy makes two, and mixes them up
		one := *o
		one.names = o.names[:1]
		ended := func(said string) bool { return len(keys()) == 1 && c.outcomes(&one, said) == 1 }
		if said, err := c.serves(t, &one, ended); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	return o.theOne(t, "storage", "acme", "*", "users", "*", "*.key")
}

// obtain throws away the certificates that Caddy has, which is how it is made to ask again.
func (c *caddy) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	if err := os.RemoveAll(o.path("storage", "certificates")); err != nil {
		t.Fatal(err)
	}
	chain := func(name string) []byte {
		all, _ := filepath.Glob(o.path("storage", "certificates", "*", name, name+".crt"))
		if len(all) != 1 {
			return nil
		}
		return o.had(all[0])
	}
	lacking := 0
	said, err := c.serves(t, o, func(said string) bool {
		lacking = 0
		for _, name := range o.names {
			if len(chain(name)) == 0 {
				lacking++
			}
		}
		return c.outcomes(o, said) == len(o.names)
	})
	if err == nil && lacking > 0 {
		err = fmt.Errorf("%d of %d certificates are not there", lacking, len(o.names))
	}
	if err != nil {
		return nil, said, err
	}
	var all bytes.Buffer
	for _, name := range o.names {
		all.Write(chain(name))
	}
	return all.Bytes(), said, nil
}

// outcomes counts the names that there is a certificate of by now, or that Caddy will try again some time later.
func (c *caddy) outcomes(o *acmeOrder, said string) (n int) {
	for _, name := range o.names {
		for _, line := range strings.Split(said, "\n") {
			obtained := strings.Contains(line, `"msg":"certificate obtained successfully"`) && strings.Contains(line, `"`+name+`"`)
			if obtained || strings.Contains(line, `"msg":"will retry"`) && strings.Contains(line, "["+name+"]") {
				n++
				break
			}
		}
	}
	return n
}

func (c *caddy) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) { return c.obtain(t, o) }

func (c *caddy) revoke(testing.TB, *acmeOrder) (string, error) { return notSupported() }
