package sandbox

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestPeersAgree starts the sandbox on port 53 of a network namespace, puts
// Unbound in front of it, and compares what Unbound, delv and drill conclude
// with what every case says.
func TestPeersAgree(t *testing.T) {
	programs(t, map[string]string{"ip": "iproute2", "unbound": "unbound", "delv": "bind9-dnsutils", "drill": "ldnsutils"})
	if !inNamespace(t) {
		return
	}
	n := start(t, Config{Port: 53})
	dir := t.TempDir()
	unbound := startUnbound(t, n, dir)
	for _, z := range n.Zones() {
		for _, c := range z.Cases {
			t.Run(c.Name+dns.TypeToString[c.Type], func(t *testing.T) {
				if got := askUnbound(t, unbound, c); got != c.Peers+" "+c.Kind {
					t.Errorf("unbound: %s, want %s %s (%s)", got, c.Peers, c.Kind, c.Why)
				}
				want := cmp.Or(lenient[c.Name].delv, c.Peers)
				if got := runDelv(t, n, dir, c); got != want {
					t.Errorf("delv: %s, want %s (%s)", got, want, c.Why)
				}
				want = cmp.Or(lenient[c.Name].drill, c.Peers)
				if got := runDrill(t, n, dir, c); (got == secure) != (want == secure) {
					t.Errorf("drill: %s, want %s (%s)", got, want, c.Why)
				}
			})
		}
	}
}

// lenient holds where a tool is known to conclude something else than a full
// validator, and why. Unbound has no such line.
var lenient = map[string]struct{ delv, drill string }{
	// Neither looks at the opt-out flag of the NSEC3 that covers the next closer name.
	"jwk.cnf.missing.test.": {delv: secure, drill: secure},
	"jwk.cnf.optout.test.":  {delv: secure, drill: secure},
	// drill 1.8 has no bound on iterations, proves the first RRset of a chain of
	// CNAMEs only, and does not know that a CNAME may come from a DNAME.
	"absent.iterated.test.":        {drill: secure},
	"jwk.cnf.open.alias.example.":  {drill: secure},
	"jwk.cnf.stale.alias.example.": {drill: secure},
	"jwk.cnf.dname.example.":       {drill: bogus},
	"jwk.cnf.sub.dname.example.":   {drill: bogus},
}

// namespaced marks the process that runs inside the network namespace.
const namespaced = "SANDBOX_NAMESPACE"

// inNamespace runs the calling test again in a network namespace of its own, where
// it may have port 53, and reports true inside. Outside it reports false, after
// the inner test has ended and its failure has become this one's.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaced) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("loopback in the namespace: %v: %s", err, out)
		}
		return true
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), namespaced+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Geteuid(); uid != 0 { // an ordinary user may be root in a user namespace, where the machine allows that
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out := &strings.Builder{}
	c.Stdout, c.Stderr = out, out
	runtime.LockOSThread() // Pdeathsig goes with the thread
	defer runtime.UnlockOSThread()
	if err := c.Start(); err != nil {
		testneeds.Lacking(t, "network namespace: "+err.Error()+": run as root")
	}
	if err := c.Wait(); err != nil {
		t.Errorf("in the namespace: %v\n%s", err, out)
	}
	return false
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startUnbound runs a validating Unbound on 127.0.0.1:53 and returns its address.
func startUnbound(t *testing.T, n *Internet, dir string) string {
	hints := ""
	for _, h := range n.Hints() {
		for _, a := range h.Addresses {
			hints += fmt.Sprintf(". 3600 NS %s\n%s 3600 A %s\n", h.Name, h.Name, a)
		}
	}
	config := write(t, dir, "unbound.conf", fmt.Sprintf(`server:
	directory: %q
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	logfile: "unbound.log"
	verbosity: 1
	val-log-level: 2
	interface: 127.0.0.1
	do-ip6: no
	do-not-query-localhost: no
	root-hints: %q
	trust-anchor: %q
	local-zone: "test." nodefault
	module-config: "validator iterator"
	access-control: 127.0.0.0/8 allow
remote-control:
	control-enable: no
`, dir, write(t, dir, "hints", hints), n.Anchor()))
	c := exec.Command("unbound", "-d", "-p", "-c", config)
	out := &strings.Builder{}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "unbound.log"))
			t.Logf("unbound: %s\n%s", out, log)
		}
	})
	for range 100 {
		if conn, err := net.Dial("tcp", "127.0.0.1:53"); err == nil {
			conn.Close()
			return "127.0.0.1:53"
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("unbound does not answer: %s", out)
	return ""
}

// askUnbound returns "secure positive" and the like.
func askUnbound(t *testing.T, server string, c Case) string {
	ask := func(checkingDisabled bool) *dns.Msg {
		q := new(dns.Msg).SetQuestion(c.Name, c.Type)
		q.SetEdns0(4096, true)
		q.CheckingDisabled = checkingDisabled
		r, _, err := (&dns.Client{Net: "tcp", Timeout: 10 * time.Second}).Exchange(q, server)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := ask(false)
	security := insecure
	switch {
	case r.Rcode == dns.RcodeServerFailure:
		security = bogus
		r = ask(true)
	case r.AuthenticatedData:
		security = secure
	}
	kind := nodata
	switch r.Rcode {
	case dns.RcodeNameError:
		kind = noname
	case dns.RcodeServerFailure:
		kind = "" // even with checking disabled: no server answers
	}
	for _, rr := range r.Answer {
		if rr.Header().Rrtype == c.Type {
			kind = positive
		}
	}
	return security + " " + kind
}

// runDelv returns what delv concludes; it fetches by way of Unbound and judges by itself.
func runDelv(t *testing.T, n *Internet, dir string, c Case) string {
	ds := strings.Fields(n.Anchor()) // . 3600 IN DS tag algorithm digest-type digest
	anchors := write(t, dir, "anchors", fmt.Sprintf("trust-anchors { . static-ds %s %s %s %q; };\n", ds[4], ds[5], ds[6], ds[7]))
	out, _ := exec.Command("delv", "@127.0.0.1", "-a", anchors, "+tcp", "+multiline", c.Name, dns.TypeToString[c.Type]).CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "resolution failed") && !strings.Contains(text, "ncache"):
		return bogus
	case strings.Contains(text, "unsigned answer"):
		return insecure
	case strings.Contains(text, "fully validated"):
		return secure
	}
	return strings.TrimSpace(text)
}

// runDrill returns secure where drill can chase the signatures from the answer to
// the root, else what it says; it does not tell the other kinds apart.
func runDrill(t *testing.T, n *Internet, dir string, c Case) string {
	key := write(t, dir, "root.key", n.Anchor()+"\n")
	out, err := exec.Command("drill", "-S", "-t", "-k", key, "@127.0.0.1", c.Name, dns.TypeToString[c.Type]).CombinedOutput()
	if err == nil && strings.Contains(string(out), "Chase successful") {
		return secure
	}
	return string(out)
}
