// Package caa decides what a CAA record set lets an issuer do (RFC 8659, RFC 8657).
//
// It is given the RDATA of one set, and neither looks sets up nor climbs to them.
// Whatever it cannot read, or does not know, forbids.
package caa

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type is the RR type of CAA records (RFC 8659 §4.1).
const Type = 257

// MethodCNF is what a validationmethods parameter calls the ACME challenge cnf-01,
// which is not registered: so it begins with ca- (RFC 8657 §4).
const MethodCNF = "ca-cnf-01"

// Set is the CAA record set of one name. The zero Set permits nothing: a name
// without CAA records has no Set, and its parent's decides (RFC 8659 §3).
type Set struct{ properties []property }

// Question is what an issuer wants to know of a Set.
type Question struct {
	// Identities are the issuer domain names that mean the issuer, compared without
	// regard to case. What is no issuer-domain-name of RFC 8659 §4.2 means nobody.
	Identities []string
	Wildcard   bool // of a wildcard's certificate
	// Methods are the validation methods that may be or were used, as
	// validationmethods has them ("http-01", MethodCNF): one of them must be listed
	// where there is such a parameter. OptsIn disregards them.
	Methods []string
	// Account is the account's URI, compared octet by octet. "": it is nobody's.
	Account string
}

// property is one record.
type property struct {
	critical   bool
	tag, value string // the tag in lower case
}

// The property tags that are understood. Those beside issue and issuewild restrict
// no certificate of a DNS name or an address (RFC 8659 §4.4, RFC 9495, CA/Browser
// Forum BR appendix A.1).
const (
	tagIssue     = "issue"
	tagIssueWild = "issuewild"
)

var understood = []string{tagIssue, tagIssueWild, "iodef", "issuemail", "contactemail", "contactphone"}

// Parse reads the RDATA of a set's records (RFC 8659 §4.1). The error says which
// is none, or that there are no records; then nothing is permitted.
func Parse(rdata [][]byte) (Set, error) {
	if len(rdata) == 0 {
		return Set{}, errors.New("caa: no records")
	}
	s := Set{properties: make([]property, 0, len(rdata))}
	for i, r := range rdata {
		if len(r) < 2 || r[1] == 0 || len(r) < 2+int(r[1]) {
			return Set{}, fmt.Errorf("caa: record %d of %d: it ends before its tag does, or has none", i+1, len(rdata))
		}
		tag := string(r[2 : 2+int(r[1])])
		if !all(tag, isAlphaNumeric) {
			return Set{}, fmt.Errorf("caa: record %d of %d: its tag has other characters than letters and digits", i+1, len(rdata))
		}
		s.properties = append(s.properties, property{
			critical: r[0]&critical != 0,
			tag:      strings.ToLower(tag),
			value:    string(r[2+int(r[1]):]),
		})
	}
	return s, nil
}

// critical are the bits of the flags that say that who does not know a tag must
// not issue: 128, and 1, which many write for it and Boulder takes for it as well.
const critical = 128 | 1

// Permits returns nil where the set lets the issuer issue (RFC 8659 §4.2, §4.3),
// and else a *Refusal.
func (s Set) Permits(q Question) error {
	if err := s.unreadable(); err != nil {
		return err
	}
	governing := s.tagged(tagIssue)
	if wild := s.tagged(tagIssueWild); q.Wildcard && len(wild) > 0 {
		governing = wild // issue is then ignored (RFC 8659 §4.3)
	}
	if len(governing) == 0 {
		return nil // it restricts nothing of this kind
	}
	return best(governing, func(g *grant) Reason { return g.refuses(&q, q.Methods) })
}

// OptsIn returns nil where the set says in so many words that a confirmation record
// alone suffices: a property issue, or issuewild for a wildcard, which permits
// and whose validationmethods list MethodCNF. Else it returns a *Refusal. Unlike in Permits
// issue says nothing of a wildcard.
func (s Set) OptsIn(q Question) error {
	if err := s.unreadable(); err != nil {
		return err
	}
	tag := tagIssue
	if q.Wildcard {
		tag = tagIssueWild
	}
	explicit := s.tagged(tag)
	if len(explicit) == 0 {
		return &Refusal{Reason: NoProperty}
	}
	return best(explicit, func(g *grant) Reason {
		if r := g.refuses(&q, []string{MethodCNF}); r != nothing {
			return r
		}
		if !g.hasMethods {
			return AnyMethod
		}
		return nothing
	})
}

// unreadable is the refusal of a set that cannot be judged: of no records, or with a
// critical property that is not understood (RFC 8659 §4.1).
func (s Set) unreadable() error {
	if len(s.properties) == 0 {
		return &Refusal{Reason: NoRecords}
	}
	for _, p := range s.properties {
		if p.critical && !slices.Contains(understood, p.tag) {
			return &Refusal{Reason: CriticalUnknown, Property: p.String()}
		}
	}
	return nil
}

func (s Set) tagged(tag string) (out []property) {
	for _, p := range s.properties {
		if p.tag == tag {
			out = append(out, p)
		}
	}
	return out
}

// best returns nil where one of the properties refuses nothing, since they add up
// (RFC 8659 §4.2), and else the refusal of the one that came nearest.
func best(properties []property, judge func(*grant) Reason) error {
	var nearest Refusal
	for _, p := range properties {
		r := Malformed
		if g, ok := parseGrant(p.value); ok {
			r = judge(&g)
		}
		if r == nothing {
			return nil
		}
		if r > nearest.Reason {
			nearest = Refusal{Reason: r, Property: p.String()}
		}
	}
	return &nearest
}
