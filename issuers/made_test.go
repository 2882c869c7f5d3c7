package issuers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/issuers"
)

// made is a JWK Set of npm's jose, and the tokens that it made: testdata/made/jose.mjs.
type made struct {
	JWKS   json.RawMessage
	PEM    map[string]string
	Tokens []struct{ Alg, KID, Named, Nameless string }
	// Confused are tokens with an HMAC whose secret is public, Embedded those of a
	// stranger who brings his own key.
	Confused []string
	Embedded map[string]string
}

func loadMade(t testing.TB) (m made) {
	t.Helper()
	text, err := os.ReadFile("testdata/made/jose.json")
	check(t, err)
	check(t, json.Unmarshal(text, &m))
	if len(m.Tokens) != 10 || len(m.PEM) < len(m.Tokens) {
		t.Fatalf("%d tokens, %d keys in PEM", len(m.Tokens), len(m.PEM))
	}
	return m
}

func (m *made) set(t testing.TB) issuers.Set {
	t.Helper()
	return parse(t, m.JWKS)
}

// token gives the token of an algorithm.
func (m *made) token(t testing.TB, alg string) (named, nameless string) {
	t.Helper()
	for _, one := range m.Tokens {
		if one.Alg == alg {
			return one.Named, one.Nameless
		}
	}
	t.Fatalf("no token of %s", alg)
	return "", ""
}

func parse[T ~string | ~[]byte](t testing.TB, file T) issuers.Set {
	t.Helper()
	set, err := issuers.Parse([]byte(file))
	check(t, err)
	return set
}

func read[T ~string | ~[]byte](t testing.TB, token T) *credential.Credential {
	t.Helper()
	c, err := credential.Parse([]byte(token), nil)
	check(t, err)
	return &c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants holds a judgement to its rule, 0 for a credential that the issuer has
// signed, and to saying something for people.
func wants(t testing.TB, err error, want issuers.Rule) {
	t.Helper()
	var e *issuers.Error
	switch {
	case err == nil && want == 0:
	case err == nil:
		t.Errorf("taken for signed, want %s", want)
	case want == 0:
		t.Errorf("refused: %v", err)
	case !errors.As(err, &e) || e.Rule != want || !strings.Contains(e.Error(), ": "):
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestTokensOfJose: what npm's jose signed is signed by the key that made it, and
// by no other, and one flipped bit is enough for nobody to have signed it.
func TestTokensOfJose(t *testing.T) {
	m := loadMade(t)
	set := m.set(t)
	for _, one := range m.Tokens {
		t.Run(one.Alg, func(t *testing.T) {
			wants(t, issuers.Judge(read(t, one.Named), set, nil), 0)
			wants(t, issuers.Judge(read(t, one.Nameless), set, nil), 0)
			wants(t, issuers.Judge(read(t, one.Named), parse(t, m.PEM[one.Alg]), nil), 0)
			wants(t, issuers.Judge(read(t, one.Nameless), parse(t, m.PEM[one.Alg]), nil), 0)

			var others issuers.Set
			for _, k := range set {
				if k.KID != one.KID {
					others = append(others, k)
				}
			}
			if len(others) != len(set)-1 {
				t.Fatalf("%d keys left of %d", len(others), len(set))
			}
			wants(t, issuers.Judge(read(t, one.Named), others, nil), issuers.NoKey)
			wants(t, issuers.Judge(read(t, one.Nameless), others, nil), issuers.NoKey)
			for alg, text := range m.PEM {
				if alg != one.Alg && issuers.Judge(read(t, one.Nameless), parse(t, text), nil) == nil {
					t.Errorf("signed by the key of %s", alg)
				}
			}

			for _, bit := range []int{0, 7, 100, 300} {
				wants(t, issuers.Judge(read(t, flip(t, one.Named, bit)), set, nil), issuers.Signature)
			}
			// The signature of the other token of the same key.
			swapped := one.Named[:strings.LastIndexByte(one.Named, '.')] + one.Nameless[strings.LastIndexByte(one.Nameless, '.'):]
			wants(t, issuers.Judge(read(t, swapped), set, nil), issuers.Signature)
		})
	}
}

// flip changes a bit of a JWS's signature.
func flip(t testing.TB, jws string, bit int) string {
	t.Helper()
	at := strings.LastIndexByte(jws, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(jws[at:])
	check(t, err)
	sig[bit/8] ^= 1 << (bit % 8)
	return jws[:at] + base64.RawURLEncoding.EncodeToString(sig)
}

// TestCredentialsOfOthers: an SD-JWT VC of npm's library, the example of RFC 9901,
// and that of the SD-CWT draft.
func TestCredentialsOfOthers(t *testing.T) {
	text, err := os.ReadFile("../credential/testdata/made/sd-jwt-vc.json")
	check(t, err)
	var vc struct {
		Issuer, Holder json.RawMessage
		Tokens         []struct{ Name, Issued, Presented string }
	}
	check(t, json.Unmarshal(text, &vc))
	if len(vc.Tokens) != 8 {
		t.Fatalf("%d tokens", len(vc.Tokens))
	}
	for _, token := range vc.Tokens {
		if !strings.HasSuffix(token.Name, "withheld") {
			wants(t, issuers.Judge(read(t, token.Issued), parse(t, vc.Issuer), nil), 0)
			wants(t, issuers.Judge(read(t, token.Presented), parse(t, vc.Issuer), nil), 0)
			wants(t, issuers.Judge(read(t, token.Presented), parse(t, vc.Holder), nil), issuers.Signature)
		}
	}

	const rfc9901 = `{"kty":"EC","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`
	for _, name := range []string{"5.2.txt"} {
		text, err := os.ReadFile("../credential/testdata/rfc9901/" + name)
		check(t, err)
		c := read(t, bytes.TrimSpace(text))
		wants(t, issuers.Judge(c, parse(t, rfc9901), nil), 0)
		wants(t, issuers.Judge(c, parse(t, vc.Issuer), nil), issuers.Signature)
		wants(t, issuers.Judge(c, parse(t, rfc9901), &issuers.Terms{Types: []string{"dc+sd-jwt"}}), issuers.Type)
	}
}

// TestTheExampleOfSDCWT: its key has another name than its token gives, as they
// stand in the draft; without that name it is tried.
func TestTheExampleOfSDCWT(t *testing.T) {
	key, jwk, token := sdCWT(t)
	c := readCWT(t, token)
	wants(t, issuers.Judge(c, parse(t, key), nil), issuers.NoKey)

	kid := append([]byte{0x02, 0x78, 0x20}, "https://issuer.example/cwk3.cbor"...)
	without := append([]byte{0xa5}, bytes.Replace(key[1:], kid, nil, 1)...)
	wants(t, issuers.Judge(c, parse(t, without), nil), 0)
	renamed := append([]byte{0xa6}, bytes.Replace(key[1:], kid, append([]byte{0x02, 0x58, 0x20}, "https://issuer.example/cose-key3"...), 1)...)
	wants(t, issuers.Judge(c, parse(t, renamed), nil), 0)
	wants(t, issuers.Judge(c, parse(t, bytes.Replace(jwk, []byte("cwk3.cbor"), []byte("cose-key3"), 1)), nil), 0)
	// -51 is ESP384; with ESP256 in its stead the key is not for what signed.
	wrong := bytes.Replace(without, []byte{0x03, 0x38, 0x32}, []byte{0x03, 0x28}, 1)
	if _, err := issuers.Parse(wrong); err == nil || !strings.Contains(err.Error(), "alg") {
		t.Errorf("a P-384 key for ES256: %v", err)
	}
	wants(t, issuers.Judge(c, parse(t, without), &issuers.Terms{Types: []string{"61"}}), issuers.Type)
}

// sdCWT gives the issuer's key of the SD-CWT draft, as a COSE_Key and as a JWK,
// and its SD-CWT.
func sdCWT(t testing.TB) (key, jwk, token []byte) {
	t.Helper()
	text, err := os.ReadFile("../thumbprint/testdata/thumbprints.json")
	check(t, err)
	var all []struct {
		Name     string
		Input    json.RawMessage
		CBORHex  string `json:"cbor_hex"`
		InputHex string `json:"input_hex"`
	}
	check(t, json.Unmarshal(text, &all))
	for _, v := range all {
		switch v.Name {
		case "sd-cwt-issuer-ckt-p384":
			key = octets(t, v.CBORHex)
		case "sd-cwt-issuer-jkt-p384":
			jwk = v.Input
		case "sd-cwt-issuer_cwt":
			token = octets(t, v.InputHex)
		}
	}
	return key, jwk, token
}
