//go:build !linux

package main

import (
	"errors"
	"net"
)

// canTellUIDs says why nobody can be listed.
func canTellUIDs() error {
	return errors.New("api.allow_uids: only Linux can say who calls: leave it empty, and use api.unix_mode")
}

// peerCredentials cannot be told here.
func peerCredentials(*net.UnixConn) (pid int32, uid uint32, ok bool) { return 0, 0, false }
