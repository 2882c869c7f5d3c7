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
// old the keys were that proved them. What it brings is kept for all.
// A failure that is known stands, as for every question (see fresh).
func (r *Resolver) fetchRooted(ctx context.Context, key, name string, q dnssec.Question) (*dnssec.Answer, error) {
	for _, k := range []string{failureKey(key), key} {
		if e, ok := r.cache.PeekString(k, time.Time{}); ok && failed(e.answer) {
			return e.answer, nil
		}
	}
	now := r.cfg.Now()
	e, err := r.cache.Get(ctx, rootedKey(key, q.ChainAge), now, func(ctx context.Context) (cache.Entry[*entry], error) {
		a, says := r.walkTo(ctx, name, q.Type, now, q.ChainAge)
		if says && !r.leaveBe(key, a) {
			r.cache.Put(key, cache.Entry[*entry]{Value: keptAnswer(key, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched})
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
