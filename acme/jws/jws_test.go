package jws_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"cnfd/acme/jws"
	"cnfd/thumbprint"
)

// TestParse: a request is read, and with one thing changed it is not, with a
// reason that says what to do.
func TestParse(t *testing.T) {
	h := newHolder(t)
	header := func(name string, value any) func(*message) {
		return func(m *message) { m.header = with(m.header, name, value) }
	}
	wrap := func(f func(protected, payload, signature string) string) func(*message) {
		return func(m *message) { m.wrap = f }
	}
	for _, c := range []struct {
		name   string
		change func(*message)
		rule   jws.Rule
		word   string
	}{
		{"a request of an account", func(*message) {}, 0, ""},
		{"POST-as-GET", func(m *message) { m.payload = "" }, 0, ""},
		{"a request with its own key", func(m *message) { m.header = with(with(m.header, "kid", nil), "jwk", h.jwk) }, 0, ""},
		{"members that nobody knows", header("x", object{"a": []int{1}}), 0, ""},
		{"a type", header("typ", "jose+json"), 0, ""},
		{"members that nobody knows, around", wrap(func(a, b, c string) string { return flattened(a, b, c)[:1] + `"x":{},` + flattened(a, b, c)[1:] }), 0, ""},
		{"white space", wrap(func(a, b, c string) string {
			return "\r\n\t" + strings.ReplaceAll(flattened(a, b, c), ":", " : ") + "\n"
		}), 0, ""},
		{"escapes", wrap(func(a, b, c string) string { return flattened(`\u0065`+a[1:], b, c) }), 0, ""},

		{"compact serialization", wrap(func(a, b, c string) string { return a + "." + b + "." + c }), jws.Malformed, "compact serialization"},
		{"general serialization", wrap(func(a, b, c string) string {
			return `{"payload":"` + b + `","signatures":[{"protected":"` + a + `","signature":"` + c + `"}]}`
		}), jws.Malformed, "general JSON serialization"},
		{"signatures beside a signature", wrap(func(a, b, c string) string {
			return flattened(a, b, c)[:1] + `"signatures":[],` + flattened(a, b, c)[1:]
		}), jws.Malformed, "signatures"},
		{"an unprotected header", wrap(func(a, b, c string) string {
			return flattened(a, b, c)[:1] + `"header":{"alg":"ES256"},` + flattened(a, b, c)[1:]
		}), jws.Malformed, "unprotected header"},
		{"an empty unprotected header", wrap(func(a, b, c string) string { return flattened(a, b, c)[:1] + `"header":{},` + flattened(a, b, c)[1:] }), jws.Malformed, "unprotected header"},
		{"a member twice", wrap(func(a, b, c string) string { return flattened(a, b, c)[:1] + `"payload":"",` + flattened(a, b, c)[1:] }), jws.Malformed, "payload: given twice"},
		{"a member twice, escaped", wrap(func(a, b, c string) string {
			return flattened(a, b, c)[:1] + `"p\u0061yload":"",` + flattened(a, b, c)[1:]
		}), jws.Malformed, "given twice"},
		{"a member in another case", wrap(func(a, b, c string) string { return flattened(a, b, c)[:1] + `"Payload":"",` + flattened(a, b, c)[1:] }), jws.Malformed, "differs only in case"},
		{"an unprotected header in another case", wrap(func(a, b, c string) string { return flattened(a, b, c)[:1] + `"Header":{},` + flattened(a, b, c)[1:] }), jws.Malformed, "differs only in case"},
		{"no protected", wrap(func(a, b, c string) string { return `{"payload":"` + b + `","signature":"` + c + `"}` }), jws.Malformed, "protected: missing"},
		{"no payload", wrap(func(a, b, c string) string { return `{"protected":"` + a + `","signature":"` + c + `"}` }), jws.Malformed, "payload: missing"},
		{"no signature", wrap(func(a, b, c string) string { return `{"protected":"` + a + `","payload":"` + b + `"}` }), jws.Malformed, "signature: missing"},
		{"an empty protected", wrap(func(a, b, c string) string { return flattened("", b, c) }), jws.Malformed, "protected: empty"},
		{"an empty signature", wrap(func(a, b, c string) string { return flattened(a, b, "") }), jws.Malformed, "signature: empty"},
		{"a payload that is an object", wrap(func(a, b, c string) string { return strings.Replace(flattened(a, b, c), `"`+b+`"`, `{}`, 1) }), jws.Malformed, "payload: not a string"},
		{"a payload of null", wrap(func(a, b, c string) string { return strings.Replace(flattened(a, b, c), `"`+b+`"`, `null`, 1) }), jws.Malformed, "payload: not a string"},
		{"two requests", wrap(func(a, b, c string) string { return flattened(a, b, c) + flattened(a, b, c) }), jws.Malformed, "trailing data"},
		{"an array", wrap(func(a, b, c string) string { return "[" + flattened(a, b, c) + "]" }), jws.Malformed, "not an object"},
		{"nothing", wrap(func(a, b, c string) string { return "" }), jws.Malformed, "jws"},
		{"a body of 50,000 octets", wrap(func(a, b, c string) string { return pad(flattened(a, b, c), jws.MaxBody) }), 0, ""},
		{"a body of 50,001 octets", wrap(func(a, b, c string) string { return pad(flattened(a, b, c), jws.MaxBody+1) }), jws.Malformed, "50,000"},

		{"padded base64url", func(m *message) {
			m.encode = func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }
		}, jws.Malformed, "padded base64url"},
		{"a padded payload", wrap(func(a, b, c string) string { return flattened(a, b+"=", c) }), jws.Malformed, "payload: padded base64url"},
		{"a padded signature", wrap(func(a, b, c string) string { return flattened(a, b, c+"==") }), jws.Malformed, "signature: padded base64url"},
		{"a plus", wrap(func(a, b, c string) string { return flattened(a, "ab+c", c) }), jws.Malformed, "payload: standard base64"},
		{"a slash", wrap(func(a, b, c string) string { return flattened(a, "ab/c", c) }), jws.Malformed, "payload: standard base64"},
		{"an escaped slash", wrap(func(a, b, c string) string { return flattened(a, `ab\/c`, c) }), jws.Malformed, "payload: standard base64"},
		{"standard base64 with padding", wrap(func(a, b, c string) string { return flattened(a, "a/c=", c) }), jws.Malformed, "payload: padded standard base64"},
		{"a line's end", wrap(func(a, b, c string) string { return flattened(a, `e30\n`, c) }), jws.Malformed, "something else"},
		{"a space", wrap(func(a, b, c string) string { return flattened(a, "e30 ", c) }), jws.Malformed, "something else"},
		{"one letter", wrap(func(a, b, c string) string { return flattened(a, "e30ab", c) }), jws.Malformed, "cut off"},
		{"bits to spare", wrap(func(a, b, c string) string { return flattened(a, "e31", c) }), jws.Malformed, "bits to spare"},

		{"a header that is no object", func(m *message) { m.headerRaw = "[]" }, jws.Malformed, "protected: not an object"},
		{"a header with more behind it", func(m *message) { m.headerRaw = text(t, m.header) + "{}" }, jws.Malformed, "trailing data"},
		{"a header member twice", func(m *message) { m.headerRaw = `{"alg":"ES256",` + text(t, m.header)[1:] }, jws.Malformed, "alg: given twice"},
		{"a header member in another case", header("Alg", "none"), jws.Malformed, "differs only in case"},
		{"another key's name in another case", header("JWK", h.jwk), jws.Malformed, "differs only in case"},
		{"crit", header("crit", []string{"exp"}), jws.Malformed, "critical extensions"},
		{"an empty crit", header("crit", []string{}), jws.Malformed, "critical extensions"},
		{"b64", header("b64", false), jws.Malformed, "b64"},
		{"b64 of true", header("b64", true), jws.Malformed, "b64"},
		{"jku", header("jku", "https://a.example/"), jws.Malformed, "another way to name a key"},
		{"x5u", header("x5u", "https://a.example/"), jws.Malformed, "another way to name a key"},
		{"x5c", header("x5c", []string{}), jws.Malformed, "another way to name a key"},

		{"no alg", header("alg", nil), jws.Malformed, "alg: missing"},
		{"alg a number", header("alg", 1), jws.Malformed, "alg: not a string"},
		{"none", header("alg", "none"), jws.Algorithm, "signs nothing"},
		{"None", header("alg", "None"), jws.Algorithm, "signs nothing"},
		{"an empty alg", header("alg", ""), jws.Algorithm, "RS256, RS384"},
		{"HS256", header("alg", "HS256"), jws.Algorithm, "a MAC"},
		{"HS512", header("alg", "HS512"), jws.Algorithm, "a MAC"},
		{"PS256", header("alg", "PS256"), jws.Algorithm, "not an algorithm that is taken"},
		{"ES256K", header("alg", "ES256K"), jws.Algorithm, "not an algorithm that is taken"},
		{"Ed448", header("alg", "Ed448"), jws.Algorithm, "not an algorithm that is taken"},
		{"es256", header("alg", "es256"), jws.Algorithm, "not an algorithm that is taken"},
		{"RS1", header("alg", "RS1"), jws.Algorithm, "not an algorithm that is taken"},

		{"jwk and kid", header("jwk", h.jwk), jws.Malformed, "both jwk and kid"},
		{"neither jwk nor kid", header("kid", nil), jws.Malformed, "neither jwk nor kid"},
		{"an empty kid", header("kid", ""), jws.Malformed, "kid"},
		{"a kid with a space", header("kid", "a b"), jws.Malformed, "kid"},
		{"a kid that is not ASCII", header("kid", "https://ca.example/é"), jws.Malformed, "kid"},
		{"a kid with a control character", header("kid", "https://ca.example/\n"), jws.Malformed, "kid"},
		{"no url", header("url", nil), jws.Malformed, "url: missing"},
		{"an empty url", header("url", ""), jws.Malformed, "url"},
		{"a url with a line's end", header("url", url+"\n"), jws.Malformed, "url"},
		{"a url that is an array", header("url", []string{url}), jws.Malformed, "url: not a string"},
		{"no nonce", header("nonce", nil), jws.Nonce, "Replay-Nonce"},
		{"an empty nonce", header("nonce", ""), jws.Nonce, "Replay-Nonce"},
		{"a nonce of another alphabet", header("nonce", "a+b/"), jws.Malformed, "nonce: standard base64"},
		{"a padded nonce", header("nonce", nonce+"=="), jws.Malformed, "nonce: padded base64url"},
		{"a nonce of one letter", header("nonce", "a"), jws.Malformed, "nonce"},
		{"a nonce that is a number", header("nonce", 1), jws.Malformed, "nonce: not a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := h.message(t, jws.Request)
			c.change(&m)
			got, err := jws.Parse(m.body(t), jws.Request)
			wants(t, err, c.rule, c.word)
			if (got == nil) != (c.rule != 0) {
				t.Fatal("a message and an error, or neither")
			}
			if got == nil {
				return
			}
			if string(got.Payload) != m.payload || got.Nonce != nonce || got.URL != url || got.Algorithm.String() != "ES256" {
				t.Fatalf("read as %+v", got)
			}
			if (got.JWK != nil) == (got.KID != "") || got.KID != "" && got.KID != account || (got.JWK == nil) != got.Key.IsZero() {
				t.Fatalf("signer read as %q, %q", got.KID, got.JWK)
			}
		})
	}
}

// pad makes a body so many octets long.
func pad(body string, n int) string { return body + strings.Repeat(" ", n-len(body)) }

// TestKeys: which keys a request may bring. Each is refused for its own reason,
// before any signature is looked at, and nothing of it is repeated.
func TestKeys(t *testing.T) {
	h := newHolder(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(t, err)
	rsaJWK := publicJWK(t, rsaKey.Public())
	const d = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
	for _, c := range []struct {
		name, alg string
		jwk       any
		rule      jws.Rule
		word      string
	}{
		{"P-256", "ES256", h.jwk, 0, ""},
		{"P-384", "ES384", publicJWK(t, p384.Public()), 0, ""},
		{"RSA", "RS256", rsaJWK, 0, ""},
		{"Ed25519", "EdDSA", object{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, 0, ""},
		{"Ed25519 by its name of RFC 9864", "Ed25519", object{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, 0, ""},
		{"another curve than the algorithm's", "ES384", h.jwk, jws.Algorithm, "ES384 is not for the key in jwk, which is EC P-256"},
		{"another type than the algorithm's", "RS256", h.jwk, jws.Algorithm, "RS256 is not for"},
		{"a private EC key", "ES256", with(h.jwk, "d", d), jws.Key, "private key"},
		{"a private RSA key", "RS256", with(rsaJWK, "d", d), jws.Key, "private key"},
		{"a prime of an RSA key", "RS256", with(rsaJWK, "p", d), jws.Key, "private key"},
		{"an empty d", "ES256", with(h.jwk, "d", ""), jws.Key, "private key"},
		{"a symmetric key", "ES256", object{"kty": "oct", "k": d}, jws.Key, "symmetric"},
		{"secp256k1", "ES256", object{"kty": "EC", "crv": "secp256k1", "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g", "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}, jws.Key, "not a type of key that is taken"},
		{"X25519", "EdDSA", object{"kty": "OKP", "crv": "X25519", "x": b64(x25519.PublicKey().Bytes())}, jws.Key, "not a type of key that is taken"},
		{"Ed448", "EdDSA", object{"kty": "OKP", "crv": "Ed448", "x": "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"}, jws.Key, "not a type of key that is taken"},
		{"an RSA key of 1024 bits", "RS256", with(rsaJWK, "n", b64(append([]byte{0x81}, make([]byte, 127)...))), jws.Key, "2048"},
		{"an RSA exponent of 40 bits", "RS256", with(rsaJWK, "e", "AQAAAAE"), jws.Key, "exponent"},
		{"off the curve", "ES256", with(h.jwk, "y", h.jwk["x"]), jws.Key, "not, with y, a point"},
		{"no x", "ES256", with(h.jwk, "x", nil), jws.Key, "x is missing"},
		{"a padded coordinate", "ES256", with(h.jwk, "x", h.jwk["x"].(string)+"="), jws.Key, "without padding"},
		{"no kty", "ES256", with(h.jwk, "kty", nil), jws.Key, "kty"},
		{"a string", "ES256", "key", jws.Key, "not an object"},
		{"an array", "ES256", []any{}, jws.Key, "not an object"},
		{"a member in another case", "ES256", with(h.jwk, "X", "AA"), jws.Key, "differs only in case"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, form := range []jws.Form{jws.Request, jws.KeyInner} {
				m := h.message(t, form)
				m.header = with(with(with(m.header, "kid", nil), "jwk", c.jwk), "alg", c.alg)
				got, err := jws.Parse(m.body(t), form)
				wants(t, err, c.rule, c.word)
				if err != nil {
					if strings.Contains(err.Error(), d) {
						t.Fatal("the key is repeated")
					}
					continue
				}
				if string(got.JWK) != text(t, c.jwk) {
					t.Fatalf("jwk %s", got.JWK)
				}
				want, err := thumbprint.OfJWK([]byte(text(t, c.jwk)), thumbprint.SHA256)
				check(t, err)
				if got.Key.JKT(thumbprint.SHA256) != want {
					t.Fatal("another key")
				}
			}
		})
	}
	t.Run("null", func(t *testing.T) {
		m := h.message(t, jws.KeyInner)
		m.headerRaw = `{"alg":"ES256","jwk":null,"url":"` + url + `"}`
		_, err := jws.Parse(m.body(t), jws.KeyInner)
		wants(t, err, jws.Key, "not an object")
	})
}

// TestForms: each form has what belongs to it, and nothing of the others.
func TestForms(t *testing.T) {
	h := newHolder(t)
	for _, c := range []struct {
		name   string
		form   jws.Form
		change func(object) object
		rule   jws.Rule
		word   string
	}{
		{"an inner object", jws.KeyInner, func(o object) object { return o }, 0, ""},
		{"an inner object with a nonce", jws.KeyInner, func(o object) object { return with(o, "nonce", nonce) }, jws.Malformed, "nonce: only the outer"},
		{"an inner object with an empty nonce", jws.KeyInner, func(o object) object { return with(o, "nonce", "") }, jws.Malformed, "nonce: only the outer"},
		{"an inner object without a key", jws.KeyInner, func(o object) object { return with(o, "jwk", nil) }, jws.Malformed, "jwk: missing"},
		{"an inner object with a kid", jws.KeyInner, func(o object) object { return with(o, "kid", account) }, jws.Malformed, "kid: the inner object"},
		{"an inner object without a url", jws.KeyInner, func(o object) object { return with(o, "url", nil) }, jws.Malformed, "url: missing"},
		{"an inner object with a MAC", jws.KeyInner, func(o object) object { return with(o, "alg", "HS256") }, jws.Algorithm, "a MAC"},
		{"an inner object with none", jws.KeyInner, func(o object) object { return with(o, "alg", "none") }, jws.Algorithm, "signs nothing"},
		{"a binding", jws.External, func(o object) object { return o }, 0, ""},
		{"a binding with HS384", jws.External, func(o object) object { return with(o, "alg", "HS384") }, 0, ""},
		{"a binding with HS512", jws.External, func(o object) object { return with(o, "alg", "HS512") }, 0, ""},
		{"a binding whose kid has a space", jws.External, func(o object) object { return with(o, "kid", "account 1") }, 0, ""},
		{"a binding with a nonce", jws.External, func(o object) object { return with(o, "nonce", nonce) }, jws.Malformed, "nonce: only the outer"},
		{"a binding without a kid", jws.External, func(o object) object { return with(o, "kid", nil) }, jws.Malformed, "kid: missing"},
		{"a binding with an empty kid", jws.External, func(o object) object { return with(o, "kid", "") }, jws.Malformed, "kid: empty"},
		{"a binding with a key", jws.External, func(o object) object { return with(o, "jwk", h.jwk) }, jws.Malformed, "jwk: an external account"},
		{"a binding without a url", jws.External, func(o object) object { return with(o, "url", nil) }, jws.Malformed, "url: missing"},
		{"a binding that is signed", jws.External, func(o object) object { return with(o, "alg", "ES256") }, jws.Algorithm, "want a MAC"},
		{"a binding with none", jws.External, func(o object) object { return with(o, "alg", "none") }, jws.Algorithm, "want a MAC"},
		{"a binding with hs256", jws.External, func(o object) object { return with(o, "alg", "hs256") }, jws.Algorithm, "want a MAC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := h.message(t, c.form)
			m.header = c.change(m.header)
			got, err := jws.Parse(m.body(t), c.form)
			wants(t, err, c.rule, c.word)
			if err == nil && (got.Nonce != "" || got.URL != url || (got.JWK != nil) != (c.form == jws.KeyInner) || (got.Algorithm == 0) != (c.form == jws.External)) {
				t.Fatalf("read as %+v", got)
			}
		})
	}
	t.Run("one form is not taken for another", func(t *testing.T) {
		for made := range jws.External + 1 {
			for read := range jws.External + 3 {
				_, err := jws.Parse(h.message(t, made).body(t), read)
				if (err == nil) != (made == read) {
					t.Errorf("made as %d, read as %d: %v", made, read, err)
				}
			}
		}
	})
}

// TestAlgorithms: what is advertised is what is taken, in names that a problem
// document can carry.
func TestAlgorithms(t *testing.T) {
	want := []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
	if got := jws.Algorithms(); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	jws.Algorithms()[0] = "none"
	if jws.Algorithms()[0] != "RS256" {
		t.Fatal("the list can be changed")
	}
	h := newHolder(t)
	for _, alg := range append(want, "PS256", "ES256K", "HS256", "none", "ML-DSA-44") {
		m := h.message(t, jws.Request)
		m.header = with(m.header, "alg", alg)
		if _, err := jws.Parse(m.body(t), jws.Request); (err == nil) != slices.Contains(want, alg) {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// TestLittleIsAllocated: a request costs its text, its parts and its key.
func TestLittleIsAllocated(t *testing.T) {
	body := newHolder(t).message(t, jws.Request).body(t)
	if n := testing.AllocsPerRun(100, func() { _, _ = jws.Parse(body, jws.Request) }); n > 10 {
		t.Errorf("%v allocations", n)
	}
}

// TestErrorsArePlain: an error repeats nothing of what a stranger has sent.
func TestErrorsArePlain(t *testing.T) {
	const mark = "MARKMARK"
	h := newHolder(t)
	for _, name := range []string{"alg", "kid", "url", "nonce", "jwk", "crit", "b64", "x5c"} {
		for _, value := range []any{mark + "\n", object{mark: mark}, []string{mark}} {
			m := h.message(t, jws.Request)
			m.header = with(m.header, name, value)
			_, err := jws.Parse(m.body(t), jws.Request)
			if err == nil {
				t.Errorf("%s: %v was read", name, value)
			} else if strings.Contains(err.Error(), mark) {
				t.Errorf("%s: repeated: %v", name, err)
			}
			if _, ok := err.(*jws.Error); err != nil && !ok {
				t.Errorf("%T", err)
			}
		}
	}
}
