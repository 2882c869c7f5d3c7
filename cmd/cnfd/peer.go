package main

import (
	"context"
	"net"
	"net/netip"
)

// peer is who is at the other end of a connection.
type peer struct {
	network netip.Prefix // an IPv4 address or an IPv6 /64; on a unix socket zero
	known   bool         // uid and pid are the kernel's word (unix(7), SO_PEERCRED)
	uid     uint32
	pid     int32
	guest   *guest // nil where no door let him in
}

type peerKey struct{}

// withPeer notes in the context of a connection's requests who makes them
// (http.Server.ConnContext).
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	p := &peer{guest: guestOf(conn)}
	for {
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = inner.NetConn()
	}
	switch a := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		p.network = networkOf(a.AddrPort().Addr())
	case *net.UnixAddr:
		if unix, ok := conn.(*net.UnixConn); ok {
			p.pid, p.uid, p.known = peerCredentials(unix)
		}
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// peerOf is who makes the request of ctx; nil where that is not known.
func peerOf(ctx context.Context) *peer {
	p, _ := ctx.Value(peerKey{}).(*peer)
	return p
}

// networkOf is what one caller has: a whole /64 of IPv6 is easily had.
func networkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
