package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/publish"
	"cnfd/record"
	"cnfd/thumbprint"

	"github.com/spf13/cobra"
)

func newPublishList() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list --subject URL",
		Short: "Show what a domain publishes now, and whose keys it vouches for",
		Long: `Show the records that a domain publishes now, at the names of every method and form: whether verifiers can use
them, which of the given keys they vouch for, whether they are proven and until when the signatures last. Every
name server of the zone is asked, and nothing that is cached is used.

Exit codes: 0 seen, 3 error, or nothing could be learnt of any name.`,
		Example: `  cnfd publish list --subject https://vendor.example
  cnfd publish list --subject https://vendor.example --key key.jwk --key next.jwk --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.subject, "subject", "", "whose records: the `SUBJECT` that credentials have, such as https://vendor.example")
	f.StringArrayVar(&o.keys, "key", nil, "say which records vouch for the keys in this `FILE`; may be given again; - for standard input")
	f.StringSliceVar(&o.methods, "method", nil, "look at the names of these `METHODS` alone: jwk jkt jwe kid x5t#S256 tbh 1 2 3 5 323 (default: all)")
	f.StringVar(&o.form, "form", "both", "look at this `FORM` of the names, dotted, underscore or both")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	configFlag(cmd, &o.config)
	return cmd
}

type listOptions struct {
	subject, form, config string
	keys, methods         []string
	json                  bool
}

func (o *listOptions) run(cmd *cobra.Command) error {
	if o.subject == "" {
		return errors.New("--subject: say whose records, such as https://vendor.example")
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	domain, owners, err := o.owners(&c)
	if err != nil {
		return err
	}
	keys, err := readKeys(cmd, o.keys)
	if err != nil {
		return err
	}
	s, err := seek(domain, owners, keys, false)
	if err != nil {
		return err
	}
	l, err := lookAround(cmd, &c, s.entries)
	if err != nil {
		return err
	}
	doc := s.doc(o.subject, &l, c.Testing)
	if o.json {
		err = printJSON(cmd.OutOrStdout(), doc)
	} else {
		doc.print(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	return doc.nothingLearnt()
}

// owners are the names to look at. One that would be too long for the DNS is left out,
// unless all are: no verifier asks for it.
func (o *listOptions) owners(c *config.Config) (domain string, all []owner, err error) {
	if domain, err = record.Domain(o.subject, subjects(c)); err != nil {
		return "", nil, err
	}
	forms, err := parseForms(o.form)
	if err != nil {
		return "", nil, err
	}
	methods := allMethods
	if len(o.methods) > 0 {
		methods = nil
	}
	for _, word := range o.methods {
		m, err := thumbprint.ParseMethod(word)
		if err != nil {
			return "", nil, fmt.Errorf("--method: %w", err)
		}
		methods = append(methods, m)
	}
	if c.Record.LegacyDID && o.form == "both" {
		forms = append(forms, record.LegacyDID)
	}
	var refused error
	for _, m := range methods {
		for _, f := range forms {
			name, err := record.Name(m, domain, f)
			if err != nil {
				refused = err
			} else if !slices.ContainsFunc(all, func(o owner) bool { return o.name == name }) {
				all = append(all, owner{m, f, name})
			}
		}
	}
	if len(all) == 0 {
		return "", nil, refused
	}
	return domain, all, nil
}

// allMethods are the methods that have names, as docs/profile.md §2 orders them.
var allMethods = []thumbprint.Method{
	thumbprint.MethodJWK, thumbprint.MethodJKT, thumbprint.MethodJWE, thumbprint.MethodKID, thumbprint.MethodX5T, thumbprint.MethodTBH,
	thumbprint.MethodCOSEKey, thumbprint.MethodEncryptedCOSEKey, thumbprint.MethodCOSEKID, thumbprint.MethodCKT, thumbprint.MethodCOSEJKT,
}

// lookAround lists the names from this process.
func lookAround(cmd *cobra.Command, c *config.Config, entries []publish.Entry) (l publish.Listing, err error) {
	defer progress(cmd.ErrOrStderr(), "asking every name server")()
	err = withEngine(c, func(e *engine, now func() time.Time) error {
		l, err = publish.List(cmd.Context(), e.resolver, publish.ListConfig{Entries: entries, Now: now})
		return err
	})
	return l, err
}

func printJSON(w io.Writer, doc any) error {
	text, err := json.Marshal(doc)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	return err
}

// nothingLearnt is the error where no server said anything of any of the names: an empty
// list would look like a domain that publishes nothing.
func (d *listDoc) nothingLearnt() error {
	for i := range d.Sets {
		if s := &d.Sets[i]; s.State != stateUnknown || s.ServersDiffer || s.Security == dnssec.Bogus.String() {
			return nil
		}
	}
	if len(d.Sets) == 0 {
		return nil
	}
	return fmt.Errorf("nothing could be learnt of %s: %s", d.Domain, shown(d.Sets[0].Trouble))
}
