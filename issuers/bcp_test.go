package issuers_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/issuers"
)

// One test a rule of RFC 8725 (JWT BCP) that a signature check can break. Each
// begins with a token that is signed. What becomes of iss, sub and aud (§3.8,
// §3.9) is for who asks.

// §2.1, §3.1: the algorithm is not the token's to choose. An HMAC whose secret is
// what the issuer has published is none.
func TestBCP31AlgorithmConfusion(t *testing.T) {
	m := loadMade(t)
	set := m.set(t)
	named, _ := m.token(t, "RS256")
	wants(t, issuers.Judge(read(t, named), set, nil), 0)
	if len(m.Confused) != 24 {
		t.Fatalf("%d tokens", len(m.Confused))
	}
	for _, token := range m.Confused {
		wants(t, issuers.Judge(read(t, token), set, nil), issuers.Algorithm)
		wants(t, issuers.Judge(read(t, token), parse(t, m.PEM["RS256"]), nil), issuers.Algorithm)
		wants(t, issuers.Judge(read(t, token), parse(t, m.PEM["ES256"]), nil), issuers.Algorithm)
	}
	// And no key of an issuer is ever a secret.
	for _, file := range []string{`{"kty":"oct","k":"AAAA"}`, `{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256","use":"sig"}]}`} {
		if set, err := issuers.Parse([]byte(file)); err == nil {
			t.Errorf("a secret is a key: %v", set)
		}
	}
}

// §2.1, §3.2: a token that nobody has signed is none, however it writes none.
func TestBCP32None(t *testing.T) {
	key := newEC(t, elliptic.P256())
	set := issuers.Set{keyOf(t, key, "")}
	token := jwt(t, "ES256", key, "", nil)
	wants(t, issuers.Judge(read(t, token), set, nil), 0)
	parts := strings.Split(token, ".")
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", " none", "null"} {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
		for _, sig := range []string{"", parts[2]} {
			c, err := credential.Parse([]byte(header+"."+parts[1]+"."+sig), nil)
			if err != nil {
				continue // refused before anybody asks who has signed it
			}
			wants(t, issuers.Judge(&c, set, nil), issuers.Algorithm)
		}
	}
	// The signature taken away, of another's length, with octets to spare, in ASN.1.
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	check(t, err)
	der, err := key.Sign(nil, make([]byte, 32), crypto.SHA256)
	check(t, err)
	for _, sig := range [][]byte{raw[:63], append(slices.Clone(raw), 0), make([]byte, 64), make([]byte, 1), der} {
		c, err := credential.Parse([]byte(parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(sig)), nil)
		check(t, err)
		wants(t, issuers.Judge(&c, set, nil), issuers.Signature)
	}
}

// §3.1: the key says what it is for, and a JWK without alg is for what fits it.
func TestBCP31OneAlgorithmAKey(t *testing.T) {
	m := loadMade(t)
	named, nameless := m.token(t, "PS256")
	wants(t, issuers.Judge(read(t, named), m.set(t), nil), 0)
	renamed := parse(t, strings.ReplaceAll(string(m.JWKS), `"alg": "PS256"`, `"alg": "RS256"`))
	wants(t, issuers.Judge(read(t, named), renamed, nil), issuers.Algorithm)
	wants(t, issuers.Judge(read(t, nameless), renamed, nil), issuers.NoKey)
}

// §3.4: a signature of nobody. ECDSA with r and s zero, or of the order
// (CVE-2022-21449), is none of any key's.
func TestBCP34PsychicSignatures(t *testing.T) {
	key := newEC(t, elliptic.P256())
	set := issuers.Set{keyOf(t, key, "")}
	token := jwt(t, "ES256", key, "", nil)
	wants(t, issuers.Judge(read(t, token), set, nil), 0)
	order := elliptic.P256().Params().N
	half := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
	at := strings.LastIndexByte(token, '.') + 1
	raw, err := base64.RawURLEncoding.DecodeString(token[at:])
	check(t, err)
	s := new(big.Int).SetBytes(raw[32:])
	for claim, sig := range map[string][]byte{
		"zeros": make([]byte, 64), "the order": append(half(order), half(order)...), "one and zero": append(half(big.NewInt(1)), half(new(big.Int))...),
		"zero and one": append(half(new(big.Int)), half(big.NewInt(1))...), "s of another sign and r zero": append(half(new(big.Int)), half(new(big.Int).Sub(order, s))...),
	} {
		t.Run(claim, func(t *testing.T) {
			wants(t, issuers.Judge(read(t, token[:at]+base64.RawURLEncoding.EncodeToString(sig)), set, nil), issuers.Signature)
		})
	}
}

// §3.5: a key too short to sign with is none.
func TestBCP35WeakKeys(t *testing.T) {
	m := loadMade(t)
	whole := parse(t, m.JWKS)
	if len(whole) != 10 {
		t.Fatalf("%d keys", len(whole))
	}
	for claim, jwk := range map[string]string{
		"RSA of 1024 bits": `{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, append(make([]byte, 126), 1)...)) + `"}`,
		"RSA with e = 1":   `{"kty":"RSA","e":"AQ","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, append(make([]byte, 254), 1)...)) + `"}`,
		"off its curve":    `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`,
	} {
		t.Run(claim, func(t *testing.T) {
			if set, err := issuers.Parse([]byte(jwk)); err == nil {
				t.Errorf("a key: %v", set)
			}
		})
	}
	// A point of small order verifies one signature for every message: a Key, but
	// nobody's signature.
	small := parse(t, `{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	edwards := newEd25519(t)
	token := jwt(t, "EdDSA", edwards, "", nil)
	wants(t, issuers.Judge(read(t, token), issuers.Set{keyOf(t, edwards, "")}, nil), 0)
	forged := append([]byte{1}, make([]byte, 63)...)
	wants(t, issuers.Judge(read(t, token[:strings.LastIndexByte(token, '.')+1]+base64.RawURLEncoding.EncodeToString(forged)), small, nil), issuers.Signature)
}

// §3.10: a key that a token brings, or points to, is nobody's.
func TestBCP310KeysInHeaders(t *testing.T) {
	m := loadMade(t)
	set := m.set(t)
	named, _ := m.token(t, "ES256")
	wants(t, issuers.Judge(read(t, named), set, nil), 0)
	if len(m.Embedded) != 5 {
		t.Fatalf("%d tokens", len(m.Embedded))
	}
	for claim, token := range m.Embedded {
		t.Run(claim, func(t *testing.T) {
			wants(t, issuers.Judge(read(t, token), set, nil), issuers.Signature)
			wants(t, issuers.Judge(read(t, token), nil, nil), issuers.NoKey)
		})
	}
	// The issuer's own tokens may have such headers: they are not looked at.
	key := newEC(t, elliptic.P256())
	for _, header := range []string{"jku", "x5u"} {
		wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", map[string]any{header: "https://stranger.example/"})), issuers.Set{keyOf(t, key, "")}, nil), 0)
	}
	// Nor is a kid that is a URL, a path or a statement more than a name.
	for _, kid := range []string{"https://stranger.example/key", "../../../../dev/null", "' OR 1=1 --"} {
		token := jwt(t, "ES256", key, kid, nil)
		wants(t, issuers.Judge(read(t, token), issuers.Set{keyOf(t, key, kid)}, nil), 0)
		wants(t, issuers.Judge(read(t, token), issuers.Set{keyOf(t, key, "k")}, nil), issuers.NoKey)
	}
}

// §3.11, §3.12: what an issuer signs for another purpose is no credential.
func TestBCP311AnotherKindOfToken(t *testing.T) {
	key := newEC(t, elliptic.P256())
	set := issuers.Set{keyOf(t, key, "")}
	wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", map[string]any{"typ": "at+jwt"})), set, nil), 0)
	wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", map[string]any{"typ": "logout+jwt"})), set, nil), issuers.Type)
	wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", map[string]any{"typ": "logout+jwt"})), set, &issuers.Terms{Types: []string{"at+jwt"}}), issuers.Type)
}
