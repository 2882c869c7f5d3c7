package thumbprint_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/thumbprint"
)

// vector is an entry of thumbprints.json: what this package is to make of the
// examples that the RFCs and drafts print.
type vector struct {
	Name          string          `json:"name"`
	Kind          string          `json:"kind"`
	Input         json.RawMessage `json:"input"`
	CBOR          string          `json:"cbor_hex"`
	Claims        string          `json:"claims_cbor_hex"`
	ClaimsWrapped string          `json:"claims_cbor_hex_bstr_form"`
	Encrypted     string          `json:"encrypted_cose_key_hex"`
	Hash          string          `json:"hash"`
	HashInput     string          `json:"hash_input_hex"`
	Thumbprint    string          `json:"thumbprint_hex"`
	Base64        string          `json:"thumbprint_b64url"`
	URI           string          `json:"thumbprint_uri"`
	Printed       string          `json:"printed"`
	Method        json.RawMessage `json:"cnf_method"`
	Expect        string          `json:"expect"`
}

// text is the input where it is a JSON string.
func (v *vector) text(t testing.TB) string {
	var s string
	if err := json.Unmarshal(v.Input, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (v *vector) hash(t testing.TB) thumbprint.Hash {
	h, err := thumbprint.ParseHash(v.Hash)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// is holds a thumbprint against all that the vector says of it.
func (v *vector) is(t testing.TB, got thumbprint.Thumbprint) {
	t.Helper()
	if got.Hex() != v.Thumbprint {
		t.Errorf("got %s, want %s", got.Hex(), v.Thumbprint)
	}
	if v.Base64 != "" && got.Base64() != v.Base64 {
		t.Errorf("got %s, want %s", got.Base64(), v.Base64)
	}
	if v.URI != "" && got.URI() != v.URI {
		t.Errorf("got %s, want %s", got.URI(), v.URI)
	}
	if v.Printed != "" && got.Hex() != v.Printed && got.Base64() != v.Printed {
		t.Errorf("got %s, but the source prints %s", got.Hex(), v.Printed)
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/thumbprints.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// waiting are the vectors that nothing reads yet, and what they wait for.
var waiting = map[string]string{
	"rfc7517-C-jwe-jwk":      "jwe: decryption of a jwe member",
	"acme-dns-account-label": "acme_label: dns-account-01",
	"sd-cwt-kbt":             "cwt_kbt: key-binding tokens",
}

// elsewhere are the kinds that other packages read.
var elsewhere = map[string]string{
	"domain":     "record: a subject's domain",
	"tlsa_rdata": "record: the rdata",
	"cwt":        "credential: a signed CWT",
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 62 {
		t.Errorf("%d vectors, want 62", len(all))
	}
	read := map[string]func(*testing.T, vector){
		"jwk": jwkVector, "cose_key": coseKeyVector, "thumbprint_uri": uriVector,
		"x509_der_b64": certificateVector, "jwt_claims": jwtClaimsVector, "cwt_claims": cwtClaimsVector,
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			if what, ok := waiting[v.Name]; ok {
				if kind, _, _ := strings.Cut(what, ":"); kind != v.Kind {
					t.Errorf("of the kind %s and waits for %s", v.Kind, what)
				}
				return
			}
			if elsewhere[v.Kind] != "" {
				return
			}
			if read[v.Kind] == nil {
				t.Fatalf("nobody reads the kind %s", v.Kind)
			}
			read[v.Kind](t, v)
		})
	}
}

func jwkVector(t *testing.T, v vector) {
	got, err := thumbprint.OfJWK(v.Input, v.hash(t))
	if err != nil {
		t.Fatal(err)
	}
	v.is(t, got)
	named, err := hex.DecodeString(v.HashInput)
	if err != nil {
		t.Fatal(err)
	}
	if v.Hash == "sha-256" && got.Hex() != hex.EncodeToString(sum256(named)) {
		t.Error("not the hash of the vector's own hash input")
	}

	var members map[string]json.RawMessage
	if err := json.Unmarshal(v.Input, &members); err != nil {
		t.Fatal(err)
	}
	cnf := []byte(`{"jwk":` + string(v.Input) + `}`)
	c, err := thumbprint.FromJOSE(cnf, thumbprint.Options{})
	var e *thumbprint.Error
	switch {
	case string(members["kty"]) == `"oct"`:
		if !errors.As(err, &e) || e.Rule != thumbprint.NotReducible {
			t.Errorf("a symmetric key in cnf: %v", err)
		}
		if c, err := thumbprint.FromJOSE(cnf, thumbprint.Options{Symmetric: true}); err != nil || v.Hash == "sha-256" && c.Thumbprint != got {
			t.Errorf("a symmetric key in cnf, allowed: %v", err)
		}
	case members["d"] != nil || members["priv"] != nil:
		if !errors.As(err, &e) || e.Rule != thumbprint.PrivateKey {
			t.Errorf("a private key in cnf: %v", err)
		}
	case err != nil || c.Method != thumbprint.MethodJWK || v.Hash == "sha-256" && c.Thumbprint != got:
		t.Errorf("in cnf: %v %v", c, err)
	}
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func coseKeyVector(t *testing.T, v vector) {
	got, err := thumbprint.OfCOSEKey(octets(t, v.CBOR), v.hash(t))
	if err != nil {
		t.Fatal(err)
	}
	v.is(t, got)
	if again, err := thumbprint.OfCOSEKey(octets(t, v.HashInput), v.hash(t)); err != nil || again != got {
		t.Errorf("of the vector's own hash input: %s %v", again.Hex(), err)
	}
}

func uriVector(t *testing.T, v vector) {
	got, err := thumbprint.ParseURI(v.text(t))
	if err != nil {
		t.Fatal(err)
	}
	v.is(t, got)
	if got.URI() != v.text(t) {
		t.Errorf("written again: %s", got.URI())
	}
	c, err := thumbprint.FromJOSE([]byte(`{"kid":`+string(v.Input)+`}`), thumbprint.Options{})
	if err != nil || c.Method != thumbprint.MethodKID || c.Thumbprint != got {
		t.Errorf("in cnf: %v %v", c, err)
	}
}

func certificateVector(t *testing.T, v vector) {
	der, err := base64.StdEncoding.DecodeString(v.text(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := thumbprint.New(thumbprint.Certificate, v.hash(t), sum256(der))
	if err != nil {
		t.Fatal(err)
	}
	v.is(t, got)
	cnf := []byte(`{"x5t#S256":"` + v.Printed + `"}`)
	c, err := thumbprint.FromJOSE(cnf, thumbprint.Options{X5T: true})
	if err != nil || c.Method != thumbprint.MethodX5T || c.Thumbprint != got {
		t.Errorf("in cnf: %v %v", c, err)
	}
	var e *thumbprint.Error
	if _, err := thumbprint.FromJOSE(cnf, thumbprint.Options{}); !errors.As(err, &e) || e.Rule != thumbprint.NotReducible {
		t.Errorf("in cnf, not turned on: %v", err)
	}
}

func jwtClaimsVector(t *testing.T, v vector) {
	var claims struct {
		CNF json.RawMessage `json:"cnf"`
	}
	if err := json.Unmarshal(v.Input, &claims); err != nil {
		t.Fatal(err)
	}
	c, err := thumbprint.FromJOSE(claims.CNF, thumbprint.Options{X5T: true})
	v.confirms(t, c, err)
}

func cwtClaimsVector(t *testing.T, v vector) {
	for _, cnf := range v.cnfs(t) {
		c, err := thumbprint.FromCOSE(cnf, thumbprint.Options{})
		if v.Encrypted == "" {
			v.confirms(t, c, err)
		} else if err != nil || c != (thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Encrypted: true}) {
			t.Errorf("encrypted: %v %v", c, err)
		}
	}
}

// cnfs are the values of claim 8: cut out of the claims' CBOR where the vector
// has it, and else made of the members that it lists.
func (v *vector) cnfs(t *testing.T) (cnfs [][]byte) {
	t.Helper()
	for _, written := range []string{v.Claims, v.ClaimsWrapped} {
		if written == "" {
			continue
		}
		var claims map[int]cbor.RawMessage
		if err := cbor.Unmarshal(octets(t, written), &claims); err != nil {
			t.Fatal(err)
		}
		cnfs = append(cnfs, claims[8])
	}
	if cnfs != nil {
		return cnfs
	}
	members := map[int]any{}
	if v.Encrypted != "" {
		members[2] = cbor.RawMessage(octets(t, v.Encrypted))
	} else {
		var claims struct {
			CNF map[int]struct {
				Octets string `json:"bstr"`
			} `json:"8"`
		}
		if err := json.Unmarshal(v.Input, &claims); err != nil {
			t.Fatal(err)
		}
		for label, value := range claims.CNF {
			members[label] = octets(t, value.Octets)
		}
	}
	cnf, err := cbor.Marshal(members)
	if err != nil || len(members) == 0 {
		t.Fatalf("no cnf: %v", err)
	}
	return [][]byte{cnf}
}

// confirms holds a confirmation against all that the vector says of it.
func (v *vector) confirms(t *testing.T, c thumbprint.Confirmation, err error) {
	t.Helper()
	if strings.HasPrefix(v.Expect, "not reducible") {
		var e *thumbprint.Error
		if !errors.As(err, &e) || e.Rule != thumbprint.NotReducible || c != (thumbprint.Confirmation{}) {
			t.Errorf("got %v %v, want it not reducible", c, err)
		}
		return
	}
	if v.Expect != "" {
		t.Fatalf("the vector expects %q", v.Expect)
	}
	method := strings.Trim(string(v.Method), `"`)
	if err != nil || c.Encrypted || c.Method.String() != method {
		t.Fatalf("got %v %v, want the method %s", c, err, method)
	}
	if got := c.Thumbprint.Hex(); got != v.Thumbprint {
		t.Errorf("got %s, want %s", got, v.Thumbprint)
	}
}
