// Package replay remembers the proofs that were taken, so that none is taken twice.
//
// It is a memory of one process: its end forgets, and two daemons know nothing of
// each other. Nodes that are to share one give the verifier another.
package replay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"cnfd/thumbprint"
)

// DefaultProofs is how many proofs are remembered at once unless the Config says
// otherwise.
const DefaultProofs = 1 << 20

// Config is what a Memory needs. Now is required.
type Config struct {
	Now func() time.Time
	// Proofs bounds what is remembered at once: one key may hold an eighth of it, so
	// that nobody fills it alone. Default DefaultProofs; 2³⁰ at the most.
	Proofs int
	// Forgotten is until when proofs are that another memory may have taken, which is
	// no more: that of the process before this one. What lives no longer is an error.
	// Zero: there was none.
	Forgotten time.Time
}

// Memory remembers proofs until their time has passed: about 56 octets each, and a
// table of 4 octets for each that it may hold, once there is one. It is made by New
// and used by many at once.
type Memory struct {
	now    func() time.Time
	limit  int
	each   uint32   // that one key may hold
	secret [32]byte // keeps strangers from choosing where their proofs fall

	mu    sync.Mutex // guards what follows
	table table
	held  map[uint64]uint32 // proofs by key, in its digest
	// forgotten is the latest Until, in seconds, of what was forgotten. What has one
	// that is not later may have been among it: where the clock was set back it could
	// be good again.
	forgotten int64
}

// New makes a Memory; the error names the field that is missing or wrong.
func New(c Config) (*Memory, error) {
	switch {
	case c.Now == nil:
		return nil, errors.New("replay: Config.Now is missing")
	case c.Proofs < 0 || c.Proofs > 1<<30:
		return nil, errors.New("replay: Config.Proofs: want 1 to 2³⁰, or 0 for the default")
	case c.Proofs == 0:
		c.Proofs = DefaultProofs
	}
	m := &Memory{now: c.Now, limit: c.Proofs, each: uint32(max(1, c.Proofs/8)), held: map[uint64]uint32{}, forgotten: math.MinInt64}
	if !c.Forgotten.IsZero() {
		m.forgotten = c.Forgotten.Unix()
	}
	rand.Read(m.secret[:])
	return m, nil
}

// Take remembers the proof with that jti by that key until then, and reports whether
// it is the first: of many who take one proof at once, one is told so. An error says
// that it cannot be remembered, and nothing of what it is: there is no room, or its
// time has passed and it may have been forgotten. Nothing whose time has not passed
// is forgotten to make room. A ctx that has ended takes nothing.
func (m *Memory) Take(ctx context.Context, key thumbprint.Thumbprint, jti []byte, until time.Time) (first bool, err error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case key.IsZero() || len(jti) == 0:
		return false, errors.New("replay: no key or no jti to remember the proof by")
	case until.IsZero():
		return false, errors.New("replay: no time until which to remember the proof")
	}
	name, of := m.name(key, jti)
	now, end := m.now().Unix(), until.Unix() // what ends in a second is forgotten in the next

	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now, sweepEach)
	if m.table.has(&name) {
		return false, nil
	}
	if end <= m.forgotten {
		return false, errors.New("replay: the proof is older than what is remembered: nobody can say whether it was taken before")
	}
	for m.full(of) {
		if m.forget(now, sweepAll) == 0 {
			return false, m.noRoom()
		}
	}
	m.table.add(entry{name: name, key: of}, end, m.limit)
	m.held[of]++
	return true, nil
}

// Len is how many proofs are remembered, those included whose time has passed and
// that have not been swept yet.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.size
}

// What a call forgets: more than the one proof that it adds, so that what has passed
// goes, and few, so that nobody waits for a million. Only for want of room it is more.
const (
	sweepEach = 4
	sweepAll  = 1 << 10
)

// forget drops up to most proofs whose time has passed, the oldest first, and says
// how many.
func (m *Memory) forget(now int64, most int) (n int) {
	for ; n < most; n++ {
		e, end, ok := m.table.oldest(now)
		if !ok {
			break
		}
		m.forgotten = max(m.forgotten, end)
		if m.held[e]--; m.held[e] == 0 {
			delete(m.held, e)
		}
	}
	return n
}

func (m *Memory) full(key uint64) bool { return m.table.size >= m.limit || m.held[key] >= m.each }

func (m *Memory) noRoom() error {
	if m.table.size >= m.limit {
		return fmt.Errorf("replay: full: %d proofs are remembered, and none of them may be forgotten yet", m.limit)
	}
	return fmt.Errorf("replay: full: one key holds %d proofs, and none of them may be forgotten yet", m.each)
}

// name hashes a proof and its key, each of them told apart from what is beside it.
func (m *Memory) name(key thumbprint.Thumbprint, jti []byte) (name [sha256.Size]byte, of uint64) {
	var buffer [512]byte
	b := append(buffer[:0], m.secret[:]...)
	b = append(b, byte(key.Kind()), byte(key.Hash()))
	b = key.AppendSum(b) // of the hash's length
	sum := sha256.Sum256(b)
	return sha256.Sum256(append(b, jti...)), binary.BigEndian.Uint64(sum[:])
}
