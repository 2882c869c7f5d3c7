//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package publish

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes a lock that ends with the process at the latest. The file stays:
// whoever removed it could hold a lock on one that nobody else opens any more.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another rotation of this domain is at work (" + path + "): let it end, or stop it, and call this again")
		}
		return nil, err
	}
	return f, nil
}
