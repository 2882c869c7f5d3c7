package publish

import (
	"fmt"
	"slices"
	"time"

	"cnfd/dnssec"
)

// Level is how bad something is, in the words of monitoring systems. The zero value is
// Unknown's: who was not told anything knows nothing.
type Level uint8

const (
	LevelUnknown  Level = iota // the world could not be asked
	LevelOK                    // as it should be, or only worth knowing
	LevelWarning               // it will not stay so, or not everybody confirms
	LevelCritical              // verifiers do not confirm
)

var levelWords = [...]string{LevelUnknown: "unknown", LevelOK: "ok", LevelWarning: "warning", LevelCritical: "critical"}

// String returns the word that --json shows.
func (l Level) String() string {
	if int(l) < len(levelWords) {
		return levelWords[l]
	}
	return levelWords[LevelUnknown]
}

// Exit is the exit code that monitoring systems know the level by: 0 ok, 1 warning, 2
// critical, 3 unknown.
func (l Level) Exit() int {
	if at := slices.Index([]Level{LevelOK, LevelWarning, LevelCritical}, l); at >= 0 {
		return at
	}
	return 3
}

// worse is the worse of two. What is not known may be anything, so that it is worse than
// a warning; what is known to be critical does not become better by it.
func worse(a, b Level) Level {
	for _, l := range []Level{LevelCritical, LevelUnknown, LevelWarning} {
		if a == l || b == l {
			return l
		}
	}
	return LevelOK
}

// Finding is one thing to say of what is published. Its Level is its What's.
type Finding struct {
	What What
	Name string // of the set, or of the zone that it is about; "" where it is about none
	// Record is the one that it is about: of a key that is not published, or one that is
	// not usable. The zero Record where it is about none.
	Record Record
	// Text is one line for people, and Do another: what helps, in more than What.Do knows
	// where there is more to know. What is in them from the DNS is not made fit for a terminal.
	Text, Do string
}

// Verdict is what Check comes to. The zero Verdict is unknown.
type Verdict struct {
	Level    Level
	Findings []Finding // the worst first, then by the order of the sets; those of LevelOK are worth knowing and no more
}

// CheckConfig says what is wanted beside the records themselves. The zero value has no
// wanted revocation time.
type CheckConfig struct {
	// Revocation is the longest that a record taken away may still be believed, which is its
	// TTL. Zero: any.
	Revocation time.Duration
	// Within warns of signatures that end so soon after Listing.At. Default: 72 hours.
	// Negative: of none.
	Within time.Duration
}

const defaultWithin = 72 * time.Hour

// Check judges what List saw. It is pure: the time is the Listing's. Every name of the
// Listing has to hold every key that is wanted there, and where none is wanted, a record
// that verifiers can use.
func Check(l Listing, c CheckConfig) Verdict {
	if c.Within == 0 {
		c.Within = defaultWithin
	}
	j := judgement{CheckConfig: c, at: l.At, zones: l.Zones}
	for i := range l.Sets {
		j.set(&l.Sets[i])
	}
	for i := range l.Zones {
		j.zone(&l.Zones[i])
	}
	if len(l.Sets) == 0 {
		j.find(Indeterminate, "", "no name was asked about")
	}
	v := Verdict{Level: LevelOK, Findings: j.found}
	for _, f := range v.Findings {
		v.Level = worse(v.Level, f.What.Level())
	}
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return a.What.Level().rank() - b.What.Level().rank() })
	return v
}

// rank orders levels, the worst first.
func (l Level) rank() int {
	return slices.Index([]Level{LevelCritical, LevelUnknown, LevelWarning, LevelOK}, l)
}

// judgement collects what is found.
type judgement struct {
	CheckConfig
	at    time.Time
	zones []SeenZone
	found []Finding
}

func (j *judgement) find(w What, name, format string, args ...any) {
	j.found = append(j.found, Finding{What: w, Name: name, Text: fmt.Sprintf(format, args...), Do: w.Do()})
}

// advise puts what helps, where it is known, in the place of what the last thing found
// says by itself.
func (j *judgement) advise(do string) {
	if do != "" {
		j.found[len(j.found)-1].Do = do
	}
}

// about is find for one record.
func (j *judgement) about(r Record, w What, name, format string, args ...any) {
	j.find(w, name, format, args...)
	j.found[len(j.found)-1].Record = r
}

// set judges one name: first whether anything is known of it, in the order of
// docs/profile.md §5, then what that is.
func (j *judgement) set(s *SeenSet) {
	switch {
	case s.Trouble.Budget:
		j.find(TooCostly, s.Name, "verifiers give up: %s", s.Trouble.Text)
	case s.Trouble.Unreachable && s.Trouble.Lame:
		j.find(NotReached, s.Name, "no server has the zone that should: %s", s.Trouble.Text)
		j.advise(atLame)
	case s.Trouble.Unreachable:
		j.find(NotReached, s.Name, "no server could be asked: %s", s.Trouble.Text)
	case s.Security == dnssec.Bogus:
		j.find(Bogus, s.Name, "%s", orElse(s.Trouble.Text, "what should prove it does not hold"))
		if s.Trouble.Anchor {
			j.advise(atAnchor)
		}
	case s.Differ:
		j.find(ServersDiffer, s.Name, "%s", differing(s))
		j.advise(s.mend())
	case s.Kind == dnssec.NoAnswer || s.Security != dnssec.Secure && s.Security != dnssec.Insecure:
		j.find(Indeterminate, s.Name, "%s", orElse(s.Trouble.Text, "nothing proves it, or that it may be unsigned"))
	default:
		j.known(s)
	}
}

// known judges a name of which something is known.
func (j *judgement) known(s *SeenSet) {
	if s.Unasked {
		j.find(ServersNotAsked, s.Name, "one look-up answered for all: %s", orElse(s.Trouble.Text, "its servers could not be asked one by one"))
	}
	switch {
	case s.Overridden:
		j.find(Overridden, s.Name, "a negative trust anchor of this configuration covers it: whether it is proven elsewhere is not known")
	case s.Security == dnssec.Insecure && len(s.Aliases) > 0:
		j.find(Insecure, s.Name, "nothing proves it, or what its alias leads to, %s%s", s.Aliases[len(s.Aliases)-1], because(s.Trouble.Text))
	case s.Security == dnssec.Insecure:
		lacks, do := j.lacking(s.Zone)
		j.find(Insecure, s.Name, "nothing proves what the zone %s says of it%s%s", s.Zone, because(lacks), because(s.Trouble.Text))
		j.advise(do)
	}
	j.keys(s)
	if s.Delegated() {
		j.find(DelegatedName, s.Name, "it lies in the zone %s, to which %s delegates: verifiers refuse it unless they are told otherwise", s.Zone, s.Domain)
	}
	if s.Wildcard {
		j.find(FromWildcard, s.Name, "a wildcard answers in its place: verifiers refuse it unless they are told otherwise")
	}
	j.records(s)
}

// lacking is what was seen to be missing in a zone that is not proven, and what helps.
func (j *judgement) lacking(apex string) (lacks, do string) {
	for _, z := range j.zones {
		if z.Apex == apex {
			return z.Lacks, z.Do
		}
	}
	return "", ""
}

// keys judges whether what is wanted is there.
func (j *judgement) keys(s *SeenSet) {
	usable := 0
	others := 0
	for _, r := range s.Records {
		if r.Usable {
			usable++
			if !r.Wanted {
				others++
			}
		}
	}
	there := "no record is there"
	if len(s.Records) > 0 {
		there = counted(len(s.Records), "record") + " there, and not the key's"
	} else if s.Negative > 0 {
		there += ", which caches may know for " + brief(s.Negative)
	}
	for _, w := range s.Wanted {
		if !s.Has(w) {
			j.about(w, KeyNotPublished, s.Name, "%s: want %s", there, short(w))
		}
	}
	switch {
	case len(s.Wanted) == 0 && len(s.Records) > 0 && usable == 0:
		j.find(NothingPublished, s.Name, "%s there, and none that verifiers can use", counted(len(s.Records), "record"))
	case len(s.Wanted) == 0 && usable == 0:
		j.find(NothingPublished, s.Name, "%s", there)
	case len(s.Wanted) > 0 && others > 0:
		j.find(OtherKeys, s.Name, "%s of other keys", counted(others, "record"))
	}
	for i := range s.Servers {
		if v := &s.Servers[i]; v.Skipped {
			j.find(ServerSkipped, s.Name, "%s: %s", v.Server, v.Says(s.Wanted))
		}
	}
}

// records judges what else there is to say of the records that are there.
func (j *judgement) records(s *SeenSet) {
	if len(s.Records) == 0 {
		return
	}
	for _, r := range s.Records {
		if !r.Usable {
			j.about(r.Record, UnusableRecord, s.Name, "verifiers skip %s: %s", short(r.Record), r.Why)
		}
	}
	if j.Revocation > 0 && s.TTL > j.Revocation {
		j.find(TTLTooLong, s.Name, "its TTL is %s: a record taken away may be believed for so long, and %s is wanted", brief(s.TTL), brief(j.Revocation))
	}
	j.ending(s.Name, "the first of its signatures", s.Until)
}

// zone judges what all names of a zone rest on.
func (j *judgement) zone(z *SeenZone) {
	j.ending(z.Apex, "the first of the signatures over its keys (DNSKEY)", z.KeysUntil)
}

func (j *judgement) ending(name, what string, end time.Time) {
	if end.IsZero() || j.Within < 0 || end.Sub(j.at) >= j.Within {
		return
	}
	j.find(SignatureEndsSoon, name, "%s ends at %s, in %s", what, end.UTC().Format(time.RFC3339), brief(end.Sub(j.at).Round(time.Minute)))
}
