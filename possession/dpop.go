package possession

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"cnfd/thumbprint"
)

// ProofLifetime is how old a DPoP proof may be unless the caller says otherwise
// (RFC 9449 §11.1: seconds or minutes).
const ProofLifetime = 60 * time.Second

// MaxProof bounds a DPoP proof in octets; one by ML-DSA-87 has 11 KiB.
const MaxProof = 16 << 10

// MaxJTI bounds the jti of a proof in octets, since it is remembered.
const MaxJTI = 256

// Proof is what must be remembered of a proof that is good: it is good once
// (RFC 9449 §11.1). Of two with one JTI by one key before Until the second is a
// replay. Whoever takes a proof and does not look takes every replay of it.
type Proof struct {
	JTI   []byte    // at most MaxJTI octets
	Until time.Time // no sooner than it is too old
}

// Request is what the caller knows of a request with a DPoP proof. All but Nonce
// and Lifetime is needed: without it nothing is bound.
type Request struct {
	Confirmed thumbprint.Thumbprint // of the key that the record confirms
	Method    string                // "GET"
	URL       string                // with scheme and host; query and fragment are ignored
	Token     []byte                // the access token, as it was sent
	Nonce     string                // that the caller has demanded; empty: none
	Now       time.Time
	Lifetime  time.Duration // since iat; default ProofLifetime
}

// DPoP judges a DPoP proof (RFC 9449 §4.3): it is good where the confirmed key has
// signed it, for this method, resource and access token, and lately. The jwk in it
// is believed in nothing but that it is the confirmed key. That the request has one
// DPoP header and no more (check 1), and that the Proof is the first of its kind,
// is the caller's to see. The error is an *Error.
func DPoP(proof []byte, r *Request) (Proof, error) {
	switch {
	case len(proof) == 0:
		return Proof{}, &Error{Missing, "", "no proof"}
	case len(proof) > MaxProof:
		return Proof{}, &Error{Malformed, "", "longer than the 16 KiB that a proof may have"}
	case r.Method == "" || r.URL == "" || len(r.Token) == 0:
		return Proof{}, &Error{Unasked, "", "no method, URL or token to hold it against"}
	}
	want, ok := normalURI(r.URL)
	if !ok {
		return Proof{}, &Error{Unasked, "", "the URL of the request is not one of http or https with a host"}
	}
	token, err := open(proof, "dpop+jwt", r.Confirmed, thumbprint.Key{}, true)
	if err != nil {
		return Proof{}, err
	}
	c, err := readClaims(token.payload)
	if err != nil {
		return Proof{}, err
	}
	lifetime := orDefault(r.Lifetime, ProofLifetime)
	if err := c.fresh(r.Now, lifetime); err != nil {
		return Proof{}, err
	}
	jti, htu := c.jti.Bytes(), string(c.htu.Bytes())
	got, ok := normalURI(htu)
	ath := sha256.Sum256(r.Token)
	switch {
	case len(jti) == 0:
		return Proof{}, &Error{ID, "payload.jti", "missing"}
	case len(jti) > MaxJTI:
		return Proof{}, &Error{ID, "payload.jti", "longer than 256 octets"}
	case !is(c.htm, r.Method):
		return Proof{}, &Error{Method, "payload.htm", "not the method of this request"}
	case !ok:
		return Proof{}, &Error{URI, "payload.htu", "not a URI of http or https with a host"}
	case got != want:
		return Proof{}, &Error{URI, "payload.htu", "not the URI of this request"}
	case !is(c.ath, base64.RawURLEncoding.EncodeToString(ath[:])):
		return Proof{}, &Error{Hash, "payload.ath", "not of this access token"}
	case r.Nonce != "" && !is(c.nonce, r.Nonce):
		return Proof{}, &Error{Nonce, "payload.nonce", "not the one that was demanded"}
	}
	until := time.Unix(c.times[claimIat].ceil, 0).Add(lifetime + Skew + time.Second)
	return Proof{JTI: jti, Until: until}, nil
}
