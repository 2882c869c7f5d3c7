package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	rotatingOwner = "jwk.cnf." + publishingDomain
	rotatingTTL   = 4 // seconds
)

// rotatingKey is a holder's key as a JWK, and its thumbprint (RFC 7638) in hexadecimal.
type rotatingKey struct{ jwk, thumbprint, file string }

func newRotatingKey(t testing.TB, file string) rotatingKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	jwk := fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, text(point[1:33]), text(point[33:]))
	write(t, file, jwk)
	return rotatingKey{jwk, fmt.Sprintf("%x", sha256.Sum256([]byte(jwk))), file}
}

// bound is a question for a credential that is bound to the key.
func (k rotatingKey) bound(options string) []byte {
	return fmt.Appendf(nil, `{"claims":{"sub":"https://vendor.example","cnf":{"jwk":%s}}%s}`, k.jwk, options)
}

// A changeover is a domain whose holder changes his key while everybody goes on verifying.
type changeover struct {
	*publishing
	old, next            rotatingKey
	dir, config, program string
	using                string // the file that is there once the holder uses the new key
}

// newChangeover starts a domain that publishes the old key, beside records of others.
func newChangeover(t *testing.T, number int) *changeover {
	t.Helper()
	lab(t)
	dir := filepath.Join(work, fmt.Sprintf("rotate-%d", number))
	c := &changeover{dir: dir, using: filepath.Join(dir, "using"), program: filepath.Join(dir, "switch")}
	c.old, c.next = newRotatingKey(t, filepath.Join(dir, "old.jwk")), newRotatingKey(t, filepath.Join(dir, "new.jwk"))
	c.publishing = newPublishing(t, number,
		fmt.Sprintf("%s %d TLSA 255 255 255 %s", rotatingOwner, rotatingTTL, c.old.thumbprint),
		fmt.Sprintf("%s %d TLSA 3 1 1 %s", rotatingOwner, rotatingTTL, strings.Repeat("0f", 32)),
		fmt.Sprintf("%s %d TLSA 255 255 255 %s", rotatingOwner, rotatingTTL, strings.Repeat("a5", 48)))
	await(t, "the secondary", func() error { return c.second.answers(c.zone, rotatingOwner, dns.TypeTLSA) })
	c.config = c.newConfig(t, settings{sections: fmt.Sprintf("publish: {to: rfc2136, credentials: %q, wait: 1m}", c.key())})
	// The holder's program may be called again at any time, and takes a while.
	write(t, c.program, "#!/bin/sh\nset -e\ntest \"$CNFD_ROTATE_SUBJECT\" = https://vendor.example\ntouch "+c.using+"\nsleep 0.3\n")
	if err := os.Chmod(c.program, 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *changeover) argv(more ...string) []string {
	return append([]string{"publish", "rotate", "--config", c.config, "--subject", "https://vendor.example",
		"--from", c.old.file, "--to", c.next.file, "--state", c.state()}, more...)
}

func (c *changeover) state() string { return filepath.Join(c.dir, "state.json") }

// kept reports whether the state says so.
func (c *changeover) kept(words string) bool {
	text, _ := os.ReadFile(c.state())
	return strings.Contains(string(text), words)
}

// others are the records of others, octet for octet, as a server has them.
func (c *changeover) others(t testing.TB, h *host) (set []string) {
	t.Helper()
	for _, data := range c.standing(t, h, rotatingOwner) {
		if !strings.Contains(data, c.old.thumbprint) && !strings.Contains(data, c.next.thumbprint) {
			set = append(set, data)
		}
	}
	slices.Sort(set)
	return set
}

// killed runs the command and ends it by SIGKILL as soon as the state says so, or after a while, or
// lets it end.
func (c *changeover) killed(t *testing.T, when func() bool, more ...string) {
	t.Helper()
	cmd := exec.Command(cnfd(t), c.argv(more...)...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			t.Logf("ended by itself: %v\n%s", err, said.String())
			return
		case <-time.After(time.Millisecond):
		}
		if when() {
			cmd.Process.Signal(syscall.SIGKILL)
			<-done
			return
		}
	}
}

// A watch is verifiers that never stop asking for a key that is in use: one with what it has cached, and another, whose
// cache is its own, past that.
type watch struct {
	stop   atomic.Bool
	all    sync.WaitGroup
	asked  atomic.Int64
	failed chan string
}

// watch asks for the key while, as of before the question, it is in use.
func (c *changeover) watch(cached, fresh *daemon, name string, k rotatingKey, inUse func() bool) *watch {
	w := &watch{failed: make(chan string, 1)}
	for d, options := range map[*daemon]string{cached: "", fresh: `,"max_age":0`} {
		client := d.local()
		w.all.Go(func() {
			for !w.stop.Load() {
				if !inUse() {
					time.Sleep(time.Millisecond)
					continue
				}
				v, err := d.judge(client, "http://cnfd", k.bound(options))
				if err != nil || v.String() != confirmed {
					select {
					case w.failed <- fmt.Sprintf("%s%s: %s %v", name, options, v.all(), err):
					default:
					}
				}
				w.asked.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return w
}

// end stops it, and fails the test where anything but confirmed was seen.
func (w *watch) end(t *testing.T) {
	t.Helper()
	w.stop.Store(true)
	w.all.Wait()
	select {
	case what := <-w.failed:
		t.Errorf("not confirmed: %s", what)
	default:
	}
	if w.asked.Load() < 50 {
		t.Errorf("asked %d times: the watch is worth nothing", w.asked.Load())
	}
}

// TestRotateIsNeverSeen rotates a key on BIND and Knot while a verifier goes on asking, and is killed at every step
// that it takes. The old key is confirmed until it is retired, and the new one from the switch on.
func TestRotateIsNeverSeen(t *testing.T) {
	t.Parallel()
	c := newChangeover(t, 103)
	others := c.others(t, c.leaf)
	if len(others) != 2 {
		t.Fatalf("others' records: %q", others)
	}
	d, fresh := c.daemon(t, settings{}), c.daemon(t, settings{})
	if v := d.says(t, c.old.bound("")); v.String() != confirmed {
		t.Fatal(v.all())
	}
	old := c.watch(d, fresh, "the old key", c.old, func() bool { return true })
	next := c.watch(d, fresh, "the new key", c.next, func() bool { _, err := os.Stat(c.using); return err == nil })
	program := []string{"--exec", c.program}
	var began time.Time
	after := func(d time.Duration) func() bool {
		began = time.Now()
		return func() bool { return time.Since(began) > d }
	}
	for _, step := range []string{`"step": "planned"`, `"step": "next_published"`, `"since"`, `"step": "switching"`, `"step": "switched"`} {
		c.killed(t, func() bool { return c.kept(step) }, program...)
		if !c.kept(`"step"`) {
			t.Fatalf("nothing was kept at %s", step)
		}
		for _, h := range []*host{c.leaf, c.second} {
			if got := c.others(t, h); !slices.Equal(got, others) {
				t.Errorf("killed at %s: others' records at %s: %q, before %q", step, h.addr, got, others)
			}
		}
	}
	for _, d := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 1500 * time.Millisecond} {
		c.killed(t, after(d), program...)
	}
	out, code := commandLine(t, "", c.argv(program...)...)
	if code != 0 || !c.kept(`"step": "aged"`) || !strings.Contains(out, "NEXT: when no credential of the old key") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	time.Sleep(rotatingTTL * time.Second) // both keys go on being confirmed until the operator's word
	old.end(t)
	for range 3 { // killed while it retires the old key: with the operator's word it goes on
		c.killed(t, func() bool { return len(c.standing(t, c.leaf, rotatingOwner)) == len(others)+1 }, "--retire")
	}
	if out, code = commandLine(t, "", c.argv("--retire")...); code != 0 || !c.kept(`"step": "retired"`) {
		t.Fatalf("exit code %d: %s", code, out)
	}
	await(t, "the old key's end", func() error {
		if v := d.says(t, c.old.bound("")); v.String() != "refuted record_differs" {
			return fmt.Errorf("%s", v.all())
		}
		return nil
	})
	next.end(t)
	for _, h := range []*host{c.leaf, c.second} {
		if got := c.others(t, h); !slices.Equal(got, others) {
			t.Errorf("others' records at %s: %q, before %q", h.addr, got, others)
		}
		if got := strings.ToLower(strings.Join(c.standing(t, h, rotatingOwner), " ")); !strings.Contains(got, c.next.thumbprint) || strings.Contains(got, c.old.thumbprint) {
			t.Errorf("%s ends with %s", h.addr, got)
		}
	}
}

// TestRotateWithASecondaryHeldBack: with the secondary on an old serial the rotation does not come to the switch, whatever
// the operator says, and when it follows goes on.
func TestRotateWithASecondaryHeldBack(t *testing.T) {
	t.Parallel()
	c := newChangeover(t, 105)
	c.hold(t)
	out, code := commandLine(t, "", c.argv("--exec", c.program, "--wait", "3s")...)
	if code != 1 || !c.kept(`"step": "next_published"`) || !strings.Contains(out, c.second.addr+": still without the record (serial ") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if out, code = commandLine(t, "", c.argv("--switched")...); code != 1 || !strings.Contains(out, "the key cannot have been switched") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if _, err := os.Stat(c.using); err == nil {
		t.Fatal("the key was switched")
	}
	c.release(t)
	if out, code = commandLine(t, "", c.argv("--exec", c.program)...); code != 0 || !c.kept(`"step": "aged"`) {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if out, code = commandLine(t, "", c.argv("--retire")...); code != 0 || !c.kept(`"step": "retired"`) {
		t.Fatalf("exit code %d: %s", code, out)
	}
}
