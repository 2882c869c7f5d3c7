package main

import (
	"context"
	"errors"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"

	"github.com/spf13/cobra"
)

func newPublishRemove() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "remove --subject URL --key FILE",
		Short: "Withdraw the record of a key, and wait until its absence is proven",
		Long: `Take away the record of your key, which revokes every credential with that key, and nothing beside it; then wait
until every name server of the zone says so and proves it. It prints until when caches may still say yes.

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
	c, err := o.load(cmd)
	if err != nil {
		return err
	}
	entries, err := o.withdrawn(cmd, c)
	if err != nil {
		return err
	}
	v := verb{
		name: "remove", removes: true,
		plan: func(ctx context.Context, p *publish.Publisher) ([]publish.Change, error) {
			return p.PlanWithdraw(ctx, entries)
		},
		do: func(ctx context.Context, p *publish.Publisher) (publish.Report, error) {
			return p.Withdraw(ctx, entries)
		},
	}
	if o.all {
		v.plan = func(ctx context.Context, p *publish.Publisher) ([]publish.Change, error) {
			return p.PlanWithdrawAll(ctx, entries)
		}
		v.do = func(ctx context.Context, p *publish.Publisher) (publish.Report, error) {
			return p.WithdrawAll(ctx, entries)
		}
	}
	return o.carry(cmd, c, v, entries)
}

// withdrawn are the entries whose records go: of the key, or of a name alone.
func (o *publishOptions) withdrawn(cmd *cobra.Command, c *config.Config) ([]publish.Entry, error) {
	if o.key != "" {
		return o.entries(cmd, c, o.key)
	}
	domain, owners, err := o.owners(c)
	var all []publish.Entry
	for _, at := range owners {
		all = append(all, publish.Entry{Name: at.name, Domain: domain, Method: at.method.String(), Form: at.form.String()})
	}
	return all, err
}
