package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cnfd/internal/testneeds"
)

// TestREADMECertificate runs the README's certificate in two minutes as it stands there,
// line by line: each answer has in it what the comment behind it says.
func TestREADMECertificate(t *testing.T) {
	testneeds.Binary(t, "openssl", "openssl")
	testneeds.Binary(t, "acme-tiny", "acme-tiny")
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)## A certificate in two minutes\n.*?```sh\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("the README has no such block")
	}
	dir := filepath.Join(work, "readme-certificate")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	real := strings.NewReplacer("bin/cnfd", cnfd(t), "/tmp/sandbox", filepath.Join(dir, "sandbox"))
	env, comments := os.Environ(), 0
	for _, line := range strings.Split(strings.TrimSpace(string(found[1])), "\n") {
		command, want, _ := strings.Cut(line, " #")
		command, want = strings.TrimSpace(real.Replace(command)), strings.TrimSpace(want)
		if v, ok := strings.CutPrefix(command, "export "); ok {
			env = append(env, v)
			continue
		}
		if v, ok := strings.CutSuffix(command, " &"); ok {
			start(t, filepath.Join(dir, "log"), strings.Fields(v)...)
			awaitREADME(t, v, filepath.Join(dir, "sandbox"))
			continue
		}
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v\n%s\nthe README says %q", command, err, out, want)
		}
		if want != "" {
			comments++
		}
	}
	if comments < 6 {
		t.Errorf("%d comments: the block is not read right", comments)
	}
}

// awaitREADME waits until what a line has started can be used.
func awaitREADME(t *testing.T, command, dir string) {
	t.Helper()
	network, address := "unix", filepath.Join(dir, "cnfd.sock")
	if strings.Contains(command, " serve ") {
		network, address = "tcp", "127.0.0.1:8256"
	}
	await(t, command, func() error {
		c, err := net.Dial(network, address)
		if err == nil {
			c.Close()
		}
		return err
	})
}
