//go:build soak

package integration

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// answerOn serves UDP at an address by handler until the test ends.
func (n *tree) answerOn(t testing.TB, addr string, handler dns.HandlerFunc) {
	t.Helper()
	conn, err := net.ListenPacket("udp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	begun, done := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: conn, Handler: handler, NotifyStartedFunc: func() { close(begun) }}
	go func() { defer close(done); s.ActivateAndServe() }()
	<-begun
	t.Cleanup(func() { s.Shutdown(); <-done })
}

// stickOn accepts TCP connections at an address and never answers, or with an octet a second.
func (n *tree) stickOn(t testing.TB, addr string, drip bool) {
	t.Helper()
	l, err := net.Listen("tcp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	var held sync.WaitGroup
	end := make(chan struct{})
	held.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			held.Go(func() {
				defer conn.Close()
				for {
					select {
					case <-end:
						return
					case <-time.After(time.Second):
					}
					// Who has gone is let go: else this end would hold on to the connection.
					conn.SetReadDeadline(time.Now().Add(time.Millisecond))
					var b [512]byte
					if _, err := conn.Read(b[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
						return
					}
					if drip {
						conn.Write([]byte{1})
					}
				}
			})
		}
	})
	t.Cleanup(func() { close(end); l.Close(); held.Wait() })
}
