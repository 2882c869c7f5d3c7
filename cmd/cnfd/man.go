package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man [DIRECTORY]",
		Short: "Print the manual page, or write those of every command to a directory",
		Example: `  cnfd man | man -l -
  cnfd man /usr/local/share/man/man1`,
		Args: between(0, 1, "a directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// The date is today's, or that of SOURCE_DATE_EPOCH.
			header := &doc.GenManHeader{Title: "CNFD", Section: "1", Source: "cnfd", Manual: "cnfd"}
			root := cmd.Root()
			root.InitDefaultCompletionCmd()
			if len(args) == 0 {
				return doc.GenMan(root, header, cmd.OutOrStdout())
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			header.Title = "" // each page has its own
			return doc.GenManTree(root, header, args[0])
		},
	}
}
