package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// proof asks whether the root is proven, for whoever wants to know, and lets nobody wait for
// long: without a network an attempt takes as long as a question may. One is under way at a
// time, and goes on when those who wait for it have gone. The zero value is ready.
type proof struct {
	mu    sync.Mutex // guards all below
	under *attempt   // nil: none
	last  error      // what the last attempt that ended came to; nil: that it is proven, or that none has ended
}

// attempt is one of them; err is there once ended is closed.
type attempt struct {
	ended chan struct{}
	err   error
}

// proofTime is the longest that somebody waits for an attempt.
const proofTime = time.Second

// of is nil where prove is, in time. Where it takes longer nothing is proven now, whatever was
// before, and the error says what the attempt before this one came to.
func (p *proof) of(ctx context.Context, prove func(context.Context) error) error {
	a := p.join(ctx, prove)
	limit := time.NewTimer(proofTime)
	defer limit.Stop()
	select {
	case <-a.ended:
		return a.err
	case <-ctx.Done():
		return fmt.Errorf("it is not yet known whether the root zone is proven: %w", ctx.Err())
	case <-limit.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		return p.last
	}
	return fmt.Errorf("it is not yet known whether the root zone is proven: nothing that settles it has come in %s", proofTime)
}

// join gives the attempt that is under way, or begins one. prove bounds itself.
func (p *proof) join(ctx context.Context, prove func(context.Context) error) *attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under != nil {
		return p.under
	}
	a := &attempt{ended: make(chan struct{})}
	p.under = a
	go func() {
		a.err = prove(context.WithoutCancel(ctx))
		p.mu.Lock()
		defer p.mu.Unlock()
		p.under, p.last = nil, a.err
		close(a.ended)
	}()
	return a
}
