package integration

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"
)

// replays are the gateways that cannot be had here, with what their documentation says that they send to ask about a
// request. forged are headers that a client has sent and the gateway hands on.
var replays = map[string]struct {
	ask         func(method, uri, token, proof string, forged ...string) []string // the lines of the request
	certificate func(der []byte) (name, value string)
}{
	// doc.traefik.io, forwardAuth: a GET of the address with the client's headers and the X-Forwarded-* of its own.
	"traefik": {
		ask: func(method, uri, token, proof string, forged ...string) []string {
			return slices.Concat([]string{"GET /v1/authz HTTP/1.1", "Host: 127.0.0.1:8255", "User-Agent: client/1.0", "Accept: */*", "Authorization: " + token, "Dpop: " + proof},
				forged, []string{"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Method: " + method, "X-Forwarded-Proto: https", "X-Forwarded-Port: 443",
					"X-Forwarded-Host: api.example", "X-Forwarded-Server: gw", "X-Forwarded-Uri: " + uri, "X-Real-Ip: 192.0.2.7", "Accept-Encoding: gzip"})
		},
		certificate: func(der []byte) (string, string) {
			return "X-Forwarded-Tls-Client-Cert", base64.StdEncoding.EncodeToString(der) + "," + base64.StdEncoding.EncodeToString([]byte("its authority's"))
		},
	},
	// envoyproxy.io, ext_authz with http_service: the client's own method and path, behind path_prefix, and its Host.
	"envoy": {
		ask: func(method, uri, token, proof string, forged ...string) []string {
			return slices.Concat([]string{method + " /v1/authz" + uri + " HTTP/1.1", "host: api.example", "content-length: 0", "authorization: " + token, "dpop: " + proof, "x-forwarded-proto: https"},
				forged, []string{"x-envoy-internal: true", "x-forwarded-for: 127.0.0.1", "x-envoy-expected-rq-timeout-ms: 200"})
		},
		certificate: func(der []byte) (string, string) {
			text := escaped(inPEM("CERTIFICATE", der))
			return "x-forwarded-client-cert", fmt.Sprintf(`Hash=%s;Cert="%s"`, fingerprint(inPEM("CERTIFICATE", der)), text)
		},
	},
}

// TestGatewaysReplayed sends cnfd the requests that Traefik and Envoy are documented to send.
func TestGatewaysReplayed(t *testing.T) {
	t.Parallel()
	n := newTown(t, 58)
	byKey, byCert := n.steady(t), n.grant(t, grant{Flow: "device", Binding: "mtls", Holder: "alice"})
	n.vouch(t, byCert, byCert.Named)
	for name, r := range replays {
		t.Run(name, func(t *testing.T) {
			d := n.daemon(t, settings{sections: n.issued("") + exampleSections(name)})
			fresh := func(forged ...string) []string {
				h := n.call(t, byKey, byKey.Holder, "GET", townThing)
				return r.ask("GET", "/things?of=7", "DPoP "+byKey.Token, h.proof, forged...)
			}
			want := func(status int, outcome string, lines []string) {
				t.Helper()
				got, head := d.raw(t, lines)
				if got != status || head.Get("Cnf-Outcome")+" "+head.Get("Cnf-Reason") != outcome {
					t.Errorf("%d %v, want %d %s", got, head, status, outcome)
				}
			}
			for claim, f := range map[string]struct {
				lines   func() []string
				status  int
				outcome string
			}{
				"another path": {func() []string {
					return r.ask("GET", "/other", "DPoP "+byKey.Token, n.call(t, byKey, byKey.Holder, "GET", townThing).proof)
				}, 401, "refuted dpop_invalid"},
				"another method": {func() []string {
					return r.ask("POST", "/things?of=7", "DPoP "+byKey.Token, n.call(t, byKey, byKey.Holder, "GET", townThing).proof)
				}, 401, "refuted dpop_invalid"},
				"as Bearer": {func() []string { return r.ask("GET", "/things?of=7", "Bearer "+byKey.Token, "") }, 401, "invalid bound_as_bearer"},
				"proofs that were joined": {func() []string {
					p := n.call(t, byKey, byKey.Holder, "GET", townThing).proof
					return r.ask("GET", "/things?of=7", "DPoP "+byKey.Token, p+","+p)
				}, 401, "refuted dpop_invalid"},
				"the scheme twice":          {func() []string { return fresh("X-Forwarded-Proto: https") }, 403, "denied odd_headers"},
				"the scheme in disguise":    {func() []string { return fresh("X_Forwarded_Proto: http") }, 403, "denied odd_headers"},
				"the scheme with dots":      {func() []string { return fresh("X.Forwarded.Proto: http") }, 403, "denied odd_headers"},
				"the scheme is hop-by-hop":  {func() []string { return fresh("Connection: close, X-Forwarded-Proto") }, 403, "denied odd_headers"},
				"a nonce of the client's":   {func() []string { return fresh("Cnf-Nonce: x", "Cache-Control: no-cache") }, 200, "confirmed record_matches"},
				"headers of other gateways": {func() []string { return fresh("X-Original-URL: https://api.example/other", "X-Original-Method: POST") }, 200, "confirmed record_matches"},
			} {
				t.Run(claim, func(t *testing.T) {
					want(200, "confirmed record_matches", fresh())
					want(f.status, f.outcome, f.lines())
				})
			}
			t.Run("by certificate", func(t *testing.T) {
				certificate := func(holder string) string {
					header, value := r.certificate(der(n.call(t, byCert, holder, "GET", townThing).cert))
					return header + ": " + value
				}
				own := certificate("alice")
				want(200, "confirmed record_matches", r.ask("GET", "/things", "Bearer "+byCert.Token, "", own))
				want(401, "refuted mtls_mismatch", r.ask("GET", "/things", "Bearer "+byCert.Token, "", certificate("mallory")))
				want(401, "refuted mtls_mismatch", r.ask("GET", "/things", "Bearer "+byCert.Token, ""))
				want(403, "denied odd_headers", r.ask("GET", "/things", "Bearer "+byCert.Token, "", own, own))
				if name == "traefik" { // version 2 escapes it
					header, value, _ := strings.Cut(own, ": ")
					first, rest, _ := strings.Cut(value, ",")
					want(200, "confirmed record_matches", r.ask("GET", "/things", "Bearer "+byCert.Token, "", header+": "+url.QueryEscape(first)+","+rest))
				}
			})
			t.Run("to be observed", func(t *testing.T) {
				d := n.daemon(t, settings{sections: n.issued("") + exampleSections(name) + "  observe: true\n"})
				for _, q := range [][]string{fresh(), r.ask("GET", "/things", "Bearer "+byKey.Token, ""), fresh("X-Forwarded-Proto: https")} {
					if got, head := d.raw(t, q); got != 200 || head.Get("Cnf-Observed") == "" || head.Get("Cnf-Domain") == "" {
						t.Errorf("%d %v", got, head)
					}
				}
				_, counted := d.probe(t, "/metrics")
				for _, want := range []string{
					`{status="200",outcome="confirmed",reason="record_matches",observed="true"} 1`,
					`{status="401",outcome="invalid",reason="bound_as_bearer",observed="true"} 1`,
					`{status="403",outcome="denied",reason="odd_headers",observed="true"} 1`,
				} {
					if !strings.Contains(counted, "\ncnfd_authz_total"+want) {
						t.Errorf("/metrics has no %s", want)
					}
				}
			})
			t.Run("the domain is taken off the list while it runs", func(t *testing.T) {
				d := n.daemon(t, settings{sections: n.issued("") + exampleSections(name)})
				want := func(outcome string) {
					t.Helper()
					await(t, "the list", func() error {
						if got, head := d.raw(t, fresh()); fmt.Sprint(got, " ", head.Get("Cnf-Reason")) != outcome {
							return fmt.Errorf("%d %v, want %s", got, head, outcome)
						}
						return nil
					})
				}
				file := filepath.Join(filepath.Dir(d.unix), "cnfd.yaml")
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				want("200 record_matches")
				write(t, file, replaced(string(text), "subjects: [steady.example]", "subjects: [other.example]"))
				d.process.signal(syscall.SIGHUP)
				want("403 domain_not_listed")
				write(t, file, string(text))
				d.process.signal(syscall.SIGHUP)
				want("200 record_matches")
				if _, counted := d.probe(t, "/metrics"); !strings.Contains(counted, `reason="domain_not_listed",observed="false"`) {
					t.Error("a reload has forgotten what was counted")
				}
			})
			t.Run("without subjects", func(t *testing.T) {
				d := n.daemon(t, settings{sections: n.issued("") + "authz: {gateway: " + name + ", observe: true}\n"})
				if got, head := d.raw(t, fresh()); got != 503 || head.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%d %v", got, head)
				}
			})
			t.Run("over TCP", func(t *testing.T) {
				lines, status := fresh(), map[string]int{"traefik": 200, "envoy": 403}[name] // whose example lists authz.peers
				if got, head := dialled(t, "tcp", d.tcp, lines); got != status {
					t.Errorf("%d %v, want %d", got, head, status)
				}
			})
		})
	}
}

// raw sends lines over the daemon's unix socket, as they are.
func (d *daemon) raw(t testing.TB, lines []string) (int, http.Header) {
	t.Helper()
	return dialled(t, "unix", d.unix, lines)
}

func dialled(t testing.TB, network, address string, lines []string) (int, http.Header) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode, response.Header
}

// TestExamplesOfOtherGateways holds the examples that are not run to what is replayed in their name.
func TestExamplesOfOtherGateways(t *testing.T) {
	read := func(name, file string) (text string, doc map[string]any) {
		t.Helper()
		octets, err := os.ReadFile(filepath.Join("..", "examples", name, file))
		if err == nil {
			err = yaml.Unmarshal(octets, &doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(octets), doc
	}
	for name, file := range map[string]string{"traefik": "traefik.yaml", "envoy": "envoy.yaml"} {
		text, _ := read(name, file)
		if !strings.Contains(text, "# NOT RUN BY OUR TESTS") {
			t.Errorf("%s does not say that it is not run", file)
		}
		if _, doc := read(name, "cnfd.yaml"); at(doc, "authz", "gateway") != name {
			t.Errorf("%s: gateway %v", name, at(doc, "authz", "gateway"))
		}
	}
	_, doc := read("traefik", "traefik.yaml")
	forward := at(doc, "http", "middlewares", "cnfd", "forwardAuth")
	if forward == nil || at(forward, "trustForwardHeader") != false || !strings.HasSuffix(fmt.Sprint(at(forward, "address")), "/v1/authz") ||
		at(doc, "http", "middlewares", "client-certificate", "passTLSClientCert", "pem") != true {
		t.Errorf("traefik.yaml: %v", forward)
	}
	if order := fmt.Sprint(at(doc, "http", "routers", "api", "middlewares")); order != "[strangers client-certificate cnfd]" {
		t.Errorf("traefik.yaml: asks before it has the certificate: %s", order)
	}
	away := at(doc, "http", "middlewares", "strangers", "headers", "customRequestHeaders")
	if at(away, "Host") != "api.example" {
		t.Error("traefik.yaml: the port of Host is the client's")
	}
	for _, name := range []string{"Cnf_outcome", "Cnf_domain", "Cnf_thumbprint", "Cnf_reason", "Upgrade"} {
		if at(away, name) != "" {
			t.Errorf("traefik.yaml: the client's %s gets through", name)
		}
	}
	_, doc = read("envoy", "envoy.yaml")
	manager := at(doc, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	authz := at(manager, "http_filters", 0, "typed_config")
	if at(authz, "failure_mode_allow") != false || at(authz, "http_service", "path_prefix") != "/v1/authz" {
		t.Errorf("envoy.yaml: %v", authz)
	}
	sent := fmt.Sprint(at(authz, "allowed_headers", "patterns"))
	for _, header := range []string{"dpop", "x-forwarded-proto", "x-forwarded-client-cert"} {
		if !strings.Contains(sent, header+"]") {
			t.Errorf("envoy.yaml: %s is not sent: %s", header, sent)
		}
	}
	if at(manager, "use_remote_address") != true || at(manager, "forward_client_cert_details") != "SANITIZE_SET" {
		t.Error("envoy.yaml: the client's headers are believed")
	}
}

// at goes down a document by keys and places; nil where it ends.
func at(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return nil
			}
			doc = list[step]
		}
	}
	return doc
}
