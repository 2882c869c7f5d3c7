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

// WithdrawAll takes away every TLSA record at every entry's name, others' too.
func (p *Publisher) WithdrawAll(ctx context.Context, entries []Entry) (Report, error) {
	return p.carry(ctx, empty, entries)
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
	*SetReport
}

func (p *Publisher) carry(ctx context.Context, a aim, entries []Entry) (Report, error) {
	tasks, err := p.plan(ctx, a, entries)
	if err == nil {
		err = p.write(ctx, tasks)
	}
	if err == nil {
		err = p.wait(ctx, tasks)
	}
	return report(tasks), err
}

func (p *Publisher) changes(ctx context.Context, a aim, entries []Entry) ([]Change, error) {
	tasks, err := p.plan(ctx, a, entries)
	var changes []Change
	for _, t := range tasks {
		changes = append(changes, t.Change)
	}
	return changes, err
}

// plan looks at all that is to be changed before anything is.
func (p *Publisher) plan(ctx context.Context, a aim, entries []Entry) ([]*task, error) {
	var tasks []*task
	held := map[string]Set{} // what stands at a name once the tasks before are done
	for i, e := range entries {
		switch {
		case a != empty && e.Record.IsZero():
			return nil, &Error{Where: e.Name, What: "no record given"}
		case slices.ContainsFunc(entries[:i], func(o Entry) bool { return o.Name == e.Name && (a == empty || o.Record == e.Record) }):
			continue
		}
		t := &task{aim: a, entry: e, SetReport: &SetReport{Entry: e}}
		var err error
		if t.facts, err = p.look(ctx, a, e); err != nil {
			return nil, err
		}
		before, known := held[e.Name]
		if !known {
			if before, err = p.read(ctx, a, e); err != nil {
				return nil, err
			}
		}
		t.Change = Change{Name: e.Name, Before: before, After: p.after(a, e, before)}
		t.SetReport.Before = p.cached(t)
		held[e.Name] = t.Change.After
		tasks = append(tasks, t)
	}
	if len(tasks) == 0 {
		return nil, &Error{What: "no record given"}
	}
	return tasks, nil
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
		if !s.Served {
			r.Until = time.Time{}
			break
		}
		if s.Until.After(r.Until) {
			r.Until = s.Until
		}
	}
	return r
}
