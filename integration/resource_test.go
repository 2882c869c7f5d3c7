package integration

import (
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A resource is a gateway in front of one: it notes what it is sent with a call.
type resource struct {
	mu    sync.Mutex
	heard []heard
	nonce string // that a proof must have
}

// heard is what came with one call.
type heard struct {
	token, proof, method, url string
	cert                      string // as nginx hands it on, from there, else PEM
}

// newResource serves https://api.example at addr, and for nginx http://addr:8080.
func newResource(t testing.TB, a *authority, addr string) *resource {
	t.Helper()
	claim(t, addr)
	r := &resource{}
	key, cert := a.issue(t, "api.example")
	server := &http.Server{Handler: r, TLSConfig: a.server()}
	for port, serve := range map[string]func(net.Listener) error{
		"443":  func(l net.Listener) error { return server.ServeTLS(l, cert, key) },
		"8080": server.Serve,
	} {
		listener, err := net.Listen("tcp", net.JoinHostPort(addr, port))
		if err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		done.Go(func() { serve(listener) })
		t.Cleanup(done.Wait)
	}
	t.Cleanup(func() { server.Close() })
	return r
}

// demand has the resource take calls with this nonce in their proof alone, or with "" any.
func (r *resource) demand(nonce string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nonce = nonce
}

func (r *resource) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	_, token, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	h := heard{token: token, proof: q.Header.Get("DPoP"), method: q.Method, url: "https://" + q.Host + q.URL.RequestURI()}
	switch {
	case q.TLS == nil:
		h.cert = q.Header.Get("X-Client-Cert")
	case len(q.TLS.PeerCertificates) > 0:
		h.cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: q.TLS.PeerCertificates[0].Raw}))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nonce != "" {
		w.Header().Set("DPoP-Nonce", r.nonce)
		if body, _ := base64.RawURLEncoding.DecodeString(strings.Split(h.proof+"..", ".")[1]); !strings.Contains(string(body), r.nonce) {
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
	}
	r.heard = append(r.heard, h)
}

// call has a holder call the resource with a grant's token, and returns what the resource heard.
func (n *town) call(t testing.TB, g grant, holder, method, url string) heard {
	t.Helper()
	var got struct{ Status int }
	n.client.ask(t, map[string]string{"do": "call", "binding": g.Binding, "holder": holder, "token": g.Token, "method": method, "url": url}, &got)
	n.resource.mu.Lock()
	defer n.resource.mu.Unlock()
	if got.Status != http.StatusOK || len(n.resource.heard) != 1 {
		t.Fatalf("%s %s: status %d, %d calls", method, url, got.Status, len(n.resource.heard))
	}
	h := n.resource.heard[0]
	n.resource.heard = nil
	if h.token != g.Token || h.method != method || h.url != url {
		t.Fatalf("%s %s: %s %s was heard, with the token: %t", method, url, h.method, h.url, h.token == g.Token)
	}
	return h
}
