package main

import (
	"errors"
	"fmt"
	"slices"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"

	"github.com/spf13/cobra"
)

func newACMEGrant() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Let the record alone be enough for an account and a domain",
		Long: `Let the confirmation record alone be enough for an account and a domain, under a profile with grant: record,
where the domain's own CAA set does not say so. A grant is for that name alone: *.vendor.example is another.`,
		Example: `  cnfd acme grant add --account evOfKhNU60wg --domain vendor.example
  cnfd acme grant list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newACMEGrantChange("add", "Let the record alone be enough", addGrant),
		newACMEGrantChange("remove", "Take a grant back", dropGrant), newACMEGrantList())
	return cmd
}

// grantDoc is a grant as --json prints it.
type grantDoc struct {
	Account  string `json:"account"`
	Domain   string `json:"domain"`
	External string `json:"external,omitempty"` // the kid by which it is granted; none: cnfd acme grant add
	Status   string `json:"status"`             // the account's: with another than valid nothing is granted
}

// String is a line for people.
func (g grantDoc) String() string {
	text := "account " + g.Account + "  " + g.Domain
	if g.Status != string(acme.Valid) {
		text += "  of no use: the account is " + g.Status
	}
	if g.External != "" {
		text += "  by external account " + g.External
	}
	return shown(text)
}

func newACMEGrantChange(verb, short string, change func(tx acme.Tx, g acme.Grantee) error) *cobra.Command {
	var o acmeOptions
	var account, domain string
	cmd := &cobra.Command{
		Use:     verb + " --account ID --domain DOMAIN",
		Short:   short,
		Example: "  cnfd acme grant " + verb + " --account evOfKhNU60wg --domain '*.vendor.example'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := accountID(account, withConfig(o.config))
			if err != nil {
				return fmt.Errorf("--account: %w", err)
			}
			name, err := grantee(domain)
			if err != nil {
				return fmt.Errorf("--domain: %w", err)
			}
			return o.withStore(func(d *desk) error {
				g := acme.Grantee{Account: id, Domain: name}
				if err := d.store.Update(cmd.Context(), func(tx acme.Tx) error { return change(tx, g) }); err != nil {
					return err
				}
				doc := grantDoc{Account: g.Account, Domain: g.Domain}
				err := d.store.View(cmd.Context(), func(tx acme.Tx) error { return doc.ofAccount(tx) })
				if err != nil {
					return err
				}
				if verb == "add" {
					d.warnNoGrant(cmd)
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), doc)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "the account's `ID`, or URL")
	f.StringVar(&domain, "domain", "", "the `DOMAIN`, *.DOMAIN for the wildcard, or an IP address")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

func addGrant(tx acme.Tx, g acme.Grantee) error {
	a, err := tx.Account(g.Account)
	if err != nil {
		return ofStore(err, "account", g.Account)
	}
	if a.Status != acme.Valid {
		return fmt.Errorf("account %s: it is %s: nothing can be granted to it", g.Account, a.Status)
	}
	all, err := tx.Grants()
	if err != nil || slices.Contains(all, g) {
		return err
	}
	return tx.PutGrant(g)
}

func dropGrant(tx acme.Tx, g acme.Grantee) error {
	err := tx.DropGrant(g)
	if errors.Is(err, acme.ErrNotFound) {
		return &advised{say: func(with string) string {
			return fmt.Sprintf("account %s has no grant of its own for %s: cnfd acme grant list%s shows all", g.Account, shown(g.Domain), with)
		}}
	}
	return err
}

func newACMEGrantList() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List what is granted, those of external accounts too",
		Example: "  cnfd acme grant list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(func(d *desk) error {
				var all []grantDoc
				err := d.store.View(cmd.Context(), func(tx acme.Tx) (err error) {
					all, err = grantsIn(tx)
					return err
				})
				if len(all) > 0 {
					d.warnNoGrant(cmd)
				}
				for _, g := range all {
					if err == nil && o.json {
						err = printJSON(cmd.OutOrStdout(), g)
					} else if err == nil {
						_, err = fmt.Fprintln(cmd.OutOrStdout(), g)
					}
				}
				return err
			})
		},
	}
	o.addFlags(cmd, "print one JSON object a grant, one a line")
	return cmd
}

// grantsIn are all that hold: those of an external account hold for the account that was
// made with it.
func grantsIn(tx acme.Tx) (all []grantDoc, err error) {
	own, err := tx.Grants()
	if err != nil {
		return nil, err
	}
	for _, g := range own {
		all = append(all, grantDoc{Account: g.Account, Domain: g.Domain})
	}
	external, err := tx.ExternalAccounts()
	if err != nil {
		return nil, err
	}
	for _, e := range external {
		for _, domain := range e.Domains {
			if e.Account != "" && !e.Removed {
				all = append(all, grantDoc{Account: e.Account, Domain: domain, External: e.KID})
			}
		}
	}
	for i := range all {
		if err := all[i].ofAccount(tx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ofAccount puts in how the account stands.
func (g *grantDoc) ofAccount(tx acme.Tx) error {
	a, err := tx.Account(g.Account)
	if err == nil {
		g.Status = string(a.Status)
	}
	if errors.Is(err, acme.ErrNotFound) {
		g.Status, err = "not there", nil
	}
	return err
}

// warnNoGrant warns of grants that no profile of the configuration goes by.
func (d *desk) warnNoGrant(cmd *cobra.Command) {
	if !slices.ContainsFunc(d.config.ACME.Profiles, func(p config.Profile) bool { return p.Grant == "record" }) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: no profile of the configuration has grant: record, so that a grant changes nothing\n", cmd.CommandPath())
	}
}
