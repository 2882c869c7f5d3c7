package verifier

import (
	"context"
	"errors"
	"time"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/possession"
	"cnfd/thumbprint"
)

// standing is what the token's own checks came to. The zero value is that nobody
// has looked at it, and lets nothing pass.
type standing struct {
	good   bool
	reason Reason // where it is not
	detail string // which rule, and where

	time, signature, keyBinding, dpop, mtls Check
	once                                    possession.Proof // what must be the first of its kind; JTI is nil where nothing is
}

// refuse keeps the first reason against the token; one that proves nothing gives
// way to one that refutes (docs/profile.md §5).
func (s *standing) refuse(r Reason, detail string) {
	if s.reason == Indeterminate || s.reason.Outcome() == Unproven && r.Outcome() == Refuted {
		s.good, s.reason, s.detail = false, r, detail
	}
}

// refused is the reason against the token; nothing that is set wrongly confirms.
func (s *standing) refused() Reason {
	if s.reason.Outcome() == Confirmed {
		return Indeterminate
	}
	return s.reason
}

// timely judges exp and nbf, unless the caller has said not to.
func (v *Verifier) timely(q *Request, c *credential.Credential, now time.Time) standing {
	if q.SkipTime {
		return standing{good: true}
	}
	s := standing{time: Checked}
	switch c.Time(now, v.leeway) {
	case credential.Valid:
		s.good = true
	case credential.Expired:
		s.reason = Expired
	case credential.NotYetValid:
		s.reason = NotYetValid
	}
	return s
}

// examine makes the checks of the token itself that are asked for, in the order of
// docs/profile.md §5, until one refutes it. It takes copies, so that a question
// without checks stays off the heap. The error is the end of ctx.
func (v *Verifier) examine(ctx context.Context, w wanted, c credential.Credential, s standing) (standing, error) {
	if w.checks&CheckSignature != 0 {
		if err := v.signed(ctx, &c, w.issuer, &s); err != nil {
			return standing{}, err
		}
	}
	x := examination{wanted: w, c: &c, opener: v.credential.Confirmation.Opener}
	for _, check := range [...]func(*standing){x.keyBinding, x.dpop, x.mtls, x.meantFor} {
		if s.reason.Outcome() == Refuted {
			break
		}
		check(&s)
	}
	if s.good && !s.made(w.checks) && !c.Confirmation.Encrypted {
		s.good, s.reason = false, Indeterminate // what is asked for is never passed over
	}
	return s, nil
}

// made reports whether every one of the checks holds.
func (s *standing) made(checks Checks) bool {
	for i, state := range [len(checkWords)]Check{s.signature, s.keyBinding, s.dpop, s.mtls} { // in the order of the bits
		if checks&(1<<i) != 0 && state != Valid {
			return false
		}
	}
	return checks < 1<<len(checkWords)
}

// signed makes the check of the issuer's signature.
func (v *Verifier) signed(ctx context.Context, c *credential.Credential, issuer *Issuer, s *standing) error {
	if issuer == nil || v.keys == nil {
		s.refuse(SignatureInvalid, "claims.iss: the token names no issuer whose keys are configured (issuers)")
		return nil
	}
	var e *issuers.Error
	var tried issuers.Set
	for _, missing := range [...]bool{false, true} {
		keys, err := v.keys.Keys(ctx, issuer.Name, missing)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && missing && e.Rule == issuers.Signature:
			s.refuse(SignatureInvalid, e.Error()) // the keys that there are have spoken
			return nil
		case err == nil && len(tried) > 0 && len(keys) == len(tried) && &keys[0] == &tried[0]:
			s.refuse(SignatureInvalid, e.Error()) // they are the same: a stranger's token costs what it must, once
			return nil
		case err != nil:
			s.refuse(Unreachable, "issuer's keys: "+err.Error())
			return nil
		}
		tried = keys
		err = issuers.Judge(c, keys, &issuer.Terms)
		if err == nil {
			s.signature = Valid
			return nil
		}
		// A key that has changed may have no name, or the name of the one before.
		if missing || !errors.As(err, &e) || e.Rule != issuers.NoKey && e.Rule != issuers.Signature {
			s.refuse(SignatureInvalid, err.Error())
			return nil
		}
	}
	return nil
}

// examination is what the checks of possession and audience are made of.
type examination struct {
	wanted
	c      *credential.Credential
	opener thumbprint.Opener
}

// keyBinding makes the check of the holder's key-binding token. Where no key here
// opens the confirmed one, nothing can be said of what it has signed.
func (x *examination) keyBinding(s *standing) {
	if x.checks&CheckKeyBinding == 0 || x.c.Confirmation.Encrypted {
		return
	}
	kb, _ := x.c.KeyBinding() // the zero one is an error below
	key, _ := x.c.Key(x.opener)
	err := possession.KeyBinding(kb, &possession.Presentation{
		Confirmed: x.c.Confirmation.Thumbprint, Key: key,
		Nonce: x.q.Nonce, Audience: x.audience, Now: x.now,
	})
	if err != nil {
		s.refuse(KeyBindingInvalid, "key binding: "+err.Error())
		return
	}
	s.keyBinding = Valid
}

// dpop makes the check of a DPoP proof but for its being the first of its kind.
func (x *examination) dpop(s *standing) {
	if x.checks&CheckDPoP == 0 || x.c.Confirmation.Encrypted {
		return
	}
	proof, err := possession.DPoP(x.q.DPoP.Proof, &possession.Request{
		Confirmed: x.c.Confirmation.Thumbprint,
		Method:    x.q.DPoP.Method, URL: x.q.DPoP.URL, Token: x.q.sent(),
		Nonce: x.q.Nonce, Now: x.now,
	})
	if err != nil {
		s.refuse(DPoPInvalid, "DPoP proof: "+err.Error())
		return
	}
	s.dpop, s.once = Valid, proof
}

// mtls makes the check of the client's certificate. A token that nobody is known
// to have signed names beside its key whatever certificate its maker has, who
// need not hold that key: there the certificate must be what the record confirms.
func (x *examination) mtls(s *standing) {
	if x.checks&CheckMTLS == 0 {
		return
	}
	named := x.c.Certificate()
	if err := possession.MutualTLS(x.q.ClientCert, named); err != nil {
		s.refuse(MTLSMismatch, "client certificate: "+err.Error())
		return
	}
	if named != x.c.Confirmation.Thumbprint && x.checks&CheckSignature == 0 && x.q.Input != InputClaims {
		s.refuse(MTLSMismatch, "client certificate: it stands beside the key, which only a signature vouches for: ask for the check signature too")
		return
	}
	s.mtls = Valid
}

// meantFor makes the check of the audience (RFC 7519 §4.1.3). A credential that
// names none is for whom its holder has bound it to.
func (x *examination) meantFor(s *standing) {
	if x.audience == "" {
		return
	}
	switch named, present := x.c.For(x.audience); {
	case named, !present && s.keyBinding == Valid:
	case !present && x.checks&CheckKeyBinding != 0 && x.c.Confirmation.Encrypted: // nobody can say whom its holder has bound it to
	case present:
		s.refuse(AudienceMismatch, "claims.aud: another audience")
	default:
		s.refuse(AudienceMismatch, "claims.aud: missing, and no key binding says whom the credential was presented to")
	}
}

// sent is the token as it was sent, over which a proof is made; nil where the
// request does not have it.
func (q *Request) sent() []byte {
	switch q.Input {
	case InputToken, InputJWT, InputSDJWT:
		return q.Bytes
	}
	return nil
}
