package config

import (
	"strings"
	"testing"
	"time"
)

// TestPublish reads what is right of the section, and then changes one thing.
func TestPublish(t *testing.T) {
	const right = "publish: {to: rfc2136, credentials: /k, server: \"192.0.2.1:53\", zone: vendor.example, ttl: 1h, wait: 0s}\n"
	c, err := Parse("c", []byte(right), Default(User{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Publish; p.To != "rfc2136" || p.Credentials != "/k" || p.Server != "192.0.2.1:53" || p.Zone != "vendor.example" || p.TTL != time.Hour || p.Wait != 0 {
		t.Errorf("%+v", p)
	}
	for _, server := range []string{"192.0.2.1", "2001:db8::1", "[2001:db8::1]:5353", "ns.vendor.example", "ns.vendor.example.:5353"} {
		if _, err := Parse("c", []byte(strings.Replace(right, "192.0.2.1:53", server, 1)), Default(User{Root: true})); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	const hook = "publish: {to: hook, hook: [/bin/true, a]}\n"
	if c, err := Parse("c", []byte(hook), Default(User{Root: true})); err != nil || len(c.Publish.Hook) != 2 {
		t.Errorf("%v: %+v", err, c.Publish)
	}
	if c, err := Parse("c", []byte(strings.Replace(hook, "hook: [", "hook_guarded: true, hook: [", 1)), Default(User{Root: true})); err != nil || !c.Publish.HookGuarded {
		t.Errorf("%v: %+v", err, c.Publish)
	}
	for _, tt := range []struct{ text, from, to, says string }{
		{right, "to: rfc2136", "to: nowhere", `c:1:15: publish.to: "nowhere" is not one of rfc2136, powerdns, `},
		{right, "192.0.2.1:53", "ns.vendor.example:abc", `publish.server: "ns.vendor.example:abc": want a port from 1 to 65535`},
		{right, "192.0.2.1:53", "192.0.2.1:0", `publish.server: "192.0.2.1:0": want a port from 1 to 65535`},
		{right, "192.0.2.1:53", "https://ns.vendor.example", `publish.server: "https://ns.vendor.example": want an address or a host name`},
		{right, "192.0.2.1:53", "2001:db8::1:x", `publish.server: "2001:db8::1:x": want an address`},
		{right, "wait: 0s", "hook_guarded: true", "publish.hook_guarded: it is publish.hook that guards"},
		{right, "credentials: /k", "credentials: s3cret", "publish.credentials: want the absolute path"},
		{right, "zone: vendor.example", "zone: a..b", `publish.zone: "a..b" is not a domain name`},
		{right, "ttl: 1h", "ttl: 25h", "publish.ttl: want whole seconds, 1s to 24h"},
		{right, "ttl: 1h", "ttl: 0s", "publish.ttl: want whole seconds"},
		{right, "ttl: 1h", "ttl: 1500ms", "publish.ttl: want whole seconds"},
		{right, "wait: 0s", "wait: 25h", "publish.wait: want 24h0m0s or less"},
		{right, "wait: 0s", "hook: [/bin/true]", "publish.hook: only to: hook calls it"},
		{right, "wait: 0s", "gss: true", "publish.gss: with GSS-TSIG it is the Kerberos ticket"},
		{right, "to: rfc2136, credentials: /k", "to: cloudflare, gss: true", "publish.gss: only to: rfc2136"},
		{hook, "hook: [/bin/true, a]", "ttl: 1s", "publish.to: hook needs publish.hook"},
		{hook, "[/bin/true, a]", "[true.sh]", "publish.hook[0]: want the absolute path"},
	} {
		text := strings.Replace(tt.text, tt.from, tt.to, 1)
		_, err := Parse("c", []byte(text), Default(User{Root: true}))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", text, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("what may be a secret is repeated: %v", err)
		}
	}
}
