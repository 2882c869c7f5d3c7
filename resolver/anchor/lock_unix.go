//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package anchor

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock takes the directory's lock, which ends with the process at the latest.
// Others hold it for the moment of a write; who holds it longer is stuck.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for range 200 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Close()
	return nil, fmt.Errorf("%s: another process holds the lock: %w", dir, err)
}
