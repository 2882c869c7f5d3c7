package publish

import (
	"context"
	"time"
)

// RotationPlan is what a rotation still changes, as things are now. What is done
// already is in neither list.
type RotationPlan struct {
	Publish []Change // the new key's records, beside the old ones
	Retire  []Change // and, on the operator's word, the old ones away
	// Wait is how long each of the two waits is to take; zero where that is not known yet.
	Wait time.Duration
}

// PlanRotate returns what Rotate would still change, and changes nothing. It fails where
// Rotate would before writing.
func (p *Publisher) PlanRotate(ctx context.Context, r Rotation) (plan RotationPlan, err error) {
	t := &turn{p: p, r: &r}
	if len(r.Swaps) == 0 {
		return plan, &Error{What: "rotation: it is none"}
	}
	if r.Stage == Planned {
		if err = t.stands(ctx, r.old(), "the old key"); err != nil {
			return plan, err
		}
		if plan.Publish, err = p.PlanPublish(ctx, r.new()); err != nil {
			return plan, err
		}
		for i, c := range plan.Publish {
			r.TTL = max(r.TTL, c.Before.TTL)
			plan.Retire = append(plan.Retire, Change{Name: c.Name, Before: c.After, After: c.After.Without(r.Swaps[i].Old.Record)})
		}
	} else if r.Stage < Retired {
		plan.Retire, err = p.PlanWithdraw(ctx, r.old())
	}
	if r.TTL > 0 {
		plan.Wait = r.pause()
	}
	return plan, err
}
