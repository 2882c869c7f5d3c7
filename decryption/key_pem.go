package decryption

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strconv"

	"cnfd/thumbprint"
)

// parsePEM reads every block of a PEM file (RFC 7468) that is a private key.
// Certificates and public keys beside it are passed over.
func parsePEM(text []byte) []found {
	var all []found
	for i := 0; ; i++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		place := "pem[" + strconv.Itoa(i) + "] " + block.Type
		if block.Headers["DEK-Info"] != "" || block.Headers["Proc-Type"] != "" || block.Type == "ENCRYPTED PRIVATE KEY" {
			all = append(all, found{err: malformed(place, "encrypted: decrypt it first (openssl pkey)")})
			continue
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			all = append(all, found{err: &otherUse{place, "not a private key, and nothing else decrypts: give that one"}})
			continue
		}
		if err != nil {
			all = append(all, found{err: malformed(place, "not the private key that it says it is, or on no curve that is known here: P-256, P-384, P-521 or X25519")})
			continue
		}
		all = append(all, usePEM(place, key))
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		all = append(all, found{err: malformed("pem", "a block that is not whole")})
	}
	return all
}

// usePEM judges a key as those of a JWK are judged.
func usePEM(place string, key any) found {
	var public any
	var private *ecdh.PrivateKey
	switch k := key.(type) {
	case *rsa.PrivateKey:
		public = &k.PublicKey
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
		private, _ = k.ECDH()
	case *ecdh.PrivateKey:
		public, private = k.PublicKey(), k
	default:
		return found{err: &otherUse{place, "not a key to decrypt with: RSA, P-256, P-384, P-521 or X25519"}}
	}
	judged, err := thumbprint.KeyOf(public)
	if err != nil {
		return found{err: within(place, err)}
	}
	s := &secret{kind: judged.Algorithm()}
	if r, ok := key.(*rsa.PrivateKey); ok {
		if err := s.useRSA(place, r); err != nil {
			return found{err: err}
		}
		return found{secret: s}
	}
	if private == nil {
		return found{err: malformed(place, "on no curve that is known here: P-256, P-384, P-521 or X25519")}
	}
	s.shape, s.ecdh = shapeOf(private.Curve()), private
	return found{secret: s}
}
