package replay

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// table is a set of proofs: chained by their names to be found, and by their last
// seconds to be forgotten. Entries lie in pages, so that growing moves none and the
// garbage collector looks at none. It is a Memory's, and guarded by its lock.
type table struct {
	size    int
	heads   []ref // of the chains, by the first bits of a name; nil before the first proof
	pages   []*[pageSize]entry
	free    ref   // chain of entries that hold nothing
	used    ref   // entries that have ever held something
	seconds queue // each that an entry ends in, the earliest first
	ending  map[int64]ref
}

// entry is one proof. It holds no pointer.
type entry struct {
	name [sha256.Size]byte
	key  uint64 // digest of its key
	next ref    // with a name that falls into the same chain
	mate ref    // that ends in the same second
}

// ref is an entry's place, from 1; 0 is none.
type ref uint32

const pageSize = 1 << 10

func (t *table) at(r ref) *entry { return &t.pages[(r-1)/pageSize][(r-1)%pageSize] }

func (t *table) head(name *[sha256.Size]byte) *ref {
	return &t.heads[binary.BigEndian.Uint32(name[:])&uint32(len(t.heads)-1)]
}

// has reports whether a proof is there.
func (t *table) has(name *[sha256.Size]byte) bool {
	if t.heads == nil {
		return false
	}
	for r := *t.head(name); r != 0; r = t.at(r).next {
		if t.at(r).name == *name {
			return true
		}
	}
	return false
}

// add puts a proof in that is not there, of at most limit.
func (t *table) add(e entry, end int64, limit int) {
	if t.heads == nil {
		t.heads = make([]ref, 1<<bits.Len(uint(limit-1)))
		t.ending = map[int64]ref{}
	}
	r := t.place()
	head := t.head(&e.name)
	mate, there := t.ending[end]
	if !there {
		heap.Push(&t.seconds, end)
	}
	e.next, e.mate = *head, mate
	*t.at(r) = e
	*head, t.ending[end] = r, r
	t.size++
}

// place gives an entry that holds nothing.
func (t *table) place() ref {
	if r := t.free; r != 0 {
		t.free = t.at(r).next
		return r
	}
	if int(t.used) == len(t.pages)*pageSize {
		t.pages = append(t.pages, new([pageSize]entry))
	}
	t.used++
	return t.used
}

// oldest takes a proof out that ends in the earliest second, if that is before now.
func (t *table) oldest(now int64) (key uint64, end int64, ok bool) {
	if len(t.seconds) == 0 || t.seconds[0] >= now {
		return 0, 0, false
	}
	end = t.seconds[0]
	r := t.ending[end]
	e := t.at(r)
	if e.mate != 0 {
		t.ending[end] = e.mate
	} else {
		delete(t.ending, end)
		heap.Pop(&t.seconds)
	}
	link := t.head(&e.name)
	for *link != r {
		link = &t.at(*link).next
	}
	*link = e.next
	key = e.key
	*e = entry{next: t.free}
	t.free = r
	t.size--
	return key, end, true
}

// queue is a heap of seconds (container/heap).
type queue []int64

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i] < q[j] }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(int64)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
