package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cnfd/issuers"
	"cnfd/thumbprint"
)

// Issuer is what is configured of one issuer.
type Issuer struct {
	Name     string        // the iss of its tokens, octet by octet
	Terms    issuers.Terms // what its signatures are held to
	Checks   Checks        // made of its tokens whatever the caller asks for
	Audience string        // wanted in its tokens where the caller says none
}

// IssuerKeys knows the keys that issuers sign with. It is used by many callers at once.
type IssuerKeys interface {
	// Keys gives the keys of an Issuer of the Config by its name. missing says that
	// those it gave before lack the one that a token names. The error says why
	// none can be had, and is nothing that a token did.
	Keys(ctx context.Context, issuer string, missing bool) (issuers.Set, error)
}

// Proofs remembers the DPoP proofs that were taken (RFC 9449 §11.1). Where several
// verifiers answer for one resource they must share it. It is asked only about
// proofs by keys that a record has confirmed.
type Proofs interface {
	// Take remembers until then, at least, that the key has used jti, and reports
	// whether this is the first time. The error says why it cannot be remembered.
	Take(ctx context.Context, key thumbprint.Thumbprint, jti []byte, until time.Time) (first bool, err error)
}

func issuersByName(list []Issuer, keys IssuerKeys) (map[string]*Issuer, error) {
	byName := make(map[string]*Issuer, len(list))
	for i := range list {
		one := list[i]
		switch {
		case one.Name == "":
			return nil, errors.New("verifier: Config.Issuers: an issuer without a name")
		case byName[one.Name] != nil:
			return nil, fmt.Errorf("verifier: Config.Issuers: %q is there twice", one.Name)
		case keys == nil:
			return nil, errors.New("verifier: Config.Keys is missing: there are Issuers")
		}
		byName[one.Name] = &one
	}
	return byName, nil
}

// takeOnce makes of a confirmation by a proof that was used before what it is. It
// comes last: trouble on the way to a confirmation uses no proof up, and what
// nobody has confirmed fills no memory.
func (v *Verifier) takeOnce(ctx context.Context, a *ask, d *Verdict) error {
	if a.token.once.JTI == nil || d.Outcome() != Confirmed {
		return nil
	}
	var first bool
	err := errors.New("there is no memory of proofs")
	if v.proofs != nil {
		first, err = v.proofs.Take(ctx, a.confirmation.Thumbprint, a.token.once.JTI, a.token.once.Until)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		d.Reason, d.Detail = TooCostly, "DPoP proof: cannot be remembered: "+err.Error()
	case !first:
		d.Reason, d.Detail = DPoPReplayed, "DPoP proof: payload.jti: used before"
	default:
		return nil
	}
	d.DPoP, d.ValidUntil = NotChecked, time.Time{}
	return nil
}
