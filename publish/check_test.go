package publish_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

const watched = "jwk.cnf.vendor.example."

// theKey, anotherKey and noKey are records of TLSA.
var (
	theKey     = tlsaOf(255, 255, 255, bytes.Repeat([]byte{0x11}, 32))
	anotherKey = tlsaOf(255, 255, 255, bytes.Repeat([]byte{0x22}, 32))
	noKey      = tlsaOf(3, 1, 1, bytes.Repeat([]byte{0x11}, 32))
	seenAt     = time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
)

func tlsaOf(usage, selector, matching byte, data []byte) publish.Record {
	r, err := publish.RecordOf(append([]byte{usage, selector, matching}, data...))
	if err != nil {
		panic(err)
	}
	return r
}

// allRight is a Listing with nothing to say of it: one name, at two servers.
func allRight() publish.Listing {
	at := func(server string) publish.SeenServer {
		return publish.SeenServer{Server: server, Kind: dnssec.Positive, Security: dnssec.Secure, Records: []publish.Record{theKey}}
	}
	return publish.Listing{
		At: seenAt,
		Sets: []publish.SeenSet{{
			Name: watched, Domain: "vendor.example", Method: "jwk", Form: "dotted", Wanted: []publish.Record{theKey},
			Kind: dnssec.Positive, Security: dnssec.Secure, Zone: "vendor.example.",
			Records: []publish.SeenRecord{{Record: theKey, Usable: true, Wanted: true}},
			TTL:     5 * time.Minute, Until: seenAt.Add(10 * 24 * time.Hour),
			Servers: []publish.SeenServer{at("ns1.vendor.example. 192.0.2.1"), at("ns2.vendor.example. 192.0.2.2")},
		}},
		Zones: []publish.SeenZone{{Apex: "vendor.example.", Security: dnssec.Secure, KeysUntil: seenAt.Add(10 * 24 * time.Hour)}},
	}
}

// revocable is a check that the Listing passes.
var revocable = publish.CheckConfig{Revocation: 5 * time.Minute}

// in returns the findings as words.
func in(v publish.Verdict) string {
	var words []string
	for _, f := range v.Findings {
		words = append(words, f.What.String())
	}
	return strings.Join(words, " ")
}

// TestCheck: each row is first all right, then one thing is turned.
func TestCheck(t *testing.T) {
	type set = *publish.SeenSet
	for _, c := range []struct {
		claim string
		turn  func(s set)
		want  publish.Level
		finds string
		text  string // of the first
	}{
		{"a zone that is not signed", func(s set) { s.Security = dnssec.Insecure }, publish.LevelCritical, "insecure", "the zone vendor.example."},
		{"an alias into a zone that is not signed", func(s set) {
			s.Security, s.Aliases = dnssec.Insecure, []string{"jwk.cnf.open.example."}
		}, publish.LevelCritical, "insecure", "jwk.cnf.open.example."},
		{"a zone that is bogus", func(s set) {
			s.Security, s.Records, s.Trouble = dnssec.Bogus, nil, dnssec.Trouble{Text: "a signature expired", Code: 7}
		}, publish.LevelCritical, "bogus", "a signature expired"},
		{"a bogus set is bogus, whatever it is said to hold", func(s set) { s.Security = dnssec.Bogus }, publish.LevelCritical, "bogus", ""},
		{"servers that differ", func(s set) {
			s.Differ, s.Security, s.Kind, s.Records = true, dnssec.Indeterminate, dnssec.NoAnswer, nil
			s.Servers[1].Kind, s.Servers[1].Records = dnssec.NoData, nil
		}, publish.LevelCritical, "servers_differ", "ns1.vendor.example. 192.0.2.1: 1 record with the key; ns2.vendor.example. 192.0.2.2: no record"},
		{"servers that differ, with an answer beside it all the same", func(s set) { s.Differ = true }, publish.LevelCritical, "servers_differ", ""},
		{"servers of the zone above that do not delegate alike", func(s set) {
			s.Differ, s.Kind, s.Security, s.Records = true, dnssec.NoAnswer, dnssec.Indeterminate, nil
			s.Trouble.Text, s.Parents = "they do not delegate alike", []publish.SeenParent{{Server: "a.example. 192.0.2.3", Says: "to ns9.vendor.example., DS none"}}
		}, publish.LevelCritical, "servers_differ", "they do not delegate alike; a.example. 192.0.2.3: to ns9.vendor.example., DS none; ns1.vendor.example. 192.0.2.1: 1 record with the key; ns2"},
		{"verifiers give up", func(s set) {
			s.Kind, s.Security, s.Records = dnssec.NoAnswer, dnssec.Indeterminate, nil
			s.Trouble = dnssec.Trouble{Text: "more than 255 records", Budget: true}
		}, publish.LevelCritical, "too_costly", "more than 255 records"},
		{"no record is there", func(s set) { s.Kind, s.Records, s.Negative = dnssec.NoData, nil, time.Minute },
			publish.LevelCritical, "key_not_published", "no record is there, which caches may know for 1m:"},
		{"another key's record is there", func(s set) {
			s.Records = []publish.SeenRecord{{Record: anotherKey, Usable: true}}
		}, publish.LevelCritical, "key_not_published other_keys", "1 record there, and not the key's: want 255 255 255 1111"},
		{"of two keys one is there", func(s set) { s.Wanted = append(s.Wanted, anotherKey) }, publish.LevelCritical, "key_not_published", "want 255 255 255 2222"},
		{"the key's record is there, and is not usable", func(s set) {
			s.Records[0].Usable, s.Records[0].Why = false, "so it is"
		}, publish.LevelCritical, "key_not_published unusable_record", ""},
		{"no key is wanted, and no record is there", func(s set) { s.Wanted, s.Kind, s.Records = nil, dnssec.NoName, nil },
			publish.LevelCritical, "nothing_published", "no record is there"},
		{"no key is wanted, and no record is usable", func(s set) {
			s.Wanted, s.Records = nil, []publish.SeenRecord{{Record: noKey, Why: "3 1 1"}}
		}, publish.LevelCritical, "nothing_published unusable_record", "1 record there, and none that verifiers can use"},
		{"a signature that ends in under three days", func(s set) { s.Until = seenAt.Add(72*time.Hour - time.Second) },
			publish.LevelWarning, "signature_ends_soon", "ends at 2026-11-25T06:39:59Z, in 72h"},
		{"an unusable record beside the key's", func(s set) {
			s.Records = append(s.Records, publish.SeenRecord{Record: noKey, Why: "it begins with 3 1 1"})
		}, publish.LevelWarning, "unusable_record", "verifiers skip 3 1 1 1111"},
		{"a record beside it that is none", func(s set) {
			s.Records = append(s.Records, publish.SeenRecord{Why: "too short"})
		}, publish.LevelWarning, "unusable_record", "what is no TLSA record"},
		{"a TTL that is too long", func(s set) { s.TTL += time.Second }, publish.LevelWarning, "ttl_too_long", "its TTL is 5m1s"},
		{"cnf is delegated", func(s set) { s.Zone = "cnf.vendor.example." }, publish.LevelWarning, "delegated", "the zone cnf.vendor.example."},
		{"a wildcard", func(s set) { s.Wildcard = true }, publish.LevelWarning, "wildcard", "a wildcard answers"},
		{"nobody could be asked", func(s set) {
			s.Kind, s.Security, s.Records = dnssec.NoAnswer, dnssec.Indeterminate, nil
			s.Trouble = dnssec.Trouble{Text: "timed out", Unreachable: true}
		}, publish.LevelUnknown, "unreachable", "timed out"},
		{"nothing is proven either way", func(s set) { s.Security, s.Records = dnssec.Indeterminate, nil }, publish.LevelUnknown, "indeterminate", "nothing proves it"},
		{"no answer", func(s set) { s.Kind, s.Records = dnssec.NoAnswer, nil }, publish.LevelUnknown, "indeterminate", ""},
		{"a security that nobody knows", func(s set) { s.Security = 77 }, publish.LevelUnknown, "indeterminate", ""},
		{"servers were not asked one by one", func(s set) { s.Unasked = true }, publish.LevelUnknown, "servers_not_asked", "one look-up answered for all"},
		{"a negative trust anchor", func(s set) { s.Overridden, s.Security = true, dnssec.Insecure }, publish.LevelUnknown, "overridden", "negative trust anchor"},
		{"a negative trust anchor over a zone that proves it", func(s set) { s.Overridden = true }, publish.LevelUnknown, "overridden", ""},
		{"keys of others are worth knowing", func(s set) {
			s.Records = append(s.Records, publish.SeenRecord{Record: anotherKey, Usable: true})
		}, publish.LevelOK, "other_keys", "1 record of other keys"},
		{"a server that this machine has no way to", func(s set) {
			s.Servers = append(s.Servers, publish.SeenServer{Server: "ns3. 2001:db8::3", Skipped: true, Trouble: dnssec.Trouble{Text: "network is unreachable"}})
		}, publish.LevelOK, "server_skipped", "ns3. 2001:db8::3: not asked: network is unreachable"},
		{"an unknown thing beside what is critical does not make it better", func(s set) { s.Unasked, s.Security = true, dnssec.Insecure },
			publish.LevelCritical, "insecure servers_not_asked", ""},
		{"an unknown thing beside a warning does not make it better either", func(s set) { s.Unasked, s.Wildcard = true, true },
			publish.LevelUnknown, "servers_not_asked wildcard", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			l := allRight()
			if v := publish.Check(l, revocable); v.Level != publish.LevelOK || len(v.Findings) != 0 {
				t.Fatalf("before: %s: %+v", v.Level, v.Findings)
			}
			c.turn(&l.Sets[0])
			v := publish.Check(l, revocable)
			if v.Level != c.want || in(v) != c.finds {
				t.Fatalf("%s: %s, want %s: %s; %+v", v.Level, in(v), c.want, c.finds, v.Findings)
			}
			f := v.Findings[0]
			if !strings.Contains(f.Text, c.text) || f.Text == "" || f.Name != watched || f.What.Do() == "" {
				t.Errorf("%+v, want %q; what to do: %s", f, c.text, f.What.Do())
			}
		})
	}
}

// TestCheckAllows: what is no reason to say anything.
func TestCheckAllows(t *testing.T) {
	for _, c := range []struct {
		claim string
		turn  func(l *publish.Listing, c *publish.CheckConfig)
	}{
		{"an alias that is proven", func(l *publish.Listing, _ *publish.CheckConfig) { l.Sets[0].Aliases = []string{"key.vendor.example."} }},
		{"an underscored name in a zone of its own: no host can have it", func(l *publish.Listing, _ *publish.CheckConfig) {
			l.Sets[0].Form, l.Sets[0].Zone = "underscore", "_jwk_cnf.vendor.example."
		}},
		{"the legacy name in a zone of its own: no host can have it either", func(l *publish.Listing, _ *publish.CheckConfig) {
			l.Sets[0].Form, l.Sets[0].Zone = "legacy_did", "_did.vendor.example."
		}},
		{"a domain without a zone of its own", func(l *publish.Listing, _ *publish.CheckConfig) { l.Sets[0].Zone = "example." }},
		{"signatures that end in three days to the second", func(l *publish.Listing, _ *publish.CheckConfig) { l.Sets[0].Until = seenAt.Add(72 * time.Hour) }},
		{"any TTL, where no revocation time is wanted", func(l *publish.Listing, c *publish.CheckConfig) {
			l.Sets[0].TTL, c.Revocation = 24*time.Hour, 0
		}},
		{"signatures that end in a second, where none are to be warned of", func(l *publish.Listing, c *publish.CheckConfig) {
			l.Sets[0].Until, l.Zones[0].KeysUntil, c.Within = seenAt.Add(time.Second), seenAt, -1
		}},
		{"a zone of which the keys were not learnt", func(l *publish.Listing, _ *publish.CheckConfig) { l.Zones[0].KeysUntil = time.Time{} }},
		{"no key is wanted, and one is there", func(l *publish.Listing, _ *publish.CheckConfig) { l.Sets[0].Wanted = nil }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			l, config := allRight(), revocable
			c.turn(&l, &config)
			if v := publish.Check(l, config); v.Level != publish.LevelOK || len(v.Findings) != 0 {
				t.Errorf("%s: %+v", v.Level, v.Findings)
			}
		})
	}
}

// TestCheckOfZones: the keys of a zone are what all its names rest on.
func TestCheckOfZones(t *testing.T) {
	l := allRight()
	if v := publish.Check(l, publish.CheckConfig{}); v.Level != publish.LevelOK {
		t.Fatalf("before: %+v", v)
	}
	l.Zones[0].KeysUntil = seenAt.Add(71 * time.Hour)
	v := publish.Check(l, publish.CheckConfig{})
	if v.Level != publish.LevelWarning || in(v) != "signature_ends_soon" || v.Findings[0].Name != "vendor.example." || !strings.Contains(v.Findings[0].Text, "DNSKEY") {
		t.Errorf("%+v", v)
	}
	if v := publish.Check(l, publish.CheckConfig{Within: 70 * time.Hour}); v.Level != publish.LevelOK {
		t.Errorf("with less time wanted: %+v", v)
	}
}

// TestCheckOfSeveralNames: one name that is not as it should be is enough, and the worst comes first.
func TestCheckOfSeveralNames(t *testing.T) {
	l := allRight()
	for _, name := range []string{"1.8.vendor.example.", "5.8.vendor.example."} {
		more := allRight().Sets[0]
		more.Name = name
		l.Sets = append(l.Sets, more)
	}
	if v := publish.Check(l, revocable); v.Level != publish.LevelOK || len(v.Findings) != 0 {
		t.Fatalf("before: %+v", v)
	}
	l.Sets[0].Wildcard = true
	l.Sets[2].Kind, l.Sets[2].Records = dnssec.NoData, nil
	v := publish.Check(l, revocable)
	if v.Level != publish.LevelCritical || in(v) != "key_not_published wildcard" || v.Findings[0].Name != "5.8.vendor.example." || v.Findings[0].Record != theKey {
		t.Errorf("%+v", v)
	}
}

// TestCheckOfNothing: zero values fail closed.
func TestCheckOfNothing(t *testing.T) {
	var v publish.Verdict
	if v.Level != publish.LevelUnknown || v.Level.Exit() != 3 {
		t.Errorf("the zero Verdict is %s, exit code %d", v.Level, v.Level.Exit())
	}
	for claim, l := range map[string]publish.Listing{
		"no Listing": {}, "a Listing of nothing": {At: seenAt}, "a set of which nothing is known": {At: seenAt, Sets: []publish.SeenSet{{}}},
	} {
		if v := publish.Check(l, publish.CheckConfig{}); v.Level != publish.LevelUnknown || len(v.Findings) == 0 {
			t.Errorf("%s: %+v", claim, v)
		}
	}
	var s publish.SeenSet
	if s.Has(publish.Record{}) || s.Has(theKey) {
		t.Error("a set of which nothing is known has a key")
	}
	s.Records = []publish.SeenRecord{{Usable: true}}
	if s.Has(publish.Record{}) {
		t.Error("the zero Record is published")
	}
}

// TestLevels holds the words and the exit codes that monitoring systems know.
func TestLevels(t *testing.T) {
	for level, want := range map[publish.Level]string{
		publish.LevelOK: "ok 0", publish.LevelWarning: "warning 1", publish.LevelCritical: "critical 2", publish.LevelUnknown: "unknown 3", 77: "unknown 3",
	} {
		if got := fmt.Sprint(level, " ", level.Exit()); got != want {
			t.Errorf("%d: %s, want %s", level, got, want)
		}
	}
	var words []string
	for w := publish.Indeterminate; w <= publish.ServerSkipped; w++ {
		if w.String() == "" || w.Do() == "" || slices.Contains(words, w.String()) {
			t.Errorf("%d: %q, %q", w, w, w.Do())
		}
		words = append(words, w.String())
	}
	if w := publish.What(200); w.Level() != publish.LevelUnknown || w.String() != "indeterminate" {
		t.Errorf("what nobody knows is %s, %s", w, w.Level())
	}
}

// TestFindingsOnThePage holds the table of docs/publish.md to the findings that there are.
func TestFindingsOnThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/publish.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	level := ""
	for _, row := range regexp.MustCompile("(?m)^\\| ([a-z]*) ?\\| ([0-3]?) ?\\| `([a-z_]+)` \\| .+ \\|$").FindAllStringSubmatch(string(page), -1) {
		if row[1] != "" {
			level = row[1] + " " + row[2]
		}
		listed = append(listed, level+" "+row[3])
	}
	var all []string
	for w := publish.Indeterminate; w <= publish.ServerSkipped; w++ {
		all = append(all, fmt.Sprintf("%s %d %s", w.Level(), w.Level().Exit(), w))
	}
	slices.Sort(listed)
	slices.Sort(all)
	if !slices.Equal(listed, all) {
		t.Errorf("docs/publish.md has\n%s\nand there are\n%s", strings.Join(listed, "\n"), strings.Join(all, "\n"))
	}
}

// A domain is seen, and judged as a monitoring system would: here by what was seen once.
func ExampleCheck() {
	l := allRight()
	fmt.Println(publish.Check(l, publish.CheckConfig{}).Level)
	l.Sets[0].Security = dnssec.Insecure
	v := publish.Check(l, publish.CheckConfig{Revocation: time.Minute})
	fmt.Println(v.Level, v.Level.Exit())
	for _, f := range v.Findings {
		fmt.Println(f.What.Level(), f.What, f.Name)
	}
	// Output:
	// ok
	// critical 2
	// critical insecure jwk.cnf.vendor.example.
	// warning ttl_too_long jwk.cnf.vendor.example.
}
