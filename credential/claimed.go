package credential

import (
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

var (
	cnfOnly  = strict.NewNames("cnf")
	keysOnly = strict.NewNames("jwk", "jwe")
	audOnly  = strict.NewNames("aud")
)

// Key gives the public key that the cnf claim holds, in the clear or as opener
// opens it (nil: none does), where Confirmation is its thumbprint; false where the
// claim only names a key by its thumbprint. It reads the claim set again.
func (c *Credential) Key(opener thumbprint.Opener) (thumbprint.Key, bool) {
	var key thumbprint.Key
	var err error
	if c.isCWT() {
		key, err = thumbprint.ParseCOSEKey(c.coseKey(opener))
	} else {
		key, err = thumbprint.ParseJWK(c.jwk(opener))
	}
	if err != nil || key.Symmetric() || !Is(key, c.Confirmation.Thumbprint) {
		return thumbprint.Key{}, false
	}
	return key, true
}

// coseKey gives the COSE_Key of the claim, nil where there is none.
func (c *Credential) coseKey(opener thumbprint.Opener) []byte {
	claims, _, _ := strict.FirstCBOR(c.claims)
	cnf := entry(claims, keyCnf)
	held, sealed := entry(cnf, 1), entry(cnf, 2)
	if octets, wrapped := held.Bytes(); wrapped {
		return octets
	}
	if held.Raw != nil || sealed.Raw == nil || opener == nil {
		return held.Raw
	}
	key, err := opener.OpenCOSE(sealed.Raw)
	if err != nil {
		return nil
	}
	return key
}

// Is reports whether t is the thumbprint of the key, as a JWK or as a COSE_Key
// by its kind; false for the zero Thumbprint.
func Is(key thumbprint.Key, t thumbprint.Thumbprint) bool {
	switch {
	case t.IsZero() || key.IsZero():
		return false
	case t.Kind() == thumbprint.JWK:
		return key.JKT(t.Hash()) == t
	case t.Kind() == thumbprint.COSEKey:
		return key.CKT(t.Hash()) == t
	}
	return false
}

// jwk gives the JWK of the claim, nil where there is none.
func (c *Credential) jwk(opener thumbprint.Opener) (jwk []byte) {
	var s strict.Scanner
	s.Reset(c.claims, "claims")
	var sealed strict.Text
	for claims := s.Object(cnfOnly); ; {
		member, ok := claims.Next()
		if !ok {
			break
		}
		if member != 0 {
			continue
		}
		for cnf := s.Object(keysOnly); ; {
			member, ok := cnf.Next()
			if !ok {
				break
			}
			switch member {
			case 0:
				jwk = s.Raw()
			case 1:
				sealed = s.Text()
			}
		}
	}
	if jwk != nil || !sealed.Present() || opener == nil {
		return jwk
	}
	if jwk, err := opener.OpenJWE(sealed.AppendTo(nil)); err == nil {
		return jwk
	}
	return nil
}

// entry gives the value of an integer key of a map; the zero Item where there
// is none.
func entry(item strict.Item, key int64) strict.Item {
	entries := item.Entries()
	for entries.Next() {
		if k, ok := entries.Key.Int(); ok && k == key {
			return entries.Value
		}
	}
	return strict.Item{}
}

// For reports whether the aud claim (RFC 7519 §4.1.3; 3 of a CWT) names the
// audience, alone or among others, and whether there is one at all. Octets are
// compared as they stand. It reads the claim set again.
func (c *Credential) For(audience string) (named, present bool) {
	if c.isCWT() {
		claims, _, _ := strict.FirstCBOR(c.claims)
		aud := entry(claims, keyAud)
		if text, ok := aud.Text(); ok {
			return string(text) == audience, true
		}
		rest := aud.Body
		for n := uint64(0); aud.Major == strict.MajorArray && !aud.Indefinite && n < aud.Arg; n++ {
			var one strict.Item
			if one, rest, _ = strict.FirstCBOR(rest); one.Raw == nil {
				return false, true
			}
			text, ok := one.Text()
			named = named || ok && string(text) == audience
		}
		return named, aud.Raw != nil
	}
	var s strict.Scanner
	s.Reset(c.claims, "claims")
	for claims := s.Object(audOnly); ; {
		member, ok := claims.Next()
		if !ok {
			// What is not read to its end names nobody, and is not nothing.
			whole := s.Close() == nil
			return named && whole, present || !whole
		}
		if member != 0 {
			continue
		}
		present = true
		if s.Peek() == '"' {
			named = s.Text().Is(audience)
		} else if s.Peek() == '[' {
			for a := s.Array(); a.Next(); {
				if s.Peek() == '"' && s.Text().Is(audience) {
					named = true
				}
			}
		}
	}
}
