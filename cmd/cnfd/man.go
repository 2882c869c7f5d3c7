package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man [COMMAND | DIRECTORY]",
		Short: "Print the manual page, or that of a command, or write those of all to a directory",
		Long: `Print the manual page of cnfd, or of the command that is named. Any other argument is a directory, which
gets the pages of every command; one that has a command's name is written ./NAME.`,
		Example: `  cnfd man | man -l -
  cnfd man config check | man -l -
  cnfd man /usr/local/share/man/man1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			// The date is today's, or that of SOURCE_DATE_EPOCH.
			header := &doc.GenManHeader{Title: "CNFD", Section: "1", Source: "cnfd", Manual: "cnfd"}
			root := cmd.Root()
			root.InitDefaultCompletionCmd()
			if len(args) == 0 {
				return doc.GenMan(root, header, cmd.OutOrStdout())
			}
			header.Title = "" // each page has its own
			root.InitDefaultHelpCmd()
			if named, rest, err := root.Find(args); err == nil && named != root && len(rest) == 0 {
				return doc.GenMan(named, header, cmd.OutOrStdout())
			}
			if len(args) > 1 {
				return fmt.Errorf("no command has the name %s: cnfd -h lists them", shown(strings.Join(args, " ")))
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			return doc.GenManTree(root, header, args[0])
		},
	}
}
