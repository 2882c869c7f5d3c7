package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"
)

// slowest is how many times Config.Every the pause between two rounds grows to.
const slowest = 5

// wait watches the world until every task is proven, or the time is up.
func (p *Publisher) wait(ctx context.Context, tasks []*task) error {
	if p.cfg.Timeout < 0 {
		for _, t := range tasks {
			t.Why = "not waited for"
		}
		return unproven(tasks)
	}
	until := p.cfg.Now().Add(p.cfg.Timeout)
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout+lastRound)
	defer cancel()
	for n, pause := 0, p.cfg.Every; ; n, pause = n+1, min(pause+p.cfg.Every, slowest*p.cfg.Every) {
		if err := p.round(within, tasks); err != nil && ctx.Err() != nil {
			return stopped(err, told(tasks)+"; not yet proven")
		}
		if r := report(tasks); r.Proven() {
			return nil
		}
		left := until.Sub(p.cfg.Now())
		if left <= 0 || within.Err() != nil || !slices.ContainsFunc(tasks, func(t *task) bool { return !t.Proven && !t.never }) {
			return unproven(tasks)
		}
		if n == 0 {
			p.tell(Event{Step: Waiting, Text: fmt.Sprintf("waiting until %s at the longest (%v)", until.UTC().Format("15:04:05 MST"), p.cfg.Timeout)})
		}
		if err := sleep(ctx, min(pause, left)); err != nil {
			return stopped(err, told(tasks)+"; not yet proven")
		}
	}
}

// lastRound is what a round that has begun in time may take beyond it.
const lastRound = 3 * time.Second

func unproven(tasks []*task) error {
	e := &Error{Kind: NotProven}
	for _, t := range tasks {
		switch {
		case t.Proven || e.Where != "":
		case t.never:
			e.Where, e.What, e.Do = t.entry.Name, t.Why, "nothing can prove it while that is so"
		default:
			e.Where, e.What, e.Do = t.entry.Name, "not proven in time: "+cmp.Or(t.Why, "not all was heard"), "call this again to go on waiting"
		}
	}
	return e
}

// round looks once at each task that is not proven yet.
func (p *Publisher) round(ctx context.Context, tasks []*task) error {
	for _, t := range tasks {
		if t.Proven {
			continue
		}
		if !t.Served {
			each, err := p.cfg.World.LookupEach(ctx, question(t.entry.Name, dnssec.TypeTLSA))
			if err != nil {
				return err
			}
			p.roll(t, each)
		}
		if !t.Served {
			continue
		}
		a, _, err := p.cfg.World.Lookup(ctx, question(t.entry.Name, dnssec.TypeTLSA))
		if err != nil {
			return err
		}
		p.prove(t, a)
	}
	return nil
}

// roll notes what each server says, and tells of it where that has changed.
func (p *Publisher) roll(t *task, each *dnssec.Each) {
	if t.aim != present && len(each.Hops) > 0 { // the look before may have been cut short
		for _, s := range each.Hops[0].Servers {
			t.SetReport.Before = max(t.SetReport.Before, ttlIn(s.Answer))
		}
		t.Unknown = t.Unknown && t.SetReport.Before == 0
	}
	ready, counted, servers := t.states(each, p.cfg.Insecure)
	why := t.lacking(each, counted, servers, p.cfg.Insecure)
	if t.never = why != "" && t.aim != present && t.facts.unsigned() && t.saysSo(each); t.never {
		why = "every server says so, and the zone is not signed"
		if t.Until.IsZero() {
			t.Until = t.forgotten(p.cfg.Now())
		}
	} else if t.Until = (time.Time{}); why != "" && t.aim != present && t.facts.overridden() {
		t.never, why = true, "a negative trust anchor covers the zone: "+why
	}
	told := t.Why == why && len(t.Servers) == len(servers)
	t.Servers, t.Why = servers, why
	if t.Served = why == ""; t.Served {
		t.Until = t.forgotten(p.cfg.Now())
		p.tell(Event{Step: Served, Name: t.entry.Name, Text: fmt.Sprintf("all %d servers: %s", counted, t.wanted()), Done: ready, Of: counted})
		return
	}
	if !told {
		p.tell(Event{Step: Serving, Name: t.entry.Name, Text: fmt.Sprintf("%d of %d servers: %s", ready, counted, why), Done: ready, Of: counted})
	}
}

// forgotten is when caches have forgotten what was there before, if no server says it any
// more from now on: in whole seconds, as it is printed, and no sooner. The zero time where
// nothing was, or nobody can tell.
func (t *task) forgotten(now time.Time) time.Time {
	if t.SetReport.Before == 0 {
		return time.Time{}
	}
	return now.Add(t.SetReport.Before + time.Second - 1).Truncate(time.Second)
}

// saysSo reports whether every server says what is wanted, proven or not.
func (t *task) saysSo(each *dnssec.Each) bool {
	_, counted, servers := t.states(each, true)
	return t.lacking(each, counted, servers, true) == ""
}

// maxNamed is how many servers are named that are not there yet.
const maxNamed = 4

// lacking says why not everybody says what is wanted; "" where all do, at every server
// that there is, and wherever an alias leads.
func (t *task) lacking(each *dnssec.Each, counted int, servers []ServerState, insecure bool) string {
	if each.Forwarded {
		return "questions go to forwarders: the zone's servers cannot be asked one by one; set resolver.mode: iterative"
	}
	var lack []string
	for _, s := range servers {
		if !s.Ready && !s.Skipped {
			lack = append(lack, s.Server+": "+s.Why)
		}
	}
	switch n := len(lack); {
	case n > maxNamed:
		return strings.Join(lack[:maxNamed], "; ") + fmt.Sprintf("; and %d more", n-maxNamed)
	case n > 0:
		return strings.Join(lack, "; ")
	case counted > 0 && len(each.Hops) == 1 && each.Hops[0].Differ && !each.Hops[0].Parted && !slices.ContainsFunc(each.Hops[0].Servers, leads):
		return "" // in what others have changed
	}
	all := t.state(each.Answer, insecure)
	switch {
	case counted == 0 && all != "":
		return "no server of the zone could be asked: " + all
	case counted == 0:
		return "no server of the zone could be asked"
	case all == "" && each.Differ:
		return "the zone's servers, or those above it, do not say the same"
	}
	return all
}

// leads reports whether a server has an alias at the name, which nobody has followed.
func leads(s dnssec.Server) bool {
	return s.Answer != nil && s.Answer.Kind == dnssec.Positive && len(s.Answer.Data) == 0
}

// prove notes what a validating lookup says. Where that is not what every server has
// just said, they are asked again.
func (p *Publisher) prove(t *task, a *dnssec.Answer) {
	t.Security = a.Security
	s := t.state(a, p.cfg.Insecure)
	if s == "" && t.aim == present && t.entry.cutBy(a.Zone) && !p.cfg.Delegated {
		s = "it lies in the zone " + a.Zone + ", below the subject's domain: verifiers say delegated_name"
	}
	if s != "" {
		if s != t.Why {
			p.tell(Event{Step: Proving, Name: t.entry.Name, Text: s})
		}
		t.Why, t.Served, t.Until = s, false, time.Time{}
		return
	}
	t.Why, t.Proven = "", true
	p.tell(Event{Step: Proven, Name: t.entry.Name, Text: fmt.Sprintf("%s: %s%s", a.Security, t.wanted(), t.remembered())})
}

// remembered says how long caches may hold what was there before.
func (t *task) remembered() string {
	switch {
	case t.Unknown:
		return "; it was gone before this call: if only just, caches may hold it for as long as its TTL was, which nobody can tell any more"
	case t.Until.IsZero():
		return ""
	}
	until, layout := t.Until.UTC(), "15:04:05 MST"
	if until.YearDay() != until.Add(-t.SetReport.Before).YearDay() {
		layout = "2006-01-02 " + layout
	}
	return fmt.Sprintf("; caches may still hold what was there before until %s (%v)", until.Format(layout), t.SetReport.Before)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
