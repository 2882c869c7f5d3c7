//go:build !linux

package main

import (
	"errors"
	"log/slog"
	"net"
)

// onlyUIDs refuses to start where the kernel cannot name the caller.
func onlyUIDs(*net.UnixListener, []uint32, *slog.Logger) (net.Listener, error) {
	return nil, errors.New("api.allow_uids: only Linux can say who calls: leave it empty, and use api.unix_mode")
}

// peerCredentials cannot be told here.
func peerCredentials(*net.UnixConn) (pid int32, uid uint32, ok bool) { return 0, 0, false }
