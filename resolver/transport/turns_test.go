package transport

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestWhoWaitsHasNoTurn: as many exchanges as there are turns, and more, wait for a server
// that says nothing; every turn can be taken meanwhile.
func TestWhoWaitsHasNoTurn(t *testing.T) {
	all := max(runtime.GOMAXPROCS(0)/2, 1)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			heard := make(chan struct{}, all+2)
			server := mute(t, network, heard)
			var n Net
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, all+2)
			for range all + 2 {
				go func() {
					_, err := n.Exchange(ctx, server.AddrPort(), network, query())
					ended <- err
				}()
			}
			for range all + 2 {
				<-heard
			}
			soon, done := context.WithTimeout(t.Context(), 10*time.Second)
			defer done()
			for i := range all {
				if !n.Turns().Take(soon) {
					t.Fatalf("those who wait have turns: %d of %d are free", i, all)
				}
			}
			none, end := context.WithCancel(t.Context())
			end()
			if n.Turns().Take(none) {
				t.Error("one turn too many")
			}
			cancel()
			for range all {
				n.Turns().Give()
			}
			for range all + 2 {
				if err := <-ended; err == nil {
					t.Error("an answer of nobody")
				}
			}
			for i := range all {
				if !n.Turns().Take(soon) {
					t.Fatalf("not all turns came back: %d of %d", i, all)
				}
			}
		})
	}
}

// TestNoExchangeWithoutATurn: who is given none until its time is up has sent nothing.
func TestNoExchangeWithoutATurn(t *testing.T) {
	heard := make(chan struct{}, 1)
	server := mute(t, "udp", heard)
	var n Net
	for range max(runtime.GOMAXPROCS(0)/2, 1) {
		n.Turns().Take(t.Context())
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := n.Exchange(ctx, server.AddrPort(), "udp", query())
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
	if len(heard) > 0 {
		t.Error("something was sent")
	}
}

// mute is a server that tells of each question that it hears, and of nothing else.
func mute(t *testing.T, network string, heard chan struct{}) *net.UDPAddr {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			var buf [dns.MinMsgSize]byte
			for {
				if _, err := c.Read(buf[:]); err != nil {
					return
				}
				heard <- struct{}{}
			}
		}()
		return c.LocalAddr().(*net.UDPAddr)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				var buf [dns.MinMsgSize]byte
				if _, err := c.Read(buf[:]); err == nil {
					heard <- struct{}{}
				}
			}()
		}
	}()
	at := l.Addr().(*net.TCPAddr)
	return &net.UDPAddr{IP: at.IP, Port: at.Port}
}
