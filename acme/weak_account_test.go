package acme_test

import (
	"crypto"
	"crypto/sha256"
	"math/big"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
)

// opaque has any crypto.Signer of an RSA key sign requests.
type opaque struct{ crypto.Signer }

func (o opaque) Public() *jose.JSONWebKey { return &jose.JSONWebKey{Key: o.Signer.Public()} }

func (o opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.RS256} }

func (o opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	sum := sha256.Sum256(payload)
	return o.Sign(nil, sum[:], crypto.SHA256)
}

// TestWeakKeysMakeNoAccount: a key whose private half anybody can compute becomes no account's, at its beginning or later:
// a record that vouches for it vouches for everybody.
func TestWeakKeysMakeNoAccount(t *testing.T) {
	start, far := new(big.Int).Lsh(big.NewInt(15), 1020), new(big.Int).Lsh(big.NewInt(1), 1000)
	for _, weak := range []bool{false, true} {
		s := newScene(t, nil)
		gap, status, changed := far, http.StatusCreated, http.StatusOK
		if weak {
			gap, status, changed = big.NewInt(0), http.StatusBadRequest, http.StatusBadRequest
		}
		key := opaque{acme.OfPrimes(t, start, gap)}
		c := registered(t, s.Server)
		const path = "/acme/new-account"
		body := signed(t, jose.RS256, key, []byte("{}"), map[jose.HeaderKey]any{"url": c.url(path), "nonce": s.MakeNonce()}, "")
		r, answer := c.send(path, body)
		wantStatus(t, r, answer, status)
		if weak {
			wantRefused(t, r, answer, status, acme.BadPublicKey, "close together")
		}
		start.Add(start, new(big.Int).Lsh(big.NewInt(1), 900)) // another key, as weak
		next := opaque{acme.OfPrimes(t, start, gap)}
		inner := signed(t, jose.RS256, next, octets(t, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}), map[jose.HeaderKey]any{"url": keyChangeURL}, "")
		r, answer = c.post("/acme/key-change", inner)
		wantStatus(t, r, answer, changed)
		if weak {
			wantRefused(t, r, answer, changed, acme.BadPublicKey, "close together")
		}
	}
}
