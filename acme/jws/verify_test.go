package jws_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"cnfd/acme/jws"
	"cnfd/thumbprint"
)

func (h *holder) public(t testing.TB) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.KeyOf(h.key.Public())
	check(t, err)
	return key
}

// TestVerify: the key that has signed verifies; any other key, and any change to
// what was signed, does not.
func TestVerify(t *testing.T) {
	h, other := newHolder(t), newHolder(t)
	ed448, err := thumbprint.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed448","x":"X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"}`))
	check(t, err)
	ed25519, err := thumbprint.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	check(t, err)
	small, err := thumbprint.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"` + b64(make([]byte, 32)) + `"}`))
	check(t, err)
	secretKey, err := thumbprint.ParseJWK([]byte(`{"kty":"oct","k":"` + b64([]byte(secret)) + `"}`))
	check(t, err)
	der := func(octets string) string { // r and s in ASN.1, as OpenSSL gives them
		sig := []byte(h.sign(t, octets))
		for sig[0] >= 0x80 || sig[32] >= 0x80 || sig[0] == 0 || sig[32] == 0 {
			sig = []byte(h.sign(t, octets))
		}
		return string(append(append([]byte{0x30, 68, 2, 32}, sig[:32]...), append([]byte{2, 32}, sig[32:]...)...))
	}
	for _, c := range []struct {
		name   string
		change func(*message)
		key    thumbprint.Key
		rule   jws.Rule
	}{
		{"the key", func(*message) {}, h.public(t), 0},
		{"nothing to say", func(m *message) { m.payload = "" }, h.public(t), 0},
		{"another key", func(*message) {}, other.public(t), jws.Signature},
		{"no key", func(*message) {}, thumbprint.Key{}, jws.Key},
		{"a key of another type", func(*message) {}, ed25519, jws.Algorithm},
		{"a key of a type that is not taken", func(m *message) { m.header = with(m.header, "alg", "EdDSA") }, ed448, jws.Key},
		{"a symmetric key", func(*message) {}, secretKey, jws.Key},
		{"a key of small order", func(m *message) {
			m.header = with(m.header, "alg", "EdDSA")
			m.value = func(string) string { return string(append([]byte{1}, make([]byte, 63)...)) }
		}, small, jws.Key},
		{"a signature in ASN.1", func(m *message) { m.value = der }, h.public(t), jws.Signature},
		{"a signature cut short", func(m *message) {
			m.value = func(octets string) string { return h.sign(t, octets)[:63] }
		}, h.public(t), jws.Signature},
		{"a signature of zeros", func(m *message) { m.value = func(string) string { return string(make([]byte, 64)) } }, h.public(t), jws.Signature},
		{"another payload", func(m *message) {
			m.wrap = func(a, b, c string) string { return flattened(a, b64([]byte("{}")), c) }
		}, h.public(t), jws.Signature},
		{"another header", func(m *message) {
			m.wrap = func(a, b, c string) string {
				header, err := base64.RawURLEncoding.DecodeString(a)
				check(t, err)
				return flattened(b64(bytes.Replace(header, []byte("new-order"), []byte("new-authz"), 1)), b, c)
			}
		}, h.public(t), jws.Signature},
		{"no payload in place of one", func(m *message) { m.wrap = func(a, b, c string) string { return flattened(a, "", c) } }, h.public(t), jws.Signature},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := h.message(t, jws.Request)
			c.change(&m)
			got, err := jws.Parse(m.body(t), jws.Request)
			check(t, err)
			wants(t, got.Verify(c.key), c.rule, "")
			wants(t, got.VerifyMAC([]byte(secret)), jws.Algorithm, "not a MAC")
		})
	}
	t.Run("a message's own key", func(t *testing.T) {
		got, err := jws.Parse(h.message(t, jws.KeyInner).body(t), jws.KeyInner)
		check(t, err)
		wants(t, got.Verify(got.Key), 0, "")
		wants(t, got.Verify(other.public(t)), jws.Signature, "")
	})
	t.Run("a message of nothing", func(t *testing.T) {
		wants(t, new(jws.Message).Verify(h.public(t)), jws.Algorithm, "")
		wants(t, new(jws.Message).VerifyMAC([]byte(secret)), jws.Algorithm, "")
	})
}

// TestVerifyMAC: the secret that has made it verifies, at a length that RFC 7518
// §3.2 allows; nothing else does.
func TestVerifyMAC(t *testing.T) {
	h := newHolder(t)
	for _, c := range []struct {
		name, alg, made, held string
		rule                  jws.Rule
		word                  string
	}{
		{"HS256", "HS256", secret, secret, 0, ""},
		{"HS384", "HS384", secret, secret, 0, ""},
		{"HS512", "HS512", secret, secret, 0, ""},
		{"32 octets for HS256", "HS256", secret[:32], secret[:32], 0, ""},
		{"31 octets for HS256", "HS256", secret[:31], secret[:31], jws.Algorithm, "32 octets that HS256"},
		{"47 octets for HS384", "HS384", secret[:47], secret[:47], jws.Algorithm, "48 octets that HS384"},
		{"32 octets for HS512", "HS512", secret[:32], secret[:32], jws.Algorithm, "64 octets that HS512"},
		{"another secret", "HS256", secret, strings.Repeat("x", 32), jws.Signature, "not made with the key"},
		{"the beginning of the secret", "HS256", secret, secret[:40], jws.Signature, ""},
		{"no secret", "HS256", "", "", jws.Algorithm, "shorter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := h.message(t, jws.External)
			m.header = with(m.header, "alg", c.alg)
			m.value = func(octets string) string { return mac(c.alg, c.made, octets) }
			got, err := jws.Parse(m.body(t), jws.External)
			check(t, err)
			wants(t, got.VerifyMAC([]byte(c.held)), c.rule, c.word)
			wants(t, got.Verify(h.public(t)), jws.Algorithm, "")
		})
	}
	t.Run("a MAC cut short, or too long", func(t *testing.T) {
		for _, cut := range []func(string) string{func(s string) string { return s[:16] }, func(s string) string { return s + s }} {
			m := h.message(t, jws.External)
			m.value = func(octets string) string { return cut(mac("HS256", secret, octets)) }
			got, err := jws.Parse(m.body(t), jws.External)
			check(t, err)
			wants(t, got.VerifyMAC([]byte(secret)), jws.Signature, "")
		}
	})
}
