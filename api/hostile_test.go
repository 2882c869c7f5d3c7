package api

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// disclose adds a disclosure to the scene and gives its digest.
func (s *scene) disclose(disclosure string) string {
	text := b64([]byte(disclosure))
	s.disclosures += text + "~"
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:])
}

// TestHostile: everything that may be asked of a holder confirms, and what is sent
// with one thing wrong in it is an error or a verdict that says which rule.
func TestHostile(t *testing.T) {
	type flip struct {
		name        string
		flip        func(*scene)
		want, words string
	}
	twice := func(v any, member string) string { return "{" + member + "," + string(inJSON(t, v))[1:] }
	for group, flips := range map[string][]flip{
		"signatures swapped and written in another way": {
			{"as they were made", func(*scene) {}, "record_matches", ""},
			{"the issuer's in ASN.1", func(s *scene) { s.signed = reencoded(inASN1) }, "signature_invalid", "not as long as those of ES256"},
			{"the issuer's with n-s for s, which is as good a signature", func(s *scene) { s.signed = reencoded(otherS) }, "record_matches", ""},
			{"… when the holder has bound the other", func(s *scene) {
				s.presented = func(token string) string {
					jws, rest, _ := strings.Cut(token, "~")
					return reencoded(otherS)(jws) + "~" + rest
				}
			}, "key_binding_invalid", "payload.sd_hash"},
			{"… when only the proof was made for the other", func(s *scene) {
				s.envelope["check"] = []string{"signature", "dpop"}
				delete(s.envelope, "aud")
				s.presented = func(token string) string {
					jws, rest, _ := strings.Cut(token, "~")
					return reencoded(otherS)(jws) + "~" + rest
				}
			}, "dpop_invalid", "payload.ath"},
			{"the issuer's with s and r", func(s *scene) {
				s.signed = reencoded(func(r, n []byte) []byte { return append(slices.Clone(n), r...) })
			}, "signature_invalid", "signature: "},
			{"the issuer's with zeros before r and s", func(s *scene) {
				s.signed = reencoded(func(r, n []byte) []byte { return slices.Concat([]byte{0}, r, []byte{0}, n) })
			}, "signature_invalid", "not as long"},
			{"the issuer's of zeros", func(s *scene) {
				s.signed = reencoded(func(r, n []byte) []byte { return make([]byte, 64) })
			}, "signature_invalid", "signature: "},
			{"the holder's for the issuer's", func(s *scene) { s.issuer.private = s.holder.private }, "signature_invalid", "signature: "},
			{"the issuer's for the holder's", func(s *scene) { s.binder = s.issuer }, "key_binding_invalid", "signature: "},
			{"the key binding's for the proof's", func(s *scene) {
				s.envelope["dpop"] = object{"proof": s.holder.sign(t, s.kbHeader, s.kb), "htm": "GET", "htu": ourURL}
			}, "dpop_invalid", "header.typ"},
			{"with padding", func(s *scene) { s.signed = func(jws string) string { return jws + "==" } }, "malformed", "signature: not base64url"},
			{"with bits to spare", func(s *scene) { s.signed = spareBits }, "malformed", "signature: not base64url"},
			{"in base64 of another alphabet", func(s *scene) {
				s.signed = func(jws string) string { return jws[:len(jws)-4] + "+/" + jws[len(jws)-2:] }
			}, "malformed", "signature: not base64url"},
			{"with a line end in it", func(s *scene) {
				s.signed = func(jws string) string { return jws[:len(jws)-4] + "\n" + jws[len(jws)-4:] }
			}, "malformed", "signature: not base64url"},
			{"the proof's with bits to spare", func(s *scene) {
				s.envelope["dpop"] = object{"proof": spareBits(s.holder.sign(t, s.proofHeader, s.proof)), "htm": "GET", "htu": ourURL}
			}, "dpop_invalid", "signature: not base64url"},
		},
		"members given twice": {
			{"none", func(*scene) {}, "record_matches", ""},
			{"alg in the header", func(s *scene) { s.header = twice(s.header, `"alg":"none"`) }, "malformed", "header.alg: given twice"},
			{"alg in the header, with escapes", func(s *scene) { s.header = twice(s.header, `"\u0061lg":"none"`) }, "malformed", "header.alg: given twice"},
			{"iss in the claims", func(s *scene) { s.claims = twice(s.claims, `"iss":"https://other.example"`) }, "malformed", "claims.iss: given twice"},
			{"cnf in the claims", func(s *scene) { s.claims = twice(s.claims, `"cnf":{}`) }, "malformed", "claims.cnf"},
			{"a claim that nobody reads", func(s *scene) { s.claims = twice(s.claims, `"x":{"a":[{"b":1,"b":2}]}`) }, "malformed", "claims.x.a[0].b: given twice"},
			{"jwk in cnf", func(s *scene) {
				s.claim("cnf", nil)
				s.claims = twice(s.claims, `"cnf":{"jwk":`+string(inJSON(t, s.holder.jwk))+`,"jwk":`+string(inJSON(t, s.issuer.jwk))+`}`)
			}, "malformed", "claims.cnf.jwk: given twice"},
			{"x in the key", func(s *scene) {
				s.claim("cnf", nil)
				s.claims = twice(s.claims, `"cnf":{"jwk":`+twice(s.holder.jwk, `"x":"AA"`)+`}`)
			}, "malformed", "claims.cnf.jwk.x: given twice"},
			{"cnf and what looks like it", func(s *scene) { s.claim("Cnf", object{}) }, "malformed", "differs only in case from cnf"},
			{"cnf and what looks like it in Unicode", func(s *scene) { s.claim("\u017fub", "https://other.example") }, "malformed", "differs only in case from sub"},
		},
		"disclosures": {
			{"one that hashes", func(s *scene) { s.claim("_sd", []string{s.disclose(`["s","name","x"]`)}) }, "record_matches", ""},
			{"one that does not", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","name","x"]`)})
				s.disclosures = b64([]byte(`["s","name","y"]`)) + "~"
			}, "malformed", "disclosures[0]: nothing in the token refers to it"},
			{"one written in another way", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","name","x"]`)})
				s.disclosures = b64([]byte(`["s", "name","x"]`)) + "~"
			}, "malformed", "disclosures[0]: nothing in the token refers to it"},
			{"one with bits to spare", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["ss","name","x"]`)})
				s.disclosures = spareBits(strings.TrimSuffix(s.disclosures, "~")) + "~"
			}, "malformed", "disclosures: not base64url"},
			{"one with padding, as it was hashed", func(s *scene) {
				text := base64.URLEncoding.EncodeToString([]byte(`["s","name","xx"]`))
				sum := sha256.Sum256([]byte(text))
				s.claim("_sd", []string{b64(sum[:])})
				s.disclosures = text + "~"
			}, "malformed", "disclosures: not base64url"},
			{"none where the holder has bound one", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","name","x"]`)})
				s.presented = func(token string) string { return strings.Replace(token, s.disclosures, "", 1) }
			}, "key_binding_invalid", "payload.sd_hash"},
			{"one more than the holder has bound", func(s *scene) {
				one, two := s.disclose(`["s","name","x"]`), s.disclose(`["s","role","admin"]`)
				s.claim("_sd", []string{one, two})
				sent := s.disclosures
				s.disclosures = sent[:strings.IndexByte(sent, '~')+1]
				s.presented = func(token string) string { return strings.Replace(token, s.disclosures, sent, 1) }
			}, "key_binding_invalid", "payload.sd_hash"},
			{"two in another order than the holder has bound", func(s *scene) {
				one, two := s.disclose(`["s","name","x"]`), s.disclose(`["s","role","admin"]`)
				s.claim("_sd", []string{one, two})
				a, b, _ := strings.Cut(s.disclosures, "~")
				s.presented = func(token string) string { return strings.Replace(token, s.disclosures, b+a+"~", 1) }
			}, "key_binding_invalid", "payload.sd_hash"},
			{"cnf", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","cnf",{"jwk":` + string(inJSON(t, s.holder.jwk)) + `}]`)})
				s.claim("cnf", nil)
			}, "malformed", "discloses cnf"},
			{"a coordinate of the key", func(s *scene) {
				jwk := object{"kty": "EC", "crv": "P-256", "y": s.holder.jwk["y"]}
				jwk["_sd"] = []string{s.disclose(`["s","x","` + s.holder.jwk["x"].(string) + `"]`)}
				s.claim("cnf", object{"jwk": jwk})
			}, "not-reducible", "members in disclosures"},
			{"sub", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","sub","https://vendor.example"]`)})
				s.claim("sub", nil)
			}, "record_matches", ""},
			{"sub withheld", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","sub","https://vendor.example"]`)})
				s.claim("sub", nil)
				s.disclosures = ""
			}, "not-derivable", "disclosure"},
			{"another sub than is signed", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","sub","https://other.example"]`)})
			}, "malformed", "claims.sub: given twice"},
			{"iss disclosed", func(s *scene) {
				s.claim("_sd", []string{s.disclose(`["s","iss","` + issuerName + `"]`)})
				s.claim("iss", nil)
			}, "record_matches", ""},
			{"exp disclosed, and past", func(s *scene) {
				s.claim("_sd", []string{s.disclose(fmt.Sprintf(`["s","exp",%d]`, at.Unix()-61))})
				s.claim("exp", nil)
			}, "expired", ""},
		},
		"clocks off": {
			{"none", func(*scene) {}, "record_matches", ""},
			{"exp a second within the leeway", func(s *scene) { s.claim("exp", at.Unix()-59) }, "record_matches", ""},
			{"exp at its end", func(s *scene) { s.claim("exp", at.Unix()-60) }, "expired", ""},
			{"exp in milliseconds, past for ever not", func(s *scene) { s.claim("exp", at.UnixMilli()) }, "record_matches", ""},
			{"exp before the epoch", func(s *scene) { s.claim("exp", -1) }, "expired", ""},
			{"exp past any number", func(s *scene) { s.claims = twice(s.claims, `"exp":1e400`) }, "malformed", "claims.exp"},
			{"exp past 64 bits", func(s *scene) {
				s.claim("exp", nil)
				s.claims = twice(s.claims, `"exp":9223372036854775808`)
			}, "malformed", "claims.exp: not a date"},
			{"exp in text", func(s *scene) { s.claim("exp", "2027-01-01T00:00:00Z") }, "malformed", "claims.exp: not a number"},
			{"nbf within the leeway", func(s *scene) { s.claim("nbf", at.Unix()+60) }, "record_matches", ""},
			{"nbf a second past it", func(s *scene) { s.claim("nbf", at.Unix()+61) }, "not_yet_valid", ""},
			{"nbf in milliseconds", func(s *scene) { s.claim("nbf", at.UnixMilli()) }, "not_yet_valid", ""},
			{"a key binding of the future", func(s *scene) { s.kb["iat"] = at.Unix() + 61 }, "key_binding_invalid", "payload.iat: in the future"},
			{"a key binding of yesterday", func(s *scene) { s.kb["iat"] = at.Unix() - 86400 }, "key_binding_invalid", "payload.iat: too old"},
			{"a key binding in milliseconds", func(s *scene) { s.kb["iat"] = at.UnixMilli() }, "key_binding_invalid", "payload.iat: in the future"},
			{"a key binding of no time", func(s *scene) { delete(s.kb, "iat") }, "key_binding_invalid", "payload.iat: missing"},
			{"a proof of the future", func(s *scene) { s.proof["iat"] = at.Unix() + 61 }, "dpop_invalid", "payload.iat: in the future"},
			{"a proof at the end of its life", func(s *scene) { s.proof["iat"] = at.Unix() - 120 }, "record_matches", ""},
			{"a proof past it", func(s *scene) { s.proof["iat"] = at.Unix() - 121 }, "dpop_invalid", "payload.iat: too old"},
			{"a proof of the last day of all", func(s *scene) { s.proof["iat"] = int64(1<<63 - 1) }, "dpop_invalid", "payload.iat: in the future"},
			{"a proof of the first day of all", func(s *scene) { s.proof["iat"] = int64(-1 << 63) }, "dpop_invalid", "payload.iat: too old"},
		},
	} {
		for _, c := range flips {
			t.Run(group+": "+c.name, func(t *testing.T) {
				s := newScene(t)
				c.flip(s)
				if a := s.ask(); !a.is(c.want, c.words) {
					t.Errorf("got %+v, want %s, %q", a, c.want, c.words)
				}
			})
		}
	}
}

// reencoded writes the signature of a JWS in another way.
func reencoded(write func(r, s []byte) []byte) func(string) string {
	return func(jws string) string {
		at := strings.LastIndexByte(jws, '.') + 1
		sig, _ := base64.RawURLEncoding.DecodeString(jws[at:])
		return jws[:at] + b64(write(sig[:32], sig[32:]))
	}
}

func inASN1(r, s []byte) []byte {
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
	return der
}

func otherS(r, s []byte) []byte {
	n := elliptic.P256().Params().N
	return append(slices.Clone(r), new(big.Int).Sub(n, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))...)
}

// spareBits sets the last of the bits that base64url text of 64 octets, or of any
// number that three does not divide, has to spare.
func spareBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + alphabet[i|1:i|1+1]
}

// TestReplayed: a proof is taken once, and again in no other writing of it. One that
// came with a token that was not confirmed is not used up.
func TestReplayed(t *testing.T) {
	s := newScene(t)
	if a := s.ask(); !a.is("record_matches", "") || a.DPoP != "valid" {
		t.Fatalf("got %+v", a)
	}
	proof := s.envelope["dpop"].(object)["proof"].(string)
	wants := func(name, proof, want, words string) {
		t.Helper()
		s.envelope["dpop"] = object{"proof": proof, "htm": "GET", "htu": ourURL}
		if a := s.again(); !a.is(want, words) || a.DPoP != "not_checked" {
			t.Errorf("%s: got %+v", name, a)
		}
	}
	const replayed = "payload.jti: used before"
	wants("the same", proof, "dpop_replayed", replayed)
	wants("with the other s", reencoded(otherS)(proof), "dpop_replayed", replayed)
	wants("signed anew", s.holder.sign(t, s.proofHeader, s.proof), "dpop_replayed", replayed)
	s.proof["iat"] = at.Unix() + 30
	wants("signed anew, later", s.holder.sign(t, s.proofHeader, s.proof), "dpop_replayed", replayed)
	wants("by another", newSomebody(t).sign(t, s.proofHeader, s.proof), "dpop_invalid", "signature: ")
	s.envelope["dpop"] = object{"proof": proof, "htm": "POST", "htu": ourURL}
	if a := s.again(); !a.is("dpop_invalid", "payload.htm") {
		t.Errorf("for another method: %+v", a)
	}
	s.proof["jti"] = "2"
	s.envelope["dpop"] = object{"proof": s.holder.sign(t, s.proofHeader, s.proof), "htm": "GET", "htu": ourURL}
	s.envelope["nonce"] = "another"
	if a := s.again(); !a.is("key_binding_invalid", "payload.nonce") {
		t.Errorf("got %+v", a)
	}
	s.envelope["nonce"] = ourNonce
	if a := s.again(); !a.is("record_matches", "") || a.DPoP != "valid" {
		t.Errorf("used up by what did not confirm: %+v", a)
	}
	if a := s.again(); !a.is("dpop_replayed", replayed) {
		t.Errorf("got %+v", a)
	}
}
