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
	switch rrtype {
	case dns.TypeANY, dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
		return dnssec.Finding{}, nil, false // may lie beside an alias, or above it
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
