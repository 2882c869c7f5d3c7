package thumbprint

import (
	"encoding"
	"testing"

	hamburg "github.com/cloudflare/circl/sign/ed448"
	secp "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// TestPublicIsTheSameKey: what the libraries are handed is the key that the
// thumbprint names, whatever its kind.
func TestPublicIsTheSameKey(t *testing.T) {
	rsaKey := `{"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`
	for name, jwk := range map[string]string{
		"P-256":     `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		"P-521":     `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`,
		"secp256k1": `{"kty":"EC","crv":"secp256k1","x":"uDj_ROW8F3vyEYnQdmCC_J2EMiaIf8l2A3EQC37iCm8","y":"8MnXW_unsxpryhl0SW7rVt41cHGVXYPEsbraoLIYMuk"}`,
		"Ed25519":   `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"X25519":    `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`,
		"RSA":       rsaKey,
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParseJWK([]byte(jwk))
			if err != nil {
				t.Fatal(err)
			}
			public := k.Public()
			if p, ok := public.(*secp.PublicKey); ok {
				if string(p.SerializeUncompressed()[1:]) != string(k.small[:64]) {
					t.Error("another point")
				}
				return
			}
			ready := k.Ready()
			if made := ready.Public(); name != "Ed25519" && made != ready.Public() || ready.JKT(SHA256) != k.JKT(SHA256) || ready.CKT(SHA256) != k.CKT(SHA256) {
				t.Error("once it is ready it is another key, or made again")
			}
			if theirs, err := KeyOf(ready.Public()); err != nil || theirs.JKT(SHA256) != k.JKT(SHA256) {
				t.Errorf("ready: %s, %v", theirs.JKT(SHA256).Hex(), err)
			}
			again, err := KeyOf(public)
			if err != nil || again.JKT(SHA256) != k.JKT(SHA256) || k.IsZero() {
				t.Errorf("got %s %v, want %s", again.JKT(SHA256).Hex(), err, k.JKT(SHA256).Hex())
			}
		})
	}
	ed448Key, _ := newOKP(ed448, hamburg.NewKeyFromSeed(make([]byte, 57)).Public().(hamburg.PublicKey))
	if p, ok := ed448Key.Public().(hamburg.PublicKey); !ok || string(p) != string(ed448Key.small[:57]) {
		t.Error("Ed448: another key")
	}
	for c := mldsa44; c <= mldsa87; c++ {
		pub := make([]byte, curves[c].size)
		for i := range pub {
			pub[i] = byte(i * 7)
		}
		k, f := newAKP(c, pub)
		p, ok := k.Public().(encoding.BinaryMarshaler)
		if f.what != "" || !ok {
			t.Fatalf("%s: no key", curves[c].name)
		}
		if again, err := p.MarshalBinary(); err != nil || string(again) != string(pub) {
			t.Errorf("%s: another key: %v", curves[c].name, err)
		}
	}
}

// TestPublicIsNil for keys that no library takes, and is then no typed nil
// that looks like a key.
func TestPublicIsNil(t *testing.T) {
	long := append([]byte{1}, make([]byte, 4)...)
	long[4] = 1
	modulus := make([]byte, 256)
	modulus[0], modulus[255] = 0x80, 1
	longExponent, f := newRSA(modulus, long)
	if f.what != "" {
		t.Fatal(f.what)
	}
	secret, _ := newSymmetric([]byte("secret"))
	x, _ := newOKP(x448, make([]byte, 56))
	for name, k := range map[string]Key{"zero": {}, "symmetric": secret, "X448": x, "a long exponent": longExponent} {
		for _, k := range []Key{k, k.Ready()} {
			if p := k.Public(); p != nil {
				t.Errorf("%s: got a %T", name, p)
			}
		}
	}
}
