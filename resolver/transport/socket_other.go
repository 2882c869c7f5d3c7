//go:build !linux

package transport

import "syscall"

// deafToMTU does nothing: only Linux can.
func deafToMTU(string, string, syscall.RawConn) error { return nil }
