package publish

import (
	"fmt"
	"time"
)

// Rotation is how far the change of a subject's key for another has come: what Rotate
// works on, and what is kept between its calls. It holds no secret. NewRotation makes
// one; the zero value is none.
type Rotation struct {
	Subject  string // as the credentials have it
	From, To string // what names the two keys, for people and programs: thumbprint URIs (RFC 9278)
	Swaps    []Swap
	Stage    Stage
	Began    time.Time
	// TTL is the longest that was met at any of the names, whoever lowered it since.
	TTL time.Duration
	// Absence is how long caches may hold that there is nothing at all, and Seen the time
	// from which on every server was heard to have records: nobody can tell for how long
	// they had been there. Zero Seen: a server was without them, and is to be seen again.
	Absence time.Duration
	Seen    time.Time
	// Since and Until are of the wait that the stage is in; zero where none was begun.
	Since, Until time.Time
}

// Swap is one name where a record takes the place of another.
type Swap struct{ Old, New Entry }

// Stage is how far a rotation has come.
type Stage uint8

const (
	Planned       Stage = iota // nothing is known to be written
	NextPublished              // the new key's records are written; caches may hold sets without them
	Spread                     // no cache can: the key can be switched
	SwitchBegun                // the switch was begun; whether it came to its end is not known
	Switched                   // the holder uses the new key
	Aged                       // and no cache holds anything from before that: the old key can be retired
	Retired                    // the old key's records are gone
)

var stageWords = [...]string{
	Planned: "planned", NextPublished: "next_published", Spread: "spread", SwitchBegun: "switching", Switched: "switched", Aged: "aged", Retired: "retired",
}

// String returns the word that the state file and --json have.
func (s Stage) String() string {
	if int(s) < len(stageWords) {
		return stageWords[s]
	}
	return "unknown"
}

// NewRotation is a rotation at its beginning. old and new are the two keys' entries, in
// the same order at the same names; from and to name the keys. Keys that are the same,
// and entries that do not go together, are an error.
func NewRotation(subject, from, to string, old, next []Entry) (Rotation, error) {
	r := Rotation{Subject: subject, From: from, To: to}
	if len(old) == 0 || len(old) != len(next) {
		return Rotation{}, fmt.Errorf("rotation: %d records of the old key, %d of the new: want as many", len(old), len(next))
	}
	for i, o := range old {
		n := next[i]
		switch {
		case o.Record.IsZero() || n.Record.IsZero():
			return Rotation{}, fmt.Errorf("rotation: %s: no record", o.Name)
		case o.Record == n.Record:
			return Rotation{}, fmt.Errorf("rotation: %s: both keys have the same thumbprint: they are one key", o.Name)
		case o.Name != n.Name || o.Domain != n.Domain || o.Method != n.Method || o.Form != n.Form:
			return Rotation{}, fmt.Errorf("rotation: %s and %s: want the same names for both keys", o.Name, n.Name)
		}
		r.Swaps = append(r.Swaps, Swap{o, n})
	}
	return r, nil
}

// Continues is nil where r is of the same subject, keys and records as what is asked
// for now, and else says what differs.
func (r *Rotation) Continues(asked *Rotation) error {
	switch {
	case r.Subject != asked.Subject:
		return fmt.Errorf("it is of the subject %q, not %q", r.Subject, asked.Subject)
	case r.From != asked.From:
		return fmt.Errorf("it rotates from the key %s, not %s", r.From, asked.From)
	case r.To != asked.To:
		return fmt.Errorf("it rotates to the key %s, not %s", r.To, asked.To)
	case len(r.Swaps) != len(asked.Swaps):
		return fmt.Errorf("it is of %d records, not %d: the same methods and forms must be given", len(r.Swaps), len(asked.Swaps))
	}
	for i, s := range r.Swaps {
		if s != asked.Swaps[i] {
			return fmt.Errorf("it is of %s, not of %s with these keys: the same methods and forms must be given", s.Old.Name, asked.Swaps[i].Old.Name)
		}
	}
	return nil
}

func (r *Rotation) old() (entries []Entry) {
	for _, s := range r.Swaps {
		entries = append(entries, s.Old)
	}
	return entries
}

func (r *Rotation) new() (entries []Entry) {
	for _, s := range r.Swaps {
		entries = append(entries, s.New)
	}
	return entries
}

// underway is how long an answer can be on its way to a cache after its server was seen
// to say something else.
const underway = 2 * time.Second

// longestAbsence is how long caches hold an absence at the most, whatever a zone says: of
// one to three hours RFC 2308 §5 says that they make sensible limits.
const longestAbsence = 3 * time.Hour

// end is when no cache holds any more what was there before since, and which TTL it is
// that lasts so long.
func (r *Rotation) end(since time.Time) (until time.Time, of string) {
	until, of = since.Add(r.TTL), fmt.Sprintf("TTL of the set, %v", r.TTL)
	if absent := r.Seen.Add(r.Absence); absent.After(until) {
		until, of = absent, fmt.Sprintf("absence, %v: how long the records had been there when they were first seen is not known", r.Absence)
	}
	return until.Add(underway), of
}

// waiting reports whether a wait was begun that can be relied on. A clock that stands
// before the wait's beginning has gone backwards, and tells nothing of how much of it
// has passed: all of it is to be waited anew.
func (r *Rotation) waiting(now time.Time) bool {
	return !r.Since.IsZero() && !now.Before(r.Since)
}
