package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cnfd/api"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/testneeds"
)

// manager is a service manager that keeps what it is told.
type manager struct {
	*net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &manager{conn, path}
}

func (m *manager) next(t *testing.T) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := m.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// until gives the first that begins so.
func (m *manager) until(t *testing.T, begins string) string {
	t.Helper()
	for {
		if said := m.next(t); strings.HasPrefix(said, begins) {
			return said
		}
	}
}

func (m *manager) env(more map[string]string) func(string) string {
	return func(name string) string {
		if name == "NOTIFY_SOCKET" {
			return m.path
		}
		return more[name]
	}
}

func TestReadyIsSaidOnceTheRootIsProven(t *testing.T) {
	m := newManager(t)
	s := supervisorOf(m.env(nil), quiet())
	tries := 0
	s.ready(context.Background(), func(context.Context) error {
		if tries++; tries < 2 {
			return errors.New("no network\nyet")
		}
		return nil
	})
	if said := m.next(t); said != "STATUS=not ready: no network yet" {
		t.Errorf("%q", said)
	}
	if said := m.next(t); said != "READY=1\nSTATUS=ready" {
		t.Errorf("%q", said)
	}
}

// TestTheWatchdogIsFedByTheLiving, and by nobody else.
func TestTheWatchdogIsFedByTheLiving(t *testing.T) {
	m := newManager(t)
	s := supervisorOf(m.env(map[string]string{"WATCHDOG_USEC": "30000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}), quiet())
	ctx, cancel := context.WithCancel(context.Background())
	var dead atomic.Bool
	asked := make(chan struct{}, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.feed(ctx, func() error {
			asked <- struct{}{}
			if dead.Load() {
				return errors.New("dead")
			}
			return nil
		})
	}()
	for range 2 {
		if said := m.next(t); said != "WATCHDOG=1" {
			t.Fatalf("%q", said)
		}
	}
	dead.Store(true)
	twice := func() {
		for len(asked) > 0 {
			<-asked
		}
		<-asked
		<-asked
	}
	heard := func() (n int) {
		for b := make([]byte, 99); ; n++ {
			m.SetDeadline(time.Now().Add(5 * time.Millisecond))
			if _, err := m.Read(b); err != nil {
				return n
			}
		}
	}
	twice() // whatever was said before it died has been sent
	heard()
	twice()
	cancel()
	<-ended
	if n := heard(); n != 0 {
		t.Errorf("it was fed %d times after it had died", n)
	}
	if s := supervisorOf(m.env(map[string]string{"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"}), quiet()); s.watchdog != 0 {
		t.Error("it is fed for another process")
	}
	if s := supervisorOf(func(string) string { return "" }, quiet()); s.socket != "" || s.watchdog != 0 {
		t.Error("there is no manager")
	}
}

func TestTheDaemonIsAliveWhileItAnswers(t *testing.T) {
	o := operate(t, nil)
	if err := o.alive(); err != nil {
		t.Fatal(err)
	}
	ill := *o.live.Load()
	ill.handler = failing{}
	o.live.Store(&ill)
	if err := o.alive(); err == nil {
		t.Error("it is alive though it fails")
	}
}

// failing answers everybody that it failed.
type failing struct{ api.Handler }

func (failing) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }

// TestSupervised is the whole of it with a real process: it takes the sockets that it
// is given, says that it is ready, reloads and says when, feeds the watchdog, and stops.
func TestSupervised(t *testing.T) {
	testneeds.Binary(t, "sh", "dash")
	p, m := play(t, sandboxOptions{}), newManager(t)
	path := filepath.Join(t.TempDir(), "given")
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, l := range []interface{ File() (*os.File, error) }{unix, tcp} {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	unix.SetUnlinkOnClose(false)
	unix.Close()
	tcp.Close()
	file := filepath.Join(t.TempDir(), "cnfd.yaml")
	text, err := os.ReadFile(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`(?m)^(state_dir|  listen|  unix):.*\n`).ReplaceAllString(string(text), "")
	put(t, file, []byte(fmt.Sprintf("state_dir: %q\n%s", filepath.Dir(file), own)))

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Only the process itself knows its number.
	link := filepath.Join(t.TempDir(), "cnfd") // see startProcess
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, link, "serve", "--config", file)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=unix:api", "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=600000")
	cmd.ExtraFiles, cmd.Stderr = files, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if said := m.until(t, "READY=1"); said != "READY=1\nSTATUS=ready" {
		t.Errorf("%q", said)
	}
	for _, where := range []string{"unix:" + path, "http://" + tcp.Addr().String()} {
		q := questionOf(p.samples[0].Token)
		doc, err := askServer(context.Background(), where, &q, os.Stderr)
		if err != nil || !strings.Contains(string(doc), `"outcome":"`+p.samples[0].Outcome+`"`) {
			t.Errorf("%s: %s %v", where, doc, err)
		}
	}
	before := monotonic() / 1000
	cmd.Process.Signal(syscall.SIGHUP)
	var at int64
	if _, err := fmt.Sscanf(m.until(t, "RELOADING=1"), "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil || at < before || at > monotonic()/1000 {
		t.Errorf("reloading at %d, %v", at, err)
	}
	m.until(t, "READY=1")
	m.until(t, "WATCHDOG=1")
	cmd.Process.Signal(syscall.SIGTERM)
	m.until(t, "STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's socket is gone: %v", err)
	}
}

// TestWhatIsGivenIsKnown: each socket has its place, and what has none is an error.
func TestWhatIsGivenIsKnown(t *testing.T) {
	fileOf := func(l interface{ File() (*os.File, error) }) *os.File {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tcp := func() *os.File {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return fileOf(l)
	}
	udp := func() *os.File {
		l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return fileOf(l)
	}
	g := &given{}
	defer g.close()
	for _, one := range []struct {
		file *os.File
		name string
	}{{tcp(), "cnfd.socket"}, {tcp(), "dns"}, {udp(), "dns"}} {
		if err := g.take(one.file, one.name); err != nil {
			t.Fatal(err)
		}
	}
	if g.api == nil || g.dnsTCP == nil || g.dnsUDP == nil {
		t.Errorf("%+v", g)
	}
	if err := g.take(tcp(), "api"); err == nil {
		t.Error("a second API")
	}
	if err := g.take(udp(), "dns"); err == nil {
		t.Error("a second UDP socket")
	}
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.take(plain, ""); err == nil {
		t.Error("a file that is no socket")
	}
}

// TestAGivenSocketThatOthersReach is held to what the configuration is held to.
func TestAGivenSocketThatOthersReach(t *testing.T) {
	open := func(plain bool) error {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		c := parse(t, `api: {listen: "", unix: "", allow_plain: %v}`, plain)
		d, err := startGiven(context.Background(), c, logsOf(quiet()), &given{api: l})
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			d.Close(ctx)
		}
		return err
	}
	if err := open(true); err != nil {
		t.Fatal(err)
	}
	if err := open(false); err == nil || !strings.Contains(err.Error(), "allow_plain") {
		t.Errorf("%v", err)
	}
}

// TestTheSocketsOwner: the group that is named has it.
func TestTheSocketsOwner(t *testing.T) {
	testneeds.Root(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := listenUnix(&config.API{Unix: path, UnixMode: 0o660, UnixOwner: "nobody", UnixGroup: "4242"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Gid != 4242 || stat.Uid == 0 || info.Mode().Perm() != 0o660 {
		t.Errorf("uid %d, gid %d, %s", stat.Uid, stat.Gid, info.Mode())
	}
	for _, name := range []string{"no-such-group", "-1", "4294967295", "4294967296"} { // chown(2) takes the second and the third for: as it is
		if _, err := listenUnix(&config.API{Unix: path + "2", UnixMode: 0o660, UnixGroup: name}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheUnitIsHardened prints systemd's own judgement of the unit, and holds it to it.
func TestTheUnitIsHardened(t *testing.T) {
	analyze := testneeds.Binary(t, "systemd-analyze", "systemd")
	score := func(unit string) float64 {
		t.Helper()
		out, err := exec.Command(analyze, "security", "--offline=true", unit).CombinedOutput()
		found := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `).FindSubmatch(out)
		if found == nil {
			t.Fatalf("%v: %s", err, out)
		}
		v, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const unit = "../../packaging/systemd/cnfd.service"
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	soft := filepath.Join(t.TempDir(), "cnfd.service")
	put(t, soft, []byte(strings.ReplaceAll(string(text), "CapabilityBoundingSet=\n", "")))
	if score(soft) <= 2 {
		t.Fatal("a unit with every capability is found to be as good")
	}
	got := score(unit)
	t.Logf("systemd-analyze security: %.1f", got)
	if got > 2 {
		t.Errorf("exposure %.1f, want 2.0 or less", got)
	}
}
