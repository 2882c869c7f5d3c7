package signature_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/signature"
	"cnfd/thumbprint"
)

// wycheproof is a file of testdata/wycheproof, which is one of Project
// Wycheproof's with less in it (its README says what).
type wycheproof struct {
	Algorithm     string
	NumberOfTests int
	TestGroups    []struct {
		Public string // SubjectPublicKeyInfo, hex
		// OtherParameters: a PSS salt or mask hash that is not the algorithm's own
		// (RFC 7518 §3.5).
		OtherParameters bool
		Tests           []struct {
			TCID    int `json:"tcId"`
			Comment string
			Msg     string
			Sig     string
			Result  string
		}
	}
}

// TestWycheproof: every valid signature verifies, every invalid one does not.
// Of the "acceptable" ones only those of a small public exponent do.
func TestWycheproof(t *testing.T) {
	taken := map[string]bool{"short signature": true, "signature is close to n": true}
	files, err := filepath.Glob("testdata/wycheproof/*.json")
	if err != nil || len(files) != 12 {
		t.Fatalf("%d files, want 12: %v", len(files), err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var w wycheproof
		if err := json.Unmarshal(file, &w); err != nil {
			t.Fatal(err)
		}
		t.Run(w.Algorithm, func(t *testing.T) {
			alg := signature.OfJOSE(w.Algorithm)
			seen, valid := 0, 0
			for _, g := range w.TestGroups {
				key := ofSPKI(t, g.Public)
				for _, c := range g.Tests {
					seen++
					err := signature.Verify(alg, key, unhex(t, c.Msg), unhex(t, c.Sig))
					good := c.Result == "valid" && !g.OtherParameters || taken[c.Comment]
					if ok := err == nil; ok != good {
						t.Errorf("test %d (%s) is %s: got %v", c.TCID, c.Comment, c.Result, err)
					}
					if good {
						valid++
					}
				}
			}
			if seen != w.NumberOfTests || valid == 0 || valid == seen {
				t.Errorf("%d tests, %d of them valid; want %d", seen, valid, w.NumberOfTests)
			}
		})
	}
}

// TestMLDSA holds signatures made by another implementation: those in the empty
// context verify, those in another do not.
func TestMLDSA(t *testing.T) {
	file, err := os.ReadFile("testdata/made/ml-dsa.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Alg, Pub, Msg, Sig, SigInContext string }
	if err := json.Unmarshal(file, &all); err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	for _, v := range all {
		t.Run(v.Alg, func(t *testing.T) {
			key := parse(t, `{"kty":"AKP","alg":"`+v.Alg+`","pub":"`+base64.RawURLEncoding.EncodeToString(unhex(t, v.Pub))+`"}`)
			msg, sig := unhex(t, v.Msg), unhex(t, v.Sig)
			alg := signature.OfJOSE(v.Alg)
			if err := signature.Verify(alg, key, msg, sig); err != nil {
				t.Fatal(err)
			}
			wants(t, signature.Verify(alg, key, msg, unhex(t, v.SigInContext)), signature.DoesNotVerify)
			wants(t, signature.Verify(alg, key, msg[1:], sig), signature.DoesNotVerify)
			wants(t, signature.Verify(alg, key, msg, sig[1:]), signature.WrongLength)
			for other := signature.ES256; other < signature.MLDSA44; other++ {
				wants(t, signature.Verify(other, key, msg, sig), signature.NotThisKeys)
			}
			zero := parse(t, `{"kty":"AKP","alg":"`+v.Alg+`","pub":"`+base64.RawURLEncoding.EncodeToString(make([]byte, len(v.Pub)/2))+`"}`)
			wants(t, signature.Verify(alg, zero, msg, sig), signature.WeakKey)
		})
	}
}

// ofSPKI reads a key of the vectors. The standard library reads neither
// secp256k1 nor Ed448, so that the curve is told by its identifier.
func ofSPKI(t *testing.T, der string) thumbprint.Key {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	octets := unhex(t, der)
	switch {
	case strings.Contains(der, "06052b8104000a"): // 1.3.132.0.10
		point := octets[len(octets)-64:]
		return parse(t, `{"kty":"EC","crv":"secp256k1","x":"`+b64(point[:32])+`","y":"`+b64(point[32:])+`"}`)
	case strings.Contains(der, "06032b6571"): // 1.3.101.113
		return parse(t, `{"kty":"OKP","crv":"Ed448","x":"`+b64(octets[len(octets)-57:])+`"}`)
	case strings.Contains(der, "06032b6570") && len(octets) >= ed25519.PublicKeySize: // 1.3.101.112
		return parse(t, `{"kty":"OKP","crv":"Ed25519","x":"`+b64(octets[len(octets)-32:])+`"}`)
	}
	public, err := x509.ParsePKIXPublicKey(octets)
	if err != nil {
		t.Fatal(err)
	}
	key, err := thumbprint.KeyOf(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
