package transport

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// datagrams is a UDP socket of one exchange. Dialing by way of package net costs
// two system calls and fifteen allocations more, three times for each zone that nobody knows yet.
type datagrams struct {
	*os.File // an empty datagram reads as io.EOF
	local    net.UDPAddr
	server   netip.AddrPort
}

func (d *datagrams) LocalAddr() net.Addr  { return &d.local }
func (d *datagrams) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(d.server) }

// openUDP opens a socket that hears a server alone, on a port that the kernel
// picks by chance.
func openUDP(server netip.AddrPort) (net.Conn, error) {
	ip := server.Addr().Unmap()
	at, err := scope(ip.Zone())
	if err != nil {
		return nil, err
	}
	family, to := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: int(server.Port()), ZoneId: at, Addr: ip.As16()})
	if ip.Is4() {
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(server.Port()), Addr: ip.As4()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	d := &datagrams{server: server}
	if err = connect(fd, family, to, &d.local); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	d.File = os.NewFile(uintptr(fd), "udp")
	return d, nil
}

// scope is the number of the interface that a link-local address is behind, by its
// name or number (RFC 4007 §11.2); 0 for none.
func scope(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	link, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", zone, err)
	}
	return uint32(link.Index), nil
}

func connect(fd, family int, to syscall.Sockaddr, local *net.UDPAddr) error {
	if err := deafToMTU(fd, family); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Connect(fd, to); err != nil {
		return os.NewSyscallError("connect", err)
	}
	switch own, err := syscall.Getsockname(fd); own := own.(type) {
	case *syscall.SockaddrInet4:
		local.IP, local.Port = own.Addr[:], own.Port
	case *syscall.SockaddrInet6:
		local.IP, local.Port = own.Addr[:], own.Port
	default:
		return os.NewSyscallError("getsockname", err)
	}
	return nil
}

// omitPathMTU is IP_PMTUDISC_OMIT and IPV6_PMTUDISC_OMIT, which package syscall lacks.
const omitPathMTU = 5

// deafToMTU makes a socket for datagrams ignore ICMP messages that its packets are
// too large: anybody may forge them, and how a machine takes them tells which ports
// are open (SAD DNS with ICMP, CVE-2021-20322). Linux offers either that or DF
// on what is sent. DF would gain nothing: a query is far below the smallest MTU
// there is, and what size of reply comes is decided by the 1232 octets it asks for.
func deafToMTU(fd, family int) error {
	level, option := syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER
	if family == syscall.AF_INET6 {
		level, option = syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER
	}
	err := syscall.SetsockoptInt(fd, level, option, omitPathMTU)
	if err == syscall.EINVAL || err == syscall.ENOPROTOOPT {
		return nil // a kernel before 3.15, or one that only plays Linux
	}
	return err
}
