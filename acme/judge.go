package acme

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// atOnce bounds the identifiers of one order that are asked about at once.
	atOnce = 8
	// judgedAtOnce bounds the identifiers, of all orders together that begin, that are asked about at once, and as many more of those
	// that have begun, so that a crowd of them leaves the resolver to others. Of each the gate asks a few questions side by side.
	judgedAtOnce = 32
	// claimTime bounds how long one identifier has a turn: name servers that wait before each
	// answer, at each label of a long name, would have it for minutes.
	claimTime = 20 * time.Second
)

// judge asks the gate about every claim, of which each takes one of the party's turns; the problems are in their order. It takes
// no longer than issueTime: who waits in vain is told to come again.
func (s *Server) judge(ctx context.Context, turns *turns, who party, claims []*Claim) []*Problem {
	ctx, cancel := context.WithTimeout(ctx, issueTime)
	defer cancel()
	found := make([]*Problem, len(claims))
	turn := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for n, claim := range claims {
		turn <- struct{}{}
		if !turns.take(ctx, who) {
			found[n] = Problemf(DNS, "too many records are being looked up: come again").For(claim.Identifier)
			found[n].Passing, found[n].Retry = true, time.Minute
			<-turn
			continue
		}
		all.Go(func() {
			within, cancel := context.WithTimeout(ctx, claimTime)
			defer cancel()
			found[n] = s.Gate.Judge(within, claim)
			turns.give(who)
			<-turn
		})
	}
	all.Wait()
	return found
}

// refused is what ends an order before it begins: with AwaitRecord what a record
// would mend does not.
func (s *Server) refused(found []*Problem) *Problem {
	if s.AwaitRecord {
		found = slices.Clone(found)
		for n, p := range found {
			if p != nil && (p.Kind == Unauthorized || p.Kind == DNS) {
				found[n] = nil
			}
		}
	}
	return Joined(found)
}
