package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"cnfd/publish"

	"github.com/spf13/cobra"
)

// program is the command line of --exec, none where it is not given. That there is such
// a program is seen before anything is written.
func (o *rotateOptions) program(args []string) ([]string, error) {
	switch {
	case o.exec == "" && len(args) > 0:
		return nil, errors.New("arguments behind --: they are the program's of --exec, which is not given")
	case o.exec == "":
		return nil, nil
	}
	path, err := exec.LookPath(o.exec)
	if err != nil {
		return nil, fmt.Errorf("--exec: %w: it is run without a shell: its arguments follow behind --", err)
	}
	return append([]string{path}, args...), nil
}

// lastWords is how long the program of --exec has for ending itself, once it was told to.
const lastWords = 10 * time.Second

// switcher runs the operator's program; nil where there is none. What the program says
// goes to standard error: standard output is the command's own.
func (o *rotateOptions) switcher(cmd *cobra.Command, r *publish.Rotation, argv []string) func(context.Context) error {
	if len(argv) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		run := exec.CommandContext(ctx, argv[0], argv[1:]...)
		run.Stdout, run.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
		run.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, credentialsVariable+"=") })
		run.Env = append(run.Env, "CNFD_ROTATE_SUBJECT="+r.Subject, "CNFD_ROTATE_FROM="+r.From, "CNFD_ROTATE_TO="+r.To)
		run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
		run.WaitDelay = lastWords
		if err := run.Run(); err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
		return nil
	}
}
