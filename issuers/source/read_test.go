package source_test

import (
	"compress/gzip"
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
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cnfd/issuers/source"
)

const (
	name = "https://issuer.example"
	jwk  = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}`
)

// TestMain sets proxies that nobody serves: who used them would fetch nothing here.
func TestMain(m *testing.M) {
	for _, v := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"} {
		os.Setenv(v, "http://127.0.0.1:1")
	}
	os.Exit(m.Run())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keep makes a Keeper of one issuer, without running it.
func keep(t *testing.T, s source.Source) (*source.Keeper, error) {
	t.Helper()
	s.Issuer = name
	return source.New(source.Config{Now: time.Now, Sources: []source.Source{s}})
}

// TestFiles: what can be read at the start, and what cannot; none of it is waited for.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	check(t, os.WriteFile(at("good"), []byte(jwk), 0o600))
	check(t, os.Symlink("good", at("link")))
	check(t, os.Mkdir(at("directory"), 0o700))
	check(t, syscall.Mkfifo(at("fifo"), 0o600))
	check(t, os.WriteFile(at("empty"), nil, 0o600))
	check(t, os.WriteFile(at("long"), append([]byte(jwk), make([]byte, 1<<20)...), 0o600))
	check(t, os.WriteFile(at("secret"), []byte(`{"kty":"oct","k":"c2VjcmV0"}`), 0o600))
	for file, says := range map[string]string{
		"good": "", "link": "",
		"directory": "not a regular file", "fifo": "not a regular file", "none": "no such file", "empty": "empty", "long": "over 1 MiB", "secret": "symmetric",
		"/dev/zero": "not a regular file",
	} {
		path := at(file)
		if file[0] == '/' {
			path = file
		}
		k, err := keep(t, source.Source{File: path})
		if says == "" {
			check(t, err)
			if set, err := k.Keys(t.Context(), name, false); err != nil || len(set) != 1 {
				t.Errorf("%s: %v, %v", file, set, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "c2Vj") || k != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	// A file that becomes a FIFO later blocks nobody either.
	k, err := keep(t, source.Source{File: at("good"), Refresh: time.Second})
	check(t, err)
	check(t, os.Remove(at("good")))
	check(t, syscall.Mkfifo(at("good"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	k.Run(ctx) // returns
	if set, err := k.Keys(t.Context(), name, false); err != nil || len(set) != 1 {
		t.Errorf("%v, %v", set, err)
	}
}

// TestSources: what a configuration may say, and each fault of it alone.
func TestSources(t *testing.T) {
	good := source.Source{Issuer: name, URL: "https://issuer.example/jwks"}
	other := good
	other.Issuer = "https://other.example"
	file := filepath.Join(t.TempDir(), "jwk")
	check(t, os.WriteFile(file, []byte(jwk), 0o600))
	with := func(change func(*source.Source)) []source.Source {
		s := good
		change(&s)
		return []source.Source{s, other}
	}
	for _, c := range []struct {
		claim   string
		sources []source.Source
		says    string
	}{
		{"nobody", nil, ""},
		{"two", with(func(*source.Source) {}), ""},
		{"a port and a query", with(func(s *source.Source) { s.URL = "HTTPS://issuer.example:8443/jwks?a=b" }), ""},
		{"an address for a host", with(func(s *source.Source) { s.URL = "https://[2001:db8::1]/" }), ""},
		{"a file", with(func(s *source.Source) { s.File, s.URL = file, "" }), ""},
		{"one twice", []source.Source{good, good}, "twice"},
		{"no name", with(func(s *source.Source) { s.Issuer = "" }), "without a name"},
		{"neither file nor URL", with(func(s *source.Source) { s.URL = "" }), "neither or both"},
		{"file and URL", with(func(s *source.Source) { s.File = file }), "neither or both"},
		{"http", with(func(s *source.Source) { s.URL = "http://issuer.example/jwks" }), "https"},
		{"file as a URL", with(func(s *source.Source) { s.URL = "file:///etc/passwd" }), "https"},
		{"no host", with(func(s *source.Source) { s.URL = "https:///jwks" }), "https"},
		{"a user", with(func(s *source.Source) { s.URL = "https://u:p@issuer.example/jwks" }), "https"},
		{"a fragment", with(func(s *source.Source) { s.URL = "https://issuer.example/jwks#a" }), "https"},
		{"no URL", with(func(s *source.Source) { s.URL = "https://issuer.example/%zz" }), "https"},
		{"a short refresh", with(func(s *source.Source) { s.Refresh = time.Millisecond }), "refresh"},
		{"a negative refresh", with(func(s *source.Source) { s.Refresh = -time.Hour }), "refresh"},
		{"a negative timeout", with(func(s *source.Source) { s.Timeout = -1 }), "timeout"},
		{"addresses of a file", with(func(s *source.Source) { s.File, s.URL, s.Addresses = file, "", []netip.Addr{netip.IPv6Loopback()} }), "addresses"},
		{"roots of a file", with(func(s *source.Source) { s.File, s.URL, s.Roots = file, "", x509.NewCertPool() }), "ca"},
		{"no address", with(func(s *source.Source) { s.Addresses = make([]netip.Addr, 1) }), "addresses"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			_, err := source.New(source.Config{Now: time.Now, Sources: c.sources})
			if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "u:p")) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if _, err := source.New(source.Config{}); err == nil {
		t.Error("without a clock")
	}
	_, err := source.New(source.Config{Now: time.Now, Sources: []source.Source{{Issuer: "a"}, {Issuer: "b"}}})
	if err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("two faults: %v", err)
	}
}

// server is an issuer's, on loopback, with a certificate for example.com.
type server struct {
	*httptest.Server
	source source.Source
	asked  atomic.Int32
	last   atomic.Pointer[http.Request]
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.last.Store(r)
		h(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	s.source = source.Source{URL: s.url("example.com") + "/jwks", Roots: roots, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	return s
}

func (s *server) url(host string) string {
	u, _ := url.Parse(s.URL)
	return "https://" + net.JoinHostPort(host, u.Port())
}

func fetch(t *testing.T, s source.Source) (int, error) {
	t.Helper()
	k, err := keep(t, s)
	check(t, err)
	set, err := k.Keys(t.Context(), name, false)
	return len(set), err
}

func gives(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

// TestURL: each case begins with the server from which the keys are had, and changes
// one thing.
func TestURL(t *testing.T) {
	redirected := serve(t, gives(jwk))
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", redirected.url("example.com")+"/jwks")
			w.WriteHeader(code)
			io.WriteString(w, jwk)
		}
	}
	handle := func(h http.HandlerFunc) func(*server) {
		return func(s *server) {
			s.Config.Handler = h
		}
	}
	for _, c := range []struct {
		claim string
		flip  func(*server)
		says  string // "" where the keys are had
	}{
		{"a set", handle(gives(`{"keys":[` + jwk + `]}`)), ""},
		{"1 MiB", handle(gives(jwk + strings.Repeat(" ", 1<<20-len(jwk)))), ""},
		{"as whatever type", handle(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, jwk)
		}), ""},
		{"the second of two addresses", func(s *server) {
			s.source.Addresses = append([]netip.Addr{netip.MustParseAddr("127.0.0.2")}, s.source.Addresses...)
		}, ""},
		{"no addresses, the host in the URL", func(s *server) { s.source.URL, s.source.Addresses = s.url("127.0.0.1"), nil }, ""},

		{"301", handle(status(301)), "redirects are not followed"},
		{"302", handle(status(302)), "redirects are not followed"},
		{"307", handle(status(307)), "redirects are not followed"},
		{"308", handle(status(308)), "redirects are not followed"},
		{"404", handle(status(404)), "404"},
		{"500", handle(status(500)), "500"},
		{"203", handle(status(203)), "203"},
		{"over 1 MiB", handle(gives(jwk + strings.Repeat(" ", 1<<20))), "over 1 MiB"},
		{"without an end", handle(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 1<<16))
			}
		}), "over 1 MiB"},
		{"cut short", handle(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, jwk)
		}), "no whole answer"},
		{"compressed", handle(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, jwk)
			z.Close()
		}), "compresses"},
		{"long headers", handle(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			io.WriteString(w, jwk)
		}), "no whole answer in HTTP"},
		{"nothing", handle(gives("")), "empty"},
		{"no key", handle(gives(`{"keys":[]}`)), "none in it"},
		{"hanging", func(s *server) {
			s.source.Timeout = 50 * time.Millisecond
			s.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, "in time"},
		{"hanging after its first octets", func(s *server) {
			s.source.Timeout = 50 * time.Millisecond
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, jwk)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
		}, "in time"},

		{"another host than the certificate's", func(s *server) { s.source.URL = s.url("issuer.example") }, "tls: x509"},
		{"nobody vouches for it", func(s *server) { s.source.Roots = x509.NewCertPool() }, "tls: x509"},
		{"whom this machine trusts does not", func(s *server) { s.source.Roots = nil }, "tls: x509"},
		{"TLS 1.1", func(s *server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "version"},
		{"nobody at the address", func(s *server) { s.source.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.2")} }, "refused"},
		{"nobody by the host's name", func(s *server) { s.source.Addresses, s.source.URL = nil, s.url("issuer.invalid") }, "lookup"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := serve(t, gives(jwk))
			if n, err := fetch(t, s.source); n != 1 || err != nil || s.asked.Load() != 1 {
				t.Fatalf("before the flip: %d, %v", n, err)
			}
			c.flip(s)
			n, err := fetch(t, s.source)
			if (err == nil) != (c.says == "") || (n == 1) != (c.says == "") {
				t.Fatalf("%d keys, %v", n, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "/jwks") || len(err.Error()) > 300) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if n := redirected.asked.Load(); n != 0 {
		t.Errorf("the server that was redirected to was asked %d times", n)
	}
}

// TestAnAnswerWithoutAnEndIsLeft: what is over 1 MiB is not only refused but not read either. What
// the server gets rid of beyond that fills the buffers of the sockets.
func TestAnAnswerWithoutAnEndIsLeft(t *testing.T) {
	const most, endless = 32 << 20, 64 << 20
	var written atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 1<<16); written.Load() < endless; {
			n, err := w.Write(chunk)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if _, err := fetch(t, s.source); err == nil || !strings.Contains(err.Error(), "over 1 MiB") {
		t.Fatal(err)
	}
	s.Close() // the handler has returned
	if n := written.Load(); n < 1<<20 || n > most {
		t.Errorf("the server got rid of %d octets", n)
	}
}

// TestWhatIsAsked: of the host in the URL, whose name TLS is told, without a cookie
// or a referrer; and nothing of one fetch is kept for the next.
func TestWhatIsAsked(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "v"})
		io.WriteString(w, jwk)
	})
	for range 2 {
		if n, err := fetch(t, s.source); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		r := s.last.Load()
		if r.TLS.ServerName != "example.com" || !strings.HasPrefix(r.Host, "example.com:") || r.URL.Path != "/jwks" || r.Method != http.MethodGet {
			t.Errorf("%+v", r)
		}
		if len(r.Cookies()) > 0 || r.Header.Get("Referer") != "" || r.Header.Get("Accept-Encoding") != "" || r.Header.Get("User-Agent") != "cnfd" {
			t.Errorf("%v", r.Header)
		}
	}
}

// TestNoTLS: a server that speaks HTTP, and one that speaks neither.
func TestNoTLS(t *testing.T) {
	plain := httptest.NewServer(gives(jwk))
	defer plain.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "SECRET-2.0 "+jwk+"\r\n")
			c.Close()
		}
	}()
	for _, address := range []string{plain.Listener.Addr().String(), l.Addr().String()} {
		n, err := fetch(t, source.Source{URL: "https://" + address})
		if n != 0 || err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%d, %v", n, err)
		}
	}
}
