package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// batchInput cuts a body into items. One goroutine at a time uses it, but for interrupt.
type batchInput struct {
	body     io.Reader
	client   context.Context // ends with the client, or with a wait for it
	gone     func()          // called once the client has gone
	control  *http.ResponseController
	stopping <-chan struct{}
	sequence bool   // a CBOR sequence (RFC 8742); else lines
	flush    func() // called before a wait for the client: what is answered it must have soon

	buf        []byte
	start, end int  // what was read and not yet given out
	seen       int  // octets after start that hold no newline
	filled     bool // the last read took all the room that it had
	timed      bool // the time of the item that is being read runs
	over       bool // that item is too large: it is passed over to its end
	scan       cborScan
	err        error // of the body, io.EOF at its end

	mu    sync.Mutex // guards what follows
	ended bool       // there is nothing more to wait for
}

const (
	firstBuffer = 4 << 10
	lastBuffer  = MaxBody + 16<<10
)

// item reads the next item into c.body. With end there is none, and p says why if
// that is not the end of the body; else p is what is wrong with this one.
func (in *batchInput) item(c *call) (p *problem, end bool) {
	for {
		item, found, p := in.cut()
		if p != nil {
			return p, true
		}
		if !found && in.err != nil {
			return in.last(c)
		}
		if !found && in.isStopping() {
			return stoppingHere(), true
		}
		if !found {
			in.fill()
			continue
		}
		in.timed = false
		if in.over || len(item) > MaxBody {
			in.over = false
			return itemTooLarge(), false
		}
		if !in.sequence && len(trimmed(item)) == 0 {
			continue
		}
		c.body = append(c.body[:0], item...)
		return nil, false
	}
}

func itemTooLarge() *problem {
	return &problem{tooLarge, fmt.Sprintf("an item may have %d octets: it was passed over", MaxBody)}
}

// cut takes the first whole item off what was read. Of one that is too large it
// drops what it has seen.
func (in *batchInput) cut() (item []byte, found bool, p *problem) {
	unread := in.buf[in.start:in.end]
	if in.sequence {
		n, err := in.scan.advance(unread)
		if err != nil {
			return nil, false, &problem{malformed, "cbor sequence: where this item ends cannot be told: " + err.Error() + "; nothing after it was read"}
		}
		if n > 0 {
			in.scan = cborScan{}
			in.start += n
			return unread[:n], true, nil
		}
		if in.over = in.over || len(unread) > MaxBody; in.over {
			n = min(in.scan.at, len(unread)) // never into a head that is not yet whole
			in.scan.at -= n
			in.start += n
		}
		return nil, false, nil
	}
	if i := bytes.IndexByte(unread[in.seen:], '\n'); i >= 0 {
		item = unread[:in.seen+i]
		in.start += len(item) + 1
		in.seen = 0
		if n := len(item); n > 0 && item[n-1] == '\r' {
			item = item[:n-1]
		}
		return item, true, nil
	}
	in.seen = len(unread)
	if in.over = in.over || len(unread) > MaxBody+1; in.over {
		in.start, in.seen = in.end, 0
	}
	return nil, false, nil
}

// last is the item at the end of the body, which needs no newline.
func (in *batchInput) last(c *call) (p *problem, end bool) {
	rest := in.buf[in.start:in.end]
	if in.err != io.EOF {
		return in.brokenOff(), true
	}
	switch {
	case in.over && !in.sequence:
		p = itemTooLarge()
	case in.sequence && (in.over || len(rest) > 0):
		return &problem{malformed, "cbor sequence: the last item is cut short"}, true
	case len(rest) > MaxBody:
		p = itemTooLarge()
	case len(trimmed(rest)) == 0:
		return nil, true
	default:
		c.body = append(c.body[:0], rest...)
	}
	in.start, in.seen, in.over = in.end, 0, false
	return p, false
}

// brokenOff says why the body was not read to its end.
func (in *batchInput) brokenOff() *problem {
	if in.isStopping() {
		return stoppingHere()
	}
	p := bodyBroken(in.err)
	if p.kind == timeout {
		p.detail = fmt.Sprintf("an item did not arrive within %d s of the one before it: end the body where there are none", batchStall/time.Second)
	}
	return p
}

func (in *batchInput) isStopping() bool {
	select {
	case <-in.stopping:
		return true
	default:
		return false
	}
}

func stoppingHere() *problem {
	return &problem{stopping, "the daemon is being stopped: send this item and those after it again"}
}

// fill reads more of the body. The time for it is that of an item: who sends
// an octet now and then does not stay for ever, and a long batch does.
func (in *batchInput) fill() {
	in.flush()
	if in.start > 0 {
		in.end = copy(in.buf, in.buf[in.start:in.end])
		in.start = 0
	}
	if in.end == len(in.buf) || in.filled && len(in.buf) < lastBuffer {
		grown := make([]byte, firstBuffer)
		if len(in.buf) > 0 {
			grown = freshBuffer()[:lastBuffer]
		}
		copy(grown, in.buf[:in.end])
		in.buf = grown
	}
	if !in.timed {
		in.timed = true
		in.control.SetReadDeadline(soon())
		if in.isStopping() { // the interrupt may have been before
			in.interrupt()
		}
	}
	n, err := in.body.Read(in.buf[in.end:])
	in.end += n
	in.filled = in.end == len(in.buf)
	in.err = err
	var wait net.Error
	switch {
	case err == io.EOF:
		// From here on net/http reads, to see whether the client is there.
		in.mu.Lock()
		in.ended = true
		in.control.SetReadDeadline(time.Time{})
		in.mu.Unlock()
		context.AfterFunc(in.client, in.gone)
	case err != nil && in.client.Err() != nil && !(errors.As(err, &wait) && wait.Timeout()):
		in.gone()
	}
}

// batchBuffers are memory of batches whose clients send a lot; the others have their
// own few octets.
var batchBuffers = sync.Pool{New: func() any { return new([batchBuffer]byte) }}

const batchBuffer = sendSize + 8<<10 // also enough for lastBuffer

func freshBuffer() []byte { return batchBuffers.Get().(*[batchBuffer]byte)[:0] }

// keepBuffer takes a buffer back that nobody uses any more.
func keepBuffer(b []byte) {
	if cap(b) == batchBuffer {
		batchBuffers.Put((*[batchBuffer]byte)(b[:batchBuffer]))
	}
}

// close gives the memory back.
func (in *batchInput) close() {
	keepBuffer(in.buf)
	in.buf = nil
}

// interrupt ends a wait for the client, and every later one, but not that of net/http for
// whether the client of a body that was read is there: those items are answered.
func (in *batchInput) interrupt() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.ended {
		in.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// whole reports whether the body was read to its end. Where a client is there that
// was refused the rest, some of that is read first: closing the connection on it
// would take the last answers away.
func (in *batchInput) whole(there bool) bool {
	if in.err == nil && there {
		in.control.SetReadDeadline(soon())
		_, in.err = io.CopyN(io.Discard, in.body, 256<<10)
	}
	return in.err == io.EOF
}
