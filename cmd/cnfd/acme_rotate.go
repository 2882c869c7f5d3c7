package main

import (
	"errors"
	"fmt"

	"cnfd/acme/ca"

	"github.com/spf13/cobra"
)

func newACMERotate() *cobra.Command {
	var o acmeRotateOptions
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new intermediate, with a new key, which issues from then on",
		Long: `Make a new intermediate under the same root, and the root's next revocation list, which is good for a year. A daemon
that runs takes the intermediate into use when it is told to read its configuration anew (SIGHUP; systemctl reload
cnfd), and gives the list out at once. What the former ones have issued stays good, and their revocation lists go on.

With --revoke-former that list names all former intermediates, the one in use until now too: nobody who looks at it
believes what they have issued. Every client needs a new certificate then. With --list-only nothing is made but the list.`,
		Example: `  cnfd acme rotate
  cnfd acme rotate --root-key /mnt/safe/root.key
  cnfd acme rotate --root-key /mnt/safe/root.key --revoke-former --reason keyCompromise
  cnfd acme rotate --root-key /mnt/safe/root.key --list-only`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			setup, err := o.setup(cmd)
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				if o.listOnly {
					return d.renewRootList(cmd, o.json, o.rootKey)
				}
				return o.rotate(cmd, d, setup)
			})
		},
	}
	f := cmd.Flags()
	rootKeyFlag(cmd, &o.rootKey)
	f.StringVar(&o.keyType, "key-type", "", "the `TYPE` of the new key: p256, p384, rsa, ed25519 (default: that of the one before)")
	f.StringVar(&o.name, "name", "", "the `NAME` of the CA, which the new certificate shows (default: that of the root)")
	f.BoolVar(&o.revokeFormer, "revoke-former", false, "revoke all former intermediates, the one in use until now too")
	f.StringVar(&o.reason, "reason", "unspecified", "the `REASON` of --revoke-former, as of cnfd acme revoke")
	f.BoolVar(&o.listOnly, "list-only", false, "make the root's next revocation list, and no intermediate")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

type acmeRotateOptions struct {
	acmeInitOptions
	rootKey, reason        string
	revokeFormer, listOnly bool
}

// setup is what the flags say, which have to go together.
func (o *acmeRotateOptions) setup(cmd *cobra.Command) (ca.Setup, error) {
	if err := rootKeyGiven(cmd, o.rootKey); err != nil {
		return ca.Setup{}, err
	}
	given := cmd.Flags().Changed
	switch {
	case given("reason") && !o.revokeFormer:
		return ca.Setup{}, errors.New("--reason: it is for --revoke-former alone")
	case o.listOnly && (o.revokeFormer || given("key-type") || given("name")):
		return ca.Setup{}, errors.New("--list-only: it makes no intermediate, and goes with neither --revoke-former, --key-type nor --name; cnfd acme revoke --issuer revokes a former one")
	}
	setup, err := o.acmeInitOptions.setup()
	if err != nil {
		return ca.Setup{}, err
	}
	setup.RevokeFormer = o.revokeFormer
	setup.Reason, err = reasonCode(o.reason)
	return setup, err
}

func (o *acmeRotateOptions) rotate(cmd *cobra.Command, d *desk, setup ca.Setup) error {
	if err := mayMake(d.dir); err != nil {
		return err
	}
	setup.Now, setup.URL = d.now(), listedAt(&d.config.ACME, d.config.ACME.URL)
	if _, err := ca.Rotate(d.dir, setup, o.rootKey); err != nil {
		return err
	}
	made, former, err := newestIntermediate(d)
	if err != nil {
		return err
	}
	list, err := newestRootList(d.dir)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if o.json {
		return printJSON(w, rotatedDoc{made, former, list})
	}
	fmt.Fprintf(w, "made %s: %s, until %s; its list is served as /crl/%s.crl\n", shown(made.File), shown(made.Subject), made.NotAfter, made.ID)
	for _, id := range former {
		fmt.Fprintf(w, "  that of a former one is /crl/%s.crl\n", id)
	}
	if err := list.print(w); err != nil {
		return err
	}
	if o.revokeFormer {
		fmt.Fprintln(w, "Every client needs a new certificate: where the root's list is looked at, none is believed that was issued until now.")
	}
	_, err = fmt.Fprintln(w, "Reload the daemon, and it issues from there: systemctl reload cnfd, or SIGHUP.")
	return err
}

// rotatedDoc is what was made, as --json prints it.
type rotatedDoc struct {
	madeDoc
	Former   []string     `json:"former"` // ids, newest first
	RootList *rootListDoc `json:"root_list"`
}

// renewRootList makes the root's next list, with more on it.
func (d *desk) renewRootList(cmd *cobra.Command, asJSON bool, rootKey string, revoked ...ca.Revocation) error {
	if err := mayMake(d.dir); err != nil {
		return err
	}
	if err := ca.RenewRootList(d.dir, d.now(), rootKey, revoked...); err != nil {
		return err
	}
	list, err := newestRootList(d.dir)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), list)
	}
	return list.print(cmd.OutOrStdout())
}

func rootKeyFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "root-key", "", "the `FILE` with the root's key (default: root.key in the CA's directory)")
}

// rootKeyGiven refuses an empty --root-key: a variable that was not set, say.
func rootKeyGiven(cmd *cobra.Command, file string) error {
	if cmd.Flags().Changed("root-key") && file == "" {
		return errors.New("--root-key: empty: name the file, or leave it out")
	}
	return nil
}
