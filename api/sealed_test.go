package api

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// vault is what others encrypted for keys that are there too:
// ../decryption/testdata/make.mjs and make.py.
type vault struct {
	JWK     json.RawMessage
	COSEKey string `json:"cose_key"`
	Keys    map[string]json.RawMessage
	JWE     []struct{ Alg, Enc, Key, Compact string }
	COSE    []struct{ Alg, To, Key, Message string }
}

func loadVault(t *testing.T, file string) (v vault) {
	t.Helper()
	octets, err := os.ReadFile("../decryption/testdata/" + file)
	must(t, err)
	must(t, json.Unmarshal(octets, &v))
	return v
}

// opener holds the key of one file; nil holds none.
func opener(t *testing.T, file []byte) thumbprint.Opener {
	t.Helper()
	var keys []decryption.Key
	var err error
	if file != nil {
		keys, err = decryption.Parse(file)
		must(t, err)
	}
	k, err := decryption.New(keys)
	must(t, err)
	return k
}

// unopened is the API of a verifier with an opener and one record.
func unopened(t *testing.T, owner string, digest thumbprint.Thumbprint, o thumbprint.Options) *handler {
	t.Helper()
	v, err := verifier.New(verifier.Config{
		Source:     &source{name: owner, data: append([]byte{255, 255, 255}, digest.AppendSum(nil)...)},
		Now:        clock,
		Credential: credential.Options{Confirmation: o},
	})
	must(t, err)
	return newHandler(t, Config{Verifier: v}).(*handler)
}

// sealedClaims are claims of vendor.example whose key is encrypted.
func sealedClaims(jwe string) (body, kind, owner string) {
	return `{"claims":{"sub":"https://vendor.example","cnf":{"jwe":"` + jwe + `"}}}`, asJSON, "jwe.cnf.vendor.example."
}

func sealedMap(t *testing.T, message string) (body, kind, owner string) {
	octets, err := hex.DecodeString(message)
	must(t, err)
	return "\xa2\x02\x76https://vendor.example\x08\xa1\x02" + string(octets), "Content-Type: application/cwt", "2.8.vendor.example."
}

// TestEveryEncryption: a key that others encrypted for this verifier, by every
// algorithm with every encryption, is confirmed by its record. A verifier without a
// key that fits has not looked at the record: what stands there, the right digest or
// another, confirms nothing and refutes nothing.
func TestEveryEncryption(t *testing.T) {
	npm, python := loadVault(t, "made.json"), loadVault(t, "made_by_python.json")
	other, err := thumbprint.OfJWK([]byte(publicJWK), thumbprint.SHA256)
	must(t, err)
	ask := func(name, body, kind, owner string, right thumbprint.Thumbprint, ours, strange []byte) {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				claim  string
				key    []byte
				record thumbprint.Thumbprint
				want   string
			}{
				{"with the key", ours, right, "record_matches"},
				{"with the key, and another record", ours, other, "record_differs"},
				{"with a stranger's key", strange, right, "undecryptable"},
				{"with a stranger's key, and another record", strange, other, "undecryptable"},
				{"with no key", nil, right, "undecryptable"},
				{"with no key, and another record", nil, other, "undecryptable"},
			} {
				h := unopened(t, owner, c.record, thumbprint.Options{Opener: opener(t, c.key)})
				a := read(t, send(h, "POST", "/v1/verify", body, kind))
				if !a.is(c.want, "") || (c.want == "undecryptable") != (a.Outcome == "unproven") {
					t.Errorf("%s: got %+v, want %s", c.claim, a, c.want)
				}
			}
		})
	}
	jkt, err := thumbprint.OfJWK(npm.JWK, thumbprint.SHA256)
	must(t, err)
	seen := map[string]bool{}
	for _, v := range npm.JWE {
		seen[v.Alg+" "+v.Enc+" "+v.Key] = true
		body, kind, owner := sealedClaims(v.Compact)
		ask(v.Alg+" "+v.Enc+" "+v.Key, body, kind, owner, jkt, npm.Keys[v.Key], python.stranger(v.Key))
	}
	for from, all := range map[string]vault{"npm": npm, "Python": python} {
		others := map[string]*vault{"npm": &python, "Python": &npm}[from]
		key, err := hex.DecodeString(all.COSEKey)
		must(t, err)
		ckt, err := thumbprint.OfCOSEKey(key, thumbprint.SHA256)
		must(t, err)
		for _, v := range all.COSE {
			seen["COSE "+v.Alg], seen["COSE to "+v.To] = true, true
			body, kind, owner := sealedMap(t, v.Message)
			ask(from+" "+v.Alg+" "+v.To+" "+v.Key, body, kind, owner, ckt, all.Keys[v.Key], others.stranger(v.Key))
		}
	}
	var want []string
	for _, enc := range []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"} {
		for _, alg := range []string{"RSA-OAEP rsa", "RSA-OAEP-256 rsa", "A128KW oct16", "A256KW oct32",
			"ECDH-ES p256", "ECDH-ES p384", "ECDH-ES p521", "ECDH-ES x25519",
			"ECDH-ES+A128KW p256", "ECDH-ES+A128KW p384", "ECDH-ES+A128KW p521", "ECDH-ES+A128KW x25519",
			"ECDH-ES+A256KW p256", "ECDH-ES+A256KW p384", "ECDH-ES+A256KW p521", "ECDH-ES+A256KW x25519"} {
			name, key, _ := strings.Cut(alg, " ")
			want = append(want, name+" "+enc+" "+key)
		}
	}
	want = append(want, "dir A128CBC-HS256 oct32", "dir A256CBC-HS512 oct64", "dir A128GCM oct16", "dir A256GCM oct32",
		"COSE A128GCM", "COSE A192GCM", "COSE A256GCM", "COSE ChaCha20/Poly1305",
		"COSE AES-CCM-16-64-128", "COSE AES-CCM-16-64-256", "COSE AES-CCM-64-64-128", "COSE AES-CCM-64-64-256",
		"COSE AES-CCM-16-128-128", "COSE AES-CCM-16-128-256", "COSE AES-CCM-64-128-128", "COSE AES-CCM-64-128-256",
		"COSE to ", "COSE to direct", "COSE to A128KW", "COSE to A192KW", "COSE to A256KW", "COSE to ECDH-ES+HKDF-256")
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("made were\n%q\nwant\n%q", got, want)
	}
}

// stranger gives somebody else's key of the same kind, of another where there is none.
func (v *vault) stranger(name string) []byte {
	if k := v.Keys[name]; k != nil {
		return k
	}
	return v.Keys["oct16"]
}

// TestExamplesOfTheRFCs: that of RFC 8747 §3.3 is opened, and refused for the
// symmetric key in it unless those are allowed; that of RFC 7517 Appendix C is refused
// for its password, and would be for the private key in it.
func TestExamplesOfTheRFCs(t *testing.T) {
	// RFC 8392 §A.2.2's key; the thumbprint is of the key {1: 4, -1: h'6684523a…'} in the message.
	const key, sum = "a3010420506162630405060708090a0b0c0d0e0f10030a", "2da55879ba557c46a6c173659ee9b97b03e67edfa755b64825742287692291bc"
	file, err := hex.DecodeString(key)
	must(t, err)
	octets, err := hex.DecodeString(sum)
	must(t, err)
	ckt, err := thumbprint.New(thumbprint.COSEKey, thumbprint.SHA256, octets)
	must(t, err)
	body, kind, owner := sealedMap(t, "8343a1010aa1054d636898994ff0ec7bfcf6d3f95b58300573318a3573eb983e55a7c2f06cadd0796c9e584f1d0e3ea8c5b052592a8b2694be9654f0431f38d5bbc8049fa7f13f")
	for _, c := range []struct {
		claim       string
		options     thumbprint.Options
		want, words string
	}{
		{"with its key, where symmetric keys are allowed", thumbprint.Options{Opener: opener(t, file), Symmetric: true}, "record_matches", ""},
		{"with its key", thumbprint.Options{Opener: opener(t, file)}, "not-reducible", "claims.8.2.1: a symmetric key"},
		{"without its key", thumbprint.Options{Opener: opener(t, nil)}, "undecryptable", ""},
		{"without its key, where symmetric keys are allowed", thumbprint.Options{Opener: opener(t, nil), Symmetric: true}, "undecryptable", ""},
	} {
		if a := read(t, send(unopened(t, owner, ckt, c.options), "POST", "/v1/verify", body, kind)); !a.is(c.want, c.words) {
			t.Errorf("%s: got %+v", c.claim, a)
		}
	}
	vectors, err := os.ReadFile("../thumbprint/testdata/thumbprints.json")
	must(t, err)
	var all []struct {
		Name             string
		Input, Plaintext json.RawMessage
	}
	must(t, json.Unmarshal(vectors, &all))
	i := 0
	for all[i].Name != "rfc7517-C-jwe-jwk" {
		i++
	}
	jwe := strings.Trim(string(all[i].Input), `"`)
	body, kind, _ = sealedClaims(jwe)
	h := unopened(t, "jwe.cnf.vendor.example.", ckt, thumbprint.Options{Opener: opener(t, nil)})
	if a := read(t, send(h, "POST", "/v1/verify", body, kind)); !a.is("not-reducible", "claims.cnf.jwe.header.alg: PBES2") {
		t.Errorf("RFC 7517 C: got %+v", a)
	}
	inTheClear := `{"claims":{"sub":"https://vendor.example","cnf":{"jwk":` + string(all[i].Plaintext) + `}}}`
	if a := read(t, send(h, "POST", "/v1/verify", inTheClear, asJSON)); !a.is("malformed", "claims.cnf.jwk: holds a private key") {
		t.Errorf("RFC 7517 C, in the clear: got %+v", a)
	}
}
