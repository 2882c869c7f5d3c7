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
	// First is how long the wait before the switch is to take, and Wait that after it; zero
	// where that is not known yet. Of is the TTL that First comes from, for people.
	First, Wait time.Duration
	Of          string
}

// PlanRotate returns what Rotate would still change, and changes nothing. It looks at the
// world whatever stage is kept, and fails where Rotate would before writing.
func (p *Publisher) PlanRotate(ctx context.Context, r Rotation) (plan RotationPlan, err error) {
	t, now := &turn{p: p, r: &r}, p.cfg.Now()
	if len(r.Swaps) == 0 {
		return plan, &Error{What: "rotation: it is none"}
	}
	switch {
	case r.Stage < SwitchBegun:
		err = t.stands(ctx, r.old(), "the old key, which is in use,")
	case r.Stage == Retired:
		err = t.undone(ctx)
	}
	if err != nil {
		return plan, err
	}
	tasks, err := p.plan(ctx, present, r.new())
	if err == nil && r.Stage > Planned {
		err = missing(tasks, "the new key")
	}
	switch {
	case err != nil || r.Stage == Retired:
		return plan, err
	case r.Stage > Planned:
		plan.Retire, err = p.PlanWithdraw(ctx, r.old())
	default:
		r.Seen = now
		for i, k := range tasks {
			r.TTL, r.Absence = max(r.TTL, k.Change.Before.TTL), max(r.Absence, min(k.facts.negative, longestAbsence))
			plan.Publish = append(plan.Publish, k.Change)
			plan.Retire = append(plan.Retire, Change{Name: k.Change.Name, Before: k.Change.After, After: k.Change.After.Without(r.Swaps[i].Old.Record)})
		}
	}
	if r.TTL > 0 {
		until, of := r.end(now)
		plan.First, plan.Of, plan.Wait = until.Sub(now), of, r.TTL+underway
	}
	return plan, err
}
