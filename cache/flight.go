package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"runtime/debug"
	"time"
)

// flight is one run of fill for one key, and those who wait for it.
type flight[V any] struct {
	begun int64
	stale bool // a Put or Drop of the key came after it began; guarded by the shard's lock
	// waiting are the callers who have joined and not left; guarded by the shard's lock.
	waiting int
	abandon context.CancelCauseFunc // ends fill's context
	done    chan struct{}           // closed once the two below are set
	entry   Entry[V]
	err     error
}

// ErrClosed is what Get returns for a missing key once Close was called.
var ErrClosed = errors.New("cache closed")

// errAbandoned is the cause of the end of a fill's context that nobody waits for any more.
var errAbandoned = errors.New("cache: all who wanted it have given up")

// abandons reports whether who leaves has no use for what the fill may still bring.
func abandons(ctx context.Context) bool {
	var a interface{ Abandons() bool }
	return errors.As(context.Cause(ctx), &a) && a.Abandons()
}

var errNoReturn = errors.New("cache: fill ended its goroutine")

// A PanicError is what Get returns to every caller that waited for a fill which
// panicked. The value is not kept and the next Get fills anew.
type PanicError struct {
	Value any    // what fill panicked with
	Stack []byte // of the fill, as runtime/debug prints it
}

// Error says that a fill panicked and with what; Stack says where.
func (e *PanicError) Error() string { return fmt.Sprintf("cache: fill panicked: %v", e.Value) }

// Get returns the value of key that Peek would, or else the one that fill gives.
//
// Fills of one key run one at a time. A caller joins the one that is under way,
// unless that began before oldest, or before a Put or Drop of the key: then the caller
// waits for the next, which all such callers share, so that any number of
// callers who want nothing cached cost two fills. A caller whose bound the value
// of a joined fill does not meet (Entry.Since) fills again; of its own fill it
// takes whatever comes.
//
// fill runs in a goroutine of its own, on the Cache's context, and to its end
// whatever becomes of the callers: each leaves with its context's error when
// that ends. But where the last of them leaves with a cause (context.Cause) that has a
// method Abandons() bool, which gives true, fill's context ends, and the fill is joined by
// nobody any more. An error is handed to all who wait and is not kept; a panic becomes
// a *PanicError, since one bad answer must not end a process that serves others.
func (c *Cache[V]) Get(ctx context.Context, key string, oldest time.Time, fill func(context.Context) (Entry[V], error)) (V, error) {
	h := maphash.String(c.seed, key)
	s, tag := &c.shards[h>>c.shift], uint32(h)
	bound := nanos(oldest)
	now := c.now()
	c.heed(now)
	v, ok := peek(s, tag, key, bound, now.UnixNano())
	if ok {
		return v, nil
	}
	s.misses.Add(1)
	for outlived := false; ; outlived = true {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		b, err := c.board(s, tag, key, bound, fill)
		if err != nil || b.flight == nil {
			return b.value, err
		}
		select {
		case <-b.flight.done:
		case <-ctx.Done():
			s.leave(key, b.flight, abandons(ctx))
			return v, ctx.Err()
		}
		// A caller that has outlived one flight came before any later one began,
		// whatever the clock has done since.
		if b.own || (b.fresh || outlived) && b.flight.meets(bound) {
			return b.flight.entry.Value, b.flight.err
		}
	}
}

// boarding is how a caller goes on: with a value, or with a flight to wait for.
type boarding[V any] struct {
	value  V
	flight *flight[V] // nil: there is a value after all
	own    bool       // the flight runs the caller's fill
	fresh  bool       // the flight began neither before the bound nor before a Put or Drop
}

func (c *Cache[V]) board(s *shard[V], tag uint32, key string, bound int64, fill func(context.Context) (Entry[V], error)) (b boarding[V], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.now().UnixNano()
	if _, e := find(&s.table, tag, key); e != nil && e.holds(now) && e.since >= bound {
		return boarding[V]{value: e.value}, nil
	}
	f := s.flights[key]
	if f != nil {
		f.waiting++
		return boarding[V]{flight: f, fresh: !f.stale && f.begun >= bound}, nil
	}
	if !c.begin() {
		return b, ErrClosed
	}
	f = &flight[V]{begun: now, stale: s.dropped == math.MaxInt64, waiting: 1, done: make(chan struct{}), err: errNoReturn}
	if s.flights == nil {
		s.flights = map[string]*flight[V]{}
	}
	s.flights[key] = f
	var ctx context.Context
	ctx, f.abandon = context.WithCancelCause(c.fills)
	go c.fly(ctx, s, tag, key, f, fill)
	return boarding[V]{flight: f, own: true}, nil
}

// meets reports whether what the flight brought is no older than the bound, as
// far as the value says.
func (f *flight[V]) meets(bound int64) bool {
	return f.err != nil || f.entry.Since.IsZero() || nanos(f.entry.Since) >= bound
}

// leave takes one of those who wait for a flight away, and ends it where none is left
// and that one has no use for it.
func (s *shard[V]) leave(key string, f *flight[V], abandons bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting > 0 || !abandons || s.flights[key] != f {
		return
	}
	f.stale = true
	delete(s.flights, key)
	f.abandon(errAbandoned)
}

// overtake makes what a flight of key brings go to those who wait for it and no further.
func (s *shard[V]) overtake(key string) {
	if f := s.flights[key]; f != nil {
		f.stale = true
	}
}

// fly runs fill and lands, whichever way fill ends: by returning, by a panic, or
// by runtime.Goexit, which leaves errNoReturn standing.
func (c *Cache[V]) fly(ctx context.Context, s *shard[V], tag uint32, key string, f *flight[V], fill func(context.Context) (Entry[V], error)) {
	defer c.ended()
	defer f.abandon(nil)
	defer func() {
		if p := recover(); p != nil {
			f.err = &PanicError{Value: p, Stack: debug.Stack()}
		}
		s.land(tag, key, f, c.now().UnixNano())
	}()
	e, err := fill(ctx)
	if err == nil {
		f.entry = e
	}
	f.err = err
}

// land keeps what the flight brought, unless it was overtaken or what is there
// was learnt later, and lets the callers go.
func (s *shard[V]) land(tag uint32, key string, f *flight[V], now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	if s.flights[key] == f {
		delete(s.flights, key)
	}
	if f.err != nil || f.stale {
		return
	}
	learnt := since(f.entry, f.begun)
	if _, e := find(&s.table, tag, key); e != nil && e.holds(now) && e.since > learnt && !f.entry.Since.IsZero() {
		return
	}
	s.put(tag, key, f.entry, learnt, now)
}

// Close refuses further fills and waits for those under way. Should ctx end
// first, their context is ended and the error says how many were left. What is
// in the Cache can still be read.
func (c *Cache[V]) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		if c.running == 0 {
			close(c.idle)
		}
	}
	c.mu.Unlock()
	defer c.end()
	select {
	case <-c.idle:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		return fmt.Errorf("cache: %d fills cut short: %w", c.running, ctx.Err())
	}
}

// begin counts a fill that is about to run; false once the Cache is closed.
func (c *Cache[V]) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running++
	return true
}

func (c *Cache[V]) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.closed && c.running == 0 {
		close(c.idle)
	}
}
