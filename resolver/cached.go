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
	if !q.At.IsZero() || q.ChainAge != 0 {
		return nil, false
	}
	now := q.Now
	if now.IsZero() {
		now = r.cfg.Now()
	}
	oldest := time.Time{}
	if q.Bounded {
		oldest = now.Add(-q.MaxAge)
	}
	var buf [520]byte
	key := answerKey(buf[:0], q.Name.Bytes(), q.Type)
	e, ok := r.cache.PeekAt(key, now, time.Time{})
	if !ok || !fresh(e.answer, oldest) {
		return nil, false
	}
	if r.renews(q.Type) {
		r.renew(key, e.answer)
	}
	return e.answer, true
}

// Chain lists what is known of the zones that an answer rests on, as Explain does,
// and asks nobody. proofs are, for each, its DS records, where no anchor vouches for it,
// and its keys, with their signatures; empty unless Config.Snapshots has them kept.
func (r *Resolver) Chain(a *dnssec.Answer) (links []dnssec.Link, proofs []dnssec.Records) {
	over, cancel := context.WithCancel(context.Background())
	cancel() // a walk asks for a zone anew that was bogus a while ago; this one has no time to
	w := r.newWalk(over, r.cfg.Now())
	links = w.chain(a)
	proofs = make([]dnssec.Records, len(links))
	for i, l := range links {
		if c := w.known(l.Zone); c != nil {
			proofs[i] = c.proof
		}
	}
	return links, proofs
}

// TurnedAway reports whether an answer, of Lookup or of LookupEach, says no more than
// that there was no room for its question, or that it gave way to others after dnssec.Patience.
func TurnedAway(a *dnssec.Answer) bool {
	return a.Trouble.Unreachable && strings.HasPrefix(a.Trouble.Text, noRoom)
}
