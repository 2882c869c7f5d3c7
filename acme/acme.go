// Package acme is an RFC 8555 server that issues only after the record matches.
//
// A Server answers ACME clients. Before it lets an order begin, and again inside
// the step that signs, it has its Gate ask whether the domain of every identifier
// vouches, by its confirmation record, for the keys that the profile binds. It
// judges nothing of the DNS itself: a Gate does, a Validator carries out
// challenges, an Issuer signs, and a Store keeps what must outlive the process.
// Package acme/gate has the Gate, acme/validate the Validator, acme/ca an Issuer
// and acme/store a Store.
package acme

import (
	"log/slog"
	"time"

	"cnfd/acme/weakkey"
	"cnfd/record"
)

// Config is what a Server needs. Store, Gate, Validator, Issuer, Profiles, URL, Now
// and Log are required; every other zero value is the default.
type Config struct {
	Store     Store
	Gate      Gate
	Validator Validator
	Issuer    Issuer
	Authority Authority // required where the Issuer's certificates name our revocation lists
	Root      Root      // nil: nothing is published of it
	Now       func() time.Time
	Log       *slog.Logger
	Counter   Counter // may be nil

	// URL is what clients reach the server by: "https://ca.example:8256", without a path.
	URL      string
	Profiles []Profile // the first is the default
	Terms    string    // URL of the terms of service; "": none to agree to
	// TermsRequired: who has agreed to other terms than Terms orders nothing before agreeing to those (RFC 8555 §7.3.3).
	TermsRequired bool
	Website       string
	// CAAIdentities are the issuer domain names of CAA records that mean this server (RFC 8555 §7.1.1).
	CAAIdentities []string
	// ExternalAccounts: nobody makes an account without an external one (RFC 8555 §7.3.4).
	ExternalAccounts bool
	// LogDetails: what is logged of a request that came to nothing has its details, which name domains.
	LogDetails bool
	// Form is that of the record that cnf-01 shows: the first of those that the Gate looks at.
	Form record.Form
	// AwaitRecord: an order whose record is missing stays pending instead of being refused.
	AwaitRecord bool
	// Blocked returns the keys that are known to others, as of now: an operator adds to them while the server runs. May be nil.
	Blocked func() *weakkey.Blocklist

	MaxNames   int           // of an order; default 100 (Boulder)
	OrderLife  time.Duration // of orders and authorizations, 1 h to 24 h; default 24 h
	OpenOrders int           // of one account at once; default 300 (Boulder)
	// NewAccounts is how many one IPv4 address, or one IPv6 /64, may make in an hour, and a /48 ten times as many; default
	// 100, below 0 any number. Loopback addresses may make any number.
	NewAccounts int
	// NewOrders is how many identifiers one account may ask for in an hour, in orders and ahead of them, refused or not. All
	// accounts of one address together may ask for ten times as many, those of an IPv6 /48 for a hundred times, of loopback for
	// any number. Default 3000, below 0 any number.
	NewOrders int
	// Patience is how long a finalize request waits for its certificate before it is told that the
	// order is processing; default 10 s.
	Patience time.Duration
	// CRLLife is how long a revocation list is good; default 24 h. A new one is made
	// after a half of it, and at each revocation.
	CRLLife time.Duration
}
