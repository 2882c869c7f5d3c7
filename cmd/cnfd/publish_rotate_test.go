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
	}{
		{"ripe for the switch", publish.Spread, publish.Report{}, nil, 0},
		{"retired", publish.Retired, written, nil, 0},
		{"stopped before anything was written", publish.Planned, publish.Report{}, stopped, exitUnwritten},
		{"the old key not proven", publish.Planned, publish.Report{Sets: []publish.SetReport{{}}}, late, exitUnwritten},
		{"written and taken back", publish.Planned, undone, stopped, exitUnwritten},
		{"half written", publish.Planned, written, &publish.Error{Kind: publish.Partial}, exitNotProven},
		{"written, not proven", publish.NextPublished, written, late, exitNotProven},
		{"written by an earlier call, and stopped", publish.NextPublished, publish.Report{}, stopped, exitNotProven},
		{"the program failed", publish.Spread, publish.Report{}, &publish.Error{}, exitNotProven},
		{"this machine", publish.Planned, publish.Report{}, errors.New("no memory"), exitError},
	} {
		if got := exitOfRotation(&publish.Rotation{Stage: tt.stage}, &tt.report, tt.err); got != tt.want {
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
