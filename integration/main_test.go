package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"cnfd/internal/testneeds"
)

// workEnv names the directory of this run and tells the inner process that it is the inner one.
const workEnv = "CNFD_INTEGRATION_DIR"

// work is the directory that holds everything this run writes; noNamespace says why there is no lab.
var work, noNamespace = os.Getenv(workEnv), ""

// TestMain runs the tests as a child in new network and PID namespaces: on its own loopback interface a server
// may have port 53 of any 127.x.y.z, and when the child ends, however it ends, the kernel ends every server with it.
// An ordinary user gets the same through a user namespace, where the machine allows that.
func TestMain(m *testing.M) {
	if work != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			noNamespace = fmt.Sprintf("loopback of the namespace: %v %s", err, out)
		}
		os.Exit(m.Run())
	}
	os.Exit(outside(m))
}

func outside(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cnfd-lab-") // short: paths of unix sockets end at 107 octets
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build(dir)
	runtime.LockOSThread() // Pdeathsig goes with the thread
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), workEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		noNamespace = "namespaces: " + err.Error() + ": run as root"
		return m.Run()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 2
}

// build makes the binary under test before the network is left behind. What it says when it cannot is kept for the tests.
func build(dir string) {
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "cnfd"), "cnfd/cmd/cnfd").CombinedOutput()
	if err != nil {
		os.WriteFile(filepath.Join(dir, "build.log"), append(out, err.Error()...), 0o600)
	}
}

// cnfd returns the path of the binary under test.
func cnfd(t testing.TB) string {
	t.Helper()
	lab(t)
	seeSources(t)
	if log, err := os.ReadFile(filepath.Join(work, "build.log")); err == nil {
		t.Fatalf("cmd/cnfd does not build:\n%s", log)
	}
	return filepath.Join(work, "cnfd")
}

// seeSources opens every source file of the module, so that the go command, which remembers the files
// that a test opened, does not answer from its cache after one of them changed.
func seeSources(t testing.TB) {
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lab skips the test where no namespace could be made.
func lab(t testing.TB) {
	t.Helper()
	if noNamespace != "" {
		testneeds.Lacking(t, noNamespace)
	}
}
