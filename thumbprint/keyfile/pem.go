package keyfile

import (
	"bytes"
	"encoding/pem"
	"errors"
	"strconv"
)

// parsePEM reads every block of a PEM file (RFC 7468) that holds a key.
func parsePEM(text []byte) ([]Entry, error) {
	var entries []Entry
	blocks := 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		blocks++
		e, known, err := parseBlock(block)
		if !known {
			continue
		}
		if err != nil {
			e = Entry{Err: at("pem["+strconv.Itoa(blocks-1)+"] "+block.Type, err)}
		}
		entries = append(entries, e)
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN ")):
		// What follows the last block that can be read must not go unsaid.
		entries = append(entries, Entry{Err: errors.New("pem[" + strconv.Itoa(blocks) + "]: not a whole PEM block")})
	case len(entries) == 0:
		return nil, errors.New("pem: no block that holds a key")
	}
	return entries, nil
}

var errEncrypted = errors.New("encrypted: decrypt it first, or give the public key (openssl pkey -pubout)")

// parseBlock reads one block; known is false for one that holds no key at all.
func parseBlock(b *pem.Block) (e Entry, known bool, err error) {
	if b.Headers["DEK-Info"] != "" || b.Headers["Proc-Type"] != "" {
		return Entry{}, true, errEncrypted
	}
	switch b.Type {
	case "PUBLIC KEY":
		e.Key, err = publicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		e.Key, err = pkcs1PublicKey(b.Bytes)
	case "PRIVATE KEY":
		e.Key, err = pkcs8Key(b.Bytes)
		e.Private = true
	case "RSA PRIVATE KEY":
		e.Key, err = pkcs1PrivateKey(b.Bytes)
		e.Private = true
	case "EC PRIVATE KEY":
		e.Key, err = sec1Key(b.Bytes, nil)
		e.Private = true
	case "CERTIFICATE", "X509 CERTIFICATE":
		e, err = certificate(b.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		err = errEncrypted
	case "OPENSSH PRIVATE KEY", "SSH2 PUBLIC KEY":
		err = errors.New("in OpenSSH's own format: convert it first (ssh-keygen -e -m PKCS8)")
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "TRUSTED CERTIFICATE", "PKCS7", "CMS":
		err = errors.New("not read: give the public key (openssl … -pubkey)")
	default:
		return Entry{}, false, nil // EC PARAMETERS, DH PARAMETERS, X509 CRL
	}
	return e, true, err
}
