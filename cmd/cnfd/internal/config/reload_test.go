package config

import (
	"reflect"
	"slices"
	"testing"
)

func TestReloaded(t *testing.T) {
	before := Default(User{Root: true})
	before.API.TLS = TLS{Cert: "/a.pem", Key: "/a.key"}
	if now, kept := Reloaded(before, before); len(kept) > 0 || !reflect.DeepEqual(now, before) {
		t.Fatalf("the same file changes something: %q", kept)
	}
	for _, tt := range []struct {
		claim  string
		change func(*Config)
		kept   []string // empty: the change holds
	}{
		{"issuers", func(c *Config) { c.Issuers = []Issuer{{Issuer: "a"}} }, nil},
		{"decryption keys", func(c *Config) { c.DecryptionKeys = []string{"/a"} }, nil},
		{"checks", func(c *Config) { c.Check = []string{"signature"} }, nil},
		{"trust anchors", func(c *Config) { c.Resolver.TrustAnchors = []string{"none"} }, nil},
		{"another certificate", func(c *Config) { c.API.TLS.Cert = "/b.pem" }, nil},
		{"whom callers are to be known by", func(c *Config) { c.API.TLS.ClientCA = "/ca.pem" }, nil},
		{"who may call", func(c *Config) { c.API.AllowUIDs = []uint32{1} }, nil},
		{"who may pass", func(c *Config) { c.Authz.Subjects = []string{"a"} }, nil},
		{"what the log says", func(c *Config) { c.Log.Decisions, c.Log.Level = true, "debug" }, nil},
		{"how many misses", func(c *Config) { c.Limits.Misses = 1 }, nil},
		{"no certificate any more", func(c *Config) { c.API.TLS = TLS{} }, []string{"api.tls"}},
		{"where it listens", func(c *Config) { c.API.Listen, c.DNS.Listen = "[::1]:1", "127.0.0.1:53" }, []string{"api.listen", "dns.listen"}},
		{"the resolver", func(c *Config) { c.Resolver.Mode, c.Resolver.IPv6 = "forward", false }, []string{"resolver.mode", "resolver.ipv6"}},
		{"testing", func(c *Config) { c.Testing = true }, []string{"testing"}},
		{"where records are written", func(c *Config) { c.Publish.To = "hook" }, nil},
		{"the log's format", func(c *Config) { c.Log.Format = "json" }, []string{"log.format"}},
	} {
		after := before
		tt.change(&after)
		now, kept := Reloaded(before, after)
		want := after
		if len(tt.kept) > 0 {
			want = before
		}
		if !slices.Equal(kept, tt.kept) || !reflect.DeepEqual(now, want) {
			t.Errorf("%s: kept %q, want %q", tt.claim, kept, tt.kept)
		}
	}
}

// TestEveryLiveKeyIsThere holds the list to the struct.
func TestEveryLiveKeyIsThere(t *testing.T) {
	there := map[string]bool{}
	var walk func(path string, v reflect.Type)
	walk = func(path string, v reflect.Type) {
		for i := range v.NumField() {
			f := v.Field(i)
			below := join(path, f.Tag.Get("yaml"))
			there[below] = true
			if _, leaf := f.Tag.Lookup("default"); !leaf && f.Type.Kind() == reflect.Struct {
				walk(below, f.Type)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	for _, key := range live {
		if !there[key] {
			t.Errorf("%s: there is no such key", key)
		}
	}
}
