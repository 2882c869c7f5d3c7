package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
	"cnfd/publish/hook"
	"cnfd/publish/provider"
	"cnfd/publish/update"
)

// target is the place that c.Publish says, ready to be read and written. Nothing is
// sent to it yet.
func (o *publishOptions) target(c *config.Config, world publish.World, now func() time.Time) (publish.Target, error) {
	p := &c.Publish
	switch {
	case p.To == "":
		return publish.Target{}, fmt.Errorf("--%s: say where the zone is: one of %s", o.targetFlag, strings.Join(targets(), ", "))
	case printed(p.To):
		return publish.Target{}, fmt.Errorf("--%s: %s prints what is to be written: this command writes", o.targetFlag, p.To)
	case p.To == "rfc2136":
		return o.updateTarget(c, world, now)
	case p.To == "hook":
		return hookTarget(p)
	case slices.Contains(provider.Names(), p.To):
		secret, err := o.credentialsOf(p)
		if err != nil {
			return publish.Target{}, err
		}
		return provider.New(p.To, provider.Config{Endpoint: p.Server, Credentials: secret, Zone: p.Zone, Now: now})
	}
	return publish.Target{}, fmt.Errorf("--%s: want one of %s%s", o.targetFlag, strings.Join(targets(), ", "), meant[strings.ToLower(p.To)])
}

// meant says of programs that are no target by which word their zones are reached.
var meant = map[string]string{
	"bind": byUpdate, "bind9": byUpdate, "named": byUpdate, "knot": byUpdate, "knotd": byUpdate,
	"ddns": byUpdate, "tsig": byUpdate, "pdns": "; PowerDNS is reached by its API as powerdns, by dynamic updates as rfc2136",
	"nsd": "; NSD takes no dynamic updates: zone prints lines for its zone file",
}

const byUpdate = "; BIND and Knot DNS are reached by dynamic updates: rfc2136"

// hookTarget is what publish.hook calls.
func hookTarget(p *config.Publish) (publish.Target, error) {
	switch {
	case len(p.Hook) == 0:
		return publish.Target{}, errors.New("hook: name the program in the configuration (publish.hook)")
	case p.Server != "" || p.Zone != "" || p.Credentials != "":
		return publish.Target{}, errors.New("hook: the program knows its own server, zone and credentials: leave those of publish, and their flags, out")
	}
	return hook.New(hook.Config{Program: p.Hook[0], Args: p.Hook[1:], Guarded: p.HookGuarded})
}

// updateTarget is the zone's primary, by dynamic update.
func (o *publishOptions) updateTarget(c *config.Config, world publish.World, now func() time.Time) (publish.Target, error) {
	p := &c.Publish
	uc := update.Config{Server: p.Server, Zone: p.Zone, GSS: p.GSS, Now: now}
	uc.Primary = func(ctx context.Context, name string) (string, []netip.AddrPort, error) {
		return update.FindPrimary(ctx, world, name, c.Resolver.ServerPort, o.revokes && uc.Key.Proves())
	}
	uc.Told = o.found
	if strings.Contains(p.Server, "/") {
		return publish.Target{}, fmt.Errorf("server %q: want an address or a host name, and :port where that is not 53; no URL", p.Server)
	}
	if !p.GSS {
		text, err := o.credentialsOf(p)
		if err != nil {
			return publish.Target{}, err
		}
		if uc.Key, err = updateKey(text, p.Credentials); err != nil {
			return publish.Target{}, fmt.Errorf("credentials: %w", err)
		}
	}
	return update.New(uc)
}

// found notes, and tells of, a zone that is written to and its primary.
func (o *publishOptions) found(apex, server string) {
	o.places = append(o.places, fmt.Sprintf("%s (zone %s)", server, apex))
	if o.teller != nil {
		o.teller.tell(publish.Event{At: o.now(), Step: publish.Looking, Name: apex, Text: "the zone's primary is " + server})
	}
}

// targetName is what the place is called for people: of dynamic updates with every zone
// and primary that was found so far.
func (o *publishOptions) targetName(t publish.Target) string {
	if len(o.places) == 0 {
		return t.Name
	}
	return "rfc2136 at " + strings.Join(o.places, ", ")
}

// updateKey reads a key file of BIND's, or the private half of a SIG(0) key, whose
// public one lies beside it.
func updateKey(text []byte, path string) (update.Key, error) {
	base, private := strings.CutSuffix(path, ".private")
	if !private {
		return update.ParseKey(text)
	}
	public, _, err := readFile(base+".key", maxCredentials)
	if err != nil {
		return update.Key{}, fmt.Errorf("the public half of the key: %w", err)
	}
	return update.ParseSIG0(public, text)
}

// targets are the words of --to, the places first.
func targets() []string {
	all := append([]string{"rfc2136"}, provider.Names()...)
	return append(append(all, "hook"), config.Printed...)
}

// printed reports whether a target is none but a way to print what is to be written.
func printed(to string) bool { return slices.Contains(config.Printed, to) }

// credentialsVariable holds what a credentials file would hold.
const credentialsVariable = "CNFD_PUBLISH_CREDENTIALS"

// maxCredentials is what a credentials file may have: a service account of Google's is
// some 2.4 KB.
const maxCredentials = 64 << 10

// credentialsOf reads what the target asks for. No error repeats any of it.
func (o *publishOptions) credentialsOf(p *config.Publish) ([]byte, error) {
	text := os.Getenv(credentialsVariable)
	switch {
	case p.Credentials == "" && text == "":
		return nil, fmt.Errorf("--credentials: %s asks for some: name the file that holds them, or put its text into %s", p.To, credentialsVariable)
	case p.Credentials == "":
		return []byte(text), nil
	case text != "" && o.credentials == "":
		return nil, fmt.Errorf("credentials: both publish.credentials and %s say which: leave one out, or name a file by --credentials", credentialsVariable)
	}
	octets, err := readCredentials(p.Credentials)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return octets, nil
}

// readCredentials refuses a file that others than its owner can read, or write their
// own into.
func readCredentials(path string) ([]byte, error) {
	text, mode, err := readFile(path, maxCredentials)
	switch {
	case err != nil:
		return nil, err
	case mode.Perm()&0o066 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("%s: others than its owner may read or write it (%04o): chmod 600 it, and have it replaced if others have read it", path, mode.Perm())
	case len(text) > maxCredentials:
		return nil, fmt.Errorf("%s: over %d KiB", path, maxCredentials>>10)
	case len(strings.TrimSpace(string(text))) == 0:
		return nil, fmt.Errorf("%s: empty", path)
	}
	return text, nil
}
