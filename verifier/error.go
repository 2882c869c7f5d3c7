package verifier

import (
	"errors"

	"cnfd/credential"
	"cnfd/record"
	"cnfd/thumbprint"
)

// Error is why no verdict could be formed: no question of a subject and a key
// is in the bytes. It says where and what to change, and never repeats key
// material. Other errors of this package are the caller's context ending.
type Error struct {
	Problem Problem
	Where   string // "claims.cnf.jwk.x"; empty where it is the whole
	Detail  string // "not base64url"
}

// Error returns where and what, for people.
func (e *Error) Error() string {
	if e.Where == "" {
		return e.Detail
	}
	return e.Where + ": " + e.Detail
}

// Problem is the kind of an Error. The zero value is Internal.
type Problem uint8

const (
	Internal     Problem = iota // this machine's failure
	Malformed                   // the bytes are not what they should be, or hold a private key
	NotDerivable                // the subject names no domain
	NotReducible                // the confirmation claim names no key that has a thumbprint
	TooLarge                    // more bytes than are read
	problemCount = iota
)

// String returns the last part of the problem's urn:cnfd:problem: name.
func (p Problem) String() string {
	if p >= problemCount {
		p = Internal
	}
	return [problemCount]string{"internal", "malformed", "not-derivable", "not-reducible", "too-large"}[p]
}

// problemOf makes an *Error of what the rooms below say of the bytes. It takes
// their words, which hold no key material.
func problemOf(err error) error {
	var (
		subject *record.NotDerivable
		claim   *credential.Error
		key     *thumbprint.Error
	)
	switch {
	case errors.As(err, &subject):
		return &Error{Problem: NotDerivable, Detail: subject.Error()}
	case errors.As(err, &claim):
		return &Error{Problem: ofCredential(claim.Rule), Where: claim.Where, Detail: claim.What}
	case errors.As(err, &key):
		return &Error{Problem: ofKey(key.Rule), Where: key.Where, Detail: key.What}
	}
	return err
}

func ofCredential(r credential.Rule) Problem {
	switch r {
	case credential.NoSubject:
		return NotDerivable
	case credential.NotReducible:
		return NotReducible
	case credential.TooLarge:
		return TooLarge
	}
	return Malformed // a private key is one too: the bytes are not what they should be
}

func ofKey(r thumbprint.Rule) Problem {
	if r == thumbprint.NotReducible {
		return NotReducible
	}
	return Malformed
}
