package dnssec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
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

// publicKey reads the key of a DNSKEY (RFC 3110 §2, 6605 §4, 8080 §3): nil
// where it is not one that can prove anything. wrongLength: because it is an RSA
// key that is shorter or longer than those that are used.
func publicKey(alg uint8, raw []byte) (pub crypto.PublicKey, wrongLength bool) {
	switch alg {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		return rsaKey(raw)
	case dns.ECDSAP256SHA256:
		return ecdsaKey(elliptic.P256(), raw, 64), false
	case dns.ECDSAP384SHA384:
		return ecdsaKey(elliptic.P384(), raw, 96), false
	case dns.ED25519:
		if len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw), false
		}
	case dns.ED448:
		if len(raw) == ed448.PublicKeySize {
			return ed448.PublicKey(raw), false
		}
	}
	return nil, false
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

func rsaKey(raw []byte) (pub crypto.PublicKey, wrongLength bool) {
	if len(raw) < 3 {
		return nil, false
	}
	elen, raw := int(raw[0]), raw[1:]
	if elen == 0 {
		elen, raw = int(raw[0])<<8|int(raw[1]), raw[2:]
	}
	if elen == 0 || elen > 4 || len(raw) <= elen || raw[0] == 0 || raw[elen] == 0 {
		return nil, false
	}
	e := new(big.Int).SetBytes(raw[:elen]).Int64()
	n := new(big.Int).SetBytes(raw[elen:])
	if e < 3 || e&1 == 0 || e > 1<<31-1 {
		return nil, false
	}
	if n.BitLen() < minRSABits || n.BitLen() > maxRSABits {
		return nil, true
	}
	return &rsa.PublicKey{N: n, E: int(e)}, false
}

// verifyWith checks one signature over the signed data. The length of the
// signature is part of the check: a longer one must not be cut to fit.
func verifyWith(alg uint8, pub crypto.PublicKey, data, sig []byte) bool {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		h := rsaHash(alg)
		return len(sig) == pub.Size() && rsa.VerifyPKCS1v15(pub, h, digest(h, data), sig) == nil
	case *ecdsa.PublicKey:
		if alg == dns.ECDSAP384SHA384 {
			sum := sha512.Sum384(data)
			return len(sig) == 96 && ecdsa.VerifyASN1(pub, sum[:], asn1Signature(sig))
		}
		sum := sha256.Sum256(data)
		return len(sig) == 64 && ecdsa.VerifyASN1(pub, sum[:], asn1Signature(sig))
	case ed25519.PublicKey:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(pub, data, sig)
	case ed448.PublicKey:
		return len(sig) == ed448.SignatureSize && ed448.Verify(pub, data, sig, "")
	}
	return false
}

// asn1Signature puts r and s, side by side in DNS (RFC 6605 §4), into the form
// that the library wants: a SEQUENCE of two INTEGERs in DER.
func asn1Signature(sig []byte) []byte {
	out := make([]byte, 2, 2+2*(3+len(sig)/2))
	for _, n := range [][]byte{sig[:len(sig)/2], sig[len(sig)/2:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		if n[0] >= 0x80 { // it would be negative
			out = append(out, 2, byte(len(n)+1), 0)
		} else {
			out = append(out, 2, byte(len(n)))
		}
		out = append(out, n...)
	}
	out[0], out[1] = 0x30, byte(len(out)-2)
	return out
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
