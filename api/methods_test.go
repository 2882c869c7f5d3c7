package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/credential"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

const (
	vendor   = "https://vendor.example"
	publicB  = "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs" // publicSum in base64url
	asSDJWT  = "Content-Type: application/dc+sd-jwt"
	asCWT    = "Content-Type: application/cwt"
	jktURI   = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"
	cktURI   = "urn:ietf:params:oauth:ckt:sha-256:"
	noRecord = "record_absent"
)

// unhex reads a digest in hexadecimal.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(text)
	must(t, err)
	return octets
}

func inCBOR(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	must(t, err)
	return b
}

// asked is what the API says of a credential over a DNS of one record.
func asked(t testing.TB, owner string, sum []byte, c verifier.Config, body, kind string) answer {
	t.Helper()
	c.Source, c.Now = &source{name: owner, data: append([]byte{255, 255, 255}, sum...)}, clock
	v, err := verifier.New(c)
	must(t, err)
	return read(t, send(newHandler(t, Config{Verifier: v}), "POST", "/v1/verify", body, kind))
}

// coseKey is publicJWK as a COSE_Key.
func coseKey(t testing.TB) map[int]any {
	k, err := thumbprint.ParseJWK([]byte(publicJWK))
	must(t, err)
	point, err := k.Public().(interface{ Bytes() ([]byte, error) }).Bytes()
	must(t, err)
	return map[int]any{1: 2, -1: 1, -2: point[1:33], -3: point[33:]}
}

// TestEveryMethodConfirms: each row of docs/profile.md §2, at the name that the
// method has, where it is turned on; one bit of the record off it is refuted, and
// where it is off it forms no question.
func TestEveryMethodConfirms(t *testing.T) {
	sum := unhex(t, publicSum)
	ckt, err := thumbprint.OfCOSEKey(inCBOR(t, coseKey(t)), thumbprint.SHA256)
	must(t, err)
	x5t := verifier.Config{Credential: credential.Options{Confirmation: thumbprint.Options{X5T: true}}}
	tbh := verifier.Config{Credential: credential.Options{Confirmation: thumbprint.Options{TBH: true}}}
	symmetric := verifier.Config{Credential: credential.Options{Confirmation: thumbprint.Options{Symmetric: true}}}
	secret := sha256.Sum256([]byte(`{"k":"c2VjcmV0","kty":"oct"}`))
	for _, c := range []struct {
		method string
		cnf    any // JSON in text, or a map of CBOR
		label  string
		sum    []byte
		on     verifier.Config
		off    string // what is said where it is not turned on; "" where it always is
	}{
		{"jwk", `{"jwk":` + publicJWK + `}`, "jwk.cnf", sum, verifier.Config{}, ""},
		{"jkt", `{"jkt":"` + publicB + `"}`, "jkt.cnf", sum, verifier.Config{}, ""},
		{"kid that is a thumbprint URI", `{"kid":"` + jktURI + publicB + `"}`, "kid.cnf", sum, verifier.Config{}, ""},
		{"x5t#S256", `{"x5t#S256":"` + publicB + `"}`, "x5t#s256.cnf", sum, x5t, "turn on record.x5t"},
		{"tbh", `{"tbh":"` + publicB + `"}`, "tbh.cnf", sum, tbh, "turn on record.tbh"},
		{"a symmetric jwk", `{"jwk":{"kty":"oct","k":"c2VjcmV0"}}`, "jwk.cnf", secret[:], symmetric, "turn on record.symmetric"},
		{"1, a COSE_Key", map[int]any{1: coseKey(t)}, "1.8", ckt.AppendSum(nil), verifier.Config{}, ""},
		{"1, a COSE_Key in a byte string", map[int]any{1: inCBOR(t, coseKey(t))}, "1.8", ckt.AppendSum(nil), verifier.Config{}, ""},
		{"3 that is a thumbprint URI", map[int]any{3: []byte(cktURI + publicB)}, "3.8", sum, verifier.Config{}, ""},
		{"5, ckt", map[int]any{5: sum}, "5.8", sum, verifier.Config{}, ""},
		{"323, jkt", map[int]any{323: sum}, "323.8", sum, verifier.Config{}, ""},
	} {
		t.Run(c.method, func(t *testing.T) {
			body, kind := string(inCBOR(t, map[int]any{2: vendor, 8: c.cnf})), asCWT
			if text, ok := c.cnf.(string); ok {
				body, kind = `{"claims":{"sub":"`+vendor+`","cnf":`+text+`}}`, asJSON
			}
			owner := c.label + ".vendor.example."
			if a := asked(t, owner, c.sum, c.on, body, kind); !a.is("record_matches", "") {
				t.Fatalf("got %+v", a)
			}
			flipped := bytes.Clone(c.sum)
			flipped[31] ^= 1
			if a := asked(t, owner, flipped, c.on, body, kind); !a.is("record_differs", "") {
				t.Errorf("one bit off: %+v", a)
			}
			if a := asked(t, "x."+owner, c.sum, c.on, body, kind); !a.is(noRecord, "") {
				t.Errorf("elsewhere: %+v", a)
			}
			if a := asked(t, owner, c.sum, verifier.Config{}, body, kind); c.off != "" && !a.is("not-reducible", c.off) {
				t.Errorf("turned off: %+v", a)
			}
			legacy := c.on
			legacy.Forms = []record.Form{record.Dotted, record.LegacyDID}
			if a := asked(t, "_did.vendor.example.", c.sum, legacy, body, kind); !a.is("record_matches", "") {
				t.Errorf("by _did: %+v", a)
			}
			if a := asked(t, "_did.vendor.example.", c.sum, c.on, body, kind); !a.is(noRecord, "") {
				t.Errorf("by _did, which is off: %+v", a)
			}
		})
	}
}

// TestSubjectsThatAreTurnedOn: each is a subject where it is turned on, and nowhere else.
func TestSubjectsThatAreTurnedOn(t *testing.T) {
	sum := unhex(t, publicSum)
	subjects := func(s record.Subjects) verifier.Config { return verifier.Config{Subjects: s} }
	vc := verifier.Config{Credential: credential.Options{CredentialSubject: true}}
	for _, c := range []struct {
		kind, claims string
		on           verifier.Config
	}{
		{"mailto", `"sub":"mailto:a@vendor.example"`, subjects(record.Subjects{Mailto: true})},
		{"acct", `"sub":"acct:a@vendor.example"`, subjects(record.Subjects{Acct: true})},
		{"spiffe", `"sub":"spiffe://vendor.example/a"`, subjects(record.Subjects{SPIFFE: true})},
		{"a bare host", `"sub":"vendor.example"`, subjects(record.Subjects{Bare: true})},
		{"credentialSubject.id", `"credentialSubject":{"id":"` + vendor + `"}`, vc},
		{"vc.credentialSubject.id", `"vc":{"credentialSubject":{"id":"` + vendor + `"}}`, vc},
	} {
		t.Run(c.kind, func(t *testing.T) {
			body := `{"claims":{` + c.claims + `,"cnf":{"jwk":` + publicJWK + `}}}`
			if a := asked(t, "jwk.cnf.vendor.example.", sum, c.on, body, asJSON); !a.is("record_matches", "") {
				t.Fatalf("got %+v", a)
			}
			if a := asked(t, "jwk.cnf.vendor.example.", sum, verifier.Config{}, body, asJSON); !a.is("not-derivable", "") {
				t.Errorf("turned off: %+v", a)
			}
			other := strings.Replace(body, "vendor.", "other.", 1)
			if a := asked(t, "jwk.cnf.vendor.example.", sum, c.on, other, asJSON); !a.is(noRecord, "") {
				t.Errorf("another: %+v", a)
			}
		})
	}
}

// TestEveryKindOfTokenConfirms: each of them with the same subject and key; then its
// subject is another, its key is another, or it is not that kind.
func TestEveryKindOfTokenConfirms(t *testing.T) {
	sum := unhex(t, publicSum)
	digest := func(text []byte) []byte { s := sha256.Sum256(text); return s[:] }
	// The parts of a token of a subject and a key.
	jsonCnf := func(sum []byte) string { return `"cnf":{"jkt":"` + b64(sum) + `"}` }
	mapOf := func(sub string, sum []byte) []byte {
		return inCBOR(t, map[int]any{2: sub, 8: map[int]any{5: sum}})
	}
	tag := func(n uint64, v any) cbor.Tag { return cbor.Tag{Number: n, Content: v} }
	es256, empty := []byte{0xa1, 0x01, 0x26}, map[int]any{}
	sign1 := func(sub string, sum []byte) cbor.Tag {
		return tag(18, []any{es256, empty, mapOf(sub, sum), []byte{0}})
	}
	mac0 := func(sub string, sum []byte) cbor.Tag {
		return tag(17, []any{[]byte{0xa1, 0x01, 0x05}, empty, mapOf(sub, sum), []byte{0}})
	}
	sdJWT := func(sub, claims string) string {
		disclosure := b64([]byte(`["s","sub","` + sub + `"]`))
		payload := `{"_sd":["` + b64(digest([]byte(disclosure))) + `"],` + claims + `}`
		return b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(payload)) + ".AAAA~" + disclosure + "~"
	}
	sdCWT := func(sub string, sum []byte) []byte {
		disclosure := inCBOR(t, []any{[]byte("salt"), sub, 2})
		claims := map[any]any{8: map[int]any{5: sum}, cbor.SimpleValue(59): [][]byte{digest(inCBOR(t, disclosure))}}
		return inCBOR(t, tag(18, []any{es256, map[int]any{17: [][]byte{disclosure}}, inCBOR(t, claims), []byte{0}}))
	}
	held := b64([]byte(`{"alg":"ES256","typ":"kb+jwt"}`)) + "." + b64([]byte(`{"nonce":"n"}`)) + ".AAAA"
	for _, c := range []struct {
		kind  string
		token func(sub string, sum []byte) string
		media string
	}{
		{"JWT", func(sub string, sum []byte) string { return unsigned(`{"sub":"` + sub + `",` + jsonCnf(sum) + `}`) }, asJWT},
		{"JWT in JSON", func(sub string, sum []byte) string {
			return `{"token":"` + unsigned(`{"sub":"`+sub+`",`+jsonCnf(sum)+`}`) + `"}`
		}, asJSON},
		{"SD-JWT whose sub is disclosed", func(sub string, sum []byte) string { return sdJWT(sub, jsonCnf(sum)) }, asSDJWT},
		{"SD-JWT with a key binding", func(sub string, sum []byte) string { return sdJWT(sub, jsonCnf(sum)) + held }, asSDJWT},
		{"SD-JWT as application/sd-jwt", func(sub string, sum []byte) string { return sdJWT(sub, jsonCnf(sum)) }, "Content-Type: application/sd-jwt"},
		{"SD-JWT in JSON", func(sub string, sum []byte) string { return `{"token":"` + sdJWT(sub, jsonCnf(sum)) + `"}` }, asJSON},
		{"claims map", func(sub string, sum []byte) string { return string(mapOf(sub, sum)) }, asCWT},
		{"COSE_Sign1", func(sub string, sum []byte) string { return string(inCBOR(t, sign1(sub, sum))) }, asCWT},
		{"COSE_Sign1 in the CWT tag", func(sub string, sum []byte) string { return string(inCBOR(t, tag(61, sign1(sub, sum)))) }, asCWT},
		{"COSE_Sign1 in base64url", func(sub string, sum []byte) string { return `{"token":"` + b64(inCBOR(t, sign1(sub, sum))) + `"}` }, asJSON},
		{"COSE_Sign", func(sub string, sum []byte) string {
			return string(inCBOR(t, tag(98, []any{[]byte{}, empty, mapOf(sub, sum), []any{[]any{es256, empty, []byte{0}}}})))
		}, asCWT},
		{"COSE_Mac0", func(sub string, sum []byte) string { return string(inCBOR(t, mac0(sub, sum))) }, asCWT},
		{"COSE_Mac0 in the CWT tag", func(sub string, sum []byte) string { return string(inCBOR(t, tag(61, mac0(sub, sum)))) }, asCWT},
		{"SD-CWT whose sub is disclosed", func(sub string, sum []byte) string { return string(sdCWT(sub, sum)) }, asCWT},
	} {
		t.Run(c.kind, func(t *testing.T) {
			owner := "5.8.vendor.example."
			if strings.Contains(c.kind, "JWT") {
				owner = "jkt.cnf.vendor.example."
			}
			ask := func(token string) answer { return asked(t, owner, sum, verifier.Config{}, token, c.media) }
			if a := ask(c.token(vendor, sum)); !a.is("record_matches", "") || a.Signature != "not_checked" {
				t.Fatalf("got %+v", a)
			}
			if a := ask(c.token("https://other.example", sum)); !a.is(noRecord, "") {
				t.Errorf("another subject: %+v", a)
			}
			if a := ask(c.token(vendor, make([]byte, 32))); !a.is("record_differs", "") {
				t.Errorf("another key: %+v", a)
			}
		})
	}
	disclosed := func(claim string) (digests, sent string) {
		text := b64([]byte(claim))
		return b64(digest([]byte(text))), "~" + text + "~"
	}
	d, sent := disclosed(`["s","cnf",{"jkt":"` + publicB + `"}]`)
	cnf := inCBOR(t, []any{[]byte("salt"), map[int]any{5: sum}, 8})
	for _, c := range []struct{ kind, token, media, words string }{
		{"SD-JWT whose cnf is disclosed", unsigned(`{"sub":"`+vendor+`","_sd":["`+d+`"]}`) + sent, asSDJWT, "discloses cnf"},
		{"SD-CWT whose cnf is disclosed", string(inCBOR(t, tag(18, []any{es256, map[int]any{17: [][]byte{cnf}},
			inCBOR(t, map[any]any{2: vendor, cbor.SimpleValue(59): [][]byte{digest(inCBOR(t, cnf))}}), []byte{0}}))), asCWT, "discloses cnf"},
		{"KB-JWT in place of a credential", b64([]byte(`{"alg":"ES256","typ":"kb+jwt"}`)) + "." + b64([]byte(`{"sub":"`+vendor+`",`+jsonCnf(sum)+`}`)) + ".AAAA", asJWT, "a token of the key's holder"},
		{"claims map in base64url, which nobody has signed", `{"token":"` + b64(mapOf(vendor, sum)) + `"}`, asJSON, "a bare CWT claims map is not a token"},
		{"COSE_Encrypt0", string(inCBOR(t, tag(16, []any{[]byte{0xa1, 1, 1}, empty, []byte{0}}))), asCWT, "encrypted: decrypt it"},
		{"COSE_Sign1 without its tag", string(inCBOR(t, sign1(vendor, sum).Content)), asCWT, "its tag"},
	} {
		if a := asked(t, "5.8.vendor.example.", sum, verifier.Config{}, c.token, c.media); !a.is("malformed", c.words) {
			t.Errorf("%s: %+v", c.kind, a)
		}
	}
}
