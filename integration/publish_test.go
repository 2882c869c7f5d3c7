package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestPublishOnBINDAndKnot plays testdata/publish.sh where BIND is the primary and Knot the secondary, which are then
// as they were.
func TestPublishOnBINDAndKnot(t *testing.T) {
	t.Parallel()
	// Records of others, which no verifier takes for a key's, stand at the name all the while.
	n := newPublishing(t, 107, ownersName+" 3 TLSA 3 1 1 "+strings.Repeat("0f", 32), ownersName+" 3 TLSA 255 255 255 "+strings.Repeat("a5", 48))
	await(t, "the secondary", func() error { return n.second.answers(n.zone, ownersName, dns.TypeTLSA) })
	c := n.newConfig(t, settings{sections: fmt.Sprintf("publish: {to: rfc2136, credentials: %q, wait: 1m}", n.key())})
	before := n.tlsas(t)
	playPublish(t, c, "unix:"+n.daemon(t, settings{}).unix, strings.TrimSuffix(publishingDomain, "."))
	if after := n.tlsas(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// tlsas is what both servers say of the names that the story is about, with TTLs, but for
// signatures and what proves an absence, which a signer makes anew.
func (n *publishing) tlsas(t testing.TB) (all string) {
	t.Helper()
	for _, h := range []*host{n.leaf, n.second} {
		for _, name := range []string{ownersName, "cnf." + publishingDomain, publishingDomain} {
			m, err := h.ask(name, dns.TypeTLSA)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, rr := range m.Answer {
				if rr.Header().Rrtype != dns.TypeRRSIG {
					lines = append(lines, strings.ToLower(rr.String()))
				}
			}
			slices.Sort(lines)
			all += fmt.Sprintf("%s %s: %s\n%s\n", h.addr, name, dns.RcodeToString[m.Rcode], strings.Join(lines, "\n"))
		}
	}
	return all
}

// TestPublishInTheSandbox plays the same in `cnfd sandbox`, with the daemon in front of it.
func TestPublishInTheSandbox(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(work, "sandbox")
	p := start(t, filepath.Join(work, "sandbox.log"), cnfd(t), "sandbox", "--dir", dir)
	await(t, "cnfd sandbox", func() error {
		select {
		case <-p.done:
			t.Fatalf("cnfd sandbox ended:\n%s", tail(filepath.Join(work, "sandbox.log"), 20))
		default:
		}
		_, code := commandLine(t, "", "verify", "--server", "unix:"+filepath.Join(dir, "cnfd.sock"), filepath.Join(dir, "vendor.jwt"))
		if code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		return nil
	})
	playPublish(t, filepath.Join(dir, "cnfd.yaml"), "unix:"+filepath.Join(dir, "cnfd.sock"), "shop.leaving.example") // absence is cached for 2 s there
}

// playPublish runs testdata/publish.sh by sh, with the binary under test as cnfd.
func playPublish(t *testing.T, config, daemon, domain string) {
	t.Helper()
	dir, err := os.MkdirTemp(work, "publish-")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cnfd.yaml"), string(text))
	for _, name := range []string{"old", "new"} {
		k := newRotatingKey(t, filepath.Join(dir, name+".jwk"))
		write(t, filepath.Join(dir, name+".json"), fmt.Sprintf(`{"sub":"https://%s","cnf":{"jwk":%s}}`, domain, k.jwk))
	}
	script, err := filepath.Abs("testdata/publish.sh")
	if err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + filepath.Dir(cnfd(t)) + ":" + os.Getenv("PATH")
	out, err := try(dir, "", testneeds.Binary(t, "env", "coreutils"), path, "DAEMON="+daemon, "DOMAIN="+domain, "sh", script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "== done") {
		t.Fatalf("it ended early:\n%s", out)
	}
	t.Log(out)
}
