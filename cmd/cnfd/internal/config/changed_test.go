package config

import (
	"slices"
	"testing"
	"time"
)

// TestChangedKeysAndGuards: what was changed is named, and it is told apart whether a guard went or came.
func TestChangedKeysAndGuards(t *testing.T) {
	guarded := Default(User{Root: true})
	guarded.Check = []string{"signature", "mtls"}
	guarded.Issuers = []Issuer{{Issuer: "a", Keys: "/a", Check: []string{"signature"}, Algorithms: []string{"ES256"}, Audience: "here"}}
	guarded.API.AllowUIDs, guarded.API.TLS = []uint32{1, 2}, TLS{Cert: "/c", Key: "/k", ClientCA: "/ca"}
	guarded.Authz.Subjects, guarded.Authz.Audience, guarded.Authz.DPoPNonce = []string{"vendor.example"}, "here", true
	issuer := func(edit func(*Issuer)) func(*Config) {
		return func(c *Config) {
			c.Issuers = slices.Clone(c.Issuers)
			edit(&c.Issuers[0])
		}
	}
	for _, tt := range []struct {
		claim  string
		change func(*Config)
		keys   []string
		guard  bool // all of the keys are guards that went; undone, none is
	}{
		{"nothing", func(*Config) {}, nil, false},
		{"a check", func(c *Config) { c.Check = []string{"mtls"} }, []string{"check"}, true},
		{"all checks", func(c *Config) { c.Check = nil }, []string{"check"}, true},
		{"the order of checks", func(c *Config) { c.Check = []string{"mtls", "signature"} }, []string{"check"}, false},
		{"an issuer", func(c *Config) { c.Issuers = nil }, []string{"issuers"}, true},
		{"an issuer's check", issuer(func(i *Issuer) { i.Check = nil }), []string{"issuers"}, true},
		{"an issuer's algorithms", issuer(func(i *Issuer) { i.Algorithms = nil }), []string{"issuers"}, true},
		{"another algorithm", issuer(func(i *Issuer) { i.Algorithms = []string{"ES256", "RS256"} }), []string{"issuers"}, true},
		{"an issuer's audience", issuer(func(i *Issuer) { i.Audience = "" }), []string{"issuers"}, true},
		{"an issuer's keys", issuer(func(i *Issuer) { i.Keys = "/b"; i.Timeout = time.Second }), []string{"issuers"}, false},
		{"who may call", func(c *Config) { c.API.AllowUIDs = nil }, []string{"api.allow_uids"}, true},
		{"one who may call", func(c *Config) { c.API.AllowUIDs = []uint32{1} }, []string{"api.allow_uids"}, false},
		{"the authorities", func(c *Config) { c.API.TLS.ClientCA = "" }, []string{"api.tls.client_ca"}, true},
		{"who may pass", func(c *Config) { c.Authz.Subjects = nil }, []string{"authz.subjects"}, true},
		{"whoever has a record", func(c *Config) { c.Authz.Subjects = []string{"any"} }, []string{"authz.subjects"}, true},
		{"for whom", func(c *Config) { c.Authz.Audience = "" }, []string{"authz.audience"}, true},
		{"nonces", func(c *Config) { c.Authz.DPoPNonce = false }, []string{"authz.dpop_nonce"}, true},
		{"a roll-out", func(c *Config) { c.Authz.Observe = true }, []string{"authz.observe"}, true},
		{"what may confirm", func(c *Config) {
			c.Record.AllowInsecure, c.Record.AllowWildcard, c.Record.AllowDelegated = true, true, true
		}, []string{"record.allow_insecure", "record.allow_wildcard", "record.allow_delegated"}, true},
		{"limits", func(c *Config) { c.Limits.Misses = 1 << 20; c.Log.Level = "debug" }, []string{"log.level", "limits.misses"}, false},
	} {
		after := guarded
		tt.change(&after)
		check := func(claim string, old, now Config, gone bool) {
			t.Helper()
			keys, guards := Changed(old, now)
			want := tt.keys
			if !gone {
				want = nil
			}
			if !slices.Equal(keys, tt.keys) || !slices.Equal(guards, want) {
				t.Errorf("%s: changed %q, guards %q; want %q and %q", claim, keys, guards, tt.keys, want)
			}
		}
		check(tt.claim, guarded, after, tt.guard)
		check(tt.claim+", undone", after, guarded, false)
	}
}

// TestHasSettings: a value that is written is one, whatever it says; what is only begun is not.
func TestHasSettings(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "\n\n": false, "# check: [signature]\n": false, "---\n": false, "api:\n": false, "api: {}\n": false, "null\n": false,
		"api:\n  tls:\n  # none\n": false, "check: []\n": true, "testing: false\n": true, "api: {tls: {client_ca: ''}}\n": true,
	} {
		if got := HasSettings([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestGuardsAreLiveKeys holds the guards to the keys that a reload changes.
func TestGuardsAreLiveKeys(t *testing.T) {
	for key := range guarding {
		if !isLive(key) {
			t.Errorf("%s cannot be changed by a reload", key)
		}
	}
}
