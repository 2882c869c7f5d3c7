package resolver

import (
	"slices"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// resolve answers a question: what the tree says of the name, then of what its
// aliases point to. passed holds the names that aliases have led through.
func (w *walk) resolve(name string, rrtype uint16, passed []string) *dnssec.Answer {
	f, c := w.find(name, rrtype)
	f = w.explained(f)
	if f.Security == dnssec.Secure {
		w.learn(c, f.Proofs)
	}
	if w.negative(name) && f.Kind != dnssec.NoAnswer {
		f.Security, f.Trouble = dnssec.Insecure, dnssec.Trouble{Text: "a negative trust anchor covers " + name}
	}
	a := w.compose(name, rrtype, f, c)
	w.override(a)
	if f.Target != "" && f.Since.IsZero() {
		w.keepAlias(a)
	}
	if f.Target == "" || rrtype == dns.TypeCNAME || f.Security == dnssec.Bogus {
		return a
	}
	passed = append(passed, name)
	switch {
	case slices.Contains(passed, f.Target):
		return w.stopped(a, dnssec.Trouble{Text: "the aliases of " + passed[0] + " run in a circle at " + f.Target})
	case len(passed) > dnssec.MaxAliases:
		w.narrowed = true
		return w.stopped(a, dnssec.Trouble{Text: "more than 11 aliases follow " + passed[0], Budget: true})
	}
	return join(a, w.answer(f.Target, rrtype, passed))
}

// answer is resolve with the cache before and behind it; for what a walk needs
// on its way.
func (w *walk) answer(name string, rrtype uint16, passed []string) *dnssec.Answer {
	key := string(answerKey(nil, []byte(name), rrtype))
	if !w.unaided() {
		if e, ok := w.r.cache.PeekString(key, time.Time{}); ok && fresh(e.answer, w.oldest) {
			return e.answer
		}
	}
	a := w.resolve(name, rrtype, passed)
	// What failed because this question's time or budget was over, or because of
	// the way that led here, says nothing of the name: another question may find it.
	switch {
	case w.private || w.over() || (w.ahead || w.narrowed) && failed(a):
	case !w.rooted.IsZero() && failed(a):
		w.r.keep(unsureKey(key), a)
	default:
		w.r.keep(key, a)
	}
	return a
}

// compose makes an answer of a finding, with the time that it stays true.
func (w *walk) compose(name string, rrtype uint16, f dnssec.Finding, c *cut) *dnssec.Answer {
	learnt := w.terms.Now
	if !f.Since.IsZero() {
		learnt = f.Since
	}
	a := &dnssec.Answer{
		Name: name, Type: rrtype, Zone: c.zone.Name,
		Security: f.Security, Kind: f.Kind, Rcode: f.Rcode, Trouble: f.Trouble, Wildcard: f.Wildcard,
		Fetched: learnt, AnswerSection: dnssec.PackRecords(f.Answer), AuthoritySection: dnssec.PackRecords(f.Authority),
	}
	a.Until = learnt.Add(w.lifetime(rrtype, f))
	if failed(a) {
		a.Until = w.later(w.lifetime(rrtype, f))
	}
	if !f.Until.IsZero() && f.Until.Before(a.Until) {
		a.Until = f.Until
	}
	if f.Kind == dnssec.Positive && f.Target == "" && f.Security != dnssec.Bogus {
		a.Data = a.AnswerSection.RDATA(rrtype)
	}
	return a
}

// lifetime is how long a finding is believed (RFC 2181 §8, RFC 2308 §5, RFC
// 9520 §3.2), within the operator's caps for what decides about a confirmation.
func (w *walk) lifetime(rrtype uint16, f dnssec.Finding) time.Duration {
	limit := maxChainTTL
	switch {
	case f.Kind == dnssec.NoAnswer && f.Security == dnssec.Indeterminate:
		return min(unreachable, w.failureTTL(rrtype))
	case f.Security == dnssec.Bogus:
		return w.failureTTL(rrtype)
	case rrtype == dnssec.TypeTLSA && f.Kind == dnssec.Positive:
		limit = w.r.cfg.MaxTTL
	case rrtype == dnssec.TypeTLSA:
		limit = w.r.cfg.MaxNegativeTTL
	}
	return min(f.TTL, limit)
}

// failureTTL is how long a failure is kept: for confirmation names no longer
// than an absence, and in any case a second, so that nobody is hammered (RFC
// 9520 §3.2).
func (w *walk) failureTTL(rrtype uint16) time.Duration {
	if rrtype == dnssec.TypeTLSA {
		return max(min(maxFailureTTL, w.r.cfg.MaxNegativeTTL), time.Second)
	}
	return maxFailureTTL
}

// later is a time counted from the end of the work, not from its beginning: a
// failure may take longer to find than it is kept.
func (w *walk) later(d time.Duration) time.Time {
	if w.private {
		return w.terms.Now.Add(d)
	}
	return w.r.cfg.Now().Add(d)
}

// over reports whether the question's time or budget is spent.
func (w *walk) over() bool { return w.ctx.Err() != nil || w.budget.Exhausted != "" }

// stopped ends a chain of aliases that leads nowhere.
func (w *walk) stopped(a *dnssec.Answer, t dnssec.Trouble) *dnssec.Answer {
	b := *a
	b.Kind, b.Security, b.Rcode, b.Data, b.Trouble = dnssec.NoAnswer, dnssec.Indeterminate, dns.RcodeServerFailure, nil, t
	if end := w.later(w.failureTTL(a.Type)); end.Before(b.Until) {
		b.Until = end
	}
	return &b
}

// join puts an alias and the answer at its target together. The whole is as
// weak, as old and as short-lived as the weakest part.
func join(head, tail *dnssec.Answer) *dnssec.Answer {
	a := *head
	a.Kind, a.Rcode = tail.Kind, tail.Rcode
	a.Security = dnssec.Weaker(head.Security, tail.Security)
	if head.Security == dnssec.Secure || head.Trouble.Text == "" || tail.Security == dnssec.Bogus || tail.Kind == dnssec.NoAnswer {
		a.Trouble = tail.Trouble
	}
	a.Wildcard = head.Wildcard || tail.Wildcard
	a.Overridden = head.Overridden || tail.Overridden
	a.AnswerSection = slices.Concat(head.AnswerSection, tail.AnswerSection)
	if a.Data = nil; tail.Data != nil {
		a.Data = a.AnswerSection[len(head.AnswerSection):].RDATA(a.Type)
	}
	a.AuthoritySection = slices.Concat(head.AuthoritySection, tail.AuthoritySection)
	if tail.Fetched.Before(a.Fetched) {
		a.Fetched = tail.Fetched
	}
	if tail.Until.Before(a.Until) {
		a.Until = tail.Until
	}
	return &a
}
