package thumbprint

import "cnfd/internal/strict"

// Opener opens keys that were encrypted for this verifier. Its error is an *Error
// for what is no such message or may not be opened with any key, its place inside
// of the message: the claim is then in error. Any other error says that no key
// opens it, and the Confirmation is Encrypted.
type Opener interface {
	// OpenJWE gives the JWK in a JWE in compact serialization (RFC 7800 §3.3).
	OpenJWE(compact []byte) (jwk []byte, err error)
	// OpenCOSE gives the COSE_Key in a COSE_Encrypt0 or COSE_Encrypt, with its
	// tag or bare (RFC 8747 §3.3).
	OpenCOSE(message []byte) (coseKey []byte, err error)
}

// open reads the key in jwe, where there is one and it can be opened, by the
// rules for one in the clear.
func (c *joseClaim) open(o *Options) error {
	t := &c.texts[cnfJWE]
	if !t.Present() || o.Opener == nil {
		return nil
	}
	place := c.s.Where(t.At())
	// A copy, so that a claim without jwe stays off the heap.
	jwk, err := o.Opener.OpenJWE(t.AppendTo(nil))
	if err != nil {
		return closed(place, err)
	}
	var s strict.Scanner
	s.Reset(jwk, place)
	readErr := c.key.readJWK(&s, admit{symmetric: o.Symmetric})
	if err := s.Close(); err != nil {
		return unsaid(place, err)
	}
	if readErr != nil {
		return readErr
	}
	c.named[cnfJWE] = c.key.jkt(SHA256)
	return nil
}

// open reads the key in 2, where there is one and it can be opened, by the rules
// for one in the clear.
func (c *coseClaim) open(o *Options) error {
	if len(c.sealed) == 0 || o.Opener == nil {
		return nil
	}
	key, err := o.Opener.OpenCOSE(c.sealed)
	if err != nil {
		return closed("8.2", err)
	}
	if err := strict.CheckCBOR(key, "8.2"); err != nil {
		return unsaid("8.2", err)
	}
	item, _, err := strict.FirstCBOR(key)
	if err != nil {
		return unsaid("8.2", err)
	}
	if wrapped, ok := item.Bytes(); ok {
		if err := strict.CheckCBOR(wrapped, "8.2"); err != nil {
			return unsaid("8.2", err)
		}
	}
	return c.openKey(item, o, "8.2")
}

// unsaid is what a strict reader found in what was encrypted, without the place
// inside of it: a path is made of names that somebody meant to be secret.
func unsaid(place string, err error) *Error {
	e := malformed(err)
	e.Where = place
	return e
}

// closed is what an Opener's error is to a claim: nil where no key opens it.
func closed(place string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return nil
	}
	if e.Where != "" {
		place += "." + e.Where
	}
	return &Error{e.Rule, place, e.What}
}
