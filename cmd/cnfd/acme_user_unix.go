//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"errors"
	"fmt"
	"io/fs"
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
	if who := otherOwner(dir); who != "" {
		return fmt.Errorf("%s belongs to %s, and root would make files there that a daemon of that user cannot use: runuser -u %s -- cnfd acme …", dir, who, who)
	}
	return nil
}

// asOwner says of what was not permitted who may do it: whoever the CA's directory belongs to.
func asOwner(dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if who := otherOwner(dir); who != "" {
		return fmt.Errorf("%w; %s is of %s: run it as that user (sudo -u %s cnfd acme …)", err, dir, who, who)
	}
	return fmt.Errorf("%w; run it as the user that the daemon runs as", err)
}

// otherOwner is the user whose directory this is, or will be; "" where that is root, or who asks.
func otherOwner(dir string) string {
	info, err := os.Stat(dir)
	for up := dir; err != nil && filepath.Dir(up) != up; {
		up = filepath.Dir(up)
		info, err = os.Stat(up)
	}
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 || int(stat.Uid) == os.Geteuid() {
		return ""
	}
	who := strconv.Itoa(int(stat.Uid))
	if u, err := osuser.LookupId(who); err == nil {
		who = u.Username
	}
	return who
}
