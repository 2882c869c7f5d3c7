package decryption

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
)

// Parse reads the keys of a file: a JWK or a JWK Set (RFC 7517), PEM of private
// keys (PKCS #8, PKCS #1, SEC 1), a COSE_Key or a COSE_KeySet (RFC 9052 §7) in
// octets or in hexadecimal. In a set, keys that are for something else are passed
// over; one that is wrong is an error, and so is a file in which no key decrypts.
// No error repeats what a key holds.
func Parse(file []byte) ([]Key, error) {
	if len(file) > maxFile {
		return nil, errors.New("key file: over 1 MiB")
	}
	found, err := parse(file)
	if err != nil {
		return nil, err
	}
	var keys []Key
	var reason error
	for _, f := range found {
		var other *otherUse
		switch {
		case f.err == nil:
			keys = append(keys, keyOf(f.secret))
		case errors.As(f.err, &other) && reason == nil:
			reason = f.err
		case !errors.As(f.err, &other):
			return nil, f.err
		}
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case reason != nil:
		return nil, reason
	}
	return nil, errors.New("key file: no key in it")
}

// maxFile bounds a key file, in octets.
const maxFile = 1 << 20

// found is one key of a file, or why it is none.
type found struct {
	secret *secret
	err    error
}

// otherUse says that a key is a good one, but not to decrypt with.
type otherUse struct{ place, why string }

func (e *otherUse) Error() string { return e.place + ": " + e.why }

func parse(file []byte) ([]found, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return nil, errors.New("key file: empty")
	case text[0] == '{':
		return parseJSON(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return parsePEM(text), nil
	}
	octets := file
	if !isCBOR(octets) {
		octets = make([]byte, len(text))
		n, err := hex.Decode(octets, text)
		octets = octets[:n]
		if err != nil || !isCBOR(octets) {
			return nil, errors.New("key file: not in a format that is known: JWK, JWK Set, PEM or COSE_Key")
		}
	}
	return parseCOSE(octets)
}

// isCBOR reports whether octets begin as a map or an array does (RFC 8949 §3.1),
// which no text does.
func isCBOR(octets []byte) bool {
	return len(octets) > 0 && (octets[0]>>5 == 4 || octets[0]>>5 == 5)
}

func nth(set string, i int) string { return set + "[" + strconv.Itoa(i) + "]" }
