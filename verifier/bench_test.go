package verifier

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/thumbprint"
)

// hot is a verifier that has every record in its cache, and a token of each kind
// that it confirms.
type hot struct {
	verifier *Verifier
	tokens   []hotToken
}

type hotToken struct {
	name  string
	input Input
	bytes []byte
	free  bool // costs no allocation
}

// forgetful is a Memory that knows nothing, so that everything is read anew.
type forgetful struct{}

func (forgetful) Recall([]byte, bool) *credential.Credential { return nil }
func (forgetful) Learn([]byte, bool)                         {}

// newHot reads everything anew, or knows the claims.
func newHot(t testing.TB, known bool) *hot {
	t.Helper()
	m := loadSealed(t)
	s := sealedScene(t, &m)
	s.source.quiet = true
	if !known {
		s.config.Credential.Memory = forgetful{}
	}
	s.source.answers[owner] = present(owner, ours)
	ckt := sha256.Sum256(coseKey)
	s.source.answers["1.8.vendor.example."] = present("1.8.vendor.example.", tlsa(255, 255, 255, hex.EncodeToString(ckt[:])))
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	h := &hot{verifier: v, tokens: []hotToken{
		{"claims", InputClaims, []byte(claims), true},
		{"jwt", InputJWT, []byte(compact(claims)), true},
		{"jwt told by its form", InputToken, []byte(compact(claims)), true},
		{"sd-jwt", InputSDJWT, []byte(compact(claims) + "~"), false},
		{"sd-jwt with 4 disclosures", InputSDJWT, []byte(disclosing(`{"iss":"https://iss.example","cnf":` + cnf + `,"_sd":[@]}`)), false},
		{"jwt with jwe", InputJWT, []byte(compact(s.claims)), false},
		{"cwt claims", InputCWT, cwtClaims, true},
		{"cose_sign1", InputCWT, []byte(sign1(cwtClaims)), true},
		{"cose_sign1 without tag 61", InputCWT, []byte(sign1(cwtClaims))[2:], true},
		{"cose_sign1 in base64url", InputToken, []byte(b64(sign1(cwtClaims))), true},
		{"cose_sign", InputCWT, []byte("\xd8\x62\x84\x40\xa0" + bytesOf(cwtClaims) + "\x81\x83\x43\xa1\x01\x26\xa0" + bytesOf(make([]byte, 64))), true},
		{"cwt with encrypted cose_key", InputCWT, []byte(sign1([]byte(sealedCWT(m.cose(t, "AES-CCM-16-64-128", "ECDH-ES+HKDF-256", "p256"))))), false},
		{"sd-cwt with 4 disclosures", InputCWT, disclosingCWT(), false},
	}}
	for _, token := range h.tokens {
		for range 4 { // known at last
			h.confirm(t, &Request{Input: token.input, Bytes: token.bytes})
		}
	}
	return h
}

// bytesOf writes a byte string.
func bytesOf[T ~[]byte | ~string](octets T) string {
	return string([]byte{0x59, byte(len(octets) >> 8), byte(len(octets))}) + string(octets)
}

// disclosing makes an SD-JWT of claims in which @ stands for the digests of four
// disclosures, sub among them.
func disclosing(claims string) string {
	sent, digests := "", []string{}
	for i, d := range [...]string{`"sub","` + subject + `"`, `"name","Vendor"`, `"country","DE"`, `"nbf",1700000000`} {
		text := b64(fmt.Sprintf(`["2GLC42sKQveCfGfryNRN9%d",%s]`, i, d))
		digest := sha256.Sum256([]byte(text))
		sent += text + "~"
		digests = append(digests, `"`+b64(string(digest[:]))+`"`)
	}
	return compact(strings.Replace(claims, "@", strings.Join(digests, ","), 1)) + "~" + sent
}

// disclosingCWT makes an SD-CWT (draft-ietf-spice-sd-cwt) whose sub is in one of
// four disclosures.
func disclosingCWT() []byte {
	sent, digests := "\x84", "\x84"
	for i, d := range [...]string{string([]byte{0x60 + byte(len(subject))}) + subject + "\x02", "\x66Vendor\x19\x01\xf4", "\x62DE\x19\x01\xf5", "\x1a\x65\x53\xf1\x00\x05"} {
		one := bytesOf("\x83\x50" + strings.Repeat(string(rune('a'+i)), 16) + d)
		one = "\x58" + one[2:] // the shortest head
		digest := sha256.Sum256([]byte(one))
		sent += one
		digests += "\x58\x20" + string(digest[:])
	}
	payload := "\xa2\x08\xa1\x01" + string(coseKey) + "\xf8\x3b" + digests
	return []byte("\xd8\x3d\xd2\x84\x43\xa1\x01\x26\xa1\x11" + sent + bytesOf(payload) + bytesOf(make([]byte, 64)))
}

func (h *hot) confirm(t testing.TB, q *Request) {
	if got, err := h.verifier.Verify(context.Background(), q); err != nil || got.Reason != RecordMatches {
		t.Fatalf("%s: %s, %v", q.Bytes, got.Reason, err)
	}
}

// From the bytes of a token to the verdict, and to its JSON, nothing is allocated on
// a hit by the kinds that are asked for most, where the caller owns the memory.
func TestAHotVerifyAllocatesNothing(t *testing.T) {
	for _, known := range []bool{false, true} {
		h := newHot(t, known)
		out := make([]byte, 0, 2048)
		for _, token := range h.tokens {
			if !token.free {
				continue
			}
			q := &Request{Input: token.input, Bytes: token.bytes, Scratch: new(credential.Scratch)}
			h.confirm(t, q) // the scratch memory has its size
			if n := testing.AllocsPerRun(200, func() {
				got, err := h.verifier.Verify(context.Background(), q)
				if err != nil || got.Outcome() != Confirmed {
					t.Fatal(got.Reason, err)
				}
				out = got.AppendJSON(out[:0], "01JD")
			}); n != 0 {
				t.Errorf("%s, known %v: %v allocations", token.name, known, n)
			}
		}
	}
}

// What one token leaves in the scratch memory is no part of the next one's verdict.
func TestScratchIsOverwritten(t *testing.T) {
	h := newHot(t, false)
	var scratch credential.Scratch
	for range 2 {
		for _, token := range h.tokens {
			got, err := h.verifier.Verify(t.Context(), &Request{Input: token.input, Bytes: token.bytes, Scratch: &scratch})
			if err != nil || got.Reason != RecordMatches || string(got.Subject) != subject {
				t.Errorf("%s: %q: %s, %v", token.name, got.Subject, got.Reason, err)
			}
		}
		other := compact(strings.Replace(claims, "vendor", "seller", 1))
		got, err := h.verifier.Verify(t.Context(), &Request{Input: InputJWT, Bytes: []byte(other), Scratch: &scratch})
		if err != nil || got.Reason != RecordAbsent || got.Domain != "seller.example" {
			t.Errorf("another domain: %s, %s, %v", got.Domain, got.Reason, err)
		}
		// The longer one's tail must not be read for the shorter one's.
		short := compact(`{"sub":"` + subject + `"}`)
		if got, err := h.verifier.Verify(t.Context(), &Request{Input: InputJWT, Bytes: []byte(short), Scratch: &scratch}); err == nil {
			t.Errorf("no key: %s", got.Reason)
		}
	}
}

// BenchmarkVerify is from the bytes of a token to the verdict, the record in the
// cache: docs/performance.md. BenchmarkVerifyKnown is the same of tokens that come again
// and again.
func BenchmarkVerify(b *testing.B)      { benchmarkKinds(b, newHot(b, false)) }
func BenchmarkVerifyKnown(b *testing.B) { benchmarkKinds(b, newHot(b, true)) }

func benchmarkKinds(b *testing.B, h *hot) {
	for _, token := range h.tokens {
		q := &Request{Input: token.input, Bytes: token.bytes, Scratch: new(credential.Scratch)}
		b.Run(strings.ReplaceAll(token.name, " ", "_"), func(b *testing.B) { benchmarkConfirming(b, h.verifier, q) })
	}
}

// firstAlways is Proofs that remember nothing, so that one proof can be taken again.
type firstAlways struct{}

func (firstAlways) Take(context.Context, thumbprint.Thumbprint, []byte, time.Time) (bool, error) {
	return true, nil
}

// BenchmarkChecks is BenchmarkVerify of one SD-JWT with a key-binding token, with no
// check, with each, and with all of them; the issuer signs with ES256.
func BenchmarkChecks(b *testing.B) {
	h := newHeld(b)
	h.config.Proofs = firstAlways{}
	h.source.quiet = true
	h.config.Keys = keysOf(h.keys.keys)
	v, q := h.verifier(), h.present()
	q.Scratch = new(Scratch)
	for _, c := range []struct {
		name   string
		checks Checks
	}{
		{"none", 0}, {"signature", CheckSignature}, {"key_binding", CheckKeyBinding}, {"dpop", CheckDPoP},
		{"mtls_and_signature", CheckSignature | CheckMTLS}, {"all", CheckSignature | CheckKeyBinding | CheckDPoP | CheckMTLS},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := *q
			q.Checks = c.checks
			if c.checks&CheckKeyBinding == 0 {
				q.Audience = ""
			}
			benchmarkConfirming(b, v, &q)
		})
	}
}

// BenchmarkSignature is BenchmarkVerify of a JWT with the check of its issuer's
// signature, by the algorithm.
func BenchmarkSignature(b *testing.B) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	lattice, secret := mldsa65.NewKeyFromSeed(new([mldsa65.SeedSize]byte))
	for _, c := range []struct {
		alg    string
		public any
		sign   func(octets []byte) []byte
	}{
		{"ES256", p256.Public(), func(octets []byte) []byte {
			sum := sha256.Sum256(octets)
			r, s, err := ecdsa.Sign(rand.Reader, p256, sum[:])
			must(b, err)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}},
		{"EdDSA", ed25519.NewKeyFromSeed(make([]byte, 32)).Public(), func(octets []byte) []byte {
			return ed25519.Sign(ed25519.NewKeyFromSeed(make([]byte, 32)), octets)
		}},
		{"PS256", modulus.Public(), func(octets []byte) []byte {
			sum := sha256.Sum256(octets)
			sig, err := rsa.SignPSS(rand.Reader, modulus, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
			must(b, err)
			return sig
		}},
		{"RS256", modulus.Public(), func(octets []byte) []byte {
			sum := sha256.Sum256(octets)
			sig, err := rsa.SignPKCS1v15(rand.Reader, modulus, crypto.SHA256, sum[:])
			must(b, err)
			return sig
		}},
		{"ML-DSA-65", lattice, func(octets []byte) []byte {
			sig := make([]byte, mldsa65.SignatureSize)
			must(b, mldsa65.SignTo(secret, octets, nil, false, sig))
			return sig
		}},
	} {
		var key thumbprint.Key
		if public, ok := c.public.(*mldsa65.PublicKey); ok {
			key, err = thumbprint.ParseJWK([]byte(`{"kty":"AKP","alg":"ML-DSA-65","pub":"` + b64(public.Bytes()) + `"}`))
		} else {
			key, err = thumbprint.KeyOf(c.public)
		}
		must(b, err)
		octets := b64(`{"alg":"`+c.alg+`"}`) + "." + b64(claims)
		q := &Request{Input: InputJWT, Bytes: []byte(octets + "." + b64(c.sign([]byte(octets)))), Checks: CheckSignature, Scratch: new(Scratch)}
		s := newScene()
		s.source.quiet = true
		s.config.Issuers = []Issuer{{Name: issuerName}}
		s.config.Keys = keysOf{{Key: key}}
		v, err := New(s.config)
		must(b, err)
		b.Run(c.alg, func(b *testing.B) { benchmarkConfirming(b, v, q) })
	}
}

// keysOf are an issuer's keys that are always there.
type keysOf issuers.Set

func (k keysOf) Keys(context.Context, string, bool) (issuers.Set, error) { return issuers.Set(k), nil }

func benchmarkConfirming(b *testing.B, v *Verifier, q *Request) {
	b.ReportAllocs()
	for b.Loop() {
		if got, err := v.Verify(context.Background(), q); err != nil || got.Reason != RecordMatches {
			b.Fatal(got.Reason, got.Detail, err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	h := newHot(b, false)
	got, err := h.verifier.Verify(context.Background(), &Request{Input: InputClaims, Bytes: []byte(claims)})
	if err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		out = got.AppendJSON(out[:0], "01JD")
	}
}
