package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/lane"
	"cnfd/resolver"
	"cnfd/verifier"
)

// generation is all that a reload replaces, as a whole.
type generation struct {
	config  *config.Config
	engine  *engine // its resolver, source and proofs are those of every generation
	handler api.Handler

	endKeys, endAnchors func() // end what runs for it, and wait for that
}

// live is what answers now. A question that has begun is answered by what it began
// with; the next item of a batch by what is live then.
type live struct {
	atomic.Pointer[generation]
	callers callers // over TLS
	keptOut keptOut // of those
	proof   proof
}

// ServeHTTP answers a request.
func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.Load().handler.ServeHTTP(w, r) }

// Verify answers by the verifier of now.
func (l *live) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	return l.Load().engine.verifier.Verify(ctx, q)
}

// Answer answers beneath net/http what the handler of now does.
func (l *live) Answer(ctx context.Context, r *lane.Request, w *lane.Response) bool {
	return l.Load().handler.Answer(ctx, r, w)
}

// VerifyCached answers by the verifier of now.
func (l *live) VerifyCached(ctx context.Context, q *verifier.Request) (verifier.Verdict, bool) {
	return l.Load().engine.verifier.VerifyCached(ctx, q)
}

// PrecheckKey answers by the verifier of now.
func (l *live) PrecheckKey(ctx context.Context, subject string, k verifier.Key) (verifier.Verdict, error) {
	return l.Load().engine.verifier.PrecheckKey(ctx, subject, k)
}

// PrecheckToken answers by the verifier of now.
func (l *live) PrecheckToken(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	return l.Load().engine.verifier.PrecheckToken(ctx, q)
}

// patient is a verifier for gateways, which know no 503: who is turned away has not
// shown anything.
type patient struct{ verifier api.Verifier }

// Verify says Unreachable where there is no room for the question.
func (p patient) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	v, err := p.verifier.Verify(ctx, q)
	var busy *api.Busy
	if errors.As(err, &busy) {
		return verifier.Verdict{Reason: verifier.Unreachable, Detail: busy.What}, nil
	}
	return v, err
}

// readyResolver is the resolver as the API shows it.
type readyResolver struct {
	*resolver.Resolver
	live *live
}

// Ready says first what the anchors are in want of: it is the cause of what the
// resolver would say. It takes proofTime at the most.
func (s readyResolver) Ready(ctx context.Context) error {
	if err := s.live.Load().engine.anchors.Ready(); err != nil {
		return err
	}
	return s.live.proof.of(ctx, s.Resolver.Ready)
}
