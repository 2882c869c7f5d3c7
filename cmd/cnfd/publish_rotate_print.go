package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cnfd/publish"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rotateDoc is what `publish rotate --json` prints.
type rotateDoc struct {
	publishDoc
	From  string   `json:"from"` // thumbprint URIs
	To    string   `json:"to"`
	Names []string `json:"names"` // where the new key takes the old one's place
	// Also are names that hold the old key and are left alone.
	Also  []string `json:"also_published,omitempty"`
	Step  string   `json:"step"`            // planned, next_published, spread, switching, switched, aged, retired
	Next  string   `json:"next,omitempty"`  // what the operator is to do
	Run   string   `json:"run,omitempty"`   // and the command line that then goes on
	State string   `json:"state,omitempty"` // "" where nothing has begun
	Aside string   `json:"aside,omitempty"` // what the file of an earlier rotation of these keys, which is over, is called now
	// Of a dry run: what is still changed, and how many seconds the waits before and after
	// the switch take.
	Publish []setDoc `json:"publish,omitempty"`
	Retire  []setDoc `json:"retire,omitempty"`
	First   int      `json:"first_wait,omitempty"`
	Wait    int      `json:"wait,omitempty"`
}

func (o *rotateOptions) doc(t publish.Target, r *publish.Rotation) rotateDoc {
	return rotateDoc{
		publishDoc: publishDoc{Command: "rotate", Subject: o.subject, Target: o.targetName(t), DryRun: o.dryRun, Testing: o.testing, Sets: []setDoc{}},
		From:       r.From, To: r.To, Names: namesOf(r), Also: o.also, Step: r.Stage.String(), State: o.state, Aside: o.aside,
	}
}

func namesOf(r *publish.Rotation) (names []string) {
	for _, s := range r.Swaps {
		names = append(names, s.Old.Name)
	}
	return names
}

// told prints how far it has come and how it goes on, and returns the exit code.
func (o *rotateOptions) told(cmd *cobra.Command, t publish.Target, r *publish.Rotation, report *publish.Report, err error, args []string) error {
	code := o.exitOfRotation(r, report, err)
	if code == exitError {
		return err
	}
	next, run := "", ""
	begun := !o.dryRun && (r.Stage > publish.Planned || !r.Began.IsZero())
	if begun {
		what, more := o.next(r, err)
		if next = what; more != nil {
			run = goOn(cmd, args, r.Stage >= publish.Switched, more...)
		}
		if o.retire && r.Stage != publish.Retired {
			next = "not retired yet: " + what
		}
	}
	w := &lossy{Writer: cmd.OutOrStdout()}
	switch {
	case o.json:
		d := o.reached(t, r, report, err)
		if d.Next, d.Run = next, run; !begun {
			d.State, d.Aside = "", ""
		}
		_ = printJSON(w, d) // w keeps the error
	case begun:
		o.printReached(w, r, report, err)
		fmt.Fprintf(w, "NEXT: %s\n", next)
		if run != "" {
			fmt.Fprintf(w, "      %s\n", run)
		}
	}
	o.teller.rest()
	if w.err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: this could not be printed: %v; the exit code, %d, is that of what was done\n", cmd.CommandPath(), w.err, code)
	}
	switch {
	case err != nil:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.CommandPath(), shown(strings.Join(strings.Fields(err.Error()), " ")))
	case code != 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: the old key is not retired yet: the rotation is at %s\n", cmd.CommandPath(), r.Stage)
	default:
		return nil
	}
	return exit(code)
}

// reached is what --json has of it.
func (o *rotateOptions) reached(t publish.Target, r *publish.Rotation, report *publish.Report, err error) rotateDoc {
	d := o.doc(t, r)
	d.reported(report)
	for i := range report.Sets {
		d.Sets[i].Mangled = mangled(&report.Sets[i], err)
	}
	d.failed(err)
	return d
}

func (o *rotateOptions) printReached(w io.Writer, r *publish.Rotation, report *publish.Report, err error) {
	fmt.Fprintf(w, "rotation of %s: %s\n", shown(r.Subject), meaning[r.Stage])
	if o.testing {
		fmt.Fprintln(w, "TESTING: proven under testing settings, which make a proof worthless.")
	}
	o.printWhat(w, r)
	new(publishDoc).printReport(w, report, err, o.now())
}

// printWhat says of which keys and names a rotation is, and where it is kept.
func (o *rotateOptions) printWhat(w io.Writer, r *publish.Rotation) {
	fmt.Fprintf(w, "  from      %s\n  to        %s\n  at        %s\n", r.From, r.To, strings.Join(namesOf(r), ", "))
	if len(o.also) > 0 {
		fmt.Fprintf(w, "  NOT AT    %s, where the old key is published too\n", strings.Join(o.also, ", "))
	}
	fmt.Fprintf(w, "  kept in   %s\n", shown(o.state))
	if o.aside != "" {
		fmt.Fprintf(w, "  before    an earlier rotation of these keys, begun %s, is over: it is kept in %s\n", o.over, shown(o.aside))
	}
}

// meaning is how far a rotation has come, for people.
var meaning = map[publish.Stage]string{
	publish.Planned:       "planned: the old key is in use; nothing is known to be written",
	publish.NextPublished: "next_published: the new key is published, caches may not know it yet; the old one is in use",
	publish.Spread:        "spread: every cache knows the new key; the old one is in use",
	publish.SwitchBegun:   "switching: whether the key was switched is not known; both are published",
	publish.Switched:      "switched: the new key is in use, caches may hold what was before",
	publish.Aged:          "aged: the new key is in use, the old one is still published",
	publish.Retired:       "retired: the new key is in use, the old one's record is gone",
}

// next is what the operator is to do, and the flags of the call that then goes on; nil
// where there is none.
func (o *rotateOptions) next(r *publish.Rotation, err error) (what string, more []string) {
	again := []string{}
	if o.retire {
		again = []string{"--retire"}
	}
	switch {
	case r.Stage == publish.Retired && err == nil:
		return "remove the old key from wherever it is kept", nil
	case r.Stage == publish.Retired:
		return "see why the old key, which was retired, is not gone, or the new one is not there", nil
	case err == nil && r.Stage == publish.Spread:
		return "have the holder use the new key from now on, then call", append([]string{"--switched"}, again...)
	case r.Stage == publish.SwitchBegun:
		return "see whether the holder uses the new key. If so, call what follows; if not, call it without --switched, and with the --exec of before if you like", append([]string{"--switched"}, again...)
	case err == nil && r.Stage == publish.Aged:
		return "when no credential of the old key is needed any more, call what takes its record away", []string{"--retire"}
	}
	return "to go on, call", again
}

// goOn is the command line that goes on, for a shell: as it was given, but for the
// operator's words, which are given anew each time.
func goOn(cmd *cobra.Command, args []string, switched bool, more ...string) string {
	words := strings.Fields(cmd.CommandPath())
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case slices.Contains([]string{"switched", "retire", "dry-run"}, f.Name):
		case f.Name == "exec" && (switched || slices.Contains(more, "--switched")):
			args = nil // the program has nothing to do any more
		case f.Value.Type() == "bool":
			words = append(words, "--"+f.Name+map[bool]string{true: "", false: "=false"}[f.Value.String() == "true"])
		case f.Value.Type() == "stringSlice":
			words = append(words, "--"+f.Name, strings.Trim(f.Value.String(), "[]"))
		default:
			words = append(words, "--"+f.Name, f.Value.String())
		}
	})
	words = append(words, more...)
	if len(args) > 0 {
		words = append(append(words, "--"), args...)
	}
	for i, w := range words {
		if w == "" || strings.ContainsFunc(w, func(c rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,", c)
		}) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// dry looks, prints what is still to come, and changes nothing.
func (o *rotateOptions) dry(cmd *cobra.Command, p *publish.Publisher, t publish.Target, r publish.Rotation) error {
	plan, err := p.PlanRotate(cmd.Context(), r)
	if err != nil {
		return o.told(cmd, t, &r, &publish.Report{}, err, nil)
	}
	if o.json {
		d := o.doc(t, &r)
		d.Publish, d.Retire = setsOf(plan.Publish), setsOf(plan.Retire)
		d.First, d.Wait = int(plan.First/time.Second), int(plan.Wait/time.Second)
		return printJSON(cmd.OutOrStdout(), d)
	}
	o.printPlanned(cmd.OutOrStdout(), t, &r, plan)
	return nil
}

func setsOf(changes []publish.Change) (all []setDoc) {
	for _, c := range changes {
		all = append(all, setOf(c))
	}
	return all
}

func (o *rotateOptions) printPlanned(w io.Writer, t publish.Target, r *publish.Rotation, plan publish.RotationPlan) {
	fmt.Fprintf(w, "Nothing is changed (--dry-run). At %s:\n", shown(o.targetName(t)))
	fmt.Fprintf(w, "rotation of %s: %s\n", shown(r.Subject), meaning[r.Stage])
	o.printWhat(w, r)
	if r.Stage == publish.Retired {
		fmt.Fprintln(w, "It is over: nothing is left to do.")
		return
	}
	n := 0
	step := func(until publish.Stage, format string, args ...any) {
		if r.Stage < until {
			n++
			fmt.Fprintf(w, "%d. %s\n", n, fmt.Sprintf(format, args...))
		}
	}
	step(publish.NextPublished, "publish the new key beside what is there:")
	printDiff(w, plan.Publish)
	step(publish.NextPublished, "wait until every name server has it, and it is proven")
	if r.Stage == publish.NextPublished && !r.Until.IsZero() {
		step(publish.Spread, "wait until no cache can hold the records without it: until %s", stamp(r.Until))
	} else {
		step(publish.Spread, "wait until no cache can hold the records without it: %v (%s)", plan.First, plan.Of)
	}
	if o.exec != "" {
		step(publish.Switched, "have the key switched by %s", shown(o.exec))
	} else {
		step(publish.Switched, "stop until the key is switched by you, and you say --switched")
	}
	if r.Stage == publish.Switched && !r.Until.IsZero() {
		step(publish.Aged, "wait as long again: until %s", stamp(r.Until))
	} else {
		step(publish.Aged, "wait as long again: %v", plan.Wait)
	}
	if !o.retire {
		step(publish.Retired, "stop until you say --retire")
	}
	step(publish.Retired, "retire the old key, which disowns the credentials that are bound to it:")
	printDiff(w, plan.Retire)
}
