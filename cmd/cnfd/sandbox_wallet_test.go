package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestSandboxChecks runs the commands that the sandbox prints for the checks. A proof
// is good once; renewed, it is again.
func TestSandboxChecks(t *testing.T) {
	p := play(t, sandboxOptions{})
	verify := func(command string) string {
		var out, errs bytes.Buffer
		words := strings.Fields(command)
		if words[0] != program() || words[1] != "verify" {
			t.Fatalf("%s: not a command of ours", command)
		}
		if code := run(words[1:], strings.NewReader(""), &out, &errs); code == exitError {
			t.Fatalf("%s: %s", command, errs.String())
		}
		first, _, _ := strings.Cut(out.String(), "\n")
		return first
	}
	var commands []string
	for _, line := range strings.Split(strings.TrimSpace(p.checkCommands()), "\n") {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			commands = append(commands, line)
		}
	}
	if len(commands) != 3 {
		t.Fatalf("commands: %q", commands)
	}
	for _, again := range []string{"", " and what the holder makes for the moment is made anew"} {
		for _, c := range commands {
			if got := verify(c); got != "confirmed: record_matches" {
				t.Errorf("%s%s: %s", c, again, got)
			}
			want := "confirmed: record_matches"
			if strings.Contains(c, "--dpop") {
				want = "refuted: dpop_replayed"
			}
			if got := verify(c); got != want {
				t.Errorf("%s, twice%s: %s, want %s", c, again, got, want)
			}
		}
		if err := p.renew(); err != nil {
			t.Fatal(err)
		}
	}
}
