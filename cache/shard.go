package cache

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
)

// shard is one lock's part of a Cache: a queue of slots in the order in which
// they were stored, an index over them, and the fills of missing keys.
//
// Who makes room follows SIEVE (Zhang et al., NSDI 2024): a hit only marks the
// slot; the hand walks from the oldest to the newest, forgives a marked slot
// once, and evicts the first that is unmarked. So a hit writes nothing that
// other readers want, and a flood of names asked once passes through without
// displacing those in use.
type shard[V any] struct {
	mu     sync.RWMutex // guards all below but the two counters
	hits   atomic.Uint64
	misses atomic.Uint64

	index   index
	slots   slots[V]
	hand    uint32 // where the search for a victim goes on; 0: at the oldest
	payload int64  // bytes of the keys and, as stated, of the values
	max     int64
	flights map[string]*flight[V]

	evictions, expired, tooLarge uint64

	_ [64]byte // keeps the locks of neighbours off one cache line
}

// peek is the way of a hit: it reads under the shared lock and marks the slot.
func peek[K string | []byte, V any](s *shard[V], tag uint32, key K, oldest, now int64) (v V, ok bool) {
	s.mu.RLock()
	if i := find(s, tag, key); i != 0 {
		if e := s.slots.at(i); e.until > now && e.since >= oldest {
			v, ok = e.value, true
			if e.marked.Load() == 0 {
				e.marked.Store(1)
			}
		}
	}
	s.mu.RUnlock()
	if ok {
		s.hits.Add(1)
	}
	return v, ok
}

// find returns the slot of key, 0 if there is none.
func find[K string | []byte, V any](s *shard[V], tag uint32, key K) uint32 {
	for p := s.index.first(tag); ; p = s.index.next(p) {
		i, t := s.index.look(p)
		if i == 0 {
			return 0
		}
		if t == tag && s.slots.at(i).key == string(key) {
			return i
		}
	}
}

// put stores e, learnt at since, in place of what key had.
func (s *shard[V]) put(tag uint32, key string, e Entry[V], since, now int64) {
	n := slot[V]{value: e.Value, since: since, until: nanos(e.Until), tag: tag}
	if i := find(s, tag, key); i != 0 {
		old := s.slots.at(i)
		n.key = old.key
		n.marked.Store(old.marked.Load()) // a key in use keeps its mark over a refresh
		if old.until <= now {
			s.expired++
		}
		s.remove(i)
	} else {
		n.key = strings.Clone(key) // a slice of a longer string would keep all of it
	}
	s.sweep(now)
	if n.until <= now {
		return
	}
	bytes := stringBytes(key) + max(0, int64(e.Size))
	if !s.makeRoom(bytes, now) {
		s.tooLarge++
		return
	}
	n.bytes = uint32(bytes)
	s.payload += bytes
	s.index.add(tag, s.slots.add(&n))
}

// remove forgets the entry in slot i.
func (s *shard[V]) remove(i uint32) {
	e := s.slots.at(i)
	if s.hand == i {
		s.hand = e.newer
	}
	s.index.remove(e.tag, i)
	s.payload -= int64(e.bytes)
	s.slots.remove(i)
}

// sweep removes what has expired at the old end of the queue, two at most, so
// that a cache that is not full shrinks to what is still true.
func (s *shard[V]) sweep(now int64) {
	for range 2 {
		i := s.slots.oldest
		if i == 0 || s.slots.at(i).until > now {
			return
		}
		s.remove(i)
		s.expired++
	}
}

// makeRoom evicts until an entry of that many bytes fits. It reports false, and
// evicts nothing, if it never would.
func (s *shard[V]) makeRoom(bytes, now int64) bool {
	if bytes > math.MaxUint32 || bytes+s.slots.chunkBytes()+8*firstCells > s.max {
		return false
	}
	for s.used()+bytes+s.index.growth()+s.slots.growth() > s.max {
		if s.slots.sparse() {
			s.rebuild() // many small entries left tables that a few large ones do not need
			continue
		}
		s.evict(now)
	}
	return true
}

// evict removes one entry; there must be one.
func (s *shard[V]) evict(now int64) {
	for {
		if s.hand == 0 {
			s.hand = s.slots.oldest
		}
		e := s.slots.at(s.hand)
		switch {
		case e.until <= now:
			s.expired++
		case e.marked.Load() != 0:
			e.marked.Store(0)
			s.hand = e.newer
			continue
		default:
			s.evictions++
		}
		s.remove(s.hand) // moves the hand on
		return
	}
}

// rebuild moves the entries into tables of the size that they need. The hand
// starts over at the oldest.
func (s *shard[V]) rebuild() {
	from := s.slots
	s.slots, s.index, s.hand = slots[V]{}, index{}, 0
	for i := from.oldest; i != 0; {
		e := from.at(i)
		i = e.newer
		s.index.add(e.tag, s.slots.add(e))
	}
}

func (s *shard[V]) dropFunc(f func(string, V) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, flight := range s.flights {
		flight.stale = true
	}
	for i := s.slots.oldest; i != 0; {
		e := s.slots.at(i)
		this := i
		i = e.newer
		if f(e.key, e.value) {
			s.remove(this)
			n++
		}
	}
	return n
}

// used is what the shard holds in bytes: its tables as they are allocated, not
// as they are filled.
func (s *shard[V]) used() int64 { return s.payload + s.index.bytes() + s.slots.bytes() }

// stringBytes is what Go's allocator hands out for a string of that length: its
// classes lie 8 or 16 bytes apart at first, then an eighth.
func stringBytes(s string) int64 {
	n := int64(len(s))
	return (n + max(15, n/8)) &^ 7
}
