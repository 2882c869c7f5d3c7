package cache

import (
	"reflect"
	"sync/atomic"
	"time"
	"unsafe"
)

// table finds entries by key and keeps them in the order in which they were
// stored. A key and its value lie side by side in one array, by open addressing
// with linear probing, since each further place to look at is a miss of the
// processor's caches: the order, which hits do not need, lies in a second array.
type table[V any] struct {
	slots  []slot[V] // at most four fifths in use
	order  []link    // of the slot with the same number
	live   int
	oldest uint32 // none where there is none, as is newest
	newest uint32
}

// slot is one key and its value. With a V of one word it is 64 bytes: a cache line.
type slot[V any] struct {
	value        V
	since, until int64
	long         *byte  // the text of a key over shortKey
	tag          uint32 // of the key's hash; says where the search for it begins
	state        uint32 // inUse, marked (set by readers, so atomically), isLong, and the length of the key
	short        [shortKey]byte
}

// holds reports whether the value holds at now. One that was learnt well after now was
// learnt before the clock was set back, and its until would come too late.
func (e *slot[V]) holds(now int64) bool { return e.until > now && e.since <= now+overtaken }

// overtaken is how much later than now a value may have been learnt: who reads the
// clock and then the cache may meet what others put there meanwhile.
const overtaken = int64(time.Second)

const (
	inUse  = 1 << 31
	marked = 1 << 30
	isLong = 1 << 29
	length = isLong - 1

	shortKey = 24
)

// link is a slot's place in the queue.
type link struct {
	newer, older uint32
	bytes        uint32 // of the value, and of a key that is long
}

const (
	none       = ^uint32(0)
	firstSlots = 64
)

// find returns the slot of key.
func find[K string | []byte, V any](t *table[V], tag uint32, key K) (uint32, *slot[V]) {
	n := uint32(len(t.slots))
	if n == 0 {
		return none, nil
	}
	for p := home(tag, n); ; p++ {
		if p == n {
			p = 0
		}
		e := &t.slots[p]
		state := atomic.LoadUint32(&e.state)
		if state&inUse == 0 {
			return none, nil
		}
		if e.tag != tag {
			continue
		}
		if int(state&length) == len(key) && e.text(state) == string(key) {
			return p, e
		}
	}
}

// home is where the search for a tag begins among n slots.
func home(tag, n uint32) uint32 { return uint32(uint64(tag) * uint64(n) >> 32) }

// key is the slot's key; it does not point into the slot.
func (e *slot[V]) key() string {
	state := atomic.LoadUint32(&e.state) // readers mark it meanwhile
	if state&isLong == 0 {
		return string(e.short[:state&length])
	}
	return e.text(state)
}

// text is the key of a slot in that state; a short one points into the slot, and
// is true only as long as the shard is locked.
func (e *slot[V]) text(state uint32) string {
	if state&isLong == 0 {
		return unsafe.String(&e.short[0], state&length)
	}
	return unsafe.String(e.long, state&length)
}

// add stores e under key, which must not be there, as the newest.
func (t *table[V]) add(key string, e slot[V], bytes uint32) {
	e.state |= inUse | uint32(len(key))
	if len(key) > shortKey {
		e.long, e.state = unsafe.StringData(key), e.state|isLong
	} else {
		copy(e.short[:], key)
	}
	if n := capacity(t.live+1, len(t.slots)); n > len(t.slots) {
		t.resize(n)
	}
	t.append(&e, bytes)
}

// append places e, whole, where there is room for it.
func (t *table[V]) append(e *slot[V], bytes uint32) {
	n := uint32(len(t.slots))
	p := home(e.tag, n)
	for t.slots[p].state&inUse != 0 {
		if p++; p == n {
			p = 0
		}
	}
	t.slots[p] = *e
	t.order[p] = link{newer: none, older: t.newest, bytes: bytes}
	if t.newest != none {
		t.order[t.newest].newer = p
	} else {
		t.oldest = p
	}
	t.newest = p
	t.live++
}

// remove takes slot gap out and moves into it what was placed past it for want
// of room: a slot left empty would end the search for those. moved is told.
func (t *table[V]) remove(gap uint32, moved func(from, to uint32)) {
	t.unlink(gap)
	t.live--
	n := uint32(len(t.slots))
	for p := gap; ; {
		if p++; p == n {
			p = 0
		}
		e := &t.slots[p]
		if e.state&inUse == 0 {
			break
		}
		if distance(home(e.tag, n), p, n) >= distance(gap, p, n) {
			t.slots[gap] = *e
			t.relink(p, gap)
			moved(p, gap)
			gap = p
		}
	}
	t.slots[gap] = slot[V]{} // lets go of key and value
}

// distance is how many slots p lies after from.
func distance(from, p, n uint32) uint32 {
	if p < from {
		p += n
	}
	return p - from
}

func (t *table[V]) unlink(p uint32) {
	l := t.order[p]
	if l.newer != none {
		t.order[l.newer].older = l.older
	} else {
		t.newest = l.older
	}
	if l.older != none {
		t.order[l.older].newer = l.newer
	} else {
		t.oldest = l.newer
	}
}

// relink gives the place of one slot in the queue to another.
func (t *table[V]) relink(from, to uint32) {
	l := t.order[from]
	t.order[to] = l
	if l.newer != none {
		t.order[l.newer].older = to
	} else {
		t.newest = to
	}
	if l.older != none {
		t.order[l.older].newer = to
	} else {
		t.oldest = to
	}
}

// resize moves the entries, in their order, into n slots.
func (t *table[V]) resize(n int) {
	from := *t
	*t = table[V]{slots: make([]slot[V], n), order: make([]link, n), oldest: none, newest: none}
	if from.live == 0 {
		return
	}
	for p := from.oldest; p != none; p = from.order[p].newer {
		t.append(&from.slots[p], from.order[p].bytes)
	}
}

// capacity is how many slots a table of now slots needs for live entries. It
// grows by an eighth: doubling would leave half of the memory empty.
func capacity(live, now int) int {
	n := max(now, firstSlots)
	for live*5 > n*4 {
		n += n / 8
	}
	return n
}

// growth is the bytes that one more entry adds.
func (t *table[V]) growth() int64 {
	return int64(capacity(t.live+1, len(t.slots))-len(t.slots)) * slotBytes[V]()
}

// sparse reports whether the entries would do with a quarter of the slots.
func (t *table[V]) sparse() bool {
	return len(t.slots) > firstSlots && t.live*4 < len(t.slots)
}

func (t *table[V]) bytes() int64 { return int64(len(t.slots)) * slotBytes[V]() }

func slotBytes[V any]() int64 {
	return int64(reflect.TypeFor[slot[V]]().Size() + reflect.TypeFor[link]().Size())
}
