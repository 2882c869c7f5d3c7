package publish

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what went wrong. The zero value is Failed: nothing more is known.
type Kind uint8

const (
	Failed      Kind = iota
	Conflict         // the set is not what it was when it was read: somebody else writes it too
	BadKey           // the place does not know the key, or the signature is not the key's (RFC 8945 §5.2: BADKEY, BADSIG; HTTP 401)
	BadTime          // the clocks differ by more than the signature allows (RFC 8945 §5.2.3)
	NotAuth          // the server is not the zone's, or not its primary (RFC 2136 §2.2: NOTAUTH)
	WrongZone        // the place has no zone that holds the name (RFC 2136 §2.2: NOTZONE; a provider's 404)
	Refused          // the key may not do this (RFC 2136: REFUSED; HTTP 403)
	ServFail         // the place failed (SERVFAIL; HTTP 5xx)
	Unreachable      // nothing was heard in time
	RateLimited      // the place wants fewer calls than were made, also after waiting (HTTP 429)
	Unsupported      // the place cannot carry the record, or not with that TTL
	NameTooLong      // the name would be over 255 octets
	Alias            // a CNAME stands at the name, beside which nothing may stand (RFC 1034 §3.6.2)
	Cut              // the name lies in another zone than the subject's domain: verifiers say delegated_name
	Unsigned         // the zone is not signed: nothing in it is ever proven
	Mangled          // what was read back is not what was written
	Partial          // some sets are written and others are not
	Stopped          // the context ended
	NotProven        // written, or there already, and not proven in time
	Missing          // a record that should be there is not (Rotate)
)

var kindWords = [...]string{
	Failed: "failed", Conflict: "conflict", BadKey: "bad_key", BadTime: "bad_time", NotAuth: "not_auth", WrongZone: "wrong_zone",
	Refused: "refused", ServFail: "servfail", Unreachable: "unreachable", RateLimited: "rate_limited", Unsupported: "unsupported",
	NameTooLong: "name_too_long", Alias: "alias", Cut: "cut", Unsigned: "unsigned", Mangled: "mangled", Partial: "partial", Stopped: "stopped", NotProven: "not_proven",
	Missing: "missing",
}

// String returns the word that --json shows.
func (k Kind) String() string {
	if int(k) < len(kindWords) {
		return kindWords[k]
	}
	return kindWords[Failed]
}

// Error is the error of this package and of every Zone. It holds no secret.
type Error struct {
	Kind  Kind
	Where string // "192.0.2.1:53", "cloudflare: zone vendor.example"; "" where that is plain
	What  string // lower case, noun first: "signature refused (BADSIG)"
	Do    string // what helps: "check the TSIG secret and its algorithm"; "" where nobody knows
	Err   error  // what is behind it, for errors.Is; may be nil
	// Maybe, of a Write: it may have been carried out all the same, or be a moment from
	// now: what was sent was not answered.
	Maybe bool
	// Theirs is the clock of the place, where Kind is BadTime and it told.
	Theirs time.Time
}

// Error returns where, what and what to do, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		fmt.Fprintf(&b, "%s: ", e.Where)
	}
	b.WriteString(e.What)
	if e.Do != "" {
		fmt.Fprintf(&b, ": %s", e.Do)
	}
	return b.String()
}

// Unwrap returns what is behind it.
func (e *Error) Unwrap() error { return e.Err }
