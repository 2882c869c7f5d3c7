// Package keyfile reads keys out of whatever file they come in: a JWK or a JWK
// Set, PEM or DER of a public key, a private key or a certificate, a COSE_Key or
// a set of them, in octets or in base64 or hexadecimal. Only the public part of a
// private key is used. Every key is judged by package thumbprint, whatever has
// read it.
//
// Not read: encrypted private keys, PKCS #12, OpenSSH's own formats, elliptic
// curves given by their parameters, compressed points outside of COSE.
package keyfile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"cnfd/thumbprint"
)

// Entry is a key that a file holds.
type Entry struct {
	// Key is the key, the zero Key where Err is set.
	Key thumbprint.Key
	// KID is the key's own name where it has one: of a COSE_Key as text, or in
	// hexadecimal where it is none.
	KID string
	// Private says that the file holds the private part too.
	Private bool
	// Certificate is the SHA-256 digest of the certificate that the key stands
	// in, of the kind x5t#S256; zero where it stands in none.
	Certificate thumbprint.Thumbprint
	// Err is why a key among several cannot be used. It says which.
	Err error
}

// maxFile bounds a key file, in octets: a JWK Set of a hundred certified
// post-quantum keys fits.
const maxFile = 1 << 20

// Parse reads all keys of a file. The error is that of a file of no known format
// and of one in which no key can be used; one unusable key among others is an
// Entry with its Err. No error repeats what a key holds.
func Parse(file []byte) ([]Entry, error) {
	if len(file) > maxFile {
		return nil, errors.New("key file: over 1 MiB")
	}
	entries, err := parse(file)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].Err == nil {
			return entries, nil
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("key file: no key in it")
	}
	return nil, entries[0].Err
}

var errFormat = errors.New("key file: not in a format that is known: JWK, JWK Set, PEM, DER or COSE_Key")

func parse(file []byte) ([]Entry, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return nil, errors.New("key file: empty")
	case text[0] == '{':
		return parseJSON(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return parsePEM(text)
	}
	if entries, err := parseBinary(file); err != errFormat {
		return entries, err
	}
	if octets := untext(text); octets != nil {
		return parseBinary(octets)
	}
	return nil, errFormat
}

// parseBinary reads DER or CBOR. The two are told apart by the first octet: that
// of a DER SEQUENCE would in CBOR be a negative integer.
func parseBinary(file []byte) ([]Entry, error) {
	if len(file) == 0 {
		return nil, errFormat
	}
	const sequence = 0x30
	switch first := file[0]; {
	case first == sequence:
		return one(parseDER(file))
	case first>>5 == 5: // a map (RFC 8949 §3.1)
		return one(parseCOSE(file))
	case first>>5 == 4: // an array
		return parseCOSESet(file)
	}
	return nil, errFormat
}

func one(e Entry, err error) ([]Entry, error) {
	if err != nil {
		return nil, err
	}
	return []Entry{e}, nil
}

// untext gives the octets that text writes in hexadecimal or base64, of either
// alphabet, with or without padding and line ends; nil where it does neither.
func untext(text []byte) []byte {
	text = bytes.Join(bytes.Fields(text), nil)
	octets := make([]byte, len(text))
	if n, err := hex.Decode(octets, text); err == nil {
		return octets[:n]
	}
	text = bytes.TrimRight(text, "=")
	for _, alphabet := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if n, err := alphabet.Strict().Decode(octets, text); err == nil {
			return octets[:n]
		}
	}
	return nil
}
