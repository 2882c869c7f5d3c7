package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// TestHTTP2BesideAPlainSocket: what is offered in the handshake is spoken, also where the other socket was served first,
// which is when net/http decides what it speaks.
func TestHTTP2BesideAPlainSocket(t *testing.T) {
	dir := t.TempDir()
	c := config.Config{API: config.API{TLS: config.TLS{Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}}}
	pool := makeCertificate(t, c.API.TLS.Cert, c.API.TLS.Key)
	files, err := tlsFilesOf(&c)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{}
	d.showTLS(files)
	server := &http.Server{TLSConfig: d.tlsConfig(), Handler: http.NotFoundHandler()}
	defer server.Close()
	proto := func(client *http.Client, serve func(net.Listener) error, scheme string) string {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go serve(l) // until the server is closed
		r, err := client.Get(scheme + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.Proto
	}
	if got := proto(http.DefaultClient, server.Serve, "http://"); got != "HTTP/1.1" {
		t.Errorf("plain: %s", got)
	}
	secure := func(l net.Listener) error { return server.ServeTLS(&callerListener{l, &d.live.callers}, "", "") }
	if got := proto(showing(pool, nil, nil), secure, "https://"); got != "HTTP/2.0" {
		t.Errorf("TLS: %s", got)
	}
}

// TestClientCA: whom an authority vouches for has his answer; with one thing different nobody gets past the handshake.
func TestClientCA(t *testing.T) {
	root, stranger := newAuthority(t, nil, "root"), newAuthority(t, nil, "root") // of one name
	between := newAuthority(t, root, "between")
	o, _, server := guarded(t, root.pem())
	token := o.token(t, "vendor.jwt")
	for _, tt := range []struct {
		claim string
		shown *tls.Certificate
		let   bool
	}{
		{"one of the authority's", root.caller(t, nil), true},
		{"nothing", nil, false},
		{"no certificate", &tls.Certificate{}, false},
		{"one of another authority of that name", stranger.caller(t, nil), false},
		{"one through an authority between", between.caller(t, nil), true},
		{"the same without the authority between", func() *tls.Certificate {
			c := between.caller(t, nil)
			c.Certificate = c.Certificate[:1]
			return c
		}(), false},
		{"one for servers", root.caller(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), false},
		{"one that has expired", root.caller(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false},
		{"one that is not valid yet", root.caller(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), false},
		{"one with another's key", func() *tls.Certificate {
			c := root.caller(t, nil)
			c.PrivateKey = root.caller(t, nil).PrivateKey
			return c
		}(), false},
		{"the authority's own, by somebody who has not its key", &tls.Certificate{Certificate: [][]byte{root.cert.Raw}, PrivateKey: stranger.key}, false},
		{"one that is its own authority", func() *tls.Certificate {
			one := (*authority)(nil).sign(t, template("a caller"))
			return &tls.Certificate{Certificate: [][]byte{one.cert.Raw}, PrivateKey: one.key}
		}(), false},
	} {
		for version, edit := range map[string]func(*tls.Config){
			"TLS 1.3": nil,
			"TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		} {
			t.Run(tt.claim+", "+version, func(t *testing.T) {
				c := showing(server, tt.shown, edit)
				defer c.CloseIdleConnections()
				got, err := o.over(c, token)
				switch {
				case tt.let && (err != nil || !strings.HasPrefix(got, "HTTP/2.0 ") || !strings.Contains(got, `"outcome":"confirmed"`)):
					t.Errorf("kept out: %s %v", got, err)
				case !tt.let && err == nil:
					t.Errorf("let in: %s", got)
				}
			})
		}
	}
	if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" {
		t.Errorf("the unix socket has nothing to do with it: %+v", b)
	}
}

// TestAReloadOfTheClientCA: who is in when his authority goes is answered no more, on the connection that is open or on
// another, with a ticket of before or without; who was not, and is vouched for now, is.
func TestAReloadOfTheClientCA(t *testing.T) {
	first, second := newAuthority(t, nil, "first"), newAuthority(t, nil, "second")
	for claim, edit := range map[string]func(*tls.Config){
		"HTTP/2":              nil,
		"HTTP/1.1":            func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
		"HTTP/1.1 on TLS 1.2": func(c *tls.Config) { c.NextProtos, c.MaxVersion = []string{"http/1.1"}, tls.VersionTLS12 },
	} {
		t.Run(claim, func(t *testing.T) {
			o, ca, server := guarded(t, append(first.pem(), second.pem()...))
			token := o.token(t, "vendor.jwt")
			type caller struct {
				*http.Client
				name string
			}
			client := func(name string, shown *tls.Certificate, tickets tls.ClientSessionCache) caller {
				c := showing(server, shown, edit)
				tr := c.Transport.(*http.Transport)
				tr.ForceAttemptHTTP2 = edit == nil
				tr.TLSClientConfig.ClientSessionCache = tickets
				t.Cleanup(c.CloseIdleConnections)
				return caller{c, name}
			}
			let := func(c caller, want bool) {
				t.Helper()
				got, err := o.over(c.Client, token)
				if (err == nil && strings.Contains(got, `"outcome":"confirmed"`)) != want {
					t.Errorf("%s, want in: %v: %s %v", c.name, want, got, err)
				}
			}
			ofFirst, ofSecond := first.caller(t, nil), second.caller(t, nil)
			tickets := tls.NewLRUClientSessionCache(8)
			openFirst, openSecond := client("open, of the first", ofFirst, nil), client("open, of the second", ofSecond, nil)
			let(openFirst, true)
			let(openSecond, true)
			let(client("nobody", nil, nil), false)
			kept := tls.NewLRUClientSessionCache(8)
			let(client("of the first, who would keep a ticket", ofFirst, kept), true)

			put(t, ca, second.pem())
			let(client("of the first, before the reload", ofFirst, nil), true)
			o.again(t)
			let(openFirst, false)
			let(client("of the first", ofFirst, nil), false)
			let(client("of the first, with what was kept", ofFirst, kept), false)
			let(openSecond, true)
			let(client("of the second", ofSecond, nil), true)

			o.c.API.TLS.ClientCA = ""
			o.again(t)
			openNobody := client("open, nobody", nil, nil)
			let(openNobody, true)
			let(openSecond, true)
			let(client("nobody, who is given a ticket", nil, tickets), true)
			let(client("nobody, with a ticket", nil, tickets), true)

			o.c.API.TLS.ClientCA = ca
			o.again(t)
			let(openNobody, false)
			let(client("nobody, with a ticket of before", nil, tickets), false)
			let(openSecond, true)
			let(client("nobody", nil, nil), false)
		})
	}
}

// TestABadClientCA is an error at the start and at a reload, which names the file and what is wrong; at a reload who was let
// in is let in still, and nobody else.
func TestABadClientCA(t *testing.T) {
	root := newAuthority(t, nil, "root")
	leaf := root.sign(t, template("a caller"))
	o, ca, server := guarded(t, root.pem())
	token := o.token(t, "vendor.jwt")
	der, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		claim, says string
		text        []byte
	}{
		{"empty", " has no certificate in PEM", nil},
		{"no PEM", " has no certificate in PEM", root.cert.Raw},
		{"a key", ": it has a block that is no certificate", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{"a key behind a certificate", ": it has a block that is no certificate", append(root.pem(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)},
		{"a caller's own certificate", ": certificate 2 is not an authority's", append(root.pem(), leaf.pem()...)},
		{"a certificate cut short", ": certificate 1: x509: ", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw[:100]})},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			put(t, ca, tt.text)
			defer put(t, ca, root.pem())
			want := "api.tls.client_ca: " + ca + tt.says
			if err := o.change(&o.c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("reload: %v, want %s", err, want)
			}
			if _, err := o.over(showing(server, nil, nil), token); err == nil {
				t.Error("nobody is let in")
			}
			if got, err := o.over(showing(server, root.caller(t, nil), nil), token); err != nil || !strings.Contains(got, "confirmed") {
				t.Errorf("the authority's is kept out: %s %v", got, err)
			}
			broken := o.c
			broken.API.Unix = filepath.Join(t.TempDir(), "s")
			l, err := newLogs(&lines{}, &broken.Log)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := startDaemon(t.Context(), &broken, l); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("start: %v, want %s", err, want)
				if err == nil {
					d.Close(t.Context())
				}
			}
		})
	}
}
