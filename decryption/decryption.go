// Package decryption opens what was encrypted for this verifier: the key in the
// jwe of a cnf claim (RFC 7800 §3.3) and in its Encrypted_COSE_Key (RFC 8747
// §3.3). What comes out is judged by package thumbprint, as a key in the clear is.
package decryption

import (
	"errors"

	"cnfd/thumbprint"
)

// Keys are the keys that this verifier decrypts with. It is a thumbprint.Opener,
// and may be used by several goroutines at once. A nil *Keys and the zero Keys
// hold none: they open nothing, and refuse what is to be refused all the same.
type Keys struct{ keys []Key }

var _ thumbprint.Opener = (*Keys)(nil)

// New makes Keys of what Parse has read. The error is that of a zero Key.
func New(keys []Key) (*Keys, error) {
	k := &Keys{keys: make([]Key, 0, len(keys))}
	for _, key := range keys {
		if key.IsZero() {
			return nil, errors.New("decryption: a zero Key, which decrypts nothing")
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// errClosed is the one answer to every message that stays closed, whether no key
// fits or one fits and the message is not what it was encrypted as: who could
// tell the two apart, or one fault from another, could ask us as an oracle (RFC
// 7516 §11.5).
var errClosed = errors.New("decryption: no key opens it")

const (
	// maxMessage bounds a message, in octets: a token has no more.
	maxMessage = 64 << 10

	// maxTries bounds the keys that one message is tried with, since anybody may
	// send one and an RSA key of 8192 bits takes tens of milliseconds a try. A
	// sender who names the key (kid) never comes near it.
	maxTries = 4
)

// want is what a key must be for a message, or for one recipient's part of it.
type want struct {
	kid    []byte // the name that the message gives the key; nil for none
	shape  shape
	size   int      // octets of a symmetric key
	allows []string // what the key may say that it is for
}

// fitting gives the keys that a message may be tried with, at most limit: those
// of the name that it gives, else those that have no name; any where it gives
// none.
func (k *Keys) fitting(w *want, limit int) []*secret {
	if k == nil {
		return nil
	}
	var named, others []*secret
	for _, key := range k.keys {
		switch s := key.secret(); {
		case !s.fits(w):
		case w.kid != nil && s.kid != nil && string(s.kid) == string(w.kid):
			named = append(named, s)
		case w.kid == nil || s.kid == nil:
			others = append(others, s)
		}
	}
	if len(named) > 0 {
		others = named
	}
	return others[:min(len(others), limit)]
}

// malformed says that a message is not what it should be, refused that it is and
// may not be opened, or cannot.
func malformed(where, what string) error {
	return &thumbprint.Error{Rule: thumbprint.Malformed, Where: where, What: what}
}

func refused(where, what string) error {
	return &thumbprint.Error{Rule: thumbprint.NotReducible, Where: where, What: what}
}
