package publish

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Record is the RDATA of one TLSA record, anybody's, octet for octet: certificate
// usage, selector, matching type and association data (RFC 6698 §2.1). Records
// compare with ==; the zero Record is none.
type Record struct{ rdata string }

// RecordOf is the record with this RDATA in wire form. What is shorter than the
// three octets that every TLSA record has is an error.
func RecordOf(rdata []byte) (Record, error) {
	if len(rdata) < 3 {
		return Record{}, fmt.Errorf("tlsa: %d octets of rdata, want 3 or more", len(rdata))
	}
	return Record{string(rdata)}, nil
}

// Fields returns the record's parts: what providers that have a field for each ask for.
func (r Record) Fields() (usage, selector, matching uint8, association []byte) {
	if r.rdata == "" {
		return 0, 0, 0, nil
	}
	return r.rdata[0], r.rdata[1], r.rdata[2], []byte(r.rdata[3:])
}

// RDATA returns the octets, in wire form.
func (r Record) RDATA() []byte { return []byte(r.rdata) }

// IsZero reports whether r is no record.
func (r Record) IsZero() bool { return r.rdata == "" }

// String returns the presentation form, "255 255 255 80D5…" (RFC 6698 §2.2), in
// upper-case hex; "" for the zero Record.
func (r Record) String() string {
	if r.rdata == "" {
		return ""
	}
	usage, selector, matching, association := r.Fields()
	return fmt.Sprintf("%d %d %d %s", usage, selector, matching, strings.ToUpper(hex.EncodeToString(association)))
}

// ParseRecord reads the presentation form: three decimal fields and the data in hex
// of either case, which may be cut by blanks (RFC 6698 §2.2).
func ParseRecord(text string) (Record, error) {
	words := strings.Fields(text)
	if len(words) < 3 {
		return Record{}, fmt.Errorf("tlsa %q: want usage, selector, matching type and data", text)
	}
	rdata := make([]byte, 3)
	for i, word := range words[:3] {
		n, err := parseOctet(word)
		if err != nil {
			return Record{}, fmt.Errorf("tlsa %q: %w", text, err)
		}
		rdata[i] = n
	}
	association, err := hex.DecodeString(strings.Join(words[3:], ""))
	if err != nil {
		return Record{}, fmt.Errorf("tlsa %q: data: not hex", text)
	}
	return Record{string(append(rdata, association...))}, nil
}

func parseOctet(word string) (byte, error) {
	n := 0
	for _, c := range word {
		if c < '0' || c > '9' || n > 255 {
			return 0, fmt.Errorf("%q: want a number from 0 to 255", word)
		}
		n = n*10 + int(c-'0')
	}
	if word == "" || n > 255 {
		return 0, fmt.Errorf("%q: want a number from 0 to 255", word)
	}
	return byte(n), nil
}

// Set is the TLSA RRset of one name as a place holds it. The zero Set but for its
// Name is a name without any.
type Set struct {
	Name    string        // owner: lower case, trailing dot
	TTL     time.Duration // of the whole set (RFC 2181 §5.2), in whole seconds; zero where there are no records
	Records []Record      // each once, in any order
	Alias   string        // the target of a CNAME at the name; "" where there is none
}

// Has reports whether the set holds r.
func (s Set) Has(r Record) bool { return slices.Contains(s.Records, r) }

// Same reports whether two sets of one name hold the same records, in whatever order,
// and the same alias. Their TTLs may differ: no precondition of RFC 2136 looks at them.
func (s Set) Same(other Set) bool {
	return s.Alias == other.Alias && len(s.Records) == len(other.Records) &&
		!slices.ContainsFunc(s.Records, func(r Record) bool { return !other.Has(r) })
}

// With is the set with r beside what is there; ttl counts only where nothing is.
func (s Set) With(r Record, ttl time.Duration) Set {
	if s.Has(r) {
		return s
	}
	if len(s.Records) > 0 {
		ttl = s.TTL
	}
	s.TTL, s.Records = ttl, append(slices.Clone(s.Records), r)
	return s
}

// Without is the set without those records; its TTL stays while one is left.
func (s Set) Without(gone ...Record) Set {
	s.Records = slices.DeleteFunc(slices.Clone(s.Records), func(r Record) bool { return slices.Contains(gone, r) })
	if len(s.Records) == 0 {
		s.TTL, s.Records = 0, nil
	}
	return s
}

// Change is what a Zone is to do to the set of one name: make of Before After.
type Change struct {
	Name          string // owner: lower case, trailing dot
	Before, After Set    // of that name
}

// Added are the records that After has and Before has not.
func (c Change) Added() []Record { return without(c.After.Records, c.Before.Records) }

// Removed are the records that Before has and After has not.
func (c Change) Removed() []Record { return without(c.Before.Records, c.After.Records) }

// Kept are the records that both have.
func (c Change) Kept() []Record { return without(c.Before.Records, c.Removed()) }

// None reports whether there is nothing to do.
func (c Change) None() bool { return c.Before.Same(c.After) }

// Undo is the Change that takes c back.
func (c Change) Undo() Change { return Change{Name: c.Name, Before: c.After, After: c.Before} }

// Diff returns the change as lines of a zone file, each behind "+ ", "- " or "  "
// for what stays, in the order of their text.
func (c Change) Diff() []string {
	var lines []string
	put := func(sign string, ttl time.Duration, records []Record) {
		for _, r := range records {
			lines = append(lines, fmt.Sprintf("%s %s %d IN TLSA %s", sign, c.Name, int(ttl/time.Second), r))
		}
	}
	put(" ", c.After.TTL, c.Kept())
	put("-", c.Before.TTL, c.Removed())
	put("+", c.After.TTL, c.Added())
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[1:], b[1:]) })
	return lines
}

func without(a, b []Record) []Record {
	return slices.DeleteFunc(slices.Clone(a), func(r Record) bool { return slices.Contains(b, r) })
}
