package resolver

import (
	"context"
	"strings"
	"time"

	"cnfd/dnssec"
)

// Cached answers q as Lookup does, where the cache has what q allows; else it asks
// nobody and says false.
func (r *Resolver) Cached(q dnssec.Question) (*dnssec.Answer, bool) {
	if !q.At.IsZero() {
		return nil, false
	}
	oldest := time.Time{}
	if q.Bounded {
		oldest = r.cfg.Now().Add(-q.MaxAge)
	}
	var buf [520]byte
	key := answerKey(buf[:0], q.Name.Bytes(), q.Type)
	e, ok := r.cache.Peek(key, time.Time{})
	if !ok || !fresh(e.answer, oldest) {
		return nil, false
	}
	if r.renews(q.Type) {
		r.renew(key, e.answer)
	}
	return e.answer, true
}

// Chain lists what is known of the zones that an answer rests on, as Explain does,
// and asks nobody.
func (r *Resolver) Chain(a *dnssec.Answer) []dnssec.Link {
	over, cancel := context.WithCancel(context.Background())
	cancel() // a walk asks for a zone anew that was bogus a while ago; this one has no time to
	return r.newWalk(over, r.cfg.Now()).chain(a)
}

// TurnedAway reports whether an answer says no more than that there was no room for
// its question.
func TurnedAway(a *dnssec.Answer) bool {
	return a.Trouble.Unreachable && strings.HasPrefix(a.Trouble.Text, noRoom)
}
