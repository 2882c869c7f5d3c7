// Package testneeds says what a test needs of the machine, and skips it with the reason where that is missing.
//
// With CI=true nothing may be skipped: what is missing is then a failure.
// internal/testneeds/report gathers the skips of a whole run.
package testneeds

import (
	"os"
	"os/exec"
	"testing"
)

// Binary returns the path of a program, and names the Debian package that has it
// where it is missing.
func Binary(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Lacking(t, program+" is missing: apt-get install "+debian)
	}
	return path
}

// Root demands that the test runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacking(t, "root is needed")
	}
}

// Lacking skips the test for want of something, or fails it where nothing may be
// skipped. why is for people: what is missing and how to get it.
func Lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
