package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readme returns the lines of README.md's shell blocks, each cut into command
// and comment.
func readme(t *testing.T) (lines [][2]string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			command, comment, _ := strings.Cut(line, " #")
			lines = append(lines, [2]string{strings.TrimSpace(command), strings.TrimSpace(comment)})
		}
	}
	return lines
}

// TestREADME holds the README's commands against what there is: targets of make,
// commands and flags of cnfd, and the output where a comment shows one. What is
// for the sandbox is run against one. What needs the real Internet, or stays, is
// asked for its help alone.
func TestREADME(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.jwk")
	const jwk = `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`
	if err := os.WriteFile(key, []byte(jwk), 0o600); err != nil {
		t.Fatal(err)
	}
	var sandbox *playground // the README's /tmp/sandbox
	cnfd := func(args ...string) (string, int) {
		var out, bad strings.Builder
		code := run(args, strings.NewReader(""), &out, &bad)
		return out.String() + bad.String(), code
	}
	seen := 0
	for _, line := range readme(t) {
		command, comment := line[0], line[1]
		words := strings.Fields(strings.TrimSuffix(command, " &"))
		switch {
		case words[0] == "make":
			if !strings.Contains(string(makefile), "\n"+words[1]+":") {
				t.Errorf("%s: no such target", command)
			}
		case words[0] == "curl":
			if !strings.HasSuffix(command, ":8255/v1/verify") {
				t.Errorf("%s: not where the daemon listens", command)
			}
		case words[0] == "export", words[0] == "openssl", words[0] == "acme-tiny":
			// integration.TestREADMECertificate runs these.
		case words[0] != "bin/cnfd":
			t.Errorf("%s: nobody has said how to hold this", command)
		case words[1] == "name":
			if out, code := cnfd(words[1:]...); code != 0 || strings.TrimSpace(out) != comment {
				t.Errorf("%s: %d %q, the README says %q", command, code, out, comment)
			}
		case words[1] == "thumbprint":
			words[2] = key
			if out, code := cnfd(words[1:]...); code != 0 || !strings.Contains(out, "jwk.cnf.vendor.example.") || !strings.Contains(out, "TLSA 255 255 255 80D55420") {
				t.Errorf("%s: %d %s", command, code, out)
			}
		case words[1] == "sandbox" && len(words) > 2 && sandbox == nil:
			sandbox = play(t, sandboxOptions{dir: t.TempDir()})
		case words[1] == "verify" && sandbox != nil:
			if out, code := cnfd(strings.Fields(strings.ReplaceAll(strings.Join(words[1:], " "), "/tmp/sandbox", sandbox.dir))...); code != 0 || !strings.HasPrefix(out, comment+"\n") {
				t.Errorf("%s: %d %q, the README says %q", command, code, out, comment)
			}
		default:
			if out, code := cnfd(append(words[1:], "-h")...); code != 0 || !strings.Contains(out, "cnfd "+words[1]) {
				t.Errorf("%s: %d %s", command, code, out)
			}
		}
		seen++
	}
	if seen < 8 {
		t.Errorf("%d commands in the README: it is not read right", seen)
	}
}
