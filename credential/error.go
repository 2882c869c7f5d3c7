package credential

import (
	"errors"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// Error is why a token gives no question of a subject and a key. It never
// repeats what stands in the token.
type Error struct {
	Rule  Rule
	Where string // the place: "claims.cnf.jwk.x", "header.alg", "claims.8.1.-2"
	What  string // what is wrong there, and what to do about it
}

// Error returns the place and what is wrong there.
func (e *Error) Error() string {
	if e.Where == "" {
		return e.What
	}
	return e.Where + ": " + e.What
}

// Rule is the rule that a token breaks.
type Rule uint8

// The rules. The zero Rule is none.
const (
	Malformed    Rule = iota + 1 // it is not what it says it is
	NotReducible                 // no key can be had from its cnf, or there is no cnf
	PrivateKey                   // its cnf holds a private key
	NoSubject                    // it names no subject
	TooLarge                     // it is longer than MaxToken
)

// String returns a short name: "malformed", "not-reducible", "private-key",
// "no-subject", "too-large"; "" for none.
func (r Rule) String() string {
	if r > TooLarge {
		return ""
	}
	return [...]string{"", "malformed", "not-reducible", "private-key", "no-subject", "too-large"}[r]
}

// NoSubject returns the error of a credential without a subject, which says
// where one is looked for; nil where it has one.
func (c *Credential) NoSubject() error {
	where, label := "claims.sub", "sub"
	if c.isCWT() {
		where, label = "claims.2", "sub (2)"
	}
	switch {
	case c.HasSubject:
		return nil
	case c.hidden:
		return &Error{NoSubject, where, "missing: neither signed in the clear nor in a disclosure that was sent, so the holder must disclose " + label}
	}
	return &Error{NoSubject, where, "missing: a credential is confirmed by the domain of its " + label + ", and of nothing else"}
}

// noKey is the error of a claim set without cnf.
func (c *Credential) noKey() error {
	where, label, what := "claims.cnf", "cnf", "the key (jwk) or its thumbprint (jkt)"
	if c.isCWT() {
		where, label, what = "claims.8", "cnf (8)", "a COSE_Key (1) or its thumbprint (5)"
	}
	if c.hidden {
		return &Error{NotReducible, where, "missing: the issuer must sign it in the clear and leave " + label + " out of disclosures"}
	}
	return &Error{NotReducible, where, "missing: the credential names no key to confirm; its issuer must add " + label + " with " + what}
}

func (c *Credential) isCWT() bool { return c.Format == CWT || c.Format == CWTClaims }

// wrong is an error of the rooms below as an *Error, its place under parent.
func wrong(parent string, err error) error {
	var key *thumbprint.Error
	if errors.As(err, &key) {
		rule := Malformed
		switch key.Rule {
		case thumbprint.NotReducible:
			rule = NotReducible
		case thumbprint.PrivateKey:
			rule = PrivateKey
		}
		return &Error{rule, parent + key.Where, key.What}
	}
	var syntax *strict.Error
	if errors.As(err, &syntax) {
		return &Error{Malformed, parent + syntax.Where, syntax.What}
	}
	return &Error{Malformed, parent, err.Error()}
}

func malformed(where, what string) error { return &Error{Malformed, where, what} }

func tooLarge(n int) error {
	if n <= MaxToken {
		return nil
	}
	return &Error{TooLarge, "", "longer than the 64 KiB that a credential may have"}
}
