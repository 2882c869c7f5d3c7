package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf16"

	"cnfd/signature"
)

// TestJWTBestPractice has at least one row for each rule of RFC 8725 §3 and of its
// revision (draft-ietf-oauth-rfc8725bis-03, "bis") that applies to who takes JWTs,
// asked of the API: the scene confirms with every check on, and with one thing changed
// it says which rule that breaks. docs/behaviours.md has the table of the rules.
func TestJWTBestPractice(t *testing.T) {
	for _, c := range []struct {
		rule  string
		flip  func(*scene)
		want  string // a reason or a problem
		words string // of its detail
	}{
		{"nothing is changed", func(*scene) {}, "record_matches", ""},

		{"3.1 the algorithm is not that of the key", func(s *scene) { s.head("alg", "ES384") }, "signature_invalid", "no key for ES384"},
		{"3.1 the algorithm is of another kind of key", func(s *scene) { s.head("alg", "RS256") }, "signature_invalid", "no key for RS256"},
		{"3.1 the algorithm is not the issuer's", func(s *scene) { s.terms.Algorithms = []signature.Algorithm{signature.EdDSA} }, "signature_invalid", "alg: ES256 is not one"},
		{"3.1 the key is for another algorithm", func(s *scene) { s.key.Algorithms = []signature.Algorithm{signature.ES512} }, "signature_invalid", "ES256"},
		{"3.1 bis: an algorithm in another case", func(s *scene) { s.head("alg", "es256") }, "signature_invalid", "alg: "},
		{"3.1 the proof's algorithm is not that of its key", func(s *scene) { s.proofHeader["alg"] = "PS256" }, "dpop_invalid", "algorithm: "},
		{"3.1 the key binding's algorithm is not that of its key", func(s *scene) { s.kbHeader["alg"] = "EdDSA" }, "key_binding_invalid", "algorithm: "},

		{"3.2 none", func(s *scene) { s.head("alg", "none") }, "malformed", "none: an unsecured token proves nothing"},
		{"3.2 bis: none in another case", func(s *scene) { s.head("alg", "noNE") }, "malformed", "none: an unsecured token proves nothing"},
		{"3.2 none, and no signature", func(s *scene) {
			s.head("alg", "none")
			s.presented = func(token string) string { return strings.SplitAfterN(token, ".", 3)[0] + "e30.~" }
		}, "malformed", "none"},
		{"3.2 no signature", func(s *scene) {
			s.signed = func(jws string) string { return jws[:strings.LastIndexByte(jws, '.')+1] }
		}, "malformed", "signature: empty"},
		{"3.2 HMAC with the public key", func(s *scene) {
			s.head("alg", "HS256")
			s.signed = func(jws string) string {
				octets := jws[:strings.LastIndexByte(jws, '.')]
				public, _ := json.Marshal(s.issuer.jwk)
				m := hmac.New(sha256.New, public)
				m.Write([]byte(octets))
				return octets + "." + b64(m.Sum(nil))
			}
		}, "signature_invalid", "alg: "},
		{"3.2 a proof of none", func(s *scene) { s.proofHeader["alg"] = "none" }, "dpop_invalid", "none"},

		{"3.3 an octet of the signature", func(s *scene) { s.signed = flipLetter }, "signature_invalid", "signature: "},
		{"3.3 another's signature", func(s *scene) { s.issuer = newSomebody(s.t) }, "signature_invalid", "signature: "},
		{"3.3 the key binding's signature", func(s *scene) { s.presented = flipLetter; s.bound = bindingsToo }, "key_binding_invalid", "signature: "},
		{"3.3 the proof's signature", func(s *scene) { s.prover = newSomebody(s.t) }, "dpop_invalid", "signature: "},
		{"3.3 a token within a token", func(s *scene) {
			s.head("cty", "JWT")
			s.claims = s.issuer.sign(s.t, object{"alg": "ES256"}, s.claims)
		}, "malformed", "claims"},
		{"3.3 bis: encrypted is not signed", func(s *scene) {
			s.presented = func(string) string { return s.encrypted() }
		}, "malformed", "an encrypted token (JWE, five parts)"},

		{"3.4 a point off its curve", func(s *scene) { s.holder.jwk["y"] = s.holder.jwk["x"] }, "malformed", "claims.cnf.jwk.x: not, with y, a point on the curve"},
		{"3.4 a proof's key off its curve", func(s *scene) {
			s.proofHeader["jwk"] = object{"kty": "EC", "crv": "P-256", "x": s.holder.jwk["x"], "y": s.holder.jwk["x"]}
		}, "dpop_invalid", "not, with y, a point on the curve"},
		{"3.4 a key that signs everything", func(s *scene) {
			s.claim("cnf", object{"jwk": object{"kty": "OKP", "crv": "Ed25519", "x": b64(append([]byte{1}, make([]byte, 31)...))}})
		}, "key_binding_invalid", ""},

		{"3.5 a key that can be guessed", func(s *scene) {
			s.claim("cnf", object{"jwk": object{"kty": "oct", "k": "c2VjcmV0"}})
		}, "not-reducible", "symmetric"},
		{"3.5 a proof whose key can be guessed", func(s *scene) { s.proofHeader["jwk"] = object{"kty": "oct", "k": "c2VjcmV0"} }, "dpop_invalid", "not a public key"},
		{"3.5 a private key", func(s *scene) { s.holder.jwk["d"] = b64(make([]byte, 32)) }, "malformed", "holds a private key"},

		{"3.6 a compressed payload", func(s *scene) { s.head("zip", "DEF") }, "malformed", "compressed"},

		{"3.7 not UTF-8", func(s *scene) {
			s.claims = strings.Replace(string(inJSON(s.t, s.claims)), `{`, "{\"name\":\"\xff\",", 1)
		}, "malformed", "claims.name"},
		{"3.7 UTF-16", func(s *scene) {
			var wide []byte
			for _, u := range utf16.Encode([]rune(string(inJSON(s.t, s.claims)))) {
				wide = append(wide, byte(u), byte(u>>8))
			}
			s.claims = string(wide)
		}, "malformed", "claims"},
		{"3.7 a byte order mark", func(s *scene) { s.claims = "\ufeff" + string(inJSON(s.t, s.claims)) }, "malformed", "claims"},
		{"3.7 half a surrogate", func(s *scene) {
			s.claims = strings.Replace(string(inJSON(s.t, s.claims)), `{`, `{"name":"\ud800",`, 1)
		}, "malformed", "claims.name"},

		{"3.8 another issuer", func(s *scene) { s.claim("iss", "https://other.example") }, "signature_invalid", "claims.iss"},
		{"3.8 an issuer with a slash more", func(s *scene) { s.claim("iss", issuerName+"/") }, "signature_invalid", "claims.iss"},
		{"3.8 no issuer", func(s *scene) { s.claim("iss", nil) }, "signature_invalid", "claims.iss"},
		{"3.8 no subject", func(s *scene) { s.claim("sub", nil) }, "not-derivable", "sub"},
		{"3.8 a subject that names no domain", func(s *scene) { s.claim("sub", "urn:example:1") }, "not-derivable", ""},
		{"3.8 another subject", func(s *scene) { s.claim("sub", "https://other.example") }, "record_absent", ""},

		{"3.9 for another", func(s *scene) { s.claim("aud", "https://other.example") }, "audience_mismatch", "claims.aud: another"},
		{"3.9 for others and for us", func(s *scene) { s.claim("aud", []string{"https://other.example", ourName}) }, "record_matches", ""},
		{"3.9 for nobody", func(s *scene) { s.envelope["check"] = []string{"signature", "dpop", "mtls"} }, "audience_mismatch", "claims.aud: missing"},
		{"3.9 for what looks like an audience", func(s *scene) { s.claim("Aud", ourName) }, "malformed", "differs only in case from aud"},
		{"3.9 the key binding is for another", func(s *scene) { s.kb["aud"] = "https://other.example" }, "key_binding_invalid", "payload.aud"},

		{"3.10 a kid that is an injection", func(s *scene) { s.head("kid", "../../dev/null' OR 1=1 --\x00"); s.key.KID = "1" }, "signature_invalid", "kid: "},
		{"3.10 a key in the header is not the issuer's", func(s *scene) {
			s.issuer = newSomebody(s.t)
			s.head("jwk", s.issuer.jwk)
		}, "signature_invalid", "signature: "},
		{"3.10 a key by URL in place of a key", func(s *scene) { s.claim("cnf", object{"jku": "https://a.example/keys"}) }, "not-reducible", "never fetched"},

		{"3.11 a token of another type", func(s *scene) { s.head("typ", "logout+jwt") }, "signature_invalid", "typ: "},
		{"3.11 a request object", func(s *scene) { s.head("typ", "oauth-authz-req+jwt") }, "signature_invalid", "typ: "},
		{"3.11 a type of which the issuer signs none", func(s *scene) { s.terms.Types = []string{"example+sd-jwt"} }, "signature_invalid", "typ: "},
		{"3.11 a proof in place of a credential", func(s *scene) { s.head("typ", "dpop+jwt") }, "malformed", "header.typ"},
		{"3.11 … with application/ before it", func(s *scene) { s.head("typ", "application/KB+JWT") }, "malformed", "header.typ"},

		{"3.12 a key binding for a proof", func(s *scene) { s.proofHeader["typ"] = "kb+jwt" }, "dpop_invalid", "header.typ"},
		{"3.12 a proof for a key binding", func(s *scene) { s.kbHeader["typ"] = "dpop+jwt" }, "key_binding_invalid", "header.typ"},
		{"3.12 a token without type for either", func(s *scene) { delete(s.kbHeader, "typ") }, "key_binding_invalid", "header.typ"},

		{"3.14 bis: JSON serialization", func(s *scene) {
			s.presented = func(token string) string {
				parts := strings.Split(strings.TrimSuffix(token, "~"), ".")
				return string(inJSON(s.t, object{"protected": parts[0], "payload": parts[1], "signature": parts[2]}))
			}
		}, "malformed", ""},
		{"3.14 bis: JSON serialization around a compact one", func(s *scene) {
			s.presented = func(token string) string { return `{"` + token + `":"","payload":"AAAA"}` }
		}, "malformed", ""},
		{"3.14 bis: a space", func(s *scene) { s.presented = func(token string) string { return " " + token } }, "malformed", ""},
		{"3.14 bis: a line end inside", func(s *scene) { s.presented = func(token string) string { return token[:9] + "\n" + token[9:] } }, "malformed", ""},
		{"3.14 bis: padding", func(s *scene) {
			s.presented = func(token string) string { return strings.Replace(token, ".", "=.", 1) }
		}, "malformed", ""},
		{"3.14 bis: a fourth part", func(s *scene) {
			s.presented = func(token string) string { return strings.Replace(token, "~", ".AAAA~", 1) }
		}, "malformed", ""},
		{"3.14 a claim twice", func(s *scene) {
			s.claims = strings.Replace(string(inJSON(s.t, s.claims)), `{`, `{"sub":"https://other.example",`, 1)
		}, "malformed", "claims.sub: given twice"},
		{"3.14 a claim in another case", func(s *scene) { s.claim("SUB", "https://other.example") }, "malformed", "differs only in case from sub"},
		{"critical extensions (RFC 7515 §4.1.11)", func(s *scene) { s.head("crit", []string{"exp"}); s.head("exp", 1) }, "malformed", "header.crit"},
		{"an unencoded payload (RFC 7797 §7)", func(s *scene) { s.head("b64", false) }, "malformed", "header.b64"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newScene(t)
			c.flip(s)
			if a := s.ask(); !a.is(c.want, c.words) {
				t.Errorf("got %+v, want %s, %q", a, c.want, c.words)
			}
		})
	}
}

// flipLetter changes a letter of the last signature in a token.
func flipLetter(token string) string {
	at := len(token) - 10
	if token[at] == 'A' {
		return token[:at] + "B" + token[at+1:]
	}
	return token[:at] + "A" + token[at+1:]
}

// bindingsToo is what a proof is made over where the key binding is flipped: of the
// SD-JWT alone nothing is.
func bindingsToo(token string) string {
	if strings.HasSuffix(token, "~") {
		return token
	}
	return flipLetter(token)
}

// TestJWTBestPracticeOfEncryption holds the rules that are about JWEs: a key that was
// encrypted for this verifier confirms, signed by its issuer; then one thing is changed.
func TestJWTBestPracticeOfEncryption(t *testing.T) {
	header := func(h string, key, ciphertext int) func(string) string {
		return func(string) string {
			return strings.Join([]string{b64([]byte(h)), b64(make([]byte, key)), b64(make([]byte, 12)), b64(make([]byte, ciphertext)), b64(make([]byte, 16))}, ".")
		}
	}
	es := func(epk string) func(string) string {
		return header(`{"alg":"ECDH-ES","enc":"A256GCM","epk":`+epk+`}`, 0, 40)
	}
	for _, c := range []struct {
		rule        string
		flip        func(jwe string) string
		want, words string
	}{
		{"nothing is changed", func(jwe string) string { return jwe }, "record_matches", ""},
		{"3.1 an algorithm that no key is for", header(`{"alg":"A256KW","enc":"A256GCM"}`, 40, 40), "undecryptable", ""},
		{"3.1 bis: an algorithm in another case", header(`{"alg":"ecdh-es","enc":"A256GCM"}`, 0, 40), "not-reducible", "cnf.jwe.header.alg"},
		{"3.1 an unknown enc", header(`{"alg":"dir","enc":"A128CTR"}`, 0, 40), "not-reducible", "cnf.jwe.header.enc"},
		{"3.2 RSA1_5", header(`{"alg":"RSA1_5","enc":"A128GCM"}`, 256, 40), "not-reducible", "RFC 8725 §3.2"},
		{"3.3 an octet of the tag", flipTag, "undecryptable", ""},
		{"3.4 an epk off its curve", es(`{"kty":"EC","crv":"P-256","x":"mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA","y":"8BQBsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs"}`), "malformed", "cnf.jwe.header.epk.x: not, with y, a point on the curve"},
		{"3.4 an epk at infinity", es(`{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 32)) + `","y":"` + b64(make([]byte, 32)) + `"}`), "malformed", "cnf.jwe.header.epk"},
		{"3.4 an epk of small order", es(`{"kty":"OKP","crv":"X25519","x":"` + b64(make([]byte, 32)) + `"}`), "undecryptable", ""},
		{"3.4 an epk of another curve", es(`{"kty":"EC","crv":"secp256k1","x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`), "malformed", "cnf.jwe.header.epk"},
		{"3.5 a password", header(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAAAAAAAAA","p2c":4096}`, 24, 40), "not-reducible", "PBES2"},
		{"3.6 compressed", header(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`, 0, 40), "not-reducible", "RFC 8725 §3.6"},
		{"3.10 headers that point elsewhere", header(`{"alg":"dir","enc":"A128GCM","jku":"https://a.example/","x5u":"https://a.example/","kid":"../../etc/passwd"}`, 0, 40), "undecryptable", ""},
		{"3.13 bis: a billion iterations", header(`{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2s":"AAAAAAAAAAA","p2c":1000000000}`, 40, 40), "not-reducible", "PBES2"},
		{"3.15 bis: what would inflate", header(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`, 0, 20<<10), "not-reducible", "compressed"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newScene(t)
			s.claim("cnf", object{"jwe": c.flip(s.encrypted())})
			if a := s.ask(); !a.is(c.want, c.words) {
				t.Errorf("got %+v, want %s, %q", a, c.want, c.words)
			}
		})
	}
}

func flipTag(jwe string) string {
	at := strings.LastIndexByte(jwe, '.') + 1
	if jwe[at] == 'A' {
		return jwe[:at] + "B" + jwe[at+1:]
	}
	return jwe[:at] + "A" + jwe[at+1:]
}

// TestNothingIsFetchedForAToken: the URLs that stand in a token are of a server that
// would answer with the right keys, and that nobody asks (RFC 8725 §3.10).
func TestNothingIsFetchedForAToken(t *testing.T) {
	asked := 0
	var keys []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; w.Write(keys) }))
	defer server.Close()
	s := newScene(t)
	if a := s.ask(); !a.is("record_matches", "") {
		t.Fatalf("got %+v", a)
	}
	s = newScene(t)
	s.issuer = newSomebody(t) // its key is at the URL, and not configured
	keys = inJSON(t, object{"keys": []any{s.issuer.jwk}})
	for _, name := range []string{"jku", "x5u", "kid", "url"} {
		s.head(name, server.URL)
		s.kbHeader[name], s.proofHeader[name] = server.URL, server.URL
	}
	s.claim("vct", server.URL)
	s.claim("status", object{"status_list": object{"uri": server.URL, "idx": 0}})
	if a := s.ask(); !a.is("signature_invalid", "kid: ") && !a.is("signature_invalid", "signature: ") {
		t.Errorf("got %+v", a)
	}
	s.claim("cnf", object{"jku": server.URL, "kid": server.URL})
	if a := s.ask(); !a.is("not-reducible", "") {
		t.Errorf("got %+v", a)
	}
	if asked > 0 {
		t.Errorf("%d requests", asked)
	}
}
