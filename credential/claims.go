package credential

import (
	"bytes"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// ParseClaims reads a JWT claim set (RFC 7519 §4), a JSON object whose signature
// the caller has checked. Anything after it, a member given twice and a look-alike
// of a member that is read are errors. The error is an *Error.
func ParseClaims(json []byte, o *Options) (Credential, error) {
	if err := tooLarge(len(json)); err != nil {
		return Credential{}, err
	}
	return readClaims(json, Claims, o)
}

// The members of a claim set that are read.
const (
	claimSub = iota
	claimCnf
	claimExp
	claimNbf
	claimIss
	claimSD  // RFC 9901 §4.2.4.1: digests of members that are in disclosures
	claimAud // read by For; here so that nothing looks like it
	claimCredentialSubject
	claimVC
)

var (
	claimNames = strict.NewNames("sub", "cnf", "exp", "nbf", "iss", "_sd", "aud")
	// vcClaimNames are read where Options.CredentialSubject is set.
	vcClaimNames = strict.NewNames("sub", "cnf", "exp", "nbf", "iss", "_sd", "aud", "credentialSubject", "vc")
	vcNames      = strict.NewNames("credentialSubject")
	vcIDNames    = strict.NewNames("id")
)

// readClaims reads the claim set in one pass, unless that was done before.
func readClaims(json []byte, f Format, o *Options) (Credential, error) {
	if o == nil {
		o = &Options{}
	}
	if known := recall(json, f, o); known != nil {
		c := *known
		c.Format = f
		return c, nil
	}
	c, err := readJSON(json, f, o)
	return learn(json, c, err, o)
}

func readJSON(json []byte, f Format, o *Options) (Credential, error) {
	names := claimNames
	if o.CredentialSubject {
		names = vcClaimNames
	}
	var s strict.Scanner
	s.Reset(json, "claims")
	c := Credential{Format: f, claims: json}
	hasKey := false
	for object := s.Object(names); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		if member == claimCnf {
			var err error
			if c.Confirmation, err = thumbprint.ReadJOSE(&s, &o.Confirmation); err != nil {
				return Credential{}, wrong("", err)
			}
			hasKey = true
			continue
		}
		if err := c.member(&s, member); err != nil {
			return Credential{}, err
		}
	}
	if err := s.Close(); err != nil {
		return Credential{}, wrong("", err)
	}
	if !hasKey {
		return Credential{}, c.noKey()
	}
	return c, nil
}

// member reads any member of the claim set but cnf.
func (c *Credential) member(s *strict.Scanner, member int) error {
	at := s.At()
	fits := true
	switch member {
	case claimSub:
		return c.subject(s)
	case claimIss:
		c.Issuer = s.Text().Bytes()
	case claimExp:
		// Down, so that a fraction of a second never lengthens a life.
		c.Expires, fits = s.Number().Floor()
		c.HasExpires = true
	case claimNbf:
		c.NotBefore, fits = s.Number().Ceil()
		c.HasNotBefore = true
	case claimSD:
		c.hidden = true
	case claimCredentialSubject:
		return c.credentialSubject(s)
	case claimVC:
		for vc := s.Object(vcNames); ; {
			inner, ok := vc.Next()
			if !ok {
				return nil
			}
			if inner == 0 {
				if err := c.credentialSubject(s); err != nil {
					return err
				}
			}
		}
	}
	if !fits && s.Err() == nil {
		return malformed(s.Where(at), "not a date in seconds that fits 64 bits")
	}
	return nil
}

// credentialSubject reads the id of a credentialSubject. Several subjects, an
// array, leave none to ask about.
func (c *Credential) credentialSubject(s *strict.Scanner) error {
	for subject := s.Object(vcIDNames); ; {
		inner, ok := subject.Next()
		if !ok {
			return nil
		}
		if inner == 0 {
			if err := c.subject(s); err != nil {
				return err
			}
		}
	}
}

// subject reads one of the places of a subject; where there are several the
// token must not say two things.
func (c *Credential) subject(s *strict.Scanner) error {
	at := s.At()
	text := s.Text().Bytes()
	if s.Err() != nil {
		return nil // the Scanner's own error stands
	}
	if c.HasSubject && !bytes.Equal(c.Subject, text) {
		return malformed(s.Where(at), "not the subject that the claim set names elsewhere")
	}
	c.Subject, c.HasSubject = text, true
	return nil
}
