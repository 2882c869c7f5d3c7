package possession

import (
	"net/url"
	"strings"
	"testing"
)

// TestNormalURI: what RFC 3986 §6.2.2 and §6.2.3 call equal has one text.
func TestNormalURI(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as it is", "https://a.example/b", "https://a.example/b"},
		{"scheme and host in upper case", "HTTPS://A.Example/B", "https://a.example/B"},
		{"no path", "https://a.example", "https://a.example/"},
		{"a query", "https://a.example/b?c=d", "https://a.example/b"},
		{"a fragment", "https://a.example/b#c?d", "https://a.example/b"},
		{"a query without a path", "https://a.example?c", "https://a.example/"},
		{"the default port", "https://a.example:443/", "https://a.example/"},
		{"the default port of http", "http://a.example:80/", "http://a.example/"},
		{"another's default port", "http://a.example:443/", "http://a.example:443/"},
		{"an empty port", "https://a.example:/", "https://a.example/"},
		{"a port", "https://a.example:8443/", "https://a.example:8443/"},
		{"percent-encoding in lower case", "https://a.example/%c3%a9%2f", "https://a.example/%C3%A9%2F"},
		{"unreserved, encoded", "https://a.example/%61%7E%2D", "https://a.example/a~-"},
		{"unreserved, encoded, in the host", "https://%61.example/", "https://a.example/"},
		{"dot segments", "https://a.example/b/./c/../d", "https://a.example/b/d"},
		{"dot segments, encoded", "https://a.example/b/%2E%2e/d", "https://a.example/d"},
		{"dot segments at the end", "https://a.example/b/c/..", "https://a.example/b/"},
		{"a dot at the end", "https://a.example/b/.", "https://a.example/b/"},
		{"dot segments over the top", "https://a.example/../../b", "https://a.example/b"},
		{"empty segments", "https://a.example//b/", "https://a.example//b/"},
		{"an address", "https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"},

		{"no scheme", "//a.example/b", ""},
		{"another scheme", "ftp://a.example/", ""},
		{"no host", "https:///b", ""},
		{"a port alone", "https://:443/", ""},
		{"userinfo", "https://u@a.example/", ""},
		{"userinfo, encoded, is a host's", "https://u%40a.example/", "https://u%40a.example/"},
		{"a port that is none", "https://a.example:4x/", ""},
		{"two ports", "https://a.example:1:2/", ""},
		{"a bracket", "https://[a.example/", ""},
		{"half an encoding", "https://a.example/%4", ""},
		{"no encoding", "https://a.example/%zz", ""},
		{"a space", "https://a.example/a b", ""},
		{"a line feed", "https://a.example/a\n", ""},
		{"a backslash", `https://a.example\b`, ""},
		{"beyond ASCII", "https://a.example/é", ""},
		{"beyond ASCII in the query", "https://a.example/?é", ""},
		{"nothing", "", ""},
	} {
		got, ok := normalURI(c.in)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q is %q %v, want %q", c.name, c.in, got, ok, c.want)
		}
	}
}

// FuzzNormalURI: what is normal stays as it is, and has the host that net/url
// reads in what was given.
func FuzzNormalURI(f *testing.F) {
	for _, s := range []string{"https://A.example:443/b/../%61?c#d", "http://[::1]:80", "https://a@b/", "https://a/%2e%2E/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := normalURI(s)
		if !ok {
			return
		}
		if again, ok := normalURI(got); !ok || again != got {
			t.Fatalf("%q is %q is %q", s, got, again)
		}
		if strings.Contains(s, "%") {
			return // net/url does not decode hosts alike
		}
		u, err := url.Parse(s)
		if err != nil {
			return // it is stricter about IP literals
		}
		if n, err := url.Parse(got); err != nil || !strings.EqualFold(u.Hostname(), n.Hostname()) {
			t.Fatalf("%q is %q: another host", s, got)
		}
	})
}
