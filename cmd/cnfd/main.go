// Command cnfd confirms the keys of digital credentials through DNSSEC: a
// daemon, and the same answers on the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(context.Background())
	var status exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	// One line, whatever a library made of its message.
	what := strings.Join(strings.Fields(err.Error()), " ")
	if cmd.Annotations[monitored] != "" {
		tellMonitor(stdout, cmd, args, what)
	}
	fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), what)
	return exitError
}

// exit is an exit code that is an answer and not an error: there is nothing
// more to print.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exitError is the exit code of every error: bad input, usage, this machine.
const exitError = 3

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cnfd",
		Short: "Confirm the keys of credentials through DNSSEC",
		Long: `A digital credential (JWT, SD-JWT, CWT) names the key of its holder in its cnf claim. cnfd says whether
the domain of the credential's subject vouches for that key now: by a TLSA record that DNSSEC proves.`,
		Example:           "  cnfd verify token.jwt",
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              noArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
			return noArgs(cmd, args) // a flag of a command that there is not
		}
		what, _, _ := strings.Cut(err.Error(), ": strconv.") // Go's own words for a number that is none
		if secret(what) {
			what = "an argument that begins with - and is no flag"
		}
		return fmt.Errorf("%s: %s -h shows the flags", what, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(newServe(), newVerify(), newPrecheck(), newThumbprint(), newName(), newResolve(),
		newPublish(), newACME(), newConfig(), newSandbox(), newVersion(), newMan())
	completion(root)
	return root
}

// noArgs refuses every argument, and does not repeat one that may be a
// credential: where there are commands below cmd, one of them was meant.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasSubCommands():
		return fmt.Errorf("too many arguments: %s", cmd.UseLine())
	case secret(args[0]):
		return fmt.Errorf("the argument is no command: %s -h lists them", cmd.CommandPath())
	}
	return fmt.Errorf("unknown command %q: %s -h lists them", args[0], cmd.CommandPath())
}

// completion gives the command that the library adds what ours have: an
// example, and an error for an argument that it does not know.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Example = "  cnfd completion bash > /etc/bash_completion.d/cnfd"
		cmd.Args = noArgs
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range cmd.Commands() {
			shell.Example = "  cnfd completion " + shell.Name()
		}
	}
}
