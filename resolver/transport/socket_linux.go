package transport

import (
	"strings"
	"syscall"
)

// omitPathMTU is IP_PMTUDISC_OMIT and IPV6_PMTUDISC_OMIT, which package syscall lacks.
const omitPathMTU = 5

// deafToMTU makes a socket for datagrams ignore ICMP messages that its packets are
// too large: anybody may forge them, and how a machine takes them tells which ports
// are open (SAD DNS with ICMP, CVE-2021-20322). Linux offers either that or DF
// on what is sent. DF would gain nothing: a query is far below the smallest MTU
// there is, and what size of reply comes is decided by the 1232 octets it asks for.
func deafToMTU(network, _ string, socket syscall.RawConn) error {
	if !strings.HasPrefix(network, "udp") {
		return nil
	}
	var err error
	failed := socket.Control(func(fd uintptr) {
		if network == "udp6" {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER, omitPathMTU)
			return
		}
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, omitPathMTU)
	})
	if failed != nil {
		return failed
	}
	if err == syscall.EINVAL || err == syscall.ENOPROTOOPT {
		return nil // a kernel before 3.15, or one that only plays Linux
	}
	return err
}
