package api

import (
	"context"
	"net/http"
	"time"

	"cnfd/lane"
	"cnfd/verifier"
)

// Handler answers every request of the API; those to /v1/verify that need nobody it can
// answer beneath net/http, too, to the letter as above it.
type Handler interface {
	http.Handler
	lane.Answerer
}

// CachedVerifier is a Verifier as far as it waits for nobody (verifier.VerifyCached).
type CachedVerifier interface {
	VerifyCached(ctx context.Context, q *verifier.Request) (verifier.Verdict, bool)
}

// Answer answers POST /v1/verify with a verdict in JSON. Whatever else there is to say,
// a problem above all, is left to ServeHTTP.
func (h *handler) Answer(ctx context.Context, r *lane.Request, w *lane.Response) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // and what panicked does so again, where it is answered and logged
		}
	}()
	if h.Cached == nil || h.BodyLimit > 0 && int64(len(r.Body)) > h.BodyLimit {
		return false
	}
	c := calls.Get().(*call)
	if ok = c.readPlain(r); ok {
		ok = h.answerCached(ctx, c, w)
	}
	c.request = verifier.Request{} // its bytes are the connection's
	calls.Put(c)
	return ok
}

// readPlain fills c.request from a request without a header that changes its meaning.
func (c *call) readPlain(r *lane.Request) bool {
	switch string(r.Accept) {
	case "", "*/*", "application/json":
	default:
		return false
	}
	c.request = verifier.Request{Scratch: &c.scratch}
	q := &c.request
	switch string(r.ContentType) {
	case "application/json":
		return c.readEnvelope(r.Body) == nil && len(q.Bytes) > 0
	case "application/jwt":
		q.Input, q.Bytes = verifier.InputJWT, trimmed(r.Body)
	case "application/cwt":
		q.Input, q.Bytes = verifier.InputCWT, r.Body
	default:
		return false
	}
	return len(q.Bytes) > 0
}

func (h *handler) answerCached(ctx context.Context, c *call, w *lane.Response) (ok bool) {
	v := &c.verdict
	var began time.Time
	if h.Decisions != nil {
		began = h.Now()
		c.request.Now = began
		ctx = h.Decisions.Begins(ctx)
	}
	if *v, ok = h.Cached.VerifyCached(ctx, &c.request); !ok {
		return false
	}
	now := h.Now()
	var id []byte
	w.Body, id = h.appendVerdict(w.Body, v, now)
	w.Body = append(w.Body, '\n')
	if h.Decisions != nil {
		c.decision = Decision{ID: append(c.decision.ID[:0], id...), Verdict: v, Took: now.Sub(began)}
		h.Decisions.Decided(ctx, &c.decision)
	}
	w.Fields = h.life.append(w.Fields, v.DNS.Age, v.ValidUntil, now)
	w.Fields = append(w.Fields, "Content-Type: application/json\r\n"...)
	return true
}

// appendVerdict appends v as the API answers it, under an id of its own; id is a part of doc.
func (h *handler) appendVerdict(dst []byte, v *verifier.Verdict, now time.Time) (doc, id []byte) {
	// The id is the document's last member, and put there without a string of its own.
	dst = v.AppendJSON(dst, "")
	dst = append(dst[:len(dst)-1], `,"id":"`...)
	doc = append(h.ids.appendNext(dst, now), '"', '}')
	return doc, doc[len(doc)-2-idSize : len(doc)-2]
}
