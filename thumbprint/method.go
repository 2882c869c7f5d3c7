package thumbprint

import "errors"

// Method is a confirmation method: which member of a cnf claim names the key.
// They are in the order of preference within JOSE and within COSE. The zero
// Method is none.
type Method uint8

// The confirmation methods, with the member or the label of the cnf claim. The
// others that IANA lists (jku, osc and their like) reduce to no thumbprint.
const (
	MethodJWK              Method = iota + 1 // jwk: a JWK (RFC 7800 §3.2)
	MethodJKT                                // jkt: a JWK's thumbprint (RFC 9449 §6.1)
	MethodJWE                                // jwe: an encrypted JWK (RFC 7800 §3.3)
	MethodKID                                // kid: a thumbprint URI (RFC 7800 §3.4, RFC 9278)
	MethodX5T                                // x5t#S256: a certificate's digest (RFC 8705 §3.1)
	MethodTBH                                // tbh: a Token Binding ID's digest
	MethodCOSEKey                            // 1: a COSE_Key (RFC 8747 §3.2)
	MethodEncryptedCOSEKey                   // 2: an encrypted COSE_Key (RFC 8747 §3.3)
	MethodCOSEKID                            // 3: a thumbprint URI in octets (RFC 8747 §3.4, RFC 9679 §5.6)
	MethodCKT                                // 5: a COSE_Key's thumbprint (RFC 9679 §5.6)
	MethodCOSEJKT                            // 323: a JWK's thumbprint in octets
)

var methodNames = [...]string{
	MethodJWK: "jwk", MethodJKT: "jkt", MethodJWE: "jwe", MethodKID: "kid",
	MethodX5T: "x5t#S256", MethodTBH: "tbh",
	MethodCOSEKey: "1", MethodEncryptedCOSEKey: "2", MethodCOSEKID: "3",
	MethodCKT: "5", MethodCOSEJKT: "323",
}

// String is the method's name everywhere: the member's name in JOSE, the label
// in decimal in COSE; "" for none.
func (m Method) String() string {
	if int(m) >= len(methodNames) {
		return ""
	}
	return methodNames[m]
}

// COSE reports whether the method belongs to a CWT, so that its record stands
// at a label under the claim key 8 and not under cnf.
func (m Method) COSE() bool { return m >= MethodCOSEKey && m <= MethodCOSEJKT }

// ParseMethod gives the method of that name; "cose_key" and "ckt" stand for 1
// and 5.
func ParseMethod(name string) (Method, error) {
	switch name {
	case "cose_key":
		return MethodCOSEKey, nil
	case "ckt":
		return MethodCKT, nil
	}
	for m := MethodJWK; m <= MethodCOSEJKT; m++ {
		if name == m.String() {
			return m, nil
		}
	}
	return 0, errors.New("method: unknown: one of jwk jkt jwe kid x5t#S256 tbh 1 2 3 5 323")
}
