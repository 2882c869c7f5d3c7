package decryption_test

import (
	"errors"
	"testing"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/thumbprint"
)

// The keys reach a token through its reader's options, and no further.
func TestTokensThatHoldAnEncryptedKey(t *testing.T) {
	m := loadMade(t)
	jwt := func(cnf string) []byte {
		return []byte(b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(`{"sub":"https://a.example","cnf":`+cnf+`}`)) + ".AA")
	}
	cwt := func(message string) []byte {
		claims := append(octets(t, "a2026161"), 0x08) // sub "a"
		return append(append(claims, 0xa1, 0x02), octets(t, message)...)
	}
	jkt, err := thumbprint.OfJWK(m.JWK, thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	ckt, err := thumbprint.OfCOSEKey(octets(t, m.COSEKey), thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	read := func(k *decryption.Keys) (j, c thumbprint.Confirmation) {
		t.Helper()
		o := credential.Options{Confirmation: thumbprint.Options{Opener: k}}
		asJWT, err := credential.ParseJWT(jwt(string(cnfJWE(m.JWE[0].Compact))), &o)
		if err != nil {
			t.Fatal(err)
		}
		asCWT, err := credential.ParseCWT(cwt(m.COSE[0].Message), &o)
		if err != nil {
			t.Fatal(err)
		}
		return asJWT.Confirmation, asCWT.Confirmation
	}
	j, c := read(m.all(t))
	if j != (thumbprint.Confirmation{Method: thumbprint.MethodJWE, Thumbprint: jkt}) || c != (thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Thumbprint: ckt}) {
		t.Errorf("with its key: %v %v", j, c)
	}
	j, c = read(nil)
	if j != (thumbprint.Confirmation{Method: thumbprint.MethodJWE, Encrypted: true}) || c != (thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Encrypted: true}) {
		t.Errorf("without: %v %v", j, c)
	}
	o := credential.Options{Confirmation: thumbprint.Options{Opener: m.all(t)}}
	_, err = credential.ParseJWT(jwt(string(cnfJWE(m.Private.JWE))), &o)
	var e *credential.Error
	if !errors.As(err, &e) || e.Rule != credential.PrivateKey {
		t.Errorf("a private key in it: %v", err)
	}
	_, err = credential.ParseJWT(jwt(string(cnfJWE(message(`{"alg":"RSA1_5","enc":"A128GCM"}`, 256, 12, 3, 16)))), &o)
	if !errors.As(err, &e) || e.Rule != credential.NotReducible {
		t.Errorf("RSA1_5: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	m := loadMade(b)
	k := m.all(b)
	for _, v := range m.JWE {
		if v.Enc != "A256GCM" {
			continue
		}
		b.Run("JWE "+v.Alg+" "+v.Key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.OpenJWE([]byte(v.Compact)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, v := range m.COSE {
		if v.To != "ECDH-ES+HKDF-256" && v.Alg != "AES-CCM-16-64-128" {
			continue
		}
		message := octets(b, v.Message)
		b.Run("COSE "+v.Alg+" "+v.To+" "+v.Key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.OpenCOSE(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
