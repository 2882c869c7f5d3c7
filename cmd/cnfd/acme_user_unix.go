//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// mayMake refuses root where the CA's directory is, or will be, in that of another user: what root
// makes there, the daemon could not read or write any more.
func mayMake(dir string) error {
	if os.Geteuid() != 0 {
		return nil // whose files these are, the system says
	}
	info, err := os.Stat(dir)
	for up := dir; err != nil && filepath.Dir(up) != up; {
		up = filepath.Dir(up)
		info, err = os.Stat(up)
	}
	if err != nil {
		return nil
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil
	}
	who := strconv.Itoa(int(stat.Uid))
	if u, err := osuser.LookupId(who); err == nil {
		who = u.Username
	}
	return fmt.Errorf("%s belongs to %s, and root would make files there that a daemon of that user cannot use: runuser -u %s -- cnfd acme …", dir, who, who)
}
