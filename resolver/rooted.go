package resolver

import (
	"context"
	"encoding/binary"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"
)

// fetchRooted answers a question that bounds the age of its chain of trust. Only those
// who ask the same, with the same bound, share the fetch: others' answers do not say how
// old the keys were that proved them. What it brings is kept for all; but a failure
// only for those who set a bound: with keys that are older, and still true, others may
// find what it did not. A failure that is known stands, as for every question (see fresh).
func (r *Resolver) fetchRooted(ctx context.Context, key, name string, q dnssec.Question) (*dnssec.Answer, error) {
	for _, k := range []string{failureKey(key), unsureKey(key), key} {
		if e, ok := r.cache.PeekString(k, time.Time{}); ok && failed(e.answer) {
			return e.answer, nil
		}
	}
	now := r.cfg.Now()
	e, err := r.cache.Get(ctx, rootedKey(key, q.ChainAge), now, func(ctx context.Context) (cache.Entry[*entry], error) {
		a, says := r.walkTo(ctx, name, q.Type, now, q.ChainAge)
		switch {
		case says && failed(a):
			r.keep(unsureKey(key), a)
		case says:
			r.keep(key, a)
		}
		return cache.Entry[*entry]{Value: &entry{answer: a}}, nil // which is not kept
	})
	if err != nil {
		return nil, err
	}
	return e.answer, nil
}

// rootedKey is the key of a flight, from that of the answer.
func rootedKey(answer string, age time.Duration) string {
	return string(binary.BigEndian.AppendUint64([]byte{keyRooted}, uint64(age))) + answer[1:]
}

// holds reports whether others know the zone of a cut, which could not be proven, by a
// better one that is still true, and which is only too old for this walk: it is theirs
// for as long as the tree has said.
func (w *walk) holds(c *cut) bool {
	if w.rooted.IsZero() {
		return false
	}
	e, ok := w.r.cache.PeekString(cutKey(c.zone.Name), time.Time{})
	return ok && e.cut.overridden == c.overridden && w.terms.Now.Before(e.cut.until) &&
		e.cut.zone.Security != dnssec.Bogus && !e.cut.zone.Trouble.Unreachable
}
