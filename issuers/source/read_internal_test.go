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
	"strings"
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

// TestANameThatIsNotFound: what is said of it names the host, which is the configuration's, and not
// the resolver of this machine, which is nobody's business.
func TestANameThatIsNotFound(t *testing.T) {
	for claim, c := range map[string]struct {
		err  net.DNSError
		want string
	}{
		"it does not exist":     {net.DNSError{Err: "no such host", IsNotFound: true}, "lookup issuer.example: no such host"},
		"no answer":             {net.DNSError{Err: "read udp 192.0.2.1:5->192.0.2.53:53: i/o timeout", IsTimeout: true}, "lookup issuer.example: no answer in time"},
		"nobody there to ask":   {net.DNSError{Err: "read udp 192.0.2.1:5->192.0.2.53:53: connection refused", IsTemporary: true}, "lookup issuer.example: this machine's resolver does not say"},
		"a failure of somebody": {net.DNSError{Err: "server misbehaving", IsTemporary: true}, "lookup issuer.example: this machine's resolver does not say"},
	} {
		c.err.Name, c.err.Server = "issuer.example", "192.0.2.53:53"
		dialled := &url.Error{Op: "Get", URL: "https://issuer.example/jwks", Err: &net.OpError{Op: "dial", Net: "tcp", Err: &c.err}}
		if got := plain(t.Context(), dialled).Error(); got != c.want || strings.Contains(got, "192.0.2") {
			t.Errorf("%s: %q, want %q", claim, got, c.want)
		}
	}
}
