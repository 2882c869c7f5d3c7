//go:build unix

package update

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cnfd/publish"
)

// patience bounds the waits for processes; it decides nothing but when to give up.
const patience = 30 * time.Second

// TestNsupdateIsKilled holds that no nsupdate is left when time is up or the caller gives up, and that a child which
// it leaves behind with its output keeps nobody.
func TestNsupdateIsKilled(t *testing.T) {
	for _, c := range []struct {
		claim, does string
		timeout     time.Duration
		cancel      bool
		kind        publish.Kind
	}{
		{"it ends by itself", `note $$; exit 0`, 2 * time.Second, false, 0},
		{"time is up", `note $$; exec sleep 600`, 2 * time.Second, false, publish.Unreachable},
		{"the caller gives up", `note $$; exec sleep 600`, 2 * patience, true, publish.Stopped},
		{"time is up, and a child holds its output", `sleep 600 & note "$$ $!"; wait`, 2 * time.Second, false, publish.Unreachable},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program, noted := filepath.Join(dir, "nsupdate"), filepath.Join(dir, "processes")
			text := fmt.Sprintf("#!/bin/sh\nnote() { echo \"$1\" >%[1]s.part; mv %[1]s.part %[1]s; }\ncat >/dev/null\n%[2]s\n", noted, c.does)
			if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
			s := newServer(t)
			s.keys = nil
			z := s.target(t, func(cfg *Config) {
				cfg.Key, cfg.GSS, cfg.Nsupdate, cfg.Timeout = Key{}, true, program, c.timeout
				cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := s.dial(ctx, network, address)
					return addressed{conn}, err
				}
			})
			change := publishChange(t, read(t, z, name))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- z.Write(ctx, change) }()
			process, child := begun(t, noted)
			t.Cleanup(func() {
				if child > 0 {
					syscall.Kill(child, syscall.SIGKILL)
				}
			})
			if c.cancel {
				cancel()
			}
			select {
			case err := <-ended:
				var e *publish.Error
				if c.kind == 0 && err != nil || c.kind != 0 && (!errors.As(err, &e) || e.Kind != c.kind || !e.Maybe) {
					t.Errorf("%v", err)
				}
			case <-time.After(patience):
				syscall.Kill(process, syscall.SIGKILL)
				t.Fatal("it was not killed")
			}
			if err := syscall.Kill(process, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("process %d is left: %v", process, err)
			}
		})
	}
}

// begun waits for the numbers of the stand-in and of its child, 0 for none.
func begun(t *testing.T, noted string) (process, child int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(noted); err == nil {
			if n, err := fmt.Sscan(string(text), &process, &child); n < 1 {
				t.Fatal(err)
			}
			return process, child
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not begin")
		}
	}
}
