package verifier

import (
	"slices"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// evidence is all that a judgement rests on.
type evidence struct {
	token        *standing
	confirmation thumbprint.Confirmation
	form         record.Form
	name         []byte // the record's owner, with the trailing dot
	prefix       int    // how many octets of name stand before the subject's domain
	answer       *dnssec.Answer
	differ       bool // name servers do not all say the same
	allow        allowances
}

// allowances are the operator's departures from the default verdicts.
type allowances struct{ insecure, wildcard, delegated bool }

// judge gives the reason of one form's verdict: the first that applies, in the
// order of docs/profile.md §5. What is not recognised decides nothing.
func judge(e *evidence) (Reason, record.Comparison) {
	a := e.answer
	if a == nil {
		a = &dnssec.Answer{}
	}
	var c record.Comparison
	if a.Kind == dnssec.Positive {
		c = record.Match(e.confirmation.Thumbprint, a.Data)
	}
	switch {
	case e.token == nil:
		return Indeterminate, c
	case !e.token.good && e.token.reason.Outcome() == Refuted:
		return e.token.reason, c
	case e.confirmation.Encrypted:
		return Undecryptable, c
	case !e.token.good:
		return e.token.refused(), c
	case a.Trouble.Budget, c.TooMany:
		return TooCostly, c
	case a.Trouble.Unreachable:
		return Unreachable, c
	case a.Security == dnssec.Bogus:
		return Bogus, c
	case e.differ:
		return ServersDiffer, c // there is no answer that could be inconclusive
	case e.confirmation.Thumbprint.IsZero(), a.Name != string(e.name), !a.Conclusive(dnssec.TypeTLSA):
		return Indeterminate, c
	case cutBetween(e, a) && !e.allow.delegated:
		return DelegatedName, c
	case a.Overridden:
		// A negative trust anchor stands where a proof is broken: believing
		// the zone because others may be unsigned would be believing anybody.
		return Insecure, c
	case a.Security == dnssec.Insecure && !(e.allow.insecure && c.Matches):
		// Insecure data may confirm where the operator says so; it never refutes.
		return Insecure, c
	case a.Wildcard && !e.allow.wildcard:
		return Wildcard, c
	case c.Matches:
		return RecordMatches, c
	case c.Usable > 0:
		return RecordDiffers, c
	case a.Security == dnssec.Secure:
		// NXDOMAIN, NODATA, or unusable records only (RFC 6698 §4.1).
		return RecordAbsent, c
	}
	return Indeterminate, c
}

// cutBetween reports whether a dotted name is answered from a zone below the
// subject's domain. A host that hands out subdomains would hand out cnf. too,
// and its tenant would vouch for the whole domain. An underscored name is no host
// name, so that a delegation there is the owner's own.
func cutBetween(e *evidence, a *dnssec.Answer) bool {
	domain := a.Name[e.prefix:]
	return e.form == record.Dotted && a.Zone != domain && dnssec.IsSubdomain(a.Zone, domain)
}

// weigh gives the finding that stands for both, of forms looked up in this
// order: any form that matches confirms; a key is refuted only if every form
// refutes it; of two that prove nothing the one earlier in the order of reasons
// is given. Of two that refute, record_differs is: a record that names another
// key says more than none under a name that the domain may never have used.
// A refutation by both is true only as long as both are.
func weigh(first, second finding) finding {
	winner := first
	if weight(second.reason) < weight(first.reason) {
		winner = second
	}
	if winner.reason.Outcome() == Refuted {
		winner.until = first.until
		if second.until.Before(first.until) {
			winner.until = second.until
		}
	}
	return winner
}

// weight is how little a reason counts among those of several forms: a
// confirmation before the unproven ones in their order, the refutations last.
func weight(r Reason) int {
	switch r {
	case RecordMatches:
		return -1
	case RecordDiffers:
		return len(unproven)
	case RecordAbsent:
		return len(unproven) + 1
	}
	if i := slices.Index(unproven[:], r); i >= 0 {
		return i
	}
	return len(unproven) + 2 // no reason of a form
}
