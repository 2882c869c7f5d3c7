package acme

import (
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// requestedNames reads the extensions that a request asks for, once x509 has read
// the request, and returns the names of its subjectAltName. It reads them itself,
// since x509 passes over names of types that it does not know, over all but the
// first list in an attribute, and over what is behind a list.
//
// A certificate of a CA, and one whose holder must staple what nobody here
// answers, are refused, so that nobody believes to have one. Other extensions are
// passed over: a certificate's are its profile's.
func requestedNames(tbs []byte) ([]Identifier, *Problem) {
	lists, ok := extensionRequests(tbs)
	if !ok {
		return nil, badCSR("its attributes are not what RFC 2986 §4.1 says")
	}
	if len(lists) > 1 {
		return nil, badCSR("several lists of extensions: put all of them into one extensionRequest")
	}
	var names []Identifier
	seen := map[string]bool{}
	for _, list := range lists {
		for !list.Empty() {
			var extension, id, value cryptobyte.String
			var critical bool
			if !list.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
				!readDefaultFalse(&extension, &critical) ||
				!extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
				return nil, badCSR("an extension that is not what RFC 5280 §4.1 says")
			}
			if seen[string(id)] {
				return nil, badCSR("an extension is asked for twice")
			}
			seen[string(id)] = true
			var p *Problem
			switch string(id) {
			case idSubjectAltName:
				names, p = readAltNames(value)
			case idBasicConstraints:
				p = readBasicConstraints(value)
			case idKeyUsage:
				p = readKeyUsage(value)
			case idTLSFeature:
				p = badCSR("must-staple (RFC 7633): there is no OCSP here: make the request without it")
			}
			if p != nil {
				return nil, p
			}
		}
	}
	return names, nil
}

// Object identifiers, encoded.
const (
	idExtensionRequest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e" // 1.2.840.113549.1.9.14 (RFC 2985 §5.4.2)
	idSubjectAltName   = "\x55\x1d\x11"                         // 2.5.29.17
	idBasicConstraints = "\x55\x1d\x13"                         // 2.5.29.19
	idKeyUsage         = "\x55\x1d\x0f"                         // 2.5.29.15
	idTLSFeature       = "\x2b\x06\x01\x05\x05\x07\x01\x18"     // 1.3.6.1.5.5.7.1.24
)

// extensionRequests are the lists of extensions in a CertificationRequestInfo (RFC
// 2986 §4.1). There should be one, or none.
func extensionRequests(tbs cryptobyte.String) (lists []cryptobyte.String, ok bool) {
	var info, attributes cryptobyte.String
	if !tbs.ReadASN1(&info, asn1.SEQUENCE) || !tbs.Empty() ||
		!info.SkipASN1(asn1.INTEGER) || !info.SkipASN1(asn1.SEQUENCE) || !info.SkipASN1(asn1.SEQUENCE) || // version, subject, key
		!info.ReadOptionalASN1(&attributes, nil, asn1.Tag(0).ContextSpecific().Constructed()) || !info.Empty() {
		return nil, false
	}
	for !attributes.Empty() {
		var attribute, id, values cryptobyte.String
		if !attributes.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
			!attribute.ReadASN1(&values, asn1.SET) || !attribute.Empty() {
			return nil, false
		}
		for string(id) == idExtensionRequest && !values.Empty() {
			var list cryptobyte.String
			if !values.ReadASN1(&list, asn1.SEQUENCE) {
				return nil, false
			}
			lists = append(lists, list)
		}
	}
	return lists, true
}

// The types of a GeneralName that are read (RFC 5280 §4.2.1.6).
const (
	tagDNSName   = asn1.Tag(2 | 0x80)
	tagIPAddress = asn1.Tag(7 | 0x80)
)

// otherNames are those that no certificate here has.
var otherNames = [...]string{
	0: "an otherName", 1: "an e-mail address", 3: "an X.400 address", 4: "a directoryName", 5: "an ediPartyName", 6: "a URI", 8: "a registeredID",
}

func readAltNames(value cryptobyte.String) (names []Identifier, _ *Problem) {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return nil, badCSR("subjectAltName: not what RFC 5280 §4.2.1.6 says")
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&name, &tag) {
			return nil, badCSR("subjectAltName: not what RFC 5280 §4.2.1.6 says")
		}
		switch tag {
		case tagDNSName:
			if !plainName(string(name)) {
				return nil, badCSR("subjectAltName: a dNSName that is none: want a host name, in A-labels (xn--…) where it is not ASCII")
			}
			names = append(names, Identifier{TypeDNS, strings.ToLower(string(name))})
		case tagIPAddress:
			address, ok := netip.AddrFromSlice(name)
			if !ok {
				return nil, badCSR("subjectAltName: an iPAddress of %d octets: want 4 or 16, without a mask", len(name))
			}
			names = append(names, Identifier{TypeIP, address.String()})
		default:
			what := "a name of another type"
			if n := int(tag & 0x1f); tag&0x80 != 0 && n < len(otherNames) && otherNames[n] != "" {
				what = otherNames[n]
			}
			return nil, badCSR("subjectAltName: %s: only DNS names and IP addresses are certified here: make the request without it", what)
		}
	}
	return names, nil
}

func readBasicConstraints(value cryptobyte.String) *Problem {
	var constraints cryptobyte.String
	var ca bool
	if !value.ReadASN1(&constraints, asn1.SEQUENCE) || !value.Empty() || !readDefaultFalse(&constraints, &ca) {
		return badCSR("basicConstraints: not what RFC 5280 §4.2.1.9 says")
	}
	if ca {
		return badCSR("it asks for the certificate of a CA (basicConstraints, CA:TRUE), which nobody gets here: make the request without it")
	}
	return nil
}

func readKeyUsage(value cryptobyte.String) *Problem {
	var bits cryptobyte.String
	if !value.ReadASN1(&bits, asn1.BIT_STRING) || !value.Empty() || len(bits) < 1 || bits[0] > 7 {
		return badCSR("keyUsage: not what RFC 5280 §4.2.1.3 says")
	}
	const certSign, crlSign = 1 << (7 - 5), 1 << (7 - 6)
	if len(bits) > 1 && bits[1]&(certSign|crlSign) != 0 {
		return badCSR("it asks for the certificate of a CA (keyUsage, keyCertSign or cRLSign), which nobody gets here: make the request without it")
	}
	return nil
}

// readDefaultFalse reads a BOOLEAN DEFAULT FALSE.
func readDefaultFalse(in *cryptobyte.String, out *bool) bool {
	return !in.PeekASN1Tag(asn1.BOOLEAN) || in.ReadASN1Boolean(out)
}
