// Package issuers decides whether one of an issuer's keys has signed a
// credential.
//
// It is told which keys are the issuer's, and believes a token in nothing about
// them: a key that stands in a header (jwk, x5c) or that a header points to (jku,
// x5u) is never looked at.
package issuers

import (
	"errors"
	"slices"

	"cnfd/credential"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// Key is a public key that an issuer signs with. The zero Key verifies nothing.
type Key struct {
	Key thumbprint.Key
	// KID is the key's name in octets, compared as they stand (RFC 7515 §4.1.4);
	// "" where it has none.
	KID string
	// Algorithms are those that the key says it is for (alg of a JWK, 3 of a
	// COSE_Key); empty: all that fit it.
	Algorithms []signature.Algorithm
}

// Set holds the keys of one issuer. It is never changed once it is made, so that
// it may be shared.
type Set []Key

// Terms say what an issuer is held to. The zero Terms are the usual ones.
type Terms struct {
	// Algorithms are those that it signs with; empty: every one that is known and
	// fits its key.
	Algorithms []signature.Algorithm
	// Types are the values of typ (RFC 7515 §4.1.9; RFC 9596) that its credentials
	// have, "application/" left out or not, a number of a content format in decimal; "" is a
	// credential without typ, and "+sd-jwt" whatever ends so. Empty: those that a
	// credential of its format has.
	Types []string
}

// Judge returns nil where a key of the set has signed c under those terms (nil:
// the zero ones), and otherwise an *Error whose Rule says what is wrong. One of the
// signatures of a COSE_Sign is enough. The keys are those by the name that the
// signature gives; where no key has it, those without a name, and where it
// gives none, all. c reads its token again, which must not have changed.
func Judge(c *credential.Credential, set Set, t *Terms) error {
	if t == nil {
		t = &Terms{}
	}
	if c == nil {
		return unsigned(0)
	}
	signed, ok := c.Signed()
	if !ok || len(signed.Signatures) == 0 {
		return unsigned(c.Format)
	}
	if !t.admits(c.Format, signed.Type) {
		return wrongType(c.Format, len(signed.Type) > 0)
	}
	trial := trial{set: set, terms: t}
	var reason *Error
	for i := range signed.Signatures {
		e := trial.judge(&signed.Signatures[i])
		if e == nil {
			return nil
		}
		if reason == nil || e.Rule > reason.Rule {
			reason = e
		}
		if e.Rule == TooMany {
			break
		}
	}
	return reason
}

// maxTries bounds the signatures that are verified for one token, over all its
// signatures and all the keys that fit them: a COSE_Sign of many signatures by
// nobody, for an issuer of many keys, would be an amplifier (KeyTrap,
// CVE-2023-50387, is one in DNSSEC; its resolvers stop at 8 to 32).
const maxTries = 16

// trial is the judgement of one token.
type trial struct {
	set   Set
	terms *Terms
	tries int
}

// judge returns nil where a key of the set has made the signature.
func (t *trial) judge(s *credential.Signature) *Error {
	switch {
	case s.Algorithm.String() == "":
		return &Error{Algorithm, "alg: none, an HMAC, not protected, or not a signature algorithm that is known here"}
	case len(t.terms.Algorithms) > 0 && !slices.Contains(t.terms.Algorithms, s.Algorithm):
		return &Error{Algorithm, "alg: " + s.Algorithm.String() + " is not one that the issuer is held to"}
	}
	names := t.set.names(s.KID)
	var reason error
	for i := range t.set {
		k := &t.set[i]
		if !names.admit(k) || !k.allows(s.Algorithm) {
			continue
		}
		if t.tries == maxTries {
			return &Error{TooMany, "signature: more signatures and keys that fit than are tried: name the key (kid), or take old keys out of the issuer's"}
		}
		t.tries++
		if reason = signature.Verify(s.Algorithm, k.Key, s.Octets, s.Value); reason == nil {
			return nil
		}
	}
	var e *signature.Error
	switch {
	case names.none:
		return &Error{NoKey, "kid: the issuer has no key by that name, and none without a name has made the signature"}
	case names.kid != "" && reason == nil:
		return &Error{Algorithm, "alg: " + s.Algorithm.String() + " is not for the issuer's key by that name (kid)"}
	case reason == nil:
		return &Error{NoKey, "kid: missing, and the issuer has no key for " + s.Algorithm.String()}
	case errors.As(reason, &e) && e.Rule == signature.WrongLength:
		return &Error{Signature, e.Error()}
	}
	return &Error{Signature, "signature: not made by a key of the issuer over these octets (" + s.Algorithm.String() + ")"}
}

// names says which keys a signature may be by.
type names struct {
	kid  string // "": any
	none bool   // no key has that name: those without one
}

// names looks for the keys that a signature names. It never takes the name for
// more than a hint: the signature decides.
func (set Set) names(kid []byte) names {
	n := names{kid: string(kid), none: len(kid) > 0}
	for i := range set {
		n.none = n.none && set[i].KID != n.kid
	}
	return n
}

func (n names) admit(k *Key) bool {
	switch {
	case n.kid == "":
		return true
	case n.none:
		return k.KID == ""
	}
	return k.KID == n.kid
}

// allows reports whether the algorithm fits the key (RFC 8725 §3.1), and is one
// that the key says it is for (RFC 7517 §4.4, RFC 9052 §7.1).
func (k *Key) allows(a signature.Algorithm) bool {
	return a.Fits(k.Key) && (len(k.Algorithms) == 0 || slices.Contains(k.Algorithms, a))
}
