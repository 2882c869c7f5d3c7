package jws

import (
	"crypto/hmac"
	"errors"
	"strconv"

	_ "crypto/sha256" // HS256
	_ "crypto/sha512" // HS384, HS512

	"cnfd/signature"
	"cnfd/thumbprint"
)

// Verify returns nil where the holder of key has signed the message: m.Key of a
// message that holds its key, and the account's of one with a kid. An External is
// signed by no key. The error is an *Error.
func (m *Message) Verify(key thumbprint.Key) error {
	switch {
	case m.Algorithm == 0:
		return &Error{Algorithm, "protected.alg: not a signature of a public key"}
	case key.IsZero():
		return &Error{Key, "key: none to verify with"}
	case !taken(key):
		return &Error{Key, "key: " + notTaken(key)}
	}
	err := signature.Verify(m.Algorithm, key, m.signed, m.value)
	if err == nil {
		return nil
	}
	rule := Signature
	if e := (*signature.Error)(nil); errors.As(err, &e) {
		switch e.Rule {
		case signature.UnknownAlgorithm, signature.NotThisKeys:
			rule = Algorithm
		case signature.WeakKey:
			rule = Key
		}
	}
	return &Error{rule, err.Error()}
}

// VerifyMAC returns nil where an External was made with the secret, compared in
// constant time. Of any other form, and with a secret that is shorter than the
// hash of its MAC (RFC 7518 §3.2), it is an error. The error is an *Error.
func (m *Message) VerifyMAC(secret []byte) error {
	if m.mac == 0 {
		return &Error{Algorithm, "protected.alg: not a MAC"}
	}
	if size := m.mac.Size(); len(secret) < size {
		return &Error{Algorithm, "protected.alg: the key that belongs to this kid is shorter than the " + strconv.Itoa(size) +
			" octets that HS" + strconv.Itoa(8*size) + " must have (RFC 7518 §3.2): use a shorter MAC, or ask for a longer key"}
	}
	mac := hmac.New(m.mac.New, secret)
	mac.Write(m.signed)
	if !hmac.Equal(mac.Sum(nil), m.value) {
		return &Error{Signature, "signature: not made with the key of this kid (HS" + strconv.Itoa(8*m.mac.Size()) + ")"}
	}
	return nil
}
