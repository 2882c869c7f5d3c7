package cache

import (
	"reflect"
	"sync/atomic"
)

// slots is a queue of entries, oldest to newest, in chunks, so that growing
// copies nothing. Slot 0 stands for none.
type slots[V any] struct {
	chunks []*[chunkSlots]slot[V]
	live   int
	oldest uint32
	newest uint32
	free   uint32 // unused slots, chained by newer
}

const chunkSlots = 64

// slot is one key and its value. With a V of one word it is 64 bytes, a cache line.
type slot[V any] struct {
	key          string
	value        V
	since, until int64
	newer, older uint32
	tag          uint32 // of the key's hash
	bytes        uint32 // of key and value
	marked       atomic.Uint32
}

func (q *slots[V]) at(i uint32) *slot[V] { return &q.chunks[i/chunkSlots][i%chunkSlots] }

// add appends a copy of e to the queue and returns its slot.
func (q *slots[V]) add(e *slot[V]) uint32 {
	if q.free == 0 {
		q.grow()
	}
	i := q.free
	n := q.at(i)
	q.free = n.newer
	n.key, n.value, n.since, n.until = e.key, e.value, e.since, e.until
	n.tag, n.bytes = e.tag, e.bytes
	n.marked.Store(e.marked.Load())
	n.older, n.newer = q.newest, 0
	if q.newest != 0 {
		q.at(q.newest).newer = i
	} else {
		q.oldest = i
	}
	q.newest = i
	q.live++
	return i
}

func (q *slots[V]) remove(i uint32) {
	e := q.at(i)
	if e.newer != 0 {
		q.at(e.newer).older = e.older
	} else {
		q.newest = e.older
	}
	if e.older != 0 {
		q.at(e.older).newer = e.newer
	} else {
		q.oldest = e.newer
	}
	var none V
	e.key, e.value = "", none // lets go of them
	e.newer, q.free = q.free, i
	q.live--
}

func (q *slots[V]) grow() {
	first := uint32(len(q.chunks)) * chunkSlots
	q.chunks = append(q.chunks, new([chunkSlots]slot[V]))
	for i := first + chunkSlots - 1; i > first || i == first && first != 0; i-- {
		q.at(i).newer, q.free = q.free, i
	}
}

// sparse reports whether the entries would do with a quarter of the chunks.
func (q *slots[V]) sparse() bool {
	if q.live == 0 {
		return len(q.chunks) > 0
	}
	return len(q.chunks) > 1 && q.live*4 < len(q.chunks)*chunkSlots
}

// growth is the bytes that one more entry adds.
func (q *slots[V]) growth() int64 {
	if q.free != 0 {
		return 0
	}
	return q.chunkBytes()
}

func (q *slots[V]) bytes() int64 { return int64(len(q.chunks)) * q.chunkBytes() }

func (q *slots[V]) chunkBytes() int64 {
	return chunkSlots*int64(reflect.TypeFor[slot[V]]().Size()) + 8 // and the pointer to it
}
