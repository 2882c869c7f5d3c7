package api

import (
	"math/rand/v2"
	"sync"
	"time"
)

// ids makes the ids of verdicts and problems: 26 characters, a time in
// milliseconds and 80 random bits in Crockford's base 32 (the ULID's form), each
// greater than the one before. They name an answer in a log; they keep no secret.
// The zero value is ready.
type ids struct {
	mu sync.Mutex // guards all below
	ms uint64
	hi uint16
	lo uint64
}

// next returns an id for now. Within one millisecond, and where the clock steps
// back, it counts on from the last.
func (g *ids) next(now time.Time) string {
	var room [idSize]byte
	return string(g.appendNext(room[:0], now))
}

// NewIDs gives a maker of ids as the answers of this API have them, for whoever
// answers beside it. It may be called by many at once.
func NewIDs(now func() time.Time) func() string {
	g := &ids{}
	return func() string { return g.next(now()) }
}

const idSize = 26

// appendNext appends what next returns.
func (g *ids) appendNext(dst []byte, now time.Time) []byte {
	ms := uint64(max(now.UnixMilli(), 0)) & (1<<48 - 1)
	g.mu.Lock()
	if ms > g.ms {
		// The top bit stays clear, so that counting on cannot overflow.
		g.ms, g.hi, g.lo = ms, uint16(rand.Uint32())&0x7fff, rand.Uint64()
	} else if g.lo++; g.lo == 0 {
		g.hi++
	}
	ms, hi, lo := g.ms, g.hi, g.lo
	g.mu.Unlock()

	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var id [idSize]byte
	for i := 9; i >= 0; i-- {
		id[i], ms = alphabet[ms&31], ms>>5
	}
	for i := 25; i >= 10; i-- {
		id[i] = alphabet[lo&31]
		lo = lo>>5 | uint64(hi&31)<<59
		hi >>= 5
	}
	return append(dst, id[:]...)
}
