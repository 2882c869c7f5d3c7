package publish

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"cnfd/dnssec"
)

// facts are what the world says of a name before anything is changed.
type facts struct {
	each     *dnssec.Each
	apex     string
	ttl      time.Duration // that the set was signed with; zero where none is there
	negative time.Duration // how long its absence may be cached
}

// look asks the world about a name. Nothing that it finds keeps a record from being
// withdrawn.
func (p *Publisher) look(ctx context.Context, a aim, e Entry) (facts, error) {
	p.tell(Event{Step: Looking, Name: e.Name, Text: "asking every name server of the zone what is there now"})
	each, err := p.cfg.World.LookupEach(ctx, question(e.Name, dnssec.TypeTLSA))
	if err != nil {
		return facts{}, stopped(err, "nothing was written")
	}
	f := facts{each: each, apex: apexOf(each)}
	f.ttl = signedTTL(each.Answer, dnssec.TypeTLSA)
	if f.negative, err = p.negativeTTL(ctx, f.apex); err != nil {
		return f, err
	}
	if a != present {
		if f.unsigned() && !p.cfg.Insecure {
			p.tell(Event{Step: Warning, Name: e.Name, Text: "the zone " + f.apex + " is not signed: that the record is gone will not be proven (--allow-insecure is content with what its servers say)"})
		}
		return f, nil
	}
	if err := p.fit(e, f); err != nil {
		return f, err
	}
	p.warn(e, f)
	return f, nil
}

// fit refuses to publish where nothing could be proven afterwards.
func (p *Publisher) fit(e Entry, f facts) error {
	if len(f.each.Hops) > 1 {
		return aliased(e.Name, f.each.Hops[1].Name)
	}
	if f.apex != "" && e.Form != underscore && f.apex != e.Domain+"." && dnssec.IsSubdomain(f.apex, e.Domain+".") && !p.cfg.Delegated {
		return &Error{
			Kind: Cut, Where: e.Name, What: "it lies in the zone " + f.apex + ", to which " + e.Domain + " delegates: verifiers say delegated_name",
			Do: "take the delegation away, use the underscore form, or say that this is meant (--allow-delegated)",
		}
	}
	if f.unsigned() && !p.cfg.Insecure {
		return &Error{
			Kind: Unsigned, Where: e.Name, What: "the zone " + f.apex + " is not signed: nobody could prove the record",
			Do: "sign it with DNSSEC and have its DS at the parent, or say that this is meant (--allow-insecure)",
		}
	}
	return nil
}

// unsigned reports whether nothing that the zone says is ever proven.
func (f *facts) unsigned() bool {
	a := f.each.Answer
	return a != nil && (a.Security == dnssec.Insecure || a.Overridden)
}

// underscore is Entry.Form's word for a name that no host can have (docs/profile.md §3).
const underscore = "underscore"

// warn tells what does not stand in the way, and may surprise later.
func (p *Publisher) warn(e Entry, f facts) {
	say := func(text string) { p.tell(Event{Step: Warning, Name: e.Name, Text: text}) }
	a := f.each.Answer
	if f.each.Forwarded {
		say("questions go to forwarders (resolver.forwarders): the zone's servers cannot be asked one by one, and so nothing will be called published")
	}
	if a != nil && (a.Security == dnssec.Bogus || a.Kind == dnssec.NoAnswer) && !f.each.Forwarded {
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
	n, _ := dnssec.NameOf(name)
	return dnssec.Question{Name: n, Type: rrtype, Bounded: true}
}

func stopped(err error, done string) error {
	return &Error{Kind: Stopped, What: "stopped: " + done, Err: err}
}

// apexOf is the zone that holds the name itself.
func apexOf(each *dnssec.Each) string {
	if len(each.Hops) > 0 && each.Hops[0].Zone != "" {
		return each.Hops[0].Zone
	}
	if each.Answer != nil {
		return each.Answer.Zone
	}
	return ""
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

// cached is how long caches may hold what servers said before what is wanted; zero
// where they all say that already. A record that is gone already may have gone a moment
// ago, by a call that was cut short: then it is the TTL that it most likely had.
func (p *Publisher) cached(t *task) time.Duration {
	ready, servers := t.states(t.facts.each, true)
	already := ready == len(servers) && ready > 0 && t.Change.None()
	switch {
	case already && t.aim == present:
		return 0
	case already:
		return max(t.Change.Before.TTL, t.facts.ttl, p.cfg.TTL)
	case len(t.Change.Before.Records) > 0 || t.facts.ttl > 0:
		return max(t.Change.Before.TTL, t.facts.ttl)
	}
	return t.facts.negative
}
