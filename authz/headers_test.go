package authz

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cnfd/verifier"
)

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestHeaderGames: what a client smuggles past a gateway decides nothing.
func TestHeaderGames(t *testing.T) {
	for _, g := range gateways {
		names := []string{"Authorization", "Dpop"}
		for _, name := range []string{shapes[g].method, shapes[g].url, shapes[g].scheme, shapes[g].host, shapes[g].uri, shapes[g].certificate} {
			if name != "" {
				names = append(names, name)
			}
		}
		for _, name := range names {
			for claim, flip := range map[string]func(head http.Header){
				"in disguise, with an underscore": func(head http.Header) {
					head[http.CanonicalHeaderKey(strings.Replace(name, "-", "_", 1))] = []string{"x"}
				},
				"in disguise, all underscores": func(head http.Header) {
					head[strings.ToLower(strings.ReplaceAll(name, "-", "_"))] = []string{"x"}
				},
				"in disguise, with dots": func(head http.Header) { head[strings.ReplaceAll(name, "-", ".")] = []string{"x"} },
				"named in Connection":    func(head http.Header) { head.Set("Connection", "close, "+strings.ToLower(name)) },
			} {
				if !strings.Contains(name, "-") && strings.HasPrefix(claim, "in disguise") {
					continue // it has no hyphen to be disguised
				}
				t.Run(g.String()+"/"+name+"/"+claim, func(t *testing.T) {
					s := newScene(t, g)
					if got := said(s.ask()); got != "200 confirmed record_matches" {
						t.Fatalf("before anything is changed: %s", got)
					}
					s.proof["jti"], s.config.Verifier = "2", nil
					flip(s.head)
					if got := said(s.ask()); got != "403 denied odd_headers" {
						t.Error(got)
					}
				})
			}
		}
		for _, name := range names[2 : len(names)-1] {
			for claim, flip := range map[string]func(head http.Header){
				"missing":         func(head http.Header) { head.Del(name) },
				"empty":           func(head http.Header) { head.Set(name, "") },
				"twice":           func(head http.Header) { head.Add(name, head.Get(name)) },
				"twice, joined":   func(head http.Header) { head.Set(name, head.Get(name)+", "+head.Get(name)) },
				"with a tab":      func(head http.Header) { head.Set(name, head.Get(name)+"\t") },
				"with a zero":     func(head http.Header) { head.Set(name, head.Get(name)+"\x00") },
				"not ASCII":       func(head http.Header) { head.Set(name, head.Get(name)+"é") },
				"with a fragment": func(head http.Header) { head.Set(name, head.Get(name)+"#") },
			} {
				t.Run(g.String()+"/"+name+"/"+claim, func(t *testing.T) {
					s := newScene(t, g)
					flip(s.head)
					if got := said(s.ask()); got != "403 denied odd_headers" {
						t.Error(got)
					}
				})
			}
		}
	}
}

// TestTargets: what is read of a gateway's headers.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		claim                     string
		method, scheme, host, uri string
		ok                        bool
	}{
		{"as it should be", "GET", "https", "api.example", "/", true},
		{"another port", "GET", "https", "api.example:8443", "/a/b?c=d&e=%20", true},
		{"an IPv6 address", "DELETE", "http", "[2001:db8::1]:80", "/a//b", true},
		{"another method", "VERSION-CONTROL", "https", "api.example", "/;a=b", true},
		{"a method in two words", "GET POST", "https", "api.example", "/", false},
		{"a scheme in capitals", "GET", "HTTPS", "api.example", "/", false},
		{"another scheme", "GET", "wss", "api.example", "/", false},
		{"two hosts", "GET", "https", "api.example,evil.example", "/", false},
		{"a host with a name", "GET", "https", "a@api.example", "/", false},
		{"a host with a path", "GET", "https", "api.example\\", "/", false},
		{"dots that are no segment", "GET", "https", "api.example", "/a./.b/...?/../%2e", true},
		{"a dot segment", "GET", "https", "api.example", "/a/../b", false},
		{"a dot segment at the end", "GET", "https", "api.example", "/a/.", false},
		{"a dot segment that is encoded", "GET", "https", "api.example", "/a/.%2e/b", false},
		{"a dot segment in capitals", "GET", "https", "api.example", "/a/%2E?b", false},
		{"no path", "GET", "https", "api.example", "?a", false},
		{"a whole URI for a path", "GET", "https", "api.example", "http://evil.example/", false},
	} {
		for _, g := range gateways[:3] {
			if g == Nginx && !strings.HasPrefix(c.uri, "/") {
				continue // all of it is one header
			}
			head := http.Header{}
			s := scene{config: Config{Gateway: g}, head: head}
			s.gateway(c.method, c.scheme, c.host, c.uri)
			method, url, ok := g.target(&http.Request{Header: head})
			if ok != c.ok || ok && (method != c.method || url != c.scheme+"://"+c.host+c.uri) {
				t.Errorf("%s, %s: %q %q %t", g, c.claim, method, url, ok)
			}
		}
	}
}

// TestEnvoyPaths: Envoy puts the path behind the prefix, and nothing else is taken for it.
func TestEnvoyPaths(t *testing.T) {
	for uri, want := range map[string]string{
		"/v1/authz/a?b=c":              "https://api.example/a?b=c",
		"/v1/authz/":                   "https://api.example/",
		"/v1/authz//a":                 "https://api.example//a",
		"/v1/authz":                    "",
		"/v1/authz?a":                  "",
		"/v1/%61uthz/a":                "",
		"/V1/authz/a":                  "",
		"http://evil.example/v1/authz": "",
		"":                             "",
	} {
		_, url, ok := Envoy.target(&http.Request{Method: "GET", Host: "api.example", RequestURI: uri, Header: http.Header{"X-Forwarded-Proto": {"https"}}})
		if ok != (want != "") || url != want {
			t.Errorf("%s: %q %t", uri, url, ok)
		}
	}
}

// TestCertificates: what gateways write is read as possession.MutualTLS wants it.
func TestCertificates(t *testing.T) {
	for _, c := range []struct {
		g            Gateway
		handed, want string
		ok           bool
	}{
		{Nginx, "-----BEGIN%20CERTIFICATE-----%0A", "-----BEGIN%20CERTIFICATE-----%0A", true},
		{Nginx, "", "", true},
		{Caddy, ":MIIB:", ":MIIB:", true},
		{Caddy, "::", "", true},
		{Caddy, "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----", false},
		{Traefik, "MIIB+/==", ":MIIB+/==:", true},
		{Traefik, "MIIB%2B%2F%3D%3D", ":MIIB+/==:", true},
		{Traefik, "MIIB,MIIC", ":MIIB:", true},
		{Traefik, ",MIIC", "::", false},
		{Traefik, "MII%0AB", "", false},
		{Traefik, ":MIIB:", "", false},
		{Envoy, "Hash=00", "Hash=00", true},
	} {
		got, ok := c.g.certificate(http.Header{shapes[c.g].certificate: {c.handed}})
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %q: %q %t", c.g, c.handed, got, ok)
		}
	}
}

// TestChallenges: the schemes are those of the proofs that are taken, on one line,
// the error with the scheme that the token came by.
func TestChallenges(t *testing.T) {
	const algs = `algs="ES256 ES384 `
	for _, c := range []struct {
		claim string
		flip  func(*scene)
		want  []string // in this order
		not   string
	}{
		{"no token", func(s *scene) { s.head["Authorization"] = nil }, []string{"DPoP " + algs}, "error"},
		{"as Bearer", func(s *scene) { s.scheme = "Bearer" }, []string{`DPoP error="invalid_token", error_description="`, algs}, "Bearer"},
		{"a bad proof", func(s *scene) { s.prover = newPerson(s.t) }, []string{`DPoP error="invalid_dpop_proof", `, algs}, "Bearer"},
		{"expired", func(s *scene) { s.claims["exp"] = 1 }, []string{`DPoP error="invalid_token", `, algs}, "Bearer"},
		{"by either, no token", func(s *scene) {
			s.byCertificate()
			s.config.Possession = 7&^1&^2 | 4 | 8
			s.head["Authorization"] = nil
		}, []string{"DPoP " + algs, ", Bearer"}, "error"},
		{"by either, as Bearer", func(s *scene) {
			cnf := s.claims["cnf"]
			s.byCertificate()
			s.config.Possession |= verifier.CheckDPoP
			s.claims["cnf"] = cnf
		}, []string{`DPoP error="invalid_token", `, algs, ", Bearer"}, "Bearer error"},
		{"by either, no certificate", func(s *scene) {
			s.byCertificate()
			s.config.Possession |= verifier.CheckDPoP
			s.head.Del("Ssl-Client-Cert")
		}, []string{"DPoP " + algs, `, Bearer error="invalid_token"`}, "DPoP error"},
		{"by certificate, no certificate", func(s *scene) { s.byCertificate(); s.head.Del("Ssl-Client-Cert") }, []string{`Bearer error="invalid_token"`}, "DPoP"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, Nginx)
			c.flip(s)
			a := s.ask()
			lines := a.Header["Www-Authenticate"]
			if a.StatusCode != 401 || len(lines) != 1 {
				t.Fatalf("%s %q", said(a), lines)
			}
			rest := lines[0]
			for _, part := range c.want {
				before, after, ok := strings.Cut(rest, part)
				if !ok || strings.Contains(before, c.not) {
					t.Fatalf("%s: no %q", lines[0], part)
				}
				rest = after
			}
			if strings.Contains(lines[0], c.not) {
				t.Errorf("%s: has %q", lines[0], c.not)
			}
		})
	}
}
