package fuzz

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// key is a holder's P-256 key. Its thumbprints are computed here by hand, not by
// the code under attack.
type key struct{ x, y []byte }

// newKey derives a key from a seed, so that fuzzing finds the same key again.
func newKey(tb testing.TB, seed string) key {
	tb.Helper()
	d := sha256.Sum256([]byte(seed))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		tb.Fatal(err)
	}
	pub, err := k.PublicKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return key{pub[1:33], pub[33:]}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jkt is RFC 7638 §3.1's hash, written out.
func (k key) jkt() string {
	s := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, b64(k.x), b64(k.y)))
	return hex.EncodeToString(s[:])
}

// ckt is RFC 9679 §4.2's, written out: {1: 2, -1: 1, -2: x, -3: y}.
func (k key) ckt() string {
	b := append([]byte{0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20}, k.x...)
	b = append(append(b, 0x22, 0x58, 0x20), k.y...)
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// records publish the key under a domain, at both names.
func (k key) records(domain string) []string {
	return []string{
		fmt.Sprintf("jwk.cnf.%s 300 IN TLSA 255 255 255 %s", domain, k.jkt()),
		fmt.Sprintf("1.8.%s 300 IN TLSA 255 255 255 %s", domain, k.ckt()),
	}
}

func (k key) claims(subject string) []byte {
	return fmt.Appendf(nil, `{"iss":"https://issuer.example","sub":"%s","exp":1990000000,"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}}}`, subject, b64(k.x), b64(k.y))
}

// jwt wraps claims as a compact JWT whose signature nobody checks.
func jwt(claims []byte) []byte {
	return []byte(b64([]byte(`{"alg":"ES256"}`)) + "." + b64(claims) + "." + b64([]byte("signature")))
}

func (k key) cwt(tb testing.TB, subject string) []byte {
	tb.Helper()
	claims := map[int]any{2: subject, 8: map[int]any{1: map[int]any{1: 2, -1: 1, -2: k.x, -3: k.y}}}
	b, err := cbor.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sign1 wraps claims as a tagged COSE_Sign1 whose signature nobody checks.
func sign1(claims []byte) []byte {
	out := []byte{0xd8, 0x3d, 0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x59, byte(len(claims) >> 8), byte(len(claims))}
	return append(append(out, claims...), 0x41, 0x00)
}
