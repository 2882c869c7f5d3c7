package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cnfd/internal/testneeds"
)

// guard is a daemon with api.tls.client_ca, and the files of those who call it, all made by openssl.
type guard struct {
	*daemon
	config string // path of its configuration
	token  string // path of one that is confirmed
}

func (g *guard) in(name string) string { return filepath.Join(filepath.Dir(g.config), name) }

// authority makes one, NAME.pem; all have the same subject.
func (g *guard) authority(t testing.TB, name string) {
	t.Helper()
	run(t, "", "", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=Test CA", "-keyout", g.in(name+".key"), "-out", g.in(name+".pem"))
}

// issue has an authority make a certificate of its own, NAME.pem.
func (g *guard) issue(t testing.TB, by, name string, extensions ...string) {
	t.Helper()
	argv := []string{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=" + name, "-keyout", g.in(name + ".key"), "-out", g.in(name + ".pem"), "-CA", g.in(by + ".pem"), "-CAkey", g.in(by + ".key"),
		"-addext", "basicConstraints=critical,CA:FALSE"}
	for _, e := range extensions {
		argv = append(argv, "-addext", e)
	}
	run(t, "", "", argv...)
}

const forClients, forServers = "extendedKeyUsage=clientAuth", "extendedKeyUsage=serverAuth"

func newGuard(t *testing.T, number int) *guard {
	testneeds.Binary(t, "curl", "curl")
	testneeds.Binary(t, "openssl", "openssl")
	binary := cnfd(t)
	n := newTree(t, number)
	dir := filepath.Join(work, fmt.Sprintf("guard-%d", number))
	g := &guard{daemon: &daemon{tcp: n.net + "200:8255", unix: filepath.Join(dir, "sock")}, config: filepath.Join(dir, "cnfd.yaml"), token: filepath.Join(dir, "token")}
	write(t, g.token, n.token(t, "vendor.jwt"))
	for _, name := range []string{"ca", "other", "servers"} {
		g.authority(t, name)
	}
	g.issue(t, "servers", "server", "subjectAltName=IP:"+n.net+"200", forServers)
	g.issue(t, "ca", "caller", forClients)
	g.issue(t, "ca", "any")
	g.issue(t, "ca", "web", forServers)
	g.issue(t, "other", "stranger", forClients)
	write(t, g.in("callers.pem"), content(t, g.in("ca.pem")))
	n.configure(t, dir, settings{sections: fmt.Sprintf("api: {listen: %q, unix: %q, tls: {cert: %q, key: %q, client_ca: %q}}",
		g.tcp, g.unix, g.in("server.pem"), g.in("server.key"), g.in("callers.pem"))})
	g.process = start(t, g.in("log"), binary, "serve", "--config", g.config)
	g.awaitHealth(t)
	return g
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// curl asks with the certificate of that name, "" for none, and returns what came and curl's exit code.
func (g *guard) curl(t testing.TB, shows, authority string, flags ...string) (string, int) {
	t.Helper()
	argv := append([]string{"-sS", "--max-time", "20", "--cacert", g.in(authority + ".pem"), "-H", "Content-Type: application/jwt", "--data-binary", "@" + g.token}, flags...)
	if shows != "" {
		argv = append(argv, "--cert", g.in(shows+".pem"), "--key", g.in(shows+".key"))
	}
	out, err := exec.Command("curl", append(argv, "https://"+g.tcp+"/v1/verify")...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// let asks with curl in each version of TLS and of HTTP: all are answered, or none is.
func (g *guard) let(t testing.TB, shows, authority string, want bool) {
	t.Helper()
	for _, flags := range [][]string{{"--http2"}, {"--http1.1"}, {"--http2", "--tls-max", "1.2"}, {"--http1.1", "--tls-max", "1.2"}} {
		out, code := g.curl(t, shows, authority, flags...)
		confirmed := strings.Contains(out, `"outcome":"confirmed","reason":"record_matches"`)
		if want && (code != 0 || !confirmed) || !want && (code == 0 || strings.Contains(out, "outcome")) {
			t.Errorf("curl %s with %q, want in: %v: exit code %d: %s", strings.Join(flags, " "), shows, want, code, out)
		}
	}
}

// reload sends SIGHUP and waits for a line of the log, which it returns.
func (g *guard) reload(t testing.TB, says string) (line string) {
	t.Helper()
	before := strings.Count(content(t, g.process.log), says)
	g.process.cmd.Process.Signal(syscall.SIGHUP)
	await(t, says, func() error {
		parts := strings.Split(content(t, g.process.log), says)
		if len(parts)-1 == before {
			return errors.New("not in the log")
		}
		line, _, _ = strings.Cut(parts[len(parts)-1], "\n")
		return nil
	})
	return line
}

// TestClientCertificates has curl and cnfd verify ask a daemon that demands certificates, with some that openssl made: the
// authority's are let in, with one thing different nobody is, and after a reload those of the authority of then.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	g := newGuard(t, 96)
	g.let(t, "caller", "servers", true)
	g.let(t, "any", "servers", true) // good for anything (RFC 5280 §4.2.1.12)
	for _, shows := range []string{"", "stranger", "web"} {
		g.let(t, shows, "servers", false)
	}
	t.Run("cnfd verify", g.commands)

	bad := func(text, says string) {
		t.Helper()
		write(t, g.in("callers.pem"), text)
		if line := g.reload(t, "reload: nothing is changed"); !strings.Contains(line, "api.tls.client_ca: "+g.in("callers.pem")+says) {
			t.Errorf("the log says: %s", line)
		}
		g.let(t, "caller", "servers", true)
		g.let(t, "stranger", "servers", false)
		out, err := exec.Command(cnfd(t), "serve", "--config", g.config).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "api.tls.client_ca: "+g.in("callers.pem")+says) {
			t.Errorf("start: %v: %s", err, out)
		}
		out, err = exec.Command(cnfd(t), "config", "check", g.config).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "api.tls.client_ca: "+g.in("callers.pem")+says) {
			t.Errorf("config check: %v: %s", err, out)
		}
	}
	bad("nothing of use", " has no certificate in PEM")
	bad(content(t, g.in("caller.pem")), ": certificate 1 is not an authority's")
	bad(content(t, g.in("ca.key")), ": it has a block that is no certificate")

	// All three files at once; the server's authority is another then, too.
	write(t, g.in("callers.pem"), content(t, g.in("other.pem")))
	host, _, _ := strings.Cut(g.tcp, ":")
	g.authority(t, "newer")
	g.issue(t, "newer", "server", "subjectAltName=IP:"+host, forServers)
	g.reload(t, "reload: done")
	g.let(t, "stranger", "newer", true)
	g.let(t, "stranger", "servers", false) // curl does not know the server any more
	g.let(t, "caller", "newer", false)
	g.let(t, "", "newer", false)
}

// commands is the command as a client of that daemon.
func (g *guard) commands(t *testing.T) {
	ca := []string{"--tls-ca", g.in("servers.pem")}
	shows := func(name string) []string {
		return append(ca, "--tls-cert", g.in(name+".pem"), "--tls-key", g.in(name+".key"))
	}
	for _, c := range []struct {
		claim string
		flags []string
		code  int
		says  string
	}{
		{"a certificate of the authority's", shows("caller"), 0, "confirmed"},
		{"none", ca, 3, "--server https://" + g.tcp},
		{"a stranger's", shows("stranger"), 3, "--server https://" + g.tcp},
		{"without the server's authority", shows("caller")[2:], 3, "its certificate does not hold here"},
		{"without the key", shows("caller")[:4], 3, "--tls-cert and --tls-key: they belong together"},
		{"with another's key", append(shows("caller")[:5], g.in("any.key")), 3, "private key does not match"},
		{"with a file that is not there", []string{"--tls-ca", g.in("nowhere.pem")}, 3, "no such file"},
	} {
		out, err := exec.Command(cnfd(t), append([]string{"verify", "--server", "https://" + g.tcp, g.token}, c.flags...)...).CombinedOutput()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit code %d: %s", c.claim, code, out)
		}
	}
	out, err := exec.Command(cnfd(t), append([]string{"precheck", "--server", "https://" + g.tcp, "--subject", "https://vendor.example", "--key", g.in("caller.pem")}, shows("caller")...)...).CombinedOutput()
	if !strings.Contains(string(out), "refuted: record_differs") {
		t.Errorf("precheck: %v: %s", err, out)
	}
}
