package zone

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// rsaWire is an RSA public key as a DNSKEY holds it: the exponent's length, the
// exponent, the modulus (RFC 3110 §2).
func rsaWire(k *rsa.PublicKey) []byte {
	e := big.NewInt(int64(k.E)).Bytes()
	return append(append([]byte{byte(len(e))}, e...), k.N.Bytes()...)
}
