package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// A gateway is one of examples/, with cnfd deciding, in front of the town's resource: as https://api.example for the
// tests themselves and as https://gateway.example for the client.
type gateway struct {
	*town
	name   string
	daemon *daemon
	clock  clock
	behind *behind
}

// behind is the resource behind a gateway; it notes what gets through.
type behind struct {
	mu    sync.Mutex
	heard []http.Header
	town  *resource
}

func (b *behind) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	head := q.Header.Clone()
	head.Set("Test-Body", string(body))
	head.Set("Test-Host", q.Host)
	b.mu.Lock()
	b.heard = append(b.heard, head)
	b.mu.Unlock()
	if strings.HasPrefix(q.Host, "gateway.") {
		b.town.ServeHTTP(w, q) // of the client's calls it notes the rest
	}
}

// since is the headers of what has got through since it was asked last, and its body as Test-Body.
func (b *behind) since() (heard []http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard, b.heard = b.heard, nil
	return heard
}

// gatewayCache is the longest that a record is believed behind a gateway: shorter than a proof lives, so that both are
// still good together.
const gatewayCache = 40 * time.Second

// newGateway starts a town, a daemon and a gateway as examples/ has it.
func newGateway(t *testing.T, name string, number int, launch func(*gateway, *testing.T)) *gateway {
	t.Helper()
	n := newTown(t, number)
	g := &gateway{town: n, name: name, clock: newClock(t, &n.trust), behind: &behind{town: n.resource}}
	g.daemon = n.daemon(t, g.settings())
	claim(t, n.at(13))
	listener, err := net.Listen("tcp", n.at(13)+":8080")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: g.behind}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { server.Close() })
	claim(t, n.at(12))
	launch(g, t)
	await(t, name, func() error {
		conn, err := net.Dial("tcp", n.at(12)+":443")
		if err == nil {
			conn.Close()
		}
		return err
	})
	return g
}

// settings are those of examples/…/cnfd.yaml, for the town.
func (g *gateway) settings() settings {
	s := g.town.settings(g.clock)
	s.sections += "\n" + exampleSections(g.name) + fmt.Sprintf("\ncache: {max_ttl: %s}\n", gatewayCache)
	s.unixOnly, s.unixGroup = true, g.group()
	return s
}

// exampleSections are the sections record and authz of an example's cnfd.yaml, for the town's user. A machine that is
// busy with tests is given more time than the default.
func exampleSections(name string) string {
	text, err := os.ReadFile(filepath.Join("..", "examples", name, "cnfd.yaml"))
	if err != nil {
		panic(err)
	}
	record, rest, _ := strings.Cut(string(text)[strings.Index(string(text), "record:"):], "issuers:")
	return record + replaced(rest[strings.Index(rest, "authz:"):], "[vendor.example]", "["+strings.TrimSuffix(townDomain, ".")+"]") + "  deadline: 1900ms\n"
}

// replaced is the text with each of the old pieces, which must be there, as the new one.
func replaced(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("the example has no " + pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// launchNginx runs examples/nginx/nginx.conf with Debian's nginx, whose workers are www-data's as in Debian.
func launchNginx(g *gateway, t *testing.T) {
	program := testneeds.Binary(t, "nginx", "nginx")
	dir := filepath.Join(g.dir, "gateway")
	user := g.asWorker(t)
	text, err := os.ReadFile("../examples/nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	under := func(host string) string {
		key, cert := g.issue(t, host)
		return replaced(string(text), "listen 443", "listen "+g.at(12)+":443", "/etc/ssl/api.example.pem", cert, "/etc/ssl/api.example.key", key,
			"127.0.0.1:8080", g.at(13)+":8080", "/run/cnfd/cnfd.sock", g.daemon.unix, "server_name api.example", "server_name "+host, "https://api.example", "https://"+host, "Host api.example", "Host "+host)
	}
	second := under("gateway.example")
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, nginxHead(dir, "worker_processes 2", "user "+user)+under("api.example")+second[strings.Index(second, "\nserver {"):]+"}\n")
	start(t, filepath.Join(dir, "log"), program, "-e", "stderr", "-p", dir, "-c", conf)
}

// launchCaddy runs examples/caddy/Caddyfile with Debian's Caddy.
func launchCaddy(g *gateway, t *testing.T) {
	program := testneeds.Binary(t, "caddy", "caddy")
	dir := filepath.Join(g.dir, "gateway")
	text, err := os.ReadFile("../examples/caddy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	under := func(host string) string {
		key, cert := g.issue(t, host)
		return replaced(string(text), "/etc/ssl/api.example.pem", cert, "/etc/ssl/api.example.key", key, "127.0.0.1:8080", g.at(13)+":8080",
			"/run/cnfd/cnfd.sock", g.daemon.unix, "api.example {", host+" {\n\tbind "+g.at(12), "Host api.example", "Host "+host)
	}
	conf := filepath.Join(dir, "Caddyfile")
	write(t, conf, "{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system "+dir+"\n}\n"+under("api.example")+under("gateway.example"))
	start(t, filepath.Join(dir, "log"), "env", "HOME="+dir, program, "run", "--config", conf, "--adapter", "caddyfile")
}

// identity is the certificate and key of a holder of the client's: alice's was made first.
func (g *gateway) identity(t testing.TB, holder string) tls.Certificate {
	t.Helper()
	certs, err := filepath.Glob(filepath.Join(g.dir, "machine.example-*.pem"))
	if err != nil || len(certs) != 2 {
		t.Fatal(certs, err)
	}
	slices.Sort(certs)
	cert := certs[map[string]int{"alice": 0, "mallory": 1}[holder]]
	pair, err := tls.LoadX509KeyPair(cert, strings.TrimSuffix(cert, ".pem")+".key")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// An asking is one request of https://api.example, as the gateway gets it.
type asking struct {
	method, path string
	host         string // of the Host header, and no name in TLS where it is another; "": api.example in both
	whole        string // in the place of path, as a proxy is asked: https://api.example/…
	head         http.Header
	holder       string // whose certificate is shown; "" nobody's
	body         string
}

// asks has the gateway asked, and returns its answer; what got through is the third.
func (g *gateway) asks(t testing.TB, q asking) (status int, head http.Header, through []http.Header) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(g.cert)
	config := &tls.Config{RootCAs: roots}
	if q.holder != "" {
		config.Certificates = []tls.Certificate{g.identity(t, q.holder)}
	}
	nameless := q.host != "" && !strings.HasPrefix(q.host, "api.example:")
	if nameless {
		config.ServerName, config.InsecureSkipVerify = g.at(12), true // an address is no name, and is not sent
	}
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", g.at(12)+":443")
	}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest(q.method, "https://api.example"+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host = q.head, q.host
	if q.whole != "" {
		r.URL.Opaque = strings.TrimPrefix(q.whole, "https:")
	}
	g.behind.since()
	response, err := transport.RoundTrip(r)
	if err != nil {
		if nameless { // Caddy does not speak to whoever names nobody
			return 0, nil, g.behind.since()
		}
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	through = g.behind.since()
	if (len(through) > 0) != (response.StatusCode == http.StatusOK) {
		t.Errorf("%s: status %d, and %d requests got through", g.name, response.StatusCode, len(through))
	}
	return response.StatusCode, response.Header, through
}

// fresh is a request with a grant's token, which the holder has just made a proof for, or shows a certificate with.
func (g *gateway) fresh(t testing.TB, of grant, url string) asking {
	t.Helper()
	h := g.call(t, of, of.Holder, "GET", url)
	q := asking{method: "GET", path: strings.TrimPrefix(url, townResource), head: http.Header{"Authorization": {"Bearer " + of.Token}}, holder: of.Holder}
	if of.Binding == "dpop" {
		q.holder = ""
		q.head = http.Header{"Authorization": {"DPoP " + of.Token}, "Dpop": {h.proof}}
	}
	return q
}

// passes fails the test unless the request gets through whole, with what cnfd says of it.
func (g *gateway) passes(t testing.TB, q asking) {
	t.Helper()
	status, head, through := g.asks(t, q)
	if len(through) == 1 && through[0].Get("Test-Body") != q.body {
		t.Errorf("%s: of the body %q got through", g.name, through[0].Get("Test-Body"))
	}
	if status != http.StatusOK {
		t.Fatalf("%s: %d %v", g.name, status, head)
	}
	if len(through) != 1 || through[0].Get("Cnf-Outcome") != "confirmed" || through[0].Get("Cnf-Domain") != strings.TrimSuffix(townDomain, ".") || len(through[0]["Cnf-Domain"]) != 1 || through[0].Get("Cnf-Thumbprint") == "" {
		t.Errorf("%s: %v got through", g.name, through)
	}
}
