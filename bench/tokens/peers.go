package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwk "github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/veraison/go-cose"

	"cnfd/verifier"
)

// all makes the tokens and everybody who reads them.
func all() ([]contest, error) {
	signers, err := signers()
	if err != nil {
		return nil, err
	}
	opener, private, sealed, err := recipient()
	if err != nil {
		return nil, err
	}
	v, err := world(opener)
	if err != nil {
		return nil, err
	}
	k, err := knowing()
	if err != nil {
		return nil, err
	}
	bare := claims(`{"jwk":` + jwk + `}`)
	token, _, _, err := signers[0].jws(bare)
	if err != nil {
		return nil, err
	}
	wrapped, _, _, err := signers[0].jws(claims(`{"jwe":"` + sealed + `"}`))
	if err != nil {
		return nil, err
	}
	claimsMap, sign1, sign, err := cwts()
	if err != nil {
		return nil, err
	}
	contests := []contest{
		{"claims", confirming(v, verifier.Request{Input: verifier.InputClaims, Bytes: bare}), []peer{
			{"encoding/json", func() error { return byJSON(bare) }},
			{"cnfd, known", confirming(k, verifier.Request{Input: verifier.InputClaims, Bytes: bare})},
		}},
		{"JWT", confirming(v, verifier.Request{Input: verifier.InputJWT, Bytes: token}), []peer{
			{"go-jose", func() error { return byJOSE(token, nil) }},
			{"golang-jwt, without the key", func() error { _, _, err := jwt.NewParser().ParseUnverified(string(token), jwt.MapClaims{}); return err }},
			{"jwx", func() error { return byJWX(token) }},
			{"cnfd, known", confirming(k, verifier.Request{Input: verifier.InputJWT, Bytes: token})},
		}},
		{"JWT with `jwe`, ECDH-ES+A128KW", confirming(v, verifier.Request{Input: verifier.InputJWT, Bytes: wrapped}), []peer{
			{"go-jose", func() error { return byJOSE(wrapped, private) }},
		}},
		{"CWT claims", confirming(v, verifier.Request{Input: verifier.InputCWT, Bytes: claimsMap}), []peer{
			{"fxamacker/cbor", func() error { return byCBOR(claimsMap) }},
			{"cnfd, known", confirming(k, verifier.Request{Input: verifier.InputCWT, Bytes: claimsMap})},
		}},
		{"CWT in COSE_Sign1", confirming(v, verifier.Request{Input: verifier.InputCWT, Bytes: sign1}), []peer{
			{"go-cose and fxamacker/cbor", func() error {
				var m cose.Sign1Message
				if err := m.UnmarshalCBOR(sign1); err != nil {
					return err
				}
				return byCBOR(m.Payload)
			}},
		}},
		{"CWT in COSE_Sign", confirming(v, verifier.Request{Input: verifier.InputCWT, Bytes: sign}), []peer{
			{"go-cose and fxamacker/cbor", func() error {
				var m cose.SignMessage
				if err := m.UnmarshalCBOR(sign); err != nil {
					return err
				}
				return byCBOR(m.Payload)
			}},
		}},
	}
	more, err := alone(v, bare, claimsMap, &signers[0])
	if err != nil {
		return nil, err
	}
	contests = append(contests, more...)
	for i := range signers {
		c, err := signed(&signers[i], bare)
		if err != nil {
			return nil, err
		}
		contests = append(contests, c)
	}
	more, err = held()
	return append(contests, more...), err
}

// signed is a JWT with the check of its signature, beside the bare primitive and
// those who check a JWT's signature.
func signed(s *signer, payload []byte) (contest, error) {
	key, err := s.key()
	if err != nil {
		return contest{}, err
	}
	v, err := world(nil, key)
	if err != nil {
		return contest{}, err
	}
	token, octets, sig, err := s.jws(payload)
	if err != nil {
		return contest{}, err
	}
	c := contest{"JWT, check `signature`, " + s.alg, confirming(v, verifier.Request{Input: verifier.InputJWT, Bytes: token, Checks: verifier.CheckSignature}), []peer{
		{"the primitive alone", func() error {
			if !s.check(octets, sig) {
				return errors.New("does not verify")
			}
			return nil
		}},
	}}
	if s.alg == "ML-DSA-65" {
		return c, nil // the others do not know it
	}
	text := string(token)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.alg}), jwt.WithoutClaimsValidation())
	alg, _ := jwa.LookupSignatureAlgorithm(s.alg)
	c.peers = append(c.peers,
		peer{"golang-jwt", func() error {
			_, err := parser.ParseWithClaims(text, jwt.MapClaims{}, func(*jwt.Token) (any, error) { return s.public, nil })
			return err
		}},
		peer{"jwx", func() error {
			_, err := jwxjwt.Parse(token, jwxjwt.WithKey(alg, s.public), jwxjwt.WithValidate(false))
			return err
		}})
	return c, nil
}

var errKey = errors.New("no key")

// byJSON reads claims and hashes the key's required members (RFC 7638).
func byJSON(claims []byte) error {
	var c struct {
		Iss, Sub string
		Exp, Nbf json.Number
		Cnf      struct {
			JWK struct{ Kty, Crv, X, Y string }
		}
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return err
	}
	canonical, err := json.Marshal(struct {
		Crv string `json:"crv"`
		Kty string `json:"kty"`
		X   string `json:"x"`
		Y   string `json:"y"`
	}{c.Cnf.JWK.Crv, c.Cnf.JWK.Kty, c.Cnf.JWK.X, c.Cnf.JWK.Y})
	if sum := sha256.Sum256(canonical); err != nil || sum[0] != 0x80 {
		return errKey
	}
	return nil
}

// byJOSE reads a JWT without checking its signature, and opens jwe.
func byJOSE(token []byte, private *ecdsa.PrivateKey) error {
	t, err := josejwt.ParseSigned(string(token), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	var standard josejwt.Claims
	var own struct {
		Cnf struct {
			JWK *jose.JSONWebKey `json:"jwk"`
			JWE string           `json:"jwe"`
		} `json:"cnf"`
	}
	if err := t.UnsafeClaimsWithoutVerification(&standard, &own); err != nil {
		return err
	}
	key := own.Cnf.JWK
	if private != nil {
		jwe, err := jose.ParseEncryptedCompact(own.Cnf.JWE, []jose.KeyAlgorithm{jose.ECDH_ES_A128KW}, []jose.ContentEncryption{jose.A128GCM})
		if err != nil {
			return err
		}
		octets, err := jwe.Decrypt(private)
		if err != nil {
			return err
		}
		key = new(jose.JSONWebKey)
		if err := key.UnmarshalJSON(octets); err != nil {
			return err
		}
	}
	if sum, err := key.Thumbprint(crypto.SHA256); err != nil || sum[0] != 0x80 {
		return errKey
	}
	return nil
}

func byJWX(token []byte) error {
	t, err := jwxjwt.ParseInsecure(token)
	if err != nil {
		return err
	}
	var cnf map[string]any
	if err := t.Get("cnf", &cnf); err != nil {
		return err
	}
	octets, err := json.Marshal(cnf["jwk"])
	if err != nil {
		return err
	}
	key, err := jwxjwk.ParseKey(octets)
	if err != nil {
		return err
	}
	if sum, err := key.Thumbprint(crypto.SHA256); err != nil || sum[0] != 0x80 {
		return errKey
	}
	return nil
}

// claimsOfCWT is RFC 8392 with RFC 8747's cnf; keyOfCOSE an EC2 key.
type claimsOfCWT struct {
	Iss string      `cbor:"1,keyasint,omitempty"`
	Sub string      `cbor:"2,keyasint"`
	Aud string      `cbor:"3,keyasint,omitempty"`
	Exp int64       `cbor:"4,keyasint,omitempty"`
	Iat int64       `cbor:"6,keyasint,omitempty"`
	Cti []byte      `cbor:"7,keyasint,omitempty"`
	Cnf confirmable `cbor:"8,keyasint"`
}

type confirmable struct {
	Key keyOfCOSE `cbor:"1,keyasint"`
}

type keyOfCOSE struct {
	Kty int64  `cbor:"1,keyasint"`
	Crv int64  `cbor:"-1,keyasint"`
	X   []byte `cbor:"-2,keyasint"`
	Y   []byte `cbor:"-3,keyasint"`
}

var (
	deterministic, _ = cbor.CoreDetEncOptions().EncMode()
	strict, _        = cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
)

// byCBOR reads a claims map and hashes the key (RFC 9679).
func byCBOR(payload []byte) error {
	var c claimsOfCWT
	if err := strict.Unmarshal(payload, &c); err != nil {
		return err
	}
	canonical, err := deterministic.Marshal(c.Cnf.Key)
	if sum := sha256.Sum256(canonical); err != nil || sum[0] == 0 || c.Sub != subject {
		return errKey
	}
	return nil
}

// cwts are the same claims as a map, in a COSE_Sign1 and in a COSE_Sign.
func cwts() (claims, sign1, sign []byte, err error) {
	c := claimsOfCWT{Iss: issuer, Sub: subject, Aud: "https://rp.example", Exp: now.Unix() + 3600, Iat: now.Unix(), Cti: []byte{0x6c, 0x1b, 0x7e, 0x0a}}
	c.Cnf.Key.Kty, c.Cnf.Key.Crv = 2, 1
	if c.Cnf.Key.X, err = base64.RawURLEncoding.DecodeString(x); err == nil {
		c.Cnf.Key.Y, err = base64.RawURLEncoding.DecodeString(y)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if claims, err = deterministic.Marshal(c); err != nil {
		return nil, nil, nil, err
	}
	signers, err := signers()
	if err != nil {
		return nil, nil, nil, err
	}
	by := issuerOf{&signers[0]}
	headers := cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256}, Unprotected: cose.UnprotectedHeader{cose.HeaderLabelKeyID: []byte("k")}}
	if sign1, err = cose.Sign1(rand.Reader, by, headers, claims, nil); err != nil {
		return nil, nil, nil, err
	}
	m := cose.SignMessage{
		Headers: cose.Headers{Protected: cose.ProtectedHeader{}, Unprotected: cose.UnprotectedHeader{}}, Payload: claims,
		Signatures: []*cose.Signature{{Headers: headers}},
	}
	if err = m.Sign(rand.Reader, nil, by); err == nil {
		sign, err = m.MarshalCBOR()
	}
	return claims, sign1, sign, err
}

// issuerOf signs for go-cose.
type issuerOf struct{ *signer }

func (issuerOf) Algorithm() cose.Algorithm { return cose.AlgorithmES256 }

func (s issuerOf) Sign(_ io.Reader, octets []byte) ([]byte, error) { return s.sign(octets) }
