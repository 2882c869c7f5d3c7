package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

// listed is a Listing with something of everything that can be seen.
func listed(t *testing.T) (*sought, *publish.Listing) {
	t.Helper()
	rec := func(text string) publish.Record {
		r, err := publish.ParseRecord(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	key, next := rec("255 255 255 "+strings.Repeat("11", 32)), rec("255 255 255 "+strings.Repeat("22", 32))
	odd := rec("3 1 1 " + strings.Repeat("33", 32))
	at := time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	one, two, three := "ns1.vendor.example. 192.0.2.1", "ns2.vendor.example. 192.0.2.2", "ns2.vendor.example. 2001:db8::2"
	server := func(name string, k dnssec.Kind, records ...publish.Record) publish.SeenServer {
		return publish.SeenServer{Server: name, Kind: k, Security: dnssec.Secure, Records: records}
	}
	numbered := func(s publish.SeenServer, serial uint32) publish.SeenServer {
		s.Serial, s.HasSerial = serial, true
		return s
	}
	set := func(name, method, form string, f func(*publish.SeenSet)) publish.SeenSet {
		s := publish.SeenSet{
			Name: name, Domain: "vendor.example", Method: method, Form: form, Wanted: []publish.Record{key, next}, Zone: "vendor.example.",
			Security: dnssec.Secure, Servers: []publish.SeenServer{server(one, dnssec.NoData), server(two, dnssec.NoData)},
		}
		f(&s)
		return s
	}
	l := &publish.Listing{At: at, Zones: []publish.SeenZone{{Apex: "vendor.example.", Security: dnssec.Secure, KeysUntil: at.Add(48 * time.Hour)}}}
	l.Sets = []publish.SeenSet{
		set("jwk.cnf.vendor.example.", "jwk", "dotted", func(s *publish.SeenSet) {
			s.Kind, s.TTL, s.Until = dnssec.Positive, 5*time.Minute, at.Add(240*time.Hour)
			s.Records = []publish.SeenRecord{{Record: key, Usable: true, Wanted: true}, {Record: odd, Why: "it begins with 3 1 1, want 255 255 255"}}
			s.Servers = []publish.SeenServer{server(one, dnssec.Positive, key, odd), server(two, dnssec.Positive, key, odd),
				{Server: three, Skipped: true, Trouble: dnssec.Trouble{Text: "network is unreachable"}}}
		}),
		set("_jwk_cnf.vendor.example.", "jwk", "underscore", func(s *publish.SeenSet) {
			s.Kind, s.Negative, s.Until = dnssec.NoName, time.Minute, at.Add(240*time.Hour)
		}),
		set("1.8.vendor.example.", "1", "dotted", func(s *publish.SeenSet) {
			s.Security, s.Differ, s.TTL, s.Trouble.Text = dnssec.Indeterminate, true, time.Minute, "the servers do not all say the same"
			s.Servers = []publish.SeenServer{numbered(server(one, dnssec.Positive, key, next), 7), numbered(server(two, dnssec.NoData), 6)}
			s.Parents = []publish.SeenParent{{Server: "a.example. 192.0.2.3", Says: "to ns1.vendor.example."}}
		}),
		set("5.8.vendor.example.", "5", "dotted", func(s *publish.SeenSet) {
			s.Kind, s.Wildcard, s.TTL, s.Aliases = dnssec.Positive, true, 10*time.Minute, []string{"key.vendor.example."}
			s.Zone = "8.vendor.example."
			s.Records = []publish.SeenRecord{{Record: key, Usable: true, Wanted: true}, {Record: next, Usable: true, Wanted: true}}
			s.Servers = []publish.SeenServer{server(one, dnssec.Positive, key, next)}
		}),
		set("323.8.vendor.example.", "323", "dotted", func(s *publish.SeenSet) {
			s.Security, s.Kind, s.Trouble.Text, s.Servers = dnssec.Bogus, dnssec.Positive, "a signature\x1b[31m | expired", nil
		}),
		set("2.8.vendor.example.", "2", "dotted", func(s *publish.SeenSet) {
			s.Security, s.Kind, s.Unasked, s.Servers = dnssec.Insecure, dnssec.Positive, true, nil
			s.Records = []publish.SeenRecord{{Record: next, Usable: true, Wanted: true}}
		}),
	}
	return &sought{domain: "vendor.example", labels: map[publish.Record][]string{key: {"key.jwk"}, next: {"next.jwk", "also.pem"}}}, l
}

// TestPublishGolden holds what is printed, for people and for programs, to the letter: programs
// are written against it.
func TestPublishGolden(t *testing.T) {
	s, l := listed(t)
	v := publish.Check(*l, publish.CheckConfig{Revocation: 5 * time.Minute})
	list := s.doc("https://vendor.example", l, true)
	check := s.checkDoc(&v, list)
	fine := *l
	fine.Sets = []publish.SeenSet{l.Sets[0]}
	fine.Sets[0].Records, fine.Sets[0].Wanted, fine.Zones[0].KeysUntil = fine.Sets[0].Records[:1], fine.Sets[0].Wanted[:1], time.Time{}
	good := publish.Check(fine, publish.CheckConfig{})
	for file, write := range map[string]func(*bytes.Buffer){
		"list.json":  func(b *bytes.Buffer) { printJSON(b, list) },
		"list.txt":   func(b *bytes.Buffer) { list.print(b) },
		"check.json": func(b *bytes.Buffer) { printJSON(b, check) },
		"check.txt":  func(b *bytes.Buffer) { check.print(b) },
		"ok.txt": func(b *bytes.Buffer) {
			doc := s.checkDoc(&good, s.doc("https://vendor.example", &fine, false))
			doc.print(b)
		},
	} {
		var got bytes.Buffer
		write(&got)
		text := got.Bytes()
		if strings.HasSuffix(file, ".json") {
			var indented bytes.Buffer
			if err := json.Indent(&indented, text, "", " "); err != nil {
				t.Fatal(err)
			}
			text = indented.Bytes()
		}
		path := filepath.Join("testdata", "publish", file)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s: it prints\n%s", path, text)
		}
		if bytes.Contains(text, []byte("\x1b")) || strings.HasPrefix(file, "check.txt") && bytes.Contains(text, []byte("|")) {
			t.Errorf("%s: control characters, or a bar", path)
		}
	}
}

// TestNothingLearnt: a list of nothing looks like a domain that publishes nothing.
func TestNothingLearnt(t *testing.T) {
	unknown := seenSetDoc{State: stateUnknown, Security: "indeterminate", Trouble: "timed out"}
	absent := seenSetDoc{State: stateAbsent, Security: "secure"}
	bogus := seenSetDoc{State: stateUnknown, Security: "bogus"}
	differ := seenSetDoc{State: stateUnknown, Security: "indeterminate", ServersDiffer: true}
	for claim, c := range map[string]struct {
		sets []seenSetDoc
		err  bool
	}{
		"a name without a record":          {[]seenSetDoc{absent}, false},
		"nobody said anything":             {[]seenSetDoc{unknown, unknown}, true},
		"of one name something was learnt": {[]seenSetDoc{unknown, absent}, false},
		"what was said is bogus":           {[]seenSetDoc{unknown, bogus}, false},
		"servers said things that differ":  {[]seenSetDoc{unknown, differ}, false},
	} {
		if err := (&listDoc{Domain: "vendor.example", Sets: c.sets}).nothingLearnt(); (err != nil) != c.err {
			t.Errorf("%s: %v", claim, err)
		}
	}
}
