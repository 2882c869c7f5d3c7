package validate

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cnfd/acme"
	"cnfd/dnssec"
)

// web is two servers on loopback, of HTTP and of TLS with a certificate that nobody
// vouches for, and the names that lead there.
type web struct {
	*names
	config  Config
	plain   *httptest.Server
	handler atomic.Pointer[http.Handler]
	seen    []*http.Request
	dialer  watched
}

func newWeb(t testing.TB) *web {
	w := &web{names: newNames(t)}
	w.serve(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wellKnown+token {
			http.NotFound(out, r)
			return
		}
		fmt.Fprint(out, keyAuth)
	})
	all := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.seen = append(w.seen, r)
		w.mu.Unlock()
		(*w.handler.Load()).ServeHTTP(out, r)
	})
	w.plain = httptest.NewServer(all)
	secure := httptest.NewUnstartedServer(all)
	secure.Config.ErrorLog = log.New(t.Output(), "", 0)
	secure.StartTLS()
	t.Cleanup(w.plain.Close)
	t.Cleanup(secure.Close)
	w.put(vendor, "A", "127.0.0.1")
	w.put("other.example", "A", "127.0.0.1")
	w.config = Config{
		Source: w.names, AllowNetworks: loopback, Dialer: &w.dialer,
		HTTPPort: portOf(t, w.plain.Listener.Addr()), TLSPort: portOf(t, secure.Listener.Addr()),
	}
	return w
}

func (w *web) serve(h http.HandlerFunc) {
	var handler http.Handler = h
	w.handler.Store(&handler)
}

// redirect sends who asks for the challenge to a URL, and serves the challenge at /answer.
func (w *web) redirect(status int, location ...string) {
	w.serve(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/answer" {
			fmt.Fprint(out, keyAuth)
			return
		}
		out.Header()["Location"] = location
		out.WriteHeader(status)
	})
}

// chain redirects n times before it gives the answer.
func (w *web) chain(n int) {
	w.serve(func(out http.ResponseWriter, r *http.Request) {
		var at int
		fmt.Sscanf(r.URL.Path, "/step/%d", &at)
		if at == n {
			fmt.Fprint(out, keyAuth)
			return
		}
		http.Redirect(out, r, fmt.Sprintf("/step/%d", at+1), http.StatusFound)
	})
}

func (w *web) says(status int, body string) {
	w.serve(func(out http.ResponseWriter, r *http.Request) {
		out.WriteHeader(status)
		fmt.Fprint(out, body)
	})
}

// raw says something that net/http would not.
func (w *web) raw(text string) {
	w.serve(func(out http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(out).Hijack()
		if err != nil {
			w.t.Error(err)
			return
		}
		fmt.Fprint(conn, text)
		conn.Close()
	})
}

func TestHTTPPasses(t *testing.T) {
	for _, tc := range []struct {
		claim string
		flip  func(*web)
	}{
		{"white space after the key authorization", func(w *web) { w.says(200, keyAuth+"\r\n \t\n") }},
		{"as much white space as there is room for", func(w *web) { w.says(200, keyAuth+strings.Repeat("\n", maxBody-len(keyAuth))) }},
		{"moved for good", func(w *web) { w.redirect(301, "/answer") }},
		{"found elsewhere", func(w *web) { w.redirect(302, "http://other.example/answer") }},
		{"see another", func(w *web) { w.redirect(303, "http://OTHER.example./answer#here") }},
		{"moved for now", func(w *web) { w.redirect(307, fmt.Sprintf("http://other.example:%d/answer", w.config.HTTPPort)) }},
		{"moved, with a query", func(w *web) { w.redirect(308, "//other.example/answer?a=b%20c") }},
		{"to a URL that is as long as one may be", func(w *web) { w.redirect(302, "/answer?"+strings.Repeat("a", maxURL-len("/answer?"))) }},
		{"to https, of which nobody vouches for the certificate", func(w *web) { w.redirect(301, "https://other.example/answer") }},
		{"ten redirects", func(w *web) { w.chain(maxRedirects) }},
		{"no AAAA since its servers are silent", func(w *web) {
			w.set(&dnssec.Answer{Name: vendor + ".", Type: 28, Trouble: dnssec.Trouble{Text: "no answer", Unreachable: true}})
		}},
		{"an unsigned zone", func(w *web) { w.flip(vendor, "A", func(a *dnssec.Answer) { a.Security = dnssec.Insecure }) }},
		{"a first address that is not public beside one that may be connected to", func(w *web) { w.put(vendor, "A", "10.0.0.1", "127.0.0.1") }},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			w := newWeb(t)
			v := validator(t, w.config)
			passes(t, v, acme.MethodHTTP, identifier)
			tc.flip(w)
			if p := v.Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth); p != nil {
				t.Error(p)
			}
		})
	}
}

func TestHTTPRefuses(t *testing.T) {
	incorrect := func(says string) want { return want{acme.IncorrectResponse, false, says} }
	hangs := func(says string) want { return want{acme.Connection, true, says} }
	for _, tc := range []struct {
		claim string
		flip  func(*web)
		want  want
	}{
		{"the file of another token", func(w *web) {
			w.serve(func(out http.ResponseWriter, r *http.Request) {
				if r.URL.Path != wellKnown+otherToken {
					http.NotFound(out, r)
				}
			})
		}, incorrect("http://vendor.example/.well-known/acme-challenge/<token> (127.0.0.1:")},
		{"the key authorization of another account", func(w *web) { w.says(200, otherAuth) }, incorrect(`answers with "<token>.NzbLs`)},
		{"not found, with the right body", func(w *web) { w.says(404, keyAuth) }, incorrect("status 404")},
		{"an error of the server's", func(w *web) { w.says(503, keyAuth) }, incorrect("status 503")},
		{"created, which is not 200", func(w *web) { w.says(201, keyAuth) }, incorrect("status 201")},
		{"not modified, which is no redirect", func(w *web) { w.redirect(304, "/answer") }, incorrect("status 304")},
		{"nothing", func(w *web) { w.says(200, "") }, incorrect(`answers with ""`)},
		{"something before the key authorization", func(w *web) { w.says(200, " "+keyAuth) }, incorrect("is not the key authorization")},
		{"something after it", func(w *web) { w.says(200, keyAuth+"\nx") }, incorrect("is not the key authorization")},
		{"a page that a terminal would obey", func(w *web) { w.says(200, "\x1b[2J<html>\u202e") }, incorrect(`?[2J<html>?`)},
		{"an octet more than there is room for", func(w *web) { w.says(200, keyAuth+strings.Repeat("\n", maxBody+1-len(keyAuth))) }, incorrect("more than 128 octets")},
		{"a body without end", func(w *web) {
			w.serve(func(out http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := fmt.Fprint(out, keyAuth); err != nil {
						return
					}
				}
			})
		}, incorrect("more than 128 octets")},
		{"eleven redirects", func(w *web) { w.chain(maxRedirects + 1) }, incorrect("redirects for the 11th time")},
		{"a redirect to a private address", func(w *web) {
			w.put("other.example", "A", "10.0.0.1")
			w.redirect(302, "http://other.example/answer")
		}, want{acme.Connection, false, "other.example has no address that this server connects to (10.0.0.1 is not public)"}},
		{"a redirect to an address", func(w *web) { w.redirect(302, "http://127.0.0.1/answer") }, incorrect("no address that is not the identifier")},
		{"a redirect to another port", func(w *web) { w.redirect(302, "http://other.example:22/answer") }, incorrect("http goes to port")},
		{"a redirect to the port of the other scheme", func(w *web) { w.redirect(302, fmt.Sprintf("http://other.example:%d/answer", w.config.TLSPort)) }, incorrect("http goes to port")},
		{"a redirect to another scheme", func(w *web) { w.redirect(302, "ftp://other.example/answer") }, incorrect("want http:// or https://")},
		{"a redirect with a user", func(w *web) { w.redirect(302, "http://me@other.example/answer") }, incorrect("without a user")},
		{"a redirect to nowhere", func(w *web) { w.redirect(302) }, incorrect("exactly one Location")},
		{"a redirect to two places", func(w *web) { w.redirect(302, "/answer", "/answer") }, incorrect("exactly one Location")},
		{"a redirect to a URL that is too long", func(w *web) { w.redirect(302, "/answer?"+strings.Repeat("a", maxURL-len("/answer?")+1)) }, incorrect("exactly one Location of at most 2000 octets")},
		{"an IPv6 address in an A record", func(w *web) {
			w.flip(vendor, "A", func(a *dnssec.Answer) { a.Data = [][]byte{netip.IPv6Loopback().AsSlice()} })
		}, want{acme.DNS, false, "vendor.example has no address"}},
		{"a redirect to a name that is not there", func(w *web) { w.redirect(302, "http://nobody.example/answer") }, want{acme.DNS, false, "nobody.example has no address"}},
		{"a redirect to https where no TLS is spoken", func(w *web) {
			w.redirect(302, "https://other.example/answer")
			w.config.TLSPort = w.config.HTTPPort
		}, want{acme.TLS, false, "other.example (127.0.0.1:"}},
		{"half of the answer", func(w *web) { w.raw("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + keyAuth) }, hangs("connection closed")},
		{"no HTTP", func(w *web) { w.raw("220 mail.vendor.example ESMTP\r\n") }, hangs("no whole answer in HTTP")},
		{"hanging up", func(w *web) { w.raw("") }, hangs("connection closed")},
		{"a header without end", func(w *web) {
			w.raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n" + keyAuth)
		}, hangs("a header of at most 16 KiB")},
		{"many answers before the answer", func(w *web) {
			w.raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 1000)+"\r\n\r\n", 20) + "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n" + keyAuth)
		}, hangs("no whole answer in HTTP")},
		{"a compressed answer, which was not asked for", func(w *web) {
			w.serve(func(out http.ResponseWriter, r *http.Request) {
				out.Header().Set("Content-Encoding", "gzip")
				fmt.Fprint(out, "\x1f\x8b\x08\x00")
			})
		}, incorrect("is not the key authorization")},
		{"nobody listens any more", func(w *web) { w.plain.Close() }, hangs("connection refused")},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			w := newWeb(t)
			passes(t, validator(t, w.config), acme.MethodHTTP, identifier)
			tc.flip(w)
			tc.want.holds(t, validator(t, w.config).Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth))
		})
	}
}

// TestHTTPAsksPlainly: what is sent is what RFC 8555 §8.3 has, and nothing of the
// environment's (see TestMain).
func TestHTTPAsksPlainly(t *testing.T) {
	w := newWeb(t)
	w.config.UserAgent = "cnfd test"
	passes(t, validator(t, w.config), acme.MethodHTTP, identifier)
	if len(w.seen) != 1 {
		t.Fatalf("%d requests", len(w.seen))
	}
	r := w.seen[0]
	h := http.Header{"User-Agent": {"cnfd test"}, "Accept": {"*/*"}, "Connection": {"close"}}
	if fmt.Sprint(r.Header) != fmt.Sprint(h) || r.Method != http.MethodGet || r.Host != vendor || r.RequestURI != wellKnown+token {
		t.Errorf("%s %s of %s with %v", r.Method, r.RequestURI, r.Host, r.Header)
	}
}

// TestHTTPIsPinned: a name is looked up once, and what is dialled is what was looked
// at, whatever the name means a moment later (DNS rebinding).
func TestHTTPIsPinned(t *testing.T) {
	w := newWeb(t)
	here, private := answer(t, vendor, "A", "127.0.0.1"), answer(t, vendor, "A", "10.0.0.1")
	w.set(here, private)
	passes(t, validator(t, w.config), acme.MethodHTTP, identifier)
	slices.Sort(w.asked)
	if fmt.Sprint(w.asked) != "[vendor.example. A vendor.example. AAAA]" || fmt.Sprint(w.dialer.seen) != fmt.Sprintf("[127.0.0.1:%d]", w.config.HTTPPort) {
		t.Errorf("asked %q, dialled %q", w.asked, w.dialer.seen)
	}
	w.dialer.seen = nil
	want{acme.Connection, false, "10.0.0.1 is not public"}.holds(t, validator(t, w.config).Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth))
	if len(w.dialer.seen) > 0 {
		t.Errorf("dialled %q", w.dialer.seen)
	}
}
