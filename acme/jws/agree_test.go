package jws_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	jwxjws "github.com/lestrrat-go/jwx/v2/jws"
	"golang.org/x/crypto/acme"

	"cnfd/acme/jws"
	"cnfd/thumbprint"
)

// signer is a key and the algorithms that it signs with.
type signer struct {
	key  crypto.Signer
	algs []string
}

func signers(t testing.TB) []signer {
	t.Helper()
	var all []signer
	for curve, alg := range map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		check(t, err)
		all = append(all, signer{key, []string{alg}})
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	return append(all, signer{ed, []string{"EdDSA"}}, signer{key, []string{"RS256", "RS384", "RS512"}})
}

func keyOf(t testing.TB, public crypto.PublicKey) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.KeyOf(public)
	check(t, err)
	return key
}

// nonces gives go-jose a nonce.
type nonces struct{}

func (nonces) Nonce() (string, error) { return nonce, nil }

// joseSigned makes a JWS with go-jose, as lego and acmez do.
func joseSigned(t testing.TB, alg string, key any, kid string, payload []byte, form jws.Form) []byte {
	t.Helper()
	o := (&jose.SignerOptions{EmbedJWK: kid == ""}).WithHeader("url", url)
	if form == jws.Request {
		o.NonceSource = nonces{}
	}
	switch {
	case form == jws.External:
		o = o.WithHeader("kid", kid)
	case kid != "":
		key = jose.JSONWebKey{Key: key, KeyID: kid}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, o)
	check(t, err)
	signed, err := s.Sign(payload)
	check(t, err)
	return []byte(signed.FullSerialize())
}

// TestReadsGoJOSE: what go-jose makes is read and verified, and verified with no other key.
func TestReadsGoJOSE(t *testing.T) {
	other := newHolder(t)
	for _, s := range signers(t) {
		for _, alg := range s.algs {
			for _, kid := range []string{"", account} {
				for _, payload := range []string{"", `{"csr":"AA"}`} {
					m, err := jws.Parse(joseSigned(t, alg, s.key, kid, []byte(payload), jws.Request), jws.Request)
					check(t, err)
					check(t, m.Verify(keyOf(t, s.key.Public())))
					if m.Verify(other.public(t)) == nil {
						t.Fatal("verified with another key")
					}
					if string(m.Payload) != payload || m.KID != kid || m.Nonce != nonce || m.URL != url || m.Algorithm.String() != alg {
						t.Fatalf("read as %+v", m)
					}
					if kid == "" {
						check(t, m.Verify(m.Key))
					}
				}
			}
			m, err := jws.Parse(joseSigned(t, alg, s.key, "", []byte(`{}`), jws.KeyInner), jws.KeyInner)
			check(t, err)
			check(t, m.Verify(m.Key))
		}
	}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		m, err := jws.Parse(joseSigned(t, alg, []byte(secret), "kid-1", []byte(`{}`), jws.External), jws.External)
		check(t, err)
		check(t, m.VerifyMAC([]byte(secret)))
	}
	t.Run("RSASSA-PSS is not taken", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		check(t, err)
		_, err = jws.Parse(joseSigned(t, "PS256", key, account, []byte{}, jws.Request), jws.Request)
		wants(t, err, jws.Algorithm, "not an algorithm that is taken")
	})
	t.Run("a compact JWS is told what it should be", func(t *testing.T) {
		parsed, err := jose.ParseSignedJSON(string(joseSigned(t, "ES256", other.key, account, []byte("{}"), jws.Request)), all)
		check(t, err)
		compact, err := parsed.CompactSerialize()
		check(t, err)
		_, err = jws.Parse([]byte(compact), jws.Request)
		wants(t, err, jws.Malformed, "compact serialization")
	})
}

// TestReadsJWX: what jwx makes is read and verified.
func TestReadsJWX(t *testing.T) {
	for _, s := range signers(t) {
		for _, alg := range s.algs {
			h := jwxjws.NewHeaders()
			check(t, h.Set("nonce", nonce))
			check(t, h.Set("url", url))
			public, err := jwk.FromRaw(s.key.Public())
			check(t, err)
			check(t, h.Set(jwxjws.JWKKey, public))
			body, err := jwxjws.Sign([]byte("{}"), jwxjws.WithJSON(), jwxjws.WithKey(jwa.SignatureAlgorithm(alg), s.key, jwxjws.WithProtectedHeaders(h)))
			check(t, err)
			m, err := jws.Parse(body, jws.Request)
			check(t, err)
			check(t, m.Verify(m.Key))
			if m.Key.JKT(thumbprint.SHA256) != keyOf(t, s.key.Public()).JKT(thumbprint.SHA256) {
				t.Fatal("another key")
			}
		}
	}
}

// TestJWXVerifiesWhatWasVerified: the other direction.
func TestJWXVerifiesWhatWasVerified(t *testing.T) {
	h := newHolder(t)
	for form := range jws.External {
		body := h.message(t, form).body(t)
		m, err := jws.Parse(body, form)
		check(t, err)
		check(t, m.Verify(h.public(t)))
		payload, err := jwxjws.Verify(body, jwxjws.WithKey(jwa.ES256, h.key.Public()))
		check(t, err)
		if string(payload) != string(m.Payload) {
			t.Fatalf("%q, and jwx %q", m.Payload, payload)
		}
	}
}

// TestReadsCertbot: what certbot's libraries make (testdata/certbot.py) is read
// and verified.
func TestReadsCertbot(t *testing.T) {
	file, err := os.ReadFile("testdata/certbot.json")
	check(t, err)
	var made []struct {
		Claim, Body string
		Form        jws.Form
		Key         json.RawMessage
	}
	check(t, json.Unmarshal(file, &made))
	if len(made) != 16 {
		t.Fatalf("%d messages", len(made))
	}
	for _, c := range made {
		t.Run(c.Claim, func(t *testing.T) {
			m, err := jws.Parse([]byte(c.Body), c.Form)
			check(t, err)
			if c.Form == jws.External {
				var key jose.JSONWebKey
				check(t, json.Unmarshal([]byte(`{"kty":"oct",`+string(c.Key[1:])), &key))
				check(t, m.VerifyMAC(key.Key.([]byte)))
				wants(t, m.VerifyMAC([]byte(secret)), jws.Signature, "")
				return
			}
			key, err := thumbprint.ParseJWK(c.Key)
			check(t, err)
			check(t, m.Verify(key))
			wants(t, m.Verify(keyOf(t, newHolder(t).key.Public())), wrongKey(m), "")
		})
	}
}

// wrongKey is the rule that another P-256 key breaks.
func wrongKey(m *jws.Message) jws.Rule {
	if m.Algorithm.String() == "ES256" {
		return jws.Signature
	}
	return jws.Algorithm
}

// TestReadsXCryptoACME: every request of an ACME client of the Go project is read
// and verified: an account with a binding, an order, POST-as-GET, another key.
func TestReadsXCryptoACME(t *testing.T) {
	var bodies [][]byte
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Replay-Nonce", nonce)
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			bodies = append(bodies, body)
		}
		switch r.URL.Path {
		case "/directory":
			fmt.Fprintf(w, `{"newNonce":"%[1]s/nonce","newAccount":"%[1]s/new-account","newOrder":"%[1]s/new-order","keyChange":"%[1]s/key-change","revokeCert":"%[1]s/revoke"}`, server.URL)
		case "/new-account":
			w.Header().Set("Location", server.URL+"/acct/1")
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"status":"valid"}`)
		case "/new-order":
			w.Header().Set("Location", server.URL+"/order/1")
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"status":"pending"}`)
		default:
			io.WriteString(w, `{"status":"pending"}`)
		}
	}))
	defer server.Close()
	ctx := context.Background()
	for _, s := range signers(t) {
		if s.algs[0] == "EdDSA" {
			continue // the client has no Ed25519
		}
		bodies = nil
		c := &acme.Client{Key: s.key, DirectoryURL: server.URL + "/directory"}
		eab := &acme.ExternalAccountBinding{KID: "kid-1", Key: []byte(secret)}
		_, err := c.Register(ctx, &acme.Account{ExternalAccountBinding: eab}, acme.AcceptTOS)
		check(t, err)
		_, err = c.AuthorizeOrder(ctx, acme.DomainIDs("vendor.example"))
		check(t, err)
		_, err = c.GetOrder(ctx, server.URL+"/order/1")
		check(t, err)
		next := newHolder(t)
		check(t, c.AccountKeyRollover(ctx, next.key))
		if len(bodies) != 4 {
			t.Fatalf("%d requests", len(bodies))
		}
		var messages []*jws.Message
		for i, body := range bodies {
			m, err := jws.Parse(body, jws.Request)
			check(t, err)
			check(t, m.Verify(keyOf(t, s.key.Public())))
			if (i == 0) != (m.JWK != nil) || i > 0 && m.KID != server.URL+"/acct/1" {
				t.Fatalf("request %d: %+v", i, m)
			}
			messages = append(messages, m)
		}
		var account struct{ ExternalAccountBinding json.RawMessage }
		check(t, json.Unmarshal(messages[0].Payload, &account))
		binding, err := jws.Parse(account.ExternalAccountBinding, jws.External)
		check(t, err)
		check(t, binding.VerifyMAC([]byte(secret)))
		if len(messages[2].Payload) != 0 {
			t.Fatalf("POST-as-GET: %q", messages[2].Payload)
		}
		inner, err := jws.Parse(messages[3].Payload, jws.KeyInner)
		check(t, err)
		check(t, inner.Verify(inner.Key))
		if inner.Key.JKT(thumbprint.SHA256) != next.public(t).JKT(thumbprint.SHA256) || inner.URL != messages[3].URL {
			t.Fatalf("inner: %+v", inner)
		}
	}
}

// all are the algorithms that go-jose is asked with.
var all = []jose.SignatureAlgorithm{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256", "HS384", "HS512"}
