package validate

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		claim string
		flip  func(*Config)
		says  string
	}{
		{"no source", func(c *Config) { c.Source = nil }, "Config.Source"},
		{"no family", func(c *Config) { c.NoIPv4, c.NoIPv6 = true, true }, "both IPv4 and IPv6"},
		{"no time", func(c *Config) { c.Timeout = -time.Second }, "Config.Timeout"},
		{"a network that is none", func(c *Config) { c.AllowNetworks = append(c.AllowNetworks, netip.Prefix{}) }, "Config.AllowNetworks"},
		{"a user agent of two lines", func(c *Config) { c.UserAgent = "cnfd\r\nHost: other" }, "Config.UserAgent"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			c := Config{Source: newNames(t), AllowNetworks: loopback, UserAgent: "cnfd"}
			if _, err := New(c); err != nil {
				t.Fatal(err)
			}
			tc.flip(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want …%s…", err, tc.says)
			}
		})
	}
}

// TestTheCallersNetworksAreCopied: nobody allows a network by changing a slice afterwards.
func TestTheCallersNetworksAreCopied(t *testing.T) {
	mine := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	v := validator(t, Config{Source: newNames(t), AllowNetworks: mine})
	mine[0] = netip.MustParsePrefix("192.168.0.0/16")
	if !v.mayReach(netip.MustParseAddr("10.0.0.1")) || v.mayReach(netip.MustParseAddr("192.168.0.1")) {
		t.Error("what may be reached has changed")
	}
}

// TestWhatIsNoChallenge: an identifier, a token or a key authorization that is none is
// refused before anybody is asked. An empty file must answer nothing.
func TestWhatIsNoChallenge(t *testing.T) {
	type call struct {
		method         string
		i              acme.Identifier
		token, keyAuth string
	}
	of := func(kind, value string) func(*call) {
		return func(c *call) { c.i = acme.Identifier{Type: kind, Value: value} }
	}
	key := func(token, keyAuth string) func(*call) {
		return func(c *call) { c.token, c.keyAuth = token, keyAuth }
	}
	malformed := want{acme.Malformed, false, "identifier "}
	none := want{acme.ServerInternal, false, "its token or its key authorization is none"}
	for _, tc := range []struct {
		claim string
		flip  func(*call)
		want  want
	}{
		{"nothing", of("", ""), malformed},
		{"a type of no name", of("", vendor), malformed},
		{"another type", of("email", vendor), malformed},
		{"a wildcard", of("dns", "*.vendor.example"), malformed},
		{"a name in capitals", of("dns", "Vendor.example"), malformed},
		{"a name with a final dot", of("dns", "vendor.example."), malformed},
		{"a name with an empty label", of("dns", "vendor..example"), malformed},
		{"a label that is too long", of("dns", strings.Repeat("a", 64)+".example"), malformed},
		{"a name that is too long", of("dns", strings.Repeat("a.", 124)+"example"), malformed},
		{"a name with a port", of("dns", "vendor.example:80"), malformed},
		{"a name with a path", of("dns", "vendor.example/"), malformed},
		{"a name with a user", of("dns", "me@vendor.example"), malformed},
		{"a name in letters that DNS does not know", of("dns", "vendør.example"), malformed},
		{"an address as a name", of("dns", "127.0.0.1"), malformed},
		{"half an address as a name", of("dns", "127.1"), malformed},
		{"a number as a name", of("dns", "2130706433"), malformed},
		{"a name in hexadecimal", of("dns", "0x7f.0x1"), malformed},
		{"a name as an address", of("ip", vendor), malformed},
		{"an address with a zone", of("ip", "fe80::1%lo"), malformed},
		{"an address in brackets", of("ip", "[::1]"), malformed},
		{"an address in another form", of("ip", "0:0:0:0:0:0:0:1"), malformed},
		{"an IPv4 address in an IPv6 one", of("ip", "::ffff:127.0.0.1"), malformed},
		{"an address with zeros", of("ip", "127.0.0.01"), malformed},
		{"no token and no key authorization", key("", ""), none},
		{"no key authorization", key(token, ""), none},
		{"no token", key("", "."+thumb), none},
		{"no thumbprint", key(token, token+"."), none},
		{"the key authorization of another token", key(otherToken, keyAuth), none},
		{"a token that leads elsewhere", key("../x", "../x."+thumb), none},
		{"a method of another server", func(c *call) { c.method = "dns-account-01" }, want{acme.ServerInternal, false, `challenge type "dns-account-01"`}},
		{"the record alone, which is the gate's", func(c *call) { c.method = acme.MethodCNF }, want{acme.ServerInternal, false, "not one that is carried out here"}},
		{"no method", func(c *call) { c.method = "" }, want{acme.ServerInternal, false, "not one that is carried out here"}},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			w := newWeb(t)
			v := validator(t, w.config)
			passes(t, v, acme.MethodHTTP, identifier)
			w.says(200, "")
			w.asked, w.dialer.seen = nil, nil
			c := call{acme.MethodHTTP, identifier, token, keyAuth}
			tc.flip(&c)
			tc.want.holds(t, v.Validate(t.Context(), c.method, c.i, c.token, c.keyAuth))
			if len(w.asked)+len(w.dialer.seen) > 0 {
				t.Errorf("asked %q, dialled %q", w.asked, w.dialer.seen)
			}
		})
	}
}
