package thumbprint_test

import (
	"fmt"

	"cnfd/thumbprint"
)

func ExampleOfJWK() {
	jwk := []byte(`{
		"kty": "EC", "crv": "P-256", "use": "sig",
		"x": "18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM",
		"y": "-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"
	}`)
	t, err := thumbprint.OfJWK(jwk, thumbprint.SHA256)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Base64())
	fmt.Println(t.Hex())
	fmt.Println(t.URI())
	// Output:
	// gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs
	// 80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b
	// urn:ietf:params:oauth:jwk-thumbprint:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs
}

func ExampleFromJOSE() {
	for _, cnf := range []string{
		`{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`,
		`{"kid":"2015-08-28"}`,
		`{"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"…"}}`,
		`{"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="}}`,
	} {
		c, err := thumbprint.FromJOSE([]byte(cnf), thumbprint.Options{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(c.Method, c.Thumbprint.Hex())
	}
	// Output:
	// jkt d1970e08e459358cbe0d6a6aab7d236722461d33747761e0941577ba282e0382
	// cnf.kid: opaque: put the key in jwk, its thumbprint in jkt, or its thumbprint URI (urn:ietf:params:oauth:jwk-thumbprint:sha-256:…) in kid
	// cnf.jwk: holds a private key: send the public part only, and take the private key for exposed
	// cnf.jwk.x: not base64url as it must be: without padding, white space or bits to spare
}

func ExampleParseURI() {
	t, err := thumbprint.ParseURI("urn:ietf:params:oauth:ckt:sha-256:SWvYr63zB-WwjGSwQhv53AFSijRKQ72oj63RZp2iU-w")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Kind(), t.Hash(), t.Hex())
	// Output:
	// ckt sha-256 496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec
}
