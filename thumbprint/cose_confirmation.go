package thumbprint

import (
	"cnfd/internal/strict"
)

// FromCOSE reduces the cnf claim of a CWT (RFC 8747), the value of claim 8: cnf
// is the CBOR map itself. Of several members that name a key all must name the
// same one; the first in the order of the methods is the one used. A member that
// cannot be reduced, and one that is not known, is ignored beside one that can.
// Duplicate keys, indefinite lengths and tags are errors, save for the tag of an
// encrypted key. The error is an *Error; its place begins with "8".
func FromCOSE(cnf []byte, o Options) (Confirmation, error) {
	var c coseClaim
	if err := c.read(cnf, &o); err != nil {
		return Confirmation{}, err
	}
	if err := c.open(&o); err != nil {
		return Confirmation{}, err
	}
	if err := c.agree(); err != nil {
		return Confirmation{}, err
	}
	return c.reduce()
}

// coseClaim is a cnf claim being read.
type coseClaim struct {
	key           Key        // that of 1, or of 2 once it is opened
	sealed        []byte     // 2, as it stands there
	opaque        bool       // 3 is there and names no key
	kid, ckt, jkt Thumbprint // what 3, 5 and 323 name
}

func (c *coseClaim) read(cnf []byte, o *Options) error {
	if err := strict.WellFormedCBOR(cnf, "8"); err != nil {
		return malformed(err)
	}
	claim, _, err := strict.FirstCBOR(cnf)
	if err != nil || claim.Major != strict.MajorMap || claim.Indefinite {
		return &Error{Malformed, "8", "not a map of definite length"}
	}
	if err := claim.DistinctKeys("8"); err != nil {
		return malformed(err)
	}
	members := claim.Entries()
	for members.Next() {
		if err := c.member(members.Key, members.Value, o); err != nil {
			return err
		}
	}
	if err := members.Err(); err != nil {
		return malformed(err)
	}
	// RFC 8747 §3.1: the two are one member written in two ways.
	if len(c.sealed) != 0 && !c.key.IsZero() {
		return &Error{Malformed, "8", "both 1 and 2: a claim holds one key, open or encrypted"}
	}
	return nil
}

func (c *coseClaim) member(key, value strict.Item, o *Options) error {
	if key.Major == strict.MajorSimple {
		return &Error{Malformed, "8", "a map key that is neither an integer nor text"}
	}
	label, ok := key.Int()
	if ok && label == 2 {
		c.sealed = value.Raw
		return encryptedKey(value)
	}
	if err := strict.CheckCBOR(value.Raw, ""); err != nil {
		e := malformed(err)
		e.Where = "8." + key.Label() + e.Where
		return e
	}
	if !ok {
		return nil
	}
	switch label {
	case 1:
		return c.openKey(value, o, "8.1")
	case 3:
		id, ok := value.Bytes()
		if !ok {
			return &Error{Malformed, "8.3", "not a byte string"}
		}
		// The URI of a JWK's thumbprint is of another hash input and names no
		// COSE_Key.
		if uri := parseURI(id); uri.kind == COSEKey {
			c.kid = uri
		}
		c.opaque = c.kid.IsZero()
	case 5:
		return digestOctets(&c.ckt, COSEKey, value, "8.5")
	case 323:
		return digestOctets(&c.jkt, JWK, value, "8.323")
	}
	return nil
}

// openKey reads a COSE_Key, be it in a byte string once, as
// draft-steele-spice-tlsa-cnf prints it.
func (c *coseClaim) openKey(value strict.Item, o *Options, place string) error {
	if wrapped, ok := value.Bytes(); ok {
		if err := strict.CheckCBOR(wrapped, place); err != nil {
			return malformed(err)
		}
		value, _, _ = strict.FirstCBOR(wrapped)
	}
	if err := c.key.readCOSE(value, admit{symmetric: o.Symmetric}); err != nil {
		err.Where = place + err.Where
		return err
	}
	return nil
}

// encryptedKey checks that value is a COSE_Encrypt0 or COSE_Encrypt, tagged or
// not (RFC 8747 §3.3, RFC 9052 §5), so that what cannot be a key is no reason to
// ask for one to decrypt it with.
func encryptedKey(value strict.Item) error {
	const place = "8.2"
	const tagEncrypt0, tagEncrypt = 16, 96
	var members uint64 // none yet
	if value.Major == strict.MajorTag {
		switch value.Arg {
		case tagEncrypt0:
			members = 3
		case tagEncrypt:
			members = 4
		default:
			return &Error{Malformed, place, "a tag that is neither 16 (COSE_Encrypt0) nor 96 (COSE_Encrypt)"}
		}
		value, _, _ = strict.FirstCBOR(value.Body)
	}
	if err := strict.CheckCBOR(value.Raw, place); err != nil {
		return malformed(err)
	}
	if members == 0 {
		members = min(max(value.Arg, 3), 4)
	}
	shape := [...]strict.Major{strict.MajorBytes, strict.MajorMap, strict.MajorBytes, strict.MajorArray}
	wrong := value.Major != strict.MajorArray || value.Arg != members
	rest := value.Body
	for i := uint64(0); i < members && !wrong; i++ {
		var item strict.Item
		var err error
		item, rest, err = strict.FirstCBOR(rest)
		wrong = err != nil || item.Major != shape[i]
	}
	if wrong {
		return &Error{Malformed, place, "not a COSE_Encrypt0 or COSE_Encrypt with its ciphertext in it"}
	}
	return nil
}

// digestOctets reads a ready-made SHA-256 digest: another hash has another name,
// which only a thumbprint URI can give.
func digestOctets(t *Thumbprint, k Kind, value strict.Item, place string) error {
	octets, ok := value.Bytes()
	if !ok || len(octets) != SHA256.Size() {
		return &Error{Malformed, place, "not a byte string of the 32 octets of a sha-256 digest"}
	}
	var err error
	*t, err = New(k, SHA256, octets)
	return err
}

// agree refuses a claim whose members name different keys, and one whose
// members nothing shows to name the same.
func (c *coseClaim) agree() error {
	if !c.key.IsZero() {
		in := "1"
		if len(c.sealed) != 0 {
			in = "2"
		}
		switch {
		case !c.kid.IsZero() && c.key.CKT(c.kid.hash) != c.kid:
			return &Error{Malformed, "8.3", "not the thumbprint URI of the key in " + in}
		case !c.ckt.IsZero() && c.key.CKT(SHA256) != c.ckt:
			return &Error{Malformed, "8.5", "not the thumbprint of the key in " + in}
		case !c.jkt.IsZero() && c.key.JKT(SHA256) != c.jkt:
			return &Error{Malformed, "8.323", "not the thumbprint, as a JWK, of the key in " + in}
		}
		return nil
	}
	switch {
	case !c.kid.IsZero() && !c.ckt.IsZero() && c.kid.hash != c.ckt.hash:
		return &Error{Malformed, "8.3", "made with " + c.kid.hash.String() + ", so that nothing shows it to be the key of 5: leave one of them out"}
	case !c.kid.IsZero() && !c.ckt.IsZero() && c.kid != c.ckt:
		return &Error{Malformed, "8.3", "not the thumbprint URI of the key of 5"}
	case !c.jkt.IsZero() && !(c.kid.IsZero() && c.ckt.IsZero()):
		return &Error{Malformed, "8.323", "a JWK's thumbprint, and nothing shows it to be of the key that 3 or 5 names: leave one of them out or add the key (1)"}
	}
	return nil
}

func (c *coseClaim) reduce() (Confirmation, error) {
	switch {
	case len(c.sealed) != 0 && c.key.IsZero():
		return Confirmation{Method: MethodEncryptedCOSEKey, Encrypted: true}, nil
	case len(c.sealed) != 0:
		return Confirmation{Method: MethodEncryptedCOSEKey, Thumbprint: c.key.CKT(SHA256)}, nil
	case !c.key.IsZero():
		return Confirmation{Method: MethodCOSEKey, Thumbprint: c.key.CKT(SHA256)}, nil
	case !c.kid.IsZero():
		return Confirmation{Method: MethodCOSEKID, Thumbprint: c.kid}, nil
	case !c.ckt.IsZero():
		return Confirmation{Method: MethodCKT, Thumbprint: c.ckt}, nil
	case !c.jkt.IsZero():
		return Confirmation{Method: MethodCOSEJKT, Thumbprint: c.jkt}, nil
	case c.opaque:
		return Confirmation{}, &Error{NotReducible, "8.3", "opaque: put the key in 1, its thumbprint in 5, or its thumbprint URI (" + cktURI + "sha-256:…) in 3"}
	}
	return Confirmation{}, &Error{NotReducible, "8", "no member that names a key: put the key in 1, or its thumbprint in 5"}
}
