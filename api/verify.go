package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cnfd/verifier"
)

// verify answers POST /v1/verify: a credential in, a verdict or a problem out.
func (h *handler) verify(w http.ResponseWriter, r *http.Request) {
	c := calls.Get().(*call)
	c.request = verifier.Request{Scratch: &c.scratch}
	if p := h.readVerify(c, r); p != nil {
		h.problem(w, *p)
		calls.Put(c)
		return
	}
	v, now, err := h.decide(r.Context(), c)
	if err != nil {
		h.refuse(w, r, err)
		calls.Put(c)
		return
	}
	head := w.Header()
	c.out = append(c.out, '\n')
	until := v.ValidUntil
	if v.KeyBinding == verifier.Valid || v.DPoP == verifier.Valid {
		until = time.Time{} // kept, it would be the answer to a replay
	}
	h.life.write(head, v.DNS.Age, until, now)
	h.write(w, r, c.out)
	// A panic above leaves c to the garbage collector: its buffers may still be in use.
	calls.Put(c)
}

// decide has the question in c answered, in c.out, and whoever listens told. The
// verdict is c's.
func (h *handler) decide(ctx context.Context, c *call) (v *verifier.Verdict, now time.Time, err error) {
	v = &c.verdict
	var began time.Time
	if h.Decisions != nil {
		began = h.Now()
		c.request.Now = began
		ctx = h.Decisions.Begins(ctx)
	}
	if *v, err = h.Verifier.Verify(ctx, &c.request); err != nil {
		return nil, now, err
	}
	now = h.Now()
	var id []byte
	c.out, id = h.appendVerdict(c.out[:0], v, now)
	if h.Decisions != nil {
		c.decision = Decision{ID: append(c.decision.ID[:0], id...), Verdict: v, Took: now.Sub(began)}
		h.Decisions.Decided(ctx, &c.decision)
	}
	return v, now, nil
}

// call holds what one request needs, used again by the next. Nothing of it is
// kept by anybody once the answer is written.
type call struct {
	body, out []byte
	text      []byte // a token whose JSON string had escapes
	scratch   verifier.Scratch
	request   verifier.Request
	verdict   verifier.Verdict
	decision  Decision
	saidTime  bool // the body says whether exp and nbf are judged
}

var calls = sync.Pool{New: func() any {
	return &call{body: make([]byte, 0, 4<<10), out: make([]byte, 0, 1<<10)}
}}

// refuse answers an error of the verifier: the caller's bytes, or this machine.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	var e *verifier.Error
	if !errors.As(err, &e) && r.Context().Err() != nil {
		// The caller has gone, or has closed its half of the connection and reads on:
		// returning would tell it 200, which an empty body does not take back.
		panic(http.ErrAbortHandler)
	}
	retryAfter(w.Header(), err)
	id := h.problem(w, p)
	if p.kind == internal {
		h.Log.Error("no verdict", "id", id, "err", err)
	}
}

// problemOf is an error of the verifier as the caller sees it.
func problemOf(err error) problem {
	var busy *Busy
	if errors.As(err, &busy) {
		return busy.problem()
	}
	var e *verifier.Error
	if !errors.As(err, &e) {
		return problem{kind: internal, detail: "the question could not be answered; the log has more under this id"}
	}
	p := problem{detail: e.Error()}
	switch e.Problem {
	case verifier.Malformed:
		p.kind = malformed
	case verifier.NotDerivable:
		p.kind = notDerivable
	case verifier.NotReducible:
		p.kind = notReducible
	case verifier.TooLarge:
		p.kind = tooLarge
	}
	return p
}

var (
	jsonType = []string{"application/json"}
	cborType = []string{"application/cbor"}
	vary     = []string{"Accept"}
)

// write sends a document in the form that the caller accepts. Every document
// is written as JSON; CBOR is made from it, so that the two cannot disagree.
func (h *handler) write(w http.ResponseWriter, r *http.Request, doc []byte) {
	head := w.Header()
	head["Content-Type"] = jsonType
	if accept := r.Header["Accept"]; len(accept) > 0 && prefersCBOR(accept) {
		coded, err := cborOf(doc)
		if err != nil {
			h.Log.Error("no CBOR of an answer", "err", err)
			h.problem(w, problem{kind: internal, detail: "the answer could not be written as CBOR: ask for JSON"})
			return
		}
		head["Content-Type"] = cborType
		doc = coded
	}
	if len(doc) >= 2048 {
		// Below that net/http counts by itself (bufferBeforeChunkingSize).
		head["Content-Length"] = []string{strconv.Itoa(len(doc))}
	}
	w.Write(doc)
}
