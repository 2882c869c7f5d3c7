package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cnfd/internal/testneeds"
)

// lego is a client in Go. It makes its account's key itself on its first run, unless one is there.
type lego struct{ program string }

func (l *lego) answers() []string { return []string{"http-01", "dns-01", "tls-alpn-01"} }

// account puts a key where lego keeps that of the account (lego: --path): it has no command that only registers.
func (l *lego) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	host := strings.ReplaceAll(strings.Split(strings.TrimPrefix(o.directory, "https://"), "/")[0], ":", "_")
	return o.keyFile(t, filepath.Join("accounts", host, acmeMail, "keys", acmeMail+".key"), "sec1")
}

func (l *lego) runs(t testing.TB, o *acmeOrder, verb ...string) (string, error) {
	t.Helper()
	l.account(t, o)
	argv := []string{l.program, "--server", o.directory, "--accept-tos", "--email", acmeMail, "--path", o.dir}
	switch o.challenge {
	case "dns-01":
		argv = append(argv, "--dns", "exec", "--dns.disable-cp", "--dns.resolvers", o.resolver)
	case "tls-alpn-01":
		argv = append(argv, "--tls", "--tls.port", o.address+":443")
	default:
		argv = append(argv, "--http", "--http.webroot", filepath.Dir(filepath.Dir(o.wellKnown(t))))
	}
	for _, name := range o.names {
		argv = append(argv, "--domains", name)
	}
	if x := o.external; x != nil {
		argv = append(argv, "--eab", "--kid", x.kid, "--hmac", x.key)
	}
	return o.runs([]string{"EXEC_PATH=" + o.dnsHook(t), "EXEC_POLLING_INTERVAL=1", "EXEC_SEQUENCE_INTERVAL=1"}, append(argv, verb...)...)
}

func (l *lego) chain(o *acmeOrder) string {
	return o.path("certificates", o.names[0]+".crt")
}

func (l *lego) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	before := o.had(l.chain(o))
	said, err := l.runs(t, o, "run")
	return o.got(before, l.chain(o), said, err)
}

func (l *lego) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	before := o.had(l.chain(o))
	said, err := l.runs(t, o, "renew", "--days", "36500", "--no-random-sleep")
	return o.got(before, l.chain(o), said, err)
}

func (l *lego) revoke(t testing.TB, o *acmeOrder) (string, error) {
	return l.runs(t, o, "revoke", "--keep")
}

// acmetool is a client in Go that is told what certificates are desired, and requests those that it lacks, with keys of RSA.
type acmetool struct{ program string }

func (a *acmetool) answers() []string { return []string{"http-01", "dns-01"} }

func (a *acmetool) runs(t testing.TB, o *acmeOrder, args ...string) (string, error) {
	t.Helper()
	write(t, o.path("state", "conf", "target"), fmt.Sprintf("request:\n  provider: %q\n  key: {type: rsa}\n  challenge: {http-self-test: false, http-ports: [], webroot-paths: [%q]}\n", o.directory, o.wellKnown(t)))
	write(t, o.path("state", "conf", "responses"), fmt.Sprintf("\"acme-enter-email\": %q\n\"acme-agreement:%s\": true\n", acmeMail, o.terms(t)))
	hooks := o.path("hooks")
	if err := os.MkdirAll(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(hooks, "dns"))
	if o.challenge == "dns-01" {
		if err := os.Symlink(o.dnsHook(t), filepath.Join(hooks, "dns")); err != nil {
			t.Fatal(err)
		}
	}
	return o.runs(nil, append([]string{a.program, "--state", o.path("state"), "--hooks", hooks, "--batch", "--xlog.stderr"}, args...)...)
}

// account has acmetool take a key: it has no command that only registers.
func (a *acmetool) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	if all, _ := filepath.Glob(o.path("state", "accounts", "*", "*", "privkey")); len(all) == 1 {
		return all[0]
	}
	if said, err := a.runs(t, o, "import-pem-account", o.directory, o.keyFile(t, "account.pem", "rsa")); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return o.theOne(t, "state", "accounts", "*", "*", "privkey")
}

func (a *acmetool) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	a.account(t, o)
	return a.renew(t, o)
}

// renew throws away what acmetool has, since it replaces nothing that is good for longer.
func (a *acmetool) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	chain := o.path("state", "live", o.names[0], "fullchain")
	before := o.had(chain)
	for _, dir := range []string{"certs", "live"} {
		if err := os.RemoveAll(o.path("state", dir)); err != nil {
			t.Fatal(err)
		}
	}
	said, err := a.runs(t, o, append([]string{"want"}, o.names...)...)
	return o.got(before, chain, said, err)
}

// revoke: acmetool 0.2.2 notes down what is to be revoked, and asks no server for it.
func (a *acmetool) revoke(testing.TB, *acmeOrder) (string, error) { return notSupported() }

// goACME is the program in acme/, by one of its libraries. Keys are its user's business.
type goACME struct{ program, library string }

func (g *goACME) answers() []string { return []string{"http-01", "dns-01", "tls-alpn-01"} }

func (g *goACME) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	return o.keyFile(t, "account.pem", "ec")
}

func (g *goACME) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	before, chain := o.had(o.path("chain.pem")), o.path("chain.pem")
	said, err := o.runs(nil, append([]string{g.program, g.library, "obtain", "-directory", o.directory, "-account", g.account(t, o),
		"-key", o.keyFile(t, "key.pem", "ec"), "-out", chain, "-challenge", o.challenge, "-webroot", o.wellKnown(t),
		"-hook", o.dnsHook(t), "-listen", o.address + ":443"}, o.names...)...)
	return o.got(before, chain, said, err)
}

func (g *goACME) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) { return g.obtain(t, o) }

func (g *goACME) revoke(t testing.TB, o *acmeOrder) (string, error) {
	return o.runs(nil, g.program, g.library, "revoke", "-directory", o.directory, "-account", g.account(t, o), "-cert", o.path("chain.pem"))
}

// builtACME is the program in acme/, built once, out of the modules that are on this machine.
var builtACME = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "acme")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir, cmd.Env = "acme", append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

func goACMEProgram(t testing.TB) string {
	t.Helper()
	lab(t)
	path, err := builtACME()
	if err != nil {
		testneeds.Lacking(t, "the Go clients are missing: (cd integration/acme && go mod download): "+err.Error())
	}
	return path
}

// nodeACME is npm's acme-client, by acme/client.mjs. Keys are its user's business.
type nodeACME struct{ node, script string }

func newNodeACME(t testing.TB) *nodeACME {
	t.Helper()
	script, err := filepath.Abs("acme/client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("acme/node_modules/acme-client"); err != nil {
		testneeds.Lacking(t, "npm's acme-client is missing: (cd integration/acme && npm ci)")
	}
	return &nodeACME{testneeds.Binary(t, "node", "nodejs"), script}
}

func (n *nodeACME) answers() []string { return []string{"http-01", "dns-01"} }

func (n *nodeACME) account(t testing.TB, o *acmeOrder) string {
	t.Helper()
	return o.keyFile(t, "account.pem", "ec")
}

func (n *nodeACME) runs(t testing.TB, o *acmeOrder, verb string) (string, error) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"directory": o.directory, "names": o.names, "challenge": o.challenge, "account": n.account(t, o), "key": o.keyFile(t, "key.pem", "ec"),
		"out": o.path("chain.pem"), "cert": o.path("chain.pem"), "webroot": o.wellKnown(t), "hook": o.dnsHook(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o.runs(nil, n.node, n.script, verb, string(text))
}

func (n *nodeACME) obtain(t testing.TB, o *acmeOrder) ([]byte, string, error) {
	before := o.had(o.path("chain.pem"))
	said, err := n.runs(t, o, "obtain")
	return o.got(before, o.path("chain.pem"), said, err)
}

func (n *nodeACME) renew(t testing.TB, o *acmeOrder) ([]byte, string, error) { return n.obtain(t, o) }

func (n *nodeACME) revoke(t testing.TB, o *acmeOrder) (string, error) { return n.runs(t, o, "revoke") }
