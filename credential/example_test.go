package credential_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"testing"
	"time"

	"cnfd/credential"
)

func ExampleParseClaims() {
	claims := []byte(`{
		"iss": "https://iss.example", "sub": "https://vendor.example", "exp": 1361398824,
		"cnf": {"jkt": "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}
	}`)
	c, err := credential.ParseClaims(claims, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s names %s by %s\n", c.Subject, c.Confirmation.Thumbprint.URI(), c.Confirmation.Method)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	fmt.Println("expired:", c.Time(at, credential.DefaultLeeway) == credential.Expired)
	// Output:
	// https://vendor.example names urn:ietf:params:oauth:jwk-thumbprint:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs by jkt
	// expired: true
}

func ExampleParse() {
	_, err := credential.Parse([]byte("eyJhbGciOiJub25lIn0.e30."), nil)
	fmt.Println(err)
	// Output: header.alg: none: an unsecured token proves nothing (RFC 8725 §3.2)
}

func ExampleCredential_KeyBinding() {
	// The presentation of RFC 9901 §5.2.
	token, err := os.ReadFile("testdata/rfc9901/5.2.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := credential.Parse(bytes.TrimSpace(token), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer, _ := c.Signed()
	holder, bound := c.KeyBinding()
	fmt.Printf("%s of %s, signed by %s\n", c.Format, c.Subject, issuer.Signatures[0].Algorithm)
	fmt.Println(bound, base64.RawURLEncoding.EncodeToString(holder.SDHash()))
	// Output:
	// sd-jwt of user_42, signed by ES256
	// true 1-Lcf6CiBmP72JDFuBF0bvalS-FzIlXyiCkJXp7pJmc
}

func BenchmarkParse(b *testing.B) {
	cwtClaims := octets(b, "a3 01 73636f6170733a2f2f6973732e6578616d706c65 02 6e636f6170733a2f2f6a77742e7663 08 a1 01 a4 01 02 20 01"+
		"21 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 22 5820 f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120")
	cwt := octets(b, "d284 43a10126 a0 58"+fmt.Sprintf("%02x%x", len(cwtClaims), cwtClaims)+"4100")
	jwt := []byte(compact(es256, draft))
	for _, c := range []struct {
		name  string
		in    []byte
		parse func([]byte, *credential.Options) (credential.Credential, error)
	}{
		{"Claims", []byte(draft), credential.ParseClaims},
		{"JWT", jwt, credential.ParseJWT},
		{"SDJWT", append(jwt, '~'), credential.ParseJWT},
		{"SDJWTDisclosed", []byte(disclosed(`{"_sd":["@0","@1"],`+cnf+`}`, `["salt","sub","https://vendor.example"]`, `["salt","name","Vendor"]`)), credential.ParseJWT},
		{"CWTClaims", cwtClaims, credential.ParseCWT},
		{"CWT", cwt, credential.ParseCWT},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.in)))
			for b.Loop() {
				if _, err := c.parse(c.in, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
