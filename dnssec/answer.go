package dnssec

import "time"

// Security is what a validating resolver concludes about data (RFC 4033 §5).
// The zero value is Indeterminate: it proves nothing.
type Security uint8

const (
	Indeterminate Security = iota // no trust anchor covers the name, or the proof could not be fetched
	Bogus                         // a proof should exist and does not hold
	Insecure                      // proven to lie in an unsigned part of the tree
	Secure                        // proven from a trust anchor
)

// String returns the word used in every answer, log and document.
func (s Security) String() string {
	return [...]string{"indeterminate", "bogus", "insecure", "secure"}[s&3]
}

// Kind is the form of an answer once aliases have been followed.
type Kind uint8

const (
	NoAnswer Kind = iota // nothing could be learnt: see Trouble
	Positive             // the RRset exists: Data holds it
	NoData               // the name exists, the type does not (RFC 2308 §2.2)
	NoName               // the name does not exist (RFC 2308 §2.1)
)

// Trouble says why an answer is not Secure, or not there at all.
// The zero value is no trouble.
type Trouble struct {
	Text   string // for people: names the zone, the record, the key tag and the time
	Code   uint16 // RFC 8914 INFO-CODE; Other (0) with a text where none fits
	Budget bool   // a bound of work was reached (the verdict's too_costly)
	// Unreachable: no server gave a usable answer; nothing is proven either way
	// (the verdict's unreachable).
	Unreachable bool
	// Lame: a server was heard, and it does not serve the zone that it was asked of.
	Lame bool
	// Anchor: what does not hold are the keys of a zone that a trust anchor vouches for,
	// so that this machine's clock or its anchors are likelier wrong than any zone.
	Anchor bool
}

// Answer is what is known of one Question. It is never changed once it is
// handed out: caches share it. Its small fields stand together, since caches hold
// many.
type Answer struct {
	Name string // the question's name, lower case, trailing dot
	Type uint16

	Security Security
	Kind     Kind
	// Wildcard: the RRset, or an alias on the way, was synthesised from a
	// wildcard (RFC 4035 §5.3.4). A wildcard no-data proof does not set it.
	Wildcard bool
	// Overridden: a negative trust anchor (RFC 7646) covers the name, or one on
	// the way, so that signatures that should be there were not looked for.
	// Whatever else is said or allowed, such an answer decides nothing.
	Overridden bool
	Rcode      int // RFC 1035 §4.1.1, extended by RFC 6891; what a stub is told
	Trouble    Trouble

	// Zone is the apex of the zone that holds the question's own name, before
	// any alias is followed: the zone of the last proven or learnt cut.
	Zone string
	// Data holds the RDATA of the final RRset in wire form, in the server's order.
	// It points into AnswerSection.
	Data [][]byte

	// Fetched is when the oldest part was learnt; Until when the first part of
	// the data stops being true (TTL, original TTL, signature expiry, caps).
	Fetched, Until time.Time

	// The sections for a DNS client, RRSIGs included; TTLs are as of Fetched.
	AnswerSection, AuthoritySection Records
}

// Link is one step of the chain of trust, for people.
type Link struct {
	Zone     string   `json:"zone"`
	Security string   `json:"security"`
	How      string   `json:"how"`               // "trust anchor", "DS 12345 (alg 13, SHA-256)", "no DS, proven by NSEC", ...
	Keys     []string `json:"keys,omitempty"`    // "257 13 12345", flags algorithm tag
	Servers  []string `json:"servers,omitempty"` // names and addresses asked
	Trouble  string   `json:"trouble,omitempty"` // the broken link, in words
	Until    string   `json:"until,omitempty"`   // RFC 3339
}
