package verifier

import (
	"context"
	"fmt"

	"cnfd/dnssec"
	"cnfd/record"
)

// decide derives the domain, looks the record up in each form until one
// confirms, and makes the verdict.
func (v *Verifier) decide(ctx context.Context, a *ask) (Verdict, error) {
	var buffer [256]byte
	domain, err := v.domainOf(buffer[:0], a)
	if err != nil {
		return Verdict{}, problemOf(err)
	}
	var best finding
	for i := range v.forms {
		f, err := v.find(ctx, a, domain, i)
		if err != nil {
			return Verdict{}, err
		}
		if i > 0 {
			f = weigh(best, f)
		}
		best = f
		if best.reason == RecordMatches || !best.asked {
			break
		}
	}
	return v.verdict(a, domain, &best), nil
}

// domainOf derives the domain of a's subject, into dst or as it is known.
func (v *Verifier) domainOf(dst []byte, a *ask) ([]byte, error) {
	if a.known != nil && a.known.domain != nil {
		return a.known.domain, nil
	}
	return record.AppendDomain(dst, a.subject, &v.subjects)
}

// nameOf sets name to that of the record in one of the forms, as it is known or derived anew.
func (v *Verifier) nameOf(name *dnssec.Name, a *ask, domain []byte, form int) error {
	if a.known != nil && a.known.domain != nil {
		*name = a.known.names[form]
		return nil
	}
	var buffer [256]byte
	text, err := record.AppendName(buffer[:0], a.confirmation.Method, domain, v.forms[form])
	if err != nil {
		return problemOf(err)
	}
	*name, _ = dnssec.NameOf(text) // fits: AppendName gives at most 254 octets
	return nil
}

// find looks one form of the record up and judges it. Where the token alone
// decides, the DNS is not asked and the finding has no answer.
func (v *Verifier) find(ctx context.Context, a *ask, domain []byte, at int) (finding, error) {
	form := v.forms[at]
	q := dnssec.Question{Type: dnssec.TypeTLSA, MaxAge: a.freshness.MaxAge, Bounded: a.freshness.Bounded, At: a.freshness.At, ChainAge: a.freshness.ChainAge}
	if a.prompt && at == 0 { // a form that comes later may have been waited for
		q.Now = a.now
	}
	if err := v.nameOf(&q.Name, a, domain, at); err != nil {
		return finding{}, err
	}
	name := q.Name.Bytes()
	e := evidence{
		token:        &a.token,
		confirmation: a.confirmation,
		form:         form,
		name:         name,
		prefix:       len(name) - len(domain) - 1,
		allow:        v.allow,
	}
	f := finding{form: form}
	if a.token.good && !a.confirmation.Encrypted {
		if err := v.lookUp(ctx, a.from, &q, &e, &f); err != nil {
			return finding{}, err
		}
		f.learn(e.answer, name, e.prefix)
	}
	f.reason, f.comparison = judge(&e)
	return f, nil
}

// lookUp answers q for e and f, out of what from says.
func (v *Verifier) lookUp(ctx context.Context, from where, q *dnssec.Question, e *evidence, f *finding) (err error) {
	switch {
	case from == fromEach:
		return v.lookEverywhere(ctx, *q, e, f)
	case from == fromCache && v.cached == nil:
		return errNotCached
	case from == fromCache:
		if e.answer, f.cached = v.cached.LookupCached(ctx, *q); !f.cached {
			return errNotCached
		}
		return nil
	}
	if e.answer, f.cached, err = v.source.Lookup(ctx, *q); err != nil {
		return fmt.Errorf("verifier: look-up of the record: %w", err)
	}
	return nil
}
