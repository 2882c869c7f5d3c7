package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"cnfd/verifier"
)

// Decisions is told of the verdicts that are given, for a log and for metrics.
type Decisions interface {
	// Begins returns the context in which a question is answered: ctx, or one above it.
	Begins(ctx context.Context) context.Context
	// Decided is told what came of a question, with the context that Begins returned.
	// It answers nobody and must not wait; d and what it points to are kept by nobody.
	Decided(ctx context.Context, d *Decision)
}

// Decision is a verdict that was given.
type Decision struct {
	ID      []byte // as in the answer
	Verdict *verifier.Verdict
	Took    time.Duration // from the reading of the question to the verdict
}

// Busy is an error of what a Verifier asks: there is no room for a question that the
// cache does not answer. The answer is 503, or 429 where its caller alone asks for too much.
type Busy struct {
	Caller bool          // has asked for more than it may
	After  time.Duration // when to ask again; a second at the least
	What   string        // for people
}

// Error says what there is too much of.
func (b *Busy) Error() string { return b.What }

// Busy is true: by it others know that there was no room.
func (b *Busy) Busy() bool { return true }

// problem is the answer to who is turned away.
func (b *Busy) problem() problem {
	if b.Caller {
		return problem{tooManyRequests, b.What}
	}
	return problem{overloaded, b.What}
}

// retryAfter tells a caller that was turned away when to come again (RFC 9110 §10.2.3).
func retryAfter(head http.Header, err error) {
	var b *Busy
	if errors.As(err, &b) {
		seconds := max((b.After+time.Second-1)/time.Second, 1)
		head["Retry-After"] = []string{strconv.FormatInt(int64(seconds), 10)}
	}
}

// observed makes a Verifier of one that is not asked by this API tell of its verdicts.
type observed struct {
	verifier  Verifier
	decisions Decisions
	now       func() time.Time
	ids       ids
}

// Observed returns a Verifier that tells d of every verdict of v, under an id of its own.
func Observed(v Verifier, d Decisions, now func() time.Time) Verifier {
	return &observed{verifier: v, decisions: d, now: now}
}

// Verify asks and tells.
func (o *observed) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	began := o.now()
	ctx = o.decisions.Begins(ctx)
	v, err := o.verifier.Verify(ctx, q)
	if err == nil {
		now, told := o.now(), v
		o.decisions.Decided(ctx, &Decision{ID: o.ids.appendNext(nil, now), Verdict: &told, Took: now.Sub(began)})
	}
	return v, err
}
