package jws_test

import (
	"crypto"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme/jws"
	"cnfd/thumbprint"
)

// FuzzParse: whatever is read go-jose reads too, to the same payload, header and
// key, and whatever verifies verifies there.
func FuzzParse(f *testing.F) {
	h := newHolder(f)
	for form := range jws.External + 1 {
		f.Add(h.message(f, form).body(f), uint8(form))
	}
	m := h.message(f, jws.Request)
	for _, change := range []func(message) message{
		func(m message) message { m.payload = ""; return m },
		func(m message) message {
			m.header = with(with(m.header, "kid", nil), "jwk", with(h.jwk, "use", "sig"))
			return m
		},
		func(m message) message {
			m.headerRaw = `{"\u0061lg":"ES256","kid":"\/","url":"\u0061","nonce":"AA"}`
			return m
		},
		func(m message) message { m.header = with(m.header, "typ", []any{1.5e3, nil, object{}}); return m },
		func(m message) message {
			m.wrap = func(a, b, c string) string { return flattened(a, b+"=", c) + ` "header":{}` }
			return m
		},
		func(m message) message {
			m.wrap = func(a, b, c string) string { return a + "." + b + "." + c }
			return m
		},
	} {
		f.Add(change(m).body(f), uint8(jws.Request))
	}
	for _, s := range signers(f) {
		f.Add(joseSigned(f, s.algs[0], s.key, "", []byte("{}"), jws.Request), uint8(jws.Request))
	}
	f.Fuzz(func(t *testing.T, body []byte, form uint8) { agrees(t, body, jws.Form(form)) })
}

// FuzzHeader is FuzzParse for what stands in the header, of which hardly a change
// is base64url any more.
func FuzzHeader(f *testing.F) {
	h := newHolder(f)
	for form := range jws.External + 1 {
		f.Add([]byte(text(f, h.message(f, form).header)), []byte("{}"), uint8(form))
	}
	for _, s := range signers(f) {
		f.Add([]byte(`{"alg":"`+s.algs[0]+`","jwk":`+text(f, publicJWK(f, s.key.Public()))+`,"nonce":"AA","url":"u"}`), []byte{}, uint8(jws.Request))
	}
	f.Add([]byte(`{"alg":"Ed25519","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":""},"url":"u"}`), []byte{}, uint8(jws.KeyInner))
	f.Add([]byte(`{"alg":"none","Alg":"ES256","crit":["b64"],"b64":false,"x5c":[],"typ":[1.5e3,null,{}]}`), []byte{}, uint8(jws.External))
	f.Fuzz(func(t *testing.T, header, payload []byte, form uint8) {
		protected, content := b64(header), b64(payload)
		agrees(t, []byte(flattened(protected, content, b64([]byte(mac("HS256", secret, protected+"."+content))))), jws.Form(form))
	})
}

// agrees holds one message to go-jose.
func agrees(t *testing.T, body []byte, form jws.Form) {
	t.Helper()
	m, err := jws.Parse(body, form)
	if err != nil {
		if e, ok := err.(*jws.Error); !ok || e.Rule < jws.Malformed || e.Rule > jws.Nonce || e.What == "" || m != nil {
			t.Fatalf("%#v", err)
		}
		return
	}
	key, plain := plainKey(t, m.JWK)
	theirs, err := jose.ParseSignedJSON(string(body), all)
	if err != nil {
		if !plain {
			return // go-jose judges members of a JWK that say nothing of the key
		}
		t.Fatalf("go-jose refuses what is read: %v", err)
	}
	header := theirs.Signatures[0].Protected
	if string(theirs.UnsafePayloadWithoutVerification()) != string(m.Payload) || header.KeyID != m.KID || header.Nonce != m.Nonce || header.ExtraHeaders["url"] != m.URL {
		t.Fatalf("%+v, and go-jose %+v", m, header)
	}
	if m.Algorithm != 0 && header.Algorithm != m.Algorithm.String() || m.Algorithm == 0 && !slices.Contains([]string{"HS256", "HS384", "HS512"}, header.Algorithm) {
		t.Fatalf("%v, and go-jose %v", m.Algorithm, header.Algorithm)
	}
	if (header.JSONWebKey != nil) != (m.JWK != nil) {
		t.Fatal("one has a key")
	}
	if m.JWK != nil {
		sum, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
		check(t, err)
		if !m.Key.JKT(thumbprint.SHA256).Equal(sum) || key.Private() {
			t.Fatal("another key")
		}
		if m.Verify(m.Key) == nil && header.Algorithm != "Ed25519" { // go-jose knows EdDSA by its old name only
			if _, err := theirs.Verify(header.JSONWebKey); err != nil {
				t.Fatalf("go-jose does not verify what verifies: %v", err)
			}
		}
	}
	if m.VerifyMAC([]byte(secret)) == nil {
		if _, err := theirs.Verify([]byte(secret)); err != nil {
			t.Fatalf("go-jose does not verify what verifies: %v", err)
		}
	}
	if form == jws.External && wrongly(t, m) {
		t.Fatal("a MAC is taken for a signature")
	}
}

// plainKey reads the key again; plain is whether its jwk holds what a public key needs and no more.
func plainKey(t *testing.T, text []byte) (key thumbprint.Key, plain bool) {
	t.Helper()
	if text == nil {
		return key, true
	}
	key, err := thumbprint.ParseJWK(text)
	check(t, err)
	var members map[string]any
	check(t, json.Unmarshal(text, &members))
	for name := range members {
		if !slices.Contains([]string{"kty", "crv", "x", "y", "n", "e"}, name) {
			return key, false
		}
	}
	return key, true
}

// wrongly reports whether any key of an external account's message is taken for
// one that verifies it: the secret as a symmetric key, or a key in it.
func wrongly(t *testing.T, m *jws.Message) bool {
	t.Helper()
	symmetric, err := thumbprint.ParseJWK([]byte(`{"kty":"oct","k":"` + b64([]byte(secret)) + `"}`))
	check(t, err)
	return m.Verify(symmetric) == nil || m.Verify(m.Key) == nil
}
