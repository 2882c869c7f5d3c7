package authz

import (
	"context"
	"log/slog"
	"sync/atomic"

	"cnfd/verifier"
)

// Count is how often a question came to one end since the start.
type Count struct {
	Status          int    // 200, 401, 403 or 503; where Observed, what it would have been
	Outcome, Reason string // as in Cnf-Outcome and Cnf-Reason
	Observed        bool   // everything was let through
	N               uint64
}

// counts has a counter for each cause and reason, and one more for the reasons that
// come after those that are known here.
type counts [causeCount][maxReasons + 1]counter

type counter struct {
	n  atomic.Uint64
	as atomic.Pointer[Count] // with everything but N
}

const maxReasons = 31

// Counts gives every end that a question has come to, in no order that matters.
func (h *Handler) Counts() (all []Count) {
	for c := range h.counts {
		for r := range h.counts[c] {
			one := &h.counts[c][r]
			if as := one.as.Load(); as != nil {
				count := *as
				count.N = one.n.Load()
				all = append(all, count)
			}
		}
	}
	return all
}

// count counts one answer. What an operator should see is logged too: the first, the
// second, the fourth, so that strangers cannot fill the log.
func (h *Handler) count(c cause, r verifier.Reason, status int, outcome, reason string) {
	one := &h.counts[c][min(r, maxReasons)]
	if one.as.Load() == nil {
		one.as.CompareAndSwap(nil, &Count{Status: status, Outcome: outcome, Reason: reason, Observed: h.c.Observe})
	}
	n := one.n.Add(1)
	if n&(n-1) != 0 || c == passed {
		return
	}
	level := slog.LevelDebug
	if h.c.Observe || c == strangePeer || c == oddHeaders {
		level = slog.LevelWarn
	}
	h.c.Log.Log(context.Background(), level, "authz: not let through", "status", status, "outcome", outcome, "reason", reason,
		"times", n, "observed", h.c.Observe, "what", causes[c].detail)
}
