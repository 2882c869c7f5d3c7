package issuers

import (
	"bytes"
	"strings"

	"cnfd/credential"
)

// usual are the types of credentials by their format: what an issuer signs for
// another purpose (a logout token, a request object, a status list) is none,
// whatever its claims (RFC 8725 §3.11, §3.12).
var usual = [credential.CWT + 1][]string{
	credential.JWT: {
		"", "JWT", // RFC 7519 §5.1
		"at+jwt",              // RFC 9068 §2.1
		"vc+jwt", "vc+ld+jwt", // W3C VC-JOSE-COSE; the second in its drafts
		"wit+jwt",                      // draft-ietf-wimse-workload-creds
		"oauth-client-attestation+jwt", // draft-ietf-oauth-attestation-based-client-auth
	},
	// RFC 9901 §9.11 leaves them to whoever profiles it.
	credential.SDJWT: {"", "JWT", "sd-jwt", "+sd-jwt"},
	// The numbers are CoAP's content formats: RFC 8392 §9.3, and in
	// draft-ietf-spice-sd-cwt-08 293; 294 is that of a key-binding token.
	credential.CWT: {"", "cwt", "61", "sd-cwt", "293"},
}

// admits reports whether a credential of that format may have that typ.
func (t *Terms) admits(f credential.Format, typ []byte) bool {
	types := t.Types
	if len(types) == 0 && int(f) < len(usual) {
		types = usual[f]
	}
	typ = short(typ)
	for _, one := range types {
		if matches(typ, []byte(one)) {
			return true
		}
	}
	return false
}

func matches(typ, one []byte) bool {
	if len(one) > 1 && one[0] == '+' {
		end := len(typ) - len(one)
		// vp+sd-jwt is its holder's (W3C VC-JOSE-COSE).
		return end > 0 && bytes.EqualFold(typ[end:], one) && !bytes.EqualFold(typ[:end], []byte("vp"))
	}
	return bytes.EqualFold(typ, short(one))
}

// short leaves out "application/" where no other '/' follows (RFC 7515 §4.1.9),
// of a media type in whatever case (RFC 2045 §5.1).
func short(typ []byte) []byte {
	const application = "application/"
	if len(typ) <= len(application) || !strings.EqualFold(string(typ[:len(application)]), application) {
		return typ
	}
	if rest := typ[len(application):]; bytes.IndexByte(rest, '/') < 0 {
		return rest
	}
	return typ
}
