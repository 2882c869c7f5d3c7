package integration

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An owner is somebody who runs a domain on BIND and Knot and publishes keys in it by the real binary.
type owner struct {
	*publishing
	config, dir string
	keys        int
}

// publishedDoc is what the writing commands print with --json, as far as tests look.
type publishedDoc struct {
	Written, Proven bool
	Sets            []struct {
		Name                    string
		Written, Undone, Proven bool
		Why                     string
	}
	Error *struct{ Kind, What string }
}

const ownersName = "jwk.cnf." + publishingDomain

// newOwner starts a domain with records of others at the name that is published at.
func newOwner(t *testing.T, number int) *owner {
	t.Helper()
	o := &owner{dir: filepath.Join(work, fmt.Sprintf("owner-%d", number))}
	o.publishing = newPublishing(t, number,
		ownersName+" 5 TLSA 3 1 1 "+strings.Repeat("0f", 32), ownersName+" 5 TLSA 255 255 255 "+strings.Repeat("a5", 48))
	o.config = o.newConfig(t, settings{sections: fmt.Sprintf("publish: {to: rfc2136, credentials: %q, ttl: 5s, wait: 1m}", o.key())})
	o.others(t)
	return o
}

// others fails where the two records of others are not, octet for octet, at both servers.
func (o *owner) others(t testing.TB) {
	t.Helper()
	for _, h := range []*host{o.leaf, o.second} {
		await(t, "others' records", func() error {
			got := strings.ToLower(strings.Join(o.standing(t, h, ownersName), "\n"))
			for _, want := range []string{"3 1 1 " + strings.Repeat("0f", 32), "255 255 255 " + strings.Repeat("a5", 48)} {
				if !strings.Contains(got, want) {
					return fmt.Errorf("%s has %s", h.addr, got)
				}
			}
			return nil
		})
	}
}

// another is a new key's file.
func (o *owner) another(t testing.TB) rotatingKey {
	t.Helper()
	o.keys++
	return newRotatingKey(t, filepath.Join(o.dir, fmt.Sprintf("%d.jwk", o.keys)))
}

// publish runs a verb for a key and returns what it printed, and its exit code.
func (o *owner) publish(t testing.TB, verb string, k rotatingKey, flags ...string) (d publishedDoc, code int) {
	t.Helper()
	argv := append([]string{cnfd(t), "publish", verb, "--config", o.config, "--subject", "https://vendor.example", "--key", k.file, "--json"}, flags...)
	cmd := exec.Command(argv[0], argv[1:]...)
	var bad strings.Builder
	cmd.Stderr = &bad
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v: %s%s", err, out, bad.String())
	}
	return d, cmd.ProcessState.ExitCode()
}
