package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"

	"cnfd/signature"
	"cnfd/thumbprint"
)

func wants(t *testing.T, err error, want signature.Rule) {
	t.Helper()
	var e *signature.Error
	if !errors.As(err, &e) || e.Rule != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestNamesOfNoAlgorithm: what is no signature of a public key has no
// Algorithm, whatever its case, and nothing verifies with none.
func TestNamesOfNoAlgorithm(t *testing.T) {
	for _, name := range []string{
		"", "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "hs256", "es256", "Es256", "ES256 ", " ES256", "ES256\x00",
		"rs256", "EDDSA", "eddsa", "ed25519", "ML-DSA-44-ES256", "RS1", "ES1", "A128KW", "dir", "RSA-OAEP", "ESP256", "ES256K-R", "HS256/64",
	} {
		if a := signature.OfJOSE(name); a != 0 {
			t.Errorf("%q is %s", name, a)
		}
		if a := signature.OfJOSE([]byte(name)); a != 0 {
			t.Errorf("%q is %s", name, a)
		}
	}
	// HMAC 256/64 to 512/512, RS1, direct, AES, and no identifier at all.
	for _, id := range []int64{0, 4, 5, 6, 7, 14, 15, -6, -65535, -10, 1, 3, 1 << 62, -1 << 63} {
		if a := signature.OfCOSE(id); a != 0 {
			t.Errorf("%d is %s", id, a)
		}
	}
	key := parse(t, p256of7515)
	wants(t, signature.Verify(0, key, nil, nil), signature.UnknownAlgorithm)
	wants(t, signature.Verify(255, key, nil, nil), signature.UnknownAlgorithm)
	wants(t, signature.Verify(signature.ES256, thumbprint.Key{}, nil, nil), signature.NotThisKeys)
}

// TestIdentifiers holds names and COSE identifiers as the registries have them.
func TestIdentifiers(t *testing.T) {
	for name, ids := range map[string][]int64{
		"ES256": {-7, -9}, "ES384": {-35, -51}, "ES512": {-36, -52}, "ES256K": {-47}, "EdDSA": {-8}, "Ed25519": {-19}, "Ed448": {-53},
		"PS256": {-37}, "PS384": {-38}, "PS512": {-39}, "RS256": {-257}, "RS384": {-258}, "RS512": {-259},
		"ML-DSA-44": {-48}, "ML-DSA-65": {-49}, "ML-DSA-87": {-50},
	} {
		a := signature.OfJOSE(name)
		if a == 0 || a.String() != name {
			t.Errorf("%s is %q", name, a)
		}
		for _, id := range ids {
			if got := signature.OfCOSE(id); got != a {
				t.Errorf("%d is %q, want %s", id, got, name)
			}
		}
	}
}

// TestAlgorithmsFitTheirKeysOnly: of all pairs of an algorithm and a kind of key
// those fit that are listed, and no other.
func TestAlgorithmsFitTheirKeysOnly(t *testing.T) {
	keys := map[string]string{
		"P-256": p256of7515, "P-521": p521of7515, "RSA": rsa7515, "Ed25519": ed25519of8037,
		"secp256k1": `{"kty":"EC","crv":"secp256k1","x":"uDj_ROW8F3vyEYnQdmCC_J2EMiaIf8l2A3EQC37iCm8","y":"8MnXW_unsxpryhl0SW7rVt41cHGVXYPEsbraoLIYMuk"}`,
		"X25519":    `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`,
		"oct":       `{"kty":"oct","k":"c2VjcmV0"}`,
	}
	fitting := map[string]string{
		"P-256": "ES256", "P-521": "ES512", "secp256k1": "ES256K", "Ed25519": "EdDSA Ed25519",
		"RSA": "PS256 PS384 PS512 RS256 RS384 RS512", "X25519": "", "oct": "",
	}
	for kind, jwk := range keys {
		key := parse(t, jwk)
		for a := signature.Algorithm(0); a <= signature.MLDSA87+1; a++ {
			want := a.String() != "" && strings.Contains(" "+fitting[kind]+" ", " "+a.String()+" ")
			if got := a.Fits(key); got != want {
				t.Errorf("%s with %s: %v, want %v", a, kind, got, want)
			}
		}
	}
}

// TestGames are the ways to have a forged token taken for a signed one: each
// begins with a signature that verifies and changes one thing.
func TestGames(t *testing.T) {
	octets := []byte("header.payload")
	sum := sha256.Sum256(octets)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	key := keyOf(t, p256.Public())
	r, s, err := ecdsa.Sign(rand.Reader, p256, sum[:])
	check(t, err)
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	check(t, signature.Verify(signature.ES256, key, octets, sig))

	t.Run("HMAC with the public key for a secret", func(t *testing.T) {
		for _, secret := range [][]byte{[]byte(p256of7515), mustBytes(p256)} {
			m := hmac.New(sha256.New, secret)
			m.Write(octets)
			wants(t, signature.Verify(signature.OfJOSE("HS256"), key, octets, m.Sum(nil)), signature.UnknownAlgorithm)
			wants(t, signature.Verify(signature.ES256, key, octets, m.Sum(nil)), signature.WrongLength)
		}
		symmetric := parse(t, `{"kty":"oct","k":"c2VjcmV0"}`)
		for a := signature.ES256; a <= signature.MLDSA87; a++ {
			wants(t, signature.Verify(a, symmetric, octets, sig), signature.NotThisKeys)
		}
	})
	t.Run("no signature", func(t *testing.T) {
		wants(t, signature.Verify(signature.ES256, key, octets, nil), signature.WrongLength)
		wants(t, signature.Verify(signature.OfJOSE("none"), key, octets, nil), signature.UnknownAlgorithm)
	})
	t.Run("ES256 with a P-384 key", func(t *testing.T) {
		p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		check(t, err)
		r, s, err := ecdsa.Sign(rand.Reader, p384, sum[:])
		check(t, err)
		long := append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
		wants(t, signature.Verify(signature.ES256, keyOf(t, p384.Public()), octets, long), signature.NotThisKeys)
	})
	t.Run("EdDSA with an ECDSA key", func(t *testing.T) {
		wants(t, signature.Verify(signature.EdDSA, key, octets, sig), signature.NotThisKeys)
	})
	t.Run("ES256 with an EdDSA key", func(t *testing.T) {
		wants(t, signature.Verify(signature.ES256, parse(t, ed25519of8037), octets, sig), signature.NotThisKeys)
	})
	t.Run("ASN.1 for r and s", func(t *testing.T) {
		der, err := ecdsa.SignASN1(rand.Reader, p256, sum[:])
		check(t, err)
		wants(t, signature.Verify(signature.ES256, key, octets, der), signature.WrongLength)
	})
	t.Run("r and s of zero (CVE-2022-21449)", func(t *testing.T) {
		wants(t, signature.Verify(signature.ES256, key, octets, make([]byte, 64)), signature.DoesNotVerify)
	})
	t.Run("octets to spare", func(t *testing.T) {
		wants(t, signature.Verify(signature.ES256, key, octets, append([]byte{0}, sig...)), signature.WrongLength)
		wants(t, signature.Verify(signature.ES256, key, octets, append(sig[:64:64], 0)), signature.WrongLength)
	})
	t.Run("PSS for PKCS #1, and a salt of another length", func(t *testing.T) {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		check(t, err)
		key := keyOf(t, private.Public())
		pss, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
		check(t, err)
		check(t, signature.Verify(signature.PS256, key, octets, pss))
		wants(t, signature.Verify(signature.RS256, key, octets, pss), signature.DoesNotVerify)
		short, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 8})
		check(t, err)
		wants(t, signature.Verify(signature.PS256, key, octets, short), signature.DoesNotVerify)
		pkcs1, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
		check(t, err)
		check(t, signature.Verify(signature.RS256, key, octets, pkcs1))
		wants(t, signature.Verify(signature.RS512, key, octets, pkcs1), signature.DoesNotVerify)
	})
	t.Run("an Edwards key of small order", func(t *testing.T) {
		// The identity: R of the identity and S of zero is a signature of anything.
		identity := append([]byte{1}, make([]byte, 31)...)
		weak := parse(t, `{"kty":"OKP","crv":"Ed25519","x":"`+base64.RawURLEncoding.EncodeToString(identity)+`"}`)
		wants(t, signature.Verify(signature.EdDSA, weak, octets, append(identity, make([]byte, 32)...)), signature.WeakKey)
		long := append([]byte{1}, make([]byte, 56)...)
		weak = parse(t, `{"kty":"OKP","crv":"Ed448","x":"`+base64.RawURLEncoding.EncodeToString(long)+`"}`)
		wants(t, signature.Verify(signature.EdDSA, weak, octets, append(long, make([]byte, 57)...)), signature.WeakKey)
	})
	t.Run("Ed25519 with an Ed448 key", func(t *testing.T) {
		private := ed448.NewKeyFromSeed(make([]byte, 57))
		x := base64.RawURLEncoding.EncodeToString(private.Public().(ed448.PublicKey))
		key := parse(t, `{"kty":"OKP","crv":"Ed448","x":"`+x+`"}`)
		sig := ed448.Sign(private, octets, "")
		check(t, signature.Verify(signature.EdDSA, key, octets, sig))
		check(t, signature.Verify(signature.Ed448, key, octets, sig))
		wants(t, signature.Verify(signature.Ed25519, key, octets, sig), signature.NotThisKeys)
		wants(t, signature.Verify(signature.Ed448, key, octets, ed448.Sign(private, octets, "a context")), signature.DoesNotVerify)
	})
}

// TestErrors: every rule has a name and words of its own.
func TestErrors(t *testing.T) {
	seen := map[string]bool{}
	for r := signature.Rule(0); r <= signature.DoesNotVerify+1; r++ {
		e := &signature.Error{Rule: r, Algorithm: signature.ES256, Key: "EC P-256"}
		named := r >= signature.UnknownAlgorithm && r <= signature.DoesNotVerify
		if (r.String() != "") != named || named && seen[e.Error()] {
			t.Errorf("rule %d is %q: %s", r, r, e)
		}
		seen[e.Error()] = true
	}
}

func keyOf(t testing.TB, public crypto.PublicKey) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.KeyOf(public)
	check(t, err)
	return key
}

func mustBytes(key *ecdsa.PrivateKey) []byte {
	octets, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return octets
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
