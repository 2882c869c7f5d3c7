package main

import (
	"encoding/json"
	"fmt"
	"io"

	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"

	"github.com/spf13/cobra"
)

func newThumbprint() *cobra.Command {
	var o thumbprintOptions
	cmd := &cobra.Command{
		Use:   "thumbprint [FILE|-]",
		Short: "Print the thumbprints of the keys in a file, and the records that vouch for them",
		Long: `Print the thumbprints of every key in a file: a JWK or JWK Set, a PEM or DER key or certificate, a COSE_Key.
Of a private key only the public part is used.

jkt is the hash of the key as a JWK (RFC 7638), which a JWT's record holds; ckt that of the key as a COSE_Key
(RFC 9679), which a CWT's record holds. With --subject the records are printed, ready for a zone file.`,
		Example: `  cnfd thumbprint key.pem
  cnfd thumbprint key.jwk --subject https://vendor.example
  cnfd thumbprint --json < keys.jwks`,
		Args: between(0, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range []string{"method", "form", "ttl"} {
				if o.subject == "" && cmd.Flags().Changed(name) {
					return fmt.Errorf("--%s: it is of a record: say with --subject whose", name)
				}
			}
			printer, err := o.printer()
			if err != nil {
				return err
			}
			b, err := readInput(cmd, args, maxKeyFile)
			if err != nil {
				return err
			}
			entries, err := keyfile.Parse(b)
			if err != nil {
				return err
			}
			for i, e := range entries {
				if e.Err != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "cnfd thumbprint: key %d left out: %v\n", i+1, e.Err)
					continue
				}
				if why := printer.without(e); why != "" {
					fmt.Fprintf(cmd.ErrOrStderr(), "cnfd thumbprint: key %d gets no record: %s\n", i+1, why)
				}
				if err := printer.print(cmd.OutOrStdout(), e, o.json); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.subject, "subject", "", "print the records for this `SUBJECT`, such as https://vendor.example")
	f.StringSliceVar(&o.methods, "method", []string{"jwk", "1"}, "with --subject: the confirmation `METHODS` of the credentials")
	f.StringVar(&o.form, "form", "dotted", "with --subject: the `FORM` of the names, dotted, underscore or both")
	f.Uint32Var(&o.ttl, "ttl", 300, "with --subject: the records' TTL in `SECONDS`, which is how long a revocation takes")
	f.StringVar(&o.hash, "hash", "sha-256", "`HASH`: sha-256, sha-384 or sha-512; verifiers look for sha-256 unless the credential names another")
	f.BoolVar(&o.json, "json", false, "print one JSON object a key, one a line")
	configFlag(cmd, &o.config)
	return cmd
}

// maxKeyFile is what keyfile.Parse reads at most.
const maxKeyFile = 1 << 20

type thumbprintOptions struct {
	subject, form, hash, config string
	methods                     []string
	ttl                         uint32
	json                        bool
}

// keyPrinter prints keys; it has no owners where no subject was given.
type keyPrinter struct {
	hash   thumbprint.Hash
	ttl    uint32
	owners []owner
}

// owner is a name at which a record is to stand.
type owner struct {
	method thumbprint.Method
	form   record.Form
	name   string
}

func (o *thumbprintOptions) printer() (*keyPrinter, error) {
	h, err := thumbprint.ParseHash(o.hash)
	if err != nil {
		return nil, fmt.Errorf("--hash: %w", err)
	}
	p := &keyPrinter{hash: h, ttl: o.ttl}
	if o.subject == "" {
		return p, nil
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	domain, err := record.Domain(o.subject, subjects(&c))
	if err != nil {
		return nil, err
	}
	forms, err := parseForms(o.form)
	if err != nil {
		return nil, err
	}
	for _, word := range o.methods {
		m, err := thumbprint.ParseMethod(word)
		if err != nil {
			return nil, fmt.Errorf("--method: %w", err)
		}
		if m == thumbprint.MethodTBH {
			return nil, fmt.Errorf("--method: tbh names a Token Binding, not a key: there is none in a key file")
		}
		for _, f := range forms {
			name, err := record.Name(m, domain, f)
			if err != nil {
				return nil, err
			}
			p.owners = append(p.owners, owner{m, f, name})
		}
	}
	return p, nil
}

// keyDoc is one key as --json prints it.
type keyDoc struct {
	Key     string      `json:"key"` // "EC P-256"
	KID     string      `json:"kid,omitempty"`
	Private bool        `json:"private,omitempty"` // the file holds the private part
	JKT     *sumDoc     `json:"jkt,omitempty"`
	CKT     *sumDoc     `json:"ckt,omitempty"`
	X5T     *sumDoc     `json:"x5t#S256,omitempty"` // of the certificate
	Records []recordDoc `json:"records,omitempty"`
}

type sumDoc struct {
	Hash   string `json:"hash"`
	Base64 string `json:"base64url"`
	Hex    string `json:"hex"`
	URI    string `json:"uri,omitempty"`
}

type recordDoc struct {
	Method string `json:"method"`
	Form   string `json:"form"`
	Name   string `json:"name"`
	Line   string `json:"line"`
}

func (p *keyPrinter) describe(e keyfile.Entry) keyDoc {
	d := keyDoc{
		Key: e.Key.Algorithm(), KID: e.KID, Private: e.Private,
		JKT: sumOf(e.Key.JKT(p.hash)), CKT: sumOf(e.Key.CKT(p.hash)), X5T: sumOf(e.Certificate),
	}
	for _, o := range p.owners {
		if t := p.published(e, o.method); !t.IsZero() {
			d.Records = append(d.Records, recordDoc{o.method.String(), o.form.String(), o.name, record.Presentation(o.name, p.ttl, t)})
		}
	}
	return d
}

// published is the thumbprint that the record for a method holds; zero where
// there is none to publish.
func (p *keyPrinter) published(e keyfile.Entry, m thumbprint.Method) thumbprint.Thumbprint {
	if e.Key.Symmetric() {
		return thumbprint.Thumbprint{}
	}
	switch m {
	case thumbprint.MethodX5T:
		return e.Certificate
	case thumbprint.MethodCOSEKey, thumbprint.MethodEncryptedCOSEKey, thumbprint.MethodCOSEKID, thumbprint.MethodCKT:
		return e.Key.CKT(p.hash)
	}
	return e.Key.JKT(p.hash)
}

// without says why a key gets no record where records were asked for.
func (p *keyPrinter) without(e keyfile.Entry) string {
	if len(p.owners) > 0 && e.Key.Symmetric() {
		return "it is a symmetric key: with its thumbprint published, anybody could try guesses at it"
	}
	for _, o := range p.owners {
		if p.published(e, o.method).IsZero() {
			return "there is no certificate in the file, which x5t#S256 names"
		}
	}
	return ""
}

func sumOf(t thumbprint.Thumbprint) *sumDoc {
	if t.IsZero() {
		return nil
	}
	return &sumDoc{t.Hash().String(), t.Base64(), t.Hex(), t.URI()}
}

func (p *keyPrinter) print(w io.Writer, e keyfile.Entry, asJSON bool) error {
	d := p.describe(e)
	if asJSON {
		doc, err := json.Marshal(d)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", doc)
		}
		return err
	}
	line := d.Key
	if d.KID != "" {
		line += " " + shown(d.KID)
	}
	switch {
	case e.Key.Symmetric():
		line += ", a symmetric key: all of it is secret"
	case d.Private:
		line += ", a private key: only its public part is used"
	}
	fmt.Fprintln(w, line)
	for _, s := range []struct {
		name string
		sum  *sumDoc
	}{{"jkt", d.JKT}, {"ckt", d.CKT}, {"x5t#S256", d.X5T}} {
		if s.sum == nil {
			continue
		}
		fmt.Fprintf(w, "  %-9s %s\n", s.name, s.sum.Base64)
		fmt.Fprintf(w, "  %-9s %s %s\n", "", s.sum.Hash, s.sum.Hex)
		if s.sum.URI != "" {
			fmt.Fprintf(w, "  %-9s %s\n", "", s.sum.URI)
		}
	}
	for _, r := range d.Records {
		fmt.Fprintln(w, r.Line)
	}
	return nil
}
