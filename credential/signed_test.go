package credential_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/veraison/go-cose"

	"cnfd/credential"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// TestSignedCOSE: what go-cose signs, with its own Sig_structure, verifies over
// the octets that are given here, and over no others.
func TestSignedCOSE(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	key, err := thumbprint.KeyOf(private.Public())
	check(t, err)
	signer, err := cose.NewSigner(cose.AlgorithmES256, crypto.Signer(private))
	check(t, err)
	for _, claims := range [][]byte{octets(t, bareCKT("a1")), append(octets(t, bareCKT("a2")), append([]byte{0x19, 0x01, 0x00, 0x59, 0x01, 0x00}, make([]byte, 256)...)...)} {
		one := cose.Sign1Message{
			Headers: cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256, int64(16): "application/cwt"},
				Unprotected: cose.UnprotectedHeader{cose.HeaderLabelKeyID: []byte("k")}},
			Payload: claims,
		}
		check(t, one.Sign(rand.Reader, nil, signer))
		sign1, err := one.MarshalCBOR()
		check(t, err)

		many := cose.SignMessage{Headers: cose.Headers{Protected: cose.ProtectedHeader{}}, Payload: claims}
		for range 2 {
			s := cose.NewSignature()
			s.Headers.Protected.SetAlgorithm(cose.AlgorithmES256)
			many.Signatures = append(many.Signatures, s)
		}
		check(t, many.Sign(rand.Reader, nil, signer, signer))
		sign, err := many.MarshalCBOR()
		check(t, err)
		// RFC 9052 §4.4: an empty map of protected headers is signed as no octets.
		if i := bytes.IndexByte(sign, 0x40); i < 0 || i > 4 {
			t.Fatalf("%x: want an empty protected header", sign[:8])
		}
		withMap := append(append(append([]byte{}, sign[:3]...), 0x41, 0xa0), sign[4:]...)

		for name, token := range map[string][]byte{
			"COSE_Sign1": sign1, "COSE_Sign1 in the CWT tag": append([]byte{0xd8, 61}, sign1...), "COSE_Sign": sign, "COSE_Sign with an empty map protected": withMap,
		} {
			c, err := credential.ParseCWT(token, nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			s, ok := c.Signed()
			if want := 1 + bytes.Count([]byte(name), []byte("Sign ")) + bytes.Count([]byte(name+"$"), []byte("Sign$")); !ok || len(s.Signatures) != want {
				t.Errorf("%s: got %d signatures %v, want %d", name, len(s.Signatures), ok, want)
			}
			for _, one := range s.Signatures {
				if err := signature.Verify(one.Algorithm, key, one.Octets, one.Value); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				one.Octets[len(one.Octets)-1] ^= 1
				if signature.Verify(one.Algorithm, key, one.Octets, one.Value) == nil {
					t.Errorf("%s: verifies over other claims", name)
				}
			}
			if name == "COSE_Sign1" && (string(s.Type) != "application/cwt" || string(s.Signatures[0].KID) != "k") {
				t.Errorf("%s: typ %q, kid %q", name, s.Type, s.Signatures[0].KID)
			}
		}
	}
}

// TestSignedSDCWT holds the issuer's signature of the SD-CWT draft's example.
func TestSignedSDCWT(t *testing.T) {
	text, err := os.ReadFile("../thumbprint/testdata/thumbprints.json")
	check(t, err)
	var all []struct {
		Name     string
		CBORHex  string `json:"cbor_hex"`
		InputHex string `json:"input_hex"`
	}
	check(t, json.Unmarshal(text, &all))
	var key thumbprint.Key
	var c credential.Credential
	for _, v := range all {
		switch v.Name {
		case "sd-cwt-issuer-ckt-p384":
			// Its kid is text, which no COSE_Key may have: the key without it.
			whole, err := hex.DecodeString(v.CBORHex)
			check(t, err)
			kid := append([]byte{0x02, 0x78, 0x20}, "https://issuer.example/cwk3.cbor"...)
			key, err = thumbprint.ParseCOSEKey(append([]byte{0xa5}, bytes.Replace(whole[1:], kid, nil, 1)...))
			check(t, err)
		case "sd-cwt-issuer_cwt":
			c, err = credential.ParseCWT(octets(t, v.InputHex), nil)
			check(t, err)
		}
	}
	s, ok := c.Signed()
	if !ok || len(s.Signatures) != 1 || s.Signatures[0].Algorithm != signature.ES384 || string(s.Type) != "293" {
		t.Fatalf("got %+v %v", s, ok)
	}
	one := s.Signatures[0]
	if err := signature.Verify(one.Algorithm, key, one.Octets, one.Value); err != nil {
		t.Logf("key %s, kid %q", key.Algorithm(), one.KID)
		t.Error(err)
	}
}

// TestNothingSigned: what nobody has signed with a public key gives nothing to
// verify, and an algorithm that is not protected or not known is none.
func TestNothingSigned(t *testing.T) {
	claims, err := credential.ParseClaims([]byte(draft), nil)
	check(t, err)
	bare, err := credential.ParseCWT(octets(t, bareCKT("a1")), nil)
	check(t, err)
	payload := octets(t, bareCKT("a1"))
	mac0, err := credential.ParseCWT(append(octets(t, "d1 84 43a10105 a0 58"+hex.EncodeToString([]byte{byte(len(payload))})), append(payload, 0x41, 0)...), nil)
	check(t, err)
	for name, c := range map[string]credential.Credential{"claims": claims, "a claims map": bare, "a COSE_Mac0": mac0, "the zero Credential": {}} {
		if s, ok := c.Signed(); ok {
			t.Errorf("%s: got %+v", name, s)
		}
		if kb, ok := c.KeyBinding(); ok {
			t.Errorf("%s: got %+v", name, kb)
		}
	}
	for _, alg := range []string{"HS256", "es256", "ES256X"} {
		c, err := credential.ParseJWT([]byte(compact(`{"alg":"`+alg+`"}`, draft)), nil)
		check(t, err)
		if s, ok := c.Signed(); !ok || s.Signatures[0].Algorithm != 0 {
			t.Errorf("%s: got %+v %v", alg, s, ok)
		}
	}
	unprotected, err := credential.ParseCWT(append(octets(t, "d2 84 40 a10126 58"+hex.EncodeToString([]byte{byte(len(payload))})), append(payload, 0x41, 0)...), nil)
	check(t, err)
	if s, ok := unprotected.Signed(); !ok || s.Signatures[0].Algorithm != 0 {
		t.Errorf("an algorithm that is not protected: got %+v %v", s, ok)
	}
}

// TestKey gives the key that cnf holds, and none where it names one.
func TestKey(t *testing.T) {
	jwk := `"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}`
	c, err := credential.ParseJWT([]byte(compact(es256, `{"sub":"a",`+jwk+`}`)), nil)
	check(t, err)
	if key, ok := c.Key(nil); !ok || key.JKT(thumbprint.SHA256) != c.Confirmation.Thumbprint {
		t.Error("no key")
	}
	c, err = credential.ParseJWT([]byte(compact(es256, `{"sub":"a",`+cnf+`}`)), nil)
	check(t, err)
	if key, ok := c.Key(nil); ok {
		t.Errorf("a key of a thumbprint: %s", key.Algorithm())
	}
	for _, wrapped := range []bool{false, true} {
		held := octets(t, "a4 01 02 20 01 21 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 22 5820 f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120")
		if wrapped {
			held = append([]byte{0x58, byte(len(held))}, held...)
		}
		c, err = credential.ParseCWT(append(octets(t, "a1 08 a1 01"), held...), nil)
		check(t, err)
		if key, ok := c.Key(nil); !ok || key.CKT(thumbprint.SHA256) != c.Confirmation.Thumbprint {
			t.Errorf("wrapped %v: no key", wrapped)
		}
	}
}

// opener opens one text and one message; everything else is closed to it.
type opener struct{ jwe, jwk, message, coseKey string }

func (o opener) OpenJWE(compact []byte) ([]byte, error) {
	if string(compact) != o.jwe {
		return nil, errors.New("closed")
	}
	return []byte(o.jwk), nil
}

func (o opener) OpenCOSE(message []byte) ([]byte, error) {
	if string(message) != o.message {
		return nil, errors.New("closed")
	}
	return []byte(o.coseKey), nil
}

// TestKeyThatIsEncrypted is given by the Opener that the parser had, and by no
// other, nor where it gives another key than before.
func TestKeyThatIsEncrypted(t *testing.T) {
	message := octets(t, "83 40 a0 41 00")
	o := opener{
		jwe: "a.b.c.d.e", jwk: `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		message: string(message), coseKey: string(octets(t, "a4 01 02 20 01 21 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 22 5820 f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120")),
	}
	options := &credential.Options{Confirmation: thumbprint.Options{Opener: o}}
	jwt, err := credential.ParseClaims([]byte(`{"sub":"a","cnf":{"jwe":"a.b.c.d.e"}}`), options)
	check(t, err)
	cwt, err := credential.ParseCWT(append(octets(t, "a1 08 a1 02"), message...), options)
	check(t, err)
	other := o
	other.jwk, other.coseKey = rfc9901Issuer, o.coseKey[:40]
	for name, c := range map[string]credential.Credential{"jwe": jwt, "Encrypted_COSE_Key": cwt} {
		key, ok := c.Key(o)
		if !ok || !credential.Is(key, c.Confirmation.Thumbprint) {
			t.Errorf("%s: not opened", name)
		}
		for _, o := range []thumbprint.Opener{nil, opener{}, other} {
			if key, ok := c.Key(o); ok {
				t.Errorf("%s: a key of another opener: %s", name, key.Algorithm())
			}
		}
	}
}

// TestFor finds an audience alone and among others, and takes nothing else for it.
func TestFor(t *testing.T) {
	for _, c := range []struct {
		aud            string
		named, present bool
	}{
		{`"aud":"https://v.example",`, true, true}, {`"aud":["x","https://v.example"],`, true, true}, {`"aud":["https://v.example","x"],`, true, true}, {`"aud":"https:\/\/v.example",`, true, true},
		{``, false, false}, {`"aud":"https://v.example/",`, false, true}, {`"aud":[],`, false, true}, {`"aud":1,`, false, true}, {`"aud":[["https://v.example"]],`, false, true}, {`"aud":{"a":"https://v.example"},`, false, true},
	} {
		got, err := credential.ParseClaims([]byte(`{"sub":"a",`+c.aud+cnf+`}`), nil)
		check(t, err)
		if named, present := got.For("https://v.example"); named != c.named || present != c.present {
			t.Errorf("%s: got %v %v", c.aud, named, present)
		}
	}
	for _, c := range []struct {
		aud            string
		named, present bool
	}{
		{"03 61 76", true, true}, {"03 82 61 78 61 76", true, true}, {"03 82 61 76 61 78", true, true}, {"03 61 78", false, true}, {"03 80", false, true}, {"03 41 76", false, true}, {"19 0100 61 76", false, false},
	} {
		got, err := credential.ParseCWT(octets(t, bareCKT("a2")+c.aud), nil)
		check(t, err)
		if named, present := got.For("v"); named != c.named || present != c.present {
			t.Errorf("%s: got %v %v", c.aud, named, present)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sdCWTExample is the issuer's SD-CWT of draft-ietf-spice-sd-cwt, in hex.
func sdCWTExample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../thumbprint/testdata/thumbprints.json")
	check(t, err)
	var all []vector
	check(t, json.Unmarshal(text, &all))
	for _, v := range all {
		if v.Name == "sd-cwt-issuer_cwt" {
			return v.InputHex
		}
	}
	t.Fatal("not there")
	return ""
}
