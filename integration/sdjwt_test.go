package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"cnfd/thumbprint"
)

// An sdjwt is an SD-JWT in its parts (RFC 9901 section 4).
type sdjwt struct {
	jwt         string
	disclosures []string
	kb          string
}

func cutSDJWT(t testing.TB, text string) sdjwt {
	t.Helper()
	parts := strings.Split(text, "~")
	if len(parts) < 3 {
		t.Fatalf("nothing is disclosed in %s", text)
	}
	return sdjwt{parts[0], parts[1 : len(parts)-1], parts[len(parts)-1]}
}

func (s sdjwt) String() string {
	return strings.Join(slices.Concat([]string{s.jwt}, s.disclosures, []string{s.kb}), "~")
}

// recoded edits one part of a JWS in compact form.
func recoded(t testing.TB, jws string, part int, edit func([]byte) []byte) string {
	t.Helper()
	parts := strings.Split(jws, ".")
	parts[part] = b64u.EncodeToString(edit(octetsOf(t, parts[part])))
	return strings.Join(parts, ".")
}

// signedBy says another algorithm in the header of a JWS, and signs it so.
func signedBy(t testing.TB, jws, alg string, sign func(octets []byte) []byte) string {
	t.Helper()
	jws = recoded(t, jws, 0, func(header []byte) []byte {
		var members map[string]any
		if err := json.Unmarshal(header, &members); err != nil {
			t.Fatal(err)
		}
		members["alg"] = alg
		header, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return header
	})
	octets := jws[:strings.LastIndexByte(jws, '.')]
	return octets + "." + b64u.EncodeToString(sign([]byte(octets)))
}

func keyedWith(secret []byte) func([]byte) []byte {
	return func(octets []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(octets)
		return h.Sum(nil)
	}
}

// pemOf gives the first key of a JWK Set as those write it who take it for a secret.
func pemOf(t testing.TB, jwks []byte) []byte {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	key, err := thumbprint.ParseJWK(set.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
