// Package publish writes a confirmation record and waits until the world can see it.
//
// A Publisher reads the set of records that stands at a name, changes that one
// record and nothing beside it, reads back what was written, and watches the
// zone's servers until every one of them serves it and a validating resolver
// proves it. It never resolves by itself: a World does. Where records are
// written is a Zone; package publish/update has those of RFC 2136, package
// publish/provider those of DNS providers, package publish/hook a program.
package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
)

// Publish puts every entry's record beside what stands at its name, and waits until
// every server of the zone serves it and a fresh validating lookup proves it. What is
// there already is only waited for, so that a call that was cut short can be made
// again. The error is an *Error; the Report is good after one too.
//
// Where one of several sets cannot be written those before it are taken back.
func (p *Publisher) Publish(ctx context.Context, entries []Entry) (Report, error) {
	return p.carry(ctx, present, entries)
}

// Withdraw takes every entry's record away, and nothing beside it, and waits until
// every server of the zone proves that it is gone. It is a revocation: what the DNS
// looks like does not keep it from writing, and where one of several sets cannot be
// written the others stay withdrawn.
func (p *Publisher) Withdraw(ctx context.Context, entries []Entry) (Report, error) {
	return p.carry(ctx, gone, entries)
}

// WithdrawAll takes away every TLSA record at every entry's name, others' too. agreed are
// the changes of PlanWithdrawAll that somebody has looked at: where another record stands
// at a name by now the set stays as it is, and the error is of kind Conflict.
func (p *Publisher) WithdrawAll(ctx context.Context, entries []Entry, agreed []Change) (Report, error) {
	q := *p
	q.agreed = append([]Change{}, agreed...) // not nil: what nobody was shown nobody has agreed to
	return q.carry(ctx, empty, entries)
}

// PlanPublish returns the changes that Publish would make, those with nothing to do
// included, in the order of the entries. It fails where Publish would before writing.
func (p *Publisher) PlanPublish(ctx context.Context, entries []Entry) ([]Change, error) {
	return p.changes(ctx, present, entries)
}

// PlanWithdraw returns the changes that Withdraw would make, as PlanPublish does.
func (p *Publisher) PlanWithdraw(ctx context.Context, entries []Entry) ([]Change, error) {
	return p.changes(ctx, gone, entries)
}

// PlanWithdrawAll returns the changes that WithdrawAll would make, as PlanPublish does.
func (p *Publisher) PlanWithdrawAll(ctx context.Context, entries []Entry) ([]Change, error) {
	return p.changes(ctx, empty, entries)
}

// aim is what is wanted of a set.
type aim uint8

const (
	present aim = iota // the record is there
	gone               // the record is not there
	empty              // no record is there
)

// task is one entry on its way.
type task struct {
	aim
	entry Entry
	facts facts
	err   error // what ended a withdrawal; the others go on
	never bool  // what is wanted is so everywhere, and cannot be proven
	*SetReport
}

func (p *Publisher) carry(ctx context.Context, a aim, entries []Entry) (Report, error) {
	tasks, err := p.plan(ctx, a, entries)
	if err == nil {
		err = p.write(ctx, tasks)
	}
	if alive := slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return t.err != nil }); err == nil && len(alive) > 0 {
		err = p.wait(ctx, alive)
	}
	return report(tasks), failed(tasks, err)
}

func (p *Publisher) changes(ctx context.Context, a aim, entries []Entry) ([]Change, error) {
	tasks, err := p.plan(ctx, a, entries)
	var changes []Change
	for _, t := range tasks {
		changes = append(changes, t.Change)
	}
	return changes, failed(tasks, err)
}

// plan looks at all that is to be changed before anything is. What keeps one of several
// records from being published keeps all; a withdrawal goes on with the others.
func (p *Publisher) plan(ctx context.Context, a aim, entries []Entry) ([]*task, error) {
	tasks, err := tasksOf(a, entries)
	if err == nil && a != present {
		err = p.looks(ctx, tasks)
	}
	if err != nil {
		return nil, err
	}
	held := map[string]Set{} // what stands at a name once the tasks before are done
	for _, t := range tasks {
		if a == present {
			if err := p.admit(ctx, t); err != nil {
				return nil, err
			}
		}
		before, known := held[t.entry.Name]
		if !known {
			before, err = p.read(ctx, a, t.entry)
		}
		if err == nil {
			err = p.aimAt(t, before)
		}
		switch {
		case err != nil && (a == present || ctx.Err() != nil):
			return nil, err
		case err != nil:
			t.err, t.Why, err = err, err.Error(), nil
			continue
		}
		held[t.entry.Name] = t.Change.After
	}
	return tasks, nil
}

func tasksOf(a aim, entries []Entry) (tasks []*task, err error) {
	for i, e := range entries {
		_, named := dnssec.Normal(e.Name)
		switch {
		case e.Name == "" || !named:
			return nil, &Error{Kind: NameTooLong, Where: e.Domain, What: fmt.Sprintf("%.80q is no name that the DNS can have", e.Name)}
		case a != empty && e.Record.IsZero():
			return nil, &Error{Where: e.Name, What: "no record given"}
		case !slices.ContainsFunc(entries[:i], func(o Entry) bool { return o.Name == e.Name && (a == empty || o.Record == e.Record) }):
			tasks = append(tasks, &task{aim: a, entry: e, SetReport: &SetReport{Entry: e, Change: Change{Name: e.Name}}})
		}
	}
	if len(tasks) == 0 {
		return nil, &Error{What: "no record given"}
	}
	return tasks, nil
}

// admit looks at a name, and refuses to publish where nothing could be proven.
func (p *Publisher) admit(ctx context.Context, t *task) (err error) {
	p.tell(Event{Step: Looking, Name: t.entry.Name, Text: "asking every name server of the zone what is there now"})
	if t.facts, err = p.look(ctx, t.entry); err != nil {
		return err
	}
	if err := p.fit(ctx, t.entry, t.facts); err != nil {
		return err
	}
	p.warn(t.entry, t.facts)
	return nil
}

// aimAt sets the change that makes of before what is wanted.
func (p *Publisher) aimAt(t *task, before Set) error {
	after := p.after(t.aim, t.entry, before)
	if t.aim == empty {
		if others := without(before.Records, p.agreedAt(before)); len(others) > 0 {
			return &Error{
				Kind: Conflict, Where: t.entry.Name, What: fmt.Sprintf("somebody has put %v there, to whose removal nobody has agreed", others[0]),
				Do: "look at what is there now, and call this again",
			}
		}
	}
	if n := len(after.Records); t.aim == present && n > record.MaxRecords && !before.Has(t.entry.Record) {
		return &Error{
			Kind: Unsupported, Where: t.entry.Name, What: fmt.Sprintf("%d records would stand there: of more than %d verifiers look at none", n, record.MaxRecords),
			Do: "remove those that nobody needs",
		}
	}
	t.Change = Change{Name: t.entry.Name, Before: before, After: after}
	longest, known := p.cached(t)
	t.SetReport.Before, t.Unknown = longest, !known
	return nil
}

// agreedAt are the records whose removal somebody has agreed to; of a plan, which only
// shows them, all.
func (p *Publisher) agreedAt(s Set) (records []Record) {
	if p.agreed == nil {
		return s.Records
	}
	for _, c := range p.agreed {
		if c.Name == s.Name {
			records = append(records, c.Removed()...)
		}
	}
	return records
}

// failed is the error of a call of which some tasks may have failed by themselves.
func failed(tasks []*task, err error) error {
	var first *task
	good := 0
	for _, t := range tasks {
		if t.err == nil {
			good++
		} else if first == nil {
			first = t
		}
	}
	switch {
	case first == nil:
		return err
	case err == nil && good == 0 && (len(tasks) == 1 || told(tasks) == nothing):
		return first.err
	}
	e := &Error{Kind: Partial, Where: first.entry.Name, What: first.err.Error() + "; " + told(tasks), Do: "call this again for the rest", Err: first.err}
	if err != nil {
		e.What += "; " + err.Error()
	}
	if kindOf(err) == Stopped {
		e.Kind = Stopped
	}
	return e
}

// read returns what the place holds; at an alias nothing can be put.
func (p *Publisher) read(ctx context.Context, a aim, e Entry) (Set, error) {
	s, err := p.cfg.Target.Zone.Read(ctx, e.Name)
	switch {
	case err != nil || s.Alias == "":
	case a == present:
		err = aliased(e.Name, s.Alias)
	default:
		p.tell(Event{Step: Warning, Name: e.Name, Text: "an alias (CNAME) to " + s.Alias + " stands there: a record to which it leads is taken away there, and not here"})
	}
	s.Name = e.Name
	return s, err
}

func aliased(name, target string) error {
	return &Error{
		Kind: Alias, Where: name, What: "an alias (CNAME) to " + target + " stands there, beside which no record can",
		Do: "take it away, or publish at " + target,
	}
}

// after is the set as it is to become.
func (p *Publisher) after(a aim, e Entry, before Set) Set {
	switch a {
	case gone:
		return before.Without(e.Record)
	case empty:
		return before.Without(before.Records...)
	}
	ttl := p.cfg.TTL
	switch least := p.cfg.Target.Limits.MinTTL; {
	case before.Has(e.Record):
	case len(before.Records) > 0 && before.TTL != ttl:
		p.tell(Event{Step: Warning, Name: e.Name, Text: fmt.Sprintf("the records there have a TTL of %v, which the new one shares: a set has one", before.TTL)})
	case ttl < least:
		ttl = least
		p.tell(Event{Step: Warning, Name: e.Name, Text: fmt.Sprintf("%s takes no TTL under %v: that is written, and as long takes a withdrawal", p.cfg.Target.Name, least)})
	}
	return before.With(e.Record, ttl)
}

func report(tasks []*task) (r Report) {
	for _, t := range tasks {
		r.Sets = append(r.Sets, *t.SetReport)
	}
	for _, s := range r.Sets {
		if !s.Served && s.Until.IsZero() {
			r.Until = time.Time{}
			break
		}
		if s.Until.After(r.Until) {
			r.Until = s.Until
		}
	}
	return r
}
