package integration

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestKilledAndStartedAgain ends the daemon as a loss of power would, with its socket and its state left behind as they
// were, or as they should never be: it comes up each time, by the state or by the configured anchors, and says which.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	r := newRolling(t, 6, 300*day)
	r.serve(t, []string{r.old})
	r.start(t)
	r.knows(t, "valid")
	r.says(t, confirmed)
	whole, err := os.ReadFile(r.statePath())
	if err != nil {
		t.Fatal(err)
	}
	other := newRolling(t, 7, 300*day)
	stranger := strings.TrimSpace(run(t, other.dir, "", "cat", other.old+".key"))
	stranger = stranger[strings.LastIndexByte(stranger, '\n')+1:]
	for _, left := range []struct {
		claim string
		leave func(path string) error
		aside int // files put aside by the start
	}{
		{"as it was", func(path string) error { return nil }, 0},
		{"not there", os.Remove, 0},
		{"half written", func(path string) error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) }, 1},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o600) }, 1},
		{"without its digest", func(path string) error {
			return os.WriteFile(path, whole[:strings.LastIndexByte(strings.TrimSpace(string(whole)), '\n')+1], 0o600)
		}, 1},
		{"a stranger's key in it", func(path string) error { // the digest is that of before
			return os.WriteFile(path, append([]byte(stranger+" ;; valid\n"), whole...), 0o600)
		}, 1},
		{"of another program", func(path string) error { return os.WriteFile(path, []byte(stranger+"\n"), 0o600) }, 1},
		{"a link to itself", func(path string) error { os.Remove(path); return os.Symlink(path, path) }, 1},
		{"a directory", func(path string) error { os.Remove(path); return os.Mkdir(path, 0o700) }, 1},
		{"beside the beginning of the next", func(path string) error { return os.WriteFile(path+".new", whole[:10], 0o600) }, 0},
	} {
		r.kill(t)
		if info, err := os.Lstat(r.daemon.unix); err != nil || info.Mode().Type() != fs.ModeSocket {
			t.Fatalf("no socket is left behind: %v", err)
		}
		if err := left.leave(r.statePath()); err != nil {
			t.Fatal(err)
		}
		before, said := r.aside(t), r.logged(t, "it is put aside and the configured anchors hold")
		r.start(t)
		r.says(t, confirmed)
		r.knows(t, "valid")
		if got := r.aside(t) - before; got != left.aside {
			t.Errorf("state %s: %d files are put aside, want %d", left.claim, got, left.aside)
		}
		if got := r.logged(t, "it is put aside and the configured anchors hold") - said; got != left.aside {
			t.Errorf("state %s: it is said %d times, want %d", left.claim, got, left.aside)
		}
	}

	// None of it has brought another key in.
	r.serve(t, []string{r.new})
	r.set(t, 2*time.Hour)
	r.says(t, bogus)
	r.serve(t, []string{r.old})
	r.set(t, 4*time.Hour)
	r.says(t, confirmed)

	// A second daemon leaves the first alone.
	out, err := exec.Command(cnfd(t), "serve", "--config", r.config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "in use by another process") && !strings.Contains(string(out), "another process listens there") {
		t.Errorf("a second daemon: %v %s", err, out)
	}
	r.says(t, confirmed)
	if v := r.daemon.says(t, []byte(rollingClaims)); v.String() != confirmed {
		t.Errorf("on the socket that was taken over: %s", v.all())
	}
}

func (r *rolling) aside(t *testing.T) int {
	t.Helper()
	all, err := filepath.Glob(r.statePath() + ".aside-*")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestStateOfSomebodyElse has the state belong to root, and the daemon be nobody.
func TestStateOfSomebodyElse(t *testing.T) {
	t.Parallel()
	lab(t)
	testneeds.Binary(t, "setpriv", "util-linux")
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	if _, err := try("", "", append(nobody, "true")...); err != nil {
		testneeds.Lacking(t, "a second user: "+err.Error())
	}
	r := newRolling(t, 8, 300*day)
	r.serve(t, []string{r.old})
	r.start(t)
	r.knows(t, "valid")
	r.kill(t)
	text, err := os.ReadFile(r.statePath())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(r.config)
	for path, mode := range map[string]fs.FileMode{work: 0o711, r.dir: 0o755, r.path("offset"): 0o644, dir: 0o777, r.config: 0o644,
		filepath.Join(dir, "state"): 0o755, filepath.Dir(r.statePath()): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(r.daemon.unix)
	r.inside = nobody
	r.start(t)
	r.says(t, confirmed) // by the configured anchor
	await(t, "the log", func() error {
		for _, words := range []string{"the state file cannot be used: ", "permission denied", "its state is not kept: it is lost at a restart"} {
			if r.logged(t, words) == 0 {
				return fmt.Errorf("it does not say %q", words)
			}
		}
		return nil
	})
	if now, err := os.ReadFile(r.statePath()); err != nil || string(now) != string(text) {
		t.Errorf("the state of somebody else was touched: %v", err)
	}
	r.serve(t, []string{r.new})
	r.set(t, 2*time.Hour)
	r.says(t, bogus)
}

// TestDiskFull runs the daemon in a mount namespace where its state_dir is on a disk without room, and makes room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	lab(t)
	testneeds.Binary(t, "unshare", "util-linux")
	if _, err := try("", "", "unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"); err != nil {
		testneeds.Lacking(t, "a mount namespace: "+err.Error())
	}
	r := newRolling(t, 9, 300*day)
	r.serve(t, []string{r.old})
	r.start(t)
	r.knows(t, "valid")
	r.kill(t)
	state := filepath.Join(filepath.Dir(r.config), "state")
	r.inside = []string{"unshare", "-m", "sh", "-c", `
mount -t tmpfs -o size=64k none "$0" && mkdir -m 700 "$0/anchors-testing" && cp -p "$0.was"/* "$0/anchors-testing"
head -c 1m /dev/zero >"$0/full" 2>"$0.said"
exec "$@"`, state}
	if err := os.Rename(filepath.Join(state, "anchors-testing"), state+".was"); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	r.says(t, confirmed)
	disk := filepath.Join(r.daemon.proc(t), "root", state)
	kept := func() string {
		text, _ := os.ReadFile(filepath.Join(disk, "anchors-testing", "root.state"))
		return string(text)
	}
	before := kept()
	r.serve(t, []string{r.old}, r.new)
	r.set(t, day)
	await(t, "the log", func() error {
		if r.logged(t, "its state is not kept: it is lost at a restart") == 0 || r.logged(t, syscall.ENOSPC.Error()) == 0 {
			return fmt.Errorf("it does not say that the disk is full")
		}
		return nil
	})
	r.says(t, confirmed)
	if now := kept(); now != before || before == "" {
		t.Errorf("the state was %q and is %q", before, now)
	}
	if err := os.Remove(filepath.Join(disk, "full")); err != nil {
		t.Fatal(err)
	}
	r.set(t, 2*day)
	await(t, "a state that is kept again", func() error {
		if !strings.Contains(kept(), ";; pending") {
			return fmt.Errorf("it is %q", kept())
		}
		return nil
	})
	r.says(t, confirmed)
}

// TestStartedAgainBeforeItEnded sets the clock back by half an hour between the end of the daemon and its next start: what
// it had written down is of a time that has not come yet, and confirms nothing.
func TestStartedAgainBeforeItEnded(t *testing.T) {
	t.Parallel()
	n := newTree(t, 27)
	c := newClock(t, &n.trust)
	for _, back := range []time.Duration{0, 30 * time.Minute} {
		if err := n.Replace("vendor.example.", "jkt.cnf.vendor.example. 300 IN TLSA 255 255 255 "+subjectsKey); err != nil {
			t.Fatal(err)
		}
		c.set(t, 0)
		d := n.daemon(t, c.settings())
		if v := d.says(t, ofSubject("vendor.example")); v.String() != confirmed {
			t.Fatal(v.all())
		}
		d.process.stop()
		if err := n.Remove("vendor.example.", "jkt.cnf.vendor.example.", dns.TypeTLSA); err != nil {
			t.Fatal(err)
		}
		c.set(t, -back)
		d.process = start(t, d.process.log, d.process.cmd.Args...)
		d.awaitHealth(t)
		want := confirmed // out of what was written down, for its TTL is not over
		if back > 0 {
			want = absent
		}
		d.comesTo(t, ofSubject("vendor.example"), want)
	}
}
