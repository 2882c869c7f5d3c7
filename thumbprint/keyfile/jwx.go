package keyfile

import (
	"crypto"
	"errors"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"cnfd/thumbprint"
)

// secondOpinion asks another implementation for the thumbprint of a JWK before a
// person publishes it. The key kinds that it does not know (AKP, X448, secp256k1
// as it is built here) have ours alone.
func secondOpinion(text []byte, k thumbprint.Key) error {
	theirs, err := jwk.ParseKey(text)
	if err != nil {
		return nil
	}
	sum, err := theirs.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil
	}
	if !k.JKT(thumbprint.SHA256).Equal(sum) {
		return errors.New("jwk: two implementations find different thumbprints: do not publish either, and report it")
	}
	return nil
}
