package main

import (
	"errors"
	"fmt"

	"cnfd/acme/ca"

	"github.com/spf13/cobra"
)

func newACMERotate() *cobra.Command {
	var o acmeInitOptions
	var rootKey string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new intermediate, with a new key, which issues from then on",
		Long: `Make a new intermediate under the same root. A daemon that runs takes it into use when it is told to read its
configuration anew (SIGHUP; systemctl reload cnfd). What the former ones have issued stays good, and their
revocation lists go on.`,
		Example: `  cnfd acme rotate
  cnfd acme rotate --root-key /mnt/safe/root.key`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("root-key") && rootKey == "" {
				return errors.New("--root-key: empty: name the file, or leave it out")
			}
			setup, err := o.setup()
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				if err := mayMake(d.dir); err != nil {
					return err
				}
				setup.Now = d.now()
				if _, err := ca.Rotate(d.dir, setup, rootKey); err != nil {
					return err
				}
				made, err := newestIntermediate(d)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), made)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "made %s: %s, until %s\nReload the daemon, and it issues from there: systemctl reload cnfd, or SIGHUP.\n", shown(made.File), shown(made.Subject), made.NotAfter)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&rootKey, "root-key", "", "the `FILE` with the root's key (default: root.key in the CA's directory)")
	f.StringVar(&o.keyType, "key-type", "", "the `TYPE` of the new key: p256, p384, rsa, ed25519 (default: that of the one before)")
	f.StringVar(&o.name, "name", "", "the `NAME` of the CA, which the new certificate shows (default: that of the root)")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}
