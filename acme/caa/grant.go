package caa

import (
	"slices"
	"strings"
)

// grant is the value of an issue or issuewild property (RFC 8659 §4.2): whom it
// lets issue, and on what terms.
type grant struct {
	issuer string // "": nobody

	accounts, methods       string // of accounturi and validationmethods
	hasAccounts, hasMethods bool
	repeated, unknown       bool // a parameter is there twice; there is another
}

// refuses says what of a grant's terms is not met; nothing where all are.
//
// A parameter that is not known makes a property unsatisfiable. RFC 8659 leaves the
// meaning of parameters to the issuer; whoever wrote one wants to be protected by it, be it only
// accounturi in other letters.
func (g *grant) refuses(q *Question, methods []string) Reason {
	switch {
	case g.issuer == "":
		return Nobody
	case !g.names(q.Identities):
		return OtherIssuer
	case g.unknown:
		return UnknownParameter
	case g.repeated:
		return RepeatedParameter
	case g.hasAccounts && (q.Account == "" || g.accounts != q.Account):
		return OtherAccount
	case g.hasMethods && !lists(g.methods, methods):
		return OtherMethod
	}
	return nothing
}

func (g *grant) names(identities []string) bool {
	for _, i := range identities {
		if IsIssuer(i) && strings.EqualFold(i, g.issuer) {
			return true
		}
	}
	return false
}

// lists reports whether the value of validationmethods holds one of the methods.
// One that does not match its grammar, value = [*(label ",") label], holds none
// (RFC 8657 §4).
func lists(value string, methods []string) bool {
	found := false
	for label := range strings.SplitSeq(value, ",") {
		if label == "" || !all(label, func(c byte) bool { return isAlphaNumeric(c) || c == '-' }) {
			return false
		}
		found = found || slices.Contains(methods, label)
	}
	return found
}

// parseGrant reads a value by the grammar; false where it does not match.
//
//	issue-value = *WSP [issuer-domain-name *WSP] [";" *WSP [parameters *WSP]]
//	parameters = (parameter *WSP ";" *WSP parameters) / parameter
//	parameter = tag *WSP "=" *WSP value
//	tag = (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT))
//	value = *(%x21-3A / %x3C-7E)
func parseGrant(text string) (grant, bool) {
	issuer, rest, _ := strings.Cut(text, ";")
	g := grant{issuer: strings.Trim(issuer, space)}
	if g.issuer != "" && !IsIssuer(g.issuer) {
		return grant{}, false
	}
	if strings.Trim(rest, space) == "" {
		return g, true
	}
	for parameter := range strings.SplitSeq(rest, ";") {
		tag, value, ok := strings.Cut(parameter, "=")
		tag, value = strings.Trim(tag, space), strings.Trim(value, space)
		if !ok || !isLabel(tag) || !all(value, func(c byte) bool { return '!' <= c && c <= '~' }) {
			return grant{}, false
		}
		g.take(tag, value)
	}
	return g, true
}

// take takes a parameter in. Their names are compared as they stand.
func (g *grant) take(tag, value string) {
	switch tag {
	case "accounturi":
		g.repeated = g.repeated || g.hasAccounts
		g.accounts, g.hasAccounts = value, true
	case "validationmethods":
		g.repeated = g.repeated || g.hasMethods
		g.methods, g.hasMethods = value, true
	default:
		g.unknown = true
	}
}

const space = " \t"

// IsIssuer reports whether name is an issuer-domain-name: labels of letters,
// digits and inner hyphens, with single dots between (RFC 8659 §4.2).
func IsIssuer(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	return s != "" && isAlphaNumeric(s[0]) && isAlphaNumeric(s[len(s)-1]) &&
		all(s, func(c byte) bool { return isAlphaNumeric(c) || c == '-' })
}

func isAlphaNumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
