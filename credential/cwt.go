package credential

import (
	"math"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// ParseCWT reads a CWT in CBOR (RFC 8392): a COSE_Sign1, COSE_Sign, COSE_Mac0 or
// COSE_Mac with its tag (18, 98, 17, 97), in the CWT tag (61) or not, or a bare
// claims map whose signature the caller has checked. The signature is not
// checked. What an SD-CWT discloses (draft-ietf-spice-sd-cwt-08) stands where its
// digest is; a disclosure that nothing refers to is an error, and so is one of
// cnf. In sub, cnf, exp, nbf and iss duplicate keys, indefinite lengths and
// tags are errors; other claims are passed over as well-formed octets. The
// error is an *Error.
func ParseCWT(cbor []byte, o *Options) (Credential, error) {
	if err := tooLarge(len(cbor)); err != nil {
		return Credential{}, err
	}
	if err := strict.WellFormedCBOR(cbor, "cwt"); err != nil {
		if looksLikeText(cbor) {
			return Credential{}, malformed("cwt", "text, and no CBOR: a JWT has the type application/jwt, an SD-JWT application/dc+sd-jwt; a CWT is its octets, not base64url or hexadecimal")
		}
		return Credential{}, wrong("", err)
	}
	item, _, err := strict.FirstCBOR(cbor)
	if err != nil {
		return Credential{}, wrong("cwt", err)
	}
	if item.Major == strict.MajorMap {
		return readClaimsMap(item, CWTClaims, o)
	}
	payload, err := openCOSE(item)
	if err != nil {
		return Credential{}, err
	}
	claims, _, err := strict.FirstCBOR(payload)
	if err != nil {
		return Credential{}, wrong("claims", err)
	}
	if claims.Major != strict.MajorMap {
		return Credential{}, malformed("claims", "not a map: a nested CWT is not read, send the inner one")
	}
	c, err := readClaimsMap(claims, CWT, o)
	if err == nil {
		c.source = cbor
	}
	return c, err
}

// looksLikeText reports whether octets that are no CBOR are printable ASCII, as a JWT is.
func looksLikeText(octets []byte) bool {
	for _, c := range octets {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(octets) > 1
}

// The claim keys that are read (RFC 8392 §4, RFC 8747 §3.1).
const (
	keyIss = 1
	keySub = 2
	keyAud = 3
	keyExp = 4
	keyNbf = 5
	keyCnf = 8
)

// readClaimsMap reads the claims map, unless that was done before.
func readClaimsMap(claims strict.Item, f Format, o *Options) (Credential, error) {
	if o == nil {
		o = &Options{}
	}
	if known := recall(claims.Raw, f, o); known != nil {
		c := *known
		c.Format = f
		return c, nil
	}
	c, err := readMap(claims, f, o)
	return learn(claims.Raw, c, err, o)
}

func readMap(claims strict.Item, f Format, o *Options) (Credential, error) {
	if err := claims.DistinctKeys("claims"); err != nil {
		return Credential{}, wrong("", err)
	}
	c := Credential{Format: f, claims: claims.Raw}
	hasKey := false
	entries := claims.Entries()
	for entries.Next() {
		key, isInt := entries.Key.Int()
		value := entries.Value
		var err error
		switch {
		case entries.Key.Major == strict.MajorSimple && entries.Key.Arg == redactedKeys:
			c.hidden = true
		case !isInt:
		case key == keySub:
			c.Subject, err = text(value, "claims.2")
			c.HasSubject = true
		case key == keyIss:
			c.Issuer, err = text(value, "claims.1")
		case key == keyExp:
			// Down, so that a fraction of a second never lengthens a life.
			c.Expires, err = seconds(value, math.Floor, "claims.4")
			c.HasExpires = true
		case key == keyNbf:
			c.NotBefore, err = seconds(value, math.Ceil, "claims.5")
			c.HasNotBefore = true
		case key == keyCnf:
			if c.Confirmation, err = thumbprint.FromCOSE(value.Raw, o.Confirmation); err != nil {
				err = wrong("claims.", err)
			}
			hasKey = true
		}
		if err != nil {
			return Credential{}, err
		}
	}
	if err := entries.Err(); err != nil {
		return Credential{}, wrong("claims", err)
	}
	if !hasKey {
		return Credential{}, c.noKey()
	}
	return c, nil
}

// text reads a claim that is a StringOrURI (RFC 8392 §1.1): a text string.
func text(value strict.Item, where string) ([]byte, error) {
	text, ok := value.Text()
	if !ok {
		return nil, malformed(where, "not text of definite length in UTF-8, without a tag")
	}
	return text, nil
}

// seconds reads a NumericDate (RFC 8392 §2): an integer or a floating-point
// number, without the tag 1.
func seconds(value strict.Item, round func(float64) float64, where string) (int64, error) {
	if v, ok := value.Int(); ok {
		return v, nil
	}
	v, ok := value.Float()
	// 2^63 is a float64, the int64 below it is not. NaN compares false.
	if v = round(v); !ok || !(v >= -(1<<63) && v < 1<<63) {
		return 0, malformed(where, "not a date in seconds that fits 64 bits, without a tag")
	}
	return int64(v), nil
}
