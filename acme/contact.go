package acme

import (
	"net/mail"
	"net/url"
	"strings"
)

// What an account may keep here of how to reach its holder (Boulder: 10 addresses).
const (
	mostContacts   = 10
	longestContact = 320
)

// checkContact refuses what no mail can be sent to: each is a mailto: URL with
// exactly one address and nothing else (RFC 8555 §7.3, RFC 6068).
func checkContact(contacts []string) *Problem {
	if len(contacts) > mostContacts {
		return Problemf(InvalidContact, "contact: %d of them: want %d at the most", len(contacts), mostContacts)
	}
	for n, c := range contacts {
		if kind, what := wrongContact(c); what != "" {
			return Problemf(kind, "contact[%d]: %s", n, what)
		}
	}
	return nil
}

// wrongContact says what is wrong with a contact; "" for nothing.
func wrongContact(contact string) (Kind, string) {
	scheme, rest, ok := strings.Cut(contact, ":")
	switch {
	case len(contact) > longestContact:
		return InvalidContact, "too long"
	case !ok:
		return InvalidContact, "no URL: want mailto:somebody@example.com"
	case !strings.EqualFold(scheme, "mailto"):
		return UnsupportedContact, "want a mailto: URL"
	case strings.ContainsAny(rest, "?#"):
		return InvalidContact, "header fields after the address: leave them out (RFC 8555 §7.3)"
	}
	address, err := url.PathUnescape(rest)
	if err != nil {
		return InvalidContact, "wrongly escaped: a % stands before two hexadecimal digits (RFC 6068 §2)"
	}
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
		return InvalidContact, "want exactly one address, and nothing beside it: mailto:somebody@example.com"
	}
	return "", ""
}
