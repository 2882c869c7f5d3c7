package acme_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
)

// client is an ACME client whose requests another library signs. A path that it is given
// is one of its server's.
type client struct {
	t      *testing.T
	server *acme.Server
	key    crypto.Signer
	kid    string // the account's URL; "" before there is one
	nonce  string // the one to use next; "" takes a new one
}

// newClient is a client with a key and no account.
func newClient(t *testing.T, server *acme.Server) *client {
	return &client{t: t, server: server, key: newKey(t)}
}

// registered is a client with an account.
func registered(t *testing.T, server *acme.Server) *client {
	t.Helper()
	c := newClient(t, server)
	c.register(map[string]any{"termsOfServiceAgreed": true}, http.StatusCreated)
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// register asks for an account, wants status, and takes the account where there is one.
func (c *client) register(payload any, status int) (*http.Response, []byte) {
	c.t.Helper()
	r, body := c.post("/acme/new-account", payload)
	if r.StatusCode != status {
		c.t.Fatalf("newAccount: %d %s, want %d", r.StatusCode, body, status)
	}
	if status < 300 {
		c.kid = r.Header.Get("Location")
	}
	return r, body
}

// account is the id of the client's account.
func (c *client) account() string { return c.kid[strings.LastIndexByte(c.kid, '/')+1:] }

// get asks without a signature.
func (c *client) get(path string) (*http.Response, []byte) {
	c.t.Helper()
	return answered(c.t, c.server, httptest.NewRequest(http.MethodGet, c.url(path), nil))
}

// post signs a payload for the account, or with a jwk where there is none, and sends
// it. nil is POST-as-GET.
func (c *client) post(path string, payload any) (*http.Response, []byte) {
	c.t.Helper()
	return c.send(path, c.sign(path, payload))
}

// as returns the same client with a jwk instead of its account, or another key.
func (c *client) as(key crypto.Signer, kid string) *client {
	return &client{t: c.t, server: c.server, key: key, kid: kid}
}

// sign makes the body of a request to a path.
func (c *client) sign(path string, payload any) string {
	c.t.Helper()
	if c.nonce == "" {
		c.nonce = c.server.MakeNonce()
	}
	nonce := c.nonce
	c.nonce = ""
	return signed(c.t, jose.ES256, c.key, octets(c.t, payload), map[jose.HeaderKey]any{"url": c.url(path), "nonce": nonce}, c.kid)
}

// send sends a body that was signed, or is worse.
func (c *client) send(path, body string) (*http.Response, []byte) {
	c.t.Helper()
	q := httptest.NewRequest(http.MethodPost, c.url(path), strings.NewReader(body))
	q.Header.Set("Content-Type", "application/jose+json")
	r, answer := answered(c.t, c.server, q)
	c.nonce = r.Header.Get("Replay-Nonce")
	return r, answer
}

func (c *client) url(path string) string {
	if strings.HasPrefix(path, "/") {
		return c.server.URL + path
	}
	return path
}

// octets are those of a payload: none for nil, a string's own, otherwise its JSON.
func octets(t *testing.T, payload any) []byte {
	t.Helper()
	switch p := payload.(type) {
	case nil:
		return []byte{} // of nil go-jose would leave the member out
	case string:
		return []byte(p)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signed is a flattened JWS. It holds the key as a jwk where kid is "".
func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, payload []byte, header map[jose.HeaderKey]any, kid string) string {
	t.Helper()
	options := &jose.SignerOptions{EmbedJWK: kid == ""}
	for name, value := range header {
		options.WithHeader(name, value)
	}
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return s.FullSerialize()
}

// jwk is a public key as a JWK.
func jwk(t *testing.T, key crypto.Signer) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func answered(t *testing.T, h http.Handler, q *http.Request) (*http.Response, []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	r := w.Result()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

// read reads the JSON of an answer.
func read[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

// wantRefused checks a problem document: its status, its kind, and what its detail says.
func wantRefused(t *testing.T, r *http.Response, body []byte, status int, kind acme.Kind, says string) {
	t.Helper()
	if r.StatusCode != status || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %s %s, want %d and a problem", r.StatusCode, r.Header.Get("Content-Type"), body, status)
	}
	p := read[acme.Problem](t, body)
	if p.Kind != kind || !strings.Contains(p.Detail, says) {
		t.Errorf("%s: %q, want %s: …%s…", p.Kind, p.Detail, kind, says)
	}
	if r.Header.Get("Replay-Nonce") == "" {
		t.Error("no nonce: the client needs another request to get one (RFC 8555 §6.5)")
	}
}

func wantStatus(t *testing.T, r *http.Response, body []byte, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%d %s, want %d", r.StatusCode, body, status)
	}
}
