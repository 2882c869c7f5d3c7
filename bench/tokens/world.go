package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/go-jose/go-jose/v4"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/dnssec"
	"cnfd/issuers"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

const (
	issuer  = "https://iss.example"
	subject = "https://vendor.example"
	// The key of RFC 7800 §3.2, which the draft prints too.
	x   = "18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM"
	y   = "-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"
	jwk = `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"}`
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// claims are those of most tokens; cnf is what the claim holds.
func claims(cnf string) []byte {
	return fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":"https://rp.example","iat":%d,"exp":%d,"jti":"6c1b7e0a","scope":"read write","cnf":%s}`,
		issuer, subject, now.Unix(), now.Unix()+3600, cnf)
}

func b64(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// cache answers as the resolver does on a hit.
type cache map[string]*dnssec.Answer

func (c cache) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if a := c[string(q.Name.Bytes())]; a != nil {
		return a, true, nil
	}
	return nil, false, errors.New("no such record")
}

// publish puts the record of a key into the cache.
func (c cache) publish(label string, t thumbprint.Thumbprint) {
	name := label + ".vendor.example."
	c[name] = &dnssec.Answer{
		Name: name, Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: "vendor.example.",
		Data: [][]byte{record.RDATA(t)}, Fetched: now, Until: now.Add(5 * time.Minute),
	}
}

// keyring has the issuer's keys.
type keyring issuers.Set

func (k keyring) Keys(context.Context, string, bool) (issuers.Set, error) { return issuers.Set(k), nil }

// world is a verifier whose cache has the records of one key.
func world(opener thumbprint.Opener, keys ...thumbprint.Key) (*verifier.Verifier, error) {
	config, err := worldConfig(opener, keys...)
	if err != nil {
		return nil, err
	}
	return verifier.New(config)
}

// knowing is that verifier with its memory of claims that come again and again.
func knowing() (*verifier.Verifier, error) {
	config, err := worldConfig(nil)
	if err != nil {
		return nil, err
	}
	config.Credential.Memory = nil
	return verifier.New(config)
}

func worldConfig(opener thumbprint.Opener, keys ...thumbprint.Key) (config verifier.Config, err error) {
	key, err := thumbprint.ParseJWK([]byte(jwk))
	if err != nil {
		return config, err
	}
	c := published(key)
	c.publish("jwe.cnf", key.JKT(thumbprint.SHA256))
	c.publish("1.8", key.CKT(thumbprint.SHA256))
	config = configOf(c)
	config.Credential.Confirmation.Opener = opener
	var set keyring
	for _, k := range keys {
		set = append(set, issuers.Key{Key: k.Ready()}) // as issuers.Parse has them
	}
	config.Issuers, config.Keys = []verifier.Issuer{{Name: issuer}}, set
	return config, nil
}

// configOf is a verifier that reads every token anew.
func configOf(c cache) verifier.Config {
	return verifier.Config{Source: c, Now: func() time.Time { return now }, Credential: credential.Options{Memory: forgetful{}}}
}

// forgetful is a Memory that knows nothing.
type forgetful struct{}

func (forgetful) Recall([]byte, bool) *credential.Credential { return nil }
func (forgetful) Learn([]byte, bool)                         {}

// confirming asks the verifier about a token, which it must confirm.
func confirming(v *verifier.Verifier, q verifier.Request) func() error {
	q.Scratch = new(verifier.Scratch)
	return func() error {
		d, err := v.Verify(context.Background(), &q)
		if err == nil && d.Reason != verifier.RecordMatches {
			err = fmt.Errorf("%s: %s", d.Reason, d.Detail)
		}
		return err
	}
}

// signer is an issuer's key: what verifies with it, here and by the bare primitive
// of the library.
type signer struct {
	alg     string
	public  crypto.PublicKey
	private crypto.Signer // nil of ML-DSA
	sign    func(octets []byte) ([]byte, error)
	check   func(octets, sig []byte) bool
}

func signers() ([]signer, error) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	lattice, secret, err := mldsa65.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	der := map[string][]byte{} // what the library's primitive takes, by what is signed
	return []signer{
		{"ES256", p256.Public(), p256, func(octets []byte) ([]byte, error) {
			sum := sha256.Sum256(octets)
			r, s, err := ecdsa.Sign(rand.Reader, p256, sum[:])
			if err != nil {
				return nil, err
			}
			der[string(octets)], err = ecdsa.SignASN1(rand.Reader, p256, sum[:])
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), err
		}, func(octets, _ []byte) bool {
			sum := sha256.Sum256(octets)
			return ecdsa.VerifyASN1(&p256.PublicKey, sum[:], der[string(octets)])
		}},
		{"EdDSA", public, edwards, func(octets []byte) ([]byte, error) { return ed25519.Sign(edwards, octets), nil },
			func(octets, sig []byte) bool { return ed25519.Verify(public, octets, sig) }},
		{"PS256", modulus.Public(), modulus, func(octets []byte) ([]byte, error) {
			sum := sha256.Sum256(octets)
			return rsa.SignPSS(rand.Reader, modulus, crypto.SHA256, sum[:], pss)
		}, func(octets, sig []byte) bool {
			sum := sha256.Sum256(octets)
			return rsa.VerifyPSS(&modulus.PublicKey, crypto.SHA256, sum[:], sig, pss) == nil
		}},
		{"RS256", modulus.Public(), modulus, func(octets []byte) ([]byte, error) {
			sum := sha256.Sum256(octets)
			return rsa.SignPKCS1v15(rand.Reader, modulus, crypto.SHA256, sum[:])
		}, func(octets, sig []byte) bool {
			sum := sha256.Sum256(octets)
			return rsa.VerifyPKCS1v15(&modulus.PublicKey, crypto.SHA256, sum[:], sig) == nil
		}},
		{"ML-DSA-65", lattice, nil, func(octets []byte) ([]byte, error) {
			sig := make([]byte, mldsa65.SignatureSize)
			return sig, mldsa65.SignTo(secret, octets, nil, false, sig)
		}, func(octets, sig []byte) bool { return mldsa65.Verify(lattice, octets, nil, sig) }},
	}, nil
}

// key is the signer's as cnfd has it.
func (s *signer) key() (thumbprint.Key, error) {
	if public, ok := s.public.(*mldsa65.PublicKey); ok {
		return thumbprint.ParseJWK([]byte(`{"kty":"AKP","alg":"ML-DSA-65","pub":"` + b64(public.Bytes()) + `"}`))
	}
	return thumbprint.KeyOf(s.public)
}

// jws signs a payload, typed one of a kind, with members in its header.
func (s *signer) jws(payload []byte) (token, octets, sig []byte, err error) {
	return s.typed("JWT", "", payload)
}

func (s *signer) typed(typ, members string, payload []byte) (token, octets, sig []byte, err error) {
	octets = []byte(b64([]byte(`{"alg":"`+s.alg+`","typ":"`+typ+`"`+members+`}`)) + "." + b64(payload))
	sig, err = s.sign(octets)
	return append(append(bytes.Clone(octets), '.'), b64(sig)...), octets, sig, err
}

// recipient is a key that cnf.jwe is encrypted for, and the token's claims.
func recipient() (opener thumbprint.Opener, private *ecdsa.PrivateKey, sealed string, err error) {
	if private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, "", err
	}
	file, err := (&jose.JSONWebKey{Key: private, KeyID: "r"}).MarshalJSON()
	if err != nil {
		return nil, nil, "", err
	}
	keys, err := decryption.Parse(file)
	if err != nil {
		return nil, nil, "", err
	}
	if opener, err = decryption.New(keys); err != nil {
		return nil, nil, "", err
	}
	to := jose.Recipient{Algorithm: jose.ECDH_ES_A128KW, Key: private.Public(), KeyID: "r"}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, to, nil)
	if err != nil {
		return nil, nil, "", err
	}
	jwe, err := encrypter.Encrypt([]byte(jwk))
	if err != nil {
		return nil, nil, "", err
	}
	sealed, err = jwe.CompactSerialize()
	return opener, private, sealed, err
}
