package acme_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
	"cnfd/acme/jws"
)

// asked sends a request as it is, signed by nobody.
func (s *scene) asked(method, path string) (*http.Response, []byte) {
	s.t.Helper()
	return answered(s.t, s.Server, httptest.NewRequest(method, "https://ca.example"+path, nil))
}

// TestMethodsThatAPathTakes: what is only for signed requests says so, and nothing is
// told apart from nothing (RFC 9110 §15.5.5, §15.5.6).
func TestMethodsThatAPathTakes(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	post, get := "POST", "GET, HEAD"
	for path, allow := range map[string]string{
		"/directory": get + ", " + post, "/acme/new-nonce": get + ", " + post, "/acme/renewal-info/AA.AA": get,
		"/acme/new-account": post, "/acme/new-order": post, "/acme/new-authz": post, "/acme/key-change": post, "/acme/revoke-cert": post,
		strings.TrimPrefix(c.kid, s.URL): post, strings.TrimPrefix(c.kid, s.URL) + "/orders": post, "/acme/order/x": post, "/acme/order/x/finalize": post,
		"/acme/authz/x": post, "/acme/chall/x/0": post, "/acme/cert/ff": post, "/acme/cert/ff/1": post, "/root.pem": get,
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			r, body := s.asked(method, path)
			wantRefused(t, r, body, http.StatusMethodNotAllowed, acme.Malformed, "this takes "+allow)
			if got := r.Header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
			}
		}
	}
	for _, path := range []string{"/", "/acme/", "/acme/nothing", "/acme/order/", "/acme/order/x/y", "/directory/", "/acme/cert/ff/1/2"} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			r, body := s.asked(method, path)
			wantRefused(t, r, body, http.StatusNotFound, acme.Malformed, "see /directory")
			if r.Header.Get("Allow") != "" {
				t.Errorf("%s %s: Allow %q of nothing", method, path, r.Header.Get("Allow"))
			}
		}
	}
}

// TestEveryAnswerHasItsHeaders: a nonce that is good, no way to be kept, and the way to the directory
// (RFC 8555 §6.5, §6.5.1, §7.1), be it an answer or a refusal, read or signed.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	p := newPlay(t, nil)
	o := p.order(ordering("vendor.example"), acme.Ready)
	seen := map[string]bool{}
	whole := func(claim string, r *http.Response) {
		t.Helper()
		nonce := r.Header.Get("Replay-Nonce")
		if r.Header.Get("Cache-Control") != "no-store" || !slices.Contains(r.Header.Values("Link"), `<https://ca.example/directory>;rel="index"`) || len(r.Header.Values("Replay-Nonce")) != 1 || seen[nonce] {
			t.Errorf("%s: %d %v", claim, r.StatusCode, r.Header)
		}
		seen[nonce] = true
		c := p.as(p.key, p.kid)
		c.nonce = nonce
		r, body := c.post(p.kid, nil)
		wantStatus(t, r, body, http.StatusOK)
	}
	for _, tt := range []struct {
		path    string
		payload any
		status  int
	}{
		{p.kid, nil, 200},
		{p.kid, map[string]any{"contact": []string{"nonsense"}}, 400},
		{p.kid + "/orders", nil, 200},
		{"/acme/new-order", ordering("vendor.example"), 201},
		{"/acme/new-order", ordering("localhost"), 400},
		{"/acme/new-authz", map[string]any{"identifier": dns("vendor.example")}, 201},
		{"/acme/new-account", map[string]any{}, 400}, // signed with a kid
		{o.url, nil, 200},
		{o.url, map[string]any{}, 400},
		{o.Authorizations[0], nil, 200},
		{p.authz(o.Authorizations[0]).Challenges[0].URL, nil, 200},
		{o.Finalize, map[string]any{"csr": "="}, 400},
		{o.Finalize, csr(t, newKey(t), "vendor.example"), 200},
		{"/acme/cert/ff", nil, 404},
		{"/acme/nothing", nil, 404},
	} {
		r, body := p.post(tt.path, tt.payload)
		wantStatus(t, r, body, tt.status)
		whole(tt.path, r)
		p.client.nonce = "" // whole has used it
	}
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/directory", 200}, {"HEAD", "/directory", 200}, {"GET", "/acme/new-nonce", 204}, {"HEAD", "/acme/new-nonce", 200},
		{"GET", "/acme/renewal-info/x", 400}, {"GET", o.url[len("https://ca.example"):], 405}, {"GET", "/nothing", 404}, {"POST", "/acme/new-order", 415},
	} {
		r, body := p.asked(tt.method, tt.path)
		wantStatus(t, r, body, tt.status)
		whole(tt.method+" "+tt.path, r)
	}
}

// TestWhoSignsHow: each request is signed by who it is for, as what it is, for the URL that it is sent to
// (RFC 8555 §6.2, §6.4); with one thing changed it is not heard.
func TestWhoSignsHow(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	other := registered(t, s.Server)
	send := func(path, content, body string) (*http.Response, []byte) {
		q := httptest.NewRequest(http.MethodPost, c.url(path), strings.NewReader(body))
		if content != "" {
			q.Header.Set("Content-Type", content)
		}
		return answered(t, s.Server, q)
	}
	const jose = "application/jose+json"
	account := strings.TrimPrefix(c.kid, s.URL)
	for _, content := range []string{jose, "Application/JOSE+JSON", jose + "; charset=utf-8"} {
		r, body := send(account, content, c.sign(account, nil))
		wantStatus(t, r, body, http.StatusOK)
	}
	for _, content := range []string{"", "application/json", "application/jose", "text/plain", "application/jose+json; charset"} {
		r, body := send(account, content, c.sign(account, nil))
		wantRefused(t, r, body, http.StatusUnsupportedMediaType, acme.Malformed, "application/jose+json")
	}
	for _, tt := range []struct {
		claim  string
		who    *client
		path   string
		url    string // that it is signed for
		status int
		kind   acme.Kind
		says   string
	}{
		{"a jwk where there is an account", c.as(c.key, ""), "/acme/new-order", "/acme/new-order", 400, acme.Malformed, "kid must be its URL"},
		{"a jwk for a key change", c.as(c.key, ""), "/acme/key-change", "/acme/key-change", 400, acme.Malformed, "kid must be its URL"},
		{"a kid for a new account", c, "/acme/new-account", "/acme/new-account", 400, acme.Malformed, "a jwk of its own"},
		{"another path", c, account, "/acme/new-order", 403, acme.Unauthorized, "another URL"},
		{"another host", c, account, "https://other.example" + account, 403, acme.Unauthorized, "another URL"},
		{"another scheme", c, account, "http://ca.example" + account, 403, acme.Unauthorized, "another URL"},
		{"a port", c, account, "https://ca.example:443" + account, 403, acme.Unauthorized, "another URL"},
		{"a slash behind it", c, account, account + "/", 403, acme.Unauthorized, "another URL"},
		{"another account's kid", c.as(c.key, other.kid), account, account, 403, acme.Unauthorized, ""},
		{"an account that there is not", c.as(c.key, s.URL+"/acme/acct/none"), account, account, 400, acme.AccountDoesNotExist, "no such account"},
		{"another server's account", c.as(c.key, "https://other.example"+account), account, account, 400, acme.AccountDoesNotExist, "no account URL of this server"},
		{"the id alone", c.as(c.key, c.account()), account, account, 400, acme.AccountDoesNotExist, "no account URL of this server"},
	} {
		r, body := send(tt.path, jose, tt.who.sign(tt.url, nil))
		t.Run(tt.claim, func(t *testing.T) { wantRefused(t, r, body, tt.status, tt.kind, tt.says) })
	}
	// Whose account it is, is not of the URL alone.
	r, body := other.post(account, nil)
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	r, body = other.post(account, map[string]any{"status": "deactivated"})
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	r, body = send(account, jose, strings.Repeat(" ", jws.MaxBody+1))
	wantRefused(t, r, body, http.StatusRequestEntityTooLarge, acme.Malformed, "50000 octets")
	r, body = c.post(account, nil)
	wantStatus(t, r, body, http.StatusOK)
}

// TestAlgorithmThatIsNotTaken: the client is told which are (RFC 8555 §6.2).
func TestAlgorithmThatIsNotTaken(t *testing.T) {
	s := newScene(t, nil)
	c := newClient(t, s.Server)
	const path = "/acme/new-account"
	header := map[jose.HeaderKey]any{"url": c.url(path), "nonce": s.MakeNonce()}
	r, body := c.send(path, signed(t, jose.HS256, bytes.Repeat([]byte{1}, 32), []byte("{}"), header, c.url(path)))
	wantRefused(t, r, body, http.StatusBadRequest, acme.BadSignatureAlgorithm, "alg")
	if got := read[struct{ Algorithms []string }](t, body).Algorithms; !slices.Equal(got, jws.Algorithms()) || !slices.Contains(got, "ES256") || !slices.Contains(got, "EdDSA") {
		t.Errorf("algorithms %q", got)
	}
	c.register(map[string]any{}, http.StatusCreated)
}
