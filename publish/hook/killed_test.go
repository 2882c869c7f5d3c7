package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/publish"
)

// patience bounds the waits for processes; it decides nothing but when to give up.
const patience = 30 * time.Second

// slow is testdata/slow.sh, and the file where it notes the numbers of its processes.
func slow(t *testing.T, how string, timeout time.Duration) (publish.Zone, string) {
	t.Helper()
	noted := filepath.Join(t.TempDir(), "processes")
	return hook(t, Config{Program: script(t, "slow.sh"), Args: []string{noted, how}, Timeout: timeout}), noted
}

// processes waits for the numbers that slow.sh notes.
func processes(t *testing.T, noted string) (program, child int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(noted)
		if err == nil {
			if _, err := fmt.Sscan(string(text), &program, &child); err != nil {
				t.Fatal(err)
			}
			return program, child
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not begin")
		}
	}
}

// gone waits until a process has ended. One that its new parent has not waited for yet is a zombie: Z.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func TestPromptIsNotKilled(t *testing.T) {
	z, noted := slow(t, "prompt", 0)
	if set, err := z.Read(t.Context(), owner); err != nil || len(set.Records) != 0 {
		t.Errorf("%+v, %v", set, err)
	}
	program, child := processes(t, noted)
	gone(t, program)
	gone(t, child)
}

func TestKilledWhenTheCallerGivesUp(t *testing.T) {
	for _, do := range []string{"read", "write"} {
		t.Run(do, func(t *testing.T) {
			z, noted := slow(t, "slow", patience)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error)
			go func() {
				if do == "read" {
					_, err := z.Read(ctx, owner)
					ended <- err
				} else {
					ended <- z.Write(ctx, publish.Change{Name: owner, After: publish.Set{Name: owner}.With(record(t, ours), time.Minute)})
				}
			}()
			program, child := processes(t, noted)
			if !alive(program) || !alive(child) {
				t.Error("it ended by itself")
			}
			cancel()
			isKind(t, <-ended, publish.Stopped, "stopped during "+do)
			if alive(program) {
				t.Error("the program was not waited for")
			}
			gone(t, child)
		})
	}
}

func TestNotStartedForACallerThatHasGivenUp(t *testing.T) {
	z, noted := slow(t, "prompt", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := z.Read(ctx, owner)
	isKind(t, err, publish.Stopped, "stopped during read")
	if _, err := os.Stat(noted); err == nil {
		t.Error("the program ran")
	}
}

func TestKilledWhenTimeIsUp(t *testing.T) {
	z, noted := slow(t, "slow", 2*time.Second)
	_, err := z.Read(t.Context(), owner)
	isKind(t, err, publish.Unreachable, "read was not done within 2s, and killed")
	program, child := processes(t, noted)
	if alive(program) {
		t.Error("the program was not waited for")
	}
	gone(t, child)
}

// TestWhatIsLeftBehind: a child that outlives the program is ended with it. One that has left the group is not,
// and does not keep the caller: what was read may lack its end, and what was written is written.
func TestWhatIsLeftBehind(t *testing.T) {
	z, noted := slow(t, "leaves", patience)
	if _, err := z.Read(t.Context(), owner); err != nil {
		t.Error(err)
	}
	_, child := processes(t, noted)
	gone(t, child)

	z, noted = slow(t, "lost", patience)
	_, err := z.Read(t.Context(), owner)
	isKind(t, err, publish.Failed, "left a process behind")
	_, child = processes(t, noted)
	if !alive(child) {
		t.Error("the process that has left the group has ended")
	}
	syscall.Kill(child, syscall.SIGKILL)
	gone(t, child)
	if err := os.Remove(noted); err != nil {
		t.Fatal(err)
	}
	if err := z.Write(t.Context(), publish.Change{Name: owner, After: publish.Set{Name: owner}.With(record(t, ours), time.Minute)}); err != nil {
		t.Error(err)
	}
	_, child = processes(t, noted)
	syscall.Kill(child, syscall.SIGKILL)
	gone(t, child)
}

func TestEndedBySomebodyElse(t *testing.T) {
	z, noted := slow(t, "slow", patience)
	ended := make(chan error)
	go func() {
		_, err := z.Read(t.Context(), owner)
		ended <- err
	}()
	program, child := processes(t, noted)
	syscall.Kill(program, syscall.SIGTERM)
	isKind(t, <-ended, publish.Failed, "read was ended: signal: terminated")
	gone(t, child)
}
