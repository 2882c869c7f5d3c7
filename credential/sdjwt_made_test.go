package credential_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/signature"
	"cnfd/thumbprint"
)

const rfc9901Issuer = `{"kty":"EC","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`

// TestRFC9901 holds the RFC's own examples: signature of the issuer, disclosures,
// the holder's key and its signature.
func TestRFC9901(t *testing.T) {
	for _, c := range []struct {
		file, sub string
		bound     bool
	}{
		{"5.2", "user_42", true},
		{"8.2", "john_doe_42", false},
		{"8.2-kb", "", true},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := credential.Parse(file(t, "rfc9901/"+c.file+".txt"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Subject) != c.sub || got.HasSubject != (c.sub != "") || got.Expires != 1883000000 || string(got.Issuer) != "https://issuer.example.com" {
				t.Errorf("got %+v", got)
			}
			signedBy(t, got, parseJWK(t, rfc9901Issuer), "example+sd-jwt")
			boundBy(t, got, c.bound)
		})
	}
	t.Run("6.3", func(t *testing.T) {
		sent := string(file(t, "rfc9901/6.3-disclosures.txt"))
		payload := `{"_sd":["HvrKX6fPV0v9K_yCVFBiLFHsMaxcD_114Em6VT8x1lg"],"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,
			"sub":"6c5c0a49-b589-431d-bae7-219122a9ec2c","_sd_alg":"sha-256",` + cnf + `}`
		got, err := credential.Parse([]byte(compact(es256, payload)+"~"+sent), nil)
		if is := outcome(t, got, err); is != "6c5c0a49-b589-431d-bae7-219122a9ec2c jkt" {
			t.Error(is)
		}
		// Without the last, which holds the digests of the others.
		sent = sent[:strings.LastIndexByte(sent[:len(sent)-1], '~')+1]
		got, err = credential.Parse([]byte(compact(es256, payload)+"~"+sent), nil)
		if is := outcome(t, got, err); is != "malformed disclosures[0]: nothing in the token refers to it" {
			t.Error(is)
		}
	})
}

// TestMadeElsewhere holds tokens of npm's @sd-jwt/sd-jwt-vc.
func TestMadeElsewhere(t *testing.T) {
	var made struct {
		Issuer, Holder json.RawMessage
		Tokens         []struct{ Name, Issued, Presented string }
	}
	if err := json.Unmarshal(file(t, "made/sd-jwt-vc.json"), &made); err != nil || len(made.Tokens) != 8 {
		t.Fatal(len(made.Tokens), err)
	}
	for _, c := range made.Tokens {
		t.Run(c.Name, func(t *testing.T) {
			for _, token := range []string{c.Issued, c.Presented} {
				got, err := credential.Parse([]byte(token), nil)
				if err != nil {
					t.Fatal(err)
				}
				want := "https://vendor.example"
				if c.Name == "sub withheld" && token == c.Presented {
					want = ""
				}
				if string(got.Subject) != want || got.HasSubject != (want != "") {
					t.Errorf("got %q, want %q", got.Subject, want)
				}
				signedBy(t, got, parseJWK(t, string(made.Issuer)), "dc+sd-jwt")
				boundBy(t, got, token == c.Presented && c.Name != "no key binding")
				if key, ok := got.Key(nil); !ok || key.JKT(thumbprint.SHA256) != parseJWK(t, string(made.Holder)).JKT(thumbprint.SHA256) {
					t.Error("not the holder's key")
				}
			}
			// One octet of a disclosure changed: nothing refers to it then.
			at := strings.IndexByte(c.Presented, '~') + 3
			if c.Presented[at-1] == '~' || strings.Count(c.Presented, "~") < 2 {
				t.Fatal("nothing disclosed")
			}
			other := []byte(c.Presented)
			other[at] ^= 'A' ^ 'B'
			if _, err := credential.Parse(other, nil); err == nil {
				t.Error("a disclosure that was changed is read")
			}
		})
	}
}

// signedBy holds that the issuer's key, and no other octets, made the signature.
func signedBy(t *testing.T, c credential.Credential, key thumbprint.Key, typ string) {
	t.Helper()
	s, ok := c.Signed()
	if !ok || len(s.Signatures) != 1 || string(s.Type) != typ {
		t.Fatalf("got %+v %v", s, ok)
	}
	one := s.Signatures[0]
	if err := signature.Verify(one.Algorithm, key, one.Octets, one.Value); err != nil {
		t.Error(err)
	}
	if err := signature.Verify(one.Algorithm, key, one.Octets[1:], one.Value); err == nil {
		t.Error("verifies over other octets")
	}
}

// boundBy holds that there is a key-binding token, made by the key of the
// credential, over what was presented.
func boundBy(t *testing.T, c credential.Credential, want bool) {
	t.Helper()
	kb, ok := c.KeyBinding()
	if ok != want {
		t.Fatalf("key binding: %v, want %v", ok, want)
	}
	if !ok {
		return
	}
	_, payload, s, err := credential.ReadJWS(kb.JWT)
	if err != nil || string(s.Type) != "kb+jwt" {
		t.Fatal(string(s.Type), err)
	}
	key, ok := c.Key(nil)
	if !ok {
		t.Fatal("no key")
	}
	if err := signature.Verify(s.Signatures[0].Algorithm, key, s.Signatures[0].Octets, s.Signatures[0].Value); err != nil {
		t.Error(err)
	}
	var claims struct {
		Hash string `json:"sd_hash"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Hash != b64.EncodeToString(kb.SDHash()) {
		t.Errorf("sd_hash %q, want %s: %v", claims.Hash, b64.EncodeToString(kb.SDHash()), err)
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(string(b), "\n"))
}

func parseJWK(t *testing.T, jwk string) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.ParseJWK([]byte(jwk))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
