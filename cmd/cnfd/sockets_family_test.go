package main

import (
	"net"
	"testing"
)

func TestAnIPv4AddressOpensNoIPv6(t *testing.T) {
	for _, tt := range []struct {
		address string
		four    bool
	}{
		{"0.0.0.0:0", true},
		{"127.0.0.1:0", true},
		{"[::]:0", false}, // both families, as everywhere
	} {
		tcp, err := listenTCP("api.listen", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		udp, dnsTCP, err := listenDNS(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		defer dnsTCP.Close()
		for what, at := range map[string]net.Addr{"TCP": tcp.Addr(), "DNS over UDP": udp.LocalAddr(), "DNS over TCP": dnsTCP.Addr()} {
			_, port, err := net.SplitHostPort(at.String())
			if err != nil {
				t.Fatal(err)
			}
			network := "tcp6"
			if what == "DNS over UDP" {
				network = "udp6"
			}
			if taken := !free(network, "[::]:"+port); taken == tt.four {
				t.Errorf("%s at %s: the IPv6 port is taken: %t", what, tt.address, taken)
			}
		}
	}
}

// free reports whether nobody has an address.
func free(network, address string) bool {
	if network == "udp6" {
		c, err := net.ListenPacket(network, address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	l, err := net.Listen(network, address)
	if err == nil {
		l.Close()
	}
	return err == nil
}
