package publish

import (
	"fmt"
	"slices"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
)

// Listing is what the world said of the names of a subject's records at a moment. The
// zero Listing says nothing of any name.
type Listing struct {
	At   time.Time
	Sets []SeenSet // one a name, in the order of the entries that asked for them
	// Zones are those that hold the names, each once, where they could be learnt.
	Zones []SeenZone
}

// SeenSet is what is seen of one name: by every name server of its zone, and as all of
// them say it. The zero SeenSet is a name of which nothing is known.
type SeenSet struct {
	Name, Domain, Method, Form string   // as Entry has them
	Wanted                     []Record // of the entries for the name, each once

	// Kind, Security, Wildcard, Overridden and Trouble are of what all servers say, aliases
	// followed (dnssec.Answer). Where Kind is Positive, there are Records.
	Kind                 dnssec.Kind
	Security             dnssec.Security
	Wildcard, Overridden bool
	Trouble              dnssec.Trouble

	Zone    string       // apex of the zone that holds the name, with the trailing dot; "" where that was not learnt
	Aliases []string     // where CNAMEs lead from the name, the last first asked for records; none where there is no alias
	Records []SeenRecord // that all servers have; none where they differ, or where what they say is bogus
	// TTL is the longest that any server gives the set: how long a cache may know the
	// record after it was taken away. Zero where no server has any.
	TTL time.Duration
	// Negative is how long a cache may know that there is no record: the least of the SOA's
	// TTL and MINIMUM (RFC 2308 §5). Zero where there are some, or the zone does not say.
	Negative time.Duration
	// Until is when the first of the signatures that are needed ends, of the set or of its
	// absence, at any server and on the way of aliases. Zero where there is none.
	Until time.Time

	// Differ: the servers do not all say the same, or those of the zone above do not all
	// delegate alike. Trouble tells which.
	Differ bool
	// Unasked: servers could not be asked one by one, and what is said here is what one
	// validating lookup got. Why is in Trouble, unless that is the lookup's own.
	Unasked bool
	Servers []SeenServer // of the zone where aliases end, by name and address
	// Partly: they differ only in that some of them said nothing of use, and the others all
	// say the same. Heard are the records that these have: what the silent ones would say
	// nobody knows, so that they are in no Records and Has knows nothing of them.
	Partly bool
	Heard  []SeenRecord
	// Parents are the servers of the zone above that one, where they do not all delegate
	// it alike; else none.
	Parents []SeenParent
}

// SeenParent is how one address of a server of the zone above delegates a zone.
type SeenParent struct {
	Server string // "a.example. 192.0.2.3"
	Says   string // for people: to which servers, with which DS records, or why it was not heard
}

// SeenRecord is one record of a set.
type SeenRecord struct {
	Record Record // the zero Record where the RDATA is no TLSA record at all
	Usable bool   // verifiers compare it; they skip others (RFC 6698 §4.1)
	Why    string // where it is not usable: what it should be
	Wanted bool   // usable, and one of the set's Wanted
}

// SeenServer is what one address of a name server says of the name where aliases end.
type SeenServer struct {
	Server   string // "ns1.vendor.example. 192.0.2.1"
	Kind     dnssec.Kind
	Security dnssec.Security
	Wildcard bool
	Alias    bool     // it has an alias there
	Records  []Record // none where it has an alias, or what it says is bogus
	Serial   uint32   // of its copy of the zone, where HasSerial: asked for where servers differ
	// Skipped: this machine has no way to addresses of the family. It counts for nobody.
	HasSerial, Skipped bool
	// Nowhere: no address of it could be had.
	Nowhere bool
	Trouble dnssec.Trouble
}

// SeenZone is a zone that holds names of a Listing.
type SeenZone struct {
	Apex     string // with the trailing dot
	Security dnssec.Security
	// KeysUntil is when the first of the signatures over the zone's keys (DNSKEY) ends
	// that are needed. Zero where it was not learnt.
	KeysUntil time.Time
	// Lacks and Do are, of a zone that is Insecure, what is missing and what helps, a line
	// for people each; what is in them from the DNS is not made fit for a terminal. Else "".
	Lacks, Do string
}

// said reports whether the server said anything of use.
func (s *SeenServer) said() bool { return !s.Skipped && s.Kind != dnssec.NoAnswer }

// silent reports whether the server said nothing of use, and counts.
func (s *SeenServer) silent() bool { return !s.Skipped && s.Kind == dnssec.NoAnswer }

// same reports whether two servers have the same records, or both none, as good as each other.
func (s *SeenServer) same(o *SeenServer) bool {
	return (s.Kind == dnssec.Positive) == (o.Kind == dnssec.Positive) && s.Security == o.Security && s.Wildcard == o.Wildcard &&
		len(without(s.Records, o.Records)) == 0 && len(without(o.Records, s.Records)) == 0
}

// Has reports whether every server has r there, and verifiers compare it. What proves
// it is another question: see Security. The zero Record is never there.
func (s *SeenSet) Has(r Record) bool {
	return !r.IsZero() && slices.ContainsFunc(s.Records, func(seen SeenRecord) bool { return seen.Usable && seen.Record == r })
}

// Delegated reports whether the name lies in a zone below the subject's domain, which
// verifiers refuse unless they are told otherwise (docs/profile.md §4). An underscored
// name cannot be handed out as a host, so that there it is the owner's own affair.
func (s *SeenSet) Delegated() bool {
	domain := s.Domain + "."
	if s.Form == underscore || s.Form == record.LegacyDID.String() {
		return false
	}
	return s.Zone != "" && s.Zone != domain && dnssec.IsSubdomain(s.Zone, domain)
}

// Says returns what the server says, in words, and how many of the wanted records are
// among what it has.
func (s *SeenServer) Says(wanted []Record) string {
	switch {
	case s.Skipped:
		return "not asked: " + s.Trouble.Text
	case s.Kind == dnssec.NoAnswer:
		if s.Trouble.Text == "" {
			return "no answer"
		}
		return "no answer: " + s.Trouble.Text
	case s.Security == dnssec.Bogus:
		return "bogus: " + s.Trouble.Text
	}
	text := "no record"
	if s.Alias {
		text = "an alias"
	} else if n := len(s.Records); n > 0 {
		text = counted(n, "record")
		if has := len(slices.DeleteFunc(slices.Clone(wanted), func(r Record) bool { return !slices.Contains(s.Records, r) })); len(wanted) == 1 {
			text += map[bool]string{true: " with the key", false: " without the key"}[has == 1]
		} else if len(wanted) > 1 {
			text += fmt.Sprintf(" with %d of the %d keys", has, len(wanted))
		}
	}
	if s.Wildcard {
		text += " from a wildcard"
	}
	if s.Security != dnssec.Secure {
		text += ", " + s.Security.String()
	}
	if s.HasSerial {
		text += fmt.Sprintf(", serial %d", s.Serial)
	}
	return text
}

// counted is a number of things, in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
