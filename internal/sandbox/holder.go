package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// makeHolder makes the key that most zones confirm.
func (n *Internet) makeHolder() (err error) {
	if n.holder, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	point, err := n.holder.PublicKey.Bytes()
	if err != nil {
		return err
	}
	x, y := point[1:33], point[33:]
	b64 := base64.RawURLEncoding.EncodeToString
	jkt := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, b64(x), b64(y)))
	cose := append([]byte{0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20}, x...)
	ckt := sha256.Sum256(append(append(cose, 0x22, 0x58, 0x20), y...))
	n.records = map[string]string{
		"jkt":   fmt.Sprintf("%X", jkt),
		"ckt":   fmt.Sprintf("%X", ckt),
		"other": fmt.Sprintf("%X", sha256.Sum256([]byte("another key"))),
	}
	return nil
}
