package decryption_test

import (
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/thumbprint"
)

// sealed encrypts a plaintext as a JWE and as a COSE_Encrypt0, by the key of symmetric.
func sealed(t testing.TB, plaintext []byte) (jwe, message string) {
	t.Helper()
	iv, aad := make([]byte, 12), []byte(b64([]byte(`{"alg":"dir","enc":"A128GCM"}`)))
	out := gcm(t, []byte(cek)).Seal(nil, iv, plaintext, aad)
	n := len(out) - 16
	jwe = string(aad) + ".." + b64(iv) + "." + b64(out[:n]) + "." + b64(out[n:])
	out = gcm(t, []byte(cek)).Seal(nil, iv, plaintext, encode(t, array{"Encrypt0", protectedGCM, []byte{}}))
	return jwe, string(encode(t, array{protectedGCM, headers{5: iv}, out}))
}

// TestNothingThatWasEncryptedIsRepeated: somebody's secret that was encrypted to
// this verifier is sent to it as a confirmation key, and what it says of that
// tells nothing of the secret, be it the name of a member.
func TestNothingThatWasEncryptedIsRepeated(t *testing.T) {
	o := thumbprint.Options{Opener: keys(t, symmetric)}
	const secret = "hunter2"
	for name, plaintext := range map[string]string{
		"a key":                       `{"kty":"EC","crv":"P-256","x":"mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA","y":"8BQAsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs","hunter2":1}`,
		"a member twice":              `{"hunter2":1,"hunter2":2}`,
		"a member twice, deep inside": `{"kty":"EC","hunter2":[{"hunter2":{"a":1,"a":1}}]}`,
		"a name that looks like one":  `{"kty":"EC","\u004bty":{"hunter2":1}}`,
		"cut short":                   `{"hunter2":{"hunter2":[`,
		"more after it":               `{"kty":"EC"}hunter2`,
		"a value":                     `{"kty":"hunter2"}`,
		"a curve":                     `{"kty":"EC","crv":"hunter2"}`,
		"a coordinate":                `{"kty":"EC","crv":"P-256","x":"hunter2"}`,
		"claims":                      `{"sub":"hunter2","exp":1}`,
		"text":                        `hunter2`,
		"a map of CBOR":               "\xa2\x67hunter2\x01\x67hunter2\x01",
		"a map of CBOR, deep inside":  "\xa2\x01\x02\x67hunter2\xa2\x67hunter2\x01\x67hunter2\x01",
		"a tag of CBOR":               "\xa1\x67hunter2\xc1\x01",
		"a kty of CBOR":               "\xa1\x01\x67hunter2",
		"a string of CBOR":            "\x4ahunter2\xff\xff\xff",
		"a map in a string of CBOR":   "\x53\xa2\x67hunter2\x01\x67hunter2\x01",
	} {
		jwe, message := sealed(t, []byte(plaintext))
		_, inJOSE := thumbprint.FromJOSE(cnfJWE(jwe), o)
		_, inCOSE := thumbprint.FromCOSE(append([]byte{0xa1, 0x02}, message...), o)
		if (inJOSE == nil) != (name == "a key") || inCOSE == nil {
			t.Errorf("%s: %v, %v", name, inJOSE, inCOSE)
		}
		for _, err := range []error{inJOSE, inCOSE} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
		claims := `{"sub":"https://a.example","cnf":{"jwe":"` + jwe + `"}}`
		if _, err := credential.ParseClaims([]byte(claims), &credential.Options{Confirmation: o}); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
