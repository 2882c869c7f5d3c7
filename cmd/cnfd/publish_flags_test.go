package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/publish"
)

// TestOnce: the first value is taken, and a second is an error, also where it is the same.
func TestOnce(t *testing.T) {
	var key string
	f := &once{value: &key, what: "key"}
	if err := f.Set("a"); err != nil || key != "a" || f.String() != "a" {
		t.Fatalf("%v, %q", err, key)
	}
	for _, second := range []string{"b", "a", ""} {
		if err := f.Set(second); err == nil || err.Error() != "given twice: call this once for each key" || key != "a" {
			t.Errorf("%q: %v, %q", second, err, key)
		}
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"300": 5 * time.Minute, "5m": 5 * time.Minute, "0": 0, "1h30m": 90 * time.Minute, "86400": 24 * time.Hour, "1000ms": time.Second,
		"-5m": -5 * time.Minute, // whole, and refused by its range
		"":    -1, "5": 5 * time.Second, "1500ms": -1, "5 m": -1, "m": -1, "-5": -1, "0x10": -1, "99999999999": -1,
	} {
		got := time.Duration(-1)
		if err := (seconds{&got}).Set(text); (err == nil) != (want != -1) || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "1h", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 5 * time.Minute: "5m", time.Hour + time.Second: "1h0m1s", 10 * time.Second: "10s"} {
		if got := plainly(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestTimesOfAnotherDay have their date, in UTC wherever one is.
func TestTimesOfAnotherDay(t *testing.T) {
	now := time.Date(2026, 11, 22, 21, 9, 53, 0, time.UTC)
	east := time.FixedZone("", 3*3600) // where it is tomorrow already
	for at, want := range map[time.Time]string{
		now.Add(time.Minute):                        "21:10:53 UTC",
		now.Add(time.Minute).In(east):               "21:10:53 UTC",
		now.Add(24*time.Hour + time.Second):         "2026-11-23 21:09:54 UTC",
		now.Add(3 * time.Hour):                      "2026-11-23 00:09:53 UTC",
		time.Date(2027, 11, 22, 22, 0, 0, 0, east):  "2027-11-22 19:00:00 UTC",
		time.Date(2026, 11, 23, 2, 59, 59, 0, east): "23:59:59 UTC",
	} {
		if got := untilWord(at, now); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
}

// TestFirstLine is what an operator reads first, of a removal and of what was printed.
func TestFirstLine(t *testing.T) {
	const name = "jwk.cnf.vendor.example."
	ours, theirs, more := tlsa(t, "255 255 255 AA"), tlsa(t, "3 1 1 BB"), tlsa(t, "3 1 1 CC")
	set := func(records ...publish.Record) publish.Set {
		return publish.Set{Name: name, TTL: time.Minute, Records: records}
	}
	report := func(before, after publish.Set, written bool) *publish.Report {
		return &publish.Report{Sets: []publish.SetReport{{
			Entry: publish.Entry{Name: name, Record: ours}, Change: publish.Change{Name: name, Before: before, After: after},
			Written: written, Served: true, Proven: true, Security: dnssec.Secure,
		}}}
	}
	none := publish.Set{Name: name}
	for _, tt := range []struct {
		claim   string
		command string
		printed bool
		report  *publish.Report
		code    int
		want    string
		absent  bool
	}{
		{"the key was there", "remove", false, report(set(ours, theirs), set(theirs), true), 0, "withdrawn, and proven", false},
		{"it was not, and one of another key is", "remove", false, report(set(theirs), set(theirs), false), 0,
			"this key is not published here: 1 record of another key stays (is it the right file?)", true},
		{"it was not, and two are", "remove", false, report(set(theirs, more), set(theirs, more), false), 0,
			"this key is not published here: 2 records of other keys stay (is it the right file?)", true},
		{"nothing is there", "remove", false, report(none, none, false), 0, "nothing is published here: nothing was written", true},
		{"what is not proven is not known", "remove", false, report(none, none, false), 1, "not proven: nothing was written now", false},
		{"an addition that was there", "add", false, report(set(ours), set(ours), false), 0, "published before, and proven: nothing was written", false},
		{"printed, and somebody has written it", "add", true, report(set(ours), set(ours), false), 0, "printed, and proven", false},
		{"printed, to be taken away", "remove", true, report(none, none, false), 0, "printed, and proven", false},
		{"printed, and nobody has", "add", true, report(set(ours), set(ours), false), 1, "printed, and not proven", false},
	} {
		d := publishDoc{Command: tt.command, printed: tt.printed}
		if got := d.outcome(tt.report, tt.code); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
		if got := d.absent(tt.report, tt.code); got != tt.absent {
			t.Errorf("%s: absent %t", tt.claim, got)
		}
	}
}

// TestWrittenWord: what was read back and is something else is never told to be right.
func TestWrittenWord(t *testing.T) {
	const name, right = "jwk.cnf.vendor.example.", "yes, and read back octet by octet"
	const wrong = "accepted; what stands there is not what was written"
	mangled := &publish.Error{Kind: publish.Mangled, Where: name, What: "what ovh holds is not what was written: it lacks 255 255 255 AA"}
	elsewhere := &publish.Error{Kind: publish.Mangled, Where: "1.8.vendor.example."}
	for _, tt := range []struct {
		claim string
		set   publish.SetReport
		err   error
		want  string
	}{
		{"written", publish.SetReport{Written: true}, nil, right},
		{"and not proven", publish.SetReport{Written: true, Why: "still without the record"}, &publish.Error{Kind: publish.NotProven, Where: name}, right},
		{"mangled, which ended the call", publish.SetReport{Written: true}, mangled, wrong},
		{"mangled, and what was before taken back", publish.SetReport{Written: true}, &publish.Error{Kind: publish.Partial, Where: name, Err: mangled}, wrong},
		{"mangled, and wrapped by others", publish.SetReport{Written: true}, fmt.Errorf("x: %w", mangled), wrong},
		{"mangled, of several that were to go", publish.SetReport{Written: true, Why: mangled.Error()}, nil, wrong},
		{"another is mangled", publish.SetReport{Written: true}, elsewhere, right},
		{"any other error", publish.SetReport{Written: true}, errors.New("x"), right},
		{"not known", publish.SetReport{Written: true, Unsure: true}, nil, "not known: the place failed in the middle of it"},
		{"nothing to do", publish.SetReport{}, nil, "nothing to do"},
		{"nothing to do, and not waited for", publish.SetReport{Why: notWaited}, nil, "nothing to do"},
		{"the place could not be read", publish.SetReport{Why: "192.0.2.1:53: no reply"}, nil, "no"},
	} {
		tt.set.Entry.Name = name
		if got := writtenWord(&tt.set, tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
	}
}

// TestCachesOfWhatWasNotThere: nobody is told a deadline that counts from nothing.
func TestCachesOfWhatWasNotThere(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ours := tlsa(t, "255 255 255 AA")
	before := publish.Set{Name: "jwk.cnf.vendor.example.", TTL: time.Minute, Records: []publish.Record{ours}}
	written := publish.SetReport{Change: publish.Change{Name: before.Name, Before: before, After: before.Without(ours)}, Written: true, Served: true, Before: time.Minute, Until: now.Add(time.Minute)}
	unknown := publish.SetReport{Served: true, Unknown: true}
	others := publish.SetReport{Change: publish.Change{Name: before.Name, Before: before, After: before}, Served: true, Before: time.Minute, Until: now.Add(time.Minute)}
	for _, tt := range []struct {
		claim string
		set   publish.SetReport
		want  string
	}{
		{"written now", written, "may still say the old until 12:01:00 UTC (in 1m0s)"},
		{"gone before, and nobody knows since when", unknown, "it was not there when this call began: if it was until just then, they may hold it for as long as its TTL was"},
		{"gone before, and the set's TTL is known", others, "it was not there when this call began: if it was until just then, they may hold it until 12:01:00 UTC (in 1m0s)"},
	} {
		d := publishDoc{Command: "remove"}
		if got := d.cachesWord(&tt.set, now); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
	}
}

// TestPlanned: a dry run names what it would write as the real run does.
func TestPlanned(t *testing.T) {
	const name = "jwk.cnf.vendor.example."
	ours, theirs := tlsa(t, "255 255 255 AA"), tlsa(t, "3 1 1 BB")
	before := publish.Set{Name: name, TTL: time.Minute, Records: []publish.Record{theirs}}
	entries := []publish.Entry{{Name: "x."}, {Name: name, Method: "jwk", Form: "dotted", Record: ours}}
	d := planned(publish.Change{Name: name, Before: before, After: before.With(ours, 0)}, entries)
	if d.Method != "jwk" || d.Form != "dotted" || d.Record != ours.String() || d.Before != 60 || d.Unknown {
		t.Errorf("%+v", d)
	}
	d = planned(publish.Change{Name: name, Before: publish.Set{Name: name}, After: publish.Set{Name: name}.With(ours, time.Hour)}, entries)
	if d.Before != 0 || !d.Unknown {
		t.Errorf("a new set: %+v", d)
	}
	if d = planned(publish.Change{Name: name, Before: before, After: before}, entries); d.Before != 0 || d.Unknown {
		t.Errorf("nothing to do: %+v", d)
	}
}

// TestMeant: programs that are no target are told which one they are reached by.
func TestMeant(t *testing.T) {
	for to, want := range map[string]string{"bind": "by dynamic updates: rfc2136", "Knot": "by dynamic updates: rfc2136", "nsd": "zone prints lines", "route66": "octodns"} {
		o := publishOptions{targetFlag: "to"}
		if _, err := o.target(&config.Config{Publish: config.Publish{To: to}}, nil, nil); err == nil || !strings.HasSuffix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// TestDocumentedConfiguration holds the samples of docs/publish.md to what is read.
func TestDocumentedConfiguration(t *testing.T) {
	doc, err := os.ReadFile("../../docs/publish.md")
	if err != nil {
		t.Fatal(err)
	}
	samples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(samples) < 2 {
		t.Fatalf("%d samples", len(samples))
	}
	for _, s := range samples {
		c, err := config.Parse("docs/publish.md", s[1], config.Default(config.User{Root: true}))
		if err != nil || c.Publish.To == "" || !bytes.HasPrefix(s[1], []byte("publish:\n")) {
			t.Errorf("%v: %s", err, s[1])
		}
		if _, err := config.Parse("docs/publish.md", append(s[1], "  nowhere: 1\n"...), config.Default(config.User{Root: true})); err == nil {
			t.Errorf("the section is not what is read: %s", s[1])
		}
	}
}
