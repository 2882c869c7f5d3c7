package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cnfd/dnssec"
)

// see looks at the world until every server has the entries' records and they are
// proven, and writes nothing: a record that the place does not hold is an error of kind
// Missing. without: a server, or the resolver, said meanwhile that it has not got one of
// them, so that caches may have heard the same. The longest TTLs that are met are noted.
func (t *turn) see(ctx context.Context, entries []Entry, whose string) (without bool, err error) {
	w := &witness{World: t.p.cfg.World, entries: entries}
	q := *t.p
	q.cfg.World = w
	tasks, err := q.plan(ctx, present, entries)
	if err == nil {
		err = missing(tasks, whose)
	}
	if err == nil {
		err = q.wait(ctx, tasks)
	}
	for _, k := range tasks {
		t.r.TTL = max(t.r.TTL, w.ttl, k.Change.Before.TTL)
		t.r.Absence = max(t.r.Absence, min(k.facts.negative, longestAbsence))
	}
	t.report = after(t.report, report(tasks))
	return w.without, err
}

func missing(tasks []*task, whose string) error {
	for _, k := range tasks {
		if !k.Change.None() {
			return notThere(k.entry, whose)
		}
	}
	return nil
}

func notThere(e Entry, whose string) error {
	return &Error{
		Kind: Missing, Where: e.Name, What: whose + " is not published there: " + e.Record.String() + " is not among the records",
		Do: "if nobody has revoked it, see that the key, the method and the form are the right ones, and publish it",
	}
}

// stands is an error where the place does not hold the entries' records.
func (t *turn) stands(ctx context.Context, entries []Entry, whose string) error {
	for _, e := range entries {
		set, err := t.p.read(ctx, present, e)
		if err != nil {
			return err
		}
		if !set.Has(e.Record) {
			return notThere(e, whose)
		}
	}
	return nil
}

// lost is what becomes of an error of seeing the new key. Where its record was taken
// away by somebody, that may be a revocation, which is not silently undone: only
// another call publishes it again, and waits again.
func (t *turn) lost(err error) error {
	if kindOf(err) != Missing || t.r.Stage >= Switched {
		return err
	}
	t.r.Since, t.r.Until = time.Time{}, time.Time{}
	if serr := t.save(Planned); serr != nil {
		return serr
	}
	e := *err.(*Error)
	e.Do = "somebody has removed it; if it is not revoked, call this again: it is published anew, and all is waited for anew"
	return &e
}

// after is a report of what was seen later, which knows what was written before.
func after(before, now Report) Report {
	for i := range now.Sets {
		for _, b := range before.Sets {
			if s := &now.Sets[i]; b.Entry == s.Entry {
				s.Written, s.Change = s.Written || b.Written, b.Change
				s.Before, s.Until = max(s.Before, b.Before), later(s.Until, b.Until)
			}
		}
	}
	now.Until = later(now.Until, before.Until)
	return now
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// begin begins a wait of the longest TTL that was met, and keeps that with the stage.
func (t *turn) begin(s Stage) error {
	now := t.p.cfg.Now()
	if t.r.Seen.IsZero() || now.Before(t.r.Seen) { // a clock that went back tells nothing
		t.r.Seen = now
	}
	t.r.Since = now
	t.r.Until, _ = t.r.end(now)
	return t.save(s)
}

// wait sleeps until the wait that was begun is over. It goes by the time that passes, so
// that a clock that is set meanwhile makes it neither shorter nor longer. Every now and
// then it looks at the entries: without says that a server had lost one of them, which
// ends the wait.
func (t *turn) wait(ctx context.Context, what string, entries []Entry) (without bool, err error) {
	t.report.Until = t.r.Until
	left := t.r.Until.Sub(t.p.cfg.Now())
	if left > 0 {
		_, of := t.r.end(t.r.Since)
		t.tell(Waiting, fmt.Sprintf("%s: at %s, in %v (%s)", what, stamp(t.r.Until), left.Round(time.Second), of))
	}
	w := &witness{World: t.p.cfg.World, entries: entries}
	for pause := max(left/glances, leastPause); err == nil && left > 0 && !w.without; left -= pause {
		if err = sleep(ctx, min(pause, left)); err == nil && left > pause {
			err = w.glance(ctx)
		}
	}
	if err != nil {
		err = stopped(err, "waiting "+what+", at "+stamp(t.r.Until))
	}
	return w.without, err
}

const (
	glances    = 20               // that are thrown at every server in one wait
	leastPause = 10 * time.Second // between two
)

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 MST") }

// save keeps the rotation as it is, at a stage. Where that fails it is where it was.
func (t *turn) save(s Stage) error {
	next := *t.r
	next.Stage = s
	if err := t.o.Save(next); err != nil {
		return &Error{What: "the rotation's state could not be kept: " + err.Error(), Err: err, Do: "put that right, and call this again"}
	}
	*t.r = next
	return nil
}

func (t *turn) tell(s Step, text string) { t.p.tell(Event{Step: s, Text: text}) }

// keeping is p, but for writing no set that is without one of these records.
func (p *Publisher) keeping(entries []Entry, whose string) *Publisher {
	q := *p
	q.cfg.Target.Zone = &guard{p.cfg.Target.Zone, entries, whose}
	return &q
}

// guard is a place that takes no set without certain records. It stands at the write
// itself: whatever was seen before, somebody may have changed since.
type guard struct {
	Zone
	entries []Entry
	whose   string
}

func (g *guard) Write(ctx context.Context, c Change) error {
	for _, e := range g.entries {
		if e.Name == c.Name && !c.After.Has(e.Record) {
			return notThere(e, g.whose)
		}
	}
	return g.Zone.Write(ctx, c)
}

// witness is a World that remembers whether anybody in it was heard to lack one of the
// entries' records, and the longest TTL that was heard.
type witness struct {
	World
	entries []Entry
	without bool
	ttl     time.Duration
}

func (w *witness) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	each, err := w.World.LookupEach(ctx, q)
	if err == nil && each != nil && len(each.Hops) > 0 {
		for _, s := range each.Hops[0].Servers {
			w.hear(q, s.Answer)
		}
	}
	return each, err
}

func (w *witness) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	a, cached, err := w.World.Lookup(ctx, q)
	if err == nil {
		w.hear(q, a)
	}
	return a, cached, err
}

// glance asks every server once.
func (w *witness) glance(ctx context.Context) error {
	for _, e := range w.entries {
		if _, err := w.LookupEach(ctx, question(e.Name, dnssec.TypeTLSA)); err != nil {
			return err
		}
	}
	return nil
}

func (w *witness) hear(q dnssec.Question, a *dnssec.Answer) {
	if a == nil || a.Kind == dnssec.NoAnswer || q.Type != dnssec.TypeTLSA {
		return
	}
	w.ttl = max(w.ttl, ttlIn(a))
	for _, e := range w.entries {
		if q.Name.String() == e.Name && !slices.ContainsFunc(a.Data, func(data []byte) bool { return string(data) == e.Record.rdata }) {
			w.without = true
		}
	}
}
