package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/publish"

	"github.com/spf13/cobra"
)

// verb is a command that writes: what it would change, and the changing. The two may
// see different sets, where somebody else writes too; what is written is what do's own
// reading allows.
type verb struct {
	name    string // "add"
	removes bool
	find    func(context.Context, *publish.Publisher) []publish.Entry // which entries, where the place tells; may be nil
	plan    func(*publish.Publisher, context.Context, []publish.Entry) ([]publish.Change, error)
	do      func(*publish.Publisher, context.Context, []publish.Entry, []publish.Change) (publish.Report, error) // with what was agreed to
}

// carry plans, asks where it must, and does it. The error is an exit code where all has
// been said.
func (o *publishOptions) carry(cmd *cobra.Command, c *config.Config, v verb, entries []publish.Entry) error {
	if printed(c.Publish.To) {
		return o.printChange(cmd, c, v, entries)
	}
	return o.withPublisher(cmd, c, func(p *publish.Publisher, t publish.Target, _ *engine) error {
		ctx := cmd.Context()
		doc := publishDoc{Command: v.name, Subject: o.subject, Target: t.Name, DryRun: o.dryRun, Testing: c.Testing}
		if v.find != nil {
			entries = v.find(ctx, p)
		}
		var agreed []publish.Change
		if o.dryRun || o.all || terminal(cmd.InOrStdin()) && !o.yes {
			changes, err := v.plan(p, ctx, entries)
			switch {
			case err != nil:
				return o.finish(cmd, &doc, &publish.Report{}, err)
			case o.dryRun:
				return o.printPlan(cmd.OutOrStdout(), &doc, changes)
			}
			if err := o.consent(cmd, changes, entries); err != nil {
				return o.finish(cmd, &doc, &publish.Report{}, err)
			}
			agreed = changes
		}
		report, err := v.do(p, ctx, entries, agreed)
		return o.finish(cmd, &doc, &report, err)
	})
}

// printPlan prints what would be changed.
func (o *publishOptions) printPlan(w io.Writer, doc *publishDoc, changes []publish.Change) error {
	if o.json {
		for _, c := range changes {
			doc.Sets = append(doc.Sets, setOf(c))
		}
		return doc.print(w)
	}
	fmt.Fprintf(w, "Nothing is changed (--dry-run). At %s:\n", shown(doc.Target))
	printDiff(w, changes)
	return nil
}

func printDiff(w io.Writer, changes []publish.Change) {
	for _, c := range changes {
		if c.None() {
			fmt.Fprintf(w, "  %s: nothing to do\n", c.Name)
		}
		for _, line := range c.Diff() {
			fmt.Fprintln(w, line)
		}
	}
}

// consent returns nil where the changes may be made. Records of others are removed only
// with --yes; anything else is asked only of a person at a terminal.
func (o *publishOptions) consent(cmd *cobra.Command, changes []publish.Change, entries []publish.Entry) error {
	o.teller.rest()
	if theirs := notOurs(changes, entries); len(theirs) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Not of the given key, and to be removed:\n")
		for _, line := range theirs {
			fmt.Fprintf(cmd.ErrOrStderr(), "- %s\n", line)
		}
		if !o.yes {
			return &publish.Error{
				Kind: publish.Refused, What: fmt.Sprintf("%s not of the given key would be removed", count(len(theirs), "record")),
				Do: "look whose they are, and say --yes if they are to go",
			}
		}
		return nil
	}
	if o.yes || !terminal(cmd.InOrStdin()) || !slices.ContainsFunc(changes, func(c publish.Change) bool { return !c.None() }) {
		return nil
	}
	shows, done := person(cmd)
	defer done()
	printDiff(shows, changes)
	fmt.Fprint(shows, "Write this? [y/N] ")
	return ask(cmd.Context(), cmd.InOrStdin())
}

// person is where whoever types on standard input reads: standard error, or the
// terminal itself where that goes to a file.
func person(cmd *cobra.Command) (w io.Writer, done func()) {
	if !terminal(cmd.ErrOrStderr()) {
		if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
			return tty, func() { tty.Close() }
		}
	}
	return cmd.ErrOrStderr(), func() {}
}

// notOurs are the records that the changes remove and that are none of the entries'.
func notOurs(changes []publish.Change, entries []publish.Entry) (lines []string) {
	for _, c := range changes {
		for _, r := range c.Removed() {
			ours := slices.ContainsFunc(entries, func(e publish.Entry) bool { return e.Name == c.Name && e.Record == r })
			if !ours {
				lines = append(lines, fmt.Sprintf("%s %d IN TLSA %s", c.Name, int(c.Before.TTL/time.Second), r))
			}
		}
	}
	return lines
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ask reads one line; only y and yes are consent. What reads from a terminal cannot be
// stopped, and ends with the process.
func ask(ctx context.Context, in io.Reader) error {
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case word := <-answer:
		if word == "y" || word == "yes" {
			return nil
		}
		return &publish.Error{Kind: publish.Stopped, What: "nothing was written: the answer was not y"}
	case <-ctx.Done():
		return &publish.Error{Kind: publish.Stopped, What: "stopped: nothing was written", Err: ctx.Err()}
	}
}

// finish prints what came of it and returns the exit code: nil for done and proven. An
// error that is none of publish's is one of usage or of this machine, and returned.
func (o *publishOptions) finish(cmd *cobra.Command, doc *publishDoc, r *publish.Report, err error) error {
	var e *publish.Error
	if err != nil && !errors.As(err, &e) {
		return err
	}
	code := exitOf(r, e)
	if o.json {
		doc.reported(r)
		doc.failed(err)
		if perr := doc.print(cmd.OutOrStdout()); perr != nil {
			return perr
		}
	} else {
		w := cmd.OutOrStdout()
		if len(r.Sets) > 0 {
			fmt.Fprintln(w, outcome(doc.Command, r, code))
			if doc.Testing {
				fmt.Fprintln(w, "TESTING: proven under testing settings, which make a proof worthless.")
			}
			printReport(w, r, o.now())
		}
	}
	if err != nil {
		o.teller.rest()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.CommandPath(), shown(strings.Join(strings.Fields(err.Error()), " ")))
	}
	if code != 0 {
		return exit(code)
	}
	return nil
}

// The exit codes of what writes, beside 0 for done and proven and 3 for errors of
// usage and of this machine.
const (
	exitNotProven = 1 // written, or there before; not proven in time
	exitUnwritten = 2
)

func exitOf(r *publish.Report, e *publish.Error) int {
	switch {
	case e == nil && r.Proven():
		return 0
	case e == nil, e.Kind == publish.NotProven, r.Written(), unsure(r):
		return exitNotProven
	}
	return exitUnwritten
}

// unsure reports whether something may be written without anybody knowing.
func unsure(r *publish.Report) bool {
	return slices.ContainsFunc(r.Sets, func(s publish.SetReport) bool { return s.Unsure })
}

// secure reports whether every set is proven, and not only what an unsigned zone says.
func secure(r *publish.Report) bool {
	return !slices.ContainsFunc(r.Sets, func(s publish.SetReport) bool { return s.Security != dnssec.Secure })
}

// outcome is the first line of a report.
func outcome(command string, r *publish.Report, code int) string {
	done := map[string]string{"add": "published", "remove": "withdrawn"}[command]
	switch {
	case code == 0 && !secure(r):
		return done + ", as every server says: nothing proves it, since the zone is not signed"
	case code == 0 && r.Written():
		return done + ", and proven"
	case code == 0:
		return done + " before, and proven: nothing was written"
	case code == exitNotProven && r.Written():
		return "written, not proven"
	case unsure(r):
		return "not known whether it was written, and not proven"
	case code == exitNotProven:
		return "not proven: nothing was written now"
	}
	return "nothing written"
}
