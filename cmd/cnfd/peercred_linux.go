package main

import (
	"log/slog"
	"net"
	"slices"
	"syscall"
)

// onlyUIDs lets the processes of the listed users in, as the kernel names them
// (unix(7), SO_PEERCRED), and shuts the door on all others, itself included.
func onlyUIDs(l *net.UnixListener, uids []uint32, log *slog.Logger) (net.Listener, error) {
	return &uidListener{UnixListener: l, uids: uids, log: log}, nil
}

type uidListener struct {
	*net.UnixListener
	uids []uint32
	log  *slog.Logger
}

// Accept returns the next connection of a user who is let in.
func (l *uidListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && slices.Contains(l.uids, uid) {
			return conn, nil
		}
		conn.Close()
		if err != nil {
			l.log.Warn("unix socket: caller refused: it cannot be told who it is", "err", err)
			continue
		}
		l.log.Warn("unix socket: caller refused by api.allow_uids", "uid", uid)
	}
}

func peerUID(conn *net.UnixConn) (uid uint32, err error) {
	cred, err := credentials(conn)
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// peerCredentials is who made the connection, by the kernel's word.
func peerCredentials(conn *net.UnixConn) (pid int32, uid uint32, ok bool) {
	cred, err := credentials(conn)
	if err != nil {
		return 0, 0, false
	}
	return cred.Pid, cred.Uid, true
}

func credentials(conn *net.UnixConn) (cred *syscall.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		cred, inner = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err == nil {
		err = inner
	}
	return cred, err
}
