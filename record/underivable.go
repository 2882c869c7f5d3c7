package record

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// NotDerivable is the error of a subject that names no domain, or whose record
// could have no name. It says which rule of docs/profile.md §1 stands against it
// and what would work.
type NotDerivable struct {
	// Subject is the subject, shortened; empty where it may hold a person's
	// address or a password (it has an @), or a key (did:jwk).
	Subject string
	Rule    string // "the scheme mailto is not turned on"
	Remedy  string // "turn on subjects.mailto, or use an https URL"
}

// Error returns the rule and the remedy, for people.
func (e *NotDerivable) Error() string {
	if e.Subject == "" {
		return "subject: " + e.Rule + ": " + e.Remedy
	}
	return "subject " + e.Subject + ": " + e.Rule + ": " + e.Remedy
}

// rule is one way in which a subject names no domain.
type rule struct{ what, remedy string }

const useURL = "use an https URL of the subject's domain"

// The rules, in the order of docs/profile.md §1.
var (
	emptySubject = &rule{"it is empty", useURL}
	badOctet     = &rule{"it has a space, a control character, a backslash or invalid UTF-8", "percent-encode it, or leave it out"}
	otherScheme  = &rule{"its scheme names no domain", useURL + ", or a did:web"}
	otherDID     = &rule{"its DID method names no domain", "use did:web (in lower case)"}
	noScheme     = &rule{"it is no URL", useURL}
	bareOff      = &rule{"it is a bare name, and those are not turned on", useURL + ", or turn on subjects.bare"}
	bareNoDot    = &rule{"it is a single word, which may be anything", useURL}
	spiffeOff    = &rule{"the scheme spiffe is not turned on", useURL + ", or turn on subjects.spiffe"}
	mailtoOff    = &rule{"the scheme mailto is not turned on", useURL + ", or turn on subjects.mailto (it vouches for the mail domain, not for the user)"}
	acctOff      = &rule{"the scheme acct is not turned on", useURL + ", or turn on subjects.acct (it vouches for the domain, not for the user)"}
	noSlashes    = &rule{"its scheme is not followed by //", "write scheme://host"}
	userinfo     = &rule{"it has a user name or password before the host", "leave out everything up to the @"}
	badPort      = &rule{"its port is no number up to 65535", "leave the port out: it is ignored"}
	badPercent   = &rule{"it has a broken percent-encoding in its host", "write % and two hex digits, of UTF-8 octets"}
	spiffeDomain = &rule{"its SPIFFE trust domain has a port or other characters than letters, digits, dots and hyphens", "write spiffe:// and the trust domain alone, then the path"}
	dnsNoName    = &rule{"its dns: URI holds no name of its own (what follows // is a server)", "write dns:name, or dns://server/name"}
	oneAddress   = &rule{"it does not hold exactly one plain mail address", "write one local@domain"}
	emptyHost    = &rule{"its host is empty", useURL}
	ipLiteral    = &rule{"its host is an IP address, and no record can be published under one", "use a host name"}
	badIDNA      = &rule{"its host is no internationalised domain name (UTS 46, non-transitional)", "use the name as it is registered"}
	badLDH       = &rule{"its host has a character other than letters, digits, hyphens and dots", "use a host name"}
	badHyphen    = &rule{"its host has a label that begins or ends with a hyphen", "use a host name"}
	emptyLabel   = &rule{"its host has an empty label", "write single dots between the labels"}
	labelTooLong = &rule{"its host has a label over 63 octets (RFC 1035 §2.3.4)", "use a shorter name"}
	nameTooLong  = &rule{"the record's name would be over 253 octets (RFC 1035 §2.3.4)", "use a shorter name"}
	specialUse   = &rule{"its host is under a name that is never sent to the DNS (localhost, local, onion, invalid, alt, home.arpa, internal)", "use a public name, or configure a stub or a local trust anchor for it"}
	noLabel      = &rule{"no record name exists for this method and form", "use a method of docs/profile.md §2"}
)

// refuse makes the error of a subject that breaks r.
func refuse(sub []byte, r *rule) error {
	e := &NotDerivable{Rule: r.what, Remedy: r.remedy}
	text := string(sub)
	if !confidential(text) {
		e.Subject = shorten(text)
	}
	if r == ipLiteral {
		e.Remedy += ofCertificate(text)
	}
	return e
}

// ofCertificate names the subject whose record a certificate of an address rests on, which is at the address's
// reverse name (RFC 1035 §3.5, RFC 3596 §2.5); "" where the subject holds no address as people write it.
func ofCertificate(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://")
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		text = text[:end]
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		text = a.Addr().String()
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil || a.Zone() != "" {
		return ""
	}
	a = a.Unmap()
	var name strings.Builder
	for _, b := range slices.Backward(a.AsSlice()) {
		if a.Is4() {
			fmt.Fprintf(&name, "%d.", b)
		} else {
			fmt.Fprintf(&name, "%x.%x.", b&15, b>>4)
		}
	}
	zone := map[bool]string{true: "in-addr.arpa", false: "ip6.arpa"}[a.Is4()]
	return "; for a certificate of this address: https://" + name.String() + zone
}

// confidential reports whether a subject may hold a password, a person's
// address, or a key, private ones included.
func confidential(text string) bool {
	for _, at := range [...]string{"@", "%40", "\uff20", "\ufe6b"} {
		if strings.Contains(text, at) {
			return true
		}
	}
	for _, scheme := range [...]string{"did:jwk:", "data:"} {
		if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

// maxShown is how much of a subject an error repeats, in octets.
const maxShown = 80

// shorten quotes text for an error, so that neither its length nor its control
// characters disturb a terminal or a log.
func shorten(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return strconv.Quote(text)
}
