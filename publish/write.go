package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	maxConflicts = 3                // changes of somebody else that one write gets over
	undoTime     = 30 * time.Second // of undoing, which goes on when the context has ended
)

// write makes the changes one after the other. Where one cannot be made, those before
// it are taken back if they were additions: half a publication is none, and half a
// withdrawal is better than none.
func (p *Publisher) write(ctx context.Context, tasks []*task) error {
	for i, t := range tasks {
		if ctx.Err() != nil {
			return stopped(ctx.Err(), told(tasks[:i]))
		}
		if t.Change.None() {
			continue
		}
		if err := p.change(ctx, t); err != nil {
			return p.halfway(ctx, tasks, i, err)
		}
		p.tell(Event{Step: Written, Name: t.Change.Name, Text: fmt.Sprintf("written to %s, and read back octet by octet", p.cfg.Target.Name)})
	}
	return nil
}

// change makes one change, and makes it anew where somebody else was quicker.
func (p *Publisher) change(ctx context.Context, t *task) error {
	for n := 0; ; n++ {
		p.tell(Event{Step: Writing, Name: t.Change.Name, Text: "writing to " + p.cfg.Target.Name})
		err := p.once(ctx, t)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Conflict || n == maxConflicts {
			return err
		}
		p.tell(Event{Step: Warning, Name: t.Change.Name, Text: "somebody else has changed the set at the same time: reading it again"})
		before, rerr := p.read(ctx, t.aim, t.entry)
		if rerr != nil {
			return rerr
		}
		t.Change = Change{Name: t.entry.Name, Before: before, After: p.after(t.aim, t.entry, before)}
		t.SetReport.Before = p.cached(t)
		if t.Change.None() {
			return nil
		}
	}
}

// once writes and reads back. What the place says of its own work is not believed:
// it may have done it and failed to say so, or have said so and done something else.
func (p *Publisher) once(ctx context.Context, t *task) error {
	werr := p.cfg.Target.Zone.Write(ctx, t.Change)
	if e := (*Error)(nil); errors.As(werr, &e) && e.Kind == Conflict {
		return werr
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	got, rerr := p.cfg.Target.Zone.Read(rctx, t.Change.Name)
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
		if werr != nil {
			p.tell(Event{Step: Warning, Name: t.Change.Name, Text: "the place said " + werr.Error() + "; the change is there all the same"})
		}
		return nil
	case werr != nil && got.Same(t.Change.Before):
		return werr
	}
	t.Written = true
	return &Error{
		Kind: Mangled, Where: t.Change.Name, What: "what " + p.cfg.Target.Name + " holds is not what was written: " + apart(t.Change.After, got), Err: werr,
		Do: "put it right by hand; this place, or something else that writes there, cannot be relied on",
	}
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

// halfway is the end of a call that failed at the i-th task.
func (p *Publisher) halfway(ctx context.Context, tasks []*task, i int, err error) error {
	var done []*task
	for _, t := range tasks[:i] {
		if t.Written {
			done = append(done, t)
		}
	}
	switch {
	case len(done) == 0:
		return err
	case ctx.Err() != nil:
		return stopped(err, told(tasks[:i]))
	case tasks[i].aim != present:
		return &Error{Kind: Partial, Where: tasks[i].entry.Name, What: err.Error() + "; " + told(tasks[:i]), Do: "call this again for the rest", Err: err}
	}
	slices.Reverse(done)
	for _, t := range done {
		if uerr := p.undo(ctx, t); uerr != nil {
			return &Error{Kind: Partial, Where: tasks[i].entry.Name, Err: err, What: fmt.Sprintf("%v; and %s could not be taken back: %v", err, t.entry.Name, uerr), Do: "call this again, or remove the record"}
		}
	}
	return &Error{Kind: Partial, Where: tasks[i].entry.Name, What: err.Error() + "; what had been written before was taken back", Err: err}
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
	if err := p.change(ctx, &back); err != nil {
		return err
	}
	t.Undone = true
	return nil
}

// told says which of the tasks are written.
func told(tasks []*task) string {
	text := ""
	for _, t := range tasks {
		if t.Written {
			text += ", " + t.entry.Name
		}
	}
	if text == "" {
		return "nothing was written"
	}
	return "written: " + text[2:]
}

func kindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}
