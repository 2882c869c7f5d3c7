package verifier

import (
	"bytes"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// Verdict is the answer to the question whether a subject's domain vouches for
// a key. The zero value is unproven.
type Verdict struct {
	Reason Reason
	// Detail says which rule was broken and where, for people, where a check of the
	// token or of its holder came out badly; it repeats no value of either. Of a precheck
	// it says what the name servers said. "" otherwise.
	Detail string
	// Subject is the credential's sub as it stands there. It points into Request.Bytes,
	// Request.Scratch or memory that other Verdicts share: who keeps a Verdict longer takes a
	// Clone, and nobody writes to it.
	Subject []byte
	Domain  string            // A-labels, lower case, no trailing dot
	Method  thumbprint.Method // how the credential names its key
	// Thumbprint is the key's; zero where that is encrypted and no key here opens it.
	Thumbprint thumbprint.Thumbprint
	// Asked reports whether the DNS was asked; where it was not, Record and
	// DNS say nothing (and are absent from the JSON).
	Asked  bool
	Record Record
	DNS    DNS

	// NotChecked or Valid: one that came out badly is the Reason.
	Signature, KeyBinding, DPoP, MTLS Check
	Time                              Check // NotChecked or Checked
	// ValidUntil is when the DNS data used stops being true, or the token's
	// exp if that is sooner; zero where unproven or where no DNS data was used.
	ValidUntil time.Time
	Testing    bool // the daemon runs with testing settings: trust nothing it says

	known *knownClaims // has what is written of its own thumbprint ready; may be nil
}

// Record is the confirmation record that decided.
type Record struct {
	Name   string // owner, with the trailing dot
	Form   record.Form
	Usable int           // records with 255 255 255 and the thumbprint's length
	TTL    time.Duration // the remaining life of the data, of a denial too
}

// DNS is how the record was learnt.
type DNS struct {
	Security dnssec.Security
	Cached   bool
	Age      time.Duration  // since the oldest part of the data was fetched
	Trouble  dnssec.Trouble // zero where there was none
}

// Check is the state of a check of the token that a caller may ask for. The
// zero value is NotChecked. One that came out badly is the verdict's Reason.
type Check uint8

const (
	NotChecked Check = iota
	Checked          // looked at; of the token's time
	Valid            // holds; of a signature, a key binding, a proof
)

// String returns the word used in the JSON.
func (c Check) String() string {
	switch c {
	case Checked:
		return "checked"
	case Valid:
		return "valid"
	}
	return "not_checked"
}

// Outcome returns what the verdict comes to.
func (v *Verdict) Outcome() Outcome { return v.Reason.Outcome() }

// Clone returns a copy of v that shares nothing with the request's buffer.
func (v *Verdict) Clone() Verdict {
	c := *v
	c.Subject = bytes.Clone(v.Subject)
	return c
}
