package cache

// index finds a slot by the tag of its key's hash: open addressing with linear
// probing. A cell holds the tag in its upper half and the slot in its lower; 0
// is an empty cell. It has no pointers for the garbage collector to follow, and
// costs 11 to 22 bytes an entry where a Go map of strings costs 27 to 55.
type index struct {
	cells []uint64 // a power of two of them, at most three quarters in use
	n     int
}

const firstCells = 64

// first and next walk the cells in which a tag may be; look ends the walk with slot 0.
func (x *index) first(tag uint32) uint32 { return tag & uint32(len(x.cells)-1) }
func (x *index) next(p uint32) uint32    { return (p + 1) & uint32(len(x.cells)-1) }

func (x *index) look(p uint32) (slot, tag uint32) {
	if len(x.cells) == 0 {
		return 0, 0
	}
	return uint32(x.cells[p]), uint32(x.cells[p] >> 32)
}

// size is how many cells hold n entries.
func (x *index) size(n int) int {
	c := max(firstCells, len(x.cells))
	for n*4 > c*3 {
		c *= 2
	}
	return c
}

// growth is the bytes that one more entry adds.
func (x *index) growth() int64 { return 8 * int64(x.size(x.n+1)-len(x.cells)) }

func (x *index) bytes() int64 { return 8 * int64(len(x.cells)) }

func (x *index) add(tag, slot uint32) {
	if c := x.size(x.n + 1); c > len(x.cells) {
		old := x.cells
		x.cells = make([]uint64, c)
		for _, cell := range old {
			if cell != 0 {
				x.place(cell)
			}
		}
	}
	x.place(uint64(tag)<<32 | uint64(slot))
	x.n++
}

func (x *index) place(cell uint64) {
	p := x.first(uint32(cell >> 32))
	for x.cells[p] != 0 {
		p = x.next(p)
	}
	x.cells[p] = cell
}

// remove takes slot out and closes the gap: a cell left empty would end the
// walk to those that were placed past it.
func (x *index) remove(tag, slot uint32) {
	gap := x.first(tag)
	for uint32(x.cells[gap]) != slot {
		gap = x.next(gap)
	}
	mask := uint32(len(x.cells) - 1)
	for p := x.next(gap); x.cells[p] != 0; p = x.next(p) {
		home := x.first(uint32(x.cells[p] >> 32))
		if (p-home)&mask >= (p-gap)&mask {
			x.cells[gap], gap = x.cells[p], p
		}
	}
	x.cells[gap] = 0
	x.n--
}
