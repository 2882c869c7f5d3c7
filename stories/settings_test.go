package stories

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/resolver"
	"cnfd/thumbprint"
	"cnfd/verifier"

	"github.com/goccy/go-yaml"
)

// settings are a story's configuration: the daemon's own keys where there is one, and begins.
type settings struct {
	// Begins is the time at which the story begins; default 2026-11-22T06:00:00Z.
	Begins   time.Time `yaml:"begins"`
	Resolver struct {
		Mode string `yaml:"mode"`
		// Forwarders, as udp://192.0.2.53, are asked in place of the story's servers. Each is a resolver of
		// ours that walks by itself.
		Forwarders []string `yaml:"forwarders"`
		RootHints  []struct {
			Name      string       `yaml:"name"`
			Addresses []netip.Addr `yaml:"addresses"`
		} `yaml:"root_hints"` // default: the servers of the story's root
		// TrustAnchors are zone-file lines, or names of the story's zones, whose keys are then trusted; default: the root's.
		TrustAnchors         []string `yaml:"trust_anchors"`
		NegativeTrustAnchors []struct {
			Name  string    `yaml:"name"`
			Until time.Time `yaml:"until"`
		} `yaml:"negative_trust_anchors"`
		Stubs []struct {
			Zone      string       `yaml:"zone"`
			Addresses []netip.Addr `yaml:"addresses"`
		} `yaml:"stubs"`
		QNAMEMinimisation *bool  `yaml:"qname_minimisation"`
		SHA1              string `yaml:"sha1"`
		AllowLocalServers bool   `yaml:"allow_local_servers"`
		IPv4              *bool  `yaml:"ipv4"`
		IPv6              *bool  `yaml:"ipv6"`
	} `yaml:"resolver"`
	Cache struct {
		MaxTTL         time.Duration `yaml:"max_ttl"`
		MaxNegativeTTL time.Duration `yaml:"max_negative_ttl"`
		Prefetch       *bool         `yaml:"prefetch"`

		PrefetchConfirmations bool `yaml:"prefetch_confirmations"`
	} `yaml:"cache"`
	Record struct {
		Forms          []string `yaml:"forms"`
		AllowInsecure  bool     `yaml:"allow_insecure"`
		AllowWildcard  bool     `yaml:"allow_wildcard"`
		AllowDelegated bool     `yaml:"allow_delegated"`
	} `yaml:"record"`
}

// read reads the text above CONFIG_END; an unknown key is an error.
func (s *settings) read(text string) error {
	err := yaml.NewDecoder(bytes.NewReader([]byte(text)), yaml.Strict()).Decode(s)
	if err == io.EOF {
		err = nil
	}
	if s.Begins.IsZero() {
		s.Begins = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	}
	return err
}

// resolverConfig is what the daemon would make of them.
func (s *settings) resolverConfig(w *world) (resolver.Config, error) {
	r := &s.Resolver
	off := func(b *bool) bool { return b != nil && !*b }
	c := resolver.Config{
		Now: w.now, Exchanger: w, MaxBytes: 4 << 20,
		WholeNames: off(r.QNAMEMinimisation), SHA1: r.SHA1 == "validate",
		AllowLocalServers: r.AllowLocalServers, NoIPv4: off(r.IPv4), NoIPv6: off(r.IPv6),
		MaxTTL: s.Cache.MaxTTL, MaxNegativeTTL: s.Cache.MaxNegativeTTL,
		Prefetch: !off(s.Cache.Prefetch), PrefetchConfirmations: s.Cache.PrefetchConfirmations, Snapshots: true,
	}
	for _, n := range r.NegativeTrustAnchors {
		c.NegativeAnchors = append(c.NegativeAnchors, resolver.NegativeAnchor{Name: n.Name, Until: n.Until})
	}
	for _, h := range r.RootHints {
		c.Hints = append(c.Hints, resolver.Hint{Name: h.Name, Addresses: h.Addresses})
	}
	if root := w.sites["."]; root != nil && len(c.Hints) == 0 {
		c.Hints = []resolver.Hint{{Name: "ns1.", Addresses: root.servers}}
	}
	for _, stub := range r.Stubs {
		c.Stubs = append(c.Stubs, resolver.Stub{Zone: stub.Zone, Addresses: stub.Addresses})
	}
	if r.Mode != "forward" && len(r.Forwarders) > 0 {
		return c, errors.New("forwarders are of mode: forward")
	}
	for _, url := range r.Forwarders {
		network, text, _ := strings.Cut(url, "://")
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return c, err
		}
		c.Forwarders = append(c.Forwarders, resolver.Forwarder{Network: network, Address: netip.AddrPortFrom(addr, 53)})
	}
	anchors, err := s.anchors(w)
	c.Anchors = &anchors
	return c, err
}

func (s *settings) anchors(w *world) (dnssec.Anchors, error) {
	lines := s.Resolver.TrustAnchors
	if len(lines) == 0 {
		lines = []string{"."}
	}
	if slices.Equal(lines, []string{"none"}) {
		return dnssec.Anchors{}, nil
	}
	var out []string
	for _, line := range lines {
		if site := w.sites[line]; site != nil {
			for _, ds := range site.zone.DS(site.signing.key.digest()) {
				out = append(out, ds.String())
			}
			continue
		}
		out = append(out, line)
	}
	return dnssec.ParseAnchors(out)
}

func (s *settings) verifierConfig(source verifier.Source, now func() time.Time) (verifier.Config, error) {
	c := verifier.Config{
		Source: source, Now: now,
		// As the daemon without decryption_keys: nothing is opened, and what may never be is refused.
		Credential:    credential.Options{Confirmation: thumbprint.Options{Opener: (*decryption.Keys)(nil)}},
		AllowInsecure: s.Record.AllowInsecure, AllowWildcard: s.Record.AllowWildcard, AllowDelegated: s.Record.AllowDelegated,
	}
	for _, stub := range s.Resolver.Stubs {
		c.Subjects.Local = append(c.Subjects.Local, strings.TrimSuffix(dnssec.Canonical(stub.Zone), "."))
	}
	for _, word := range s.Record.Forms {
		f, err := record.ParseForm(word)
		if err != nil {
			return c, err
		}
		c.Forms = append(c.Forms, f)
	}
	return c, nil
}

// TestSettingsAreTheDaemons: a story is configured by keys of the daemon's own file, and by begins.
func TestSettingsAreTheDaemons(t *testing.T) {
	manual, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := reflect.TypeFor[settings]()
	for i := range sections.NumField() {
		section := sections.Field(i)
		if section.Tag.Get("yaml") == "begins" {
			continue
		}
		for j := range section.Type.NumField() {
			key := section.Tag.Get("yaml") + "." + section.Type.Field(j).Tag.Get("yaml")
			if !strings.Contains(string(manual), "| `"+key+"` |") {
				t.Errorf("%s is no key of docs/config.md", key)
			}
		}
	}
}
