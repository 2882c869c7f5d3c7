// Package cache keeps values until a stated time; it knows no DNS.
//
// A [Cache] is bounded by bytes, spreads its keys over shards, fills a missing
// key once however many callers want it, and forgets what was dropped even if
// a fill that began before is still running.
package cache

import (
	"context"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Cache maps keys to values that live until a stated time. It is safe for
// concurrent use; make one with [New]. Values are shared by all who read them
// and must not be changed once they are in it.
type Cache[V any] struct {
	shards []shard[V]
	shift  uint // a key's shard is the top bits of its hash
	seed   maphash.Seed
	now    func() time.Time

	fills context.Context // what fills run on; ended by Close
	end   context.CancelFunc

	dropping sync.Mutex                // one DropFunc at a time
	seen     atomic.Pointer[time.Time] // the clock, a second behind at most; see heed

	mu      sync.Mutex // guards the three below
	closed  bool
	running int           // fills that have begun and not ended
	idle    chan struct{} // closed once closed and running is 0
}

// Config is what a Cache is made from. The zero value of a field is its default;
// Now has none.
type Config struct {
	// MaxBytes bounds the sum of keys, the stated sizes of the values, and the
	// cache's own tables. Default: 256 MiB. The process needs more than that: see
	// docs/performance.md for what the garbage collector adds.
	MaxBytes int64
	// Now is the clock. It must be set: this package does not know the time.
	Now func() time.Time
	// Shards is how many locks the keys are spread over, rounded up to a power
	// of two, at most 256. Default: 64, fewer where a shard would hold less than 1 MiB.
	Shards int
}

const (
	defaultMaxBytes = 256 << 20
	defaultShards   = 64
	maxShards       = 256
	minShardBytes   = 1 << 20 // a message of 64 KiB, parsed, must find room beside others
)

// Entry is a value on its way into a Cache.
type Entry[V any] struct {
	Value V
	// Size is the number of bytes that the value holds on to, itself included
	// where V is a pointer. The bound on memory is as honest as this figure.
	Size int
	// Until is when the value stops being true. Not after now: the value is
	// handed to the callers and not kept, and what was kept before it is dropped.
	Until time.Time
	// Since is when the oldest part of the value was learnt. Zero: when the fill
	// began, or when Put was called. After now, since the clock was set back
	// meanwhile: it is not kept either, for nobody knows when it stops being true.
	Since time.Time
}

// Stats is what a Cache holds and has done since it was made.
type Stats struct {
	Entries   int    // expired ones that have not been met again included
	Bytes     int64  // counted as Config.MaxBytes counts
	Hits      uint64 // values given from the cache by Peek, PeekString and Get
	Misses    uint64 // calls of Get that had to wait for a fill
	Evictions uint64 // live values that made room for others
	Expired   uint64 // values removed after their time
	TooLarge  uint64 // values not kept because they are larger than a shard
}

// New makes an empty Cache. It panics without a clock, since nothing would ever
// expire.
func New[V any](c Config) *Cache[V] {
	if c.MaxBytes <= 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.Now == nil {
		panic("cache: Config.Now is not set")
	}
	if c.Shards <= 0 {
		c.Shards = int(max(1, min(defaultShards, c.MaxBytes/minShardBytes)))
		c.Shards = 1 << (bits.Len(uint(c.Shards)) - 1)
	}
	n := 1 << bits.Len(uint(min(c.Shards, maxShards)-1))
	cache := &Cache[V]{
		shards: make([]shard[V], n),
		shift:  uint(64 - bits.Len(uint(n-1))),
		seed:   maphash.MakeSeed(),
		now:    c.Now,
		idle:   make(chan struct{}),
	}
	cache.fills, cache.end = context.WithCancel(context.Background())
	for i := range cache.shards {
		cache.shards[i].max = c.MaxBytes / int64(n)
		cache.shards[i].hand = none
	}
	return cache
}

// Peek returns the value of key if one is there that is still true and no part
// of which was learnt before oldest (the zero time sets no bound). It neither
// waits nor allocates nor keeps key.
func (c *Cache[V]) Peek(key []byte, oldest time.Time) (V, bool) {
	return c.PeekAt(key, c.now(), oldest)
}

// PeekAt is Peek for a caller who has just read the clock that the Cache was
// given: on a hit, reading it costs about as much as all the rest.
func (c *Cache[V]) PeekAt(key []byte, now, oldest time.Time) (V, bool) {
	h := maphash.Bytes(c.seed, key)
	c.heed(now)
	return peek(&c.shards[h>>c.shift], uint32(h), key, nanos(oldest), now.UnixNano())
}

// PeekString is Peek for a key that is a string.
func (c *Cache[V]) PeekString(key string, oldest time.Time) (V, bool) {
	h := maphash.String(c.seed, key)
	now := c.now()
	c.heed(now)
	return peek(&c.shards[h>>c.shift], uint32(h), key, nanos(oldest), now.UnixNano())
}

// heed forgets everything where the clock was set back by more than overtaken: nobody
// knows how much longer any of it is true. It is seen by a reading that lies before an
// earlier one, or, once a second, by less time having passed than by the monotonic
// clock, where the Cache's clock has both.
func (c *Cache[V]) heed(now time.Time) {
	mark := c.seen.Load()
	if mark != nil {
		passed := now.UnixNano() - mark.UnixNano()
		if passed >= -overtaken && passed <= overtaken {
			return
		}
		if passed < 0 { // the caller may have read the clock a while ago
			now = c.now()
			passed = now.UnixNano() - mark.UnixNano()
		}
		back := passed < -overtaken || passed < int64(now.Sub(*mark))-overtaken
		next := now // so that nothing is allocated on the way out above
		if c.seen.CompareAndSwap(mark, &next) && back {
			c.DropFunc(func(string, V) bool { return true })
		}
		return
	}
	first := now
	c.seen.CompareAndSwap(nil, &first)
}

// Put keeps e under key, in place of what was there and of what a fill that is
// under way may bring. A longer key is kept itself, without a copy: where it is a
// part of a longer string, all of that is. A value larger than a shard, or no longer true, is not
// kept, and what was there is dropped all the same.
//
// Who learns a value, and is overtaken by a Drop before the Put, undoes the Drop
// unless Entry.Since is set: a value learnt before the last Drop of any key in
// the same shard changes nothing.
func (c *Cache[V]) Put(key string, e Entry[V]) {
	h := maphash.String(c.seed, key)
	s := &c.shards[h>>c.shift]
	now := c.now().UnixNano()
	learnt := since(e, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if learnt < s.dropped && !e.Since.IsZero() {
		return
	}
	s.overtake(key)
	s.put(uint32(h), key, e, learnt, now)
}

// Drop forgets key and reports whether a value was there. The result of a fill
// of key that is under way goes to those who already wait for it and is not kept.
func (c *Cache[V]) Drop(key string) bool {
	h := maphash.String(c.seed, key)
	s := &c.shards[h>>c.shift]
	now := c.now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = max(s.dropped, now)
	s.overtake(key)
	p, e := find(&s.table, uint32(h), key)
	if e == nil {
		return false
	}
	s.remove(p)
	return true
}

// DropFunc forgets every key for which f is true and returns their number. What
// is being filled cannot be shown to f yet, so no fill that is under way is kept.
// f runs under a lock: it must not call the Cache.
func (c *Cache[V]) DropFunc(f func(key string, v V) bool) int {
	c.dropping.Lock()
	defer c.dropping.Unlock()
	n := 0
	// What is learnt in the meantime may rest on what is still there.
	for i := range c.shards {
		c.shards[i].shut(math.MaxInt64)
	}
	for i := range c.shards {
		n += c.shards[i].dropFunc(f)
	}
	now := c.now().UnixNano()
	for i := range c.shards {
		c.shards[i].shut(now)
	}
	return n
}

// Stats counts over all shards, one after the other.
func (c *Cache[V]) Stats() Stats {
	var t Stats
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		t.Entries += s.table.live
		t.Bytes += s.used()
		t.Hits += s.hits.Load()
		t.Misses += s.misses.Load()
		t.Evictions += s.evictions
		t.Expired += s.expired
		t.TooLarge += s.tooLarge
		s.mu.RUnlock()
	}
	return t
}

// since is when the oldest part of e was learnt: as it says, else otherwise.
func since[V any](e Entry[V], otherwise int64) int64 {
	if e.Since.IsZero() {
		return otherwise
	}
	return nanos(e.Since)
}

var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// nanos is t as nanoseconds since 1970, held within what an int64 can say
// (1677 to 2262): time.Time.UnixNano wraps around outside of it, so that a value
// meant for ever would be taken as expired and no bound at all as a strict one.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero() || t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}
