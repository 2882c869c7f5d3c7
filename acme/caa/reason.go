package caa

import "strconv"

// Refusal is why a Set does not let an issuer issue.
type Refusal struct {
	Reason Reason
	// Property is the record that came nearest, for people: `issue "ca.example; a=b"`,
	// what is not printable escaped, cut where it is long. "" where it is none.
	Property string
}

// Error returns the property and what stands against it.
func (r *Refusal) Error() string {
	if r.Property == "" {
		return r.Reason.String()
	}
	return r.Property + ": " + r.Reason.String()
}

// Reason is why something is refused, in the order in which it is looked for: a
// greater one came nearer to a permission. The zero Reason is NoRecords.
type Reason uint8

// The reasons.
const (
	NoRecords         Reason = iota // there is no record
	CriticalUnknown                 // a critical property of an unknown tag (RFC 8659 §4.1)
	NoProperty                      // no issue, or for a wildcard no issuewild, that could opt in
	Nobody                          // no issuer is named
	OtherIssuer                     // another issuer is named
	Malformed                       // the value does not match the grammar, so that it forbids (RFC 8659 §4.2)
	UnknownParameter                // a parameter that is not known
	RepeatedParameter               // a parameter twice (RFC 8657 §3)
	OtherAccount                    // accounturi is another's (RFC 8657 §3)
	OtherMethod                     // validationmethods list none of the methods, or are malformed (RFC 8657 §4)
	AnyMethod                       // there are no validationmethods that would opt in
	nothing                         // no refusal
)

// String returns the reason in words.
func (r Reason) String() string {
	if r >= nothing {
		r = NoRecords
	}
	return [nothing]string{
		NoRecords:         "there are no CAA records",
		CriticalUnknown:   "it is critical, and not understood here",
		NoProperty:        "there is no such property",
		Nobody:            "it lets nobody issue",
		OtherIssuer:       "it names another issuer",
		Malformed:         "it is malformed, and so lets nobody issue",
		UnknownParameter:  "it has a parameter that is not known here",
		RepeatedParameter: "it has a parameter twice",
		OtherAccount:      "its accounturi is not this account's",
		OtherMethod:       "its validationmethods do not list what is used here",
		AnyMethod:         "it has no validationmethods",
	}[r]
}

const maxQuoted = 200 // octets of a value that are repeated to people

// String returns the property for people.
func (p property) String() string {
	value, more := p.value, ""
	if len(value) > maxQuoted {
		value, more = value[:maxQuoted], "…"
	}
	return p.tag + " " + strconv.QuoteToASCII(value) + more
}
