package decryption

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"slices"
	"strconv"

	"cnfd/thumbprint"
)

// Key is a key that decrypts: a private key on P-256, P-384, P-521 or X25519, one
// of RSA, or a symmetric one. What is secret of it is not printed, whatever it is
// printed with. The zero Key is none.
type Key struct {
	// A function, into which package fmt does not look: pointers it follows where
	// a verb does not suit them, and methods it does not call in a field that is
	// not exported.
	secret func() *secret
}

func keyOf(s *secret) Key { return Key{func() *secret { return s }} }

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// String describes the key for people, by its kind and the name that it has:
// `EC P-256 "2026-11"`. It tells nothing that is secret.
func (k Key) String() string {
	if k.secret == nil {
		return "no key"
	}
	s := k.secret()
	if s.kid == nil {
		return s.kind
	}
	return s.kind + " " + strconv.Quote(string(s.kid))
}

// secret is a key with what it says of itself.
type secret struct {
	kid   []byte // nil where it has no name
	alg   string // the one algorithm it is for, "" for any that its shape allows
	kind  string // for people
	shape shape
	rsa   *rsa.PrivateKey
	ecdh  *ecdh.PrivateKey
	oct   []byte
}

// shape is what an algorithm asks of a key.
type shape uint8

const (
	shapeRSA shape = iota + 1
	shapeP256
	shapeP384
	shapeP521
	shapeX25519
	shapeOct
)

// fits reports whether the key is of the shape that a message wants, and for its
// algorithm where it says so itself (RFC 7517 §4.4, RFC 9052 §7.1).
func (s *secret) fits(w *want) bool {
	return s.shape == w.shape && (s.shape != shapeOct || len(s.oct) == w.size) &&
		(s.alg == "" || slices.Contains(w.allows, s.alg))
}

func shapeOf(c ecdh.Curve) shape {
	switch c {
	case ecdh.P256():
		return shapeP256
	case ecdh.P384():
		return shapeP384
	case ecdh.P521():
		return shapeP521
	case ecdh.X25519():
		return shapeX25519
	}
	return 0
}

// agreementKey gives a judged public key, on its curve, as one to agree with.
func agreementKey(k thumbprint.Key) (*ecdh.PublicKey, bool) {
	switch p := k.Public().(type) {
	case *ecdsa.PublicKey:
		public, err := p.ECDH()
		return public, err == nil
	case *ecdh.PublicKey:
		return p, true
	}
	return nil, false
}

// known are the algorithms that a key may say it is for, by their names in
// IANA's registries and, in a COSE_Key, by their numbers.
func known(alg string) bool {
	for i := range jweKeyAlgorithms {
		if jweKeyAlgorithms[i].name == alg {
			return true
		}
	}
	for i := range jweContentAlgorithms {
		if jweContentAlgorithms[i].name == alg {
			return true
		}
	}
	return coseName(func(_ int64, name string) bool { return name == alg }) != ""
}

func coseName(is func(id int64, name string) bool) string {
	for i := range coseContents {
		if c := &coseContents[i]; is(c.id, c.name) {
			return c.name
		}
	}
	for i := range coseRecipients {
		if r := &coseRecipients[i]; is(r.id, r.name) {
			return r.name
		}
	}
	return ""
}
