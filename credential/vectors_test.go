package credential_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/thumbprint"
)

// vector is an entry of thumbprints.json. What this package does not read yet
// is named in waiting.
type vector struct {
	Name       string          `json:"name"`
	Kind       string          `json:"kind"`
	Input      json.RawMessage `json:"input"`
	Token      string          `json:"token"`
	InputHex   string          `json:"input_hex"`
	ClaimsHex  string          `json:"claims_cbor_hex"`
	WrappedHex string          `json:"claims_cbor_hex_bstr_form"`
	EncKeyHex  string          `json:"encrypted_cose_key_hex"`
	Sub        string          `json:"sub"`
	Method     any             `json:"cnf_method"`
	Hex        *string         `json:"thumbprint_hex"`
	Expect     string          `json:"expect"`
}

// waiting are vectors of the kinds read here whose thumbprint is not reached
// yet, with what they wait for.
var waiting = map[string]string{
	"rfc8747-3.3-encrypted_cose_key": "encrypted keys: undecryptable until there are keys to decrypt with",
	"sd-cwt-kbt":                     "key-binding tokens: refused until they are checked",
}

func TestVectors(t *testing.T) {
	file, err := os.ReadFile("../thumbprint/testdata/thumbprints.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, v := range all {
		read := map[string]func(*testing.T, vector){
			"jwt_claims": checkJWTClaims, "cwt_claims": checkCWTClaims, "cwt": checkCWT, "cwt_kbt": checkKBT,
		}[v.Kind]
		if read == nil {
			continue
		}
		counts[v.Kind]++
		t.Run(v.Name, func(t *testing.T) {
			if why := waiting[v.Name]; why != "" {
				t.Log("waits for " + why)
			}
			read(t, v)
		})
	}
	for kind, want := range map[string]int{"jwt_claims": 6, "cwt_claims": 5, "cwt": 1, "cwt_kbt": 1} {
		if counts[kind] != want {
			t.Errorf("%d vectors of %s, want %d", counts[kind], kind, want)
		}
	}
}

func checkJWTClaims(t *testing.T, v vector) {
	o := &credential.Options{Confirmation: thumbprint.Options{X5T: true}}
	got, err := credential.ParseClaims(v.Input, o)
	checkVector(t, v, got, err)
	if v.Token == "" {
		return
	}
	again, err := credential.ParseJWT([]byte(v.Token), o)
	checkVector(t, v, again, err)
	if string(again.Subject) != string(got.Subject) || again.Expires != got.Expires || again.NotBefore != got.NotBefore {
		t.Errorf("the token says %+v, its claims %+v", again, got)
	}
}

func checkCWTClaims(t *testing.T, v vector) {
	if v.ClaimsHex == "" {
		// Printed as diagnostics only: claim 8 alone holds all that matters here.
		switch v.Name {
		case "rfc8747-3.4-kid":
			v.ClaimsHex = "a1 08 a1 03 50 dfd1aa976d8d4575a0fe34b96de2bfad"
		case "rfc8747-3.3-encrypted_cose_key":
			v.ClaimsHex = "a1 08 a1 02" + v.EncKeyHex
			got, err := credential.ParseCWT(octets(t, v.ClaimsHex), nil)
			if err != nil || !got.Confirmation.Encrypted || got.Confirmation.Method != thumbprint.MethodEncryptedCOSEKey {
				t.Errorf("got %+v %v, want an encrypted key", got.Confirmation, err)
			}
			return
		default:
			t.Fatal("no octets")
		}
	}
	for _, written := range []string{v.ClaimsHex, v.WrappedHex} {
		if written != "" {
			got, err := credential.ParseCWT(octets(t, written), nil)
			checkVector(t, v, got, err)
		}
	}
}

func checkCWT(t *testing.T, v vector) {
	token := octets(t, v.InputHex)
	got, err := credential.ParseCWT(token, nil)
	checkVector(t, v, got, err)
	if string(got.Subject) != v.Sub || got.Format != credential.CWT {
		t.Errorf("got %s of %q, want %q", got.Format, got.Subject, v.Sub)
	}
	tagged, err := credential.ParseCWT(append([]byte{0xd8, 61}, token...), nil)
	checkVector(t, v, tagged, err)
}

func checkKBT(t *testing.T, v vector) {
	_, err := credential.ParseCWT(octets(t, v.InputHex), nil)
	if err == nil || !strings.Contains(err.Error(), "key-binding token") {
		t.Errorf("got %v, want a refusal that says what it is", err)
	}
}

func checkVector(t *testing.T, v vector, got credential.Credential, err error) {
	t.Helper()
	if v.Hex == nil {
		var e *credential.Error
		if !errors.As(err, &e) || e.Rule != credential.NotReducible {
			t.Errorf("got %v, want %q", err, v.Expect)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	method, _ := v.Method.(string)
	if n, ok := v.Method.(float64); ok {
		method = map[float64]string{1: "1", 5: "5", 323: "323"}[n]
	}
	if sum := got.Confirmation.Thumbprint.Hex(); sum != *v.Hex || got.Confirmation.Method.String() != method {
		t.Errorf("got %s %s, want %s %s", got.Confirmation.Method, sum, method, *v.Hex)
	}
}

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
