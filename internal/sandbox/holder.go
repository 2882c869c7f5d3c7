package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"

	"cnfd/thumbprint"

	"github.com/fxamacker/cbor/v2"
)

// holder is somebody with a P-256 key: in both of its public forms, and as the
// upper-case hex of its thumbprints.
type holder struct {
	key      *ecdsa.PrivateKey
	jwk      string // RFC 7517
	cose     []byte // COSE_Key, RFC 9053 §7.1.1
	jkt, ckt string // RFC 7638, RFC 9679, SHA-256
	jktText  string // the former in base64url, as cnf has it
}

func newHolder() (*holder, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes() // 4 || x || y
	if err != nil {
		return nil, err
	}
	x, y := point[1:33], point[33:]
	h := &holder{key: key}
	h.jwk = fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}`, b64(x), b64(y))
	if h.cose, err = canonical(map[int]any{1: 2, -1: 1, -2: x, -3: y}); err != nil {
		return nil, err
	}
	jkt, err := thumbprint.OfJWK([]byte(h.jwk), thumbprint.SHA256)
	if err != nil {
		return nil, err
	}
	ckt, err := thumbprint.OfCOSEKey(h.cose, thumbprint.SHA256)
	if err != nil {
		return nil, err
	}
	h.jktText = jkt.Base64()
	h.jkt, h.ckt = strings.ToUpper(jkt.Hex()), strings.ToUpper(ckt.Hex())
	return h, nil
}

// canonical encodes v as deterministic CBOR (RFC 8949 §4.2.1).
func canonical(v any) ([]byte, error) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}
