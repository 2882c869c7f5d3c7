package keyfile_test

import (
	"fmt"

	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"
)

func ExampleParse() {
	// The key of RFC 8037 Appendix A.1, as openssl writes it.
	file := []byte(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`)
	entries, err := keyfile.Parse(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		if e.Err != nil {
			fmt.Println(e.Err)
			continue
		}
		fmt.Println(e.Key.Algorithm(), e.Private)
		fmt.Println(e.Key.JKT(thumbprint.SHA256).Base64())
		fmt.Println(e.Key.CKT(thumbprint.SHA256).URI())
	}
	// Output:
	// OKP Ed25519 true
	// kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k
	// urn:ietf:params:oauth:ckt:sha-256:hm7vvWcYyIRs193-Q_x0qx2qxFOP-FFOouwtQQpBV0M
}
