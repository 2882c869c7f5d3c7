package publish

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Rotate takes a rotation from the stage that it is at as far as o allows: it publishes
// the new key beside the old, waits until that is proven at every server and no cache
// can hold a set without it, has the key switched, waits as long again, and retires the
// old key. r is brought along, and kept with o.Save before and after whatever cannot be
// done twice, so that a call that was cut short anywhere can be made again.
//
// No stage relies on what an earlier call saw: each looks at the world again. No set is
// written that is without the key in use. The error is an *Error; Report and r are good
// after one too.
func (p *Publisher) Rotate(ctx context.Context, r *Rotation, o Orders) (Report, error) {
	t := &turn{p: p, r: r, o: o}
	if err := t.allowed(); err != nil {
		return t.report, err
	}
	for {
		before := r.Stage
		if err := t.step(ctx); err != nil || t.rest {
			return t.report, err
		}
		if r.Stage == before {
			return t.report, &Error{What: "rotation: it does not get on from " + before.String()}
		}
	}
}

// Orders is what the operator lets Rotate do.
type Orders struct {
	// Save keeps the rotation where no crash can lose it. Required. Where it fails
	// nothing more is done.
	Save func(Rotation) error
	// Switch has the holder use the new key from now on. It is called again where it is
	// not known whether it had come to its end, and must do no harm then. nil: the
	// operator does that himself, and Rotate ends before it.
	Switch func(context.Context) error
	// Switched: the operator says that the holder uses the new key.
	Switched bool
	// Retire: the old key's records may be taken away once it is time, which disowns
	// every token that is bound to that key.
	Retire bool
}

// turn is one call of Rotate.
type turn struct {
	p      *Publisher
	r      *Rotation
	o      Orders
	report Report
	rest   bool // there is nothing more to do without another word of the operator's
}

// allowed refuses, before anything is done, what would end badly later.
func (t *turn) allowed() error {
	switch {
	case t.o.Save == nil:
		return &Error{What: "rotation: it is kept nowhere"}
	case len(t.r.Swaps) == 0 || t.r.Stage > Retired:
		return &Error{What: "rotation: it is none"}
	case t.p.cfg.Timeout < 0:
		return &Error{Kind: NotProven, What: "rotation: without waiting nothing is ever proven", Do: "let it wait"}
	case t.o.Switched && t.r.Stage < Spread:
		return &Error{
			Kind: NotProven, What: "the key cannot have been switched: caches may still hold sets without the new one (the rotation is at " + t.r.Stage.String() + ")",
			Do: "let the rotation come to spread, switch the key, then say so",
		}
	}
	return nil
}

// step does what the stage asks for and brings the rotation to another one, unless it
// is time to rest.
func (t *turn) step(ctx context.Context) error {
	switch t.r.Stage {
	case Planned:
		return t.publish(ctx)
	case NextPublished:
		return t.spread(ctx)
	case Spread, SwitchBegun:
		return t.change(ctx)
	case Switched:
		return t.age(ctx)
	case Aged:
		return t.retire(ctx)
	}
	return t.over(ctx)
}

// publish puts the new records beside the old ones.
func (t *turn) publish(ctx context.Context) error {
	if _, err := t.see(ctx, t.r.old(), "the old key"); err != nil {
		return err
	}
	began := t.r.Began
	t.r.Seen = t.p.cfg.Now()
	if began.IsZero() {
		t.r.Began = t.r.Seen
	}
	if err := t.save(Planned); err != nil {
		t.r.Began = began
		return err // before anything was written that nobody would know of
	}
	report, err := t.p.keeping(t.r.old(), "the old key").Publish(ctx, t.r.new())
	t.report = report
	if k := kindOf(err); !there(report, t.r.new()) || err != nil && k != Stopped && k != NotProven {
		return err
	}
	return cmp.Or(t.save(NextPublished), err)
}

// there reports whether every entry's record is written, or was there before.
func there(r Report, entries []Entry) bool {
	for _, s := range r.Sets {
		if s.Unsure || s.Undone || !s.Written && !s.Change.None() {
			return false
		}
	}
	return len(r.Sets) == len(entries)
}

// spread waits until no cache can hold a set without the new key. Where a server falls
// back meanwhile (a secondary that starts with what it had on its disk), caches may hold
// what it says, and all of the wait begins anew.
func (t *turn) spread(ctx context.Context) error {
	for {
		if !t.r.waiting(t.p.cfg.Now()) {
			without, err := t.see(ctx, t.r.new(), "the new key")
			if err != nil {
				return t.lost(err)
			}
			if without {
				t.r.Seen = time.Time{}
			}
			if err := t.begin(NextPublished); err != nil {
				return err
			}
		}
		without, err := t.wait(ctx, "until no cache can hold a set without the new key", t.r.new())
		if without {
			err = cmp.Or(t.fallBack(), err)
		}
		switch {
		case err != nil:
			return err
		case !without:
			return t.save(Spread)
		}
	}
}

// fallBack has a wait for the new key begin anew.
func (t *turn) fallBack() error {
	t.tell(Warning, "a server was without the new key just now: the wait begins anew")
	t.r.Since, t.r.Until, t.r.Seen = time.Time{}, time.Time{}, time.Time{}
	return t.save(NextPublished)
}

// change has the key switched, where the new one is seen to stand everywhere.
func (t *turn) change(ctx context.Context) error {
	if t.r.Stage == Spread && !t.o.Switched {
		if err := t.stands(ctx, t.r.old(), "the old key, which is in use,"); err != nil {
			return err
		}
	}
	without, err := t.see(ctx, t.r.new(), "the new key")
	if without && kindOf(err) != Missing {
		return cmp.Or(t.fallBack(), err)
	}
	switch {
	case err != nil:
		return t.lost(err)
	case t.o.Switched:
		return t.begin(Switched)
	case t.o.Switch == nil:
		t.rest = true
		return nil
	}
	return t.call(ctx)
}

// call runs what switches the key. That it is about to is kept first: after a crash
// nobody can know whether it had come to its end.
func (t *turn) call(ctx context.Context) error {
	if err := t.save(SwitchBegun); err != nil {
		return err
	}
	t.tell(Switching, "having the key switched")
	err := t.o.Switch(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return &Error{Kind: Stopped, What: "stopped: whether the key was switched is not known: " + err.Error(), Err: err, Do: "have it switched again, or say that it was"}
	case err != nil:
		if serr := t.save(Spread); serr != nil {
			return serr
		}
		return &Error{What: "the key was not switched: " + err.Error(), Err: err, Do: "call this again once that is put right; both keys stay published"}
	}
	if err := t.begin(Switched); err != nil {
		return &Error{What: "the key was switched, but " + err.Error(), Err: err, Do: "call this again, and say that the key was switched"}
	}
	return nil
}

// age waits as long again as caches remember.
func (t *turn) age(ctx context.Context) error {
	if !t.r.waiting(t.p.cfg.Now()) {
		if err := t.begin(Switched); err != nil {
			return err
		}
	}
	if _, err := t.wait(ctx, "until no cache holds anything from before the switch", nil); err != nil {
		return err
	}
	return t.save(Aged)
}

// retire takes the old key's records away, on the operator's word alone, and not unless
// the new ones are seen to stand everywhere.
func (t *turn) retire(ctx context.Context) error {
	without, err := t.see(ctx, t.r.new(), "the new key, which is in use,")
	switch {
	case err != nil:
		return t.lost(err)
	case without:
		t.tell(Warning, "a server was without the new key just now: the wait begins anew")
		t.r.Seen = time.Time{}
		return t.begin(Switched)
	case !t.o.Retire:
		t.rest = true
		return nil
	}
	report, err := t.p.keeping(t.r.new(), "the new key").Withdraw(ctx, t.r.old())
	if t.report = report; err != nil {
		return err
	}
	t.rest = true
	return t.save(Retired)
}

// over says that all was done before, where it is still so.
func (t *turn) over(ctx context.Context) error {
	if err := t.undone(ctx); err != nil {
		return err
	}
	t.rest = true
	_, err := t.see(ctx, t.r.new(), "the new key")
	return err
}

// undone is an error where the place holds again what was retired.
func (t *turn) undone(ctx context.Context) error {
	for _, e := range t.r.old() {
		set, err := t.p.read(ctx, gone, e)
		if err != nil {
			return err
		}
		if set.Has(e.Record) {
			return &Error{
				Kind: Conflict, Where: e.Name, What: fmt.Sprintf("the old key is published again, though this rotation, begun %s, has retired it", stamp(t.r.Began)),
				Do: "see which of the keys is in use: if the old one is not, remove it; if it is, remove the new one, and call this again",
			}
		}
	}
	return nil
}
