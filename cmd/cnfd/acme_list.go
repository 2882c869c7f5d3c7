package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"

	"github.com/spf13/cobra"
)

func newACMEList() *cobra.Command {
	var o acmeListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the certificates that were issued",
		Long: `List the certificates that have not expired, by the time at which they were issued: each with its serial, how it
stands, until when it is good, the account that has it, and its names. Those of an intermediate that the root's list
names are as good as revoked: "issuer revoked".`,
		Example: `  cnfd acme list
  cnfd acme list --domain vendor.example --all
  cnfd acme list --revoked --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withStore(func(d *desk) error { return o.list(cmd, d) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.domain, "domain", "", "only those that have this `DOMAIN`, its wildcard or this address among their names")
	f.StringVar(&o.account, "account", "", "only those of the account with this `ID`, or URL")
	f.BoolVar(&o.revoked, "revoked", false, "only those that are revoked, or whose issuer is")
	f.BoolVar(&o.all, "all", false, "those that have expired too")
	o.addFlags(cmd, "print one JSON object a certificate, one a line")
	return cmd
}

type acmeListOptions struct {
	acmeOptions
	domain, account string
	revoked, all    bool
}

func (o *acmeListOptions) list(cmd *cobra.Command, d *desk) error {
	d.warnURL(cmd)
	now := d.now()
	ended, err := d.ended()
	if err != nil {
		return err
	}
	filter := acme.Filter{Revoked: o.revoked && len(ended) == 0}
	if !o.all {
		filter.Alive = now
	}
	if cmd.Flags().Changed("account") {
		if filter.Account, err = accountID(o.account, d.with); err != nil {
			return fmt.Errorf("--account: %w", err)
		}
	}
	if cmd.Flags().Changed("domain") {
		i, err := identifierOf(o.domain)
		if err != nil {
			return fmt.Errorf("--domain: %w", err)
		}
		filter.Domain = i.Base().Value
	}
	page := func(tx acme.Tx, after string, most int) ([]*acme.Certificate, error) {
		return tx.Certificates(filter, after, most)
	}
	return each(cmd.Context(), d.store, page, func(c *acme.Certificate) string { return c.Serial }, func(c *acme.Certificate) error {
		doc := certificateDocOf(c, ended, now)
		switch {
		case o.revoked && doc.Revoked == "" && doc.IssuerRevoked == "":
			return nil
		case o.json:
			return printJSON(cmd.OutOrStdout(), doc)
		}
		status := doc.Status
		if status == issuerRevoked {
			status += " (" + doc.IssuerReason + ")"
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), shown(fmt.Sprintf("%s  %s until %s  %s  %s", doc.Serial, status, doc.NotAfter, doc.whose(), doc.names())))
		return err
	})
}

// certificateDoc is a certificate as --json prints it.
type certificateDoc struct {
	Serial      string            `json:"serial"`
	Status      string            `json:"status"` // valid, expired, revoked, issuer revoked
	Identifiers []acme.Identifier `json:"identifiers"`
	Account     string            `json:"account,omitempty"` // none: the server's own
	Order       string            `json:"order,omitempty"`
	Profile     string            `json:"profile,omitempty"`
	Issuer      string            `json:"issuer"`
	Issued      string            `json:"issued"`
	NotBefore   string            `json:"not_before"`
	NotAfter    string            `json:"not_after"`
	KeySHA256   string            `json:"key_sha256"` // of the SubjectPublicKeyInfo
	Revoked     string            `json:"revoked,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	ReplacedBy  string            `json:"replaced_by,omitempty"`
	PEM         string            `json:"pem,omitempty"`
	CRL         string            `json:"crl,omitempty"` // where its list is; revoke alone tells it
	// IssuerRevoked is when the root's list has come to name the issuer.
	IssuerRevoked string `json:"issuer_revoked,omitempty"`
	IssuerReason  string `json:"issuer_reason,omitempty"`
}

// issuerRevoked is how a certificate stands that nobody has revoked, and whose issuer is.
const issuerRevoked = "issuer revoked"

// ended are the intermediates that are revoked, by their ids.
func (d *desk) ended() (map[string]ca.Ended, error) { return ca.ReadEnded(d.dir) }

// endedOrWarn is for commands that end something, which a root's list that cannot be read does not keep from it.
func (d *desk) endedOrWarn(cmd *cobra.Command) map[string]ca.Ended {
	ended, err := d.ended()
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: which intermediates are revoked is not known: %v\n", cmd.CommandPath(), err)
	}
	return ended
}

func certificateDocOf(c *acme.Certificate, ended map[string]ca.Ended, now time.Time) *certificateDoc {
	d := &certificateDoc{
		Serial: c.Serial, Status: "valid", Identifiers: c.Identifiers, Account: c.Account, Order: c.Order, Profile: c.Profile, Issuer: c.Issuer,
		Issued: utc(c.Issued), NotBefore: utc(c.NotBefore), NotAfter: utc(c.NotAfter), KeySHA256: c.KeyHash, ReplacedBy: c.ReplacedBy,
	}
	issuer, over := ended[c.Issuer]
	if over {
		d.IssuerRevoked, d.IssuerReason = utc(issuer.At), reasonWord(issuer.Reason)
	}
	switch {
	case !c.Revoked.IsZero():
		d.Status, d.Revoked, d.Reason = "revoked", utc(c.Revoked), reasonWord(c.Reason)
	case over:
		d.Status = issuerRevoked
	case now.After(c.NotAfter):
		d.Status = "expired"
	}
	return d
}

func (d *certificateDoc) names() string {
	var names []string
	for _, i := range d.Identifiers {
		names = append(names, i.Value)
	}
	return strings.Join(names, ", ")
}

func (d *certificateDoc) whose() string {
	if d.Account == "" {
		return "the server's own"
	}
	return "account " + d.Account
}

func (d *certificateDoc) print(w io.Writer) {
	status := d.Status
	issuer := d.Issuer
	switch {
	case d.Revoked != "":
		status += " at " + d.Revoked + " (" + d.Reason + ")"
	case d.IssuerRevoked != "":
		status += " (" + d.IssuerReason + ")"
	}
	if d.IssuerRevoked != "" {
		issuer += ", revoked at " + d.IssuerRevoked + " (" + d.IssuerReason + ")"
	}
	for _, line := range [...]struct{ what, is string }{
		{"serial", d.Serial}, {"status", status}, {"names", d.names()}, {"whose", d.whose()}, {"order", d.Order}, {"profile", d.Profile},
		{"issued", d.Issued}, {"valid", d.NotBefore + " to " + d.NotAfter}, {"issuer", issuer}, {"key", "SHA-256 " + d.KeySHA256},
		{"replaced by", d.ReplacedBy},
	} {
		if line.is != "" {
			fmt.Fprintf(w, "%-12s %s\n", line.what, shown(line.is))
		}
	}
}

func newACMEShow() *cobra.Command {
	var o acmeOptions
	var asPEM bool
	cmd := &cobra.Command{
		Use:     "show SERIAL",
		Short:   "Show all that is known of a certificate",
		Example: "  cnfd acme show 3a5f90c2d1e47b6880fe\n  cnfd acme show 3a5f90c2d1e47b6880fe --pem | openssl x509 -text",
		Args:    exactly(1, "a serial"),
		RunE: func(cmd *cobra.Command, args []string) error {
			serial, err := serialOf(args[0], withConfig(o.config))
			if err != nil {
				return err
			}
			return o.withStore(func(d *desk) error {
				c, chain, err := readCertificate(cmd.Context(), d.store, serial)
				if err != nil {
					return err
				}
				ended, err := d.ended()
				if err != nil {
					return err
				}
				doc := certificateDocOf(c, ended, d.now())
				text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf})) + chain
				switch {
				case o.json:
					doc.PEM = text
					return printJSON(cmd.OutOrStdout(), doc)
				case asPEM:
					_, err = io.WriteString(cmd.OutOrStdout(), text)
					return err
				}
				doc.print(cmd.OutOrStdout())
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print the certificate and its chain in PEM instead")
	o.addFlags(cmd, "print one JSON object, with the chain in it")
	return cmd
}

// readCertificate returns a certificate, and the PEM of what its default chain has above it.
func readCertificate(ctx context.Context, s acme.Store, serial string) (c *acme.Certificate, chain string, err error) {
	err = s.View(ctx, func(tx acme.Tx) (err error) {
		if c, err = tx.Certificate(serial); err != nil {
			if r, reserved := tx.Reservation(serial); reserved == nil {
				return fmt.Errorf("certificate %s: it was about to be signed at %s, and that was not finished", serial, utc(r.Created))
			}
			return ofStore(err, "certificate", serial)
		}
		if len(c.Chains) > 0 {
			b, err := tx.Blob(c.Chains[0])
			chain = string(b)
			return err
		}
		return nil
	})
	return c, chain, err
}
