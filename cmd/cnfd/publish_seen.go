package main

import (
	"fmt"
	"slices"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"

	"github.com/spf13/cobra"
)

// listDoc is what `publish list --json` prints, and a part of what `publish check --json`
// does. Times are RFC 3339 in UTC, TTLs are seconds. What is empty is left out, but for
// lists and for what decides: sets, records, servers, zones, usable.
type listDoc struct {
	Subject string        `json:"subject"`
	Domain  string        `json:"domain"`
	At      string        `json:"at"`
	Sets    []seenSetDoc  `json:"sets"`  // one a name
	Zones   []seenZoneDoc `json:"zones"` // that hold the names
	Testing bool          `json:"testing,omitempty"`
}

// seenSetDoc is one name and what is there.
type seenSetDoc struct {
	Name            string          `json:"name"`
	Method          string          `json:"method"`
	Form            string          `json:"form"`
	State           string          `json:"state"`    // present, absent, unknown: bogus, servers differ, nothing learnt
	Security        string          `json:"security"` // secure, insecure, bogus, indeterminate
	Zone            string          `json:"zone,omitempty"`
	Delegated       bool            `json:"delegated,omitempty"` // the zone lies below the subject's domain
	Wildcard        bool            `json:"wildcard,omitempty"`
	Aliases         []string        `json:"aliases,omitempty"`
	TTL             int64           `json:"ttl,omitempty"`          // the longest of any server
	NegativeTTL     int64           `json:"negative_ttl,omitempty"` // of the absence
	SignaturesUntil string          `json:"signatures_until,omitempty"`
	ServersDiffer   bool            `json:"servers_differ,omitempty"`
	ServersNotAsked bool            `json:"servers_not_asked,omitempty"`
	Trouble         string          `json:"trouble,omitempty"`
	Records         []seenRecordDoc `json:"records"`
	// SomeSilent: servers differ only in that some say nothing; heard are the records of the others.
	SomeSilent bool            `json:"some_silent,omitempty"`
	Heard      []seenRecordDoc `json:"heard,omitempty"`
	Servers    []seenServerDoc `json:"servers"`
	Parents    []seenParentDoc `json:"parents,omitempty"` // of the zone above, where they do not all delegate alike
}

// seenParentDoc is one address of a server of the zone above.
type seenParentDoc struct {
	Server string `json:"server"`
	Says   string `json:"says"` // for people
}

// seenRecordDoc is one record of a set.
type seenRecordDoc struct {
	Record string   `json:"record"` // "255 255 255 80D5…", without name and TTL
	Usable bool     `json:"usable"`
	Why    string   `json:"why,omitempty"`  // it is not usable
	Keys   []string `json:"keys,omitempty"` // of the given ones those that it vouches for
}

// seenServerDoc is one address of a name server.
type seenServerDoc struct {
	Server  string   `json:"server"` // name and address
	Says    string   `json:"says"`   // for people
	Records []string `json:"records,omitempty"`
	Serial  *uint32  `json:"serial,omitempty"` // where servers differ
	Skipped bool     `json:"skipped,omitempty"`
	Silent  bool     `json:"silent,omitempty"` // it said nothing of use
}

// seenZoneDoc is one zone.
type seenZoneDoc struct {
	Zone      string `json:"zone"`
	Security  string `json:"security"`
	KeysUntil string `json:"keys_until,omitempty"` // the end of the first signature over its DNSKEY
	Lacks     string `json:"lacks,omitempty"`      // why it is insecure, for people
	Do        string `json:"do,omitempty"`         // and what helps
}

// givenKey is a key that is looked for, and what to call it.
type givenKey struct {
	label string
	keyfile.Entry
}

// readKeys reads every key of the files.
func readKeys(cmd *cobra.Command, files []string) ([]givenKey, error) {
	var all []givenKey
	for _, file := range files {
		b, err := readInput(cmd, []string{file}, maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		entries, err := keyfile.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		for i, e := range entries {
			label := file
			if len(entries) > 1 {
				label = fmt.Sprintf("%s #%d", file, i+1)
			}
			switch {
			case e.Err != nil:
				return nil, fmt.Errorf("--key: %s: %w", label, e.Err)
			case e.Key.Symmetric():
				return nil, fmt.Errorf("--key: %s: a symmetric key: with its thumbprint published, anybody could try guesses at it", label)
			}
			all = append(all, givenKey{label, e})
		}
	}
	return all, nil
}

// recordOf is the record that vouches for the key where credentials use a method; the
// zero Record where there is none.
func (k *givenKey) recordOf(m thumbprint.Method) (publish.Record, error) {
	if m == thumbprint.MethodTBH {
		return publish.Record{}, nil // it names a Token Binding, of which there is none in a key file
	}
	t := (&keyPrinter{hash: thumbprint.SHA256}).published(k.Entry, m)
	if t.IsZero() {
		return publish.Record{}, nil
	}
	return publish.RecordOf(record.RDATA(t))
}

// sought are names with the keys to look for there, and what records are called.
type sought struct {
	domain  string
	entries []publish.Entry
	labels  map[publish.Record][]string
}

// seek makes an entry of each name and each key. every: a key without a record for one
// of the methods is an error.
func seek(domain string, owners []owner, keys []givenKey, every bool) (sought, error) {
	s := sought{domain: domain, labels: map[publish.Record][]string{}}
	for _, at := range owners {
		e := publish.Entry{Name: at.name, Domain: domain, Method: at.method.String(), Form: at.form.String()}
		if len(keys) == 0 {
			s.entries = append(s.entries, e)
		}
		for i := range keys {
			r, err := keys[i].recordOf(at.method)
			if err == nil && r.IsZero() && every {
				err = fmt.Errorf("it has none for the method %s", at.method)
			}
			if err != nil {
				return s, fmt.Errorf("--key: %s: %w", keys[i].label, err)
			}
			if e.Record = r; !r.IsZero() && !slices.Contains(s.labels[r], keys[i].label) {
				s.labels[r] = append(s.labels[r], keys[i].label)
			}
			s.entries = append(s.entries, e)
		}
	}
	return s, nil
}

func (s *sought) doc(subject string, l *publish.Listing, testing bool) listDoc {
	d := listDoc{Subject: subject, Domain: s.domain, At: stamp(l.At), Sets: []seenSetDoc{}, Zones: []seenZoneDoc{}, Testing: testing}
	for i := range l.Sets {
		d.Sets = append(d.Sets, s.set(&l.Sets[i]))
	}
	for _, z := range l.Zones {
		d.Zones = append(d.Zones, seenZoneDoc{Zone: z.Apex, Security: z.Security.String(), KeysUntil: stamp(z.KeysUntil), Lacks: z.Lacks, Do: z.Do})
	}
	return d
}

func (s *sought) set(seen *publish.SeenSet) seenSetDoc {
	d := seenSetDoc{
		Name: seen.Name, Method: seen.Method, Form: seen.Form,
		State: stateOfSet(seen), Security: seen.Security.String(), Zone: seen.Zone,
		Delegated: seen.Delegated(), Wildcard: seen.Wildcard, Aliases: seen.Aliases,
		TTL: int64(seen.TTL / time.Second), NegativeTTL: int64(seen.Negative / time.Second), SignaturesUntil: stamp(seen.Until),
		ServersDiffer: seen.Differ, ServersNotAsked: seen.Unasked, Trouble: seen.Trouble.Text,
		Records: []seenRecordDoc{}, Servers: []seenServerDoc{}, SomeSilent: seen.Partly,
	}
	for _, r := range seen.Records {
		d.Records = append(d.Records, s.record(r))
	}
	for _, r := range seen.Heard {
		d.Heard = append(d.Heard, s.record(r))
	}
	for i := range seen.Servers {
		v := &seen.Servers[i]
		one := seenServerDoc{Server: v.Server, Says: v.Says(seen.Wanted), Skipped: v.Skipped, Silent: !v.Skipped && v.Kind == dnssec.NoAnswer}
		if v.HasSerial {
			one.Serial = &v.Serial
		}
		for _, r := range v.Records {
			one.Records = append(one.Records, r.String())
		}
		d.Servers = append(d.Servers, one)
	}
	for _, p := range seen.Parents {
		d.Parents = append(d.Parents, seenParentDoc(p))
	}
	return d
}

func (s *sought) record(r publish.SeenRecord) seenRecordDoc {
	d := seenRecordDoc{Record: r.Record.String(), Usable: r.Usable, Why: r.Why}
	if r.Wanted {
		d.Keys = s.labels[r.Record]
	}
	return d
}

const (
	statePresent = "present"
	stateAbsent  = "absent"
	stateUnknown = "unknown"
)

func stateOfSet(s *publish.SeenSet) string {
	switch {
	case s.Differ, s.Security != dnssec.Secure && s.Security != dnssec.Insecure:
		return stateUnknown
	case s.Kind == dnssec.Positive:
		return statePresent
	case s.Kind == dnssec.NoData, s.Kind == dnssec.NoName:
		return stateAbsent
	}
	return stateUnknown
}
