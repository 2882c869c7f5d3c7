package dnssec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // registers SHA-256 for crypto.Hash
	_ "crypto/sha512" // registers SHA-384 and SHA-512
	"encoding/base64"
	"math/big"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/miekg/dns"
)

// supportedAlgorithm reports whether signatures of an algorithm prove anything
// here (RFC 8624 §3.1, RFC 9905). What is not supported is treated as if the
// zone were not signed with it at all.
func (t *Terms) supportedAlgorithm(a uint8) bool {
	switch a {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519, dns.ED448:
		return true
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		return t.SHA1
	}
	return false
}

// supportedDigest is the same for the digest of a DS (RFC 8624 §3.3).
func (t *Terms) supportedDigest(d uint8) bool {
	return d == dns.SHA256 || d == dns.SHA384 || d == dns.SHA1 && t.SHA1
}

// RSA keys outside these lengths are treated as if their algorithm were
// unknown: a 16384-bit check costs 30 ms, and under 1024 bits proves nothing.
const minRSABits, maxRSABits = 1024, 4096

// publicKey decodes the key of a DNSKEY (RFC 3110 §2, 6605 §4, 8080 §3); nil
// where it is not one that can prove anything.
func publicKey(k *dns.DNSKEY) crypto.PublicKey {
	raw, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil {
		return nil
	}
	switch k.Algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		return rsaKey(raw)
	case dns.ECDSAP256SHA256:
		return ecdsaKey(elliptic.P256(), raw, 64)
	case dns.ECDSAP384SHA384:
		return ecdsaKey(elliptic.P384(), raw, 96)
	case dns.ED25519:
		if len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw)
		}
	case dns.ED448:
		if len(raw) == ed448.PublicKeySize {
			return ed448.PublicKey(raw)
		}
	}
	return nil
}

func ecdsaKey(curve elliptic.Curve, raw []byte, size int) crypto.PublicKey {
	if len(raw) != size {
		return nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, raw...))
	if err != nil {
		return nil
	}
	return pub
}

func rsaKey(raw []byte) crypto.PublicKey {
	if len(raw) < 3 {
		return nil
	}
	elen, raw := int(raw[0]), raw[1:]
	if elen == 0 {
		elen, raw = int(raw[0])<<8|int(raw[1]), raw[2:]
	}
	if elen == 0 || elen > 4 || len(raw) <= elen || raw[0] == 0 || raw[elen] == 0 {
		return nil
	}
	e := new(big.Int).SetBytes(raw[:elen]).Int64()
	n := new(big.Int).SetBytes(raw[elen:])
	if e < 3 || e&1 == 0 || e > 1<<31-1 || n.BitLen() < minRSABits || n.BitLen() > maxRSABits {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e)}
}

// verifyWith checks one signature over the signed data. The length of the
// signature is part of the check: a longer one must not be cut to fit.
func verifyWith(alg uint8, pub crypto.PublicKey, data, sig []byte) bool {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		h := rsaHash(alg)
		return len(sig) == pub.Size() && rsa.VerifyPKCS1v15(pub, h, digest(h, data), sig) == nil
	case *ecdsa.PublicKey:
		size, h := 32, crypto.SHA256
		if alg == dns.ECDSAP384SHA384 {
			size, h = 48, crypto.SHA384
		}
		if len(sig) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		return ecdsa.Verify(pub, digest(h, data), r, s)
	case ed25519.PublicKey:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(pub, data, sig)
	case ed448.PublicKey:
		return len(sig) == ed448.SignatureSize && ed448.Verify(pub, data, sig, "")
	}
	return false
}

func rsaHash(alg uint8) crypto.Hash {
	switch alg {
	case dns.RSASHA256:
		return crypto.SHA256
	case dns.RSASHA512:
		return crypto.SHA512
	}
	return crypto.SHA1
}

func digest(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}
