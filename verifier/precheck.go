package verifier

import (
	"context"
	"errors"
	"fmt"

	"cnfd/dnssec"
	"cnfd/thumbprint"
)

// EachSource asks every authoritative server of a zone, each for itself and past
// the cache. It is used by many callers at once.
type EachSource interface {
	// LookupEach answers q as of now. The error is only the caller's context ending;
	// every trouble of the DNS is in the Each, which nobody changes.
	LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error)
}

// Precheck says whether a subject's domain vouches for a key now, at every one of its
// name servers: what an issuer asks before it signs (docs/profile.md §6). Where they
// do not all say the same the verdict is unproven, and its Detail names each.
// The error is an *Error where the subject names no domain, else the end of ctx.
func (v *Verifier) Precheck(ctx context.Context, subject string, c thumbprint.Confirmation) (Verdict, error) {
	return v.decide(ctx, &ask{
		subject:      []byte(subject),
		confirmation: c,
		now:          v.now(),
		token:        standing{good: true}, // there is none
		from:         fromEach,
	})
}

// PrecheckToken is Precheck of the subject and the key of a credential, which is read
// and checked as by Verify. A bound on the age of DNS data is kept in any case.
// The error is that of Verify; q.At is one.
func (v *Verifier) PrecheckToken(ctx context.Context, q *Request) (Verdict, error) {
	if !q.At.IsZero() {
		return Verdict{}, &Error{Problem: Malformed, Where: "at", Detail: "name servers can only be asked what they say now"}
	}
	return v.answer(ctx, q, fromEach)
}

// Key is how somebody without a credential names a key: by a confirmation claim, or
// by the method that a credential will use and the key's thumbprint.
type Key struct {
	Claim              []byte // the value of cnf in JSON (RFC 7800 §3)
	Method, Thumbprint string // "jwk" … "323"; a thumbprint URI (RFC 9278, RFC 9679)
}

// PrecheckKey is Precheck of a key that is named so. The error is also an *Error
// where no key is.
func (v *Verifier) PrecheckKey(ctx context.Context, subject string, k Key) (Verdict, error) {
	c, err := v.confirmation(k)
	if err != nil {
		return Verdict{}, problemOf(err)
	}
	return v.Precheck(ctx, subject, c)
}

// confirmation reads a Key. A method of JOSE has the thumbprint of a JWK, one of COSE
// that of a COSE_Key; the two that hold the other's are jkt in a CWT and none.
func (v *Verifier) confirmation(k Key) (thumbprint.Confirmation, error) {
	if k.Claim != nil {
		return thumbprint.FromJOSE(k.Claim, v.credential.Confirmation)
	}
	m, err := thumbprint.ParseMethod(k.Method)
	if err != nil {
		return thumbprint.Confirmation{}, &Error{Problem: Malformed, Detail: err.Error()}
	}
	t, err := thumbprint.ParseURI(k.Thumbprint)
	if err != nil {
		return thumbprint.Confirmation{}, &Error{Problem: Malformed, Where: "thumbprint", Detail: "want a thumbprint URI, urn:ietf:params:oauth:jwk-thumbprint:… or urn:ietf:params:oauth:ckt:…"}
	}
	want := thumbprint.JWK
	switch m {
	case thumbprint.MethodX5T, thumbprint.MethodTBH:
		return thumbprint.Confirmation{}, &Error{Problem: Malformed, Where: "method", Detail: m.String() + " names no key: send cnf"}
	case thumbprint.MethodCOSEKey, thumbprint.MethodEncryptedCOSEKey, thumbprint.MethodCOSEKID, thumbprint.MethodCKT:
		want = thumbprint.COSEKey
	}
	if t.Kind() != want {
		return thumbprint.Confirmation{}, &Error{Problem: Malformed, Where: "thumbprint", Detail: fmt.Sprintf("a credential with the method %s has the other kind of thumbprint: a JWK's (jkt) and a COSE_Key's (ckt) differ", m)}
	}
	return thumbprint.Confirmation{Method: m, Thumbprint: t}, nil
}

var errNoEach = errors.New("verifier: Config.Each is missing: name servers cannot be asked one by one")

// lookEverywhere asks every server for the record of a form.
func (v *Verifier) lookEverywhere(ctx context.Context, q dnssec.Question, e *evidence, f *finding) error {
	if v.each == nil {
		return errNoEach
	}
	said, err := v.each.LookupEach(ctx, q)
	if err != nil {
		return fmt.Errorf("verifier: look-up of the record: %w", err)
	}
	if said == nil {
		said = &dnssec.Each{}
	}
	e.answer, e.differ = said.Answer, said.Differ
	f.detail = detailOf(said, e.confirmation.Thumbprint)
	return nil
}
