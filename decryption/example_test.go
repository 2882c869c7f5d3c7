package decryption_test

import (
	"fmt"
	"os"

	"cnfd/decryption"
	"cnfd/thumbprint"
)

// A verifier reads its keys once and hands them to whoever reads claims.
func Example() {
	file, err := os.ReadFile("testdata/example_key.json")
	if err != nil {
		panic(err)
	}
	keys, err := decryption.Parse(file)
	if err != nil {
		panic(err)
	}
	opener, err := decryption.New(keys)
	if err != nil {
		panic(err)
	}
	cnf, err := os.ReadFile("testdata/example_cnf.json")
	if err != nil {
		panic(err)
	}
	c, err := thumbprint.FromJOSE(cnf, thumbprint.Options{Opener: opener})
	if err != nil {
		panic(err)
	}
	fmt.Println(keys)
	fmt.Println(c.Method, c.Encrypted, c.Thumbprint.URI())

	c, err = thumbprint.FromJOSE(cnf, thumbprint.Options{})
	fmt.Println(c.Method, c.Encrypted, err)
	// Output:
	// [EC P-256 "p256"]
	// jwe false urn:ietf:params:oauth:jwk-thumbprint:sha-256:_iE36fCL_cyZEOz28NVxxCVwDiz0Wv6KrbFiDztlM6A
	// jwe true <nil>
}
