package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const rightACME = `testing: false
acme:
  listen: 127.0.0.1:8256
  listen_plain: 127.0.0.1:8257
  url: https://ca.example:8256
  directory: /var/lib/ca
  terms: https://ca.example/terms
  terms_required: true
  caa_identities: [ca.example]
  order_life: 2h
  max_names: 10
  blocked_keys: /etc/cnfd/blocked
  alternate_chains: [/etc/cnfd/cross.pem]
  allow_networks: [10.0.0.0/8, "::1/128"]
  profiles:
  - {name: server, usages: [server], life: 72h, key_types: [p256]}
  - {name: Mesh-1.0_a, bind: both, grant: record, identifiers: [dns]}
`

// TestACME reads what is right of the section, and then changes one thing.
func TestACME(t *testing.T) {
	root := Default(User{Root: true})
	c, err := Parse("c", []byte(rightACME), root)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultProfile()
	want.Name, want.Usages, want.Life, want.KeyTypes = "server", []string{"server"}, 72*time.Hour, []string{"p256"}
	if a := c.ACME; a.OrderLife != 2*time.Hour || a.MaxNames != 10 || len(a.AllowNetworks) != 2 || len(a.Profiles) != 2 || !reflect.DeepEqual(a.Profiles[0], want) {
		t.Errorf("%+v", a)
	}
	if w := Warnings("c", []byte(rightACME), root, time.Now()); len(w) != 0 {
		t.Errorf("warned of what is right: %v", w)
	}
	for _, url := range []string{"https://localhost:8256", "https://192.0.2.1", "https://[2001:db8::1]:8256", "https://xn--53h.example"} {
		if _, err := Parse("c", []byte(strings.Replace(rightACME, "https://ca.example:8256", url, 1)), root); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, tt := range []struct{ claim, from, to, says string }{
		{"a listener without a port", "listen: 127.0.0.1:8256", "listen: 127.0.0.1", "c:3:11: acme.listen: "},
		{"a listener without a URL", "  url: https://ca.example:8256\n", "", "c:2:1: acme.url: acme.listen needs it"},
		{"a plain listener alone", "  listen: 127.0.0.1:8256\n", "", "c:3:17: acme.listen_plain: there is nothing to give out"},
		{"both at one port", "listen_plain: 127.0.0.1:8257", "listen_plain: 127.0.0.1:8256", "acme.listen_plain: acme.listen is there already"},
		{"nothing to agree to", "  terms: https://ca.example/terms\n", "", "acme.terms_required: there is nothing to agree to: acme.terms is"},
		{"plain http", "url: https:", "url: http:", "acme.url: want https (RFC 8555 §6.1); http needs testing: true"},
		{"no URL", "https://ca.example:8256", "ca.example", `acme.url: "ca.example": want https://`},
		{"a URL with a path", "ca.example:8256", "ca.example:8256/acme", "acme.url: want no path"},
		{"a URL with a slash at its end", "ca.example:8256", "ca.example:8256/", "acme.url: want no path"},
		{"a URL with a question mark", "ca.example:8256", "ca.example:8256?", "acme.url: want no path"},
		{"a URL with a name", "https://ca.", "https://a@ca.", "acme.url: no name or password"},
		{"a URL in capitals", "https://ca.", "https://CA.", "acme.url: want it in lower case"},
		{"a URL with a port that is none", "example:8256", "example:0", "acme.url: want a port from 1 to 65535"},
		{"a URL in letters of its own", "https://ca.example", "https://☕.example", "as its A-labels"},
		{"a certificate without a key", "directory: /var/lib/ca", "tls: {cert: /c.pem}", "acme.tls: cert and key belong together"},
		{"a path that is not absolute", "/var/lib/ca", "s3cret", "c:6:14: acme.directory: want an absolute path"},
		{"another one", "/etc/cnfd/blocked", "s3cret", "acme.blocked_keys: want an absolute path"},
		{"and of a list", "/etc/cnfd/cross.pem", "s3cret", "acme.alternate_chains[0]: want an absolute path"},
		{"terms that are no URL", "terms: https://ca.example/terms", "terms: yes please", `acme.terms: "yes please": want an https URL`},
		{"a CAA identity that is no domain", "[ca.example]", "[a..b]", `acme.caa_identities[0]: "a..b": want a domain`},
		{"one with an underscore", "[ca.example]", "[ca_1.example]", `acme.caa_identities[0]: "ca_1.example": want a domain`},
		{"one with a dot at its end", "[ca.example]", "[ca.example.]", "acme.caa_identities[0]"},
		{"a URL whose host is no name", "https://ca.example", "https://ca..example", `acme.url: "ca..example" is no host name`},
		{"one in capitals", "[ca.example]", "[CA.example]", "acme.caa_identities[0]"},
		{"one twice", "[ca.example]", "[ca.example, ca.example]", `acme.caa_identities[1]: "ca.example" is named twice`},
		{"orders that live too short", "2h", "59m", "acme.order_life: want from 1h to 24h"},
		{"orders that live too long", "2h", "25h", "acme.order_life: want from 1h to 24h"},
		{"no names", "max_names: 10", "max_names: 0", "acme.max_names: want from 1 to 100"},
		{"too many names", "max_names: 10", "max_names: 101", "acme.max_names: want from 1 to 100"},
		{"fewer accounts than none", "max_names: 10", "new_accounts: -1", "acme.new_accounts"},
		{"fewer orders than none", "max_names: 10", "new_orders: -1", "acme.new_orders"},
		{"a network with bits beyond it", "10.0.0.0/8", "10.0.0.1/8", "acme.allow_networks[0]: 10.0.0.1/8 has bits beyond its prefix: 10.0.0.0/8 is meant"},
		{"IPv4 in IPv6", "10.0.0.0/8", `"::ffff:10.0.0.0/104"`, "acme.allow_networks[0]: ::ffff:10.0.0.0/104: addresses are compared as IPv4"},
		{"a port for testing", "order_life: 2h", "http_port: 8080", "acme.http_port: for testing only"},
		{"the other", "order_life: 2h", "tls_port: 8443", "acme.tls_port: for testing only"},
		{"an unknown key of a profile", "life: 72h", "lifetime: 72h", "c:16:38: acme.profiles[0].lifetime: unknown key"},
		{"a profile without a name", "name: server", `name: ""`, "acme.profiles[0].name: want a name"},
		{"a profile with a blank in its name", "name: server", "name: a b", "acme.profiles[0].name: want a name"},
		{"a name twice", "name: Mesh-1.0_a", "name: server", `c:17:12: acme.profiles[1].name: "server" is there already`},
		{"a key that is known too late", "bind: both", "bind: csr", "acme.profiles[1].grant: record: with bind: csr"},
		{"another bind", "bind: both", "bind: none", `"none" is not one of account, csr, both`},
		{"methods with a record", "grant: record,", "grant: record, methods: [http-01],", "acme.profiles[1].methods: only of grant: challenge"},
		{"a method that there is not", "life: 72h", "methods: [http-02]", `"http-02" is not one of`},
		{"no methods", "life: 72h", "methods: []", "acme.profiles[0].methods: want at least one"},
		{"addresses by dns-01", "life: 72h", "methods: [dns-01]", "acme.profiles[0].methods: dns-01 proves no address"},
		{"no usages", "usages: [server]", "usages: []", "acme.profiles[0].usages: want at least one"},
		{"a key type twice", "[p256]", "[p256, p256]", "is named twice"},
		{"a key type that there is not", "[p256]", "[p521]", `"p521" is not one of`},
		{"too short a life", "72h", "4m59s", "acme.profiles[0].life: want from 5m to 19800h"},
		{"too long a life", "72h", "19801h", "acme.profiles[0].life: want from 5m to 19800h"},
		{"too early a beginning", "life: 72h", "backdate: 25h", "acme.profiles[0].backdate: want 24h or less"},
		{"a beginning that is a whole life ago", "life: 72h", "life: 2h, backdate: 2h", "c:16:58: acme.profiles[0].backdate: 2h of a life of 2h leaves nothing: it is taken out of that: want 1h59m or less"},
		{"one that leaves no minute", "life: 72h", "life: 5m, backdate: 4m1s", "acme.profiles[0].backdate: 4m1s of a life of 5m leaves nothing"},
		{"too many profiles", "  - {name: server,", strings.Repeat("  - {name: x}\n", 31) + "  - {name: server,", "acme.profiles: 33: want 32 at the most"},
	} {
		text := strings.Replace(rightACME, tt.from, tt.to, 1)
		if text == rightACME {
			t.Fatalf("%s: nothing is changed", tt.claim)
		}
		_, err := Parse("c", []byte(text), root)
		if all, _ := err.(Problems); !says(all, tt.says) {
			t.Errorf("%s: got %v, want %q", tt.claim, all, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: what may be a secret is repeated: %v", tt.claim, err)
		}
	}
}

func says(all Problems, what string) bool {
	for _, p := range all {
		if strings.Contains(p.String(), what) {
			return true
		}
	}
	return false
}

// TestBackdateFollowsLife: what is not written leaves nine tenths of a life, and what is written stays.
func TestBackdateFollowsLife(t *testing.T) {
	for keys, want := range map[string]time.Duration{
		"life: 72h": time.Hour, "life: 10h": time.Hour, "life: 1h": 6 * time.Minute, "life: 5m": 30 * time.Second,
		"life: 5m1s": 30 * time.Second, "life: 1h, backdate: 59m": 59 * time.Minute, "life: 5m, backdate: 4m": 4 * time.Minute, "life: 1h, backdate: 0s": 0,
	} {
		c, err := Parse("c", []byte(strings.Replace(rightACME, "life: 72h", keys, 1)), Default(User{Root: true}))
		if err != nil || c.ACME.Profiles[0].Backdate != want {
			t.Errorf("%s: %v: %+v, want %v", keys, err, c.ACME.Profiles, want)
		}
	}
}

// TestACMEWarnings: each is of one thing that was changed.
func TestACMEWarnings(t *testing.T) {
	for _, tt := range []struct{ claim, from, to, says string }{
		{"no way for a domain to opt in", "  caa_identities: [ca.example]\n", "", "c:16:43: acme.profiles[1].grant: record: acme.caa_identities is empty"},
		{"wildcards that nobody can have", "life: 72h", "wildcards: true, methods: [http-01]", "acme.profiles[0].wildcards: none can be had"},
		{"connections to anywhere", "10.0.0.0/8", "0.0.0.0/0", "acme.allow_networks[0]: 0.0.0.0/0: whoever orders"},
		{"forwarders, whose cache decides", "testing: false\n", "testing: false\nresolver: {mode: forward, forwarders: [udp://192.0.2.1]}\n", "c:2:18: resolver.mode: forward: certificates are issued by what the forwarders have cached"},
		{"no listener", "  listen: 127.0.0.1:8256\n  listen_plain: 127.0.0.1:8257\n", "", "acme.url: acme.listen is not set"},
	} {
		text := strings.Replace(rightACME, tt.from, tt.to, 1)
		w := Warnings("c", []byte(text), Default(User{Root: true}), time.Now())
		if len(w) != 1 || !says(w, tt.says) {
			t.Errorf("%s: got %v, want %q", tt.claim, w, tt.says)
		}
	}
}

// TestACMETesting: what a real daemon must not be told holds where testing says so.
func TestACMETesting(t *testing.T) {
	text := strings.NewReplacer("testing: false", "testing: true", "https:", "http:", "order_life: 2h", "http_port: 8080\n  tls_port: 8443").Replace(rightACME)
	c, err := Parse("c", []byte(text), Default(User{Root: true}))
	if err != nil || c.ACME.HTTPPort != 8080 || c.ACME.TLSPort != 8443 || c.ACME.URL != "http://ca.example:8256" {
		t.Fatalf("%v: %+v", err, c.ACME)
	}
	text = strings.Replace(text, "directory: /var/lib/ca", "tls: {cert: /c, key: /k}", 1)
	if _, err := Parse("c", []byte(text), Default(User{Root: true})); err == nil || !strings.Contains(err.Error(), "acme.tls: acme.url is http") {
		t.Errorf("a certificate that nobody is shown: %v", err)
	}
}
