package resolver

import (
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// aliased answers a question from an alias that was proven before: a CNAME at
// the name, or a DNAME above it (RFC 6672 §3.2), no older than the question allows.
func (w *walk) aliased(name string, rrtype uint16) (dnssec.Finding, *cut, bool) {
	if besideAlias(rrtype) {
		return dnssec.Finding{}, nil, false
	}
	if w.unaided() || w.negative(name) {
		return dnssec.Finding{}, nil, false
	}
	if rrtype != dns.TypeCNAME {
		if a, c := w.alias(name, name, dns.TypeCNAME, rrtype); a != nil {
			if f, ok := a.Aliased(); ok {
				return f, c, true
			}
		}
	}
	for above := dnssec.Parent(name); above != "."; above = dnssec.Parent(above) {
		if a, c := w.alias(above, name, dns.TypeDNAME, rrtype); a != nil {
			if f, ok := a.Redirected(name); ok {
				return f, c, true
			}
		}
	}
	return dnssec.Finding{}, nil, false
}

// besideAlias reports whether records of a type may lie beside an alias, or above it.
func besideAlias(rrtype uint16) bool {
	switch rrtype {
	case dns.TypeANY, dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
		return true
	}
	return false
}

// forgetAliases drops the aliases that led on from an answer's name when they were learnt,
// where the answer, proven later, shows that none does now: what it denies must not come
// back by way of them when it has ended.
func (r *Resolver) forgetAliases(a *dnssec.Answer) {
	if a.Security != dnssec.Secure || a.Overridden || a.Kind == dnssec.NoAnswer || besideAlias(a.Type) ||
		len(a.AnswerSection.RDATA(dns.TypeCNAME))+len(a.AnswerSection.RDATA(dns.TypeDNAME)) > 0 {
		return
	}
	forget := func(name string, rrtype uint16) {
		key := string(answerKey(nil, []byte(name), rrtype))
		if e, ok := r.cache.PeekString(key, time.Time{}); ok && e.answer.Kind == dnssec.Positive && e.answer.Fetched.Before(a.Fetched) {
			r.cache.Drop(key)
		}
	}
	forget(a.Name, dns.TypeCNAME)
	for name := a.Name; name != a.Zone && name != "."; {
		name = dnssec.Parent(name)
		forget(name, dns.TypeDNAME)
	}
}

// alias is a cached alias at an owner that may serve a question, with its zone's cut.
func (w *walk) alias(owner, name string, kind, rrtype uint16) (*dnssec.Answer, *cut) {
	e, ok := w.r.cache.PeekString(string(answerKey(nil, []byte(owner), kind)), time.Time{})
	if !ok || e.answer.Security != dnssec.Secure || e.answer.Overridden || e.answer.Fetched.Before(w.oldest) {
		return nil, nil
	}
	if rrtype == dnssec.TypeTLSA && !e.answer.Fetched.Add(w.r.cfg.MaxTTL).After(w.terms.Now) {
		return nil, nil
	}
	c := w.known(e.answer.Zone)
	if c == nil || c.zone.Security != dnssec.Secure || w.r.setApart(name, c.zone.Name) {
		return nil, nil
	}
	return e.answer, c
}

// keepAlias remembers a proven alias for questions of other types, and a DNAME
// for other names below it.
func (w *walk) keepAlias(a *dnssec.Answer) {
	if w.private || a.Security != dnssec.Secure || a.Overridden || a.Kind != dnssec.Positive {
		return
	}
	put := func(b dnssec.Answer) {
		key := string(answerKey(nil, []byte(b.Name), b.Type))
		w.r.cache.Put(key, cache.Entry[*entry]{Value: keptAnswer(key, &b), Size: answerSize(&b), Until: b.Until, Since: b.Fetched})
	}
	if b, ok := a.AsCNAME(); ok && a.Type != dns.TypeCNAME {
		put(b)
	}
	if b, ok := a.AsDNAME(); ok && !(a.Type == dns.TypeDNAME && b.Name == a.Name) {
		put(b)
	}
}
