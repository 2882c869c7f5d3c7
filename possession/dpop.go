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

// Seen remembers the proofs that were taken. It reports whether id has been given
// to it before, and remembers it until then at least; one that cannot remember it
// reports true. It is asked about proofs of confirmed keys only. Where several
// verifiers answer for one resource they must share it.
type Seen interface {
	Seen(id string, until time.Time) bool
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
	Seen      Seen
}

// DPoP judges a DPoP proof (RFC 9449 §4.3): nil where the confirmed key has signed
// it, for this method, resource and access token, lately and once. The jwk in it
// is believed in nothing but that it is the confirmed key. That the request has one
// DPoP header and no more (check 1) is the caller's to see. The error is an *Error.
func DPoP(proof []byte, r *Request) error {
	switch {
	case len(proof) == 0:
		return &Error{Missing, "", "no proof"}
	case len(proof) > MaxProof:
		return &Error{Malformed, "", "longer than the 16 KiB that a proof may have"}
	case r.Method == "" || r.URL == "" || len(r.Token) == 0:
		return &Error{Unasked, "", "no method, URL or token to hold it against"}
	case r.Seen == nil:
		return &Error{Unasked, "", "nobody remembers which proofs were taken"}
	}
	want, ok := normalURI(r.URL)
	if !ok {
		return &Error{Unasked, "", "its URL is not one of http or https with a host"}
	}
	token, err := open(proof, "dpop+jwt", r.Confirmed, thumbprint.Key{}, true)
	if err != nil {
		return err
	}
	c, err := readClaims(token.payload)
	if err != nil {
		return err
	}
	lifetime := orDefault(r.Lifetime, ProofLifetime)
	if err := c.fresh(r.Now, lifetime); err != nil {
		return err
	}
	jti, htu := c.jti.Bytes(), string(c.htu.Bytes())
	got, ok := normalURI(htu)
	ath := sha256.Sum256(r.Token)
	switch {
	case len(jti) == 0:
		return &Error{ID, "payload.jti", "missing"}
	case len(jti) > MaxJTI:
		return &Error{ID, "payload.jti", "longer than 256 octets"}
	case !is(c.htm, r.Method):
		return &Error{Method, "payload.htm", "not the method of this request"}
	case !ok:
		return &Error{URI, "payload.htu", "not a URI of http or https with a host"}
	case got != want:
		return &Error{URI, "payload.htu", "not the URI of this request"}
	case !is(c.ath, base64.RawURLEncoding.EncodeToString(ath[:])):
		return &Error{Hash, "payload.ath", "not of this access token"}
	case r.Nonce != "" && !is(c.nonce, r.Nonce):
		return &Error{Nonce, "payload.nonce", "not the one that was demanded"}
	}
	// Last, so that only holders of confirmed keys fill the memory. Of this key:
	// nobody else's proof uses up its jti.
	until := time.Unix(c.times[claimIat].ceil, 0).Add(lifetime + Skew + time.Second)
	if r.Seen.Seen(r.Confirmed.Hex()+"."+string(jti), until) {
		return &Error{Replayed, "payload.jti", "a proof that was used before"}
	}
	return nil
}
