package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// patience bounds every wait for a real server; it decides nothing but when to give up.
const patience = 30 * time.Second

// await polls until ready returns nil, and fails the test with its last error when patience ends.
func await(t testing.TB, what string, ready func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A process is one server in the foreground, with all it says in one file.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start runs a server until stop or the end of the test, which prints the log's end where it failed.
func start(t testing.TB, log string, argv ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), log: log, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = filepath.Dir(log), out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with its children, for signal
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(argv[0]), tail(log, 40))
		}
	})
	return p
}

// signal sends a signal to the process and its children.
func (p *process) signal(s syscall.Signal) { syscall.Kill(-p.cmd.Process.Pid, s) }

// stop ends the process, gently first, and returns when it is gone.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

func tail(path string, lines int) string {
	text, _ := os.ReadFile(path)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// run runs a command to its end in dir and returns its standard output; a failure is the test's.
func run(t testing.TB, dir, stdin string, argv ...string) string {
	t.Helper()
	out, err := try(dir, stdin, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(dir, stdin string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), &commandError{argv, err, stdout.String() + stderr.String()}
	}
	return stdout.String(), nil
}

// said runs a command and returns all that it says, for tools whose verdict is what they print.
func said(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

type commandError struct {
	argv []string
	err  error
	said string
}

func (e *commandError) Error() string {
	return strings.Join(e.argv, " ") + ": " + e.err.Error() + "\n" + e.said
}

func (e *commandError) Unwrap() error { return e.err }

// write writes a file and the directory that it is in.
func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// unconfined returns a program that no AppArmor profile holds back from this run's directory: profiles
// go by path (Debian has one for named and one for unbound), so the same octets run from another place.
func unconfined(t testing.TB, program, debian string) string {
	t.Helper()
	path := testneeds.Binary(t, program, debian)
	if on, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled"); !bytes.HasPrefix(on, []byte("Y")) {
		return path
	}
	octets, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(work, "bin")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, program)
	if err := os.WriteFile(copied, octets, 0o700); err != nil {
		t.Fatal(err)
	}
	return copied
}
