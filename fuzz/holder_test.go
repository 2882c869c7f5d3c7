package fuzz

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"cnfd/issuers"
	"cnfd/replay"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// signer has an Ed25519 key: it signs the same octets in the same way each time, so
// that what one worker makes another makes too.
type signer struct {
	private ed25519.PrivateKey
	jwk     string
}

func newSigner(seed string) signer {
	d := sha256.Sum256([]byte(seed))
	private := ed25519.NewKeyFromSeed(d[:])
	return signer{private, fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, b64(private.Public().(ed25519.PublicKey)))}
}

func (s signer) sign(typ, more, payload string) string {
	octets := b64(fmt.Appendf(nil, `{"alg":"EdDSA","typ":"%s"%s}`, typ, more)) + "." + b64([]byte(payload))
	return octets + "." + b64(ed25519.Sign(s.private, []byte(octets)))
}

// keyring is the keys of the one issuer.
type keyring struct{ keys issuers.Set }

func (k keyring) Keys(context.Context, string, bool) (issuers.Set, error) { return k.keys, nil }

// FuzzHolder hands the house any token, DPoP proof and client certificate, with every
// check asked for. Each of the three is signed, or hashed, to its last octet: nothing
// but what the issuer and the holder have made is ever confirmed, in no other writing.
func FuzzHolder(f *testing.F) {
	issuer, holder, stranger := newSigner("issuer"), newSigner("holder"), newSigner("stranger")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, holder.private.Public(), holder.private)
	if err != nil {
		f.Fatal(err)
	}
	x5t, digest := sha256.Sum256(der), func(text string) string { s := sha256.Sum256([]byte(text)); return b64(s[:]) }
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))

	claims := fmt.Sprintf(`{"iss":"https://iss.example","sub":"https://vendor.example","exp":%d,"_sd":["%s"],"cnf":{"jwk":%s,"x5t#S256":"%s"}}`,
		now.Unix()+3600, digest(b64([]byte(`["salt","name","x"]`))), holder.jwk, b64(x5t[:]))
	sdJWT := issuer.sign("dc+sd-jwt", "", claims) + "~" + b64([]byte(`["salt","name","x"]`)) + "~"
	binding := fmt.Sprintf(`{"iat":%d,"aud":"https://rp.example","nonce":"n-1","sd_hash":"%s"}`, now.Unix(), digest(sdJWT))
	token := sdJWT + holder.sign("kb+jwt", "", binding)
	proven := func(token string) string {
		return fmt.Sprintf(`{"iat":%d,"jti":"1","htm":"GET","htu":"https://rp.example/a","nonce":"n-1","ath":"%s"}`, now.Unix(), digest(token))
	}
	proof := holder.sign("dpop+jwt", `,"jwk":`+holder.jwk, proven(token))

	f.Add(token, proof, cert)
	f.Add(token, proof, url.PathEscape(cert))
	f.Add(token, proof, "Hash="+hex.EncodeToString(x5t[:])+`;Cert="`+url.PathEscape(cert)+`"`)
	f.Add(token, proof, ":"+base64.StdEncoding.EncodeToString(der)+":") // RFC 9440
	forged := stranger.sign("dc+sd-jwt", "", claims) + "~" + b64([]byte(`["salt","name","x"]`)) + "~"
	f.Add(forged, proof, cert)
	f.Add(sdJWT+stranger.sign("kb+jwt", `,"jwk":`+stranger.jwk, binding), proof, cert)
	f.Add(sdJWT, holder.sign("dpop+jwt", `,"jwk":`+holder.jwk, proven(sdJWT)), cert)
	f.Add(token, stranger.sign("dpop+jwt", `,"jwk":`+stranger.jwk, proven(token)), cert)
	f.Add(token, holder.sign("kb+jwt", `,"jwk":`+holder.jwk, proven(token)), ":AAAA:")

	sum := sha256.Sum256([]byte(holder.jwk)) // RFC 7638 §3: its members are in order
	key, err := thumbprint.ParseJWK([]byte(issuer.jwk))
	if err != nil {
		f.Fatal(err)
	}
	memory := &forgetful{}
	house := newTree(f, fmt.Sprintf("jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 %x", sum)).houseOf(f, nil, verifier.Config{
		Issuers: []verifier.Issuer{{Name: "https://iss.example"}}, Keys: keyring{issuers.Set{{Key: key}}}, Proofs: memory,
	})
	ask := func(token, proof, cert string) (verifier.Verdict, error) {
		memory.forget()
		return house.Verify(context.Background(), &verifier.Request{
			Bytes: []byte(token), Audience: "https://rp.example", Nonce: "n-1", ClientCert: cert,
			Checks: verifier.CheckSignature | verifier.CheckKeyBinding | verifier.CheckDPoP | verifier.CheckMTLS,
			DPoP:   verifier.DPoP{Proof: []byte(proof), Method: "GET", URL: "https://rp.example/a"},
		})
	}
	if v, err := ask(token, proof, cert); err != nil || v.Outcome() != verifier.Confirmed {
		f.Fatalf("what was made is not confirmed: %s, %v", v.AppendJSON(nil, ""), err)
	}
	f.Fuzz(func(t *testing.T, token2, proof2, cert2 string) {
		v, err := ask(token2, proof2, cert2)
		if err != nil || v.Outcome() != verifier.Confirmed {
			if err == nil && v.Outcome() == verifier.Refuted && v.Reason != verifier.RecordAbsent && v.Reason != verifier.RecordDiffers && v.Detail == "" && v.Reason != verifier.Expired && v.Reason != verifier.NotYetValid {
				t.Fatalf("no rule is named: %s", v.AppendJSON(nil, ""))
			}
			return
		}
		if token2 != token || proof2 != proof || !handsOn(cert2, der) {
			t.Fatalf("confirmed, and nobody has made it:\n%q\n%q\n%q", token2, proof2, cert2)
		}
	})
}

// forgetful is a memory of proofs that is new for each question.
type forgetful struct{ *replay.Memory }

func (m *forgetful) forget() {
	m.Memory, _ = replay.New(replay.Config{Now: clock, Proofs: 8})
}

// handsOn reports whether a text holds the certificate or its hash, by other code
// than the one under attack.
func handsOn(text string, der []byte) bool {
	sum := sha256.Sum256(der)
	if bytes.Contains(bytes.ToLower([]byte(text)), []byte(hex.EncodeToString(sum[:]))) {
		return true
	}
	if octets, err := base64.StdEncoding.DecodeString(strings.Trim(text, ":")); err == nil && bytes.Equal(octets, der) {
		return true
	}
	for _, text := range []string{text, unescaped(text)} {
		block, _ := pem.Decode([]byte(text[max(0, bytes.Index([]byte(text), []byte("-----BEGIN"))):]))
		if block != nil && bytes.Equal(block.Bytes, der) {
			return true
		}
	}
	return false
}

func unescaped(text string) string {
	out, err := url.PathUnescape(text)
	if err != nil {
		return ""
	}
	return out
}
