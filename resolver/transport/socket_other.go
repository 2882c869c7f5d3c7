//go:build !linux

package transport

import (
	"net"
	"net/netip"
)

// openUDP opens a socket that hears a server alone, on a port that the kernel
// picks by chance.
func openUDP(server netip.AddrPort) (net.Conn, error) {
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
}
