package config

import (
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// issuers is a file with one issuer, of whom more is said.
func issuers(more string) string {
	return "issuers:\n  - {issuer: https://issuer.example, keys: " + more + "}\n"
}

func TestIssuers(t *testing.T) {
	const text = `
check: [signature, dpop]
issuers:
  - {issuer: https://issuer.example, keys: /etc/cnfd/issuer.jwks}
  - issuer: did:web:other.example
    keys: https://other.example:8443/jwks?v=1
    algorithms: [ES256, Ed25519, ML-DSA-65]
    types: [dc+sd-jwt, ""]
    check: [key_binding]
    audience: https://verifier.example
    ca: /etc/cnfd/ca.pem
    addresses: [192.0.2.1, "2001:db8::1"]
    refresh: 10s
    timeout: 30s
`
	c, err := Parse("c", []byte(text), Default(User{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	want := []Issuer{
		{Issuer: "https://issuer.example", Keys: "/etc/cnfd/issuer.jwks", Algorithms: []string{}, Types: []string{}, Check: []string{}, Addresses: []netip.Addr{}, Refresh: time.Hour, Timeout: 5 * time.Second},
		{"did:web:other.example", "https://other.example:8443/jwks?v=1", []string{"ES256", "Ed25519", "ML-DSA-65"}, []string{"dc+sd-jwt", ""}, []string{"key_binding"},
			"https://verifier.example", "/etc/cnfd/ca.pem", []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, 10 * time.Second, 30 * time.Second},
	}
	if !reflect.DeepEqual(c.Issuers, want) || !slices.Equal(c.Check, []string{"signature", "dpop"}) {
		t.Errorf("got %v %+v", c.Check, c.Issuers)
	}
	if c.Issuers[0].KeysURL() || !c.Issuers[1].KeysURL() {
		t.Error("a path and a URL are not told apart")
	}
}

func TestIssuersRefused(t *testing.T) {
	const file, url = "/k", "https://issuer.example/jwks"
	for _, tt := range []struct{ claim, text, want string }{
		{"a check that there is not", "check: [signatures]", `c:1:9: check[0]: "signatures" is not one of signature, key_binding, dpop, mtls`},
		{"a check twice", "check: [dpop, mtls, dpop]", `c:1:21: check[2]: "dpop" is named twice`},
		{"checks that are no list", "check: dpop", "c:1:8: check: want a list"},
		{"an issuer without a name", "issuers: [{keys: /k}]", "c:1:11: issuers[0].issuer: want the iss"},
		{"an issuer with an empty name", `issuers: [{issuer: "", keys: /k}]`, "c:1:20: issuers[0].issuer: want the iss"},
		{"an issuer twice", "issuers:\n- {issuer: a, keys: /k}\n- {issuer: a, keys: /l}\n", `c:3:12: issuers[1].issuer: "a" is there already`},
		{"an issuer without keys", "issuers: [{issuer: a}]", "c:1:11: issuers[0].keys: want the absolute path"},
		{"an issuer with another key", issuers("/k, jwks: /k"), "c:2:48: issuers[0].jwks: unknown key; known here: issuer, keys, algorithms"},
		{"an issuer that is a name", "issuers: [a]", "c:1:11: issuers[0]: want keys and values"},
		{"a relative path", issuers("issuer.jwks"), "c:2:44: issuers[0].keys: want the absolute path of a file"},
		{"a key in the place of its file", issuers("{kty: EC}"), "c:2:44: issuers[0].keys: want a single value"},
		{"plain http", issuers("http://issuer.example/jwks"), "c:2:44: issuers[0].keys: want https"},
		{"another scheme", issuers("file:///k"), "issuers[0].keys: want the absolute path"},
		{"no host", issuers(`"https:///jwks"`), "issuers[0].keys: want a host"},
		{"a port and no host", issuers(`"https://:443/jwks"`), "issuers[0].keys: want a host"},
		{"no //", issuers(`"https:issuer.example/jwks"`), "issuers[0].keys: want the absolute path"},
		{"a password", issuers(`"https://a:s3cret@issuer.example/jwks"`), "issuers[0].keys: no name or password"},
		{"a name", issuers(`"https://s3cret@issuer.example/jwks"`), "issuers[0].keys: no name or password"},
		{"a fragment", issuers(`"https://issuer.example/jwks#s3cret"`), "issuers[0].keys: nothing may follow a #"},
		{"an empty fragment", issuers(`"https://issuer.example/jwks#"`), "issuers[0].keys: nothing may follow a #"},
		{"port 0", issuers(`"https://issuer.example:0/jwks"`), "issuers[0].keys: want a port"},
		{"a port that is none", issuers(`"https://issuer.example:65536/jwks"`), "issuers[0].keys: want a port"},
		{"a colon without a port", issuers(`"https://issuer.example:/jwks"`), "issuers[0].keys: want a port"},
		{"a URL that is none", issuers(`"https://[s3cret"`), "issuers[0].keys: want the absolute path"},
		{"no signature at all", issuers("/k, algorithms: [none]"), `c:2:61: issuers[0].algorithms[0]: "none" is not one of ES256, ES384,`},
		{"an HMAC", issuers("/k, algorithms: [ES256, HS256]"), `issuers[0].algorithms[1]: "HS256" is not one of`},
		{"an algorithm in small letters", issuers("/k, algorithms: [es256]"), `issuers[0].algorithms[0]: "es256" is not one of`},
		{"an algorithm twice", issuers("/k, algorithms: [ES256, ES256]"), `issuers[0].algorithms[1]: "ES256" is named twice`},
		{"a type twice", issuers(`/k, types: ["", at+jwt, ""]`), `issuers[0].types[2]: "" is named twice`},
		{"a check of its own that there is not", issuers("/k, check: [time]"), `issuers[0].check[0]: "time" is not one of`},
		{"a check of its own twice", issuers("/k, check: [mtls, mtls]"), `issuers[0].check[1]: "mtls" is named twice`},
		{"authorities of a file", issuers(file + ", ca: /ca.pem"), "c:2:52: issuers[0].ca: only of a URL"},
		{"addresses of a file", issuers(file + ", addresses: [192.0.2.1]"), "issuers[0].addresses: only of a URL"},
		{"a file that is read too often", issuers(file + ", refresh: 9s"), "issuers[0].refresh: want 10s or more"},
		{"a file with a timeout", issuers(file + ", timeout: 5s"), "issuers[0].timeout: only of a URL"},
		{"authorities by a relative path", issuers(url + ", ca: ca.pem"), "issuers[0].ca: want the absolute path"},
		{"an address that is a name", issuers(url + ", addresses: [localhost]"), "issuers[0].addresses[0]: want an IP address"},
		{"an address of one link", issuers(url + `, addresses: ["fe80::1%eth0"]`), "issuers[0].addresses[0]: an address with a zone"},
		{"fetched too often", issuers(url + ", refresh: 9s"), "issuers[0].refresh: want 10s or more"},
		{"fetched always, which would be the default", issuers(url + ", refresh: 0s"), "issuers[0].refresh: want 10s or more"},
		{"no time to fetch", issuers(url + ", timeout: 99ms"), "issuers[0].timeout: want from 100ms to 30s"},
		{"a minute to fetch", issuers(url + ", timeout: 31s"), "issuers[0].timeout: want from 100ms to 30s"},
		{"a refresh without a unit", issuers(url + ", refresh: 3600"), "issuers[0].refresh: want a duration with its unit"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			// What is refused is one thing: the same without it is accepted.
			if _, err := Parse("c", []byte("check: [dpop]\n"+issuers(url)), Default(User{Root: true})); err != nil {
				t.Fatal(err)
			}
			c, err := Parse("c", []byte(tt.text), Default(User{Root: true}))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %+v, %v", c.Issuers, err)
			}
			if len(problems) != 1 || !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("got %q, want %q in it, alone", problems, tt.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("repeats what may be a secret: %v", err)
			}
		})
	}
}

// TestKeysAreNotRepeated pastes keys where the path of a file is wanted.
func TestKeysAreNotRepeated(t *testing.T) {
	const secret = "c2VjcmV0c2VjcmV0"
	for _, key := range []string{secret, "/" + secret, "-----BEGIN PRIVATE KEY-----" + secret, `{"kty":"oct","k":"` + secret + `"}`, "https://" + secret + "@x/", "data:" + secret, "http://" + secret} {
		quoted := "'" + key + "'"
		for _, text := range []string{
			"decryption_keys: [" + quoted + ", " + quoted + ", a]",
			issuers(quoted + ", ca: a, timeout: 5s, refresh: 1s"),
			"issuers: [{issuer: https://issuer.example, keys: https://a/, refresh: 1s, ca: " + quoted + "}]",
		} {
			_, err := Parse("c", []byte(text), Default(User{Root: true}))
			if err == nil {
				t.Fatalf("%s is accepted", text)
			}
			var problems Problems
			errors.As(err, &problems)
			for _, p := range problems {
				if strings.Contains(p.String(), secret) {
					t.Errorf("%s: %s", text, p)
				}
			}
		}
	}
}

// FuzzIssuers holds that keys which are accepted come from a file or over https, from a
// host that is named, and that no problem repeats them.
func FuzzIssuers(f *testing.F) {
	for _, keys := range []string{"/k", "https://issuer.example:8443/jwks?v=1", "https://a@b/", "https://[2001:db8::1]/", "https://x:0/", "https://x/#", "http://x/", "/c2VjcmV0", "data:,x"} {
		f.Add(keys, "at+jwt", "ES256", int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, keys, typ, algorithm string, refresh int64) {
		i := Issuer{Issuer: "a", Keys: keys, Types: []string{typ}, Algorithms: []string{algorithm}, Refresh: time.Duration(refresh), Timeout: time.Second}
		r := reader{places: map[string]place{"": {1, 1}}}
		r.checkIssuers([]Issuer{i})
		for _, p := range r.problems {
			if len(keys) > 12 && strings.Contains(p.What, keys) && !strings.Contains(algorithm, keys) {
				t.Fatalf("repeats %q: %s", keys, p.What)
			}
		}
		if len(r.problems) > 0 {
			return
		}
		u, err := url.Parse(keys)
		if i.KeysURL() && (err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "") || i.Refresh < minRefresh {
			t.Fatalf("accepted: %+v", i)
		}
	})
}

func TestAt(t *testing.T) {
	text := []byte("check: [dpop]\nissuers:\n  - issuer: a\n    keys: /k\n")
	for path, want := range map[string]string{
		"issuers[0].keys":    "c:4:11: issuers[0].keys: not there",
		"issuers[0].ca":      "c:3:5: issuers[0].ca: not there",
		"check[0]":           "c:1:9: check[0]: not there",
		"decryption_keys[0]": "c:1:1: decryption_keys[0]: not there",
	} {
		if got := At("c", text, path, "not there").String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
