package main

import (
	"fmt"
	"io"
	"strings"

	"cnfd/acme"
	"cnfd/acme/ca"

	"github.com/spf13/cobra"
)

func newACMEAccounts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "List the accounts of ACME clients, or end one",
		Example: `  cnfd acme accounts list
  cnfd acme accounts deactivate evOfKhNU60wg`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newACMEAccountsList(), newACMEAccountsShow(), newACMEAccountsDeactivate())
	return cmd
}

func newACMEAccountsList() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  cnfd acme accounts list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(func(d *desk) error {
				d.warnURL(cmd)
				id := func(a *acme.Account) string { return a.ID }
				return each(cmd.Context(), d.store, acme.Tx.Accounts, id, func(a *acme.Account) error {
					doc := accountDocOf(a)
					if o.json {
						return printJSON(cmd.OutOrStdout(), doc)
					}
					_, err := fmt.Fprintln(cmd.OutOrStdout(), shown(strings.TrimSpace(fmt.Sprintf("%s  %s  since %s  %s", doc.ID, doc.Status, doc.Created, strings.Join(doc.Contact, ", ")))))
					return err
				})
			})
		},
	}
	o.addFlags(cmd, "print one JSON object an account, one a line")
	return cmd
}

// accountDoc is an account as --json prints it.
type accountDoc struct {
	ID         string   `json:"id"`
	URL        string   `json:"url,omitempty"`
	Status     string   `json:"status"`
	Created    string   `json:"created"`
	Thumbprint string   `json:"thumbprint"` // jkt of its key
	Contact    []string `json:"contact"`
	Terms      bool     `json:"terms_agreed"`
	TermsURL   string   `json:"terms_url,omitempty"` // to which it has agreed
	External   string   `json:"external,omitempty"`
	Grants     []string `json:"grants,omitempty"` // show alone tells them, and what follows
	// Certificates counts those that have neither expired nor been revoked, and whose issuer is not revoked.
	Certificates *int `json:"certificates,omitempty"`
	// IssuerRevoked counts those that would be among them but for their issuer.
	IssuerRevoked int `json:"issuer_revoked,omitempty"`
}

func accountDocOf(a *acme.Account) *accountDoc {
	d := &accountDoc{
		ID: a.ID, Status: string(a.Status), Created: utc(a.Created), Thumbprint: a.Thumbprint, Contact: a.Contact, Terms: a.Terms, TermsURL: a.TermsURL, External: a.External,
	}
	if d.Contact == nil {
		d.Contact = []string{}
	}
	return d
}

func newACMEAccountsShow() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show an account, what it is granted, and how many certificates it has",
		Example: "  cnfd acme accounts show evOfKhNU60wg",
		Args:    exactly(1, "an account's id, or its URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := accountID(args[0], withConfig(o.config))
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				ended, err := d.ended()
				if err != nil {
					return err
				}
				doc, err := d.account(cmd, id, ended)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				doc.print(cmd.OutOrStdout())
				return nil
			})
		},
	}
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

func (d *desk) account(cmd *cobra.Command, id string, ended map[string]ca.Ended) (doc *accountDoc, err error) {
	err = d.store.View(cmd.Context(), func(tx acme.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return ofStore(err, "account", id)
		}
		doc = accountDocOf(a)
		grants, err := tx.Grants()
		if err != nil {
			return err
		}
		for _, g := range grants {
			if g.Account == id {
				doc.Grants = append(doc.Grants, g.Domain)
			}
		}
		if a.External == "" {
			return nil
		}
		e, err := tx.ExternalAccount(a.External)
		if err == nil && !e.Removed {
			doc.Grants = append(doc.Grants, e.Domains...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.config.ACME.URL != "" {
		doc.URL = d.config.ACME.URL + accountPath + id
	}
	n := 0
	doc.Certificates = &n
	filter := acme.Filter{Account: id, Alive: d.now()}
	page := func(tx acme.Tx, after string, most int) ([]*acme.Certificate, error) {
		return tx.Certificates(filter, after, most)
	}
	err = each(cmd.Context(), d.store, page, func(c *acme.Certificate) string { return c.Serial }, func(c *acme.Certificate) error {
		switch _, over := ended[c.Issuer]; {
		case !c.Revoked.IsZero():
		case over:
			doc.IssuerRevoked++
		default:
			n++
		}
		return nil
	})
	return doc, err
}

// accountPath is what stands between acme.url and an account's id in its URL.
const accountPath = "/acme/acct/"

func (d *accountDoc) print(w io.Writer) {
	certificates := fmt.Sprintf("%d that are valid", *d.Certificates)
	if d.IssuerRevoked > 0 {
		certificates += fmt.Sprintf(", %d whose issuer is revoked", d.IssuerRevoked)
	}
	for _, line := range [...]struct{ what, is string }{
		{"account", d.ID}, {"url", d.URL}, {"status", d.Status}, {"created", d.Created}, {"key", d.Thumbprint + " (jkt)"},
		{"contact", strings.Join(d.Contact, ", ")}, {"external", d.External}, {"grants", strings.Join(d.Grants, ", ")},
		{"certificates", certificates},
	} {
		if line.is != "" {
			fmt.Fprintf(w, "%-12s %s\n", line.what, shown(line.is))
		}
	}
}

func newACMEAccountsDeactivate() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:   "deactivate ID",
		Short: "End an account for good, with all its orders and authorizations",
		Long: `End an account, as its holder could: it can do nothing any more, its open orders and its authorizations end with it,
and its key comes back to no account. Its status is revoked then, since it was not its holder who ended it. Its
certificates live on: cnfd acme list --account ID shows them, and cnfd acme revoke ends them.`,
		Example: "  cnfd acme accounts deactivate evOfKhNU60wg",
		Args:    exactly(1, "an account's id, or its URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := accountID(args[0], withConfig(o.config))
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				now, why := d.now(), acme.Problemf(acme.Unauthorized, "the operator of this server has ended the account")
				err := d.store.Update(cmd.Context(), func(tx acme.Tx) error {
					return acme.DeactivateAccount(tx, id, acme.Revoked, why, now)
				})
				if err != nil {
					return ofStore(err, "account", id)
				}
				doc, err := d.account(cmd, id, d.endedOrWarn(cmd))
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "account %s deactivated (status %s); %s: cnfd acme list --account %s%s\n", doc.ID, doc.Status, stillAlive(*doc.Certificates), doc.ID, d.with)
				return err
			})
		},
	}
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

func stillAlive(certificates int) string {
	if certificates == 1 {
		return "1 certificate lives on"
	}
	return fmt.Sprintf("%d certificates live on", certificates)
}
