package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/issuers"
	"cnfd/replay"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

type object = map[string]any

// somebody holds a P-256 key.
type somebody struct {
	private *ecdsa.PrivateKey
	jwk     object
	key     thumbprint.Key
}

func newSomebody(t testing.TB) somebody {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	point, err := private.PublicKey.Bytes()
	must(t, err)
	key, err := thumbprint.KeyOf(private.Public())
	must(t, err)
	return somebody{private, object{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}, key}
}

// sign writes a JWS in compact form; a header or a payload in text is taken as it is.
func (p somebody) sign(t testing.TB, header, payload any) string {
	t.Helper()
	octets := b64(inJSON(t, header)) + "." + b64(inJSON(t, payload))
	return octets + "." + b64(p.signature(t, octets))
}

func (p somebody) signature(t testing.TB, octets string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(octets))
	r, s, err := ecdsa.Sign(rand.Reader, p.private, sum[:])
	must(t, err)
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func inJSON(t testing.TB, v any) []byte {
	t.Helper()
	if s, ok := v.(string); ok {
		return []byte(s)
	}
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	issuerName = "https://iss.example"
	ourName    = "https://rp.example"
	ourNonce   = "n-0S6_WzA2Mj"
	ourURL     = "https://rp.example/a"
)

// scene is a holder before the API with everything that it may be asked for: a
// credential that its issuer has signed, a key-binding token, a DPoP proof and a
// client certificate. The configuration, or what is sent, is changed in one thing;
// then ask makes it all and sends it.
type scene struct {
	t              testing.TB
	issuer, holder somebody
	binder, prover somebody // who signs the key-binding token, the proof
	config         verifier.Config
	terms          *issuers.Terms
	key            *issuers.Key // the issuer's
	der            []byte

	header, claims   any // of the credential
	kbHeader, kb     object
	proofHeader      object
	proof            object
	envelope         object
	disclosures      string // each with its '~'
	signed           func(jws string) string
	presented, bound func(token string) string // what is sent; what the proof and the binding are made over
	handler          http.Handler              // made at the first question

	sent string // the token of the last question
}

// keyring is an issuer's keys, in memory.
type keyring struct{ key *issuers.Key }

func (k keyring) Keys(context.Context, string, bool) (issuers.Set, error) {
	return issuers.Set{*k.key}, nil
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{t: t, issuer: newSomebody(t), holder: newSomebody(t)}
	s.binder, s.prover = s.holder, s.holder
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: at.Add(time.Hour)}
	var err error
	s.der, err = x509.CreateCertificate(rand.Reader, template, template, s.holder.private.Public(), s.holder.private)
	must(t, err)
	x5t := sha256.Sum256(s.der)
	memory, err := replay.New(replay.Config{Now: clock})
	must(t, err)
	s.key = &issuers.Key{Key: s.issuer.key}
	jkt := s.holder.key.JKT(thumbprint.SHA256)
	s.config = verifier.Config{
		Source: &source{name: "jwk.cnf.vendor.example.", data: append([]byte{255, 255, 255}, jkt.AppendSum(nil)...)}, Now: clock,
		Issuers: []verifier.Issuer{{Name: issuerName}}, Keys: keyring{s.key}, Proofs: memory,
	}
	s.terms = &s.config.Issuers[0].Terms
	s.header = object{"alg": "ES256", "typ": "dc+sd-jwt"}
	s.claims = object{
		"iss": issuerName, "sub": "https://vendor.example", "exp": at.Unix() + 3600,
		"cnf": object{"jwk": s.holder.jwk, "x5t#S256": b64(x5t[:])},
	}
	s.kbHeader = object{"alg": "ES256", "typ": "kb+jwt"}
	s.kb = object{"iat": at.Unix(), "aud": ourName, "nonce": ourNonce}
	s.proofHeader = object{"alg": "ES256", "typ": "dpop+jwt", "jwk": s.holder.jwk}
	s.proof = object{"iat": at.Unix(), "jti": "1", "htm": "GET", "htu": ourURL, "nonce": ourNonce}
	s.envelope = object{
		"check": []string{"signature", "key_binding", "dpop", "mtls"}, "aud": ourName, "nonce": ourNonce,
		"client_cert": url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.der}))),
	}
	same := func(s string) string { return s }
	s.signed, s.presented, s.bound = same, same, same
	return s
}

// claim changes one claim, or takes it out where the value is nil.
func (s *scene) claim(name string, value any) {
	m := s.claims.(object)
	m[name] = value
	if value == nil {
		delete(m, name)
	}
}

func (s *scene) head(name string, value any) { s.header.(object)[name] = value }

// answer is a verdict or a problem.
type answer struct {
	Status                  int
	Outcome, Reason, Detail string
	Type                    string
	Signature, DPoP, MTLS   string
	KeyBinding              string `json:"key_binding"`
}

// ask makes everything that the holder brings and asks.
func (s *scene) ask() answer {
	s.t.Helper()
	if s.handler == nil {
		v, err := verifier.New(s.config)
		must(s.t, err)
		s.handler = newHandler(s.t, Config{Verifier: v})
	}
	sdJWT := s.signed(s.issuer.sign(s.t, s.header, s.claims)) + "~" + s.disclosures
	sum := sha256.Sum256([]byte(s.bound(sdJWT)))
	if _, said := s.kb["sd_hash"]; !said {
		s.kb["sd_hash"] = b64(sum[:])
		defer delete(s.kb, "sd_hash")
	}
	s.sent = sdJWT + s.binder.sign(s.t, s.kbHeader, s.kb)
	sum = sha256.Sum256([]byte(s.bound(s.sent)))
	s.proof["ath"] = b64(sum[:])
	s.envelope["token"] = s.presented(s.sent)
	if _, said := s.envelope["dpop"]; !said {
		s.envelope["dpop"] = object{"proof": s.prover.sign(s.t, s.proofHeader, s.proof), "htm": "GET", "htu": ourURL}
	}
	return s.again()
}

// again sends the same once more.
func (s *scene) again() answer {
	s.t.Helper()
	return read(s.t, send(s.handler, "POST", "/v1/verify", string(inJSON(s.t, s.envelope)), asJSON))
}

func read(t testing.TB, r *http.Response) (a answer) {
	t.Helper()
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%d %q: %v", r.StatusCode, body, err)
	}
	a.Status = r.StatusCode
	return a
}

// is reports whether an answer is that reason, or that problem by its name, and
// says so in the words.
func (a answer) is(want, words string) bool {
	got := a.Reason
	if a.Status != http.StatusOK {
		got = strings.TrimPrefix(a.Type, "urn:cnfd:problem:")
	}
	return got == want && strings.Contains(a.Detail, words) && (a.Outcome == "confirmed") == (want == "record_matches")
}

// encrypted makes the scene's key one that npm's jose encrypted for this verifier:
// the key inside is published, too. It gives the JWE.
func (s *scene) encrypted() string {
	s.t.Helper()
	var made struct {
		JWK  json.RawMessage
		Keys map[string]json.RawMessage
		JWE  []struct{ Alg, Enc, Key, Compact string }
	}
	file, err := os.ReadFile("../decryption/testdata/made.json")
	must(s.t, err)
	must(s.t, json.Unmarshal(file, &made))
	var all []decryption.Key
	for _, name := range []string{"p256", "rsa", "oct16"} {
		some, err := decryption.Parse(made.Keys[name])
		must(s.t, err)
		all = append(all, some...)
	}
	opener, err := decryption.New(all)
	must(s.t, err)
	s.config.Credential = credential.Options{Confirmation: thumbprint.Options{Opener: opener}}
	sum, err := thumbprint.OfJWK(made.JWK, thumbprint.SHA256)
	must(s.t, err)
	s.config.Source = &source{name: "jwe.cnf.vendor.example.", data: append([]byte{255, 255, 255}, sum.AppendSum(nil)...)}
	s.envelope["check"] = []string{"signature"}
	delete(s.envelope, "aud")
	for _, v := range made.JWE {
		if v.Alg == "ECDH-ES" && v.Enc == "A256GCM" && v.Key == "p256" {
			return v.Compact
		}
	}
	s.t.Fatal("the message is not there")
	return ""
}
