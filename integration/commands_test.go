package integration

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exitOf are the exit codes of `cnfd verify`, by the outcome's word.
var exitOf = map[string]int{"confirmed": 0, "refuted": 1, "unproven": 2}

// commandLine returns what cnfd prints and its exit code.
func commandLine(t testing.TB, stdin string, argv ...string) (string, int) {
	t.Helper()
	out, err := try("", stdin, append([]string{cnfd(t)}, argv...)...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, 0
	case errors.As(err, &exit):
		return err.Error(), exit.ExitCode()
	}
	t.Fatal(err)
	return "", 0
}

// newConfig writes a configuration into a directory of its own and returns its path.
func (r *trust) newConfig(t testing.TB, s settings) string {
	t.Helper()
	return r.configure(t, filepath.Join(work, fmt.Sprintf("cnfd-%d", daemons.Add(1))), s)
}

// resolve returns what `cnfd resolve` thinks of a name: "secure", "bogus", or "insecure" for that and indeterminate.
func (r *trust) resolve(t testing.TB, name, rtype string, s settings, flags ...string) string {
	t.Helper()
	out, code := commandLine(t, "", append([]string{"resolve", "--config", r.newConfig(t, s), name, rtype}, flags...)...)
	if word := map[int]string{0: "secure", 1: "bogus", 2: "insecure"}[code]; word != "" {
		return word
	}
	return out
}

// commands asks by the command line what the daemon is asked over HTTP everywhere else.
func (in *internet) commands(t *testing.T) {
	d, honest, stranger := in.daemon(t, settings{}), tokens(t)["steady.example. jwt"], tokens(t)["stranger jwt"]
	for _, server := range []string{"unix:" + d.unix, "http://" + d.tcp} {
		for k, want := range map[token]int{honest: 0, stranger: 1, tokens(t)["steady.example. cwt"]: 0} {
			if out, got := commandLine(t, k.Token, "verify", "--server", server, "-"); got != want {
				t.Errorf("verify --server %s of %s: exit code %d, want %d: %s", server, k.Name, got, want, out)
			}
		}
	}
	config := in.newConfig(t, settings{})
	for at, want := range map[time.Duration]struct {
		security string
		verify   int
	}{24 * time.Hour: {"secure", 0}, 35 * 24 * time.Hour: {"bogus", 2}} {
		if got := in.resolve(t, honest.owner(), "TLSA", settings{}, "--at", hence(at)); got != want.security {
			t.Errorf("resolve --at %s: %s, want %s", hence(at), got, want.security)
		}
		if out, got := commandLine(t, honest.Token, "verify", "--config", config, "--at", hence(at), "-"); got != want.verify {
			t.Errorf("verify --at %s: exit code %d, want %d: %s", hence(at), got, want.verify, out)
		}
	}
}

// verifyExit checks the exit code of a `cnfd verify` that resolves by itself.
func (in *internet) verifyExit(t *testing.T, k token, s settings, want string) {
	t.Helper()
	outcome, _, _ := strings.Cut(want, " ")
	out, got := commandLine(t, k.Token, "verify", "--config", in.newConfig(t, s), "-")
	if got != exitOf[outcome] {
		t.Errorf("cnfd verify: exit code %d, want %d for %s: %s", got, exitOf[outcome], want, out)
	}
}
