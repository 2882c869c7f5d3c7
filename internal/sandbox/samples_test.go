package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/veraison/go-cose"
)

// TestSamplesAreSigned checks the samples with libraries that did not make them,
// and that they say what they are said to.
func TestSamplesAreSigned(t *testing.T) {
	n := start(t, Config{})
	samples, err := n.Samples()
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]bool{}
	for _, s := range samples {
		t.Run(s.Name, func(t *testing.T) {
			outcomes[s.Reason] = true
			var subject string
			if strings.HasSuffix(s.Name, ".jwt") {
				subject = jwtSubject(t, n, s)
			} else {
				subject = cwtSubject(t, n, s)
			}
			if subject != s.Subject {
				t.Errorf("sub is %q, want %q", subject, s.Subject)
			}
		})
	}
	for _, reason := range []string{"record_matches", "record_differs", "record_absent", "expired", "insecure", "bogus",
		"wildcard", "delegated_name", "unreachable", "too_costly"} {
		if !outcomes[reason] {
			t.Errorf("no sample for %s", reason)
		}
	}
}

func jwtSubject(t *testing.T, n *Internet, s Sample) string {
	payload, err := jws.Verify(s.Token, jws.WithKey(jwa.ES256, n.issuer.key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub string
		Exp int64
		Cnf struct{ JWK map[string]string }
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Cnf.JWK["kty"] != "EC" || claims.Exp == 0 {
		t.Errorf("claims: %s", payload)
	}
	if s.Text() != string(s.Token) {
		t.Error("a JWT is text already")
	}
	return claims.Sub
}

func cwtSubject(t *testing.T, n *Internet, s Sample) string {
	var outer cbor.RawTag
	if err := cbor.Unmarshal(s.Token, &outer); err != nil || outer.Number != 61 {
		t.Fatalf("not in the CWT tag: %v", err)
	}
	var m cose.Sign1Message
	if err := m.UnmarshalCBOR(outer.Content); err != nil {
		t.Fatal(err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, n.issuer.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(nil, verifier); err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub string              `cbor:"2,keyasint"`
		Exp int64               `cbor:"4,keyasint"`
		Cnf map[int]map[int]any `cbor:"8,keyasint"`
	}
	if err := cbor.Unmarshal(m.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Cnf[1][1] != uint64(2) || claims.Exp == 0 {
		t.Errorf("claims: %+v", claims)
	}
	if b, err := base64.RawURLEncoding.DecodeString(s.Text()); err != nil || string(b) != string(s.Token) {
		t.Error("the text of a CWT is not its base64url")
	}
	return claims.Sub
}
