package issuers_test

import (
	"errors"
	"fmt"
	"os"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/signature"
)

// A verifier reads an issuer's keys once and asks of each credential whether one
// of them has signed it.
func Example() {
	jwks, err := os.ReadFile("testdata/example_jwks.json")
	if err != nil {
		panic(err)
	}
	set, err := issuers.Parse(jwks)
	if err != nil {
		panic(err)
	}
	token, err := os.ReadFile("testdata/example_token.txt")
	if err != nil {
		panic(err)
	}
	c, err := credential.Parse(token, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(issuers.Judge(&c, set, nil))
	fmt.Println(issuers.Judge(&c, set, &issuers.Terms{Algorithms: []signature.Algorithm{signature.EdDSA}}))
	// Output:
	// <nil>
	// alg: ES256 is not one that the issuer is held to
}

// Keys that are not had yet are worth asking for again; nothing else is.
func ExampleJudge() {
	token, err := os.ReadFile("testdata/example_token.txt")
	if err != nil {
		panic(err)
	}
	c, err := credential.Parse(token, nil)
	if err != nil {
		panic(err)
	}
	var e *issuers.Error
	if err := issuers.Judge(&c, nil, nil); errors.As(err, &e) && e.Rule == issuers.NoKey {
		fmt.Println(e)
	}
	// Output: kid: the issuer has no key by that name, and none without a name has made the signature
}

// Of a key set, what is for something else is passed over.
func ExampleParse() {
	set, err := issuers.Parse([]byte(`{"keys":[
		{"kty":"OKP","crv":"X25519","use":"enc","kid":"1","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"},
		{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	for _, k := range set {
		fmt.Println(k.KID, k.Key.Algorithm(), k.Algorithms)
	}
	_, alone := issuers.Parse([]byte(`{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`))
	fmt.Println(err, alone)
	// Output:
	// 2 OKP Ed25519 [EdDSA]
	// <nil> jwk: a symmetric key: who checks with it can sign with it; the issuer must give a public key
}
