package publish

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
	"sync"
	"time"

	"cnfd/dnssec"
)

// facts are what the world says of a name before anything is changed. The zero value is
// of a world that was not heard in time.
type facts struct {
	each     *dnssec.Each
	answer   *dnssec.Answer // what a resolver says, where the servers cannot be asked or differ
	apex     string
	negative time.Duration // how long an absence may be cached
}

// lookTime bounds what is looked at before a revocation is written: it must not wait for
// name servers that are dead.
const lookTime = 5 * time.Second

// look asks the world about a name.
func (p *Publisher) look(ctx context.Context, e Entry) (f facts, err error) {
	if f.each, err = p.cfg.World.LookupEach(ctx, question(e.Name, dnssec.TypeTLSA)); err != nil {
		return facts{}, stopped(err, "nothing was written")
	}
	f.answer = f.each.Answer
	if len(f.each.Hops) > 0 {
		f.apex = f.each.Hops[0].Zone
	}
	if f.each.Forwarded || f.answer == nil || f.answer.Kind == dnssec.NoAnswer {
		if f.answer, _, err = p.cfg.World.Lookup(ctx, question(e.Name, dnssec.TypeTLSA)); err != nil {
			f.answer = f.each.Answer
			return f, stopped(err, "nothing was written")
		}
	}
	f.apex = cmp.Or(f.apex, f.answer.Zone)
	f.negative, err = p.negativeTTL(ctx, f.apex)
	return f, err
}

// looks asks the world about every name at once, for a while, and notes what it hears:
// nothing of it keeps a record from being withdrawn.
func (p *Publisher) looks(ctx context.Context, tasks []*task) error {
	within, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var all sync.WaitGroup
	for _, t := range tasks {
		p.tell(Event{Step: Looking, Name: t.entry.Name, Text: "asking every name server of the zone what is there now"})
		all.Go(func() {
			t.facts, _ = p.look(within, t.entry) // as much as was heard
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return stopped(ctx.Err(), "nothing was written")
	}
	for _, t := range tasks {
		say := func(text string) { p.tell(Event{Step: Warning, Name: t.entry.Name, Text: text}) }
		switch {
		case t.facts.each == nil:
			say("not all name servers have answered by now: it is withdrawn without waiting for them")
		case t.facts.overridden():
			say("a negative trust anchor of this configuration (resolver.negative_trust_anchors) covers the zone " + t.facts.apex + ": that the record is gone will not be proven")
		case t.facts.unsigned() && !p.cfg.Insecure:
			say("the zone " + t.facts.apex + " is not signed: that the record is gone will not be proven (--allow-insecure is content with what its servers say)")
		}
	}
	return nil
}

// cutBy reports whether a zone that holds the name lies below the subject's domain, in
// which case verifiers say delegated_name (docs/profile.md §4).
func (e Entry) cutBy(apex string) bool {
	return apex != "" && e.Form != underscore && apex != e.Domain+"." && dnssec.IsSubdomain(apex, e.Domain+".")
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// fit refuses to publish where nothing could be proven afterwards.
func (p *Publisher) fit(ctx context.Context, e Entry, f facts) error {
	if l := p.cfg.Target.Limits; l.PlainNames && !plainName.MatchString(e.Name) {
		return &Error{
			Kind: Unsupported, Where: e.Name, What: p.cfg.Target.Name + " takes names of letters, digits, - and _ alone",
			Do: "leave this method out, or publish elsewhere",
		}
	}
	if len(f.each.Hops) > 1 {
		return aliased(e.Name, f.each.Hops[1].Name)
	}
	if e.cutBy(f.apex) && !p.cfg.Delegated {
		return &Error{
			Kind: Cut, Where: e.Name, What: "it lies in the zone " + f.apex + ", to which " + e.Domain + " delegates: verifiers say delegated_name",
			Do: "take the delegation away, use the underscore form, or say that this is meant (--allow-delegated)",
		}
	}
	if !f.unsigned() {
		return nil
	}
	if f.overridden() {
		return &Error{
			Kind: Unsigned, Where: e.Name, What: "a negative trust anchor of this configuration covers the zone " + f.apex + ": nothing is proven under it",
			Do: "take it out (resolver.negative_trust_anchors)",
		}
	}
	if p.cfg.Insecure {
		return nil
	}
	what, do := whyUnsigned(ctx, p.cfg.World, f.apex)
	return &Error{Kind: Unsigned, Where: e.Name, What: what + ": nobody could prove the record", Do: do + "; or say that this is meant (--allow-insecure)"}
}

// overridden reports whether a negative trust anchor keeps all that the zone says from
// being proven, whatever is allowed.
func (f *facts) overridden() bool { return f.answer != nil && f.answer.Overridden }

// unsigned reports whether nothing that the zone says is ever proven.
func (f *facts) unsigned() bool {
	return f.answer != nil && (f.answer.Security == dnssec.Insecure || f.answer.Overridden)
}

// underscore is Entry.Form's word for a name that no host can have (docs/profile.md §3).
const underscore = "underscore"

// warn tells what does not stand in the way, and may surprise later.
func (p *Publisher) warn(e Entry, f facts) {
	say := func(text string) { p.tell(Event{Step: Warning, Name: e.Name, Text: text}) }
	a := f.answer
	if f.each.Forwarded {
		say("questions go to forwarders (resolver.forwarders): the zone's servers cannot be asked one by one, and so nothing will be called published")
	}
	if a.Security == dnssec.Bogus || a.Kind == dnssec.NoAnswer {
		say(fmt.Sprintf("what is there now is %s: %s", a.Security, a.Trouble.Text))
	}
	if p.cfg.Target.Limits.CannotSign {
		say(p.cfg.Target.Name + " does not sign zones: what is written there is proven only if somebody else signs what it serves")
	}
	if p.cfg.Target.Limits.Unguarded {
		say(p.cfg.Target.Name + " takes no precondition: do not let anything else write this name at the same moment")
	}
}

func question(name string, rrtype uint16) dnssec.Question {
	n, _ := dnssec.NameOf(name) // tasksOf has seen to it
	return dnssec.Question{Name: n, Type: rrtype, Bounded: true}
}

func stopped(err error, done string) error {
	return &Error{Kind: Stopped, What: "stopped: " + done, Err: err}
}

// unknownNegative stands where a zone does not say: no cache should hold an absence
// for longer (RFC 2308 §5).
const unknownNegative = 3 * time.Hour

const typeSOA, typeRRSIG = 6, 46 // RFC 1035 §3.2.2, RFC 4034 §3

// negativeTTL is how long the absence of a record of the zone may be cached: the least
// of its SOA's TTL and MINIMUM (RFC 2308 §5).
func (p *Publisher) negativeTTL(ctx context.Context, apex string) (time.Duration, error) {
	if apex == "" {
		return unknownNegative, nil
	}
	a, _, err := p.cfg.World.Lookup(ctx, question(apex, typeSOA))
	if err != nil {
		return 0, stopped(err, "nothing was written")
	}
	if a.Kind != dnssec.Positive || len(a.Data) != 1 || len(a.Data[0]) < 22 {
		return unknownNegative, nil
	}
	soa := a.Data[0]
	least := time.Duration(binary.BigEndian.Uint32(soa[len(soa)-4:])) * time.Second // MINIMUM is the last of its numbers (RFC 1035 §3.3.13)
	if ttl := signedTTL(a, typeSOA); ttl > 0 {
		least = min(least, ttl)
	}
	return least, nil
}

// signedTTL is the TTL that the answer's records of a type were signed with, which no
// cache has counted down (RFC 4034 §3.1.4); zero where there is no signature.
func signedTTL(a *dnssec.Answer, rrtype uint16) (ttl time.Duration) {
	if a == nil {
		return 0
	}
	for _, sig := range a.AnswerSection.RDATA(typeRRSIG) {
		if len(sig) > 18 && binary.BigEndian.Uint16(sig) == rrtype {
			ttl = max(ttl, time.Duration(binary.BigEndian.Uint32(sig[4:]))*time.Second)
		}
	}
	return ttl
}

// cached is how long caches may hold what servers said before what is wanted: the longest
// that the place or any server gives them. Zero where what is to be there is served by
// all already. Not known where a record was gone, at every server, before this call.
func (p *Publisher) cached(t *task) (longest time.Duration, known bool) {
	if len(t.Change.Before.Records) > 0 {
		longest = t.Change.Before.TTL
	}
	ready, counted, _ := t.states(t.facts.each, true)
	if t.aim == present && t.Change.None() && counted > 0 && ready == counted {
		return 0, true
	}
	hear := func(a *dnssec.Answer) {
		longest = max(longest, ttlIn(a))
		if t.aim == present && a != nil && len(a.Data) == 0 {
			longest = max(longest, t.facts.negative)
		}
	}
	if t.facts.each != nil {
		hear(t.facts.each.Answer)
		hear(t.facts.answer)
		for _, h := range t.facts.each.Hops {
			for _, s := range h.Servers {
				hear(s.Answer)
			}
		}
	}
	return longest, longest > 0 || t.aim == present
}
