package transport

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// TLS carries messages to one server over TLS (RFC 7858). All exchanges share
// one connection, which is made when it is needed and left open between them
// (RFC 7858 §3.4, RFC 7766 §6.2.1); replies may come in any order. Make it with NewTLS.
type TLS struct {
	at     Secured
	config *tls.Config

	mu     sync.Mutex // guards what follows
	live   *stream    // nil: there is none
	dialed *dialing   // under way, or nil
	closed bool
}

// dialing is a connection in the making, for all who wait for it.
type dialing struct {
	done   chan struct{}
	stream *stream // once done, where err is nil
	err    error
}

// NewTLS makes the way to a server. Nothing is sent until the first exchange.
func NewTLS(s Secured) *TLS { return &TLS{at: s, config: s.config()} }

var (
	errGone   = errors.New("the connection has ended")
	errClosed = errors.New("the transport is closed")
)

// Exchange sends a query and returns the reply that matches it, as Net does,
// under an ID of its own and padded (RFC 8467). A connection that was left open
// and has ended in the meantime is made anew, once. The query is not changed.
func (t *TLS) Exchange(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	for {
		s, fresh, err := t.stream(ctx)
		if err != nil {
			return nil, err
		}
		reply, err := s.exchange(ctx, query)
		if fresh || !errors.Is(err, errGone) {
			return reply, err
		}
	}
}

// Close ends the connection; exchanges under way fail, and later ones too.
func (t *TLS) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.live != nil {
		t.live.end(errClosed)
	}
}

// stream returns the open connection, or waits for a new one. The dial belongs to
// nobody: who stops waiting does not end it for the others.
func (t *TLS) stream(ctx context.Context) (s *stream, fresh bool, err error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, false, errClosed
	}
	if t.live != nil && !t.live.ended() {
		s = t.live
		t.mu.Unlock()
		return s, false, nil
	}
	d := t.dialed
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		t.dialed = d
		go t.dial(d)
	}
	t.mu.Unlock()
	select {
	case <-d.done:
		return d.stream, true, d.err
	case <-ctx.Done():
		return nil, false, fmt.Errorf("connecting: %w", ctx.Err())
	}
}

func (t *TLS) dial(d *dialing) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	conn, err := dial(ctx, t.at.Address, t.config)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil && t.closed:
		conn.Close()
		err = errClosed
	case err == nil:
		d.stream = newStream(conn)
		t.live = d.stream
	}
	d.err, t.dialed = err, nil
	close(d.done)
}

// idle is how long a connection that nobody uses is left open.
const idle = 30 * time.Second

// maxWaiting bounds the questions that wait on one connection.
const maxWaiting = 1 << 12

// stream is one connection that many exchanges share.
type stream struct {
	conn net.Conn
	out  chan []byte
	gone chan struct{} // closed when the connection has ended
	idle *time.Timer

	mu      sync.Mutex // guards what follows
	waiting map[uint16]chan []byte
	heard   int // messages received
	err     error
}

func newStream(conn net.Conn) *stream {
	s := &stream{conn: conn, out: make(chan []byte), gone: make(chan struct{}), waiting: map[uint16]chan []byte{}}
	s.idle = time.AfterFunc(idle, func() { s.end(errors.New("idle")) })
	go s.read()
	go s.write()
	return s
}

func (s *stream) ended() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("%w: %w", errGone, err)
		s.idle.Stop()
		s.conn.Close()
		close(s.gone)
	}
}

func (s *stream) write() {
	for {
		select {
		case b := <-s.out:
			if _, err := s.conn.Write(b); err != nil {
				s.end(err)
				return
			}
		case <-s.gone:
			return
		}
	}
}

func (s *stream) read() {
	for {
		var size [2]byte
		if _, err := io.ReadFull(s.conn, size[:]); err != nil {
			s.end(err)
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(s.conn, b); err != nil {
			s.end(err)
			return
		}
		s.mu.Lock()
		s.heard++
		if len(b) >= 2 {
			if to, ok := s.waiting[binary.BigEndian.Uint16(b)]; ok {
				select {
				case to <- b:
				default: // a second reply under one ID
				}
			}
		}
		s.mu.Unlock()
	}
}

func (s *stream) exchange(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	id, reply, heard, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer s.leave(id)
	o, err := sealed(query, id)
	if err != nil {
		return nil, err
	}
	s.idle.Reset(idle)
	frame := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(o.wire)), uint16(len(o.wire))), o.wire...)
	select {
	case s.out <- frame:
	case <-s.gone:
		return nil, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case b := <-reply:
		return o.match(b)
	case <-s.gone:
		return nil, s.err
	case <-ctx.Done():
		s.doubt(heard, ctx.Err())
		return nil, ctx.Err()
	}
}

// enter gives an exchange an ID that no other on the connection has.
func (s *stream) enter() (id uint16, reply chan []byte, heard int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, nil, 0, s.err
	}
	if len(s.waiting) >= maxWaiting {
		return 0, nil, 0, fmt.Errorf("%d questions wait on the connection already", maxWaiting)
	}
	for taken := true; taken; _, taken = s.waiting[id] {
		id = randomID()
	}
	reply = make(chan []byte, 1)
	s.waiting[id] = reply
	return id, reply, s.heard, nil
}

func (s *stream) leave(id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// doubt ends a connection on which nothing at all came while a question waited to
// the end of its time: the path may be dead, and nobody would ever say so.
func (s *stream) doubt(heard int, cause error) {
	s.mu.Lock()
	silent := s.heard == heard && errors.Is(cause, context.DeadlineExceeded)
	s.mu.Unlock()
	if silent {
		s.end(cause)
	}
}
