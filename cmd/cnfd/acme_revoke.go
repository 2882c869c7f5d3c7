package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cnfd/acme"
	"cnfd/acme/ca"

	"github.com/spf13/cobra"
)

func newACMERevoke() *cobra.Command {
	var o acmeOptions
	var reason, issuer, rootKey string
	cmd := &cobra.Command{
		Use:   "revoke SERIAL | --issuer ID",
		Short: "Revoke a certificate, or a former intermediate",
		Long: `Revoke a certificate, whoever has it. A daemon that runs has it on the revocation list within a second; caches may
give out the list of before for up to 5 minutes, and who keeps a list for longer has to fetch the next.

With --issuer it is a former intermediate, with all that it has issued: the root's next list names it, which needs the
root's key. Its ID is what cnfd acme list --json has as issuer. cnfd acme rotate --revoke-former revokes the one in use.

The reasons are ` + strings.Join(reasonWords(), ", ") + `.`,
		Example: `  cnfd acme revoke 3a5f90c2d1e47b6880fe --reason keyCompromise
  cnfd acme revoke --issuer 0123456789abcdef --root-key /mnt/safe/root.key`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("issuer") {
				return noArgs(cmd, args)
			}
			return exactly(1, "a serial")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := reasonCode(reason)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("issuer") {
				return o.revokeIssuer(cmd, issuer, code, rootKey)
			}
			if cmd.Flags().Changed("root-key") {
				return errors.New("--root-key: it is for --issuer alone")
			}
			serial, err := serialOf(args[0], withConfig(o.config))
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				now := d.now()
				var c *acme.Certificate
				err := d.store.Update(cmd.Context(), func(tx acme.Tx) (err error) {
					if err = acme.RevokeCertificate(tx, serial, code, now); err == nil {
						c, err = tx.Certificate(serial)
					}
					return err
				})
				if err != nil {
					return ofStore(err, "certificate", serial)
				}
				if err := d.willBeListed(cmd.Context(), c); err != nil {
					return err
				}
				doc := certificateDocOf(c, d.endedOrWarn(cmd), now)
				doc.CRL = listOf(c)
				if o.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				fmt.Fprintln(cmd.OutOrStdout(), shown(fmt.Sprintf("%s  revoked (%s)  %s  %s", doc.Serial, doc.Reason, doc.whose(), doc.names())))
				return tellListed(cmd.OutOrStdout(), doc.CRL, now.After(c.NotAfter))
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "unspecified", "the `REASON`, which lists show")
	cmd.Flags().StringVar(&issuer, "issuer", "", "the `ID` of a former intermediate, which is revoked instead of a certificate")
	rootKeyFlag(cmd, &rootKey)
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

// listOf is where a certificate says that its revocation list is; "": it does not.
func listOf(c *acme.Certificate) string {
	cert, err := x509.ParseCertificate(c.Leaf)
	if err != nil || len(cert.CRLDistributionPoints) == 0 {
		return ""
	}
	return cert.CRLDistributionPoints[0]
}

// tellListed says who learns of a revocation, where and when.
func tellListed(w io.Writer, list string, expired bool) (err error) {
	switch {
	case expired:
		_, err = fmt.Fprintln(w, "It has expired: no revocation list need name it.")
	case list != "":
		_, err = fmt.Fprintf(w, `The list is at %s
  A daemon that runs has it on there within a second.
  Caches may give out the list of before for up to 5 minutes; who keeps a list for longer has to fetch it.
`, shown(list))
	}
	return err
}

// revokeIssuer puts a former intermediate on the root's list.
func (o *acmeOptions) revokeIssuer(cmd *cobra.Command, issuer string, code int, rootKey string) error {
	if err := rootKeyGiven(cmd, rootKey); err != nil {
		return err
	}
	if len(issuer) != 16 || strings.Trim(issuer, "0123456789abcdef") != "" {
		return errors.New("--issuer: want 16 hexadecimal digits, as cnfd acme list --json has them as issuer")
	}
	return o.withStore(func(d *desk) error {
		return d.renewRootList(cmd, o.json, rootKey, ca.Revocation{Issuer: issuer, Reason: code})
	})
}

// willBeListed says why no revocation list will name a certificate that has just been revoked: what
// the store says is no good to anybody but this server then.
func (d *desk) willBeListed(ctx context.Context, c *acme.Certificate) error {
	if d.now().After(c.NotAfter) {
		return nil
	}
	authority, err := ca.Open(ca.Config{Dir: d.dir, URL: anyURL, Now: d.now})
	if err == nil && !slices.Contains(authority.Issuers(), c.Issuer) {
		if err = orphaned(ctx, d.dir, authority, d.now()); err == nil {
			err = fmt.Errorf("%s: the intermediate %s is not there: put it back from a backup", d.dir, c.Issuer)
		}
	}
	if err != nil {
		return fmt.Errorf("certificate %s: the store has it as revoked, and no revocation list can name it until this is mended: %w", c.Serial, err)
	}
	return nil
}

// reasons are those that a certificate's end can have (RFC 5280 §5.3.1).
var reasons = []struct {
	code int
	word string
}{{0, "unspecified"}, {1, "keyCompromise"}, {3, "affiliationChanged"}, {4, "superseded"}, {5, "cessationOfOperation"}, {9, "privilegeWithdrawn"}}

func reasonWords() (words []string) {
	for _, r := range reasons {
		words = append(words, r.word)
	}
	return words
}

func reasonCode(word string) (int, error) {
	i := slices.Index(reasonWords(), word)
	if i < 0 {
		return 0, fmt.Errorf("--reason: want one of %s", strings.Join(reasonWords(), ", "))
	}
	return reasons[i].code, nil
}

func reasonWord(code int) string {
	for _, r := range reasons {
		if r.code == code {
			return r.word
		}
	}
	return "reason " + strconv.Itoa(code)
}
