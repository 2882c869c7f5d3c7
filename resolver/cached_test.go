package resolver

import (
	"testing"
	"time"

	"cnfd/dnssec"
)

// TestCachedAsksNobody: it gives what Lookup has learnt, within the age that is
// allowed, and sends nothing where there is none.
func TestCachedAsksNobody(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		q := dnssec.Question{Type: dnssec.TypeTLSA}
		q.Name, _ = dnssec.NameOf(owner)
		if a, ok := r.Cached(q); ok || l.count() != 0 {
			t.Fatalf("before anything was asked: %v, %d messages", a, l.count())
		}
		want := ask(t, r, owner, dnssec.TypeTLSA)
		if want.Security != dnssec.Secure {
			t.Fatalf("%s %+v", want.Security, want.Trouble)
		}
		l.count()
		if a, ok := r.Cached(q); !ok || a != want {
			t.Errorf("what was looked up is not given: %v", a)
		}
		time.Sleep(2 * time.Second)
		bounded, past := q, q
		bounded.Bounded, bounded.MaxAge = true, time.Second
		past.At = time.Now()
		if _, ok := r.Cached(bounded); ok {
			t.Error("what is older than allowed is given")
		}
		if bounded.MaxAge = 3 * time.Second; true {
			if a, ok := r.Cached(bounded); !ok || a != want {
				t.Error("what is young enough is not given")
			}
		}
		if _, ok := r.Cached(past); ok {
			t.Error("the judgement of another time is given from the cache")
		}
		if links, proofs := r.Chain(want); len(links) < 2 || len(proofs) != len(links) {
			t.Errorf("a chain of %d links, %d proofs", len(links), len(proofs))
		}
		if n := l.count(); n != 0 {
			t.Errorf("%d messages were sent", n)
		}
	})
}
