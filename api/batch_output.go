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

	w       http.ResponseWriter // of who has set writing
	control *http.ResponseController
	stop    context.CancelFunc
	asCBOR  bool

	mu      sync.Mutex     // guards all below
	room    sync.Cond      // an answer was delivered or sent, or the batch is at its end
	next    int            // index of the item whose answer is due
	late    map[int][]byte // answers before which others are due
	buf     []byte         // answers to be sent
	spare   []byte         // the memory of those that were sent before
	writing bool           // the client is being written to, without the lock
	flush   bool           // what was written is to be flushed
	left    bool           // net/http may hold the end of what it was given
	soon    *time.Timer    // sends buf; nil before the first wait for the client
	due     bool           // soon runs
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

// admit waits until item index may be read: few enough are waited for, the first of
// those is near enough, and the client reads its answers.
func (o *batchOutput) admit(ctx context.Context, index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.admits(index) && ctx.Err() == nil {
		o.send(true)
		if !o.admits(index) && ctx.Err() == nil {
			o.room.Wait()
		}
	}
}

func (o *batchOutput) admits(index int) bool {
	return index-o.next < maxWindow && o.waiting.Load() < maxWaiting && o.held.Load() < maxHeld && !(o.writing && len(o.buf) >= sendSize)
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
			o.send(true)
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
	if len(o.buf)+len(doc) > cap(o.buf) && len(o.buf) >= sendSize/8 && cap(o.buf) < batchBuffer {
		o.buf = append(freshBuffer(), o.buf...) // this client sends a lot
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
		o.send(false)
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
				o.send(true)
			}
		})
		return
	}
	o.soon.Reset(sendDelay)
}

// finish sends the rest and leaves a deadline for the end of the response, which
// net/http writes; where it does not, flush.
func (o *batchOutput) finish(flush bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.room.Wait()
	}
	o.send(flush)
	o.ended = true
	if !o.broken { // else HTTP/2 may still have a hand on them
		keepBuffer(o.buf)
		keepBuffer(o.spare)
	}
	o.buf, o.spare = nil, nil
	o.control.SetWriteDeadline(soon())
}

// send writes buf to the client. It gives the lock up meanwhile, so that nobody waits
// for a client by waiting for the lock; who comes while another writes leaves it to that one.
func (o *batchOutput) send(flush bool) {
	o.flush = o.flush || flush
	if o.writing {
		return
	}
	for !o.broken && (len(o.buf) > 0 || o.flush && o.left) {
		buf, flush := o.buf, o.flush
		o.buf, o.flush, o.left, o.writing = o.spare[:0], false, !flush, true
		o.mu.Unlock()
		err := o.write(buf, flush)
		o.mu.Lock()
		o.spare, o.writing = buf, false
		if err != nil {
			o.fail()
		}
		o.room.Broadcast()
	}
	o.flush = false
}

// write gives net/http answers; it sends all of them but the end of the chunk, which
// is sent where they are flushed.
func (o *batchOutput) write(buf []byte, flush bool) (err error) {
	o.control.SetWriteDeadline(soon())
	if len(buf) > 0 {
		_, err = o.w.Write(buf)
	}
	if err == nil && flush {
		if err = o.control.Flush(); errors.Is(err, http.ErrNotSupported) {
			err = nil
		}
	}
	return err
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
