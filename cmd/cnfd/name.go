package main

import (
	"fmt"

	"cnfd/record"
	"cnfd/thumbprint"

	"github.com/spf13/cobra"
)

func newName() *cobra.Command {
	var method, form, file string
	cmd := &cobra.Command{
		Use:   "name SUBJECT",
		Short: "Print the name at which a subject's confirmation record stands",
		Long: `Print the owner name of the confirmation record of a subject, one line for each form.

The subject is what the credential has in sub: an https URL, a did:web, and what else the configuration allows.`,
		Example: "  cnfd name https://vendor.example\n  cnfd name did:web:vendor.example --method 1 --form both",
		Args:    exactly(1, "a subject"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			m, err := thumbprint.ParseMethod(method)
			if err != nil {
				return err
			}
			forms, err := parseForms(form)
			if err != nil {
				return err
			}
			domain, err := record.Domain(args[0], subjects(&c))
			if err != nil {
				return err
			}
			for _, f := range forms {
				name, err := record.Name(m, domain, f)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&method, "method", "jwk", "the credential's confirmation method: jwk jkt jwe kid x5t#S256 tbh 1 2 3 5 323")
	cmd.Flags().StringVar(&form, "form", "dotted", "dotted, underscore or both")
	configFlag(cmd, &file)
	return cmd
}

// parseForms reads --form.
func parseForms(word string) ([]record.Form, error) {
	switch word {
	case "dotted":
		return []record.Form{record.Dotted}, nil
	case "underscore":
		return []record.Form{record.Underscore}, nil
	case "both":
		return []record.Form{record.Dotted, record.Underscore}, nil
	}
	return nil, fmt.Errorf("--form: want dotted, underscore or both")
}
