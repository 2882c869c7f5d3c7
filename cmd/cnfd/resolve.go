package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"cnfd/api"
	"cnfd/dnssec"

	"github.com/spf13/cobra"
)

func newResolve() *cobra.Command {
	var at, file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "resolve NAME [TYPE]",
		Short: "Look up a name and explain the chain of trust, step by step",
		Long: `Look up a name (TLSA unless another type is given) from the root down and say of every zone on the way why
it is trusted; where it is not, the broken link is named.

Exit codes: 0 secure, 1 bogus, 2 insecure or indeterminate, 3 error.`,
		Example: `  cnfd resolve jwk.cnf.vendor.example
  cnfd resolve vendor.example SOA --json
  cnfd resolve jwk.cnf.vendor.example --at 2026-11-22T06:40:00Z`,
		Args: between(1, 2, "a name and perhaps a type"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := api.ParseQuestion(args[0], strings.Join(args[1:], ""))
			if err != nil {
				return err
			}
			if q.At, err = parseAt(at); err != nil {
				return err
			}
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			done := progress(cmd.ErrOrStderr(), "waiting for the DNS")
			var r api.Resolution
			err = withEngine(&c, func(e *engine, now func() time.Time) error {
				a, chain, err := e.resolver.Explain(cmd.Context(), q)
				if err == nil {
					as := q.At
					if as.IsZero() {
						as = now()
					}
					r = api.ResolutionOf(a, chain, as)
					r.Testing = c.Testing
				}
				return err
			})
			done()
			if err != nil {
				return err
			}
			if err := printResolution(cmd.OutOrStdout(), &r, asJSON); err != nil {
				return err
			}
			return resolveExit(r.Security)
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "judge signatures as of this `TIME` (RFC 3339) instead of now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	configFlag(cmd, &file)
	return cmd
}

func resolveExit(security string) error {
	switch security {
	case dnssec.Secure.String():
		return nil
	case dnssec.Bogus.String():
		return exit(1)
	}
	return exit(2)
}

func printResolution(w io.Writer, r *api.Resolution, asJSON bool) error {
	if asJSON {
		doc, err := json.Marshal(r)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", doc)
		}
		return err
	}
	what := map[string]string{
		"positive": "found", "no_data": "the name exists, the type does not",
		"no_name": "the name does not exist", "no_answer": "no answer",
	}[r.Kind]
	fmt.Fprintf(w, "%s %s: %s, %s\n", r.Name, r.Type, r.Security, what)
	if r.Testing {
		fmt.Fprintln(w, "TESTING: made with testing settings, which make an answer worthless.")
	}
	for _, l := range r.Chain {
		printLink(w, &l)
	}
	if broken := brokenLink(r); broken != "" {
		fmt.Fprintf(w, "BROKEN HERE: %s\n", shown(broken))
	}
	if r.EDE != nil {
		fmt.Fprintf(w, "extended DNS error %d (RFC 8914)\n", r.EDE.Code)
	}
	if r.Wildcard {
		fmt.Fprintln(w, "made from a wildcard")
	}
	if r.Security != dnssec.Secure.String() && len(r.Records) > 0 {
		fmt.Fprintln(w, "what a server said, which nothing proves:")
	}
	for _, line := range r.Records {
		fmt.Fprintln(w, shown(line))
	}
	if r.Until != "" {
		fmt.Fprintf(w, "true until %s\n", r.Until)
	}
	return nil
}

func printLink(w io.Writer, l *dnssec.Link) {
	const column = "%-15s %s\n"
	fmt.Fprintf(w, column, "  "+l.Security, shown(l.Zone+"  "+l.How))
	for _, k := range l.Keys {
		fmt.Fprintf(w, column, "", "  key "+shown(k))
	}
	if len(l.Servers) > 0 {
		fmt.Fprintf(w, column, "", "  servers "+shown(strings.Join(l.Servers, ", ")))
	}
	if l.Trouble != "" {
		fmt.Fprintf(w, column, "", "  BROKEN HERE: "+shown(l.Trouble))
	}
}

// brokenLink is what is wrong below the chain: with the answer itself. Where a
// link of the chain is broken, that has been said.
func brokenLink(r *api.Resolution) string {
	if r.EDE == nil {
		return ""
	}
	for _, l := range r.Chain {
		if l.Trouble != "" {
			return ""
		}
	}
	return r.EDE.Text
}
