package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// readInput reads the file that args name, or standard input for "-" and for
// nothing: at most limit octets.
func readInput(cmd *cobra.Command, args []string, limit int64) ([]byte, error) {
	in, name := cmd.InOrStdin(), "standard input"
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil && secret(args[0]) {
			return nil, errors.New("the argument is no file: give the name of one, or - and the credential or key on standard input")
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in, name = f, args[0]
	} else if len(args) == 0 && terminal(in) {
		return nil, errors.New("give a file, or - to type it here and end with Ctrl-D: " + cmd.UseLine())
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%s: more than %d octets: this is not one credential or key", name, limit)
	case len(b) == 0:
		return nil, fmt.Errorf("%s: empty", name)
	}
	return b, nil
}

// secret reports whether an argument may be a credential or a key itself, which
// no error repeats: errors end up in the logs of others.
func secret(arg string) bool {
	return strings.ContainsAny(arg, "{\n") || strings.HasPrefix(arg, "eyJ") || strings.Contains(arg, "-----") || len(arg) > 255
}

// terminal reports whether a person sits at f.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // the one character device that services get
	return err != nil || !os.SameFile(info, null)
}
