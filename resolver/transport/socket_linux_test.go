package transport

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"cnfd/internal/testneeds"
)

// TestDeafToMTU: sockets of both families ignore ICMP's word on the path's MTU.
func TestDeafToMTU(t *testing.T) {
	for _, c := range []struct {
		network, at   string
		level, option int
	}{
		{"udp4", "127.0.0.1:53", syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER},
		{"udp6", "[::1]:53", syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER},
	} {
		t.Run(c.network, func(t *testing.T) {
			conn, err := openUDP(netip.MustParseAddrPort(c.at))
			if err != nil {
				testneeds.Lacking(t, c.network+": "+err.Error())
			}
			defer conn.Close()
			raw, err := conn.(*datagrams).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) {
				if got, err := syscall.GetsockoptInt(int(fd), c.level, c.option); err != nil || got != 5 { // IP_PMTUDISC_OMIT and IPV6_PMTUDISC_OMIT of linux/in.h and in6.h
					t.Errorf("%d %v", got, err)
				}
			})
		})
	}
}

// TestScope: a link-local server is asked by way of its interface.
func TestScope(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		testneeds.Lacking(t, "an interface lo: "+err.Error())
	}
	for zone, want := range map[string]uint32{"": 0, "lo": uint32(lo.Index), "7": 7} {
		if got, err := scope(zone); err != nil || got != want {
			t.Errorf("%q: %d %v", zone, got, err)
		}
	}
	if _, err := openUDP(netip.MustParseAddrPort("[fe80::1%nowhere]:53")); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("behind no interface: %v", err)
	}
}

// errant is a socket that tells of forged ICMP messages before its reply comes.
type errant struct {
	net.Conn
	sent   []byte
	errors int
}

func (e *errant) Write(b []byte) (int, error) { e.sent = b; return len(b), nil }

func (e *errant) Read(b []byte) (int, error) {
	if e.errors--; e.errors >= 0 {
		return 0, &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.EMSGSIZE)}
	}
	return copy(b, reply(e.sent)), nil
}

// TestForgedMTU: word that a packet was too large does not end the wait.
func TestForgedMTU(t *testing.T) {
	out, err := address(query(), false, "")
	if err != nil {
		t.Fatal(err)
	}
	n := new(Net)
	n.turns.Take(t.Context())
	if m, err := n.overUDP(&errant{errors: 3}, out); err != nil || len(m.Answer) != 1 {
		t.Errorf("%v %v", m, err)
	}
}
