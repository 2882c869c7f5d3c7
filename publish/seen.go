package publish

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
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
	Servers []SeenServer // of the zone where aliases end
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
	Trouble            dnssec.Trouble
}

// SeenZone is a zone that holds names of a Listing.
type SeenZone struct {
	Apex     string // with the trailing dot
	Security dnssec.Security
	// KeysUntil is when the first of the signatures over the zone's keys (DNSKEY) ends
	// that are needed. Zero where it was not learnt.
	KeysUntil time.Time
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
	return s.Form != underscore && s.Zone != "" && s.Zone != domain && dnssec.IsSubdomain(s.Zone, domain)
}

// see makes a SeenSet of what was answered. s has what is known from the entries.
func see(s SeenSet, e *dnssec.Each, now time.Time) SeenSet {
	if e == nil || e.Answer == nil {
		s.Trouble.Text = "nothing was answered"
		return s
	}
	s.Differ, s.Unasked = e.Differ, e.Forwarded
	a := e.Answer
	s.take(a)
	if !s.Unasked {
		s.Negative = negativeIn(a)
	}
	for i := range e.Hops {
		h := &e.Hops[i]
		if i == 0 && s.Zone == "" {
			s.Zone = h.Zone
		}
		if i > 0 {
			s.Aliases = append(s.Aliases, h.Name)
		}
		last := i == len(e.Hops)-1
		for j := range h.Servers {
			from := &h.Servers[j]
			s.Until = earlier(s.Until, signaturesEnd(from.Answer, now))
			if last {
				s.Servers = append(s.Servers, seeServer(from))
				s.TTL = max(s.TTL, ttlIn(from.Answer))
			}
		}
	}
	return s
}

// seeLookup puts what one validating lookup said in the place of what servers could not
// be asked for.
func seeLookup(s SeenSet, a *dnssec.Answer, now time.Time) SeenSet {
	why := s.Trouble
	s.Unasked, s.Differ = true, false
	s.take(a)
	if s.Trouble.Text == "" {
		s.Trouble.Text = why.Text
	}
	s.TTL, s.Negative, s.Until = ttlIn(a), negativeIn(a), signaturesEnd(a, now)
	return s
}

// take copies what an answer says, where it is one to this name and its parts agree.
func (s *SeenSet) take(a *dnssec.Answer) {
	s.Kind, s.Security, s.Wildcard, s.Overridden, s.Trouble, s.Records = dnssec.NoAnswer, dnssec.Indeterminate, false, false, dnssec.Trouble{}, nil
	if a == nil {
		s.Trouble.Text = "nothing was answered"
		return
	}
	s.Trouble = a.Trouble
	if a.Zone != "" && dnssec.IsSubdomain(s.Name, a.Zone) {
		s.Zone = a.Zone
	}
	known := a.Security == dnssec.Secure || a.Security == dnssec.Insecure
	switch {
	case a.Name != s.Name, a.Type != dnssec.TypeTLSA,
		known && a.Kind != dnssec.NoAnswer && (a.Zone == "" || s.Zone != a.Zone),
		known && (a.Kind == dnssec.Positive) != (len(a.Data) > 0):
		s.Trouble.Text = "what was answered is no answer to this question"
		return
	}
	s.Kind, s.Security, s.Wildcard, s.Overridden = a.Kind, a.Security, a.Wildcard, a.Overridden
	if a.Security == dnssec.Bogus {
		return // records that prove to be false are nobody's
	}
	for _, data := range a.Data {
		s.Records = append(s.Records, s.seeRecord(data))
	}
}

func (s *SeenSet) seeRecord(data []byte) SeenRecord {
	r, err := RecordOf(data)
	if err != nil {
		return SeenRecord{Why: err.Error()}
	}
	why := unusable(s.Method, r)
	return SeenRecord{Record: r, Usable: why == "", Why: why, Wanted: why == "" && slices.Contains(s.Wanted, r)}
}

// unusable says why verifiers skip a record; "" where they compare it. Data of 48 or 64
// octets they compare where the credential itself names such a hash, which only one with
// a thumbprint URI does: kid, and 3 (docs/profile.md §2, §3).
func unusable(method string, r Record) string {
	usage, selector, matching, data := r.Fields()
	byURI := method == "kid" || method == "3"
	switch {
	case usage != 255 || selector != 255 || matching != 255:
		return fmt.Sprintf("it begins with %d %d %d, want 255 255 255", usage, selector, matching)
	case len(data) == 32, byURI && (len(data) == 48 || len(data) == 64):
		return ""
	case byURI:
		return fmt.Sprintf("it has %d octets of data, want 32, 48 or 64", len(data))
	}
	return fmt.Sprintf("it has %d octets of data, want 32", len(data))
}

func seeServer(from *dnssec.Server) SeenServer {
	s := SeenServer{
		Server: from.Name, Serial: from.Serial, HasSerial: from.HasSerial,
		Skipped: from.Skipped, Trouble: from.Trouble,
	}
	if from.Address.IsValid() {
		s.Server += " " + from.Address.String()
	}
	a := from.Answer
	if a == nil {
		return s
	}
	s.Kind, s.Security, s.Wildcard = a.Kind, a.Security, a.Wildcard
	s.Alias = a.Kind == dnssec.Positive && len(a.Data) == 0 && a.Security != dnssec.Bogus
	if a.Security == dnssec.Bogus {
		return s
	}
	for _, data := range a.Data {
		if r, err := RecordOf(data); err == nil {
			s.Records = append(s.Records, r)
		}
	}
	return s
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

// ttlIn is the longest TTL of an answer's TLSA records; zero where it has none, or they
// are not what the zone holds. What a cache has counted down stands whole in the
// signature (RFC 4034 §3.1.4).
func ttlIn(a *dnssec.Answer) (ttl time.Duration) {
	if a == nil || a.Security == dnssec.Bogus {
		return 0
	}
	for _, rr := range a.AnswerSection.RRs() {
		seconds := uint32(0)
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == dns.TypeTLSA {
			seconds = sig.OrigTtl
		} else if rr.Header().Rrtype == dns.TypeTLSA {
			seconds = rr.Header().Ttl
		}
		ttl = max(ttl, time.Duration(seconds)*time.Second)
	}
	return ttl
}

// negativeIn is how long an answer's absence may be cached, where it says so.
func negativeIn(a *dnssec.Answer) time.Duration {
	if a == nil || a.Security == dnssec.Bogus || a.Kind != dnssec.NoData && a.Kind != dnssec.NoName {
		return 0
	}
	for _, rr := range a.AuthoritySection.RRs() {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}

// signaturesEnd is when the first of the signatures ends that an answer needs. Of
// several by keys of one algorithm the last is enough; of several algorithms each may be
// the only one that a validator knows (RFC 6840 §5.11). Zero where there is none.
func signaturesEnd(a *dnssec.Answer, now time.Time) (end time.Time) {
	type over struct {
		name      string
		covered   uint16
		algorithm uint8
	}
	if a == nil || a.Security == dnssec.Bogus {
		return end
	}
	last := map[over]time.Time{}
	for _, rr := range slices.Concat(a.AnswerSection, a.AuthoritySection).RRs() {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		o := over{strings.ToLower(sig.Hdr.Name), sig.TypeCovered, sig.Algorithm}
		// The time is one of 32 bits, nearest to now (RFC 4034 §3.1.5).
		until := time.Unix(now.Unix()+int64(int32(sig.Expiration-uint32(now.Unix()))), 0).UTC()
		if known, ok := last[o]; !ok || until.After(known) {
			last[o] = until
		}
	}
	for _, until := range last {
		end = earlier(end, until)
	}
	return end
}

// earlier is the first of two times, of which the zero Time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
