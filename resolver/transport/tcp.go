package transport

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Bounds on connections that are kept for the next question (RFC 7766 §6.2).
const (
	maxIdle  = 100             // in all; one a server
	idleTime = 4 * time.Second // less than servers wait, so that it is seldom they who close
)

// lounge holds connections that wait for the next question. The zero value is ready.
type lounge struct {
	mu     sync.Mutex // guards of and closed
	of     map[netip.AddrPort]*idler
	closed bool
	timers sync.WaitGroup // of the connections that are in of, or whose time is just up
}

type idler struct {
	conn net.Conn
	up   *time.Timer
}

// take returns the connection to a server that waits, or nil.
func (l *lounge) take(at netip.AddrPort) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.of[at]
	if i == nil {
		return nil
	}
	delete(l.of, at)
	if i.up.Stop() {
		l.timers.Done()
	}
	return i.conn
}

// put keeps a connection for the next question, or closes it.
func (l *lounge) put(at netip.AddrPort, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.of) >= maxIdle || l.of[at] != nil || conn.SetDeadline(time.Time{}) != nil {
		conn.Close()
		return
	}
	if l.of == nil {
		l.of = map[netip.AddrPort]*idler{}
	}
	i := &idler{conn: conn}
	l.timers.Add(1)
	i.up = time.AfterFunc(idleTime, func() {
		defer l.timers.Done()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.of[at] == i {
			delete(l.of, at)
			conn.Close()
		}
	})
	l.of[at] = i
}

// close ends all that waits, and lets nothing wait any more.
func (l *lounge) close() {
	l.mu.Lock()
	l.closed = true
	for at, i := range l.of {
		if i.up.Stop() {
			l.timers.Done()
		}
		delete(l.of, at)
		i.conn.Close()
	}
	l.mu.Unlock()
	l.timers.Wait()
}

// Close ends the connections that are kept for the next question. Exchanges under
// way go on, and later ones work too; none keeps its connection then.
func (n *Net) Close() error {
	n.lounge.close()
	return nil
}

// until lets a connection live no longer than the context, nor than wait where that
// is not zero. release takes that back; it is false where the time was up.
func until(ctx context.Context, wait time.Duration, conn net.Conn) (release func() bool) {
	end := func() { conn.SetDeadline(time.Unix(1, 0)) } //nolint:errcheck // the connection is on its way out
	stop := context.AfterFunc(ctx, end)
	if wait == 0 {
		return stop
	}
	timer := time.AfterFunc(wait, end)
	return func() bool {
		inTime := timer.Stop()
		return stop() && inTime
	}
}

// overTCP sends one question in a frame of two octets of length and reads one
// reply (RFC 1035 §4.2.2).
func (n *Net) overTCP(conn net.Conn, out *outgoing) (*dns.Msg, error) {
	framed := make([]byte, 2, 2+len(out.wire))
	binary.BigEndian.PutUint16(framed, uint16(len(out.wire)))
	reply, err := n.askTCP(conn, append(framed, out.wire...))
	if err != nil {
		return nil, err
	}
	return out.match(reply)
}

// askTCP gives its turn away for as long as it waits.
func (n *Net) askTCP(conn net.Conn, framed []byte) ([]byte, error) {
	n.turns.Give()
	defer n.turns.again()
	if _, err := conn.Write(framed); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}
