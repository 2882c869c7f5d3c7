package thumbprint_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"cnfd/thumbprint"
)

// isError holds an error against what the package promises of all of them.
func isError(t *testing.T, err error) {
	t.Helper()
	var e *thumbprint.Error
	if !errors.As(err, &e) || e == nil || e.Rule == 0 || e.What == "" {
		t.Fatalf("not an error of this package: %v", err)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x00") {
		t.Fatalf("not one line: %q", err)
	}
}

// FuzzJWK holds OfJWK against encoding/json and jwx: what it takes they read
// too, and as the same key; and the thumbprint is that of the public members
// alone.
func FuzzJWK(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Kind == "jwk" {
			f.Add([]byte(v.Input))
		}
	}
	f.Add([]byte(ecKey[:len(ecKey)-1] + `,"d":"` + dSecret + `","\u0078":1}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := thumbprint.OfJWK(input, thumbprint.SHA256)
		k, again := thumbprint.ParseJWK(input)
		if (err == nil) != (again == nil) || k.JKT(thumbprint.SHA256) != got {
			t.Fatalf("OfJWK: %v, ParseJWK: %v", err, again)
		}
		if err != nil {
			isError(t, err)
			if !got.IsZero() {
				t.Fatal("a thumbprint and an error")
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(input, &members); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		required := map[string]any{}
		for _, name := range map[string][]string{
			"EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}, "RSA": {"e", "kty", "n"},
			"AKP": {"alg", "kty", "pub"}, "oct": {"k", "kty"},
		}[members["kty"].(string)] {
			required[name] = members[name]
		}
		// encoding/json sorts the members, and what is hashed needs no escapes:
		// RFC 7638 §3.1 by other means.
		canonical, err := json.Marshal(required)
		if err != nil || !got.Equal(sum256(canonical)) {
			t.Fatalf("not the hash of %s", canonical)
		}
		theirs, err := jwk.ParseKey(canonical)
		if err != nil {
			return // jwx knows fewer kinds
		}
		if want, err := theirs.Thumbprint(crypto.SHA256); err == nil && !got.Equal(want) {
			t.Fatalf("jwx: %x", want)
		}
	})
}

// FuzzJOSEConfirmation holds FromJOSE to its promises: an error or one key,
// never a private one, and the key that a plain reader finds there.
func FuzzJOSEConfirmation(f *testing.F) {
	for _, cnf := range []string{
		`{"jwk":` + ecKey + `}`, `{"jwk":` + ecKey + `,"jkt":"` + jkt7800 + `","kid":"` + jktURI + jkt7800 + `"}`,
		`{"jkt":"` + jkt7800 + `","x5t#S256":"` + jktOther + `","tbh":"` + jktOther + `"}`, `{"jwe":"` + jwe + `"}`,
		`{"kid":"1"}`, `{"jku":"https://a.example/","osc":{}}`, `{"jwk":{"kty":"oct","k":"AA"}}`, `{"\u006akt":"` + jkt7800 + `"}`,
	} {
		for _, options := range []uint8{0, 7} {
			f.Add([]byte(cnf), options)
		}
	}
	f.Fuzz(func(t *testing.T, cnf []byte, options uint8) {
		o := thumbprint.Options{X5T: options&1 != 0, TBH: options&2 != 0, Symmetric: options&4 != 0}
		c, err := thumbprint.FromJOSE(cnf, o)
		if err != nil {
			isError(t, err)
			if c != (thumbprint.Confirmation{}) {
				t.Fatal("a confirmation and an error")
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(cnf, &members); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		value, ok := members[c.Method.String()]
		if !ok {
			t.Fatalf("no member %s", c.Method)
		}
		if c.Encrypted {
			if members["jwe"] == nil || !c.Thumbprint.IsZero() {
				t.Fatal("encrypted, but not so")
			}
			return
		}
		var text string
		switch c.Method {
		case thumbprint.MethodJWK:
			got, err := thumbprint.OfJWK(value, thumbprint.SHA256)
			if err != nil || got != c.Thumbprint {
				t.Fatalf("not the key in jwk: %v", err)
			}
			if k, err := thumbprint.ParseJWK(value); err != nil || k.Private() && !(k.Symmetric() && o.Symmetric) {
				t.Fatalf("a private key confirmed: %v", err)
			}
		case thumbprint.MethodJKT, thumbprint.MethodX5T, thumbprint.MethodTBH:
			if err := json.Unmarshal(value, &text); err != nil {
				t.Fatal(err)
			}
			octets, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || !c.Thumbprint.Equal(octets) {
				t.Fatalf("not the digest in %s: %v", c.Method, err)
			}
		case thumbprint.MethodKID:
			if err := json.Unmarshal(value, &text); err != nil {
				t.Fatal(err)
			}
			if uri, err := thumbprint.ParseURI(text); err != nil || uri != c.Thumbprint || uri.Kind() != thumbprint.JWK {
				t.Fatalf("not the URI in kid: %v", err)
			}
		default:
			t.Fatalf("a method of COSE: %s", c.Method)
		}
	})
}

// FuzzURI holds ParseURI to this: what it reads it writes again, the same but
// for the case of the scheme and bits to spare.
func FuzzURI(f *testing.F) {
	for _, uri := range []string{jktURI + jkt7800, ckt7800, "URN:ietf:params:oauth:ckt:sha-384:" + digest384, jktURI + jkt7800[:42] + "t", "urn:", ""} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		got, err := thumbprint.ParseURI(uri)
		if (err == nil) == got.IsZero() {
			t.Fatalf("%v and %v", got, err)
		}
		if err != nil {
			return
		}
		written := got.URI()
		if len(written) != len(uri) || !strings.EqualFold(written[:9], uri[:9]) || written[9:len(written)-1] != uri[9:len(uri)-1] {
			t.Fatalf("%s written as %s", uri, written)
		}
		if again, err := thumbprint.ParseURI(written); err != nil || again != got {
			t.Fatalf("%s read again: %v", written, err)
		}
		sum, err := base64.RawURLEncoding.DecodeString(uri[strings.LastIndexByte(uri, ':')+1:])
		if err != nil || !got.Equal(sum) || !bytes.Equal(got.AppendSum(nil), sum) {
			t.Fatalf("another digest: %v", err)
		}
	})
}
