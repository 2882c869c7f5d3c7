package publish

import (
	"time"

	"cnfd/dnssec"
)

// Step is what a Publisher is at; progress tells of each as it comes.
type Step uint8

const (
	Looking   Step = iota // at the zone, and at what the place holds
	Writing               // a change of one set
	Written               // and read back, octet by octet
	Serving               // of the zone's servers, more or fewer serve it now
	Served                // all do
	Proving               // waiting for a validating lookup
	Proven                // it proves it
	Waiting               // for caches to forget
	Undoing               // what was written of a change that could not be finished
	Warning               // something that a person should know; nothing stops for it
	Switching             // the holder's key is to be changed (Rotate)
)

var stepWords = [...]string{
	Looking: "looking", Writing: "writing", Written: "written", Serving: "serving", Served: "served", Proving: "proving",
	Proven: "proven", Waiting: "waiting", Undoing: "undoing", Warning: "warning", Switching: "switching",
}

// String returns the word that --json shows.
func (s Step) String() string {
	if int(s) < len(stepWords) {
		return stepWords[s]
	}
	return "unknown"
}

// Event is one change of the state of things, for a person who watches.
type Event struct {
	At       time.Time
	Step     Step
	Name     string // the set's owner; "" where it is about none alone
	Text     string // one line for people
	Done, Of int    // servers that serve it, of all; zero where servers are not counted
}

// Report is what was done and what is seen of it. It is good after an error too:
// then it says how far things went.
type Report struct {
	Sets []SetReport
	// Until is when the last cache has forgotten what was there before: until then
	// verifiers may still say what they said. Zero where what is published was there
	// already, or not every server serves the change yet.
	Until time.Time
}

// Written reports whether anything was changed that was not undone.
func (r *Report) Written() bool {
	for i := range r.Sets {
		if s := &r.Sets[i]; s.Written && !s.Undone {
			return true
		}
	}
	return false
}

// Proven reports whether every set is proven to be as wanted.
func (r *Report) Proven() bool {
	for i := range r.Sets {
		if !r.Sets[i].Proven {
			return false
		}
	}
	return len(r.Sets) > 0
}

// SetReport is what became of one set.
type SetReport struct {
	Entry  Entry
	Change Change
	// Unsure: the place failed in the middle of the work, and what it holds could not be read.
	Written, Undone, Unsure bool
	Served                  bool // every server says what is wanted
	Proven                  bool // and a validating lookup proves it, or Insecure allows it unproven
	Security                dnssec.Security
	Why                     string // what is not yet so; "" where nothing is missing
	Servers                 []ServerState
	// Before is how long a cache may hold what servers said before the change: the
	// set's TTL, or the zone's negative TTL (RFC 2308 §5). Until is when that ends,
	// counted from when every server was seen to serve the change.
	Before time.Duration
	Until  time.Time
	// Unknown: the record was gone already when this call began, and nobody can tell any
	// more how long caches may hold it from then.
	Unknown bool
}

// ServerState is one address of a name server and what it says of the set.
type ServerState struct {
	Server string // "ns1.vendor.example. 192.0.2.1"
	Ready  bool   // it says what is wanted, and proves it
	// Skipped: this machine has no way to it (IPv6, say); it counts neither for nor against.
	Skipped bool
	Why     string // where it does not: "still without the record (serial 2026112201)"
}
