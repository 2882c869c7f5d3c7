package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	maxConflicts = 8                // changes of somebody else that one write gets over
	undoTime     = 30 * time.Second // of what goes on when the context has ended: reading back, undoing
	maxLate      = 3                // looks for a change that was sent and not answered, or not seen at once
)

// write makes the changes one after the other. Where one addition cannot be made, those
// before it are taken back: half a publication is none. Half a withdrawal is better than
// none, and goes on.
func (p *Publisher) write(ctx context.Context, tasks []*task) error {
	for i, t := range tasks {
		if ctx.Err() != nil {
			return stopped(ctx.Err(), told(tasks))
		}
		if t.err != nil || t.Change.None() {
			continue
		}
		err := p.change(ctx, t)
		switch {
		case err == nil && !t.Written: // somebody else has done it meanwhile
		case err == nil:
			p.tell(Event{Step: Written, Name: t.Change.Name, Text: fmt.Sprintf("written to %s, and read back octet by octet", p.cfg.Target.Name)})
		case ctx.Err() != nil:
			return stopped(err, told(tasks)+": "+err.Error())
		case t.aim == present:
			return p.takeBack(ctx, tasks[:i+1], err)
		case kindOf(err) == Missing:
			return err // a rotation's guard: what has to stay is not there, and so nothing more goes
		default:
			t.err, t.Why = err, err.Error()
			p.tell(Event{Step: Warning, Name: t.Change.Name, Text: err.Error()})
		}
	}
	return nil
}

// change makes one change, and makes it anew where somebody else was quicker.
func (p *Publisher) change(ctx context.Context, t *task) error {
	for n := 0; ; n++ {
		p.tell(Event{Step: Writing, Name: t.Change.Name, Text: "writing to " + p.cfg.Target.Name})
		err := p.once(ctx, t)
		if kindOf(err) != Conflict || n == maxConflicts {
			return err
		}
		p.tell(Event{Step: Warning, Name: t.Change.Name, Text: "somebody else has changed the set at the same time: reading it again"})
		before, rerr := p.read(ctx, t.aim, t.entry)
		if rerr == nil {
			rerr = p.aimAt(t, before)
		}
		if rerr != nil || t.Change.None() {
			return rerr
		}
	}
}

// once writes and reads back. What the place says of its own work is not believed:
// it may have done it and failed to say so, or have said so and done something else.
func (p *Publisher) once(ctx context.Context, t *task) error {
	if p.cfg.Target.Limits.Unguarded { // what was read a while ago is not what is overwritten
		if now, err := p.cfg.Target.Zone.Read(ctx, t.Change.Name); err != nil || !now.Same(t.Change.Before) {
			return cmp.Or(err, error(&Error{Kind: Conflict, Where: t.Change.Name, What: "the set is not what it was when it was read"}))
		}
	}
	werr := p.cfg.Target.Zone.Write(ctx, t.Change)
	if kindOf(werr) == Conflict {
		return werr
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	got, rerr := p.cfg.Target.Zone.Read(rctx, t.Change.Name)
	for n := 0; rerr == nil && (werr == nil && untouched(t.Change, got) || maybe(werr)) && !carried(t.Change, got) && n < maxLate; n++ {
		if sleep(rctx, p.cfg.Every) == nil {
			got, rerr = p.cfg.Target.Zone.Read(rctx, t.Change.Name)
		}
	}
	return p.verdict(t, got, werr, rerr)
}

// verdict says what became of a write, by what was read after it.
func (p *Publisher) verdict(t *task, got Set, werr, rerr error) error {
	switch {
	case rerr != nil && werr != nil:
		t.Unsure = true
		return &Error{
			Kind: kindOf(werr), Where: t.Change.Name, Err: werr,
			What: fmt.Sprintf("whether it was written is not known: %v; and reading it: %v", werr, rerr), Do: "see what is there, then call this again",
		}
	case rerr != nil:
		t.Written, t.Unsure = true, true
		return &Error{Kind: kindOf(rerr), Where: t.Change.Name, What: "written, and it could not be read back: " + rerr.Error(), Do: "call this again", Err: rerr}
	case carried(t.Change, got):
		t.Written = true
		if got.TTL != t.Change.After.TTL && len(t.Change.Added()) > 0 {
			p.tell(Event{Step: Warning, Name: t.Change.Name, Text: fmt.Sprintf("the TTL there is %v, and not the %v that was asked for: as long takes a withdrawal", got.TTL, t.Change.After.TTL)})
			t.Change.After.TTL = got.TTL
		}
		if werr != nil {
			p.tell(Event{Step: Warning, Name: t.Change.Name, Text: "the place said " + werr.Error() + "; the change is there all the same"})
		}
		return nil
	case maybe(werr) && untouched(t.Change, got):
		t.Unsure = true
		return &Error{
			Kind: kindOf(werr), Where: t.Change.Name, What: fmt.Sprintf("not written so far, and it may still be: %v", werr), Err: werr,
			Do: "see in a while what is there, then call this again",
		}
	case werr != nil && untouched(t.Change, got):
		return werr
	}
	t.Written = true
	what := "what " + p.cfg.Target.Name + " holds is not what was written: " + apart(t.Change.After, got)
	if werr != nil {
		what += "; it said: " + werr.Error()
	}
	return &Error{
		Kind: Mangled, Where: t.Change.Name, What: what, Err: werr,
		Do: "put it right by hand; this place, or something else that writes there, cannot be relied on",
	}
}

// maybe reports whether a Write that ended so may have been carried out, or be yet.
func maybe(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Maybe
}

// untouched reports whether nothing of the change is seen in a set, whatever somebody
// else has added to it meanwhile.
func untouched(c Change, got Set) bool {
	return got.Alias == c.Before.Alias && len(without(c.Before.Records, got.Records)) == 0 && !slices.ContainsFunc(c.Added(), got.Has)
}

// carried reports whether a set is what the change was to make of it, octet by octet.
// Records that somebody else has added since are theirs.
func carried(c Change, got Set) bool {
	missing := without(c.After.Records, got.Records)
	return got.Alias == "" && len(missing) == 0 && !slices.ContainsFunc(c.Removed(), got.Has)
}

// apart says how what was read differs from what was wanted.
func apart(want, got Set) string {
	text := ""
	for _, r := range without(want.Records, got.Records) {
		text += fmt.Sprintf("it lacks %v; ", r)
	}
	for _, r := range without(got.Records, want.Records) {
		text += fmt.Sprintf("it has %v; ", r)
	}
	if got.Alias != "" {
		text += "an alias to " + got.Alias + " stands there; "
	}
	return text + fmt.Sprintf("%d records in all", len(got.Records))
}

// takeBack is the end of a publication whose last task failed.
func (p *Publisher) takeBack(ctx context.Context, tasks []*task, err error) error {
	last := tasks[len(tasks)-1]
	var done []*task
	for _, t := range tasks {
		// What the place has made something else of is for people to look at.
		if t.Written && (t != last || kindOf(err) != Mangled) {
			done = append(done, t)
		}
	}
	if len(done) == 0 {
		return err
	}
	slices.Reverse(done)
	for _, t := range done {
		if uerr := p.undo(ctx, t); uerr != nil {
			return &Error{Kind: Partial, Where: last.entry.Name, Err: err, What: fmt.Sprintf("%v; and %s could not be taken back: %v", err, t.entry.Name, uerr), Do: "call this again, or remove the record"}
		}
	}
	if len(tasks) == 1 {
		return err // nothing else was to be written: what went wrong says it all
	}
	return &Error{Kind: Partial, Where: last.entry.Name, What: err.Error() + "; what had been written was taken back", Err: err}
}

// undo takes back the addition of one record, and nothing that others have done since.
func (p *Publisher) undo(ctx context.Context, t *task) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	p.tell(Event{Step: Undoing, Name: t.entry.Name, Text: "taking back what was written"})
	now, err := p.read(ctx, gone, t.entry)
	if err != nil {
		return err
	}
	back := task{aim: gone, entry: t.entry, SetReport: &SetReport{Change: Change{Name: t.entry.Name, Before: now, After: now.Without(t.Change.Added()...)}}}
	if !back.Change.None() {
		if err := p.change(ctx, &back); err != nil {
			return err
		}
	}
	t.Undone = true
	return nil
}

const nothing = "nothing was written"

// told says which of the tasks are written.
func told(tasks []*task) string {
	text := ""
	for _, t := range tasks {
		if t.Written && !t.Undone {
			text += ", " + t.entry.Name
		}
	}
	if text == "" {
		return nothing
	}
	return "written: " + text[2:]
}

func kindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}
