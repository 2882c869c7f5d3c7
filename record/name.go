package record

import (
	"errors"

	"cnfd/thumbprint"
)

// Form is how a record's name is made from a domain. The zero value is Dotted,
// the default.
type Form uint8

const (
	Dotted     Form = iota // jwk.cnf.vendor.example, 1.8.vendor.example
	Underscore             // _jwk_cnf.vendor.example, _1_8.vendor.example: no host name can collide with it
	LegacyDID              // _did.vendor.example, whatever the method: the jwt.vc prototype's; looked up, never published
)

// String returns the word used in the configuration and in verdicts.
func (f Form) String() string {
	switch f {
	case Dotted:
		return "dotted"
	case Underscore:
		return "underscore"
	case LegacyDID:
		return "legacy_did"
	}
	return "unknown"
}

// ParseForm reads a form's word.
func ParseForm(word string) (Form, error) {
	for f := Dotted; f <= LegacyDID; f++ {
		if f.String() == word {
			return f, nil
		}
	}
	return 0, errors.New("record form: neither dotted nor underscore: " + shorten(word))
}

// maxNameLength is the longest name in text, without the trailing dot, whose
// wire form fits in 255 octets (RFC 1035 §2.3.4).
const maxNameLength = 253

// Name returns the owner name of the record that confirms a key of method m for
// domain, in lower case with the trailing dot. The domain is as Domain returns
// it. The error is a *NotDerivable: the name would be too long, or domain is no
// host name, or m and f name no label.
func Name(m thumbprint.Method, domain string, f Form) (string, error) {
	name, err := AppendName(nil, m, []byte(domain), f)
	if err != nil {
		return "", err
	}
	return string(name), nil
}

// AppendName appends what Name returns; after an error dst is as it was.
func AppendName(dst []byte, m thumbprint.Method, domain []byte, f Form) ([]byte, error) {
	prefix := label(m, f)
	if prefix == "" {
		return dst, refuse(domain, noLabel)
	}
	if broken := checkHost(domain); broken != nil {
		return dst, refuse(domain, broken)
	}
	if len(prefix)+len(domain) > maxNameLength {
		return dst, refuse(domain, nameTooLong)
	}
	dst = append(dst, prefix...)
	dst = append(dst, domain...)
	return append(dst, '.'), nil
}

// label returns what goes before the domain, with its trailing dot; empty where
// m has no label. JOSE labels are the member names, lower-cased in the DNS only;
// COSE labels are the integers, before the claim's own 8 (docs/profile.md §2).
func label(m thumbprint.Method, f Form) string {
	if int(m) >= len(labels) || labels[m].dotted == "" {
		return ""
	}
	switch f {
	case Dotted:
		return labels[m].dotted
	case Underscore:
		return labels[m].underscore
	case LegacyDID:
		return "_did."
	}
	return ""
}

var labels = [...]struct{ dotted, underscore string }{
	thumbprint.MethodJWK:              {"jwk.cnf.", "_jwk_cnf."},
	thumbprint.MethodJKT:              {"jkt.cnf.", "_jkt_cnf."},
	thumbprint.MethodJWE:              {"jwe.cnf.", "_jwe_cnf."},
	thumbprint.MethodKID:              {"kid.cnf.", "_kid_cnf."},
	thumbprint.MethodX5T:              {"x5t#s256.cnf.", "_x5t#s256_cnf."},
	thumbprint.MethodTBH:              {"tbh.cnf.", "_tbh_cnf."},
	thumbprint.MethodCOSEKey:          {"1.8.", "_1_8."},
	thumbprint.MethodEncryptedCOSEKey: {"2.8.", "_2_8."},
	thumbprint.MethodCOSEKID:          {"3.8.", "_3_8."},
	thumbprint.MethodCKT:              {"5.8.", "_5_8."},
	thumbprint.MethodCOSEJKT:          {"323.8.", "_323_8."},
}
