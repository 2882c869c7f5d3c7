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
		if !v.removes && c.Publish.TTL > time.Hour {
			o.teller.tell(publish.Event{At: o.now(), Step: publish.Warning, Text: longTTL(c.Publish.TTL)})
		}
		doc := publishDoc{Command: v.name, Subject: o.subject, Target: t.Name, DryRun: o.dryRun, Testing: c.Testing}
		if v.find != nil {
			entries = v.find(ctx, p)
		}
		var agreed []publish.Change
		if o.dryRun || o.all || terminal(cmd.InOrStdin()) && !o.yes {
			changes, err := v.plan(p, ctx, entries)
			doc.Target = o.targetName(t)
			switch {
			case !o.dryRun && goesOn(v, err):
				o.teller.tell(publish.Event{At: o.now(), Step: publish.Warning, Text: err.Error()})
			case err != nil:
				return o.finish(cmd, &doc, &publish.Report{}, err)
			case o.dryRun:
				o.warnOfTTL(cmd, c, v, changes, entries)
				return o.printPlan(cmd.OutOrStdout(), &doc, changes, entries)
			}
			if err := o.consent(cmd, changes, entries); err != nil {
				return o.finish(cmd, &doc, &publish.Report{}, err)
			}
			agreed = changes
		}
		report, err := v.do(p, ctx, entries, agreed)
		doc.Target = o.targetName(t)
		o.warnOfTTL(cmd, c, v, changesOf(&report), entries)
		return o.finish(cmd, &doc, &report, err)
	})
}

// goesOn reports whether a change is made though not all of it could be planned: a name
// that cannot be read keeps no other record from being withdrawn.
func goesOn(v verb, err error) bool {
	var e *publish.Error
	return v.removes && errors.As(err, &e) && e.Kind == publish.Partial
}

// longTTL is said before a set is made that caches hold for over an hour.
func longTTL(ttl time.Duration) string {
	return fmt.Sprintf("a new set gets a TTL of %s: as long takes a revocation", plainly(ttl))
}

// warnOfTTL says where --ttl has changed nothing: a record that is there stays as it is.
func (o *publishOptions) warnOfTTL(cmd *cobra.Command, c *config.Config, v verb, changes []publish.Change, entries []publish.Entry) {
	if v.removes || !cmd.Flags().Changed("ttl") {
		return
	}
	for _, change := range changes {
		there := slices.ContainsFunc(entries, func(e publish.Entry) bool { return e.Name == change.Name && change.Before.Has(e.Record) })
		if there && change.Before.TTL != c.Publish.TTL {
			o.teller.tell(publish.Event{At: o.now(), Step: publish.Warning, Name: change.Name,
				Text: fmt.Sprintf("--ttl has changed nothing: the record is there, and its set keeps its TTL of %s", plainly(change.Before.TTL))})
		}
	}
}

// printPlan prints what would be changed.
func (o *publishOptions) printPlan(w io.Writer, doc *publishDoc, changes []publish.Change, entries []publish.Entry) error {
	if o.json {
		for _, c := range changes {
			doc.Sets = append(doc.Sets, planned(c, entries))
		}
		doc.NotPublished = doc.Command == "remove" && !changing(changes)
		return doc.print(w)
	}
	all := &lossy{Writer: w}
	if doc.Command == "remove" && !changing(changes) {
		fmt.Fprintln(all, notHere(changes))
	}
	fmt.Fprintf(all, "Nothing is changed (--dry-run). At %s:\n", shown(doc.Target))
	printDiff(all, changes)
	return all.err
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
	if o.yes || !terminal(cmd.InOrStdin()) || !changing(changes) {
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
	w := &lossy{Writer: cmd.OutOrStdout()}
	switch {
	case o.json:
		doc.reported(r)
		doc.NotPublished = doc.absent(r, code)
		for i := range r.Sets {
			doc.Sets[i].Mangled = mangled(&r.Sets[i], err)
		}
		doc.failed(err)
		_ = doc.print(w) // w keeps the error
	case len(r.Sets) > 0:
		fmt.Fprintln(w, doc.outcome(r, code))
		if doc.Testing {
			fmt.Fprintln(w, "TESTING: proven under testing settings, which make a proof worthless.")
		}
		if !doc.printed {
			fmt.Fprintf(w, "target: %s\n", shown(doc.Target))
		}
		doc.printReport(w, r, err, o.now())
	}
	o.teller.rest()
	if w.err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: this could not be printed: %v; the exit code, %d, is that of what was done\n", cmd.CommandPath(), w.err, code)
	}
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.CommandPath(), shown(strings.Join(strings.Fields(err.Error()), " ")))
	}
	if code != 0 {
		return exit(code)
	}
	return nil
}
