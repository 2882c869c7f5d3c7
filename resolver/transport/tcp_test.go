package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// patient is a TCP server whose connections serve answers as often as it is told
// to; connections and questions are counted.
type patient struct {
	at                     netip.AddrPort
	connections, questions atomic.Int64
	open                   atomic.Int64
}

func newPatient(tb testing.TB, serve func(c net.Conn, nth int, q []byte) (more bool)) *patient {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &patient{at: l.Addr().(*net.TCPAddr).AddrPort()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.connections.Add(1)
			p.open.Add(1)
			go func() {
				defer p.open.Add(-1)
				defer c.Close()
				for nth := 1; ; nth++ {
					var size [2]byte
					if _, err := io.ReadFull(c, size[:]); err != nil {
						return
					}
					q := make([]byte, binary.BigEndian.Uint16(size[:]))
					if _, err := io.ReadFull(c, q); err != nil {
						return
					}
					p.questions.Add(1)
					if !serve(c, nth, q) {
						return
					}
				}
			}()
		}
	}()
	tb.Cleanup(func() { l.Close(); <-done })
	return p
}

func obliging(c net.Conn, _ int, q []byte) bool { c.Write(framed(reply(q))); return true }

// TestConnectionIsKept: one question after another goes over one connection, and
// one that has come to its end is not noticed.
func TestConnectionIsKept(t *testing.T) {
	for _, c := range []struct {
		claim       string
		serve       func(c net.Conn, nth int, q []byte) bool
		connections int64
	}{
		{"as it should be", obliging, 1},
		{"closed after each reply", func(c net.Conn, _ int, q []byte) bool { c.Write(framed(reply(q))); return false }, 5},
		{"closed where the second question comes", func(c net.Conn, nth int, q []byte) bool {
			if nth == 1 {
				c.Write(framed(reply(q)))
			}
			return nth == 1
		}, 5},
		{"half a reply to the second question", func(c net.Conn, nth int, q []byte) bool {
			b := framed(reply(q))
			if nth > 1 {
				b = b[:len(b)/2]
			}
			c.Write(b)
			return nth == 1
		}, 5},
		{"something behind each reply", func(c net.Conn, _ int, q []byte) bool {
			c.Write(append(framed(reply(q)), framed(reply(q, func(m *dns.Msg) { m.Id++ }))...))
			return true
		}, 5},
		{"another's reply to the second question", func(c net.Conn, nth int, q []byte) bool {
			c.Write(framed(reply(q, func(m *dns.Msg) { m.Id += uint16(nth) - 1 })))
			return true
		}, 5},
	} {
		t.Run(c.claim, func(t *testing.T) {
			p := newPatient(t, c.serve)
			n := new(Net)
			for range 5 {
				if m, err := exchange(t, n, p.at, "tcp", query()); err != nil || len(m.Answer) != 1 {
					t.Fatalf("%v %v", m, err)
				}
			}
			if got := p.connections.Load(); got != c.connections {
				t.Errorf("%d connections, want %d", got, c.connections)
			}
			n.Close()
			ended(t, p)
		})
	}
}

// ended waits until the server sees all its connections closed.
func ended(tb testing.TB, p *patient) {
	tb.Helper()
	for range 1000 {
		if p.open.Load() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	tb.Errorf("%d connections are open still", p.open.Load())
}

// TestFreshConnectionFails: what a fresh connection says stands, and is not asked again.
func TestFreshConnectionFails(t *testing.T) {
	p := newPatient(t, func(c net.Conn, _ int, q []byte) bool { return false })
	n := new(Net)
	for want := range int64(3) {
		if m, err := exchange(t, n, p.at, "tcp", query()); err == nil || p.questions.Load() != want+1 {
			t.Errorf("%v after %d questions", m, p.questions.Load())
		}
	}
}

// TestStuckConnection: a kept connection that says nothing holds nobody longer
// than one's own time, and is not kept.
func TestStuckConnection(t *testing.T) {
	p := newPatient(t, func(c net.Conn, nth int, q []byte) bool {
		if nth == 1 {
			c.Write(framed(reply(q)))
		}
		return true
	})
	n := new(Net)
	defer n.Close()
	if _, err := exchange(t, n, p.at, "tcp", query()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if m, err := n.Exchange(ctx, p.at, "tcp", query()); !errors.Is(err, os.ErrDeadlineExceeded) || p.connections.Load() != 1 {
		t.Errorf("%v %v, %d connections", m, err, p.connections.Load())
	}
	if _, err := exchange(t, n, p.at, "tcp", query()); err != nil || p.connections.Load() != 2 {
		t.Errorf("%v, %d connections", err, p.connections.Load())
	}
}

// TestAtOnce: questions at one time have connections of their own, of which one is kept.
func TestAtOnce(t *testing.T) {
	var waiting atomic.Int64
	all := make(chan struct{})
	p := newPatient(t, func(c net.Conn, nth int, q []byte) bool {
		if waiting.Add(1) == 10 {
			close(all)
		}
		<-all
		return obliging(c, nth, q)
	})
	n := new(Net)
	errs := make(chan error)
	for range 10 {
		go func() {
			_, err := n.Exchange(t.Context(), p.at, "tcp", query())
			errs <- err
		}()
	}
	for range 10 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if p.connections.Load() != 10 || len(n.lounge.of) != 1 {
		t.Errorf("%d connections, %d kept", p.connections.Load(), len(n.lounge.of))
	}
	n.Close()
	ended(t, p)
}

// TestClosed: after Close questions are answered, and nothing is kept.
func TestClosed(t *testing.T) {
	p := newPatient(t, obliging)
	n := new(Net)
	n.Close()
	n.Close()
	for range 3 {
		if _, err := exchange(t, n, p.at, "tcp", query()); err != nil {
			t.Fatal(err)
		}
	}
	if p.connections.Load() != 3 || len(n.lounge.of) != 0 {
		t.Errorf("%d connections, %d kept", p.connections.Load(), len(n.lounge.of))
	}
	ended(t, p)
}

// shut is a connection that tells whether it was closed.
type shut struct {
	net.Conn
	closed bool
}

func (s *shut) Close() error                { s.closed = true; return nil }
func (s *shut) SetDeadline(time.Time) error { return nil }

// TestLounge: connections are kept a few seconds, one a server, a hundred in all.
func TestLounge(t *testing.T) {
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 53)
	}
	synctest.Test(t, func(t *testing.T) {
		var l lounge
		var conns []*shut
		for i := range maxIdle + 1 {
			conns = append(conns, &shut{})
			l.put(at(i), conns[i])
		}
		if len(l.of) != maxIdle || !conns[maxIdle].closed || conns[0].closed {
			t.Errorf("%d are kept", len(l.of))
		}
		second := &shut{}
		l.take(at(1))
		l.put(at(1), conns[1])
		if l.put(at(1), second); !second.closed {
			t.Error("a second connection of one server is kept")
		}
		if l.take(at(0)) != net.Conn(conns[0]) || l.take(at(0)) != nil {
			t.Error("a connection is not taken once")
		}
		time.Sleep(idleTime + time.Second)
		synctest.Wait()
		for i, c := range conns[1:maxIdle] {
			if !c.closed {
				t.Errorf("connection %d is open after %s", i+1, idleTime)
			}
		}
		if conns[0].closed || len(l.of) != 0 {
			t.Errorf("who has one was robbed: %v; %d are kept", conns[0].closed, len(l.of))
		}
		last := &shut{}
		l.put(at(7), last)
		if l.close(); !last.closed { // the bubble ends only if no timer is left
			t.Error("open after the end")
		}
	})
}
