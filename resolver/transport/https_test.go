package transport

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// serveHTTPS runs an HTTP/2 server.
func serveHTTPS(tb testing.TB, cert tls.Certificate, h http.Handler) netip.AddrPort {
	tb.Helper()
	return netip.MustParseAddrPort(startHTTPS(tb, cert, h).Listener.Addr().String())
}

func startHTTPS(tb testing.TB, cert tls.Certificate, h http.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = nil
	s.StartTLS()
	tb.Cleanup(s.Close)
	return s
}

// dnsResource is an honest DNS resource.
func dnsResource(w http.ResponseWriter, r *http.Request) {
	q, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(reply(q))
}

func TestHTTPS(t *testing.T) {
	a := newAuthority(t)
	var seen atomic.Int32
	at := serveHTTPS(t, a.server(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		q, _ := io.ReadAll(r.Body)
		if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.URL.RequestURI() != "/a/dns-query?b=c" || !strings.HasPrefix(r.Host, "dns.example:") ||
			r.Header.Get("Content-Type") != "application/dns-message" || r.Header.Get("Accept") != "application/dns-message" ||
			r.Header.Get("User-Agent") != "" || len(q)%padBlock != 0 || q[0] != 0 || q[1] != 0 {
			t.Errorf("%s %s %s %v, %d octets", r.Proto, r.Method, r.URL, r.Header, len(q))
		}
		w.Header().Set("Content-Type", "application/dns-message")
		w.Write(reply(q))
	}))
	way := NewHTTPS(Secured{Address: at, Name: "dns.example", Roots: a.pool()}, "/a/dns-query?b=c")
	defer way.Close()
	for range 3 {
		q := query()
		if m, err := way.Exchange(inTime(t), q); err != nil || len(m.Answer) != 1 || m.Question[0].Name != name || m.Answer[0].Header().Ttl != 300 {
			t.Errorf("%v %v", m, err)
		}
		if len(q.IsEdns0().Option) != 0 {
			t.Error("the caller's query was changed")
		}
	}
	if seen.Load() != 3 {
		t.Errorf("%d requests", seen.Load())
	}
}

func TestHTTPSCertificate(t *testing.T) {
	a := newAuthority(t)
	for _, c := range certificates(t, a) {
		t.Run(c.claim, func(t *testing.T) {
			at := serveHTTPS(t, c.cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.err != "" {
					t.Error("asked")
				}
				dnsResource(w, r)
			}))
			way := NewHTTPS(Secured{Address: at, Name: c.name, Roots: a.pool()}, "/dns-query")
			defer way.Close()
			m, err := way.Exchange(inTime(t), query())
			if (err == nil) != (c.err == "") || c.err != "" && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v %v", m, err)
			}
		})
	}
}

// TestHTTPSOfNoUse: what is no answer is an error that keeps the path to itself.
func TestHTTPSOfNoUse(t *testing.T) {
	a := newAuthority(t)
	cert := a.server(t)
	for _, c := range []struct {
		claim string
		serve http.HandlerFunc
		err   string
	}{
		{"a status of failure, with an answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/dns-message")
			w.WriteHeader(http.StatusBadGateway)
			q, _ := io.ReadAll(r.Body)
			w.Write(reply(q))
		}, "HTTP status 502"},
		{"a redirect, which is not followed", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/s3cret" {
				t.Error("followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "HTTP status 307"},
		{"a page", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, "HTTP content of type"},
		{"no type", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			q, _ := io.ReadAll(r.Body)
			w.Write(reply(q))
		}, "HTTP content of type"},
		{"too much", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/dns-message")
			w.Write(make([]byte, dns.MaxMsgSize+1))
		}, "over 64 KiB"},
		{"nothing", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/dns-message")
		}, ""},
		{"a stream that breaks", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			way := NewHTTPS(Secured{Address: serveHTTPS(t, cert, c.serve), Name: "dns.example", Roots: a.pool()}, "/s3cret")
			defer way.Close()
			m, err := way.Exchange(inTime(t), query())
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v %v", m, err)
			}
		})
	}
	for _, c := range misses {
		t.Run(c.claim, func(t *testing.T) {
			at := serveHTTPS(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Type", "application/dns-message")
				w.Write(c.make(q))
			}))
			way := NewHTTPS(Secured{Address: at, Name: "dns.example", Roots: a.pool()}, "/dns-query")
			defer way.Close()
			if m, err := way.Exchange(inTime(t), query()); err == nil {
				t.Errorf("believed: %s", m)
			}
		})
	}
}

// TestHTTPSComesBack: a connection that was closed between two questions is made anew.
func TestHTTPSComesBack(t *testing.T) {
	a := newAuthority(t)
	s := startHTTPS(t, a.server(t), http.HandlerFunc(dnsResource))
	way := NewHTTPS(Secured{Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Name: "dns.example", Roots: a.pool()}, "/dns-query")
	defer way.Close()
	for range 4 {
		if m, err := way.Exchange(inTime(t), query()); err != nil || len(m.Answer) != 1 {
			t.Fatalf("%v %v", m, err)
		}
		s.CloseClientConnections()
	}
}

// TestHTTPSBoundsConnections: many questions at once share few connections, and lose none.
func TestHTTPSBoundsConnections(t *testing.T) {
	a := newAuthority(t)
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(dnsResource))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.server(t)}}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	way := NewHTTPS(Secured{Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Name: "dns.example", Roots: a.pool()}, "/dns-query")
	defer way.Close()
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			if m, err := way.Exchange(inTime(t), query()); err != nil || len(m.Answer) != 1 {
				t.Errorf("%v %v", m, err)
			}
		})
	}
	all.Wait()
	// A few more than there are at a time: net/http drops those that it finds to be too many.
	if n := conns.Load(); n > 5*maxHTTPS {
		t.Errorf("%d connections", n)
	}
}

// TestHTTPSAge: what an HTTP cache kept is older than its TTL says (RFC 8484 §5.1).
func TestHTTPSAge(t *testing.T) {
	a := newAuthority(t)
	cert := a.server(t, func(*x509.Certificate) {})
	for age, ttl := range map[string]uint32{"": 300, "0": 300, "100": 200, "300": 0, "4000000000": 0, "-1": 300, "soon": 300} {
		at := serveHTTPS(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if age != "" {
				w.Header().Set("Age", age)
			}
			dnsResource(w, r)
		}))
		way := NewHTTPS(Secured{Address: at, Name: "dns.example", Roots: a.pool()}, "/dns-query")
		m, err := way.Exchange(inTime(t), query())
		if err != nil || m.Answer[0].Header().Ttl != ttl {
			t.Errorf("%q: %v %v", age, m, err)
		}
		way.Close()
	}
}
