package main

import (
	"errors"
	"strings"
	"testing"

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
