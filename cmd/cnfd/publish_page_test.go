package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPublishPage runs the commands of docs/publish.md against a sandbox, one after the
// other, and holds each answer to what the page says behind it.
func TestPublishPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/publish.md")
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, sandboxOptions{dir: t.TempDir()})
	seen := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			command, want, _ := strings.Cut(line, " # ")
			words := strings.Fields(strings.ReplaceAll(command, "/tmp/sandbox", p.dir))
			if words[0] != "bin/cnfd" || want == "" {
				t.Fatalf("%s: nobody has said how to hold this", line)
			}
			var out, bad strings.Builder
			run(words[1:], strings.NewReader(""), &out, &bad)
			if !strings.HasPrefix(out.String(), want) {
				t.Errorf("%s: %s%s, the page says %q", command, out.String(), bad.String(), want)
			}
			seen++
		}
	}
	if seen < 7 {
		t.Errorf("%d commands: the page is not read right", seen)
	}
}
