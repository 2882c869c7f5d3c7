package acme

import (
	"context"
	"errors"
	"time"
)

const (
	sweepEvery = 5 * time.Second
	// sweepMost bounds how much of what others have left one sweep takes up.
	sweepMost = 50
	// clocksApart is how much further ahead of this process's clock a lease may end than one that is
	// given now would: it was given while the sweep was under way, or by a process whose clock is fast.
	clocksApart = time.Minute
	// keptFor is how long orders and authorizations that came to an end are still shown.
	keptFor   = 30 * 24 * time.Hour
	pruneMost = 1000
	// What could not be proven either way rests for so long before it is looked at again by itself: the gate says how long a
	// failure is remembered.
	shortestRest = sweepEvery
	longestRest  = time.Minute
)

// rest is how long what has met a passing problem rests.
func (p *Problem) rest() time.Duration { return min(max(p.Retry, shortestRest), longestRest) }

// Run takes up what was begun and left, by this process or another, keeps the
// revocation lists fresh and forgets what is long over, until ctx ends. It then
// waits for what is being worked on and puts the nonces aside; the http.Server must
// have ended by then. The error is that of the Store at the start or the end.
func (s *Server) Run(ctx context.Context) error {
	if err := s.takenOver.once(ctx, s); err != nil {
		return err
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	s.stop()
	s.work.Wait()
	return s.putNoncesAside(context.WithoutCancel(ctx))
}

// sweep does one round; what fails is tried in the next.
func (s *Server) sweep(ctx context.Context) {
	now := s.Now()
	for _, e := range []error{s.takeUpOrders(ctx, now), s.takeUpChallenges(ctx, now), s.refreshLists(ctx), s.prune(ctx, now)} {
		if e != nil && ctx.Err() == nil {
			s.Log.Error("acme: " + e.Error())
		}
	}
}

// takeUpOrders works on orders whose process has left them, or has found nothing proven and let them rest, each account's in turn.
func (s *Server) takeUpOrders(ctx context.Context, now time.Time) error {
	late, err := view(ctx, s.Store, func(tx Tx) ([]*Order, error) { return tx.Overdue(now, now.Add(orderLease+clocksApart), sweepMost) })
	if err != nil {
		return err
	}
	for _, o := range late {
		mine, err := update(ctx, s.Store, func(tx Tx) (*Order, error) {
			now := s.Now()
			o, err := tx.Order(o.ID)
			if err != nil || o.State != OrderProcessing || held(o.Lease, now, orderLease) {
				return nil, err
			}
			o.Lease, o.Tries = now.Add(orderLease), o.Tries+1
			return o, tx.PutOrder(o)
		})
		if err != nil {
			return err
		}
		if mine != nil {
			s.Log.Info("acme: taking up an order that was left", "order", mine.ID)
			s.issueLater(left(mine.Account), mine, new(waiting))
		}
	}
	return nil
}

// takeUpChallenges validates challenges whose process has left them, or has found nothing proven and let them
// rest. Each account in turn has its oldest taken up.
func (s *Server) takeUpChallenges(ctx context.Context, now time.Time) error {
	late, err := view(ctx, s.Store, func(tx Tx) ([]*Authorization, error) {
		return tx.Unfinished(now, now.Add(challengeLease+clocksApart), sweepMost)
	})
	if err != nil {
		return err
	}
	for _, a := range late {
		n := -1
		mine, err := update(ctx, s.Store, func(tx Tx) (*Authorization, error) {
			n = -1
			now := s.Now()
			a, err := tx.Authorization(a.ID)
			if err != nil {
				return nil, err
			}
			if a.Status != Pending { // of an earlier version: nothing comes of them any more
				a.leave()
				return nil, tx.PutAuthorization(a)
			}
			for k := range a.Challenges {
				if c := &a.Challenges[k]; c.Status == Processing && !held(c.Lease, now, challengeLease) {
					n = k
					c.Lease, c.Tries = now.Add(challengeLease), c.Tries+1
					return a, tx.PutAuthorization(a)
				}
			}
			return nil, nil
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if mine != nil {
			s.validateLater(left(mine.Account), mine, n)
		}
	}
	return nil
}

// prune forgets a little of what is long over.
func (s *Server) prune(ctx context.Context, now time.Time) error {
	_, err := update(ctx, s.Store, func(tx Tx) (int, error) { return tx.Prune(now.Add(-keptFor), pruneMost) })
	return err
}

// held reports whether a process has until lease to itself what it was given for so
// long at the most: a lease much further ahead is from before the clock was set back.
func held(lease, now time.Time, longest time.Duration) bool {
	return lease.After(now) && !lease.After(now.Add(longest+clocksApart))
}
