package decryption

import (
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/rsa"
	_ "crypto/sha1" // of RSA-OAEP (RFC 7518 §4.3), where no collision helps anybody
	_ "crypto/sha256"
	"encoding/binary"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// jweKeyAlgorithm is a value of alg (RFC 7518 §4.1): how the content's key comes
// to the recipient.
type jweKeyAlgorithm struct {
	name   string
	shape  shape // of the recipient's key; that of epk where it is agreed
	hash   crypto.Hash
	agreed bool
	kek    int // octets of the key that wraps the content's key; 0 where none does
}

var jweKeyAlgorithms = [...]jweKeyAlgorithm{
	{name: "RSA-OAEP", shape: shapeRSA, hash: crypto.SHA1},
	{name: "RSA-OAEP-256", shape: shapeRSA, hash: crypto.SHA256},
	{name: "ECDH-ES", agreed: true},
	{name: "ECDH-ES+A128KW", agreed: true, kek: 16},
	{name: "ECDH-ES+A256KW", agreed: true, kek: 32},
	{name: "A128KW", shape: shapeOct, kek: 16},
	{name: "A256KW", shape: shapeOct, kek: 32},
	{name: "dir", shape: shapeOct},
}

// judgeKey refuses an encrypted key that cannot be one, before any key is tried.
func (a *jweKeyAlgorithm) judgeKey(m *jwe) error {
	ok := true
	switch {
	case a.shape == shapeRSA:
		ok = len(m.key) > 0 // as long as the modulus, which only the key tells
	case a.kek != 0:
		ok = len(m.key) == m.enc.key+wrapping
	default:
		ok = len(m.key) == 0 // RFC 7516 §5.2, step 10
	}
	if !ok {
		return malformed("", "an encrypted key of another length than its alg and enc have")
	}
	return nil
}

// contentKey finds the content's key with a recipient's key that fits.
func (a *jweKeyAlgorithm) contentKey(m *jwe, s *secret) ([]byte, error) {
	switch {
	case a.shape == shapeRSA:
		return rsa.DecryptOAEP(a.hash.New(), nil, s.rsa, m.key, nil)
	case a.agreed:
		return a.agree(m, s.ecdh)
	case a.kek != 0:
		return unwrap(s.oct, m.key)
	}
	return s.oct, nil
}

// agreement is what a key agreement takes besides the recipient's key.
type agreement struct {
	ephemeral *ecdh.PublicKey
	party     [2][]byte // PartyUInfo and PartyVInfo
}

// agree derives the content's key, or the one that wraps it (RFC 7518 §4.6.2).
func (a *jweKeyAlgorithm) agree(m *jwe, private *ecdh.PrivateKey) ([]byte, error) {
	z, err := private.ECDH(m.ephemeral)
	if err != nil {
		return nil, err
	}
	id, size := a.name, a.kek
	if size == 0 {
		id, size = m.enc.name, m.enc.key
	}
	kdf := josecipher.NewConcatKDF(crypto.SHA256, z, lengthAnd([]byte(id)),
		lengthAnd(m.party[0]), lengthAnd(m.party[1]), binary.BigEndian.AppendUint32(nil, uint32(8*size)), nil)
	key := make([]byte, size)
	if _, err := kdf.Read(key); err != nil {
		return nil, err
	}
	if a.kek == 0 {
		return key, nil
	}
	return unwrap(key, m.key)
}

// lengthAnd is Datalen || Data of the KDF's fields.
func lengthAnd(data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// wrapping is what AES Key Wrap adds to a key (RFC 3394 §2.2.1).
const wrapping = 8

// unwrap undoes AES Key Wrap. The lengths have been judged.
func unwrap(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, wrapped)
}
