package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// A rolling root is BIND with a root zone signed by hand, whose key-signing keys come and go, and one daemon
// that trusts the first of them. The daemon's clock is the test's; BIND's signatures hold from last week on.
type rolling struct {
	trust
	dir    string
	life   time.Duration // of the signatures, from now on
	server *process
	daemon *daemon
	config string
	policy string        // more lines of the resolver section
	inside []string      // a command that runs the daemon's command line, given as its last arguments
	offset time.Duration // of the daemon's clock
	old    string        // key files, without their suffix
	new    string
	zsk    string
}

// rollingPort is a high one: resolver.server_port says so.
const rollingPort = 5300

// The subject and the key that the root zone itself has a record of.
const (
	rollingClaims = `{"claims":{"sub":"https://vendor.example","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}},"max_age":0}`
	rollingRecord = "jkt.cnf.vendor.example. 5 IN TLSA 255 255 255 80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"
)

func newRolling(t *testing.T, number int, life time.Duration) *rolling {
	t.Helper()
	lab(t)
	for _, tool := range []string{"dnssec-keygen", "dnssec-signzone", "dnssec-revoke", "dnssec-dsfromkey"} {
		testneeds.Binary(t, tool, "bind9-utils")
	}
	r := &rolling{dir: filepath.Join(work, fmt.Sprintf("rolling-%d", number)), life: life}
	r.net = fmt.Sprintf("127.60.%d.", number)
	claim(t, r.net+"1")
	r.hints = []string{r.net + "1"}
	write(t, r.path("named.conf"), fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; listen-on port %d { %s1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; allow-transfer { none; };
};
controls { };
zone "." { type primary; file "root.signed"; };
`, r.dir, rollingPort, r.net))
	r.old, r.new, r.zsk = r.keygen(t, "-f", "KSK"), r.keygen(t, "-f", "KSK"), r.keygen(t)
	r.anchor = records(t, strings.TrimSpace(run(t, r.dir, "", "dnssec-dsfromkey", "-2", r.old)))
	return r
}

func (r *rolling) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rolling) keygen(t *testing.T, flags ...string) string {
	t.Helper()
	argv := append([]string{"dnssec-keygen", "-q", "-a", "ECDSAP256SHA256"}, flags...)
	return strings.TrimSpace(run(t, r.dir, "", append(argv, ".")...))
}

// revoke returns the file of a key with the REVOKE bit set.
func (r *rolling) revoke(t *testing.T, key string) string {
	t.Helper()
	return strings.TrimSuffix(filepath.Base(strings.TrimSpace(run(t, r.dir, "", "dnssec-revoke", "-f", key))), ".key")
}

// serve has BIND serve the root zone with these key-signing keys, each of which signs the set, as does no other.
func (r *rolling) serve(t *testing.T, signing []string, published ...string) {
	t.Helper()
	var zone strings.Builder
	fmt.Fprintf(&zone, "$TTL 5\n. IN SOA ns. root. 1 3600 600 86400 5\n. IN NS ns.\nns. IN A %s1\n%s\n", r.net, rollingRecord)
	for _, key := range append(append([]string{r.zsk}, signing...), published...) {
		fmt.Fprintf(&zone, "$INCLUDE %s.key\n", key)
	}
	write(t, r.path("root.zone"), zone.String())
	argv := []string{"dnssec-signzone", "-P", "-x", "-o", ".", "-f", "root.signed", "-s", stamp(-7 * 24 * time.Hour), "-e", stamp(r.life)}
	for _, key := range signing {
		argv = append(argv, "-k", key)
	}
	run(t, r.dir, "", append(argv, "root.zone", r.zsk)...)
	if r.server != nil {
		r.server.stop()
	}
	r.server = start(t, r.path("log"), unconfined(t, "named", "bind9"), "-g", "-n", "1", "-c", r.path("named.conf"))
	at := netip.AddrPortFrom(netip.MustParseAddr(r.net+"1"), rollingPort)
	await(t, "named", func() error {
		m, err := ask(at, ".", dns.TypeDNSKEY)
		if err == nil && len(m.Answer) == 0 {
			err = fmt.Errorf("no keys: %s", dns.RcodeToString[m.Rcode])
		}
		return err
	})
}

func stamp(after time.Duration) string { return time.Now().UTC().Add(after).Format("20060102150405") }

// start runs the daemon, each time with the same configuration and state.
func (r *rolling) start(t *testing.T) {
	t.Helper()
	binary := cnfd(t)
	if r.daemon == nil {
		n := daemons.Add(1)
		dir := filepath.Join(work, fmt.Sprintf("cnfd-%d", n))
		r.daemon = &daemon{tcp: fmt.Sprintf("127.0.0.1:%d", 8000+n), unix: filepath.Join(dir, "sock")}
		r.set(t, 0)
		r.config = r.configure(t, dir, settings{
			resolver: fmt.Sprintf("server_port: %d\n  clock_offset_file: %q%s", rollingPort, r.path("offset"), r.policy),
			sections: fmt.Sprintf("testing: true\napi: {listen: %q, unix: %q}", r.daemon.tcp, r.daemon.unix),
		})
	}
	argv := append(slices.Clone(r.inside), binary, "serve", "--config", r.config)
	r.daemon.process = start(t, filepath.Join(filepath.Dir(r.config), "log"), argv...)
	r.daemon.awaitHealth(t)
}

// kill ends the daemon as a loss of power would.
func (r *rolling) kill(t *testing.T) {
	t.Helper()
	r.daemon.process.cmd.Process.Kill()
	<-r.daemon.process.done
}

// set moves the daemon's clock to so long after now. What is cached runs out by that.
func (r *rolling) set(t *testing.T, offset time.Duration) {
	t.Helper()
	r.offset = offset
	write(t, r.path("offset.new"), fmt.Sprintf("%+d\n", int64(offset/time.Second)))
	if err := os.Rename(r.path("offset.new"), r.path("offset")); err != nil {
		t.Fatal(err)
	}
}

func (r *rolling) statePath() string {
	return filepath.Join(filepath.Dir(r.config), "state", "anchors-testing", "root.state")
}

// knows waits until the state file has all of these states, in any order.
func (r *rolling) knows(t *testing.T, states ...string) {
	t.Helper()
	await(t, "the state of the trust anchors", func() error {
		text, err := os.ReadFile(r.statePath())
		if err != nil {
			return err
		}
		var known []string
		for _, line := range strings.Split(string(text), "\n") {
			if _, state, ok := strings.Cut(line, " ;; "); ok {
				known = append(known, strings.Fields(state)[0])
			}
		}
		slices.Sort(known)
		slices.Sort(states)
		if !slices.Equal(known, states) {
			return fmt.Errorf("want %v:\n%s", states, text)
		}
		return nil
	})
}

// says waits until the daemon's verdict is so: the clock file is read every 100 ms.
func (r *rolling) says(t *testing.T, want string) {
	t.Helper()
	await(t, "the verdict", func() error {
		if got := r.verdict(t); got != want {
			return fmt.Errorf("%s, want %s", got, want)
		}
		return nil
	})
}

func (r *rolling) verdict(t *testing.T) string {
	t.Helper()
	response, err := http.Post("http://"+r.daemon.tcp+"/v1/verify", "application/json", strings.NewReader(rollingClaims))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var v verdict
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %s", response.Status, text)
	}
	return v.String()
}

// ready returns the status of /readyz and its words.
func (r *rolling) ready(t *testing.T) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + r.daemon.tcp + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func (r *rolling) logged(t *testing.T, words string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.config), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte(words))
}

const (
	day       = 24 * time.Hour
	confirmed = "confirmed record_matches"
	bogus     = "unproven bogus"
)

// TestRootKeyRollover is RFC 5011 from end to end: BIND's keys, the daemon's clock, and its end by SIGKILL between the steps.
func TestRootKeyRollover(t *testing.T) {
	t.Parallel()
	r := newRolling(t, 1, 300*day)
	oldKey, newKey := []string{r.old}, []string{r.new}
	r.serve(t, oldKey)
	r.start(t)
	r.knows(t, "valid")
	r.says(t, confirmed)

	r.serve(t, oldKey, r.new)
	r.set(t, day)
	r.knows(t, "valid", "pending")
	r.kill(t)
	r.start(t)
	r.set(t, 30*day)
	r.says(t, confirmed)
	r.serve(t, newKey)
	r.set(t, 30*day+2*time.Hour)
	r.says(t, bogus) // by the new key alone, before its hold-down has passed
	r.knows(t, "valid", "pending")
	r.serve(t, oldKey, r.new)
	r.set(t, 31*day-time.Hour)
	r.says(t, confirmed)
	r.knows(t, "valid", "pending")
	r.set(t, 31*day+2*time.Hour)
	r.knows(t, "valid", "valid")

	r.serve(t, newKey)
	r.set(t, 32*day)
	r.says(t, confirmed) // by the new key alone
	r.knows(t, "missing", "valid")
	r.kill(t)
	r.start(t)
	r.says(t, confirmed)

	revoked := r.revoke(t, r.old)
	r.serve(t, []string{revoked, r.new})
	r.set(t, 33*day)
	r.knows(t, "revoked", "valid")
	r.says(t, confirmed)
	await(t, "the log", func() error { // it comes after the file
		if n := r.logged(t, "a configured key is revoked by its owner"); n != 1 {
			return fmt.Errorf("it says %d times that the configured key is revoked, want once", n)
		}
		return nil
	})
	for _, after := range []time.Duration{34 * day, 100 * day} {
		r.serve(t, oldKey)
		r.set(t, after)
		r.says(t, bogus) // the revoked key without its bit
		r.kill(t)
		r.start(t)
		r.says(t, bogus)
		r.serve(t, newKey)
		r.set(t, after+2*time.Hour)
		r.says(t, confirmed)
	}
	r.knows(t, "removed", "valid")

	// A file that ends in the middle is put aside; what is configured holds, and that is the old key.
	r.kill(t)
	text, err := os.ReadFile(r.statePath())
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.statePath(), string(text[:len(text)/2]))
	r.start(t)
	r.says(t, bogus)
	aside, _ := filepath.Glob(r.statePath() + ".aside-*")
	if len(aside) != 1 || r.logged(t, "it is put aside and the configured anchors hold") != 1 {
		t.Errorf("aside is %v, and the log does not say so once", aside)
	}
	if status, text := r.ready(t); status != http.StatusServiceUnavailable || !strings.Contains(text, "the root zone is not proven") {
		t.Errorf("/readyz: %d %s", status, text)
	}
}

// TestRootKeyUpdatesSwitchedOff keeps the new key out for ever, and writes nothing.
func TestRootKeyUpdatesSwitchedOff(t *testing.T) {
	t.Parallel()
	r := newRolling(t, 5, 300*day)
	r.policy = "\n  trust_anchor_updates: false"
	r.serve(t, []string{r.old}, r.new)
	r.start(t)
	r.says(t, confirmed)
	for _, after := range []time.Duration{day, 31 * day, 62 * day} {
		r.set(t, after)
		r.says(t, confirmed)
	}
	r.serve(t, []string{r.new}, r.old)
	r.set(t, 63*day)
	r.says(t, bogus)
	if _, err := os.Stat(filepath.Dir(r.statePath())); !os.IsNotExist(err) {
		t.Errorf("there is a state: %v", err)
	}
}

// TestRootKeyRevokedWithoutAnother takes the last key away.
func TestRootKeyRevokedWithoutAnother(t *testing.T) {
	t.Parallel()
	r := newRolling(t, 2, 300*day)
	r.serve(t, []string{r.old})
	r.start(t)
	r.says(t, confirmed)
	r.serve(t, []string{r.revoke(t, r.old)})
	r.set(t, 2*time.Hour)
	r.knows(t, "revoked")
	r.says(t, bogus)
	for range 2 {
		if status, text := r.ready(t); status != http.StatusServiceUnavailable || !strings.Contains(text, "no trust anchor is left for .") {
			t.Errorf("/readyz: %d %s", status, text)
		}
		r.kill(t)
		r.start(t)
	}
}

// TestClockOff starts with a clock 40 days off in either direction, and sets it right.
func TestClockOff(t *testing.T) {
	t.Parallel()
	for i, off := range []time.Duration{-40 * day, 40 * day} {
		t.Run(off.String(), func(t *testing.T) {
			r := newRolling(t, 3+i, 14*day)
			r.serve(t, []string{r.old})
			r.start(t)
			r.says(t, confirmed)
			r.kill(t)
			r.set(t, off)
			r.start(t)
			wrong := func() error {
				if status, text := r.ready(t); status != http.StatusServiceUnavailable || !strings.Contains(text, "the clock is wrong: it says ") {
					return fmt.Errorf("/readyz: %d %s", status, text)
				}
				return nil
			}
			await(t, "a clock that is off", wrong)
			if got := r.verdict(t); got != bogus {
				t.Errorf("with a wrong clock: %s", got)
			}
			if n := r.logged(t, "the clock is wrong"); n != 1 {
				t.Errorf("the log says %d times that the clock is wrong, want once", n)
			}
			r.set(t, 0)
			await(t, "a clock that is right", func() error {
				if status, text := r.ready(t); status != http.StatusOK {
					return fmt.Errorf("/readyz: %d %s", status, text)
				}
				return nil
			})
			r.says(t, confirmed)
			r.set(t, off) // it jumps later
			await(t, "a clock that jumps", wrong)
		})
	}
}
