package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"cnfd/acme"

	"github.com/spf13/cobra"
)

func newACMEExternal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "external",
		Short: "Give out keys with which somebody makes an account",
		Long: `Give out keys with which somebody makes an account (external account binding, RFC 8555 §7.3.4), and take them
back. With acme.external_accounts: true nobody makes an account without one.`,
		Example: `  cnfd acme external add --note "web team" --domain vendor.example
  cnfd acme external list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newACMEExternalAdd(), newACMEExternalList(), newACMEExternalRemove())
	return cmd
}

// externalDoc is an external account as --json prints it.
type externalDoc struct {
	KID string `json:"kid"`
	// HMACKey is printed once, by add.
	HMACKey string   `json:"hmac_key,omitempty"`
	Domains []string `json:"domains"`
	Note    string   `json:"note,omitempty"`
	Account string   `json:"account,omitempty"`
	Created string   `json:"created"`
	Removed bool     `json:"removed"`
}

func externalDocOf(e *acme.ExternalAccount) *externalDoc {
	d := &externalDoc{KID: e.KID, Domains: e.Domains, Note: e.Note, Account: e.Account, Created: utc(e.Created), Removed: e.Removed}
	if d.Domains == nil {
		d.Domains = []string{}
	}
	return d
}

func newACMEExternalAdd() *cobra.Command {
	var o acmeOptions
	var domains []string
	var note string
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Make a key for one account, and print it once",
		Long: `Make a key with which one account can be made, and print it: as certbot, acme.sh, lego and others want it. It is
shown this once and never again. For each --domain the account's record alone is enough, under a profile with grant:
record, also where the domain's own CAA set does not say so.`,
		Example: `  cnfd acme external add --note "web team"
  cnfd acme external add --domain vendor.example --domain '*.vendor.example'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := &acme.ExternalAccount{Note: note}
			for _, text := range domains {
				domain, err := grantee(text)
				if err != nil {
					return fmt.Errorf("--domain: %w", err)
				}
				if !slices.Contains(e.Domains, domain) {
					e.Domains = append(e.Domains, domain)
				}
			}
			if len(note) > maxNote {
				return fmt.Errorf("--note: want %d octets at the most", maxNote)
			}
			return o.withStore(func(d *desk) error {
				e.KID, e.Key, e.Created = newKID(), newMAC(rand.Read), d.now()
				if err := d.store.Update(cmd.Context(), func(tx acme.Tx) error { return tx.PutExternalAccount(e) }); err != nil {
					return err
				}
				if len(e.Domains) > 0 {
					d.warnNoGrant(cmd)
				}
				doc := externalDocOf(e)
				doc.HMACKey = base64.RawURLEncoding.EncodeToString(e.Key)
				if o.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "kid       %s\nhmac key  %s\n\nIt is not shown again. certbot takes it so:\n  --eab-kid %s --eab-hmac-key %s\n", doc.KID, doc.HMACKey, doc.KID, doc.HMACKey)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&domains, "domain", nil, "let the record alone be enough for this `DOMAIN`, *.DOMAIN for the wildcard, or address; may be given again")
	f.StringVar(&note, "note", "", "whom it is for: a `TEXT` that list shows")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

// newKID makes a kid, which begins with a letter: one that began with - would be taken for a flag.
func newKID() string {
	octets := make([]byte, 12)
	rand.Read(octets) // never fails
	return "e" + base64.RawURLEncoding.EncodeToString(octets)
}

// newMAC makes a key of what HS256 wants (RFC 7518 §3.2), whose base64url is no flag either. random is
// rand.Read, which never fails.
func newMAC(random func([]byte) (int, error)) []byte {
	key := make([]byte, 32)
	for random(key); key[0]>>2 == 62; { // of base64url's 64 digits the - is that of 62
		random(key)
	}
	return key
}

// maxNote is more than a line.
const maxNote = 200

func newACMEExternalList() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys that were given out, without the keys themselves",
		Example: "  cnfd acme external list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(func(d *desk) error {
				var all []*acme.ExternalAccount
				err := d.store.View(cmd.Context(), func(tx acme.Tx) (err error) {
					all, err = tx.ExternalAccounts()
					return err
				})
				for _, e := range all {
					doc := externalDocOf(e)
					if err == nil && o.json {
						err = printJSON(cmd.OutOrStdout(), doc)
					} else if err == nil {
						_, err = fmt.Fprintln(cmd.OutOrStdout(), doc)
					}
				}
				return err
			})
		},
	}
	o.addFlags(cmd, "print one JSON object a key, one a line")
	return cmd
}

// String is a line for people.
func (d *externalDoc) String() string {
	text := d.KID + "  since " + d.Created
	switch {
	case d.Removed:
		text += "  removed"
	case d.Account == "":
		text += "  not used yet"
	}
	if d.Account != "" {
		text += "  account " + d.Account
	}
	if len(d.Domains) > 0 {
		text += "  grants " + strings.Join(d.Domains, ", ")
	}
	if d.Note != "" {
		text += "  " + d.Note
	}
	return shown(text)
}

func newACMEExternalRemove() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:   "remove KID",
		Short: "Take a key back: no account is made with it, and its grants end",
		Long: `Take a key back: no account is made with it any more, and what it grants for its domains ends. The account that was
made with it goes on: cnfd acme accounts deactivate ends that.`,
		Example: "  cnfd acme external remove eqPTm7cL3VYgJ1bVn",
		Args:    exactly(1, "a kid, as cnfd acme external list prints it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if secret(args[0]) {
				return fmt.Errorf("the argument is no kid: cnfd acme external list%s prints them", withConfig(o.config))
			}
			return o.withStore(func(d *desk) error {
				var e *acme.ExternalAccount
				err := d.store.Update(cmd.Context(), func(tx acme.Tx) (err error) {
					if e, err = tx.ExternalAccount(args[0]); err != nil {
						return ofStore(err, "external account", args[0])
					}
					e.Removed = true
					return tx.PutExternalAccount(e)
				})
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(cmd.OutOrStdout(), externalDocOf(e))
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), externalDocOf(e))
				return err
			})
		},
	}
	o.addFlags(cmd, "print one JSON object")
	return cmd
}
