package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"

	"github.com/spf13/cobra"
)

func TestExitOfRotation(t *testing.T) {
	written := publish.Report{Sets: []publish.SetReport{{Written: true}}}
	undone := publish.Report{Sets: []publish.SetReport{{Written: true, Undone: true}}}
	stopped, late := &publish.Error{Kind: publish.Stopped}, &publish.Error{Kind: publish.NotProven}
	for _, tt := range []struct {
		claim  string
		stage  publish.Stage
		report publish.Report
		err    error
		want   int
		retire bool
		dry    bool
	}{
		{claim: "ripe for the switch", stage: publish.Spread},
		{claim: "retired", stage: publish.Retired, report: written, err: nil, want: 0},
		{claim: "stopped before anything was written", stage: publish.Planned, report: publish.Report{}, err: stopped, want: exitUnwritten},
		{claim: "the old key not proven", stage: publish.Planned, report: publish.Report{Sets: []publish.SetReport{{}}}, err: late, want: exitUnwritten},
		{claim: "written and taken back", stage: publish.Planned, report: undone, err: stopped, want: exitUnwritten},
		{claim: "half written", stage: publish.Planned, report: written, err: &publish.Error{Kind: publish.Partial}, want: exitNotProven},
		{claim: "written, not proven", stage: publish.NextPublished, report: written, err: late, want: exitNotProven},
		{claim: "written by an earlier call, and stopped", stage: publish.NextPublished, report: publish.Report{}, err: stopped, want: exitNotProven},
		{claim: "the program failed", stage: publish.Spread, report: publish.Report{}, err: &publish.Error{}, want: exitNotProven},
		{claim: "this machine", stage: publish.Planned, report: publish.Report{}, err: errors.New("no memory"), want: exitError},
		{claim: "retired, as was ordered", stage: publish.Retired, report: written, retire: true},
		{claim: "to be retired, and ripe for the switch", stage: publish.Spread, retire: true, want: exitNotProven},
		{claim: "to be retired, and the switch not known", stage: publish.SwitchBegun, retire: true, want: exitNotProven},
		{claim: "retired before, and published again", stage: publish.Retired, err: &publish.Error{Kind: publish.Conflict}, want: exitUnwritten},
		{claim: "a dry run of what was written by an earlier call", stage: publish.Aged, err: &publish.Error{Kind: publish.Missing}, dry: true, want: exitUnwritten},
		{claim: "a dry run that shows how it will end", stage: publish.Spread, dry: true},
	} {
		if got := (&rotateOptions{publishOptions: publishOptions{dryRun: tt.dry}, retire: tt.retire}).exitOfRotation(&publish.Rotation{Stage: tt.stage}, &tt.report, tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.claim, got, tt.want)
		}
	}
}

func TestGoOnIsACommandLineForAShell(t *testing.T) {
	for _, tt := range []struct {
		given, args []string
		switched    bool
		more        []string
		want        string
	}{
		{[]string{"--subject", "https://vendor.example", "--from", "a", "--to", "b", "--dry-run"}, nil, false, nil, "rotate --from a --subject https://vendor.example --to b"},
		{[]string{"--from", "my keys/it's"}, nil, false, []string{"--retire"}, `rotate --from 'my keys/it'\''s' --retire`},
		{[]string{"--method", "jwk,1", "--method", "5", "--json", "--yes=false"}, nil, false, nil, "rotate --json --method jwk,1,5 --yes=false"},
		{[]string{"--exec", "sh", "--retire"}, []string{"-c", "a; b"}, false, nil, "rotate --exec sh -- -c 'a; b'"},
		{[]string{"--exec", "sh"}, []string{"-c", "a"}, false, []string{"--switched"}, "rotate --switched"},
		{[]string{"--exec", "sh"}, []string{"-c", "a"}, true, []string{"--retire"}, "rotate --retire"},
		{[]string{"--switched"}, nil, true, nil, "rotate"},
	} {
		cmd := newPublishRotate()
		cmd.RunE = func(*cobra.Command, []string) error { return nil }
		if err := cmd.ParseFlags(tt.given); err != nil {
			t.Fatal(err)
		}
		if got := goOn(cmd, tt.args, tt.switched, tt.more...); got != tt.want {
			t.Errorf("%q gives %s, want %s", tt.given, got, tt.want)
		}
	}
}

// TestWhatARotationSays: the exit code is that of what was done, whatever becomes of the text; and
// of what has not begun no state is told.
func TestWhatARotationSays(t *testing.T) {
	missing := &publish.Error{Kind: publish.Missing, What: "the old key is not published there"}
	for _, tt := range []struct {
		claim       string
		stage       publish.Stage
		err         error
		broken      bool
		retire      bool
		json        bool
		code        int
		out, stderr string // "" for nothing at all
	}{
		{claim: "retired", stage: publish.Retired, out: "rotation of https://vendor.example: retired"},
		{claim: "retired, and nobody reads it", stage: publish.Retired, broken: true, stderr: "this could not be printed: "},
		{claim: "retired, and nobody reads the JSON", stage: publish.Retired, broken: true, json: true, stderr: "the exit code, 0, is that of what was done"},
		{claim: "nothing has begun", err: missing, code: exitUnwritten, stderr: "the old key is not published there"},
		{claim: "nothing has begun, as JSON", err: missing, json: true, code: exitUnwritten, out: `"step":"planned"}`, stderr: "the old key is not published there"},
		{claim: "to be retired, and waiting for the switch", stage: publish.Spread, retire: true, code: exitNotProven, out: "\nNEXT: not retired yet: have the holder use the new key", stderr: "the old key is not retired yet: the rotation is at spread"},
	} {
		var out, bad strings.Builder
		cmd := newPublishRotate()
		cmd.SetOut(&out)
		if cmd.SetErr(&bad); tt.broken {
			cmd.SetOut(broken{})
		}
		o := rotateOptions{publishOptions: publishOptions{json: tt.json, now: time.Now, teller: newTeller(&bad)}, retire: tt.retire, state: "state.json"}
		r := publish.Rotation{Subject: "https://vendor.example", Stage: tt.stage}
		err := o.told(cmd, publish.Target{}, &r, &publish.Report{}, tt.err, nil)
		if code := exit(0); err != nil && (!errors.As(err, &code) || int(code) != tt.code) || err == nil && tt.code != 0 {
			t.Errorf("%s: %v, want %d", tt.claim, err, tt.code)
		}
		for got, want := range map[string]string{out.String(): tt.out, bad.String(): tt.stderr} {
			if !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%s: %q, want %q", tt.claim, got, want)
			}
		}
	}
}

// broken is a Writer that nobody reads.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// records is a place that holds the same records at names, and fails at others.
type records struct {
	at    map[string]publish.Record
	fails map[string]publish.Kind
}

func (z records) Read(_ context.Context, name string) (publish.Set, error) {
	if kind, fails := z.fails[name]; fails {
		return publish.Set{}, &publish.Error{Kind: kind, Where: name, What: "it was not read"}
	}
	set := publish.Set{Name: name}
	if r, there := z.at[name]; there {
		set.TTL, set.Records = time.Minute, []publish.Record{r}
	}
	return set, nil
}

func (z records) Write(context.Context, publish.Change) error {
	return errors.New("nothing is to be written")
}

// nowhere is a World that nobody is to ask.
type nowhere struct{ publish.World }

// TestRotationBeginsAtEveryNameOfTheOldKey: a name that is forgotten is an outage at the switch.
func TestRotationBeginsAtEveryNameOfTheOldKey(t *testing.T) {
	entries := func(b byte, methods ...string) (all []publish.Entry) {
		r, err := publish.RecordOf(append([]byte{255, 255, 255}, bytes.Repeat([]byte{b}, 32)...))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range methods {
			all = append(all, publish.Entry{Name: m + ".", Domain: "vendor.example", Method: m, Form: "dotted", Record: r})
		}
		return all
	}
	every := []string{"jwk", "1", "5"}
	old, next := entries(1, every...), entries(2, every...)
	named, err := publish.NewRotation("https://vendor.example", "urn:old", "urn:new", old[:1], next[:1])
	if err != nil {
		t.Fatal(err)
	}
	at := func(names ...string) map[string]publish.Record {
		m := map[string]publish.Record{}
		for _, n := range names {
			m[n] = old[0].Record
		}
		return m
	}
	for _, tt := range []struct {
		claim   string
		place   records
		given   bool
		without bool // the new key can have no record at 5.
		want    []string
		also    []string
		warns   string
		says    string
	}{
		{claim: "at one name", place: records{at: at("jwk.")}, want: []string{"jwk."}},
		{claim: "at another than the default", place: records{at: at("1.")}, want: []string{"1."}},
		{claim: "at several", place: records{at: at("jwk.", "1.")}, want: []string{"jwk.", "1."}},
		{claim: "at none", want: []string{"jwk."}},
		{claim: "at several, of which one is named", place: records{at: at("jwk.", "1.", "5.")}, given: true, want: []string{"jwk."}, also: []string{"1.", "5."}, warns: "published at 1., 5. too (method 1, method 5)"},
		{claim: "a name of another zone", place: records{at: at("jwk."), fails: map[string]publish.Kind{"1.": publish.WrongZone}}, want: []string{"jwk."}, warns: "at 1 name more is not known: 1.: it was not read"},
		{claim: "a name that was not read", place: records{at: at("jwk."), fails: map[string]publish.Kind{"1.": publish.ServFail}}, says: "whether the old key is published at all names is not known: 1.: it was not read"},
		{claim: "a name that was not read, and another is named", place: records{at: at("jwk."), fails: map[string]publish.Kind{"1.": publish.ServFail}}, given: true, want: []string{"jwk."}, warns: "is not known"},
		{claim: "a place that says nothing", place: records{fails: map[string]publish.Kind{"jwk.": publish.Unreachable}}, says: "jwk.: it was not read"},
		{claim: "a name where the new key can have no record", place: records{at: at("jwk.", "5.")}, without: true, says: "--to: the old key is published at 5., where this one can have no record"},
	} {
		p, err := publish.New(publish.Config{Target: publish.Target{Zone: tt.place}, World: nowhere{}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		var o rotateOptions
		o.now, o.teller = time.Now, newTeller(&told)
		a := &asked{old: holder{"urn:old", old[:1], old}, new: holder{"urn:new", next[:1], next}, named: named, given: tt.given}
		if tt.without {
			a.new.everywhere = next[:2]
		}
		r, err := o.begun(t.Context(), p, a, publish.Rotation{}, false)
		if (err == nil) != (tt.says == "") || err != nil && !strings.HasPrefix(err.Error(), tt.says) && !strings.Contains(err.Error(), ": "+tt.says) {
			t.Errorf("%s: %v, want %q", tt.claim, err, tt.says)
		}
		if err == nil && (!slices.Equal(namesOf(&r), tt.want) || !slices.Equal(o.also, tt.also)) {
			t.Errorf("%s: at %v, beside %v; want %v and %v", tt.claim, namesOf(&r), o.also, tt.want, tt.also)
		}
		if err == nil && (tt.warns == "" && told.Len() > 0 || !strings.Contains(told.String(), tt.warns)) {
			t.Errorf("%s: %q is told, want %q", tt.claim, told.String(), tt.warns)
		}
	}
}

// TestNextSaysWhatToDo: wherever a rotation ends, somebody knows how it goes on.
func TestNextSaysWhatToDo(t *testing.T) {
	for s := publish.Planned; s <= publish.Retired; s++ {
		for _, err := range []error{nil, &publish.Error{Kind: publish.Stopped}} {
			what, more := new(rotateOptions).next(&publish.Rotation{Stage: s}, err)
			if what == "" || meaning[s] == "" || !strings.HasPrefix(meaning[s], s.String()+": ") {
				t.Errorf("%v: %q, %q", s, what, meaning[s])
			}
			if s < publish.Spread && strings.Contains(strings.Join(more, " "), "--switched") {
				t.Errorf("%v: the key is to be switched before its time", s)
			}
		}
	}
}
