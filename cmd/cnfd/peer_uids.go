package main

import (
	"io"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"

	"cnfd/cmd/cnfd/internal/config"
)

// uidListener lets the processes of the listed users in, as the kernel names them
// (unix(7), SO_PEERCRED), and shuts the door on all others, itself included. Who is in
// when the list changes is held to the new one before anything more is read of him:
// what has begun is answered, and the next request is not.
type uidListener struct {
	*net.UnixListener
	allowed func() []uint32 // as of now; empty: everybody
	log     *slog.Logger
	refused refusals
}

// Accept returns the next connection of a user who is let in.
func (l *uidListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		c := &uidConn{UnixConn: conn, of: l}
		_, c.uid, c.known = peerCredentials(conn)
		if c.lets() {
			return c, nil
		}
		c.tell()
		conn.Close()
	}
}

// uidConn is a connection of one user.
type uidConn struct {
	*net.UnixConn
	of    *uidListener
	uid   uint32
	known bool
	told  atomic.Bool // that it is refused
}

// lets reports whether the user may be here now. Who is not known is nobody's user.
func (c *uidConn) lets() bool {
	uids := c.of.allowed()
	return len(uids) == 0 || c.known && slices.Contains(uids, c.uid)
}

// tell notes that the connection is refused.
func (c *uidConn) tell() {
	if !c.told.Swap(true) {
		c.of.refused.note(c.of.log, c.uid, c.known)
	}
}

// refusals are the connections that were refused, of the last of which the log has who it was.
type refusals struct{ tally }

func (r *refusals) note(log *slog.Logger, uid uint32, known bool) {
	r.tally.note(func(n int) {
		if known {
			log.Warn("unix socket: callers refused by api.allow_uids", "refused", n, "last_uid", uid)
			return
		}
		log.Warn("unix socket: callers refused by api.allow_uids: of the last it cannot be told who it is", "refused", n)
	})
}

// Read ends where the user may not be here any more, as if it had hung up: what it has
// asked before is answered on the way out.
func (c *uidConn) Read(p []byte) (int, error) {
	n, err := c.UnixConn.Read(p)
	if n > 0 && !c.lets() {
		c.tell()
		return 0, io.EOF
	}
	return n, err
}

// NetConn is the connection itself.
func (c *uidConn) NetConn() net.Conn { return c.UnixConn }

// uidsIn is an error where a configuration lists users whom this machine cannot tell.
func uidsIn(c *config.Config) error {
	if len(c.API.AllowUIDs) == 0 {
		return nil
	}
	return canTellUIDs()
}

// allowedUIDs is who may use the unix socket now.
func (d *daemon) allowedUIDs() []uint32 { return d.live.Load().config.API.AllowUIDs }
