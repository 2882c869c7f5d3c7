package authz

import "sync/atomic"

// Count is how often a question came to one end since the start.
type Count struct {
	Status          int    // 200, 401, 403 or 503, as it was last; where Observed, what it would have been
	Outcome, Reason string // as in Cnf-Outcome and Cnf-Reason
	Observed        bool   // everything was let through
	N               uint64
}

// Counts counts what questions come to; a handler that takes another's place goes on
// with them (Config.Counts). The zero value is ready.
type Counts struct {
	// A counter for each cause and reason, by whether it was observed; the last is for
	// reasons that come after those that are known here.
	by [2][causeCount][maxReasons + 1]counter
}

type counter struct {
	n  atomic.Uint64
	as atomic.Pointer[Count] // with everything but N
}

const maxReasons = 31

// All gives every end that a question has come to, in no order that matters.
func (all *Counts) All() (ends []Count) {
	for o := range all.by {
		for c := range all.by[o] {
			for r := range all.by[o][c] {
				one := &all.by[o][c][r]
				if as := one.as.Load(); as != nil {
					count := *as
					count.N = one.n.Load()
					ends = append(ends, count)
				}
			}
		}
	}
	return ends
}

// count counts one answer. Who is not let through is logged: the first, the second, the
// fourth of a kind, so that strangers cannot fill the log.
func (h *Handler) count(k *call, status int, outcome, reason string) {
	observed := 0
	if h.c.Observe {
		observed = 1
	}
	one := &h.c.Counts.by[observed][k.cause][min(k.verdict.Reason, maxReasons)]
	if as := one.as.Load(); as == nil || as.Status != status {
		one.as.Store(&Count{Status: status, Outcome: outcome, Reason: reason, Observed: h.c.Observe})
	}
	if n := one.n.Add(1); n&(n-1) == 0 && k.cause != passed {
		h.log(k, n, status, outcome, reason)
	}
}
