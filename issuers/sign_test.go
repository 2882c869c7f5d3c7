package issuers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/veraison/go-cose"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/thumbprint"
)

// The tests' own tokens are signed by go-jose and go-cose.

const claims = `{"iss":"https://issuer.example","sub":"https://vendor.example","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}`

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	check(t, err)
	return k
}

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return k
}

// rsaKey is one for all: making one takes long.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsaKey()
	check(t, err)
	return k
}

func keyOf(t testing.TB, k crypto.Signer, kid string) issuers.Key {
	t.Helper()
	key, err := thumbprint.KeyOf(k.Public())
	check(t, err)
	return issuers.Key{Key: key, KID: kid}
}

// jwt signs the claims with further members of the header; kid "" is none.
func jwt(t testing.TB, alg string, k crypto.Signer, kid string, header map[string]any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: k, KeyID: kid}}, o)
	check(t, err)
	signed, err := s.Sign([]byte(claims))
	check(t, err)
	token, err := signed.CompactSerialize()
	check(t, err)
	return token
}

// cwtClaims are a claims map with sub, and a ckt in cnf.
const cwtClaims = "a2 02 76 68747470733a2f2f76656e646f722e6578616d706c65 08 a1 05 5820 8343d73cdfcb81f2c7cd11a5f317be8eb34e4807ec8c9ceb282495cffdf037e0"

// signer is one signature of a CWT.
type signer struct {
	alg cose.Algorithm
	key crypto.Signer
	kid string
}

func (s signer) signer(t testing.TB) cose.Signer {
	t.Helper()
	made, err := cose.NewSigner(s.alg, s.key)
	check(t, err)
	return made
}

// sign1 makes a COSE_Sign1; typ nil is none.
func sign1(t testing.TB, s signer, typ any) []byte {
	t.Helper()
	m := cose.Sign1Message{
		Headers: cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: s.alg}, Unprotected: cose.UnprotectedHeader{}},
		Payload: octets(t, cwtClaims),
	}
	if s.kid != "" {
		m.Headers.Unprotected[cose.HeaderLabelKeyID] = []byte(s.kid)
	}
	if typ != nil {
		m.Headers.Protected[int64(16)] = typ
	}
	check(t, m.Sign(rand.Reader, nil, s.signer(t)))
	out, err := m.MarshalCBOR()
	check(t, err)
	return out
}

// sign makes a COSE_Sign.
func sign(t testing.TB, all ...signer) []byte {
	t.Helper()
	m := cose.SignMessage{Headers: cose.Headers{Protected: cose.ProtectedHeader{}}, Payload: octets(t, cwtClaims)}
	var signers []cose.Signer
	for _, s := range all {
		one := cose.NewSignature()
		one.Headers.Protected.SetAlgorithm(s.alg)
		if s.kid != "" {
			one.Headers.Unprotected[cose.HeaderLabelKeyID] = []byte(s.kid)
		}
		m.Signatures = append(m.Signatures, one)
		signers = append(signers, s.signer(t))
	}
	check(t, m.Sign(rand.Reader, nil, signers...))
	out, err := m.MarshalCBOR()
	check(t, err)
	return out
}

func readCWT(t testing.TB, token []byte) *credential.Credential {
	t.Helper()
	c, err := credential.ParseCWT(token, nil)
	check(t, err)
	return &c
}

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	check(t, err)
	return b
}
