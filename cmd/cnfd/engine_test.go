package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/possession"
	"cnfd/record"
	"cnfd/replay"
	"cnfd/resolver"
	"cnfd/signature"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// TestEachKeyTurnsOnWhatItNames holds that a key of the file loosens or changes
// one thing, its own: each case is the whole difference to the defaults.
func TestEachKeyTurnsOnWhatItNames(t *testing.T) {
	dotted := []record.Form{record.Dotted}
	for _, tt := range []struct {
		text string
		want verifier.Config
	}{
		{"", verifier.Config{Forms: dotted}},
		{"testing: true", verifier.Config{Forms: dotted, Testing: true}},
		{"subjects: {mailto: true}", verifier.Config{Forms: dotted, Subjects: record.Subjects{Mailto: true}}},
		{"subjects: {acct: true}", verifier.Config{Forms: dotted, Subjects: record.Subjects{Acct: true}}},
		{"subjects: {spiffe: true}", verifier.Config{Forms: dotted, Subjects: record.Subjects{SPIFFE: true}}},
		{"subjects: {bare: true}", verifier.Config{Forms: dotted, Subjects: record.Subjects{Bare: true}}},
		{"subjects: {credential_subject: true}", verifier.Config{Forms: dotted, Credential: credential.Options{CredentialSubject: true}}},
		{"record: {x5t: true}", verifier.Config{Forms: dotted, Credential: credential.Options{Confirmation: thumbprint.Options{X5T: true}}}},
		{"record: {tbh: true}", verifier.Config{Forms: dotted, Credential: credential.Options{Confirmation: thumbprint.Options{TBH: true}}}},
		{"record: {symmetric: true}", verifier.Config{Forms: dotted, Credential: credential.Options{Confirmation: thumbprint.Options{Symmetric: true}}}},
		{"record: {allow_insecure: true}", verifier.Config{Forms: dotted, AllowInsecure: true}},
		{"record: {allow_wildcard: true}", verifier.Config{Forms: dotted, AllowWildcard: true}},
		{"record: {allow_delegated: true}", verifier.Config{Forms: dotted, AllowDelegated: true}},
		{"record: {legacy_did: true}", verifier.Config{Forms: []record.Form{record.Dotted, record.LegacyDID}}},
		{"record: {forms: [underscore]}", verifier.Config{Forms: []record.Form{record.Underscore}}},
		{"record: {forms: [underscore, dotted]}", verifier.Config{Forms: []record.Form{record.Underscore, record.Dotted}}},
		{"resolver: {stubs: [{zone: Corp.Internal, addresses: [192.0.2.1]}]}", verifier.Config{Forms: dotted, Subjects: record.Subjects{Local: []string{"corp.internal"}}}},
		{"resolver: {trust_anchors: ['local. IN DS 1 13 2 " + zeros + "', '. IN DS 1 13 2 " + zeros + "']}", verifier.Config{Forms: dotted, Subjects: record.Subjects{Local: []string{"local"}}}},
		{"check: [signature, mtls]", verifier.Config{Forms: dotted, Checks: verifier.CheckSignature | verifier.CheckMTLS}},
		{"check: [key_binding, dpop]", verifier.Config{Forms: dotted, Checks: verifier.CheckKeyBinding | verifier.CheckDPoP}},
		{"issuers: [{issuer: a, keys: /k}]", verifier.Config{Forms: dotted, Issuers: []verifier.Issuer{{Name: "a", Terms: issuers.Terms{Types: []string{}}}}}},
		{"issuers: [{issuer: a, keys: /k}, {issuer: b, keys: /l, check: [dpop, signature], audience: c, types: [at+jwt], algorithms: [ES256, ML-DSA-44]}]",
			verifier.Config{Forms: dotted, Issuers: []verifier.Issuer{
				{Name: "a", Terms: issuers.Terms{Types: []string{}}},
				{Name: "b", Checks: verifier.CheckDPoP | verifier.CheckSignature, Audience: "c", Terms: issuers.Terms{
					Types: []string{"at+jwt"}, Algorithms: []signature.Algorithm{signature.ES256, signature.MLDSA44}}},
			}}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := verifierConfig(parse(t, "%s", tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestEachResolverKeyChangesWhatItNames(t *testing.T) {
	defaults := resolver.Config{ServerPort: 53, MaxBytes: 256 << 20, MaxTTL: 300 * time.Second, MaxNegativeTTL: 60 * time.Second, Prefetch: true}
	for _, tt := range []struct {
		text   string
		change func(*resolver.Config)
	}{
		{"", func(*resolver.Config) {}},
		{"resolver: {qname_minimisation: false}", func(c *resolver.Config) { c.WholeNames = true }},
		{"resolver: {sha1: validate}", func(c *resolver.Config) { c.SHA1 = true }},
		{"resolver: {allow_local_servers: true}", func(c *resolver.Config) { c.AllowLocalServers = true }},
		{"resolver: {ipv4: false}", func(c *resolver.Config) { c.NoIPv4 = true }},
		{"resolver: {ipv6: false}", func(c *resolver.Config) { c.NoIPv6 = true }},
		{"testing: true\nresolver: {server_port: 5300}", func(c *resolver.Config) { c.ServerPort = 5300 }},
		{"resolver: {negative_trust_anchors: [broken.example]}", func(c *resolver.Config) {
			c.NegativeAnchors = []resolver.NegativeAnchor{{Name: "broken.example"}}
		}},
		{"resolver: {negative_trust_anchors: [{name: broken.example, until: 2026-11-24T12:00:00Z}]}", func(c *resolver.Config) {
			c.NegativeAnchors = []resolver.NegativeAnchor{{Name: "broken.example", Until: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}}
		}},
		{"resolver: {root_hints: [{name: a., addresses: [192.0.2.1, \"2001:db8::1\"]}]}", func(c *resolver.Config) {
			c.Hints = []resolver.Hint{{Name: "a.", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}}}
		}},
		{"resolver: {stubs: [{zone: a.example, addresses: [192.0.2.1]}]}", func(c *resolver.Config) {
			c.Stubs = []resolver.Stub{{Zone: "a.example", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}
		}},
		{"cache: {max_bytes: 32MiB}", func(c *resolver.Config) { c.MaxBytes = 32 << 20 }},
		{"cache: {max_ttl: 10s}", func(c *resolver.Config) { c.MaxTTL = 10 * time.Second }},
		{"cache: {prefetch: false}", func(c *resolver.Config) { c.Prefetch = false }},
		{"cache: {prefetch_confirmations: true}", func(c *resolver.Config) { c.PrefetchConfirmations = true }},
		{"state_dir: /s", func(c *resolver.Config) { c.Snapshots = true }},
		{"state_dir: /s\ncache: {snapshot: false}", func(*resolver.Config) {}},
		{"cache: {max_negative_ttl: 5s}", func(c *resolver.Config) { c.MaxNegativeTTL = 5 * time.Second }},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := resolverConfig(parse(t, "%s", tt.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults
			tt.change(&want)
			got.Anchors = nil // see TestAnchors
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestAnchors(t *testing.T) {
	ds := func(name string) string { return "'" + name + " IN DS 1 13 2 " + zeros + "'" }
	stub := func(anchors string) string {
		return "stubs: [{zone: corp.example, addresses: [192.0.2.1], trust_anchors: [" + anchors + "]}]"
	}
	for _, tt := range []struct {
		claim, keys string
		want        []string
		iana        bool
	}{
		{"the default is the root's", "", []string{"."}, true},
		{"none is none", "trust_anchors: [none]", nil, false},
		{"what is written takes the default's place", "trust_anchors: [" + ds("local.example.") + "]", []string{"local.example."}, false},
		{"a root of one's own", "trust_anchors: [" + ds(".") + "]", []string{"."}, false},
		{"a stub's anchor stands beside the default", stub(ds("corp.example.")), []string{".", "corp.example."}, true},
		{"a stub's none adds nothing", stub("none"), []string{"."}, true},
		{"a stub's anchor stands beside none", "trust_anchors: [none], " + stub(ds("corp.example.")), []string{"corp.example."}, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			anchors, err := anchorsOf(&parse(t, "resolver: {%s}", tt.keys).Resolver)
			if err != nil {
				t.Fatal(err)
			}
			names := anchors.Names()
			slices.Sort(names)
			if !slices.Equal(names, tt.want) {
				t.Errorf("anchors at %v, want %v", names, tt.want)
			}
			if root := anchors.At("."); root != nil && (root.DS[0].KeyTag == 20326) != tt.iana {
				t.Errorf("the root's anchor is %s", root)
			}
		})
	}
}

// TestProofsStayWithinTheirMemory: a small cache does not come with a memory of proofs
// that is many times as large.
func TestProofsStayWithinTheirMemory(t *testing.T) {
	for size, want := range map[string]int{"256MiB": replay.DefaultProofs, "8GiB": replay.DefaultProofs, "128MiB": replay.DefaultProofs / 2, "1MiB": 1 << 18} {
		if got := proofsBeside(parse(t, "cache: {max_bytes: %s}", size).Cache.MaxBytes); got != want {
			t.Errorf("%s: %d proofs, want %d", size, got, want)
		}
	}
}

// TestProofsOfTheDaemonBefore: a daemon takes no proof that the one before it may have
// taken, and every other; where that cannot be known, none from before its start.
func TestProofsOfTheDaemonBefore(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 700e6, time.UTC)
	key, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	// taken asks a memory for a proof as possession.DPoP makes it of iat.
	taken := func(p *proofs, iat int64) (bool, error) {
		until := time.Unix(iat, 0).Add(possession.ProofLifetime + possession.Skew + time.Second)
		return p.Take(context.Background(), key, fmt.Append(nil, iat), until)
	}
	for _, c := range []struct {
		claim      string
		forCommand bool
		dir        func(t *testing.T) string // the state_dir, as it was found
		ended      time.Duration             // ago
		want       map[time.Duration]bool    // of a proof that was made so long ago
	}{
		{"there was none", false, (*testing.T).TempDir, 0, map[time.Duration]bool{time.Minute: true, 0: true}},
		{"it took one until now", false, tookOne, 0, map[time.Duration]bool{time.Minute: false, time.Second: false, 0: true}},
		{"it took one half a minute ago", false, tookOne, 30 * time.Second, map[time.Duration]bool{time.Minute: false, 31 * time.Second: false, 18 * time.Second: true, 0: true}},
		{"it took one an hour ago", false, tookOne, time.Hour, map[time.Duration]bool{time.Minute: true, 0: true}},
		{"it left what cannot be read", false, leftWords, 0, map[time.Duration]bool{time.Minute: false, time.Second: false, 0: true}},
		{"nobody knows", false, func(*testing.T) string { return "" }, 0, map[time.Duration]bool{time.Minute: false, time.Second: false, 0: true}},
		{"a command", true, tookOne, 0, map[time.Duration]bool{time.Minute: true, 0: true}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			conf := parse(t, "state_dir: /x")
			conf.StateDir = c.dir(t)
			now := noon
			if _, err := os.Stat(filepath.Join(conf.StateDir, "take")); err == nil {
				one, err := newProofs(conf, func() time.Time { return now }, slog.New(slog.DiscardHandler), false)
				if err != nil {
					t.Fatal(err)
				}
				if first, err := taken(one, now.Unix()-30); !first || err != nil {
					t.Fatal(first, err)
				}
			}
			now = noon.Add(c.ended)
			next, err := newProofs(conf, func() time.Time { return now }, slog.New(slog.DiscardHandler), c.forCommand)
			if err != nil {
				t.Fatal(err)
			}
			for ago, want := range c.want {
				if first, err := taken(next, now.Add(-ago).Unix()); first != want || (err == nil) != want {
					t.Errorf("made %v ago: %v, %v", ago, first, err)
				}
			}
		})
	}
}

// tookOne is a state_dir whose daemon is to take a proof first.
func tookOne(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "take"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func leftWords(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "proofs"), []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNegativeAnchorsLastAsLongAsTheCheckSays(t *testing.T) {
	if config.LongestNegativeAnchor != resolver.LongestNegativeAnchor {
		t.Errorf("%s and %s", config.LongestNegativeAnchor, resolver.LongestNegativeAnchor)
	}
}
