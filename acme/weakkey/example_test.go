package weakkey_test

import (
	"crypto/ed25519"
	"fmt"

	"cnfd/acme/weakkey"
)

func Example() {
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	fmt.Println(weakkey.Check(key))
	fmt.Println(weakkey.Check(make(ed25519.PublicKey, 32)))

	list, err := weakkey.ParseBlocklist([]byte("339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23 # a seed of zeros\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(list.Holds(key))
	// Output:
	// <nil>
	// Ed25519 key of small order, with which anybody can sign
	// true <nil>
}
