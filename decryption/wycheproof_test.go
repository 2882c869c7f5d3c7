package decryption_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"cnfd/decryption"
)

// TestWycheproof: every valid JWE opens and no invalid one does. What is valid and
// stays closed is of what is refused or not known here: RSA1_5, compression, keys and
// encryptions of 192 bits, AES-GCM for keys.
func TestWycheproof(t *testing.T) {
	w := load[struct {
		NumberOfTests int
		TestGroups    []struct {
			Comment string
			Private json.RawMessage
			Tests   []struct {
				TCID                     int `json:"tcId"`
				Comment, PT, JWE, Result string
			}
		}
	}](t, "testdata/wycheproof/json_web_encryption_test.json")
	tests, opened := 0, 0
	for _, g := range w.TestGroups {
		some, keyErr := decryption.Parse(g.Private)
		k, err := decryption.New(some)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			tests++
			plaintext, err := k.OpenJWE([]byte(c.JWE))
			if err == nil {
				opened++
			}
			header, _, _ := strings.Cut(c.JWE, ".")
			octets, _ := base64.RawURLEncoding.DecodeString(header)
			var h struct{ Alg, Enc, Zip string }
			json.Unmarshal(octets, &h)
			other := keyErr != nil || h.Zip != "" || strings.Contains(h.Alg+h.Enc, "192") || strings.HasSuffix(h.Alg, "GCMKW") || h.Alg == "RSA1_5"
			switch {
			case err == nil && (c.Result != "valid" || hex.EncodeToString(plaintext) != c.PT):
				t.Errorf("%d %s %s is opened: %x", c.TCID, g.Comment, c.Comment, plaintext)
			case err != nil && c.Result == "valid" && !other:
				t.Errorf("%d %s %s: %v", c.TCID, g.Comment, c.Comment, err)
			}
		}
	}
	if tests != w.NumberOfTests || opened < 35 {
		t.Errorf("%d tests of %d, %d opened", tests, w.NumberOfTests, opened)
	}
}
