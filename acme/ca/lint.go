package ca

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
	_ "github.com/zmap/zlint/v3/lints/community" // what other CAs have got wrong
	_ "github.com/zmap/zlint/v3/lints/rfc"       // what RFC 5280 and its kin ask for

	"cnfd/acme"
)

// sources are whose rules a private PKI keeps: the RFCs' and what has been learnt by
// all. Those of the CA/Browser Forum, ETSI and the root programs ask for policies and an
// oversight that are the public PKI's, and are not linked.
var sources = lint.SourceList{
	lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6962, lint.RFC8813, lint.Community,
}

// linter reads what is about to be signed as a strict reader would, with another
// parser than the one that the standard library has.
type linter struct{ rules lint.Registry }

func newLinter() (*linter, error) {
	rules, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: sources})
	if err != nil {
		return nil, fmt.Errorf("lints: %w", err)
	}
	if len(rules.CertificateLints().Lints()) == 0 || len(rules.RevocationListLints().Lints()) == 0 {
		return nil, fmt.Errorf("lints: there are none of %v", sources)
	}
	return &linter{rules}, nil
}

// finding is a rule that something breaks.
type finding struct{ lint, text string }

func (f finding) String() string { return f.lint + ": " + f.text }

// certificate returns the rules that a certificate breaks, by name. Warnings count: what is
// only advised is kept too.
func (l *linter) certificate(der []byte) []finding {
	cert, err := zx509.ParseCertificate(der)
	if err != nil {
		return []finding{{"parse", err.Error()}}
	}
	var found []finding
	for _, rule := range l.rules.CertificateLints().Lints() {
		found = note(found, &rule.LintMetadata, rule.Execute(cert, l.rules.GetConfiguration()))
	}
	return sorted(found)
}

// revocationList returns the rules that a revocation list breaks, by name.
func (l *linter) revocationList(der []byte) []finding {
	list, err := zx509.ParseRevocationList(der)
	if err != nil {
		return []finding{{"parse", err.Error()}}
	}
	var found []finding
	for _, rule := range l.rules.RevocationListLints().Lints() {
		found = note(found, &rule.LintMetadata, rule.Execute(list, l.rules.GetConfiguration()))
	}
	return sorted(found)
}

// excused are rules of which only the scheme of our own URLs can be the reason: they
// want http or ldap, and the operator's URL may be https alone (RFC 5280 §8 leaves it to them).
var excused = []string{"w_distribution_point_missing_ldap_or_uri", "w_ext_aia_access_location_missing"}

// note adds a finding unless the rule is kept. A lint that panics is fatal, and one
// whose result is none of those that are known counts as broken.
func note(found []finding, rule *lint.LintMetadata, result *lint.LintResult) []finding {
	if result != nil {
		switch result.Status {
		case lint.NA, lint.NE, lint.Pass, lint.Notice:
			return found
		}
		if result.Status == lint.Warn && slices.Contains(excused, rule.Name) {
			return found
		}
	}
	text := rule.Description
	if rule.Citation != "" {
		text += " (" + rule.Citation + ")"
	}
	if result != nil && result.Details != "" {
		text += ": " + result.Details
	}
	return append(found, finding{rule.Name, text})
}

func sorted(found []finding) []finding {
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.lint, b.lint) })
	return found
}

// Which lints look at what the client has chosen, its names and its key. All else in a
// certificate is from here.
var (
	ofNames = regexp.MustCompile(`dns_?name|idn_|_san_(dns|bare|wildcard|empty|space|no_entries)`)
	ofKey   = regexp.MustCompile(`rsa_(exp|fermat|no_public|mod)|spki`)
)

// refusal is what the client is told of the rules that its certificate would break; nil
// for none.
func refusal(found []finding) *acme.Problem {
	if len(found) == 0 {
		return nil
	}
	kind, texts := acme.BadCSR, []string{}
	for _, f := range found {
		texts = append(texts, f.String())
		switch {
		case ofNames.MatchString(f.lint):
			if kind == acme.BadCSR {
				kind = acme.RejectedIdentifier
			}
		case ofKey.MatchString(f.lint):
		default:
			kind = acme.ServerInternal
		}
	}
	return acme.Problemf(kind, "nothing was signed, since the certificate would break a rule: %s", strings.Join(texts, "; "))
}
