package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
)

func TestSandboxDemo(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"sandbox", "--demo"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, errs.String(), out.String())
	}
	for _, want := range []string{"vendor.cwt", "refuted: record_absent", "All as expected."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out.String())
		}
	}
}

// play opens the sandbox for a test.
func play(t testing.TB, o sandboxOptions) *playground {
	t.Helper()
	cmd := &cobra.Command{}
	cmd.SetErr(io.Discard)
	p, err := openPlayground(context.Background(), cmd, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// TestSandboxCases holds the resolver to the outcome of every case of every zone:
// the same that Unbound, delv and drill are held to.
func TestSandboxCases(t *testing.T) {
	p := play(t, sandboxOptions{})
	kinds := map[dnssec.Kind]string{dnssec.Positive: "positive", dnssec.NoData: "nodata", dnssec.NoName: "noname"}
	for _, z := range p.internet.Zones() {
		for _, c := range z.Cases {
			t.Run(c.Name+dns.TypeToString[c.Type], func(t *testing.T) {
				name, ok := dnssec.NameOf(c.Name)
				if !ok {
					t.Fatal("no name")
				}
				a, _, err := p.daemon.engine.resolver.Lookup(context.Background(), dnssec.Question{Name: name, Type: c.Type})
				if err != nil {
					t.Fatal(err)
				}
				if got := a.Security.String(); got != c.Want {
					t.Errorf("%s, want %s: %s: %+v", got, c.Want, c.Why, a.Trouble)
				}
				// A bogus or missing answer has no kind: nothing can be said of it.
				if got := kinds[a.Kind]; (c.Want == "secure" || c.Want == "insecure") && got != c.Kind {
					t.Errorf("%s, want %s: %s", got, c.Kind, c.Why)
				}
				if a.Wildcard != c.Wildcard && c.Want != "bogus" {
					t.Errorf("wildcard %v, want %v: %s", a.Wildcard, c.Wildcard, c.Why)
				}
			})
		}
	}
}

// TestSandboxDirIsOneSandboxs: a second one would write over the files that the first one's commands name.
func TestSandboxDirIsOneSandboxs(t *testing.T) {
	p := play(t, sandboxOptions{dir: t.TempDir()})
	before, err := os.ReadFile(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"sandbox", "--demo", "--dir", p.dir}, strings.NewReader(""), &out, &errs); code != exitError || !strings.Contains(errs.String(), "choose another") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if after, err := os.ReadFile(p.path(configFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the first one's configuration was written over: %v", err)
	}
}

// TestSandboxDirIsOnesOwn: where others can write they can have laid a link, and any file of the user's is written over.
func TestSandboxDirIsOnesOwn(t *testing.T) {
	dir := t.TempDir()
	play(t, sandboxOptions{dir: dir}).close()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(t.TempDir(), "precious")
	if err := errors.Join(os.WriteFile(precious, nil, 0o600), os.Remove(filepath.Join(dir, anchorFile)), os.Symlink(precious, filepath.Join(dir, anchorFile))); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"sandbox", "--demo", "--dir", dir}, strings.NewReader(""), &out, &errs); code != exitError || !strings.Contains(errs.String(), "others may write to it (mode 0777)") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if text, err := os.ReadFile(precious); err != nil || len(text) > 0 {
		t.Errorf("a file elsewhere was written over: %v", err)
	}
}

func TestSandboxFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	p := play(t, sandboxOptions{dir: dir})
	for _, name := range []string{configFile, keyFile, anchorFile, "vendor.jwt", "stranger.cwt", issuerFile, accessFile, proofFile, presentedFile, boundFile, clientFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	var out, errs bytes.Buffer
	if code := run([]string{"config", "check", p.path(configFile)}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Errorf("config check: %d: %s", code, errs.String())
	}
	// Without the daemon, and by the same files.
	for file, want := range map[string]int{"vendor.cwt": 0, "stranger.jwt": 1, "outdated.jwt": 2} {
		errs.Reset()
		if code := run([]string{"verify", "--config", p.path(configFile), p.path(file)}, strings.NewReader(""), &out, &errs); code != want {
			t.Errorf("verify %s: exit code %d, want %d: %s", file, code, want, errs.String())
		}
	}
	// What is printed to try: every zone's updates are found by its SOA.
	for _, args := range [][]string{
		{"publish", "remove", "--subject", "https://leaving.example"}, {"publish", "add", "--subject", "https://leaving.example", "--ttl", "2"},
		{"publish", "add", "--subject", "https://glueless.example"}, {"publish", "add", "--subject", "https://empty.test"},
	} {
		errs.Reset()
		if code := run(append(args, "--config", p.path(configFile), "--key", p.path(clientFile)), strings.NewReader(""), &out, &errs); code != 0 {
			t.Errorf("%q: exit code %d: %s", args, code, errs.String())
		}
	}
	out.Reset()
	if err := p.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{p.daemon.Addresses().API, p.daemon.Addresses().DNS, p.internet.Anchor(), "hmac-sha256:sandbox.:", "nsupdate -k", "curl", program() + " verify --server unix:", program() + " publish remove --config " + p.path(configFile) + " --subject https://leaving.example --key " + p.path(clientFile), "record_differs", "wrongds.example."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("what is printed lacks %q", want)
		}
	}
	out.Reset()
	if err := p.printJSON(&out); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		API, DNS, Config string
		TSIG             map[string]string
		Zones            []struct{ Name, Want string }
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.API != p.daemon.Addresses().API || doc.TSIG["secret"] == "" || len(doc.Zones) < 50 ||
		!strings.Contains(out.String(), `"root_hints":[{"name":"a.root-servers.","addresses":["127.0.53.1"]}]`) {
		t.Errorf("--json: %v: %+v", err, doc)
	}
	p.close()
	if _, err := os.Stat(filepath.Join(dir, "vendor.jwt")); err != nil {
		t.Errorf("a directory that was asked for does not stay: %v", err)
	}
}

func TestSandboxLeavesNothing(t *testing.T) {
	p := play(t, sandboxOptions{})
	dir := p.dir
	p.close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the temporary directory stays: %v", err)
	}
}

func TestSandboxRefuses(t *testing.T) {
	p := play(t, sandboxOptions{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for claim, o := range map[string]sandboxOptions{
		"a busy port":              {port: uint16(p.internet.Port())},
		"a directory that is none": {dir: file},
	} {
		cmd := &cobra.Command{}
		cmd.SetErr(io.Discard)
		if q, err := openPlayground(context.Background(), cmd, &o); err == nil {
			q.close()
			t.Errorf("%s is taken", claim)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is not one line: %v", claim, err)
		}
	}
}
