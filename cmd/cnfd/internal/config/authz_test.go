package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAuthz(t *testing.T) {
	const text = `
authz:
  gateway: caddy
  peers: [192.0.2.0/24, "2001:db8::/32"]
  subjects: [Vendor.example., ☕.example, corp.internal]
  possession: [mtls, key_binding]
  audience: https://api.example
  nonce_header: Cnf-Nonce
  unproven: 503
  observe: true
  deadline: 50ms
`
	c, err := Parse("c", []byte(text), Default(User{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	want := Authz{
		Gateway: "caddy", Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Subjects: []string{"Vendor.example.", "☕.example", "corp.internal"}, Possession: []string{"mtls", "key_binding"},
		Audience: "https://api.example", NonceHeader: "Cnf-Nonce", Unproven: 503, Observe: true, Deadline: 50 * time.Millisecond,
	}
	if !reflect.DeepEqual(c.Authz, want) {
		t.Errorf("got %+v", c.Authz)
	}
	for s, want := range map[string]string{"Vendor.example.": "vendor.example", "☕.example": "xn--53h.example", "corp.internal": "corp.internal", "Xn--53H.Example": "xn--53h.example"} {
		if got, err := SubjectDomain(s); got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	d := Default(User{Root: true}).Authz
	if d.Gateway != "" || len(d.Subjects) > 0 || len(d.Peers) > 0 || d.Observe || d.Unproven != 403 || d.Deadline != 150*time.Millisecond || !reflect.DeepEqual(d.Possession, []string{"dpop"}) {
		t.Errorf("the defaults are %+v", d)
	}
}

func TestAuthzRefused(t *testing.T) {
	const whole = "authz: {gateway: nginx, subjects: [vendor.example], peers: [192.0.2.1/32]}\n"
	for _, tt := range []struct{ claim, text, want string }{
		{"another gateway", "authz: {gateway: apache}", `c:1:18: authz.gateway: "apache" is not one of`},
		{"a peer that is an address", "authz: {peers: [192.0.2.1]}", "authz.peers[0]: want addresses and the length of their prefix"},
		{"a peer in another's clothes", `authz: {peers: ["::ffff:192.0.2.0/120"]}`, "authz.peers[0]: "},
		{"a wildcard", `authz: {subjects: ["*.vendor.example"]}`, `authz.subjects[0]: "*.vendor.example": each domain passes for itself alone`},
		{"any beside others", "authz: {subjects: [vendor.example, any]}", "c:1:36: authz.subjects[1]: any stands alone"},
		{"subjects in one word", "authz: {subjects: any}", "authz.subjects: want a list"},
		{"a URL", "authz: {subjects: ['https://vendor.example']}", `authz.subjects[0]: "https://vendor.example" is not a domain`},
		{"an address", "authz: {subjects: [192.0.2.1]}", `authz.subjects[0]: `},
		{"an empty domain", "authz: {subjects: ['']}", `authz.subjects[0]: "" is not a domain`},
		{"a domain twice", "authz: {subjects: [vendor.example, VENDOR.example.]}", `c:1:36: authz.subjects[1]: "VENDOR.example." is named twice`},
		{"no proof at all", "authz: {possession: []}", "authz.possession: want at least one"},
		{"a signature for a proof", "authz: {possession: [signature]}", `authz.possession[0]: "signature" is not one of dpop, mtls, key_binding`},
		{"a proof twice", "authz: {possession: [dpop, dpop]}", `authz.possession[1]: "dpop" is named twice`},
		{"a key binding to nobody", "authz: {possession: [key_binding], nonce_header: Cnf-Nonce}", "authz.possession: key_binding: it needs authz.audience"},
		{"a key binding with the client's own nonce", "authz: {possession: [key_binding], audience: a}", "authz.possession: key_binding: it needs authz.audience"},
		{"nonces and no proofs", "authz: {possession: [mtls], dpop_nonce: true}", "authz.dpop_nonce: authz.possession does not list dpop"},
		{"a header that is none", "authz: {nonce_header: 'Cnf Nonce'}", `authz.nonce_header: "Cnf Nonce": want the name of a header`},
		{"a header that is the client's", "authz: {nonce_header: authorization}", "authz.nonce_header: "},
		{"a header with an underscore", "authz: {nonce_header: Cnf_Nonce}", "authz.nonce_header: "},
		{"another status", "authz: {unproven: 200}", "c:1:19: authz.unproven: want 403 or 503"},
		{"no time", "authz: {deadline: 0s}", "authz.deadline: want from 1ms to 10s"},
		{"too much time", "authz: {deadline: 11s}", "authz.deadline: want from 1ms to 10s"},
		{"another key", "authz: {subject: [a.example]}", "authz.subject: unknown key"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if _, err := Parse("c", []byte(whole), Default(User{Root: true})); err != nil {
				t.Fatal(err)
			}
			c, err := Parse("c", []byte(tt.text), Default(User{Root: true}))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %+v, %v", c.Authz, err)
			}
			if len(problems) != 1 || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("got %q, want %q in it, alone", problems, tt.want)
			}
		})
	}
}

func TestAuthzWarnings(t *testing.T) {
	const issuer = "issuers: [{issuer: a, keys: /k}]\n"
	for _, tt := range []struct {
		claim, text string
		want        []string
	}{
		{"all of it", issuer + "authz: {gateway: nginx, subjects: [any], audience: a}\n", nil},
		{"the audience at the issuer", "issuers: [{issuer: a, keys: /k, audience: b}]\nauthz: {gateway: nginx, subjects: [any]}\n", nil},
		{"no gateway", issuer + "authz: {subjects: [any]}\n", []string{"authz.subjects: authz.gateway is not set"}},
		{"no subjects", issuer + "authz: {gateway: nginx, audience: a}\n", []string{"authz.gateway: authz.subjects is not set"}},
		{"no issuers", "authz: {gateway: nginx, subjects: [any], audience: a}\n", []string{"authz.gateway: no issuers are listed"}},
		{"no audience", issuer + "authz: {gateway: nginx, subjects: [any]}\n", []string{"authz.gateway: neither authz.audience nor"}},
		{"certificates that confirm nothing", issuer + "authz: {gateway: nginx, subjects: [any], audience: a, possession: [mtls]}\n", []string{"authz.possession: mtls: tokens that name a certificate"}},
		{"nobody is believed", issuer + "api: {unix: ''}\nauthz: {gateway: nginx, subjects: [any], audience: a}\n", []string{"authz.gateway: there is neither api.unix nor authz.peers"}},
		{"a roll-out", issuer + "authz: {gateway: nginx, subjects: [any], audience: a, observe: true}\n", []string{"authz.observe: everything passes"}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got := Warnings("c", []byte(tt.text), Default(User{Root: true}), time.Time{})
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i].String(), tt.want[i]) {
					t.Errorf("got %q, want %q in it", got[i], tt.want[i])
				}
			}
		})
	}
}

// TestGatewayExamples: the examples are accepted as they stand, and nothing about them is doubtful.
func TestGatewayExamples(t *testing.T) {
	files, err := filepath.Glob("../../../../examples/*/cnfd.yaml")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(file, text, Default(User{Root: true}))
		if err != nil || c.Authz.Gateway != filepath.Base(filepath.Dir(file)) {
			t.Errorf("%s: %q, %v", file, c.Authz.Gateway, err)
		}
		for _, w := range Warnings(file, text, Default(User{Root: true}), time.Time{}) {
			t.Error(w)
		}
	}
}
