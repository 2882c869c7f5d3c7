package integration

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// gone waits until a process inside is no more.
func (m *machine) gone(t testing.TB, pid string) {
	t.Helper()
	await(t, "process "+pid, func() error {
		if _, err := os.Stat(m.root + "/proc/" + pid); err == nil {
			return errors.New("still there")
		}
		return nil
	})
}

func (m *machine) killed(t *testing.T, token []byte) {
	since, pid := m.show(t, socket, "ActiveEnterTimestampMonotonic"), m.show(t, service, "MainPID")
	m.do(t, "kill", "-KILL", pid)
	m.gone(t, pid)
	m.confirms(t, token) // by a connection that no process was there to accept
	m.is(t, service, "SubState=running", "NRestarts=1", "StatusText=ready")
	m.is(t, socket, "SubState=running", "ActiveEnterTimestampMonotonic="+since)
	if now := m.show(t, service, "MainPID"); now == pid {
		t.Errorf("process %s was killed and is there", pid)
	}
}

func (m *machine) stuck(t *testing.T, token []byte) {
	dropIn := m.root + "/etc/systemd/system/" + service + ".d/watchdog.conf"
	write(t, dropIn, "[Service]\nWatchdogSec=6s\n")
	m.do(t, "systemctl", "daemon-reload")
	m.do(t, "systemctl", "restart", service)
	m.is(t, service, "WatchdogUSec=6s", "SubState=running")
	m.confirms(t, token)
	pid := m.show(t, service, "MainPID")
	m.do(t, "kill", "-STOP", pid)
	m.gone(t, pid) // what is stopped does not end by itself
	m.confirms(t, token)
	if out, err := m.try("journalctl", "--no-pager", "-o", "cat", "-b"); err != nil || !strings.Contains(out, "Watchdog timeout") {
		t.Errorf("the journal has nothing of the watchdog: %v", err)
	}
	m.is(t, service, "SubState=running", "StatusText=ready")
	if err := os.Remove(dropIn); err != nil {
		t.Fatal(err)
	}
	m.do(t, "systemctl", "daemon-reload")
	m.do(t, "systemctl", "restart", service)
	m.is(t, service, "WatchdogUSec=30s")
	m.confirms(t, token)
}

// unready starts the daemon with root servers that nobody can reach.
func (m *machine) unready(t *testing.T, token []byte) {
	undo := m.edit(t, "root_hints: [{name: ns., addresses: [127.63.0.", "root_hints: [{name: ns., addresses: [127.63.0.250, 127.63.1.")
	defer undo()
	before := m.show(t, service, "MainPID")
	m.do(t, "systemctl", "restart", "--no-block", service)
	m.gone(t, before)
	await(t, "status", func() error {
		state, status := m.show(t, service, "ActiveState"), m.show(t, service, "StatusText")
		if state == "active" {
			t.Fatalf("it is ready, and nothing can be proven: %s", status)
		}
		if state != "activating" || !strings.HasPrefix(status, "not ready") {
			return fmt.Errorf("%s, %q", state, status)
		}
		return nil
	})
	if v := m.says(t, token); !strings.HasPrefix(v.String(), "unproven ") {
		t.Error(v.all())
	}
	undo()
	m.do(t, "systemctl", "restart", service)
	m.is(t, service, "ActiveState=active", "StatusText=ready")
	m.confirms(t, token)
}

func (m *machine) stops(t *testing.T, token []byte) {
	m.do(t, "systemctl", "stop", service)
	m.is(t, service, "ActiveState=inactive", "SubState=dead", "Result=success", "ExecMainCode=1", "ExecMainStatus=0")
	m.is(t, socket, "SubState=listening")
	m.confirms(t, token)
	m.is(t, service, "ActiveState=active", "StatusText=ready")

	m.do(t, "systemctl", "stop", socket, service)
	m.is(t, service, "ActiveState=inactive", "Result=success")
	if _, err := os.Stat(m.unix); err == nil {
		t.Error("the socket's file is there still")
	}
	if _, err := m.local().Get("http://cnfd/healthz"); err == nil {
		t.Error("it answers still")
	}
	if out, err := m.try("systemctl", "--failed", "--no-legend"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("failed units: %v: %s", err, out)
	}
}
