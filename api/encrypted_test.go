package api

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// TestAKeyThatIsEncrypted asks the API over the real verifier, which holds a recipient's key, of tokens that
// npm's jose encrypted a published key for: ../decryption/testdata/make.mjs.
func TestAKeyThatIsEncrypted(t *testing.T) {
	var made struct {
		JWK       json.RawMessage
		Keys      map[string]json.RawMessage
		JWE       []struct{ Alg, Enc, Key, Compact string }
		Symmetric struct{ JWE string }
	}
	file, err := os.ReadFile("../decryption/testdata/made.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &made); err != nil {
		t.Fatal(err)
	}
	jwe := map[string]string{}
	for _, v := range made.JWE {
		if v.Alg == "ECDH-ES" && v.Enc == "A256GCM" {
			jwe[v.Key] = v.Compact
		}
	}
	ours, others := jwe["p256"], jwe["p384"]
	if ours == "" || others == "" {
		t.Fatal("the messages are not there")
	}
	sum, err := thumbprint.OfJWK(made.JWK, thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	api := func(names ...string) *handler {
		var keys []decryption.Key
		for _, name := range names {
			some, err := decryption.Parse(made.Keys[name])
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, some...)
		}
		opener, err := decryption.New(keys)
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.New(verifier.Config{
			Source:     &source{name: "jwe.cnf.vendor.example.", data: append([]byte{255, 255, 255}, sum.AppendSum(nil)...)},
			Now:        clock,
			Credential: credential.Options{Confirmation: thumbprint.Options{Opener: opener}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return newHandler(t, Config{Verifier: v}).(*handler)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	cut := strings.LastIndexByte(ours, '.') + 1
	tag, err := base64.RawURLEncoding.DecodeString(ours[cut:])
	if err != nil {
		t.Fatal(err)
	}
	tag[0] ^= 1
	flipped := ours[:cut] + b64(tag)
	rsa15 := strings.Join([]string{b64([]byte(`{"alg":"RSA1_5","enc":"A128GCM"}`)), b64(make([]byte, 256)), b64(make([]byte, 12)), "AA", b64(make([]byte, 16))}, ".")
	claims := func(jwe string) string { return `{"sub":"https://vendor.example","cnf":{"jwe":"` + jwe + `"}}` }

	for _, tt := range []struct {
		claim   string
		api     *handler
		jwe     string
		outcome string // "" for a problem
		said    string // a reason, or words of the problem's detail
	}{
		{"for this verifier", api("p256", "oct16"), ours, "confirmed", "record_matches"},
		{"another recipient's key", api("p384"), ours, "unproven", "undecryptable"},
		{"another recipient's message", api("p256", "oct16"), others, "unproven", "undecryptable"},
		{"no key", api(), ours, "unproven", "undecryptable"},
		{"a flipped octet of the tag", api("p256", "oct16"), flipped, "unproven", "undecryptable"},
		{"RSA1_5", api("p256", "oct16"), rsa15, "", "RSA1_5"},
		{"RSA1_5 and no key", api(), rsa15, "", "RSA1_5"},
		{"a symmetric key inside", api("p256", "oct16"), made.Symmetric.JWE, "", "symmetric"},
	} {
		for kind, body := range map[string]string{asJSON: `{"claims":` + claims(tt.jwe) + `}`, asJWT: unsigned(claims(tt.jwe))} {
			t.Run(tt.claim+" "+kind, func(t *testing.T) {
				r := send(tt.api, "POST", "/v1/verify", body, kind)
				if tt.outcome == "" {
					if p := wantProblem(t, r, 422, "not-reducible"); !strings.Contains(p.Detail, "cnf.jwe") || !strings.Contains(p.Detail, tt.said) {
						t.Errorf("detail %q", p.Detail)
					}
					return
				}
				var v struct{ Outcome, Reason, Method string }
				if err := json.Unmarshal([]byte(text(t, r)), &v); err != nil || r.StatusCode != 200 || v.Outcome != tt.outcome || v.Reason != tt.said || v.Method != "jwe" {
					t.Errorf("got %d %+v, %v", r.StatusCode, v, err)
				}
			})
		}
	}
}
