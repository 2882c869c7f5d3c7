package integration

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// An acmeLab is a domain on BIND, below a root of its own, in which every client has a name and an address with a web server,
// and a front before an ACME server, through which clients go. The front sees each request, and can let things happen between two.
type acmeLab struct {
	*internet
	*authority
	zone      *zone
	resolver  string // address and port of an Unbound
	directory string // URL at the front

	lock   sync.Mutex // guards what follows
	seen   []string   // method and path of each request, and behind it the body of an answer that says that something is wrong
	before func(*http.Request)
}

// newACMELab starts the domain on 127.number.0.x; clients have 127.number.1.x.
func newACMELab(t *testing.T, number int) *acmeLab {
	t.Helper()
	lab(t)
	network := network(t, number)
	l := &acmeLab{
		internet:  &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}},
		authority: newAuthority(t, filepath.Join(work, fmt.Sprintf("acme-%d", number))),
	}
	t.Cleanup(func() { // a CA would be the next run's past, with -count
		if !t.Failed() {
			os.RemoveAll(l.dir)
		}
	})
	l.root, l.leaf = newHost(t, bind{inline: true}, network+"1"), newHost(t, bind{}, network+"2")
	l.tld = l.leaf
	root := l.add(t, l.root, ".", dns.ECDSAP256SHA256)
	l.zone = l.add(t, l.leaf, publishingDomain, dns.ECDSAP256SHA256)
	root.edit(nil, l.zone.records)
	l.root.launch(t)
	l.leaf.start(t)
	l.root.awaitZones(t)
	l.chain(t)
	l.resolver = l.startUnbound(t).String()
	return l
}

// updater is the file with the TSIG key that may update the zone.
func (l *acmeLab) updater() string { return l.leaf.path("tsig") }

// front listens at localhost with a certificate of the lab's authority, and hands on to the ACME server at backend, whose
// certificate is by root.
func (l *acmeLab) front(t *testing.T, listen, backend, path, root string) {
	t.Helper()
	key, cert := l.issue(t, "localhost")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", listen, &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: backend})
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Header.Get("Content-Type") != "application/problem+json" {
				return nil
			}
			text, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			l.note(r.Request.Method + " " + r.Request.URL.Path + " " + string(text))
			return err
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(t, root), ServerName: "localhost"}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.note(r.Method + " " + r.URL.Path)
		l.lock.Lock()
		before := l.before
		l.lock.Unlock()
		if before != nil {
			before(r)
		}
		proxy.ServeHTTP(w, r)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(listen)
	l.directory = "https://localhost:" + port + path
}

func (l *acmeLab) note(what string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.seen = append(l.seen, what)
}

// requests are those that the front has seen since it was asked last.
func (l *acmeLab) requests() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	seen := l.seen
	l.seen = nil
	return strings.Join(seen, "\n")
}

// meanwhile lets something happen before each request to a path that ends so, until it is called with nil.
func (l *acmeLab) meanwhile(path string, happens func()) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.before = nil
	if happens != nil {
		l.before = func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, path) {
				happens()
			}
		}
	}
}

// client is what a client of this name is told: its names are below its own, and a web server is at its address unless its
// client is one.
func (l *acmeLab) client(t *testing.T, i int, name string, labels ...string) *acmeOrder {
	t.Helper()
	o := &acmeOrder{
		directory: l.directory, root: l.ca, address: fmt.Sprintf("127.%s1.%d", strings.TrimSuffix(strings.TrimPrefix(l.net, "127."), "0."), i+1),
		dir: filepath.Join(l.dir, name), resolver: l.resolver, dns: l.leaf.addr, dnsKey: l.updater(),
	}
	o.webroot = filepath.Join(o.dir, "web", ".well-known", "acme-challenge")
	if err := os.MkdirAll(o.webroot, 0o755); err != nil {
		t.Fatal(err)
	}
	var add []dns.RR
	for _, label := range append([]string{""}, labels...) {
		owner := strings.TrimPrefix(label+"."+name+"."+publishingDomain, ".")
		o.names = append(o.names, strings.TrimSuffix(owner, "."))
		add = append(add, records(t, owner+" A "+o.address)...)
	}
	l.lock.Lock()
	defer l.lock.Unlock() // the zone is one
	add = slices.DeleteFunc(add, func(rr dns.RR) bool { return without([]dns.RR{rr}, l.zone.records) == nil })
	if len(add) > 0 {
		l.leaf.edit(t, l.zone, nil, add)
	}
	return o
}

// web serves a client's webroot at its address.
func (l *acmeLab) web(t *testing.T, o *acmeOrder) {
	t.Helper()
	listener, err := net.Listen("tcp", o.address+":80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(filepath.Dir(filepath.Dir(o.webroot)))), ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

func poolOf(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s: no certificate", file)
	}
	return pool
}

// startPebble runs Pebble, Let's Encrypt's ACME server for tests, and returns the pool with its root.
func (l *acmeLab) startPebble(t *testing.T, port int, env []string, args ...string) *x509.CertPool {
	t.Helper()
	key, cert := l.issue(t, "localhost")
	config := filepath.Join(l.dir, "pebble.json")
	management := port + 1
	write(t, config, fmt.Sprintf(`{"pebble": {"listenAddress": "127.0.0.1:%d", "managementListenAddress": "127.0.0.1:%d",
		"certificate": %q, "privateKey": %q, "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}`, port, management, cert, key))
	argv := append([]string{"env"}, append(env, "PEBBLE_VA_NOSLEEP=1", testneeds.Binary(t, "pebble", "pebble"), "-config", config)...)
	start(t, filepath.Join(l.dir, "pebble.log"), append(argv, args...)...)
	pool := x509.NewCertPool()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(t, l.ca), ServerName: "localhost"}, DisableKeepAlives: true}}
	await(t, "Pebble", func() error {
		response, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/roots/0", management))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && !pool.AppendCertsFromPEM(text) {
			err = fmt.Errorf("no root in %q", text)
		}
		return err
	})
	return pool
}
