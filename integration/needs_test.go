package integration

import (
	"os"
	"os/exec"
	"testing"
)

// lab skips the test where no namespace could be made.
func lab(t testing.TB) {
	t.Helper()
	if noNamespace != "" {
		lacking(t, noNamespace)
	}
}

// need returns the path of a program, or skips the test naming the Debian package that has it.
func need(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		lacking(t, program+" is missing: apt-get install "+debian)
	}
	return path
}

func lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
