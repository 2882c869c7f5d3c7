package main

import (
	"context"
	"errors"
	"slices"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
	"cnfd/record"

	"github.com/spf13/cobra"
)

func newPublishRemove() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "remove --subject URL --key FILE",
		Short: "Withdraw the record of a key, and wait until its absence is proven",
		Long: `Take away the records of your key, which revokes every credential with that key, and nothing beside them; then
wait until every name server of the zone says so and proves it. It prints until when caches may still say yes.

A key may be published for several methods and in both forms of the name: all of its records go that the place holds, or that a server still has.
With --method or --form only those do, and what is left goes on confirming credentials of the other methods.

With --all every TLSA record at the name goes. Those that are not of the given key may be somebody else's: they are
shown, and removed only with --yes. Without --key that is all of them.

Exit codes: 0 done and proven (or printed, or a dry run), 1 written but not proven in time, 2 nothing written, 3 error.`,
		Example: `  cnfd publish remove --subject https://vendor.example --key key.jwk --to rfc2136 --credentials update.key
  cnfd publish remove --config cnfd.yaml --subject https://vendor.example --all --yes
  cnfd publish remove --config cnfd.yaml --subject https://vendor.example --key key.jwk --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.remove(cmd) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "remove every TLSA record at the name")
	return cmd
}

func (o *publishOptions) remove(cmd *cobra.Command) error {
	if o.subject != "" && o.key == "" && !o.all {
		return errors.New("--key: give the file with the key whose record is to go, or say --all")
	}
	o.revokes = true
	c, err := o.load(cmd)
	if err != nil {
		return err
	}
	var key []byte
	if o.key != "" {
		if key, err = o.keyOctets(cmd); err != nil {
			return err
		}
	}
	entries, err := o.withdrawn(c, key)
	if err != nil {
		return o.ofKey(err)
	}
	v := verb{
		name: "remove", removes: true,
		plan: (*publish.Publisher).PlanWithdraw,
		do: func(p *publish.Publisher, ctx context.Context, entries []publish.Entry, _ []publish.Change) (publish.Report, error) {
			return p.Withdraw(ctx, entries)
		},
	}
	switch given := cmd.Flags().Changed; {
	case o.all:
		v.plan, v.do = (*publish.Publisher).PlanWithdrawAll, (*publish.Publisher).WithdrawAll
	case !given("method") && !given("form"):
		everywhere, err := o.everywhere(c, key, entries)
		if err != nil {
			return err
		}
		v.find = func(ctx context.Context, p *publish.Publisher) []publish.Entry {
			return o.standing(ctx, p, everywhere, entries)
		}
	}
	return o.carry(cmd, c, v, entries)
}

// everywhere are the records that the key could have, at every method and form, those
// of entries first.
func (o *publishOptions) everywhere(c *config.Config, key []byte, entries []publish.Entry) ([]publish.Entry, error) {
	list := listOptions{subject: o.subject, form: "both"}
	domain, owners, err := list.owners(c)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(entries)
	for _, at := range owners {
		e, err := entryAt(domain, at, key)
		if err == nil && at.form != record.LegacyDID && !slices.Contains(all, e) { // an error: the file has nothing that this method names
			all = append(all, e)
		}
	}
	return all, nil
}

// standing are the records that the place holds, or that a server still has after a call
// that was cut short; where there are none, those that were meant to begin with. Where the
// place cannot tell of a name all are: that one then fails by itself, and is not forgotten.
func (o *publishOptions) standing(ctx context.Context, p *publish.Publisher, everywhere, entries []publish.Entry) []publish.Entry {
	there, troubles := p.Standing(ctx, everywhere)
	said := map[string]bool{}
	for _, err := range troubles {
		if said[err.Error()] {
			continue
		}
		said[err.Error()] = true
		o.teller.tell(publish.Event{At: o.now(), Step: publish.Warning, Text: "whether the key is published there too is not known: " + err.Error()})
	}
	lost := slices.ContainsFunc(troubles, func(err error) bool {
		var e *publish.Error
		return !errors.As(err, &e) || !slices.Contains(elsewhere, e.Kind)
	})
	if lost { // what was not read is to be read again, and to fail by itself
		return everywhere
	}
	for _, e := range p.Heard(ctx, everywhere) {
		if !slices.Contains(there, e) {
			there = append(there, e)
		}
	}
	for _, e := range entries {
		if len(there) == 0 || len(troubles) > 0 && !slices.Contains(there, e) {
			there = append(there, e)
		}
	}
	return there
}

// withdrawn are the entries whose records go: of the key, or of a name alone.
func (o *publishOptions) withdrawn(c *config.Config, key []byte) ([]publish.Entry, error) {
	if key != nil {
		return o.entriesOf(c, key)
	}
	domain, owners, err := o.owners(c)
	var all []publish.Entry
	for _, at := range owners {
		all = append(all, publish.Entry{Name: at.name, Domain: domain, Method: at.method.String(), Form: at.form.String()})
	}
	return all, err
}
