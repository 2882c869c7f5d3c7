package acme

import (
	"crypto"

	"cnfd/acme/weakkey"
)

func readCSR([]byte, []Identifier, *Profile, *weakkey.Blocklist) (crypto.PublicKey, *Problem) {
	return nil, nil
}
