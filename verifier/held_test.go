package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/url"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/issuers"
	"cnfd/thumbprint"
)

// person holds a P-256 key.
type person struct {
	private *ecdsa.PrivateKey
	jwk     string
	jkt     thumbprint.Thumbprint
}

func newPerson(t testing.TB) person {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	point, err := private.PublicKey.Bytes()
	must(t, err)
	jwk := `{"kty":"EC","crv":"P-256","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}`
	jkt, err := thumbprint.OfJWK([]byte(jwk), thumbprint.SHA256)
	must(t, err)
	return person{private, jwk, jkt}
}

// sign writes a JWS in compact form.
func (p person) sign(t testing.TB, header, payload any) string {
	t.Helper()
	octets := b64(asJSON(t, header)) + "." + b64(asJSON(t, payload))
	sum := sha256.Sum256([]byte(octets))
	r, s, err := ecdsa.Sign(rand.Reader, p.private, sum[:])
	must(t, err)
	var value [64]byte
	r.FillBytes(value[:32])
	s.FillBytes(value[32:])
	return octets + "." + b64(value[:])
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keyring is IssuerKeys that can fail, and that has more keys once it is told that
// some are missing.
type keyring struct {
	keys, later  issuers.Set
	err, failing error // of any question, of one for what is missing
	asked        []bool
}

func (k *keyring) Keys(_ context.Context, issuer string, missing bool) (issuers.Set, error) {
	k.asked = append(k.asked, missing)
	if issuer != issuerName {
		return nil, errors.New("another issuer")
	}
	if missing && k.failing != nil {
		return nil, k.failing
	}
	if missing {
		return k.later, k.err
	}
	return k.keys, k.err
}

// proofs is a memory as it is meant, which can fail.
type proofs struct {
	taken map[string]time.Time
	err   error
}

func (p *proofs) Take(_ context.Context, key thumbprint.Thumbprint, jti []byte, until time.Time) (bool, error) {
	id := key.Hex() + "." + string(jti)
	_, before := p.taken[id]
	p.taken[id] = until
	return !before, p.err
}

const (
	issuerName = "https://iss.example"
	audience   = "https://rp.example"
	nonce      = "n-0S6_WzA2Mj"
	method     = "GET"
	address    = "https://rp.example/a"
)

type object = map[string]any

// held is a scene in which a holder presents an SD-JWT with a key-binding token, a
// DPoP proof and a client certificate, all of them good. A flip changes one thing
// before they are made.
type held struct {
	t              testing.TB
	issuer, holder person
	der            []byte
	config         Config
	source         *source
	keys           *keyring
	proofs         *proofs
	request        Request

	header, claims     object // of the issuer's token
	kbHeader, kb       object
	dpopHeader, dpop   object
	binder, prover     person                         // who signs the key-binding token, the proof
	sent               func(sdJWT, kb string) string  // puts them together
	afterwards         func(token string) string      // changes what was made
	beforehand, dpopTo func(string) string            // of the SD-JWT that is bound, of the token that is proven
	handed             func(der []byte) (cert string) // how the gateway hands it on
}

func newHeld(t testing.TB) *held {
	t.Helper()
	h := &held{t: t, issuer: newPerson(t), holder: newPerson(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: now.Add(time.Hour)}
	var err error
	h.der, err = x509.CreateCertificate(rand.Reader, template, template, h.holder.private.Public(), h.holder.private)
	must(t, err)
	x5t := sha256.Sum256(h.der)

	h.source = &source{answers: map[string]*dnssec.Answer{}}
	h.source.answers[owner] = present(owner, tlsa(255, 255, 255, h.holder.jkt.Hex()))
	key, err := thumbprint.ParseJWK([]byte(h.issuer.jwk))
	must(t, err)
	h.keys = &keyring{keys: issuers.Set{{Key: key}}, later: issuers.Set{{Key: key}}}
	h.proofs = &proofs{taken: map[string]time.Time{}}
	h.config = Config{
		Source: h.source, Now: func() time.Time { return now },
		Issuers: []Issuer{{Name: issuerName}}, Keys: h.keys, Proofs: h.proofs,
	}
	h.request = Request{
		Input: InputToken, Audience: audience, Nonce: nonce,
		Checks: CheckSignature | CheckKeyBinding | CheckDPoP | CheckMTLS,
		DPoP:   DPoP{Method: method, URL: address},
	}
	h.header = object{"alg": "ES256", "typ": "dc+sd-jwt"}
	h.claims = object{
		"iss": issuerName, "sub": subject, "exp": now.Unix() + 3600,
		"cnf": object{"jwk": json.RawMessage(h.holder.jwk), "x5t#S256": b64(x5t[:])},
	}
	h.binder, h.prover = h.holder, h.holder
	h.kbHeader = object{"alg": "ES256", "typ": "kb+jwt"}
	h.kb = object{"iat": now.Unix(), "aud": audience, "nonce": nonce}
	h.dpopHeader = object{"alg": "ES256", "typ": "dpop+jwt", "jwk": json.RawMessage(h.holder.jwk)}
	h.dpop = object{"iat": now.Unix(), "jti": "1", "htm": method, "htu": address, "nonce": nonce}
	same := func(s string) string { return s }
	h.beforehand, h.afterwards, h.dpopTo = same, same, same
	h.sent = func(sdJWT, kb string) string { return sdJWT + kb }
	h.handed = func(der []byte) string {
		return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	return h
}

// verifier makes one of the scene.
func (h *held) verifier() *Verifier {
	h.t.Helper()
	v, err := New(h.config)
	must(h.t, err)
	return v
}

// present makes everything that the holder brings.
func (h *held) present() *Request {
	h.t.Helper()
	sdJWT := h.issuer.sign(h.t, h.header, h.claims) + "~"
	bound := sha256.Sum256([]byte(h.beforehand(sdJWT)))
	kb := maps.Clone(h.kb)
	if _, said := kb["sd_hash"]; !said {
		kb["sd_hash"] = b64(bound[:])
	}
	token := h.sent(sdJWT, h.binder.sign(h.t, h.kbHeader, kb))
	token = h.afterwards(token)
	ath := sha256.Sum256([]byte(h.dpopTo(token)))
	h.dpop["ath"] = b64(ath[:])
	q := h.request
	if q.Bytes == nil {
		q.Bytes = []byte(token)
	}
	if q.DPoP.Proof == nil {
		q.DPoP.Proof = []byte(h.prover.sign(h.t, h.dpopHeader, h.dpop))
	}
	if q.ClientCert == "" {
		q.ClientCert = h.handed(h.der)
	}
	return &q
}
