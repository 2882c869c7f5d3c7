package cache

import (
	"math"
	"sync"
	"sync/atomic"
)

// shard is one lock's part of a Cache.
//
// Who makes room follows SIEVE (Zhang et al., NSDI 2024): a hit only marks the
// entry; the hand walks from the oldest to the newest, forgives a marked entry
// once, and evicts the first that is unmarked. So a hit writes nothing that
// other readers want, and a flood of names asked once passes through without
// displacing those in use.
type shard[V any] struct {
	mu     sync.RWMutex // guards all below but the two counters
	hits   atomic.Uint64
	misses atomic.Uint64

	table   table[V]
	hand    uint32 // where the search for a victim goes on; none: at the oldest
	payload int64  // bytes of long keys and, as stated, of the values
	max     int64
	dropped int64 // when something was last dropped
	flights map[string]*flight[V]

	evictions, expired, tooLarge uint64

	_ [64]byte // keeps the locks of neighbours off one cache line
}

// peek is the way of a hit: it reads under the shared lock and marks the entry.
func peek[K string | []byte, V any](s *shard[V], tag uint32, key K, oldest, now int64) (v V, ok bool) {
	s.mu.RLock()
	if _, e := find(&s.table, tag, key); e != nil && e.holds(now) && e.since >= oldest {
		v, ok = e.value, true
		if atomic.LoadUint32(&e.state)&marked == 0 {
			atomic.OrUint32(&e.state, marked)
		}
	}
	s.mu.RUnlock()
	if ok {
		s.hits.Add(1)
	}
	return v, ok
}

// put stores e, learnt at since, in place of what key had.
func (s *shard[V]) put(tag uint32, key string, e Entry[V], since, now int64) {
	n := slot[V]{value: e.Value, since: since, until: nanos(e.Until), tag: tag}
	if p, old := find(&s.table, tag, key); old != nil {
		n.state = old.state & marked // a key in use keeps its mark over a refresh
		if !old.holds(now) {
			s.expired++
		}
		s.remove(p)
	}
	s.sweep(now)
	if !n.holds(now) {
		return
	}
	bytes := keyBytes(key) + min(max(0, int64(e.Size)), math.MaxUint32) // no sum overflows
	if len(key) > length || !s.makeRoom(bytes, now) {
		s.tooLarge++
		return
	}
	s.payload += bytes
	s.table.add(key, n, uint32(bytes))
}

// remove forgets the entry in slot p; others may take its number.
func (s *shard[V]) remove(p uint32) {
	l := s.table.order[p]
	s.payload -= int64(l.bytes)
	if s.hand == p {
		s.hand = l.newer
	}
	s.table.remove(p, func(from, to uint32) {
		if s.hand == from {
			s.hand = to
		}
	})
}

// sweep removes what has expired at the old end of the queue, two at most, so
// that a cache that is not full shrinks to what is still true.
func (s *shard[V]) sweep(now int64) {
	for n := 0; n < 2 && s.table.live > 0 && !s.table.slots[s.table.oldest].holds(now); n++ {
		s.remove(s.table.oldest)
		s.expired++
	}
}

// makeRoom evicts until an entry of that many bytes fits. It reports false, and
// evicts nothing, if it never would.
func (s *shard[V]) makeRoom(bytes, now int64) bool {
	if bytes > math.MaxUint32 || bytes+firstSlots*slotBytes[V]() > s.max {
		return false
	}
	for s.used()+bytes+s.table.growth() > s.max {
		if s.table.sparse() {
			// Many small entries left a table that a few large ones do not need.
			s.table.resize(capacity(s.table.live+1, 0))
			s.hand = none
			continue
		}
		s.evict(now)
	}
	if s.table.growth() > 0 {
		s.hand = none // the slots get new numbers: the hand starts over at the oldest
	}
	return true
}

// evict removes one entry; there must be one.
func (s *shard[V]) evict(now int64) {
	for {
		if s.hand == none {
			s.hand = s.table.oldest
		}
		e := &s.table.slots[s.hand]
		switch {
		case !e.holds(now):
			s.expired++
		case e.state&marked != 0:
			e.state &^= marked
			s.hand = s.table.order[s.hand].newer
			continue
		default:
			s.evictions++
		}
		s.remove(s.hand) // moves the hand on
		return
	}
}

// shut keeps out what was learnt before a time, by Put or by a flight that is under way;
// math.MaxInt64: everything, and flights that begin meanwhile as well.
func (s *shard[V]) shut(until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = until
	for _, flight := range s.flights {
		flight.stale = true
	}
}

func (s *shard[V]) dropFunc(f func(string, V) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := 0; p < len(s.table.slots); {
		e := &s.table.slots[p]
		if e.state&inUse == 0 || !f(e.key(), e.value) {
			p++
			continue
		}
		s.remove(uint32(p)) // another entry may have moved into p: look again
		n++
	}
	return n
}

// used is what the shard holds in bytes: its table as it is allocated, not as it
// is filled.
func (s *shard[V]) used() int64 { return s.payload + s.table.bytes() }

// keyBytes is what a key takes outside of its slot: what Go's allocator hands out
// for its text (classes lie 8 or 16 bytes apart at first, then an eighth).
func keyBytes(key string) int64 {
	n := int64(len(key))
	if n <= shortKey {
		return 0
	}
	return (n + max(15, n/8)) &^ 7
}
