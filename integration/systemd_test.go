package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// A machine has a systemd of its own for its first process (systemd/boot.sh), with the files of packaging/systemd
// where a package puts them, and the tree's servers within reach.
type machine struct {
	*daemon
	boot *process
	root string // its root directory, as seen from here
}

const (
	service = "cnfd.service"
	socket  = "cnfd.socket"
)

func newMachine(t *testing.T, n *tree) *machine {
	testneeds.Root(t)
	for _, program := range []string{"unshare", "nsenter", "pivot_root"} {
		testneeds.Binary(t, program, "util-linux")
	}
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		testneeds.Lacking(t, "systemd is missing: apt-get install systemd")
	}
	binary := content(t, cnfd(t))
	dir, err := os.MkdirTemp(work, "machine")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{daemon: &daemon{tcp: n.net + "200:8255"}}
	n.configure(t, dir+".files/etc/cnfd", settings{sections: "record: {forms: [dotted]}"})
	yaml := filepath.Join(dir+".files", "etc/cnfd/cnfd.yaml")
	write(t, yaml, strings.Replace(content(t, yaml), fmt.Sprintf("%q", dir+".files/etc/cnfd/state"), "/var/lib/cnfd", 1))
	for to, from := range map[string]string{
		"lib/systemd/system/" + service: service, "lib/systemd/system/" + socket: socket,
		"lib/sysusers.d/cnfd.conf": "cnfd.sysusers", "lib/tmpfiles.d/cnfd.conf": "cnfd.tmpfiles",
	} {
		write(t, filepath.Join(dir+".files/usr", to), content(t, "../packaging/systemd/"+from))
	}
	write(t, dir+".files/usr/lib/tmpfiles.d/test.conf", "z /etc/cnfd/cnfd.yaml 0640 root cnfd -\n")
	// The network is the lab's, where others may have the unit's own address.
	write(t, dir+".files/etc/systemd/system/"+socket+".d/lab.conf", "[Socket]\nListenStream=\nListenStream=/run/cnfd/cnfd.sock\nListenStream="+m.tcp+"\n")
	write(t, dir+".files/usr/bin/cnfd", binary)
	if err := os.Chmod(dir+".files/usr/bin/cnfd", 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("systemd/boot.sh")
	if err != nil {
		t.Fatal(err)
	}
	group := fmt.Sprintf("cnfd-test-%d-%d", os.Getppid(), time.Now().UnixNano())
	t.Cleanup(func() { leaveGroup(t, group) })
	m.boot = start(t, dir+".log", "unshare", "--mount", "sh", script, "outside", dir, group)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.try("journalctl", "--no-pager", "-n", "60")
			t.Log(out)
		}
		m.boot.cmd.Process.Kill() // and with it all that is inside
	})
	await(t, "systemd", func() error {
		select {
		case <-m.boot.done:
			testneeds.Lacking(t, "no systemd can be run here: "+tail(m.boot.log, 5))
		default:
		}
		if m.root = m.rootOf(t); m.root == "" {
			return errors.New("not there")
		}
		if state, err := m.try("systemctl", "is-system-running"); strings.TrimSpace(state) != "running" {
			return fmt.Errorf("%s: %v", state, err)
		}
		return nil
	})
	m.unix = m.root + "/run/cnfd/cnfd.sock"
	return m
}

// leaveGroup removes the control group of a machine that has ended.
func leaveGroup(t *testing.T, group string) {
	at := filepath.Join(work, group)
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Error(err)
	}
	await(t, "the control group", func() error {
		_, err := try("", "", "unshare", "--mount", "sh", "-c",
			`mount -t cgroup2 none "$0" && if [ -d "$0/$1" ]; then find "$0/$1" -depth -type d -exec rmdir {} +; fi`, at, group)
		return err
	})
}

// rootOf is the root directory of the first process inside, "" while there is none.
func (m *machine) rootOf(t testing.TB) string {
	outer := filepath.Base((&daemon{process: m.boot}).proc(t))
	inner, _ := os.ReadFile(filepath.Join("/proc", outer, "task", outer, "children"))
	root := filepath.Join("/proc", strings.TrimSpace(string(inner)), "root")
	if _, err := os.Stat(root + "/run/systemd/private"); len(inner) == 0 || err != nil {
		return ""
	}
	return root
}

// try runs a command inside.
func (m *machine) try(argv ...string) (string, error) {
	pid := filepath.Base(filepath.Dir(m.root))
	out, err := exec.Command("nsenter", append([]string{"--target", pid, "--mount", "--pid", "--uts", "--ipc", "--cgroup"}, argv...)...).CombinedOutput()
	return string(out), err
}

// do runs a command inside that does well.
func (m *machine) do(t testing.TB, argv ...string) {
	t.Helper()
	if out, err := m.try(argv...); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

// show is a property of a unit.
func (m *machine) show(t testing.TB, unit, property string) string {
	t.Helper()
	out, err := m.try("systemctl", "show", "--value", "-p", property, unit)
	if err != nil {
		t.Fatalf("%s: %v: %s", property, err, out)
	}
	return strings.TrimSpace(out)
}

// is holds properties of a unit, "Property=value", to what they are to be.
func (m *machine) is(t testing.TB, unit string, all ...string) {
	t.Helper()
	for _, want := range all {
		property, value, _ := strings.Cut(want, "=")
		if got := m.show(t, unit, property); got != value {
			t.Errorf("%s: %s=%s, want %s", unit, property, got, value)
		}
	}
}

// said counts lines of the daemon in the journal.
func (m *machine) said(t testing.TB, what string) int {
	t.Helper()
	out, err := m.try("journalctl", "--no-pager", "-o", "cat", "-u", service)
	if err != nil {
		t.Fatal(err, out)
	}
	return strings.Count(out, what)
}

// confirms asks on both sockets.
func (m *machine) confirms(t testing.TB, token []byte) {
	t.Helper()
	for to, client := range map[string]*http.Client{"http://cnfd": m.local(), "http://" + m.tcp: {Transport: &http.Transport{DisableKeepAlives: true}}} {
		if v, err := m.judge(client, to, token); err != nil || v.String() != confirmed {
			t.Errorf("%s: %v %s", to, err, v.all())
		}
	}
}

// TestSystemd installs the units in a systemd that is the first process of its machine. The first caller starts the daemon,
// and nobody who calls while it is started again, killed, stuck or reloaded goes without an answer.
func TestSystemd(t *testing.T) {
	t.Parallel()
	n := newTree(t, 63)
	m := newMachine(t, n)
	token := ofToken(n.token(t, "vendor.jwt"), nil)

	m.do(t, "systemctl", "start", socket)
	m.is(t, socket, "ActiveState=active", "SubState=listening")
	m.is(t, service, "ActiveState=inactive", "MainPID=0")
	m.confirms(t, token)
	m.is(t, service, "Type=notify", "ActiveState=active", "SubState=running", "StatusText=ready", "Result=success", "NRestarts=0")
	m.is(t, socket, "SubState=running")
	if m.show(t, service, "UID") == "0" || m.show(t, service, "UID") == "[not set]" {
		t.Error("it runs as root")
	}
	status := content(t, m.root+"/proc/"+m.show(t, service, "MainPID")+"/status")
	for _, held := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n"} {
		if !strings.Contains(status, held) {
			t.Errorf("no %q in %s", held, status)
		}
	}
	if info, err := os.Stat(m.root + "/var/lib/cnfd"); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	if info, err := os.Stat(m.unix); err != nil || info.Mode().Perm() != 0o660 {
		t.Error(info, err)
	}
	for _, step := range []struct {
		claim string
		do    func(*testing.T, []byte)
	}{
		{"a reload drops nothing", m.reloads},
		{"killed, it is there again, and the socket was all the time", m.killed},
		{"stuck, it is started again", m.stuck},
		{"it is ready once the root is proven", m.unready},
		{"a stop is clean, and the next caller starts it", m.stops},
	} {
		m.do(t, "systemctl", "reset-failed", service) // it counts starts, and these are more than five in ten seconds
		t.Run(step.claim, func(t *testing.T) { step.do(t, token) })
	}
}

// edit replaces some text in the daemon's configuration, and returns how to undo that.
func (m *machine) edit(t testing.TB, old, now string) (undo func()) {
	t.Helper()
	path := m.root + "/etc/cnfd/cnfd.yaml"
	before := content(t, path)
	if !strings.Contains(before, old) {
		t.Fatalf("no %s in %s", old, before)
	}
	put := func(text string) { // in place: owner and mode stay
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	put(strings.ReplaceAll(before, old, now))
	return func() { put(before) }
}

// reload has systemd do it, and waits until the daemon says that it has.
func (m *machine) reload(t testing.TB) {
	t.Helper()
	before := m.said(t, "reload: done")
	m.do(t, "systemctl", "reload", service)
	await(t, "reload", func() error {
		if m.said(t, "reload: done") == before || m.show(t, service, "SubState") != "running" {
			return errors.New("not done")
		}
		return nil
	})
}

func (m *machine) reloads(t *testing.T, token []byte) {
	pid := m.show(t, service, "MainPID")
	var stop atomic.Bool
	var asked atomic.Int64
	var callers sync.WaitGroup
	for to, client := range map[string]*http.Client{"http://cnfd": m.local(), "http://" + m.tcp: {}} {
		client.Transport = kept(client.Transport)
		callers.Go(func() {
			for !stop.Load() {
				if v, err := m.judge(client, to, token); err != nil || v.String() != confirmed {
					t.Errorf("%s: %v %s", to, err, v.all())
					return
				}
				asked.Add(1)
			}
		})
	}
	for range 3 {
		for began := asked.Load(); asked.Load() < began+100 && !t.Failed(); time.Sleep(time.Millisecond) {
		}
		undo := m.edit(t, "forms: [dotted]", "forms: [underscore, dotted]")
		m.reload(t)
		undo()
		m.reload(t)
	}
	stop.Store(true)
	callers.Wait()
	undo := m.edit(t, "forms: [dotted]", "forms: [underscore]")
	m.reload(t)
	if v := m.says(t, token); v.String() != absent {
		t.Errorf("it is not by the new file: %s", v.all())
	}
	undo()
	m.reload(t)
	m.confirms(t, token)
	m.is(t, service, "MainPID="+pid, "NRestarts=0", "StatusText=ready")
	t.Logf("%d answers over 6 reloads", asked.Load())
}
