package authz

import (
	"fmt"
	"net/http"
	"strings"
)

// Gateway is a gateway that asks; it fixes by which headers. The zero Gateway is none.
type Gateway uint8

// The gateways.
const (
	Nginx        Gateway = iota + 1 // auth_request: X-Original-Method, X-Original-URL, Ssl-Client-Cert
	Caddy                           // forward_auth: X-Forwarded-Method, -Proto, -Host, -Uri; Client-Cert (RFC 9440)
	Traefik                         // forwardAuth: X-Forwarded-Method, -Proto, -Host, -Uri; X-Forwarded-Tls-Client-Cert
	Envoy                           // ext_authz over HTTP: the request's own method, Host and path; X-Forwarded-Proto, X-Forwarded-Client-Cert
	gatewayCount = iota + 1
)

// ParseGateway reads the configuration's word: nginx, caddy, traefik or envoy; "" is none.
func ParseGateway(word string) (Gateway, error) {
	for g := range shapes {
		if shapes[g].word == word {
			return Gateway(g), nil
		}
	}
	return 0, fmt.Errorf("%q: want nginx, caddy, traefik or envoy", word)
}

// String returns the configuration's word; "" for none.
func (g Gateway) String() string {
	if int(g) >= len(shapes) {
		return ""
	}
	return shapes[g].word
}

// Prefix is the path that Envoy puts before that of the request (path_prefix).
const Prefix = "/v1/authz"

// shape is where a gateway says what it is asked for: canonical names of headers,
// "" where it is the request itself.
type shape struct {
	word        string
	method      string
	url         string // whole; or
	scheme      string
	host        string
	uri         string // path and query
	certificate string
}

var shapes = [gatewayCount]shape{
	// What the manual writes and ingress-nginx sends.
	Nginx: {word: "nginx", method: "X-Original-Method", url: "X-Original-Url", certificate: "Ssl-Client-Cert"},
	Caddy: {word: "caddy", method: "X-Forwarded-Method", scheme: "X-Forwarded-Proto", host: "X-Forwarded-Host", uri: "X-Forwarded-Uri", certificate: "Client-Cert"},
	Traefik: {word: "traefik", method: "X-Forwarded-Method", scheme: "X-Forwarded-Proto", host: "X-Forwarded-Host", uri: "X-Forwarded-Uri",
		certificate: "X-Forwarded-Tls-Client-Cert"},
	Envoy: {word: "envoy", scheme: "X-Forwarded-Proto", certificate: "X-Forwarded-Client-Cert"},
}

// target is the method and the URL of the request that the gateway holds; false
// where it does not say so, once and plainly.
func (g Gateway) target(r *http.Request) (method, url string, ok bool) {
	s := &shapes[g]
	switch g {
	case Nginx:
		method, ok = one(r.Header, s.method)
		if !ok {
			return "", "", false
		}
		if url, ok = one(r.Header, s.url); !ok {
			return "", "", false
		}
		scheme, rest, found := strings.Cut(url, "://")
		slash := strings.IndexByte(rest, '/')
		if !found || slash < 0 {
			return "", "", false
		}
		return method, url, isMethod(method) && isScheme(scheme) && isHost(rest[:slash]) && isURI(rest[slash:])
	case Caddy, Traefik, Envoy:
		var scheme, host, uri string
		method, host = r.Method, r.Host
		if uri, ok = strings.CutPrefix(r.RequestURI, Prefix); !ok && g == Envoy {
			return "", "", false
		}
		for _, part := range [...]struct {
			header string
			into   *string
		}{{s.method, &method}, {s.scheme, &scheme}, {s.host, &host}, {s.uri, &uri}} {
			if part.header == "" {
				continue
			}
			if *part.into, ok = one(r.Header, part.header); !ok {
				return "", "", false
			}
		}
		ok = isMethod(method) && isScheme(scheme) && isHost(host) && isURI(uri)
		if !ok {
			return "", "", false
		}
		return method, scheme + "://" + host + uri, true
	}
	return "", "", false
}

// certificate is that of the client as possession.MutualTLS reads it, "" where the
// gateway has seen none; false where it does not say so plainly.
func (g Gateway) certificate(head http.Header) (handed string, ok bool) {
	lines := head[shapes[g].certificate]
	switch {
	case len(lines) == 0:
		return "", true
	case len(lines) > 1:
		return "", false
	}
	handed = lines[0]
	switch {
	case g == Caddy && (handed == "" || handed == "::"): // an empty placeholder between the colons
		return "", true
	case g == Traefik && handed != "":
		return ofTraefik(handed)
	case g == Caddy:
		return handed, handed[0] == ':'
	}
	return handed, true
}

// ofTraefik makes an RFC 9440 value of what Traefik writes: PEM without its first
// and last line and without line ends, percent-encoded by version 2 and not by
// version 3, of all certificates that the client has sent, the connection's own first.
func ofTraefik(handed string) (string, bool) {
	first, _, _ := strings.Cut(handed, ",")
	if strings.IndexByte(first, '%') >= 0 {
		first = unescapeBase64.Replace(first)
	}
	for i := 0; i < len(first); i++ {
		if c := first[i]; !isAlphanumeric(c) && c != '+' && c != '/' && c != '=' {
			return "", false
		}
	}
	return ":" + first + ":", first != ""
}

// unescapeBase64 undoes the percent-encoding of the three characters of base64 that
// have one.
var unescapeBase64 = strings.NewReplacer("%2B", "+", "%2b", "+", "%2F", "/", "%2f", "/", "%3D", "=", "%3d", "=")

// one is the only line of a header; false where there are several, or none.
func one(head http.Header, name string) (string, bool) {
	lines := head[name]
	if len(lines) != 1 {
		return "", false
	}
	return lines[0], lines[0] != ""
}

// isMethod reports whether it is one method (RFC 9110 §9.1), of letters as all that
// are registered; two lines that were joined have a comma.
func isMethod(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlphanumeric(c) && c != '-' {
			return false
		}
	}
	return s != ""
}

func isScheme(s string) bool { return s == "https" || s == "http" }

// isHost reports whether it can be one host and its port.
func isHost(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("-._:[]", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isURI reports whether it can be a path and a query (RFC 9112 §3.2.1): visible
// ASCII without a fragment. A path with dot segments is another to whoever follows
// them and whoever does not, and a proof is held to where they lead: clients do not
// send any (RFC 3986 §5.2.4).
func isURI(s string) bool {
	path, _, _ := strings.Cut(s, "?")
	if (strings.Contains(path, "/.") || strings.Contains(path, "/%2")) && hasDots(path) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return s != "" && s[0] == '/'
}

func hasDots(path string) bool {
	for segment := range strings.SplitSeq(dots.Replace(path), "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

var dots = strings.NewReplacer("%2e", ".", "%2E", ".")

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
