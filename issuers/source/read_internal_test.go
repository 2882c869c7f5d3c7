package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"
)

// TestAnAddressThatHangs takes connections and leaves them: one fetch is lost to it,
// the next begins at the other.
func TestAnAddressThatHangs(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "keys") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{}
	s.StartTLS()
	defer s.Close()
	at, err := url.Parse(s.URL)
	check(t, err)
	hanging, err := net.Listen("tcp", "127.0.0.2:"+at.Port())
	check(t, err)
	defer hanging.Close()

	u, err := url.Parse("https://example.com:" + at.Port() + "/")
	check(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	from := &Source{Roots: roots, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}}
	read := fetcher(u, from, time.Minute, time.Now)
	for i, want := range []string{"", "keys", "", "keys"} {
		wait := time.Minute
		if want == "" {
			wait = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		text, err := read(ctx)
		cancel()
		if string(text) != want || (err == nil) != (want != "") {
			t.Errorf("fetch %d: %q, %v", i, text, err)
		}
	}
}
