package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cnfd/cmd/cnfd/internal/config"

	"github.com/spf13/cobra"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Print the default configuration, or check one",
		Example: "  cnfd config print > cnfd.yaml\n  cnfd config check cnfd.yaml",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigPrint(), newConfigCheck())
	return cmd
}

func newConfigPrint() *cobra.Command {
	return &cobra.Command{
		Use:     "print",
		Short:   "Print the default configuration with its comments",
		Example: "  cnfd config print > cnfd.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Manual(user()))
			return err
		},
	}
}

func newConfigCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Print everything that is wrong in a configuration file, with line and column, and what is doubtful",
		Example: "  cnfd config check cnfd.yaml",
		Args:    exactly(1, "the configuration file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(args[0])
			var problems config.Problems
			if errors.As(err, &problems) {
				for _, p := range problems {
					fmt.Fprintln(cmd.ErrOrStderr(), p)
				}
				return exit(exitError)
			}
			if err != nil {
				return err
			}
			for _, w := range warnings(args[0]) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d:%d: warning: %s\n", w.File, w.Line, w.Column, w.What)
			}
			if checkKeyFiles(cmd.ErrOrStderr(), args[0], &c) {
				return exit(exitError)
			}
			return nil
		},
	}
}

// checkKeyFiles prints what is wrong with the files that a configuration names, and
// what is doubtful, and reports whether anything is wrong.
func checkKeyFiles(w io.Writer, file string, c *config.Config) (broken bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(w, err)
		return true
	}
	for _, f := range namedFiles(c) {
		if f.err != nil {
			fmt.Fprintln(w, config.At(file, text, f.place, forConfig(f.err, file).Error()))
			broken = true
		}
		for _, warning := range f.warnings {
			p := config.At(file, text, f.place, warning)
			fmt.Fprintf(w, "%s:%d:%d: warning: %s\n", p.File, p.Line, p.Column, p.What)
		}
	}
	return broken
}

// loadConfig reads a configuration file; the empty name is no file, and gives
// the defaults.
func loadConfig(file string) (config.Config, error) {
	c, _, err := readConfig(file)
	return c, err
}

// readConfig is loadConfig, and whether what was read has any settings: read once, since
// somebody may be writing it.
func readConfig(file string) (c config.Config, settings bool, err error) {
	d := config.Default(user())
	if file == "" {
		return d, false, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return config.Config{}, false, fmt.Errorf("configuration: %w", err)
	}
	c, err = config.Parse(file, text, d)
	return c, config.HasSettings(text), err
}

// warnings are what a configuration file that can be used can hardly be meant to
// say; none of the empty name.
func warnings(file string) config.Problems {
	text, err := os.ReadFile(file)
	if file == "" || err != nil {
		return nil
	}
	return config.Warnings(file, text, config.Default(user()), time.Now())
}

// user is who runs this process.
func user() config.User {
	return config.User{
		Root:       os.Geteuid() == 0,
		Home:       os.Getenv("HOME"),
		RuntimeDir: os.Getenv("XDG_RUNTIME_DIR"),
		StateHome:  os.Getenv("XDG_STATE_HOME"),
	}
}

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "the configuration `FILE` (default: none, which is what cnfd config print shows)")
}

// exactly wants n arguments and names what they are.
func exactly(n int, what string) cobra.PositionalArgs { return between(n, n, what) }

func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("want %s: %s", what, cmd.UseLine())
		case len(args) > most:
			return fmt.Errorf("too many arguments: %s", cmd.UseLine())
		}
		return nil
	}
}
