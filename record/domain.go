package record

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Subjects says which kinds of subject name a domain beside URLs of the web,
// of CoAP and of the DNS, and did:web. The zero value turns all of them off.
type Subjects struct {
	Mailto bool // mailto:local@domain: vouches for the mail domain, not the user
	Acct   bool // acct:user@domain, likewise (RFC 7565)
	SPIFFE bool // spiffe://trust-domain/path
	Bare   bool // a host name alone, of two labels or more: a single word may be anything
	// Local lists the domains under configured stubs or local trust anchors:
	// they and the names under them may be special-use names. The root opens none.
	Local []string
}

// Domain returns the domain that the subject sub names: A-labels in lower case,
// without the trailing dot, at most 253 octets. The error is a *NotDerivable.
// It is the exact host, never a parent; port, path, query and fragment are
// ignored (docs/profile.md §1).
func Domain(sub string, s Subjects) (string, error) {
	domain, err := AppendDomain(nil, []byte(sub), &s)
	if err != nil {
		return "", err
	}
	return string(domain), nil
}

// AppendDomain appends what Domain returns, without allocating where the host
// is plain ASCII; after an error dst is as it was.
func AppendDomain(dst, sub []byte, s *Subjects) ([]byte, error) {
	domain, broken := appendDomain(dst, sub, s)
	if broken != nil {
		return dst, refuse(sub, broken)
	}
	return domain, nil
}

func appendDomain(dst, sub []byte, s *Subjects) ([]byte, *rule) {
	if s == nil {
		s = &Subjects{}
	}
	if len(sub) == 0 {
		return nil, emptySubject
	}
	if !plain(sub) {
		return nil, badOctet
	}
	colon := bytes.IndexByte(sub, ':')
	if colon < 0 {
		return appendBare(dst, sub, s)
	}
	var lower [maxScheme]byte
	scheme, rest := lowerScheme(lower[:0], sub[:colon]), sub[colon+1:]
	switch string(scheme) {
	case "https", "http", "wss", "ws", "coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws":
		return appendURL(dst, rest, s)
	case "did":
		return appendDIDWeb(dst, rest, s)
	case "dns":
		return appendDNS(dst, rest, s)
	case "spiffe":
		if !s.SPIFFE {
			return nil, spiffeOff
		}
		return appendSPIFFE(dst, rest, s)
	case "mailto":
		if !s.Mailto {
			return nil, mailtoOff
		}
		return appendMailto(dst, rest, s)
	case "acct":
		if !s.Acct {
			return nil, acctOff
		}
		return appendAddress(dst, untilAny(rest, "?#"), s)
	case "":
		return nil, noScheme
	}
	return nil, otherScheme
}

// plain reports whether no octet of sub is one that URL readers disagree about:
// some strip controls and white space, some take a backslash for a slash, so
// that two readers would see two hosts.
func plain(sub []byte) bool {
	ascii := true
	for _, c := range sub {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return true
	}
	if !utf8.Valid(sub) {
		return false
	}
	for i := 0; i < len(sub); {
		r, n := utf8.DecodeRune(sub[i:])
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return false
		}
		i += n
	}
	return true
}

// maxScheme is longer than every scheme that names a domain.
const maxScheme = 16

// lowerScheme appends a scheme in lower case (RFC 3986 §3.1: its case does not
// matter). What is no scheme gives nothing; one longer than maxScheme is cut
// off, which no known scheme equals.
func lowerScheme(dst, scheme []byte) []byte {
	for i, c := range scheme {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			c |= 0x20
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return nil
		}
		if len(dst) < maxScheme {
			dst = append(dst, c)
		}
	}
	return dst
}

// appendURL takes what follows the scheme of a URL: //host[:port] and then
// what is ignored (RFC 3986 §3.2).
func appendURL(dst, rest []byte, s *Subjects) ([]byte, *rule) {
	if !bytes.HasPrefix(rest, []byte("//")) {
		return nil, noSlashes
	}
	host, broken := hostOf(untilAny(rest[2:], "/?#"))
	if broken != nil {
		return nil, broken
	}
	return appendEncodedHost(dst, host, s)
}

// appendDIDWeb takes what follows "did:". The host is the first segment of the
// method-specific id, percent-decoded, with its port; the segments after it are
// a path (did:web §3.1), a DID URL's path, query and fragment come after those.
func appendDIDWeb(dst, rest []byte, s *Subjects) ([]byte, *rule) {
	if !bytes.HasPrefix(rest, []byte("web:")) {
		return nil, otherDID
	}
	segment, ok := decodePercent(untilAny(rest[4:], ":/?#"))
	if !ok {
		return nil, badPercent
	}
	host, broken := hostOf(segment)
	if broken != nil {
		return nil, broken
	}
	return appendHost(dst, host, s)
}

// appendDNS takes what follows "dns:": the dnsname, never the authority before
// it, which names a server (RFC 4501 §3).
func appendDNS(dst, rest []byte, s *Subjects) ([]byte, *rule) {
	rest = untilAny(rest, "?#")
	if bytes.HasPrefix(rest, []byte("//")) {
		server := untilAny(rest[2:], "/")
		if len(rest) == 2+len(server) {
			return nil, dnsNoName
		}
		if bytes.IndexByte(server, '@') >= 0 {
			return nil, userinfo
		}
		rest = rest[2+len(server)+1:]
	}
	if len(rest) == 0 {
		return nil, dnsNoName
	}
	return appendEncodedHost(dst, rest, s)
}

// appendSPIFFE takes what follows "spiffe:": a trust domain without port,
// user or percent-encoding (SPIFFE-ID §2.1).
func appendSPIFFE(dst, rest []byte, s *Subjects) ([]byte, *rule) {
	if !bytes.HasPrefix(rest, []byte("//")) {
		return nil, noSlashes
	}
	domain := untilAny(rest[2:], "/?#")
	if bytes.IndexByte(domain, '@') >= 0 {
		return nil, userinfo
	}
	for _, c := range domain {
		if c >= utf8.RuneSelf || c == ':' || c == '%' {
			return nil, spiffeDomain
		}
	}
	return appendHost(dst, domain, s)
}

// appendMailto takes what follows "mailto:". One that names a second recipient,
// be it in a header field (RFC 6068 §2), vouches for nobody.
func appendMailto(dst, rest []byte, s *Subjects) ([]byte, *rule) {
	rest = untilAny(rest, "#")
	address := untilAny(rest, "?")
	fields := rest[len(address):]
	for len(fields) > 0 {
		fields = fields[1:]
		field := untilAny(fields, "&")
		fields = fields[len(field):]
		name, ok := decodePercent(untilAny(field, "="))
		if !ok {
			return nil, badPercent
		}
		if bytes.EqualFold(name, []byte("to")) || bytes.EqualFold(name, []byte("cc")) || bytes.EqualFold(name, []byte("bcc")) {
			return nil, oneAddress
		}
	}
	local, ok := decodePercent(untilAny(address, "@"))
	if !ok {
		return nil, badPercent
	}
	if bytes.ContainsAny(local, `@,"`) {
		return nil, oneAddress
	}
	return appendAddress(dst, address, s)
}

// appendAddress takes local@domain. An acct may well have an encoded @ in its
// local part (RFC 7565 §4): the one that stands bare divides.
func appendAddress(dst, address []byte, s *Subjects) ([]byte, *rule) {
	at := bytes.IndexByte(address, '@')
	if at < 1 || bytes.IndexByte(address[at+1:], '@') >= 0 {
		return nil, oneAddress
	}
	return appendEncodedHost(dst, address[at+1:], s)
}

// appendBare takes a subject without a colon.
func appendBare(dst, sub []byte, s *Subjects) ([]byte, *rule) {
	if bytes.ContainsAny(sub, "/?#@[]%") {
		return nil, noScheme
	}
	if !s.Bare {
		return nil, bareOff
	}
	domain, broken := appendHost(dst, sub, s)
	if broken == nil && bytes.IndexByte(domain[len(dst):], '.') < 0 {
		return nil, bareNoDot
	}
	return domain, broken
}

// hostOf divides host[:port] and checks what is then ignored.
func hostOf(authority []byte) ([]byte, *rule) {
	if bytes.IndexByte(authority, '@') >= 0 {
		return nil, userinfo
	}
	if bytes.IndexByte(authority, '[') >= 0 {
		return nil, ipLiteral
	}
	colon := bytes.IndexByte(authority, ':')
	if colon < 0 {
		return authority, nil
	}
	port := 0
	for _, c := range authority[colon+1:] {
		if c < '0' || c > '9' {
			return nil, badPort
		}
		if port = port*10 + int(c-'0'); port > 65535 {
			return nil, badPort
		}
	}
	return authority[:colon], nil
}

// untilAny returns b up to the first of the ASCII octets in stop.
func untilAny(b []byte, stop string) []byte {
	if i := bytes.IndexAny(b, stop); i >= 0 {
		return b[:i]
	}
	return b
}
