package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// batchOutput puts answers into the order of their items and sends them. What
// the client does not read it does not send, and then admits no further item.
type batchOutput struct {
	waiting atomic.Int64 // items that are waited for
	held    atomic.Int64 // octets of those, and of late

	mu      sync.Mutex // guards all below; held while the client is written to
	room    sync.Cond  // an answer was delivered, or the batch is at its end
	w       http.ResponseWriter
	control *http.ResponseController
	stop    context.CancelFunc
	asCBOR  bool
	next    int            // index of the item whose answer is due
	buf     []byte         // answers to be sent
	late    map[int][]byte // answers before which others are due
	soon    *time.Timer    // sends buf; nil before the first wait for the client
	due     bool           // soon runs
	left    bool           // net/http may hold the end of what it was given
	ended   bool           // nothing may be written any more
	broken  bool           // the client cannot be written to
}

const (
	// batchStall is how long a client may take for an item, and for reading what is
	// sent to it at once: with as long it must have sent a request to /v1/verify.
	batchStall = 10 * time.Second
	sendSize   = 128 << 10 // octets of answers that are sent at once
	// sendDelay is how long answers wait for others while the client is waited for: a
	// client that sends all it has gets them in few pieces, which is a third of the cost.
	sendDelay = 200 * time.Microsecond
)

// admit waits until item index may be read: few enough are waited for, and the first
// of those is near enough.
func (o *batchOutput) admit(ctx context.Context, index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for index-o.next >= maxWindow || o.waiting.Load() >= maxWaiting || o.held.Load() >= maxHeld {
		o.send()
		if ctx.Err() != nil {
			return
		}
		o.room.Wait()
	}
}

// waited is told that an item of that size is waited for no more; deliver comes next.
func (o *batchOutput) waited(size int64) {
	o.waiting.Add(-1)
	o.held.Add(-size)
}

// deliver takes the answer to an item. at once: nobody else will send it soon.
func (o *batchOutput) deliver(index int, doc []byte, atOnce bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if index != o.next {
		if o.late == nil {
			o.late = map[int][]byte{}
		}
		o.late[index] = append([]byte(nil), doc...)
		o.held.Add(int64(len(doc)))
	} else {
		o.put(doc)
		for len(o.late) > 0 {
			doc, ok := o.late[o.next]
			if !ok {
				break
			}
			delete(o.late, o.next)
			o.held.Add(-int64(len(doc)))
			o.put(doc)
		}
		if atOnce {
			o.send()
		}
	}
	if atOnce {
		o.room.Broadcast()
	}
}

// put appends the answer that is due.
func (o *batchOutput) put(doc []byte) {
	o.next++
	if o.broken {
		return
	}
	if o.asCBOR {
		coded, err := cborOf(doc)
		if err != nil { // our own document: never
			o.fail()
			return
		}
		o.buf = append(o.buf, coded...)
	} else {
		o.buf = append(append(o.buf, doc...), '\n')
	}
	if len(o.buf) >= sendSize {
		o.write()
	}
}

// flushSoon sends what is there if nothing else does in the next moment.
func (o *batchOutput) flushSoon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) == 0 && !o.left || o.due {
		return
	}
	o.due = true
	if o.soon == nil {
		o.soon = time.AfterFunc(sendDelay, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.due = false
			if !o.ended {
				o.send()
			}
		})
		return
	}
	o.soon.Reset(sendDelay)
}

// finish sends the rest and leaves a deadline for the end of the response, which
// net/http writes.
func (o *batchOutput) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write()
	o.ended = true
	o.control.SetWriteDeadline(soon())
}

// send writes buf to the client at once.
func (o *batchOutput) send() {
	o.write()
	if o.broken {
		return
	}
	o.left = false
	if err := o.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		o.fail()
	}
}

// write gives buf to net/http, which sends all of it but the end of the chunk.
func (o *batchOutput) write() {
	if o.broken || len(o.buf) == 0 {
		return
	}
	o.control.SetWriteDeadline(soon())
	_, err := o.w.Write(o.buf)
	o.buf, o.left = o.buf[:0], true
	if err != nil {
		o.fail()
	}
}

// fail ends the batch: the client cannot be written to, or does not read.
func (o *batchOutput) fail() {
	o.broken = true
	o.stop()
}

// soon is when the client's patience with us, and ours with it, is at an end. Deadlines
// of sockets are by the machine's clock, which a context reads; Config.Now may be another.
func soon() time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), batchStall)
	defer cancel()
	deadline, _ := ctx.Deadline()
	return deadline
}
