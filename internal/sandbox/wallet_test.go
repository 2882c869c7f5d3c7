package sandbox

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// TestWallet checks what the holder has and shows with libraries that did not make it.
func TestWallet(t *testing.T) {
	n := start(t, Config{})
	w, err := n.Wallet()
	if err != nil {
		t.Fatal(err)
	}
	issuers, err := jwk.Parse(n.IssuerKeys())
	if err != nil || issuers.Len() != 1 {
		t.Fatalf("the issuer's keys: %v", err)
	}
	key, _ := issuers.Key(0)
	verified := func(token []byte, by any) (claims map[string]any) {
		t.Helper()
		payload, err := jws.Verify(token, jws.WithKey(jwa.ES256, by))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		return claims
	}
	confirmed := func(claims map[string]any, member string) any { return claims["cnf"].(map[string]any)[member] }
	hash := func(octets []byte) string {
		sum := sha256.Sum256(octets)
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}

	if c := verified(w.AccessToken, key); confirmed(c, "jkt") != n.holder.jktText || c["aud"] != Audience {
		t.Errorf("access token: %v", c)
	}
	block, _ := pem.Decode(w.Certificate)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) != nil || !n.holder.key.PublicKey.Equal(certificate.PublicKey) {
		t.Errorf("certificate: %v", err)
	}
	if c := verified(w.BoundToken, key); confirmed(c, "x5t#S256") != hash(block.Bytes) || confirmed(c, "jwk") == nil {
		t.Errorf("bound token: %v", c)
	}
	if bytes.Equal(w.Certificate, w.OtherCertificate) {
		t.Error("the other certificate is the same")
	}

	presented, err := w.Present("https://verifier.example", "n-0S6")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(presented), "~")
	c := verified([]byte(parts[0]), key)
	for _, disclosure := range parts[1 : len(parts)-1] {
		if !strings.Contains(strings.Join(texts(c["_sd"]), " "), hash([]byte(disclosure))) {
			t.Errorf("%s is not of this SD-JWT", disclosure)
		}
	}
	binding := []byte(parts[len(parts)-1])
	kb := verified(binding, n.holder.key.Public())
	if len(parts) != 4 || kb["nonce"] != "n-0S6" || kb["aud"] != "https://verifier.example" || kb["sd_hash"] != hash(bytes.TrimSuffix(presented, binding)) {
		t.Errorf("presentation: %v", kb)
	}

	proof, err := w.Prove("GET", "https://api.vendor.example/", w.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Prove("GET", "https://api.vendor.example/", w.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	d, e := verified(proof, n.holder.key.Public()), verified(again, n.holder.key.Public())
	if d["htm"] != "GET" || d["htu"] != "https://api.vendor.example/" || d["ath"] != hash(w.AccessToken) || d["jti"] == "" || d["jti"] == e["jti"] {
		t.Errorf("proofs: %v, %v", d, e)
	}
}

func texts(list any) (out []string) {
	for _, item := range list.([]any) {
		out = append(out, item.(string))
	}
	return out
}
