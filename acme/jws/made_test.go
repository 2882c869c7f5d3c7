package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme/jws"
)

const (
	account = "https://ca.example/acme/acct/evOfKhNU60wg"
	url     = "https://ca.example/acme/new-order"
	nonce   = "5XJ1L3lEkMG7tR6pA00clA"
)

var b64 = base64.RawURLEncoding.EncodeToString

type object = map[string]any

// with is an object with a member changed; nil takes it out.
func with(o object, name string, value any) object {
	o = maps.Clone(o)
	if value == nil {
		delete(o, name)
		return o
	}
	o[name] = value
	return o
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, value any) string {
	t.Helper()
	octets, err := json.Marshal(value)
	check(t, err)
	return string(octets)
}

// publicJWK writes a key as a JWK, by go-jose.
func publicJWK(t testing.TB, key crypto.PublicKey) object {
	t.Helper()
	var o object
	check(t, json.Unmarshal([]byte(text(t, jose.JSONWebKey{Key: key})), &o))
	return o
}

// holder has a P-256 key and signs with it.
type holder struct {
	key *ecdsa.PrivateKey
	jwk object
}

func newHolder(t testing.TB) *holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return &holder{key, publicJWK(t, key.Public())}
}

// sign makes an ES256 signature of octets.
func (h *holder) sign(t testing.TB, octets string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(octets))
	r, s, err := ecdsa.Sign(rand.Reader, h.key, sum[:])
	check(t, err)
	return string(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func mac(name, secret, octets string) string {
	h := map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[name]
	m := hmac.New(h, []byte(secret))
	m.Write([]byte(octets))
	return string(m.Sum(nil))
}

// message is a JWS that is being made.
type message struct {
	header    object
	headerRaw string // instead of header
	payload   string
	value     func(octets string) string                               // signature or MAC
	encode    func(string) string                                      // of all three parts
	wrap      func(protected, payload, signature string) (body string) // the JSON around them
}

func flattened(protected, payload, signature string) string {
	return `{"protected":"` + protected + `","payload":"` + payload + `","signature":"` + signature + `"}`
}

func (m message) body(t testing.TB) []byte {
	t.Helper()
	header := m.headerRaw
	if header == "" {
		header = text(t, m.header)
	}
	protected, payload := m.encode(header), m.encode(m.payload)
	return []byte(m.wrap(protected, payload, m.encode(m.value(protected+"."+payload))))
}

func (h *holder) message(t testing.TB, form jws.Form) message {
	m := message{payload: `{"identifiers":[]}`, encode: func(s string) string { return b64([]byte(s)) }, wrap: flattened}
	m.value = func(octets string) string { return h.sign(t, octets) }
	switch form {
	case jws.Request:
		m.header = object{"alg": "ES256", "kid": account, "nonce": nonce, "url": url}
	case jws.KeyInner:
		m.header = object{"alg": "ES256", "jwk": h.jwk, "url": url}
	case jws.External:
		m.header = object{"alg": "HS256", "kid": "kid-1", "url": url}
		m.value = func(octets string) string { return mac("HS256", secret, octets) }
	}
	return m
}

var secret = strings.Repeat("0123456789abcdef", 4)

// wants holds an error to a rule and a word; the zero Rule is no error.
func wants(t *testing.T, err error, rule jws.Rule, word string) {
	t.Helper()
	if rule == 0 {
		check(t, err)
		return
	}
	e := (*jws.Error)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("%v: want an *Error with rule %v", err, rule)
	}
	if e.Rule != rule || !strings.Contains(e.Error(), word) {
		t.Fatalf("%v: %q: want %v with %q in it", e.Rule, e, rule, word)
	}
}
