package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"cnfd/publish"

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
  2. wait until no cache can hold the records without NEW: their TTL, and until none can hold that there are none: the
     zone's negative TTL from when OLD was first seen, since how long it had been there is not known
  3. have the key switched: by you, or by the program of --exec
  4. wait as long again
  5. retire OLD: take its record away. Only with --retire: it disowns every credential that is still bound to OLD

How far it has come is kept in a file, so that the same command goes on where it was stopped, by Ctrl-C, a crash or an
error, and waits only what is left. Before it relies on what was so, it looks whether it still is. Where it cannot go
on without you it ends, and says what to do: after step 2 the key is to be switched, then say --switched; and
after step 4 say --retire when no credential of OLD is needed any more.

OLD is replaced at every name where the target holds it, whatever the method and the form. With --method or --form
only there, and the other names that hold it are told of. A rotation that has begun keeps to its own names.

The program of --exec is run without a shell, with the arguments behind --, and finds CNFD_ROTATE_SUBJECT,
CNFD_ROTATE_FROM and CNFD_ROTATE_TO (the keys' thumbprint URIs) in its environment. When it ends with 0 the key counts as
switched. After a crash it may be run again: it must do no harm then.

The target is named by --target here, or by publish.to of the configuration: --to is the new key.

Exit codes: 0 as far as it goes without you, and proven, and with --retire only when OLD is retired; 1 written, and
stopped, not proven in time, not switched or, with --retire, not retired yet; 2 nothing written; 3 error.`,
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
	f.Var(&once{value: &o.from, what: "key"}, "from", "the `FILE` with the key that is in use; a private one is used by its public part")
	f.Var(&once{value: &o.key, what: "key"}, "to", "the `FILE` with the key that is to be used instead")
	f.StringVar(&o.exec, "exec", "", "the `PROGRAM` that has the holder use the new key; its arguments follow behind --")
	f.BoolVar(&o.switched, "switched", false, "the holder uses the new key now: go on")
	f.BoolVar(&o.retire, "retire", false, "take the old key's record away when it is time, which disowns its credentials")
	f.StringVar(&o.state, "state", "", "the `FILE` that keeps how far it has come (default: rotate-….json in state_dir)")
	o.addNameFlags(cmd)
	o.addTargetFlags(cmd, "target")
	f.Lookup("method").Usage += " (default: all at which the old key is published, or else jwk)"
	f.Lookup("method").DefValue = "[]"
	f.Lookup("form").Usage = "the `FORM` of the names, dotted, underscore or both (default: all at which the old key is published, or else record.forms of the configuration)"
	f.Lookup("target").Usage = "the `TARGET` that is written to: " + strings.Join(writable(), ", ") + " (default: publish.to)"
	f.Lookup("yes").Usage = "ask nothing; also begin where another rotation of the domain has not come to its end"
	return cmd
}

type rotateOptions struct {
	publishOptions            // key is the new one's file
	from, exec, state         string
	switched, retire, testing bool
	also                      []string // names that hold the old key and are left alone
	over, aside               string   // what an earlier rotation of these keys came to, and what its file is to be called
}

// writable are the targets that a rotation can work at.
func writable() []string { return slices.DeleteFunc(targets(), printed) }

func (o *rotateOptions) run(cmd *cobra.Command, args []string) error {
	a, err := o.asked(cmd)
	if err != nil {
		return err
	}
	program, err := o.program(args)
	if err != nil {
		return err
	}
	if o.testing = a.c.Testing; o.state == "" {
		if o.state, err = stateFileOf(a.c, a.named); err != nil {
			return err
		}
	}
	if o.state, err = filepath.Abs(o.state); err != nil {
		return err
	}
	if o.dryRun {
		return o.withRotation(cmd, a, func() (publish.Rotation, bool, error) { return publish.ReadState(o.state) }, o.dry)
	}
	file, err := publish.OpenState(o.state, a.domain())
	if err != nil {
		return err
	}
	defer file.Close()
	return o.withRotation(cmd, a, file.Load, func(cmd *cobra.Command, p *publish.Publisher, t publish.Target, r publish.Rotation) error {
		return o.rotate(cmd, p, t, &r, publish.Orders{
			Save: o.saver(file), Switch: o.switcher(cmd, &r, program), Switched: o.switched, Retire: o.retire,
		}, args)
	})
}

// withRotation runs f with the rotation that is kept, or with one that begins.
func (o *rotateOptions) withRotation(cmd *cobra.Command, a *asked, load func() (publish.Rotation, bool, error), f func(*cobra.Command, *publish.Publisher, publish.Target, publish.Rotation) error) error {
	kept, found, err := load()
	if err != nil {
		return err
	}
	if found && kept.Stage != publish.Retired {
		if err := o.continues(a, &kept); err != nil {
			return err
		}
	} else if !found {
		if err := o.alone(a); err != nil {
			return err
		}
	}
	return o.withPublisher(cmd, a.c, func(p *publish.Publisher, t publish.Target, _ *engine) error {
		r, err := o.begun(cmd.Context(), p, a, kept, found)
		if err != nil {
			return o.told(cmd, t, &r, &publish.Report{}, err, nil)
		}
		return f(cmd, p, t, r)
	})
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
	var e *publish.Error
	switch {
	case errors.As(err, &e) && e.Kind == publish.Missing && r.Stage > publish.Planned:
		return nil // Rotate says what becomes of it, and writes nothing
	case err != nil:
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

// exitOfRotation is 0 where err is nil and what was ordered is done, else it says whether
// anything was written.
func (o *rotateOptions) exitOfRotation(r *publish.Rotation, report *publish.Report, err error) int {
	var e *publish.Error
	switch {
	case err == nil && o.retire && r.Stage != publish.Retired:
		return exitNotProven
	case err == nil:
		return 0
	case !errors.As(err, &e):
		return exitError
	case o.dryRun:
		return exitUnwritten
	case r.Stage == publish.Retired:
		return exitOf(report, e)
	case r.Stage > publish.Planned || exitOf(report, e) == exitNotProven && report.Written():
		return exitNotProven
	}
	return exitUnwritten
}
