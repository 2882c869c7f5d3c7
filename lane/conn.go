package lane

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection of net/http whose Read answers by itself what it can.
type conn struct {
	net.Conn
	lane *Lane
	ctx  context.Context // of all requests

	// What follows belongs to who reads: net/http does so in one goroutine at a time.

	// cold: nothing is looked at any more; net/http may have octets that it has not yet read as a request.
	cold bool
	// resting: every octet that net/http was given belongs to requests that it has answered.
	resting bool
	first   bool   // net/http has not answered anything yet
	posted  bool   // the lane has answered since net/http has
	owed    int    // octets of the request given to net/http that are still to come
	held    []byte // the first octet of the next request, come before the answer to this one was at its end
	broken  error  // of a Read whose octets net/http is still to be given
	began   time.Time
	armed   time.Time     // when the deadlines of a connection at rest were last set
	late    time.Duration // by how much net/http sets its next deadline too early

	mu      sync.Mutex // held from the reading of a request to the end of its answer
	closing atomic.Bool
	ours    atomic.Bool // at rest, and last answered by the lane: net/http may still think it new

	reading sync.Mutex // guards what follows
	past    bool       // the deadline for reading is over, as net/http sets it to end a Read
	over    sync.Cond  // of that
}

// NetConn is the connection itself.
func (c *conn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends what is sent, where the connection has halves.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// emptyBuffer is the room that net/http offers where it holds nothing that it has not yet
// read as a request (the size of its bufio.Reader). It is a second guard beside cold: each by
// itself keeps the lane from what may be the middle of a request.
const emptyBuffer = 4 << 10

// Read returns what net/http is to have.
func (c *conn) Read(p []byte) (n int, err error) {
	switch {
	case c.cold:
		return c.next(p)
	case c.owed > 0: // never beyond the request's end
		n, err = c.next(p[:min(len(p), c.owed)])
		c.owed -= n
		return n, err
	case !c.resting:
		return c.watch(p)
	case len(p) < emptyBuffer:
		c.cold = true
		return c.next(p)
	}
	for {
		if n, err = c.next(p); n == 0 || err != nil {
			c.cold = c.cold || n > 0
			return n, err
		}
		if c.posted {
			if n = copy(p, withoutLineEnds(p[:n])); n == 0 {
				continue
			}
		}
		var done bool
		if n, done, err = c.serve(p, n); !done {
			return n, err
		}
	}
}

// withoutLineEnds leaves out what net/http lets pass behind a POST (RFC 9112 §2.2): it
// does not know of those that the lane has answered.
func withoutLineEnds(p []byte) []byte {
	for range min(len(p), 4) {
		if p[0] != '\r' && p[0] != '\n' {
			break
		}
		p = p[1:]
	}
	return p
}

// next reads what comes next.
func (c *conn) next(p []byte) (n int, err error) {
	if len(c.held) == 0 {
		if c.broken != nil {
			return 0, c.broken
		}
		return c.Conn.Read(p)
	}
	n = copy(p, c.held)
	if c.held = c.held[n:]; len(c.held) == 0 {
		c.held = nil
	}
	return n, nil
}

// watch is the Read in which net/http, which has the request, looks whether its client is
// still there. A client may have the answer, and send the next request, before net/http
// knows that it is done, and stops looking: the octet that comes is held for then, and
// nothing else is read.
func (c *conn) watch(p []byte) (n int, err error) {
	if len(p) != 1 || len(c.held) > 0 {
		c.cold = true // nobody looks so
		return c.next(p)
	}
	if n, err = c.Conn.Read(p); n == 0 || err != nil {
		c.cold = c.cold || n > 0
		return n, err
	}
	c.held = []byte{p[0]}
	c.reading.Lock()
	defer c.reading.Unlock()
	for !c.past && !c.closing.Load() {
		c.over.Wait()
	}
	if !c.past {
		return 0, net.ErrClosed
	}
	return 0, os.ErrDeadlineExceeded
}

// serve looks at the n octets of p that came while the connection was at rest. done:
// they were answered; else net/http is to have as many octets as it returns.
func (c *conn) serve(p []byte, n int) (given int, done bool, err error) {
	w := works.Get().(*work)
	n, length, hot := c.whole(p, n, &w.request)
	if hot && n == length {
		done, err = c.reply(w)
	}
	*w = work{out: w.out, response: w.response}
	works.Put(w)
	c.posted = c.posted || done
	if done || err != nil {
		return 0, done, err
	}
	c.give(n, length)
	return n, false, nil
}

// give notes that net/http is given the first n octets of a request of that length, as
// lane.read has it.
func (c *conn) give(n, length int) {
	c.ours.Store(false)
	c.resting = false
	c.cold = length < n
	c.owed = length - n
	if !c.first && c.armed.IsZero() {
		c.arm(c.lane.Now()) // of fewer than four octets net/http still waits for the rest as it does at rest
	}
	if c.first {
		// net/http counts the times of its first request from the beginning of the connection.
		now := c.lane.Now()
		c.late = max(now.Sub(c.began), 0)
		if t := c.lane.server.ReadHeaderTimeout; t > 0 {
			c.Conn.SetReadDeadline(now.Add(t))
		}
	}
}

// restTime is how long the lane waits for the rest of a request. Clients that send header
// and body apart send them at once; those that do not are left to net/http's patience.
const restTime = 200 * time.Millisecond

// whole looks at the request of which n octets are in p, and reads on until it is all
// there, where the lane could answer it. What is wrong with the connection the next Read says.
func (c *conn) whole(p []byte, n int, r *Request) (now, length int, hot bool) {
	for waits := false; ; {
		length, hot = c.lane.read(p[:n], r)
		end := length
		switch {
		case length == partly:
			end = len(p)
		case !hot || end > len(p):
			return n, length, hot
		}
		if n >= end {
			return n, length, hot
		}
		if !waits {
			waits, c.armed = true, time.Time{}
			c.Conn.SetReadDeadline(c.lane.Now().Add(restTime))
		}
		m, err := c.next(p[n:end])
		if n += m; err != nil || m == 0 {
			if !errors.Is(err, os.ErrDeadlineExceeded) { // the deadline was the lane's own
				c.broken = err
			}
			return n, length, false
		}
	}
}

// reply answers w.request, unless net/http must.
func (c *conn) reply(w *work) (done bool, err error) {
	c.mu.Lock()
	defer c.release()
	now := c.lane.Now()
	switch {
	case c.closing.Load(), c.lane.stopping.Load(): // as net/http, which answers nothing new then
		return false, net.ErrClosed
	case !c.lane.answer(c.ctx, w, now):
		return false, nil
	}
	c.arm(now)
	c.ours.Store(true)
	_, err = c.Conn.Write(w.out)
	return err == nil, err
}

// release lets others close the connection, and closes it where one of them could not.
func (c *conn) release() {
	c.mu.Unlock()
	if c.closing.Load() {
		c.end()
	}
}

// end closes the connection whatever is being done with it.
func (c *conn) end() error {
	c.lane.forget(c)
	return c.Conn.Close()
}

// armEvery is by how much the deadlines of a connection at rest may be too early: they
// are not worth two timers a request.
const armEvery = time.Second

// arm sets the deadlines of a connection that is at rest after this answer.
func (c *conn) arm(now time.Time) {
	if since := now.Sub(c.armed); since >= 0 && since < armEvery {
		return
	}
	c.armed = now
	var read, write time.Time
	if t := c.idleTimeout(); t > 0 {
		read = now.Add(t + armEvery)
	}
	if t := c.lane.server.WriteTimeout; t > 0 {
		write = now.Add(t + armEvery)
	}
	c.Conn.SetReadDeadline(read)
	c.Conn.SetWriteDeadline(write)
}

func (c *conn) idleTimeout() time.Duration {
	if t := c.lane.server.IdleTimeout; t != 0 {
		return t
	}
	return c.lane.server.ReadTimeout
}

// answered notes that net/http has answered what it was given, and rests.
func (c *conn) answered() {
	c.cold = c.cold || c.owed != 0
	c.resting, c.first, c.posted = true, false, false
	c.armed = time.Time{} // the deadlines are net/http's own
}

// SetReadDeadline sets until when reading may take. The first deadline that net/http sets
// of a request that was not the first on the connection is moved to when it should be.
func (c *conn) SetReadDeadline(t time.Time) error {
	if c.late > 0 {
		if !t.IsZero() {
			t = t.Add(c.late)
		}
		c.late = 0
	}
	c.reading.Lock()
	c.past = !t.IsZero() && t.Unix() <= longAgo
	c.reading.Unlock()
	c.over.Broadcast()
	return c.Conn.SetReadDeadline(t)
}

// longAgo is later than the deadline by which net/http ends a Read.
const longAgo = 1 << 20

// Close closes the connection: at once, or after the answer that is being written.
func (c *conn) Close() error {
	c.reading.Lock() // so that who is about to wait sees it
	c.closing.Store(true)
	c.reading.Unlock()
	c.over.Broadcast()
	if !c.mu.TryLock() {
		// net/http closes connections at rest with a lock on all of them: it must not wait.
		return nil
	}
	defer c.mu.Unlock()
	return c.end()
}
