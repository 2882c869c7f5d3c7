package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		claim, text string
		want        []string
	}{
		{"an unknown key at the top", "apy: {}\n", []string{`c:1:1: apy: unknown key; known here: testing, state_dir, api,`}},
		{"an unknown key in a section", "api:\n  lisen: \"\"\n", []string{"c:2:3: api.lisen: unknown key; known here: listen,"}},
		{"an unknown key in a list", "resolver:\n  stubs:\n    - {zone: a., adresses: [192.0.2.1]}\n", []string{"c:3:18: resolver.stubs[0].adresses: unknown key"}},
		{"a key of another case", "Testing: true\n", []string{"c:1:1: Testing: unknown key"}},
		{"a key written twice", "testing: true\ntesting: false\n", []string{`c:2:1: not YAML: mapping key "testing" already defined`}},
		{"a key written twice in two spellings", "testing: true\n\"testing\": false\n", []string{"c:2:1: "}},
		{"a second document", "testing: true\n---\ntesting: false\n", []string{"c:3:1: a second document"}},
		{"text that is not YAML", "api: [\n", []string{"c:1:"}},
		{"a list at the top", "- a\n", []string{"the file: want keys and values"}},
		{"a word where a truth value is wanted", "testing: yes\n", []string{"c:1:10: testing: want true or false"}},
		{"a number where a string is wanted", "api: {listen: 8255}\n", []string{"c:1:15: api.listen: want a string"}},
		{"a truth value where a string is wanted", "api: {unix: false}\n", []string{"c:1:13: api.unix: want a string"}},
		{"a string where a number is wanted", "testing: true\nresolver: {server_port: \"53\"}\n", []string{"c:2:25: resolver.server_port: want a whole number from 0 to 65535"}},
		{"a number too large", "testing: true\nresolver: {server_port: 65536}\n", []string{"want a whole number from 0 to 65535"}},
		{"a string where a list is wanted", "record: {forms: dotted}\n", []string{"c:1:17: record.forms: want a list"}},
		{"a list where a string is wanted", "api: {listen: [a]}\n", []string{"c:1:15: api.listen: want a single value"}},
		{"a section where a value is wanted", "state_dir: {a: b}\n", []string{"state_dir: want a single value"}},
		{"a value where a section is wanted", "api: on\n", []string{"c:1:6: api: want keys and values"}},
		{"no value", "api:\n  listen:\n", []string{"api.listen: no value"}},
		{"an alias", "state_dir: &a /x\napi: {unix: *a}\n", []string{"c:1:12: state_dir: anchors", "c:2:13: api.unix: anchors"}},
		{"a merge key", "api: {<<: {listen: \"\"}}\n", []string{"api.<<: "}},
		{"a word that is none of the words", "api: {purge: everyone}\n", []string{`c:1:14: api.purge: "everyone" is not one of unix, all, off`}},
		{"a duration without a unit", "cache: {max_ttl: 300}\n", []string{"c:1:18: cache.max_ttl: want a duration with its unit"}},
		{"a negative duration", "cache: {max_ttl: -1s}\n", []string{"cache.max_ttl: want a duration"}},
		{"a zero duration, which would be the default", "cache: {max_ttl: 0s}\n", []string{"cache.max_ttl: want a second or more"}},
		{"a size of another unit", "cache: {max_bytes: 256MB}\n", []string{"c:1:20: cache.max_bytes: want a size"}},
		{"a size over 63 bits", "cache: {max_bytes: 9999999999GiB}\n", []string{"cache.max_bytes: want a size"}},
		{"a size too small to work", "cache: {max_bytes: 1KiB}\n", []string{"cache.max_bytes: 1KiB: want 1MiB or more"}},
		{"a mode that is not octal", "api: {unix_mode: \"0689\"}\n", []string{"api.unix_mode: want permissions in octal"}},
		{"a socket for everybody", "api: {unix_mode: \"0666\"}\n", []string{"api.unix_mode: 0666 is wider than 0660"}},
		{"a name as an address", "resolver: {root_hints: [{name: a., addresses: [localhost]}]}\n", []string{"c:1:48: resolver.root_hints[0].addresses[0]: want an IP address"}},
		{"an empty address", "resolver: {root_hints: [{name: a., addresses: [\"\"]}]}\n", []string{"addresses[0]: empty"}},
		{"a hint without addresses", "resolver:\n  root_hints:\n    - {name: a.}\n", []string{"c:3:7: resolver.root_hints[0].addresses: want at least one"}},
		{"a hint without a name", "resolver: {root_hints: [{addresses: [192.0.2.1]}]}\n", []string{`root_hints[0].name: "" is not a domain name`}},
		{"a key file by a relative path", "decryption_keys: [a.jwk]\n", []string{"c:1:19: decryption_keys[0]: want the absolute path"}},
		{"a key file twice", "decryption_keys: [/a, /b, /a]\n", []string{"c:1:27: decryption_keys[2]: the same file a second time"}},
		{"a key file that is no list", "decryption_keys: /a\n", []string{"c:1:18: decryption_keys: want a list"}},
		{"a key in the place of its file", "decryption_keys: [{kty: oct}]\n", []string{"c:1:19: decryption_keys[0]: want a single value"}},
		{"an anchor that is no record", "resolver: {trust_anchors: [\"20326 8 2\"]}\n", []string{"c:1:28: resolver.trust_anchors[0]: not a zone-file line"}},
		{"an anchor of another type", "resolver: {trust_anchors: [\". IN A 192.0.2.1\"]}\n", []string{"trust_anchors[0]: a A record; DS or DNSKEY are wanted"}},
		{"two anchors in one string", "resolver:\n  trust_anchors:\n    - |\n      . IN DS 1 8 2 00\n      . IN DS 2 8 2 00\n", []string{"more than one line"}},
		{"a DNS listener that answers nobody", "dns: {listen: \"127.0.0.1:53\", allow: []}\n", []string{"dns.allow: nobody may ask"}},
		{"no question at a time", "dns: {listen: \"127.0.0.1:53\", max_in_flight: 0}\n", []string{"c:1:46: dns.max_in_flight: want 1 or more"}},
		{"no question of a client", "dns: {listen: \"127.0.0.1:53\", max_per_client: 0}\n", []string{"c:1:47: dns.max_per_client: want from 1 to dns.max_in_flight, which is 2048"}},
		{"more of a client than in all", "dns: {listen: \"127.0.0.1:53\", max_in_flight: 50, max_per_client: 51}\n", []string{"c:1:66: dns.max_per_client: want from 1 to dns.max_in_flight, which is 50"}},
		{"no connection", "dns: {listen: \"127.0.0.1:53\", max_tcp: 0}\n", []string{"c:1:40: dns.max_tcp: want 1 or more"}},
		{"more connections of a client than in all", "dns: {listen: \"127.0.0.1:53\", max_tcp: 15, max_tcp_per_client: 16}\n", []string{"dns.max_tcp_per_client: want from 1 to dns.max_tcp, which is 15"}},
		{"a negative number of questions", "dns: {max_in_flight: -1}\n", []string{"c:1:22: dns.max_in_flight: want a whole number from 0 to 65535"}},
		{"none beside an anchor", "resolver: {trust_anchors: [none, \". IN DS 1 8 2 " + strings.Repeat("00", 32) + "\"]}\n", []string{"none stands alone"}},
		{"a negative anchor that is no name", "resolver: {negative_trust_anchors: [a..b]}\n", []string{`c:1:37: resolver.negative_trust_anchors[0].name: "a..b" is not a domain name`}},
		{"a negative anchor without a name", "resolver: {negative_trust_anchors: [{until: 2026-11-24T12:00:00Z}]}\n", []string{`c:1:37: resolver.negative_trust_anchors[0].name: "" is not a domain name`}},
		{"a negative anchor with another key", "resolver: {negative_trust_anchors: [{name: a, til: 2026-11-24T12:00:00Z}]}\n", []string{"c:1:47: resolver.negative_trust_anchors[0].til: unknown key; known here: name, until"}},
		{"a negative anchor that ends at no time", "resolver: {negative_trust_anchors: [{name: a, until: tomorrow}]}\n", []string{"c:1:54: resolver.negative_trust_anchors[0].until: want a time by RFC 3339"}},
		{"a negative anchor that ends at an hour of no day", "resolver: {negative_trust_anchors: [{name: a, until: 2026-02-30T12:00:00Z}]}\n", []string{"c:1:54: resolver.negative_trust_anchors[0].until: want a time by RFC 3339"}},
		{"a negative anchor that is a number", "resolver: {negative_trust_anchors: [7]}\n", []string{"c:1:37: resolver.negative_trust_anchors[0].name: want a string"}},
		{"a negative anchor that is a list", "resolver: {negative_trust_anchors: [[a]]}\n", []string{"c:1:37: resolver.negative_trust_anchors[0].name: want a single value"}},
		{"confirmations prefetched where nothing is", "cache: {prefetch: false, prefetch_confirmations: true}\n", []string{"c:1:50: cache.prefetch_confirmations: nothing is prefetched"}},
		{"neither IPv4 nor IPv6", "resolver: {ipv4: false, ipv6: false}\n", []string{"c:1:18: resolver.ipv4: with ipv6 off"}},
		{"a testing key without testing", "resolver: {server_port: 5300}\n", []string{"c:1:25: resolver.server_port: for testing only"}},
		{"a time in the past without testing", "resolver: {validation_time: \"2020-01-01T00:00:00Z\"}\n", []string{"resolver.validation_time: for testing only"}},
		{"a clock of its own without testing", "resolver: {clock_offset_file: /x}\n", []string{"resolver.clock_offset_file: for testing only"}},
		{"a time that is none", "testing: true\nresolver: {validation_time: noon}\n", []string{"resolver.validation_time: want RFC 3339"}},
		{"two sources of the time", "testing: true\nresolver: {validation_time: \"2020-01-01T00:00:00Z\", clock_offset_file: /x}\n", []string{"keep one of them"}},
		{"forward mode with nobody to ask", "resolver: {mode: forward}\n", []string{"c:1:18: resolver.mode: forward needs resolver.forwarders"}},
		{"forwarders that are never asked", "resolver: {forwarders: [\"udp://192.0.2.1\"]}\n", []string{"c:1:24: resolver.forwarders: only mode: forward asks forwarders"}},
		{"a wildcard for a negative anchor", "resolver: {negative_trust_anchors: [\"*.example\"]}", []string{`"*.example": a wildcard covers nothing here`}},
		{"a negative anchor that is no name of the DNS", "resolver: {negative_trust_anchors: [\"faß.example\"]}", []string{"as its A-labels"}},
		{"a stub with a blank in it", "resolver: {stubs: [{zone: \"foo bar.example\", addresses: [192.0.2.1]}]}", []string{"other octets as"}},
		{"clients in IPv4-mapped form", "dns: {listen: \"127.0.0.1:53\", allow: [\"::ffff:127.0.0.0/104\"]}", []string{"dns.allow[0]: ::ffff:127.0.0.0/104: clients with IPv4 addresses are known by those"}},
		{"a forwarder without a scheme", forwarders("192.0.2.1"), []string{"c:1:40: resolver.forwarders[0]: want udp://address, tcp://address"}},
		{"a forwarder over something else", forwarders("quic://dns.example@192.0.2.1"), []string{"resolver.forwarders[0]: want udp://"}},
		{"a forwarder over plain HTTP", forwarders("http://192.0.2.1/dns-query"), []string{"resolver.forwarders[0]: want udp://"}},
		{"a forwarder by name, over UDP", forwarders("udp://dns.example"), []string{`"dns.example" is not an IP address`}},
		{"a forwarder by name, over TLS", forwarders("tls://dns.example"), []string{"the address of dns.example is needed too: tls://dns.example@192.0.2.1"}},
		{"a forwarder by name, over HTTPS", forwarders("https://dns.example/dns-query"), []string{"the address of dns.example is needed too: https://dns.example@192.0.2.1"}},
		{"a name that nothing is checked for", forwarders("udp://dns.example@192.0.2.1"), []string{"udp has no certificate"}},
		{"authorities where nobody shows a certificate", "resolver: {mode: forward, forwarder_ca: ca.pem, forwarders: [\"udp://192.0.2.1\"]}", []string{"resolver.forwarder_ca: no forwarder shows a certificate"}},
		{"a forwarder with a password", forwarders("tls://a:secret@192.0.2.1"), []string{"no password"}},
		{"a forwarder with a wildcard for a name", forwarders("tls://*.example@192.0.2.1"), []string{`"*.example" is not a host name`}},
		{"a forwarder with a path that nobody reads", forwarders("tls://dns.example@192.0.2.1/dns-query"), []string{"only https has a path"}},
		{"a forwarder with a fragment", forwarders("https://dns.example@192.0.2.1/dns-query#x"), []string{"nothing may follow a #"}},
		{"a forwarder on port 0", forwarders("udp://192.0.2.1:0"), []string{"want a port from 1 to 65535"}},
		{"a forwarder on a port that is none", forwarders("udp://192.0.2.1:65536"), []string{"want a port from 1 to 65535"}},
		{"a forwarder that is no URL", forwarders("udp://[2001:db8::1"), []string{"not a URL: missing ']' in host"}},
		{"a forwarder twice", forwarders("udp://192.0.2.1", "tcp://192.0.2.1:53"), []string{"resolver.forwarders[1]: 192.0.2.1:53 is named twice"}},
		{"nine forwarders", forwarders("udp://192.0.2.1", "udp://192.0.2.2", "udp://192.0.2.3", "udp://192.0.2.4", "udp://192.0.2.5", "udp://192.0.2.6", "udp://192.0.2.7", "udp://192.0.2.8", "udp://192.0.2.9"), []string{"9 are too many: 8 at most"}},
		{"a forwarder of a family that is off", "resolver: {mode: forward, ipv6: false, forwarders: [\"udp://[2001:db8::1]\"]}\n", []string{"ipv6: false keeps udp://[2001:db8::1]:53 from being asked"}},
		{"client certificates without TLS", "api: {tls: {client_ca: c}}\n", []string{"c:1:24: api.tls.client_ca: without a cert and a key there is no TLS"}},
		{"a certificate without its key", "api: {tls: {cert: a}}\n", []string{"c:1:7: api.tls: cert and key belong together"}},
		{"every address without TLS", "api: {listen: \":8255\"}\n", []string{"c:1:15: api.listen: other machines reach :8255"}},
		{"another machine's address without TLS", "api: {listen: \"192.0.2.1:80\"}\n", []string{"api.listen: other machines reach"}},
		{"a name that only looks like loopback", "api: {listen: \"localhost.example:80\"}\n", []string{"api.listen: other machines reach"}},
		{"an address without a port", "api: {listen: 127.0.0.1}\n", []string{"api.listen: \"127.0.0.1\": want an address and a port"}},
		{"a port by name", "api: {listen: \"127.0.0.1:http\"}\n", []string{"want a port from 0 to 65535"}},
		{"a relative socket", "api: {unix: cnfd.sock}\n", []string{"api.unix: want an absolute path"}},
		{"a socket path that fits no socket", "api: {unix: /" + strings.Repeat("a", 107) + "}\n", []string{"api.unix: 108 octets long"}},
		{"a DNS listener by name", "dns: {listen: \"localhost:53\"}\n", []string{"dns.listen: \"localhost\" is not an IP address"}},
		{"a prefix that is none", "dns: {allow: [127.0.0.1/33]}\n", []string{"dns.allow[0]: "}},
		{"no form at all", "record: {forms: []}\n", []string{"record.forms: want at least one"}},
		{"a form that is none", "record: {forms: [doted]}\n", []string{`record.forms[0]: "doted" is not one of dotted, underscore`}},
		{"a form twice", "record: {forms: [dotted, dotted]}\n", []string{"record.forms[1]: \"dotted\" is named twice"}},
		{"every problem, in the order of the file", "api:\n  unix: x\n  lisen: 1\nrecord: 7\n", []string{"c:3:3: api.lisen: unknown key", "c:4:9: record: want keys"}},
		{"a later section's key", "star: {}\n", []string{"star: unknown key"}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c, err := Parse("c", []byte(tt.text), Default(User{Root: true}))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %+v, %v", c, err)
			}
			if len(problems) < len(tt.want) {
				t.Fatalf("got %q, want %q", problems, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(problems[i].String(), want) {
					t.Errorf("problem %d: got %q, want %q in it", i, problems[i], want)
				}
			}
		})
	}
}

// forwarders is a file in forward mode.
func forwarders(urls ...string) string {
	return `resolver: {mode: forward, forwarders: ["` + strings.Join(urls, `", "`) + "\"]}\n"
}

// TestForwarders reads each form in full.
func TestForwarders(t *testing.T) {
	for url, want := range map[string]Forwarder{
		"udp://192.0.2.1":                                {"udp", "", netip.MustParseAddrPort("192.0.2.1:53"), ""},
		"udp://[2001:db8::1]:5353":                       {"udp", "", netip.MustParseAddrPort("[2001:db8::1]:5353"), ""},
		"tcp://192.0.2.1:54":                             {"tcp", "", netip.MustParseAddrPort("192.0.2.1:54"), ""},
		"tls://192.0.2.1":                                {"tls", "", netip.MustParseAddrPort("192.0.2.1:853"), ""},
		"tls://DNS.example.@192.0.2.1":                   {"tls", "dns.example", netip.MustParseAddrPort("192.0.2.1:853"), ""},
		"tls://dns.example@[2001:db8::1]:8853":           {"tls", "dns.example", netip.MustParseAddrPort("[2001:db8::1]:8853"), ""},
		"https://dns.example@192.0.2.1":                  {"https", "dns.example", netip.MustParseAddrPort("192.0.2.1:443"), "/dns-query"},
		"https://192.0.2.1:8443/a/b?c=d":                 {"https", "", netip.MustParseAddrPort("192.0.2.1:8443"), "/a/b?c=d"},
		"https://dns.example@[::ffff:192.0.2.1]:8443/id": {"https", "dns.example", netip.MustParseAddrPort("192.0.2.1:8443"), "/id"},
	} {
		c, err := Parse("c", []byte(forwarders(url)), Default(User{Root: true}))
		if err != nil || len(c.Resolver.Forwarders) != 1 || c.Resolver.Forwarders[0] != want {
			t.Errorf("%s: %+v, %v; want %+v", url, c.Resolver.Forwarders, err, want)
		}
	}
	for _, url := range []string{"https://dns.example/s3cret", "https://dns.example@192.0.2.1/s3cret#x", "udp://192.0.2.1/s3cret", "tls://a:s3cret@192.0.2.1"} {
		if _, err := Parse("c", []byte(forwarders(url)), Default(User{Root: true})); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// FuzzForwarder: what is taken for a forwarder can be asked, and read again as it is printed.
func FuzzForwarder(f *testing.F) {
	for _, url := range []string{"udp://192.0.2.1", "tls://dns.example@[2001:db8::1]:853", "https://dns.example@192.0.2.1/dns-query", "https://a%00b@1.2.3.4/", "tls://[fe80::1%25eth0]", "https://a..@192.0.2.1"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		var a, b Forwarder
		if a.UnmarshalText([]byte(url)) != nil {
			return
		}
		if !a.Address.IsValid() || a.Address.Port() == 0 || (a.Path != "") != (a.Network == "https") || a.Name != "" && a.Network != "tls" && a.Network != "https" {
			t.Fatalf("%q: %+v", url, a)
		}
		if err := b.UnmarshalText([]byte(a.String() + a.Path)); err != nil || a != b {
			t.Errorf("%q: %+v, then %+v: %v", url, a, b, err)
		}
	})
}

// Whoever writes a key where its file should be named does not find it in a log.
func TestAKeyInThePlaceOfItsFileIsNotRepeated(t *testing.T) {
	for _, value := range []string{`'{"kty":"oct","k":"s3cretAAAA"}'`, "s3cretAAAA", "|\n  -----BEGIN PRIVATE KEY-----\n  s3cretAAAA\n  -----END PRIVATE KEY-----", "{kty: oct, k: s3cretAAAA}"} {
		_, err := Parse("c", []byte("decryption_keys:\n- "+value+"\n"), Default(User{Root: true}))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Fatalf("%s: %v", value, err)
		}
		for _, p := range problems {
			if strings.Contains(p.String(), "s3cret") || !strings.Contains(p.String(), "decryption_keys[0]") {
				t.Errorf("%s", p)
			}
		}
	}
}

func TestParseAccepts(t *testing.T) {
	d := Default(User{Root: true})
	for _, tt := range []struct {
		claim, text string
		holds       func(Config) bool
	}{
		{"an empty file", "", func(c Config) bool { return c.API.Listen == d.API.Listen }},
		{"comments alone", "# nothing\n", func(c Config) bool { return c.API.Listen == d.API.Listen }},
		{"a section with nothing in it", "api:\nrecord: {}\n", func(c Config) bool { return c.API.Listen == d.API.Listen && len(c.Record.Forms) == 1 }},
		{"one key keeps its neighbours' defaults", "cache: {max_ttl: 10s}\n", func(c Config) bool { return c.Cache.MaxTTL == 10*time.Second && c.Cache.MaxNegativeTTL == time.Minute }},
		{"sockets turned off", "api: {listen: \"\", unix: \"\"}\n", func(c Config) bool { return c.API.Listen == "" && c.API.Unix == "" }},
		{"IPv6 loopback", "api: {listen: \"[::1]:0\"}\n", func(c Config) bool { return c.API.Listen == "[::1]:0" }},
		{"another address with TLS", "api: {listen: \":443\", tls: {cert: /c, key: /k}}\n", func(c Config) bool { return c.API.TLS.Key == "/k" }},
		{"another address without TLS where the operator says so", "api: {listen: \":80\", allow_plain: true}\n", func(c Config) bool { return c.API.AllowPlain }},
		{"a mode without quotes", "api: {unix_mode: 0600}\n", func(c Config) bool { return c.API.UnixMode == 0o600 }},
		{"a size in bytes", "cache: {max_bytes: 33554432}\n", func(c Config) bool { return c.Cache.MaxBytes == 32<<20 }},
		{"a time without quotes", "testing: true\nresolver: {validation_time: 2020-01-01T00:00:00Z}\n", func(c Config) bool { return c.Resolver.ValidationTime == "2020-01-01T00:00:00Z" }},
		{"no anchors at all", "resolver: {trust_anchors: [none]}\n", func(c Config) bool { return c.Resolver.TrustAnchors[0] == NoAnchors }},
		{"key files", "decryption_keys: [/etc/cnfd/a.jwk, /etc/cnfd/b.pem]\n", func(c Config) bool { return len(c.DecryptionKeys) == 2 && c.DecryptionKeys[1] == "/etc/cnfd/b.pem" }},
		{"a list of its own in place of the default", "dns: {allow: [\"::/0\"]}\n", func(c Config) bool { return len(c.DNS.Allow) == 1 }},
		{"testing keys at their defaults", "resolver: {server_port: 53, validation_time: \"\"}\n", func(c Config) bool { return c.Resolver.ServerPort == 53 }},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c, err := Parse("c", []byte(tt.text), Default(User{Root: true}))
			if err != nil {
				t.Fatal(err)
			}
			if !tt.holds(c) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// TestFiles reads files as other tools write them.
func TestFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yaml")
	if len(files) == 0 {
		t.Fatal("no files in testdata")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(f, text, Default(User{Root: true})); err != nil {
			t.Error(err)
		}
	}
}

func TestSizeIsPrintedAsItIsRead(t *testing.T) {
	for _, text := range []string{"0", "1", "1023", "1KiB", "1025", "256MiB", "2GiB", "1536MiB"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.String() != text {
			t.Errorf("%s: got %v, %v", text, s, err)
		}
	}
}

// FuzzParse holds that any bytes give a configuration or problems that name a place.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range append(files, "default.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Parse("c", text, Default(User{Root: true}))
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%T: %v", err, err)
		}
		warnings := Warnings("c", text, Default(User{Root: true}), time.Unix(1795000000, 0))
		if err != nil && warnings != nil {
			t.Fatalf("refused with %v, and warnings %v", err, warnings)
		}
		for _, p := range append(problems, warnings...) {
			if p.Line < 1 || p.Column < 1 || p.What == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}
