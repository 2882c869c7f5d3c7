package issuers

import "cnfd/credential"

// Error is why a credential is not taken for one that the issuer has signed. It
// repeats nothing that stands in the token.
type Error struct {
	Rule Rule
	What string // where, what, and what to do about it
}

// Error returns what is wrong, for people.
func (e *Error) Error() string { return e.What }

// Rule is the rule that a credential breaks.
type Rule uint8

// The rules. The zero Rule is none. Of several signatures, none of which is an
// issuer's, the rule that stands last is told: fresher keys may help NoKey.
const (
	Unsigned  Rule = iota + 1 // nobody has signed it with a public key: a bare claim set, a MAC
	Type                      // typ is not that of such a credential (RFC 8725 §3.11)
	Algorithm                 // not known, or not allowed to the issuer or to the key (RFC 8725 §3.1, §3.2)
	Signature                 // no key of the issuer has made it
	NoKey                     // the issuer has no key by that name, or none that fits
	TooMany                   // more would have to be tried than is
)

// String returns a short name: "unsigned", "type", "algorithm", "signature",
// "no-key", "too-many"; "" for none.
func (r Rule) String() string {
	if r > TooMany {
		return ""
	}
	return [...]string{"", "unsigned", "type", "algorithm", "signature", "no-key", "too-many"}[r]
}

func unsigned(f credential.Format) error {
	switch f {
	case credential.Claims, credential.CWTClaims:
		return &Error{Unsigned, "signature: none, these are bare claims: send the token that they stood in"}
	case credential.CWT:
		return &Error{Unsigned, "signature: none by a public key, a MAC proves nothing here: who can check it can make it"}
	}
	return &Error{Unsigned, "signature: none"}
}

func wrongType(f credential.Format, has bool) error {
	what := "not that of a credential of this format (" + f.String() + "), or not one of those that the issuer's credentials have"
	if !has {
		what = "missing, and the issuer's credentials have one"
	}
	return &Error{Type, "typ: " + what}
}
