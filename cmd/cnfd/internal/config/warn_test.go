package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"
)

// TestWarnings: each doubtful value with its place; the same value put right has none.
func TestWarnings(t *testing.T) {
	digest := func(octets int) string { return strings.Repeat("00", octets) }
	anchor := func(lines ...string) string {
		return "resolver: {trust_anchors: ['" + strings.Join(lines, "', '") + "']}\n"
	}
	nta := func(items string) string { return "resolver: {negative_trust_anchors: [" + items + "]}\n" }
	const key = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4="
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		claim, text string
		want        []string // beginnings
	}{
		{"the defaults", "testing: false\n", nil},
		{"no settings", "# none\n", []string{"c:1:1: no settings: the defaults hold"}},
		{"no anchors at all", "resolver: {trust_anchors: [none]}\n", nil},
		{"anchors of every kind that is used", anchor("a. IN DS 1 8 2 "+digest(32), "b. IN DS 1 13 4 "+digest(48), "c. IN DNSKEY "+key), nil},
		{"a digest of another length", anchor("a. IN DS 1 8 2 " + digest(20)), []string{
			"c:1:28: resolver.trust_anchors[0]: the digest has 20 octets, type 2 has 32: no anchor of a. is left"}},
		{"a SHA-1 digest of another length", "resolver: {sha1: validate, trust_anchors: ['a. IN DS 1 8 1 " + digest(32) + "']}\n", []string{
			"c:1:44: resolver.trust_anchors[0]: the digest has 32 octets, type 1 has 20: no anchor"}},
		{"a SHA-384 digest of another length", anchor("a. IN DS 1 8 4 " + digest(32)), []string{
			"c:1:28: resolver.trust_anchors[0]: the digest has 32 octets, type 4 has 48"}},
		{"a digest of another length beside a right one", anchor("a. IN DS 1 8 2 "+digest(32), "a. IN DS 2 8 2 "+digest(31)), []string{
			"c:1:111: resolver.trust_anchors[1]: the digest has 31 octets, type 2 has 32"}},
		{"an algorithm that proves nothing", anchor("a. IN DS 1 3 2 " + digest(32)), []string{
			"c:1:28: resolver.trust_anchors[0]: its algorithm or digest type is not one that proves anything here (see resolver.sha1): no anchor of a. is left"}},
		{"a digest type that proves nothing", anchor("a. IN DS 1 8 3 " + digest(32)), []string{"c:1:28: resolver.trust_anchors[0]: its algorithm or digest type"}},
		{"a SHA-1 digest where it is not validated", anchor("a. IN DS 1 8 1 " + digest(20)), []string{"c:1:28: resolver.trust_anchors[0]: its algorithm or digest type"}},
		{"a SHA-1 digest where it is", "resolver: {sha1: validate, trust_anchors: ['a. IN DS 1 8 1 " + digest(20) + "']}\n", nil},
		{"a stub's anchor", "resolver:\n  stubs:\n  - {zone: a., addresses: [192.0.2.1], trust_anchors: ['a. IN DS 1 8 2 00']}\n", []string{
			"c:3:56: resolver.stubs[0].trust_anchors[0]: the digest has 1 octets"}},

		{"a negative anchor with an end", nta("{name: a.example, until: 2026-11-24T12:00:00Z}"), nil},
		{"a negative anchor without an end", nta("a.example"), []string{
			"c:1:37: resolver.negative_trust_anchors[0]: a.example has no end, so that each start gives it a week: write {name: a.example, until: 2026-11-29T12:00:00Z}"}},
		{"the same with its keys", nta("{name: a.example}"), []string{"c:1:37: resolver.negative_trust_anchors[0]: a.example has no end"}},
		{"a negative anchor that has ended", nta("{name: ., until: 2026-11-22T12:00:00Z}"), []string{
			"c:1:37: resolver.negative_trust_anchors[0]: ended at 2026-11-22T12:00:00Z and is ignored"}},
		{"a negative anchor for over a week", nta("{name: a.example, until: 2026-11-29T12:00:01Z}"), []string{
			"c:1:37: resolver.negative_trust_anchors[0]: ends at 2026-11-29T12:00:01Z: it will end a week after the start"}},
		{"a negative anchor at the root", nta("{name: ., until: 2026-11-24T12:00:00Z}"), []string{
			"c:1:37: resolver.negative_trust_anchors[0]: covers the trust anchor of .:"}},
		{"a negative anchor above an anchor", "resolver:\n  trust_anchors: ['b.a. IN DNSKEY " + key + "', 'c. IN DNSKEY " + key + "']\n  negative_trust_anchors: [{name: A, until: 2026-11-24T12:00:00Z}]\n", []string{
			"c:3:28: resolver.negative_trust_anchors[0]: covers the trust anchor of b.a.: as long as it lasts nothing there is proven"}},
		{"a negative anchor above a stub", "resolver:\n  stubs: [{zone: b.a, addresses: [192.0.2.1]}]\n  negative_trust_anchors: [{name: a, until: 2026-11-24T12:00:00Z}]\n", []string{
			"c:3:28: resolver.negative_trust_anchors[0]: covers the stub b.a."}},
		{"a file that is refused has its problems alone", nta("a..b") + "testing: 1\n", nil},
		{"a check of all, and one of an issuer's that is asked of all", "check: [signature, dpop]\nissuers: [{issuer: a, keys: /k, check: [dpop]}, {issuer: b, keys: /k}]\n", nil},
		{"a check that a token escapes", "check: [dpop]\nissuers: [{issuer: b, keys: /k}, {issuer: a, keys: /k, check: [dpop, signature]}]\n", []string{
			"c:2:63: issuers[1].check: signature: a token that names another issuer, or none, is not held to it; what is wanted of all stands in check"}},
		{"checks that a token escapes", "issuers: [{issuer: a, keys: /k, check: [mtls, dpop]}]\n", []string{
			"c:1:40: issuers[0].check: mtls, dpop: a token that names another issuer, or none, is not held to them"}},
		{"signatures that no key verifies", "check: [dpop, signature]\n", []string{"c:1:8: check: signature: no issuers are listed"}},
		{"possession without issuers", "check: [dpop, mtls, key_binding]\n", nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got := Warnings("c", []byte(c.text), Default(User{Root: true}), now)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i].String(), c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

// TestEachTestingKeyIsRefused takes the keys that the manual marks with (testing), sets
// each to something else, and wants it refused without testing: true and only for that.
func TestEachTestingKeyIsRefused(t *testing.T) {
	values := map[string]string{
		"ServerPort": "server_port: 5300", "ValidationTime": "validation_time: 2026-11-22T06:40:00Z", "ClockOffsetFile": "clock_offset_file: /x",
	}
	found := 0
	f, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || !strings.HasPrefix(field.Doc.Text(), "(testing)") {
			return true
		}
		found++
		name := field.Names[0].Name
		text, ok := values[name]
		if !ok {
			t.Errorf("%s: no value to try", name)
			return true
		}
		key, _, _ := strings.Cut(text, ":")
		_, err := Parse("c", fmt.Appendf(nil, "resolver: {%s}\n", text), Default(User{Root: true}))
		if err == nil || !strings.HasPrefix(err.Error(), "c:1:") || !strings.Contains(err.Error(), "resolver."+key+": for testing only") {
			t.Errorf("%s without testing: %v", key, err)
		}
		if _, err := Parse("c", fmt.Appendf(nil, "testing: true\nresolver: {%s}\n", text), Default(User{Root: true})); err != nil {
			t.Errorf("%s with testing: %v", key, err)
		}
		return true
	})
	if found != len(values) {
		t.Errorf("%d keys are marked, %d are known", found, len(values))
	}
}
