package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cnfd/client"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"

	"github.com/spf13/cobra"
)

func newPrecheck() *cobra.Command {
	var o precheckOptions
	cmd := &cobra.Command{
		Use:   "precheck --subject URL --key FILE",
		Short: "Before a credential is issued: is the key published now, by every name server",
		Long: `Say whether the subject's domain vouches for a key now: what an issuer asks before it signs a credential.
Nothing that is cached is used, and every name server of the zone is asked, at every address. Where they do not
all say the same (a secondary has not got the change yet, a server does not answer) the verdict is unproven,
servers_differ, and says which. Where questions are handed on to forwarders no server can be asked.

The key is a JWK, a PEM or DER key or certificate, or a COSE_Key; of a private key only the public part is used.

Exit codes: 0 confirmed, 1 refuted, 2 unproven, 3 error.`,
		Example: `  cnfd precheck --subject https://vendor.example --key key.pem
  cnfd precheck --subject did:web:vendor.example --key key.cbor --method 1 --form both
  cnfd precheck --json --server unix:/run/cnfd/cnfd.sock --subject https://vendor.example --key key.jwk`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := o.ask(cmd)
			if err != nil {
				return err
			}
			return printVerdict(cmd.OutOrStdout(), doc, 0, o.json)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.subject, "subject", "", "whose key it is: the `SUBJECT` that the credential will have, such as https://vendor.example")
	f.StringVar(&o.key, "key", "", "the `FILE` with the key that the credential will confirm; - for standard input")
	f.StringVar(&o.method, "method", "jwk", "the confirmation `METHOD` of the credential: jwk jkt jwe kid x5t#S256 1 2 3 5 323")
	f.StringVar(&o.form, "form", "", "look at this `FORM` of the name, dotted, underscore or both, where the record at one of them is enough (publish check wants it at both; default: as configured)")
	o.server.addFlags(cmd)
	f.BoolVar(&o.json, "json", false, "print the verdict as JSON")
	configFlag(cmd, &o.config)
	return cmd
}

type precheckOptions struct {
	subject, key, method, form, config string
	server                             serverOptions
	json                               bool
}

// ask gets the verdict as JSON, here or from a daemon.
func (o *precheckOptions) ask(cmd *cobra.Command) ([]byte, error) {
	switch {
	case o.subject == "":
		return nil, errors.New("--subject: say whose key it is, such as https://vendor.example")
	case o.key == "":
		return nil, errors.New("--key: give the file with the key, or - for standard input")
	case o.server.url != "" && o.config != "":
		return nil, errors.New("--config: the daemon has its own: leave it or --server out")
	case o.server.url != "" && o.form != "":
		return nil, errors.New("--form: the daemon has its own forms (record.forms): leave it or --server out")
	}
	if err := o.server.check(); err != nil {
		return nil, err
	}
	method, err := thumbprint.ParseMethod(o.method)
	if err != nil {
		return nil, fmt.Errorf("--method: %w", err)
	}
	file, err := readInput(cmd, []string{o.key}, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	c, err := confirmationIn(file, method)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	if o.server.url != "" {
		return o.askServer(cmd.Context(), c, cmd.ErrOrStderr())
	}
	return o.askHere(cmd.Context(), c, cmd.ErrOrStderr())
}

// confirmationIn is what a credential with this method will say of the one key in a file.
func confirmationIn(file []byte, method thumbprint.Method) (thumbprint.Confirmation, error) {
	none := thumbprint.Confirmation{}
	entries, err := keyfile.Parse(file)
	switch {
	case err != nil:
		return none, err
	case len(entries) != 1:
		return none, fmt.Errorf("%d keys: a credential confirms one: give a file with that alone", len(entries))
	case entries[0].Err != nil:
		return none, entries[0].Err
	case entries[0].Key.Symmetric():
		return none, errors.New("a symmetric key: with its thumbprint published, anybody could try guesses at it")
	case method == thumbprint.MethodTBH:
		return none, errors.New("tbh names a Token Binding, not a key: there is none in a key file")
	}
	t := (&keyPrinter{hash: thumbprint.SHA256}).published(entries[0], method)
	if t.IsZero() {
		return none, errors.New("no certificate in the file, which x5t#S256 names")
	}
	return thumbprint.Confirmation{Method: method, Thumbprint: t}, nil
}

// askHere asks the name servers from this process.
func (o *precheckOptions) askHere(ctx context.Context, key thumbprint.Confirmation, shows io.Writer) ([]byte, error) {
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	if key.Method == thumbprint.MethodX5T && !c.Record.X5T {
		return nil, errors.New("--method: x5t#S256 names a certificate, not a key: record.x5t turns it on")
	}
	if err := o.chooseForms(&c); err != nil {
		return nil, err
	}
	defer progress(shows, "asking every name server")()
	var doc []byte
	err = withEngine(&c, func(e *engine, _ func() time.Time) error {
		v, err := e.verifier.Precheck(ctx, o.subject, key)
		if err == nil {
			doc = v.AppendJSON(nil, "")
		}
		return err
	})
	return doc, err
}

// chooseForms has the forms of --form looked at and no others.
func (o *precheckOptions) chooseForms(c *config.Config) error {
	if o.form == "" {
		return nil
	}
	forms, err := parseForms(o.form)
	if err != nil {
		return err
	}
	c.Record.Forms, c.Record.LegacyDID = nil, false
	for _, f := range forms {
		c.Record.Forms = append(c.Record.Forms, f.String())
	}
	return nil
}

// precheckAsked is what the API takes of a subject and a key (docs/api.md).
type precheckAsked struct {
	Subject    string            `json:"subject"`
	CNF        map[string]string `json:"cnf,omitempty"`
	Method     string            `json:"method,omitempty"`
	Thumbprint string            `json:"thumbprint,omitempty"`
}

// askServer has a daemon ask them. A certificate's digest has no thumbprint URI.
func (o *precheckOptions) askServer(ctx context.Context, key thumbprint.Confirmation, shows io.Writer) ([]byte, error) {
	a := precheckAsked{Subject: o.subject}
	if key.Method == thumbprint.MethodX5T {
		a.CNF = map[string]string{key.Method.String(): key.Thumbprint.Base64()}
	} else {
		a.Method, a.Thumbprint = key.Method.String(), key.Thumbprint.URI()
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	defer progress(shows, "asking every name server")()
	return o.server.ask(shows, func(c *client.Client) (client.Verdict, error) { return c.PrecheckBody(ctx, body) })
}
