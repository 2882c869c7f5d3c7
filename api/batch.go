package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/verifier"
)

// verifyBatch answers POST /v1/verify/batch: credentials in, of any number, and for
// each a verdict or a problem out, in their order, as they come.
//
// One run at a time reads items and answers them itself, so that what is in the
// cache costs no switch between goroutines. Once an answer has to be waited for,
// the input is handed to another run (see baton).
func (h *handler) verifyBatch(w http.ResponseWriter, r *http.Request) {
	b, p := h.newBatch(w, r)
	if p != nil {
		h.problem(w, *p)
		return
	}
	defer b.stop()
	b.begin(r)
	defer b.watch()()
	b.run()
	b.runs.Wait()
	b.out.finish(b.in.err != io.EOF)
	b.in.close()
	if !b.in.whole(b.ctx.Err() == nil) {
		// What is left of the body must not be taken for the next request, as it is
		// by net/http where a body that is answered while it is read cannot be read to its end.
		panic(http.ErrAbortHandler)
	}
}

// watch ends the reading once the daemon is to end. What it returns ends the watch.
func (b *batch) watch() func() {
	if b.h.Stopping == nil {
		return func() {}
	}
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-b.h.Stopping:
			b.in.interrupt()
		case <-ended:
		}
	})
	return func() { close(ended); watching.Wait() }
}

// Bounds on what one batch may hold.
const (
	maxWaiting = 64      // items whose answer is waited for
	maxWindow  = 4 << 10 // items after the first without an answer
	maxHeld    = 1 << 20 // octets of items that are waited for and of answers that wait for their turn
)

// batch is one request to /v1/verify/batch.
type batch struct {
	h        *handler
	ctx      context.Context // ends with the client
	stop     context.CancelFunc
	kind     media            // of an item: mediaJSON or mediaCWT
	defaults verifier.Request // what the query asks of every item
	saidTime bool             // the query says whether exp and nbf are judged

	in   batchInput // of the run that has the baton, and index with it
	next int        // index of the next item
	out  batchOutput
	runs sync.WaitGroup // those that the handler's own has handed the input to
}

func (h *handler) newBatch(w http.ResponseWriter, r *http.Request) (*batch, *problem) {
	b := &batch{h: h}
	var p *problem
	if b.kind, p = batchMediaOf(r.Header); p != nil {
		return nil, p
	}
	if len(r.Header["Content-Encoding"]) > 0 {
		return nil, &problem{unsupportedMediaType, "Content-Encoding is not read here: send the body as it is"}
	}
	if p = readQuery(&b.defaults, r.URL.RawQuery, false); p != nil {
		return nil, p
	}
	b.saidTime = b.defaults.SkipTime || r.URL.Query().Has("time")
	readCacheControl(&b.defaults, r.Header["Cache-Control"])
	// A wait for an item that has lasted too long ends r's context: the items before it are answered all the same.
	b.ctx, b.stop = context.WithCancel(context.WithoutCancel(r.Context()))
	control := http.NewResponseController(w)
	b.out = batchOutput{w: w, control: control, stop: b.stop}
	b.out.room.L = &b.out.mu
	b.out.asCBOR = prefers(r.Header["Accept"], "application/cbor-seq", "application/x-ndjson")
	b.in = batchInput{body: r.Body, client: r.Context(), gone: b.stop, control: control, stopping: h.Stopping, sequence: b.kind == mediaCWT, flush: b.out.flushSoon}
	return b, nil
}

// begin sends the header, so that a client may wait for it before it sends items.
func (b *batch) begin(r *http.Request) {
	if r.Header.Get("Expect") != "" {
		// The client sends nothing before 100 (RFC 9110 §10.1.1), which net/http sends when
		// it is read from, and not after the header.
		_, _ = r.Body.Read(nil)
	}
	// Without it net/http reads what there is of the body before the first answer. What
	// cannot do it (HTTP/1.0, a recorder in a test) answers once it has the items.
	_ = b.out.control.EnableFullDuplex()
	head := b.out.w.Header()
	head["Content-Type"] = ndjsonType
	if b.out.asCBOR {
		head["Content-Type"] = cborSeqType
	}
	head["Cache-Control"], head["Vary"] = noStore, vary
	b.out.w.WriteHeader(http.StatusOK)
	_ = b.out.write(nil, true)
	context.AfterFunc(b.ctx, func() { // whoever waits for room
		b.out.mu.Lock()
		b.out.room.Broadcast()
		b.out.mu.Unlock()
	})
}

var (
	ndjsonType  = []string{"application/x-ndjson"}
	cborSeqType = []string{"application/cbor-seq"}
)

// run answers items until there are no more, or until it has handed the input on.
func (b *batch) run() {
	t := &baton{Context: b.ctx, b: b}
	c := calls.Get().(*call)
	for {
		b.out.admit(b.ctx, b.next)
		p, end := b.in.item(c)
		if end && p == nil || b.ctx.Err() != nil {
			break
		}
		index := b.next
		b.next++
		if p != nil {
			c.out = b.problem(c.out[:0], *p, index)
			b.out.deliver(index, c.out, false)
			if end {
				break
			}
			continue
		}
		t.size = int64(len(c.body))
		t.state.Store(batonHeld)
		sound := b.answer(t, c, index)
		passed := !t.state.CompareAndSwap(batonHeld, batonResting)
		if passed {
			b.out.waited(t.size)
		}
		b.out.deliver(index, c.out, passed)
		if !sound {
			c = calls.New().(*call) // the panic's may still be in use
		}
		if passed {
			break
		}
	}
	if cap(c.out) <= MaxBody {
		calls.Put(c)
	}
}

// baton is the context of one run's questions. Who waits asks a context when it
// is done, and who has the answer at hand does not: so the first to ask takes the
// input from the run that is about to wait, and starts another with it. Whoever asks
// without need costs a goroutine, and nothing else.
type baton struct {
	context.Context
	b     *batch
	size  int64 // octets of the item
	state atomic.Uint32
}

const (
	batonResting = iota // no question is under way: who asks now is late
	batonHeld
	batonPassed
)

// Done is closed once the client has gone. It may be called under a lock of
// whoever waits, so it takes none that is held while the client is written to.
func (t *baton) Done() <-chan struct{} {
	if t.state.CompareAndSwap(batonHeld, batonPassed) {
		t.b.out.waiting.Add(1)
		t.b.out.held.Add(t.size)
		t.b.runs.Go(t.b.run)
	}
	return t.Context.Done()
}

// answer puts the answer to the item in c.body into c.out. sound: nothing panicked.
func (b *batch) answer(ctx context.Context, c *call, index int) (sound bool) {
	defer func() {
		if v := recover(); v != nil {
			c.out = b.panicked(v, index)
		}
	}()
	c.request = verifier.Request{Scratch: &c.scratch}
	c.saidTime = false
	q := &c.request
	var p *problem
	if b.kind == mediaJSON {
		if p = c.readEnvelope(c.body); p == nil && len(q.Bytes) == 0 {
			p = &problem{malformed, "the item is empty: it must hold the credential"}
		}
	} else {
		q.Input, q.Bytes = verifier.InputCWT, c.body
	}
	if p == nil {
		p = b.merge(q, c.saidTime)
	}
	if p != nil {
		c.out = b.problem(c.out[:0], *p, index)
		return true
	}
	var began time.Time
	if b.h.Decisions != nil {
		began = b.h.Now()
		q.Now = began
		ctx = b.h.Decisions.Begins(ctx)
	}
	var err error
	if c.verdict, err = b.h.Verifier.Verify(ctx, q); err != nil {
		c.out = b.refusal(c.out[:0], err, index)
		return true
	}
	now := b.h.Now()
	var id []byte
	c.out, id = b.h.appendVerdict(c.out[:0], &c.verdict, now)
	if b.h.Decisions != nil {
		c.decision = Decision{ID: append(c.decision.ID[:0], id...), Verdict: &c.verdict, Took: now.Sub(began)}
		b.h.Decisions.Decided(ctx, &c.decision)
	}
	return true
}

func (b *batch) panicked(v any, index int) []byte {
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	doc, id := b.h.problemDoc(problem{kind: internal, detail: "this is a bug in cnfd; its log has more under this id"}, &index)
	b.h.Log.Error("panic while answering", "id", id, "what", what, "stack", string(debug.Stack()))
	return doc
}

func (b *batch) problem(dst []byte, p problem, index int) []byte {
	doc, _ := b.h.problemDoc(p, &index)
	return append(dst, doc...)
}

func (b *batch) refusal(dst []byte, err error, index int) []byte {
	p := problemOf(err)
	if b.ctx.Err() != nil && b.in.isStopping() {
		p = *stoppingHere()
	}
	doc, id := b.h.problemDoc(p, &index)
	var e *verifier.Error
	if p.kind == internal && (errors.As(err, &e) || b.ctx.Err() == nil) {
		b.h.Log.Error("no verdict", "id", id, "err", err)
	}
	return append(dst, doc...)
}
