package main

import (
	"context"
	"errors"

	"cnfd/publish"

	"github.com/spf13/cobra"
)

func newPublishAdd() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "add --subject URL --key FILE",
		Short: "Publish the record of a key beside what is there, and wait until it is proven",
		Long: `Put the record of your key beside the records that stand at its name, and wait: until every name server of the
zone serves it, then until a fresh lookup proves it secure. What is there already is only waited for, so that the
command can be called again at any time.

The record is made from your own key, in the file: never from what a server says. The key is a JWK, a PEM or DER
key or certificate, or a COSE_Key; of a private key only the public part is used.

Exit codes: 0 done and proven (or printed, or a dry run), 1 written but not proven in time, 2 nothing written, 3 error.`,
		Example: `  cnfd publish add --subject https://vendor.example --key key.jwk --to rfc2136 --credentials update.key
  cnfd publish add --config cnfd.yaml --subject https://vendor.example --key key.pem --method jwk,1 --form both
  cnfd publish add --subject https://vendor.example --key key.jwk --to zone >> vendor.example.zone
  cnfd publish add --config cnfd.yaml --subject https://vendor.example --key key.jwk --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.add(cmd) },
	}
	o.addFlags(cmd)
	return cmd
}

func (o *publishOptions) add(cmd *cobra.Command) error {
	if o.subject != "" && o.key == "" {
		return errors.New("--key: give the file with your key, or - for standard input")
	}
	c, err := o.load(cmd)
	if err != nil {
		return err
	}
	key, err := o.keyOctets(cmd)
	if err != nil {
		return err
	}
	entries, err := o.entriesOf(c, key)
	if err != nil {
		return o.ofKey(err)
	}
	return o.carry(cmd, c, verb{
		name: "add",
		plan: (*publish.Publisher).PlanPublish,
		do: func(p *publish.Publisher, ctx context.Context, entries []publish.Entry, _ []publish.Change) (publish.Report, error) {
			return p.Publish(ctx, entries)
		},
	}, entries)
}
