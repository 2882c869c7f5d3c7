package gate

import (
	"context"
	"strings"
	"sync"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
	"cnfd/verifier"
)

// What a claim needs of CAA is asked for side by side with its record, and the names above a domain side by side with each
// other. Whichever comes first, the answers are looked at in one order, so that the same DNS always comes
// to the same word: the record, the domain's own set, then upwards. What comes after the one that decides is not waited for.

// sideBySide bounds the names above a domain that are asked about at once: those of nearly all domains.
const sideBySide = 4

// question is a look-up of CAA records that is under way, or done. Whoever begins one ends it.
type question struct {
	stop   context.CancelFunc
	asking sync.WaitGroup
	a      *dnssec.Answer
	p      *acme.Problem
}

// begin asks for the CAA records of a name (see lookUp).
func (g *Gate) begin(ctx context.Context, domain string) *question {
	var q question
	ctx, q.stop = context.WithCancel(ctx)
	q.asking.Go(func() { q.a, q.p = g.lookUp(ctx, domain) })
	return &q
}

// answer waits for what lookUp returns.
func (q *question) answer() (*dnssec.Answer, *acme.Problem) {
	q.asking.Wait()
	return q.a, q.p
}

// end has nothing go on.
func (q *question) end() {
	q.stop()
	q.asking.Wait()
}

// climb returns the CAA set of the nearest name above a domain that has one, the root excepted, and that name. The answer is nil
// where there is none, and where a nearer one's cannot be told, which is the problem.
func (g *Gate) climb(ctx context.Context, domain string) (at string, a *dnssec.Answer, p *acme.Problem) {
	var above []string
	for _, rest, ok := strings.Cut(domain, "."); ok; _, rest, ok = strings.Cut(rest, ".") {
		above = append(above, rest)
	}
	for len(above) > 0 {
		group := above[:min(sideBySide, len(above))]
		above = above[len(group):]
		if at, a, p = g.nearest(ctx, group); a != nil || p != nil {
			return at, a, p
		}
	}
	return "", nil, nil
}

// nearest is climb, of names that are asked about at once, the nearest first.
func (g *Gate) nearest(ctx context.Context, names []string) (at string, a *dnssec.Answer, p *acme.Problem) {
	all := make([]*question, len(names))
	for n, name := range names {
		all[n] = g.begin(ctx, name)
		defer all[n].end()
	}
	for n, q := range all {
		if a, p := q.answer(); p != nil || a.Kind == dnssec.Positive {
			return names[n], a, p
		}
	}
	return "", nil, nil
}

// lookUp asks for the CAA records of a name, past the cache and with a chain of trust no older than acme.ChainAge. What it returns is
// proven, or proven to be unsigned; of everything else it returns the problem.
func (g *Gate) lookUp(ctx context.Context, domain string) (*dnssec.Answer, *acme.Problem) {
	what := "the CAA records of " + domain + "."
	name, ok := dnssec.NameOf(domain)
	if !ok {
		return nil, internal("the name of a CAA set is none")
	}
	a, _, err := g.config.Source.Lookup(ctx, dnssec.Question{Name: name, Type: caa.Type, Bounded: true, ChainAge: acme.ChainAge})
	switch {
	case err != nil:
		return nil, interrupted(what)
	case a == nil:
		return nil, unproven(what, verifier.Indeterminate, dnssec.Trouble{})
	case a.Trouble.Budget:
		return nil, unproven(what, verifier.TooCostly, a.Trouble)
	case a.Trouble.Unreachable:
		return nil, unproven(what, verifier.Unreachable, a.Trouble)
	case a.Security == dnssec.Bogus:
		return nil, unproven(what, verifier.Bogus, a.Trouble)
	case a.Overridden, a.Name != name.String(), !a.Conclusive(caa.Type):
		return nil, unproven(what, verifier.Indeterminate, a.Trouble)
	}
	return a, nil
}
