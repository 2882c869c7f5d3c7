package publish

import (
	"context"
	"time"

	"cnfd/dnssec"
)

// Zone is a place where the records of a zone are written.
type Zone interface {
	// Read returns the TLSA set that the place itself holds at a name, past every
	// cache, with the alias (CNAME) where one stands there. A name that holds
	// nothing is an empty Set, not an error. The error is an *Error.
	Read(ctx context.Context, name string) (Set, error)
	// Write makes the set at c.Name what c.After is, or changes nothing. Where
	// the place can be told so, it changes only what is still c.Before; the error is
	// then an *Error of kind Conflict. After any error Read tells what became of it:
	// a place may have done the work and failed to say so.
	Write(ctx context.Context, c Change) error
}

// World is what everybody else sees of the DNS. *resolver.Resolver is one.
type World interface {
	// LookupEach asks every authoritative server of the name's zone, past every
	// cache, and proves what each says. The error is only ctx ending.
	LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error)
	// Lookup answers as a validating resolver does. The error is only ctx ending.
	Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error)
}

// Limits is what a place cannot do, so that it can be said before anything is
// written. The zero value is a place without any.
type Limits struct {
	// MinTTL is the least TTL that it takes for a set; zero: any.
	MinTTL time.Duration
	// CannotSign: it does not sign zones, so that nothing written there is ever
	// proven, unless somebody else signs what it serves.
	CannotSign bool
	// PlainNames: it takes names of letters, digits, hyphens and underscores alone, so that
	// the method x5t#S256 has none there.
	PlainNames bool
	// Unguarded: it takes no precondition. What somebody else writes in the moment
	// between the last Read and Write is overwritten, and nobody can tell.
	Unguarded bool
}

// Target is a Zone with its name for people ("rfc2136 at 192.0.2.1:53",
// "cloudflare") and its Limits.
type Target struct {
	Name   string
	Zone   Zone
	Limits Limits
}

// Entry is one record that is to be there, or not to be there any more.
type Entry struct {
	Name   string // owner: lower case, trailing dot; as record.Name makes it
	Domain string // of the subject: lower case, without the trailing dot; as record.Domain makes it
	Method string // "jwk", "5": for people and programs
	Form   string // "dotted" or "underscore"
	Record Record
}
