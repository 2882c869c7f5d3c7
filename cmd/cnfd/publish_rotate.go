package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
	"cnfd/thumbprint"

	"github.com/spf13/cobra"
)

func newPublishRotate() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate --subject URL --from OLD --to NEW [--exec PROGRAM [-- ARG…]]",
		Short: "Replace a key by another, with no moment at which a good credential is refused",
		Long: `Replace the holder's key OLD by the key NEW, both given as files, in steps none of which leaves a credential of the
key in use unconfirmed, whatever caches hold:

  1. publish NEW beside OLD, and wait until every name server has it and it is proven
  2. wait until no cache can hold the records without NEW: their TTL
  3. have the key switched: by you, or by the program of --exec
  4. wait as long again
  5. retire OLD: take its record away. Only with --retire: it disowns every credential that is still bound to OLD

How far it has come is kept in a file, so that the same command goes on where it was stopped, by Ctrl-C, a crash or an
error, and waits only what is left. Before it relies on what was so, it looks whether it still is. Where it cannot go
on without you it ends, and says what to do: after step 2 the key is to be switched, then say --switched; and
after step 4 say --retire when no credential of OLD is needed any more.

The program of --exec is run without a shell, with the arguments behind --, and finds CNFD_ROTATE_SUBJECT,
CNFD_ROTATE_FROM and CNFD_ROTATE_TO (the keys' thumbprint URIs) in its environment. When it ends with 0 the key counts as
switched. After a crash it may be run again: it must do no harm then.

The target is named by --target here, or by publish.to of the configuration: --to is the new key.

Exit codes: 0 as far as it goes without you, and proven; 1 written, and stopped, not proven in time or not switched;
2 nothing written; 3 error.`,
		Example: `  cnfd publish rotate --config cnfd.yaml --subject https://vendor.example --from old.jwk --to new.jwk --dry-run
  cnfd publish rotate --config cnfd.yaml --subject https://vendor.example --from old.jwk --to new.jwk
  cnfd publish rotate --config cnfd.yaml --subject https://vendor.example --from old.jwk --to new.jwk --switched
  cnfd publish rotate --config cnfd.yaml --subject https://vendor.example --from old.jwk --to new.jwk --retire
  cnfd publish rotate --config cnfd.yaml --subject https://vendor.example --from old.jwk --to new.jwk --exec /usr/local/bin/switch -- --slot 2`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().ArgsLenAtDash() != 0 {
				return noArgs(cmd, args) // none, or not all behind --
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "the `FILE` with the key that is in use; a private one is used by its public part")
	f.StringVar(&o.key, "to", "", "the `FILE` with the key that is to be used instead")
	f.StringVar(&o.exec, "exec", "", "the `PROGRAM` that has the holder use the new key; its arguments follow behind --")
	f.BoolVar(&o.switched, "switched", false, "the holder uses the new key now: go on")
	f.BoolVar(&o.retire, "retire", false, "take the old key's record away when it is time, which disowns its credentials")
	f.StringVar(&o.state, "state", "", "the `FILE` that keeps how far it has come (default: rotate-….json in state_dir)")
	o.addNameFlags(cmd)
	o.addTargetFlags(cmd, "target")
	return cmd
}

type rotateOptions struct {
	publishOptions            // key is the new one's file
	from, exec, state         string
	switched, retire, testing bool
}

func (o *rotateOptions) run(cmd *cobra.Command, args []string) error {
	c, asked, err := o.asked(cmd)
	if err != nil {
		return err
	}
	program, err := o.program(args)
	if err != nil {
		return err
	}
	if o.testing = c.Testing; o.state == "" {
		if o.state, err = stateFileOf(c, asked); err != nil {
			return err
		}
	}
	if o.state, err = filepath.Abs(o.state); err != nil {
		return err
	}
	if o.dryRun {
		r, err := o.resume(asked, func() (publish.Rotation, bool, error) { return publish.ReadState(o.state) })
		if err != nil {
			return err
		}
		return o.withPublisher(cmd, c, func(p *publish.Publisher, t publish.Target, _ *engine) error {
			return o.dry(cmd, p, t, r)
		})
	}
	file, err := publish.OpenState(o.state, asked.Swaps[0].Old.Domain)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := o.resume(asked, file.Load)
	if err != nil {
		return err
	}
	return o.withPublisher(cmd, c, func(p *publish.Publisher, t publish.Target, _ *engine) error {
		return o.rotate(cmd, p, t, &r, publish.Orders{
			Save: file.Save, Switch: o.switcher(cmd, &r, program), Switched: o.switched, Retire: o.retire,
		}, args)
	})
}

// asked reads the configuration and both keys, and makes of them the rotation at its beginning.
func (o *rotateOptions) asked(cmd *cobra.Command) (*config.Config, publish.Rotation, error) {
	none := publish.Rotation{}
	switch {
	case o.subject != "" && (o.from == "" || o.key == ""):
		return nil, none, errors.New("--from, --to: give the files with the key in use and with the one to come")
	case o.from == "-" && o.key == "-":
		return nil, none, errors.New("--from, --to: only one of the keys can come from standard input")
	case o.switched && o.exec != "":
		return nil, none, errors.New("--switched, --exec: either the key is switched or it is to be: leave one out")
	}
	c, err := o.load(cmd)
	if err != nil {
		return nil, none, err
	}
	old, from, err := o.holder(cmd, c, o.from)
	if err != nil {
		return nil, none, fmt.Errorf("--from: %w", err)
	}
	next, to, err := o.holder(cmd, c, o.key)
	if err != nil {
		return nil, none, fmt.Errorf("--to: %w", err)
	}
	if old[0].Record == next[0].Record {
		return nil, none, errors.New("--from, --to: these are one key: there is nothing to rotate")
	}
	r, err := publish.NewRotation(o.subject, from, to, old, next)
	return c, r, err
}

// holder is what a key file comes to: the records, and what the key is called. The file
// is read once: it may be standard input.
func (o *rotateOptions) holder(cmd *cobra.Command, c *config.Config, file string) (entries []publish.Entry, called string, err error) {
	text, err := readInput(cmd, []string{file}, maxKeyFile)
	if err != nil {
		return nil, "", err
	}
	in := cmd.InOrStdin()
	defer cmd.SetIn(in)
	cmd.SetIn(bytes.NewReader(text))
	if entries, err = o.entries(cmd, c, "-"); err != nil {
		return nil, "", errors.New(strings.TrimPrefix(err.Error(), "key: "))
	}
	cnf, err := confirmationIn(text, thumbprint.MethodJKT)
	if err != nil {
		return nil, "", err
	}
	return entries, cnf.Thumbprint.URI(), nil
}

// stateFileOf is where the rotation is kept, unless the operator says otherwise. What is proven under
// testing settings is never gone on with without them.
func stateFileOf(c *config.Config, r publish.Rotation) (string, error) {
	if c.StateDir == "" {
		return "", errors.New("--state: state_dir is off: name the file that is to keep how far it has come")
	}
	short := func(record publish.Record) string {
		_, _, _, association := record.Fields()
		return fmt.Sprintf("%x", association[:4])
	}
	testing := ""
	if c.Testing {
		testing = "-testing"
	}
	s := r.Swaps[0]
	return filepath.Join(c.StateDir, fmt.Sprintf("rotate-%s-%s-%s%s.json", s.Old.Domain, short(s.Old.Record), short(s.New.Record), testing)), nil
}

// resume is the rotation that was kept, or the one that is asked for, where none was. One
// that is kept and is another is an error.
func (o *rotateOptions) resume(asked publish.Rotation, load func() (publish.Rotation, bool, error)) (publish.Rotation, error) {
	kept, found, err := load()
	if err != nil || !found {
		return asked, err
	}
	if err := kept.Continues(&asked); err != nil {
		return asked, fmt.Errorf("%s: %w: go on with that one first, or name another file by --state", o.state, err)
	}
	return kept, nil
}

func (o *rotateOptions) rotate(cmd *cobra.Command, p *publish.Publisher, t publish.Target, r *publish.Rotation, orders publish.Orders, args []string) error {
	if terminal(cmd.InOrStdin()) && !o.yes {
		if err := o.agreed(cmd, p, r); err != nil {
			return o.told(cmd, t, r, &publish.Report{}, err, args)
		}
	}
	report, err := p.Rotate(cmd.Context(), r, orders)
	return o.told(cmd, t, r, &report, err, args)
}

// agreed asks a person at a terminal before records are written.
func (o *rotateOptions) agreed(cmd *cobra.Command, p *publish.Publisher, r *publish.Rotation) error {
	if r.Stage > publish.Planned && (!o.retire || r.Stage == publish.Retired) {
		return nil
	}
	plan, err := p.PlanRotate(cmd.Context(), *r)
	if err != nil {
		return err
	}
	changes := plan.Publish
	if o.retire {
		changes = append(changes, plan.Retire...)
	}
	var ours []publish.Entry
	for _, s := range r.Swaps {
		ours = append(ours, s.Old, s.New)
	}
	return o.consent(cmd, changes, ours)
}

// exitOfRotation is 0 where err is nil, else it says whether anything was written.
func exitOfRotation(r *publish.Rotation, report *publish.Report, err error) int {
	var e *publish.Error
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &e):
		return exitError
	case r.Stage > publish.Planned || exitOf(report, e) == exitNotProven && report.Written():
		return exitNotProven
	}
	return exitUnwritten
}
