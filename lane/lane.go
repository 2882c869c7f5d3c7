// Package lane answers the requests that come most, in the form that they mostly have,
// beneath an [http.Server]: on its connections, between two of its requests, in the
// Read in which it waits for the next.
//
// net/http has every connection from its beginning to its end. A request that is whole,
// framed without any doubt (RFC 9112 §6) and answered without waiting for anybody never
// reaches it; every other goes to it octet by octet. Where the lane cannot tell for certain
// where a request ends it looks at nothing more that comes over that connection.
package lane

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Answerer answers requests at once, or not at all.
type Answerer interface {
	// Answer fills in the answer to r, whose status is 200, or says that net/http is to
	// have the request. It waits for nobody, and keeps nothing of r or w.
	Answer(ctx context.Context, r *Request, w *Response) bool
}

// Request is a POST to the target that the lane is for.
type Request struct {
	ContentType []byte // as it was sent; a request without one is none of the lane's
	Accept      []byte // nil where there is none
	Body        []byte
}

// Response is what is answered, beside Date and Content-Length.
type Response struct {
	Fields []byte // header fields, each with its CRLF, sorted by name as net/http has them
	Body   []byte
}

// Config is what a Lane needs; all of it is required.
type Config struct {
	Target   string // "/v1/verify"
	Answerer Answerer
	Now      func() time.Time // the machine's clock, by which sockets have their deadlines
}

// Lane is beneath one server. It is made by Beneath.
type Lane struct {
	Config
	line   string // the request line that it answers
	server *http.Server
	date   atomic.Pointer[date]

	stopping atomic.Bool
	mu       sync.Mutex
	conns    map[*conn]struct{} // those that are open; guarded by mu
}

// Beneath puts a lane under s, which must not yet serve, and keeps to its timeouts. The
// connections that it looks at are those of Listener.
func Beneath(s *http.Server, c Config) *Lane {
	l := &Lane{Config: c, line: "POST " + c.Target + " HTTP/1.1\r\n", server: s, conns: map[*conn]struct{}{}}
	s.RegisterOnShutdown(l.stop)
	context, state := s.ConnContext, s.ConnState
	s.ConnContext = withConn(context)
	s.ConnState = func(nc net.Conn, is http.ConnState) {
		if c, ok := nc.(*conn); ok && is == http.StateIdle {
			c.answered()
		}
		if state != nil {
			state(nc, is)
		}
	}
	return l
}

// withConn is a server's ConnContext that leaves what it returns with the connection.
func withConn(inner func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, nc net.Conn) context.Context {
		if inner != nil {
			ctx = inner(ctx, nc)
		}
		if c, ok := nc.(*conn); ok {
			c.ctx = ctx
		}
		return ctx
	}
}

// Listener gives the server the connections of inner. They must carry plain HTTP/1.
func (l *Lane) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	lane *Lane
}

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, lane: l.lane, ctx: context.Background(), began: l.lane.Now(), resting: true, first: true}
	c.over.L = &c.reading
	l.lane.mu.Lock()
	l.lane.conns[c] = struct{}{}
	l.lane.mu.Unlock()
	return c, nil
}

func (l *Lane) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

func (l *Lane) open() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.conns))
}

// stop closes the connections at rest of a server that is shut down. net/http would do so
// by itself after 5 s with those that the lane alone has answered: it thinks them new.
func (l *Lane) stop() {
	l.stopping.Store(true)
	for _, c := range l.open() {
		if c.ours.Load() {
			c.Close()
		}
	}
}

// Drain waits, after the server was shut down, for the answers that the lane is writing; once
// ctx ends it cuts them off, and the error is that of ctx.
func (l *Lane) Drain(ctx context.Context) error {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		left := slices.DeleteFunc(l.open(), func(c *conn) bool { return !c.closing.Load() })
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, c := range left {
				c.end()
			}
			return ctx.Err()
		}
	}
}

const drainEvery = 5 * time.Millisecond

// work is memory for one answer.
type work struct {
	request  Request
	response Response
	out      []byte
}

var works = sync.Pool{New: func() any { return &work{out: make([]byte, 0, 2<<10)} }}

// answer appends the whole answer to w.request, if there is one.
func (l *Lane) answer(ctx context.Context, w *work, now time.Time) bool {
	w.response.Fields, w.response.Body = w.response.Fields[:0], w.response.Body[:0]
	if !l.Answerer.Answer(ctx, &w.request, &w.response) {
		return false
	}
	w.out = append(w.out[:0], "HTTP/1.1 200 OK\r\n"...)
	w.out = append(w.out, w.response.Fields...)
	w.out = append(w.out, l.dated(now)...)
	w.out = strconv.AppendInt(append(w.out, "Content-Length: "...), int64(len(w.response.Body)), 10)
	w.out = append(w.out, "\r\n\r\n"...)
	w.out = append(w.out, w.response.Body...)
	return true
}

// date is the header field of one second.
type date struct {
	second int64
	field  string
}

func (l *Lane) dated(now time.Time) string {
	second := now.Unix()
	if d := l.date.Load(); d != nil && d.second == second {
		return d.field
	}
	d := &date{second, "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
	l.date.Store(d)
	return d.field
}
