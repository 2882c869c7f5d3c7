package authz

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/dnssec"
	"cnfd/issuers"
	"cnfd/replay"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

type object = map[string]any

var now = time.Date(2026, 11, 22, 6, 35, 0, 0, time.UTC)

const (
	issuerName = "https://iss.example"
	subject    = "https://vendor.example/users/7"
	domain     = "vendor.example"
	api        = "https://api.example"
	nonce      = "n-0S6_WzA2Mj"
	path       = "/orders/7?full=1"
)

// person holds a P-256 key.
type person struct {
	private *ecdsa.PrivateKey
	jwk     json.RawMessage
	key     thumbprint.Key
}

func newPerson(t testing.TB) person {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	point, err := private.PublicKey.Bytes()
	must(t, err)
	key, err := thumbprint.KeyOf(private.Public())
	must(t, err)
	return person{private, inJSON(t, object{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}), key}
}

func (p person) jkt() thumbprint.Thumbprint { return p.key.JKT(thumbprint.SHA256) }

// sign writes a JWS in compact form.
func (p person) sign(t testing.TB, header, payload any) string {
	t.Helper()
	octets := b64(inJSON(t, header)) + "." + b64(inJSON(t, payload))
	sum := sha256.Sum256([]byte(octets))
	r, s, err := ecdsa.Sign(rand.Reader, p.private, sum[:])
	must(t, err)
	return octets + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func inJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// zone is a DNS in memory: one record at each owner, or a Secure denial.
type zone struct {
	records map[string]string // hex
	stuck   bool              // until the caller has gone
	broken  bool              // bogus
}

func (z *zone) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if z.stuck {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	a := &dnssec.Answer{Name: q.Name.String(), Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: domain + ".", Fetched: now, Until: now.Add(time.Minute)}
	if digest, ok := z.records[q.Name.String()]; ok {
		octets, err := hex.DecodeString("ffffff" + digest)
		if err != nil {
			return nil, false, err
		}
		a.Kind, a.Data = dnssec.Positive, [][]byte{octets}
	}
	if z.broken {
		a.Security = dnssec.Bogus
	}
	return a, false, nil
}

type keyring issuers.Set

func (k keyring) Keys(context.Context, string, bool) (issuers.Set, error) { return issuers.Set(k), nil }

// scene is a gateway that asks about a request with a token that is bound to its
// sender's DPoP key; as newScene makes it, it passes. A flip changes one thing.
type scene struct {
	t              testing.TB
	config         Config
	verifying      verifier.Config
	zone           *zone
	issuer, holder person
	claims         object // of the token
	typ            string
	proof          object
	prover         person
	scheme         string
	der            []byte              // of the holder's certificate
	afterwards     func(string) string // what becomes of the token
	method         string              // of the client's request
	head           http.Header         // the gateway's and the client's; Authorization and DPoP are added where they are not there
	address        string              // of what the gateway asks
	peer           string              // "" on the unix socket
	log            bytes.Buffer
}

func newScene(t testing.TB, g Gateway) *scene {
	t.Helper()
	s := &scene{t: t, issuer: newPerson(t), holder: newPerson(t), zone: &zone{records: map[string]string{}}, typ: "at+jwt", scheme: "DPoP", method: "POST", address: "http://cnfd/v1/authz"}
	s.prover = s.holder
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: now.Add(time.Hour)}
	var err error
	s.der, err = x509.CreateCertificate(rand.Reader, template, template, s.holder.private.Public(), s.holder.private)
	must(t, err)
	s.zone.records["jkt.cnf."+domain+"."] = s.holder.jkt().Hex()
	memory, err := replay.New(replay.Config{Now: func() time.Time { return now }})
	must(t, err)
	s.verifying = verifier.Config{
		Source: s.zone, Now: func() time.Time { return now }, Proofs: memory,
		Issuers: []verifier.Issuer{{Name: issuerName}}, Keys: keyring{{Key: s.issuer.key}},
	}
	s.config = Config{NewID: counted(), Gateway: g, Issuers: true, Subjects: []string{domain}, Audience: api, Deadline: time.Minute, Log: slog.New(slog.NewTextHandler(&s.log, nil))}
	s.claims = object{"iss": issuerName, "sub": subject, "aud": api, "exp": now.Unix() + 300, "cnf": object{"jkt": s.holder.jkt().Base64()}}
	s.proof = object{"iat": now.Unix(), "jti": "1", "htm": s.method, "htu": api + "/orders/7"}
	s.afterwards = func(token string) string { return token }
	s.head = http.Header{}
	s.gateway(s.method, "https", "api.example", path)
	return s
}

// gateway writes what the gateway says of the client's request.
func (s *scene) gateway(method, scheme, host, uri string) {
	shape := shapes[s.config.Gateway]
	for name, value := range map[string]string{
		shape.method: method, shape.scheme: scheme, shape.host: host, shape.uri: uri, shape.url: scheme + "://" + host + uri,
	} {
		if name != "" {
			s.head.Set(name, value)
		}
	}
	if s.config.Gateway == Envoy {
		s.method, s.address = method, "http://"+host+"/v1/authz"+uri
	}
}

// byCertificate binds the token to the holder's certificate, whose record is there.
func (s *scene) byCertificate() {
	sum := sha256.Sum256(s.der)
	s.config.Possession |= verifier.CheckMTLS
	s.config.Credential = credential.Options{Confirmation: thumbprint.Options{X5T: true}}
	s.claims["cnf"] = object{"x5t#S256": b64(sum[:])}
	s.zone.records["x5t#s256.cnf."+domain+"."] = hex.EncodeToString(sum[:])
	s.scheme = "Bearer"
	s.head.Set(shapes[s.config.Gateway].certificate, s.handed(s.der))
}

// byKeyBinding makes the token an SD-JWT whose holder presents it to the API.
func (s *scene) byKeyBinding() {
	s.config.Possession, s.config.NonceHeader = verifier.CheckKeyBinding, "X-Nonce"
	s.typ, s.scheme = "dc+sd-jwt", "Bearer"
	s.claims["cnf"] = object{"jwk": s.holder.jwk}
	delete(s.claims, "aud")
	s.zone.records["jwk.cnf."+domain+"."] = s.holder.jkt().Hex()
	s.head.Set("X-Nonce", nonce)
	s.afterwards = func(token string) string {
		token += "~"
		sum := sha256.Sum256([]byte(token))
		return token + s.holder.sign(s.t, object{"alg": "ES256", "typ": "kb+jwt"}, object{"iat": now.Unix(), "aud": api, "nonce": nonce, "sd_hash": b64(sum[:])})
	}
}

// handed is the holder's certificate as each gateway hands it on.
func (s *scene) handed(der []byte) string {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	plain := base64.StdEncoding.EncodeToString(der)
	switch s.config.Gateway {
	case Caddy:
		return ":" + plain + ":"
	case Traefik:
		return url.QueryEscape(plain)
	case Envoy:
		sum := sha256.Sum256(der)
		return "Hash=" + hex.EncodeToString(sum[:]) + `;Cert="` + escaped.Replace(string(text)) + `"`
	}
	return escaped.Replace(string(text))
}

// escaped is how nginx and Envoy write PEM.
var escaped = strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D")

// request makes what the gateway asks.
func (s *scene) request() *http.Request {
	s.t.Helper()
	token := s.afterwards(s.issuer.sign(s.t, object{"alg": "ES256", "typ": s.typ}, s.claims))
	sum := sha256.Sum256([]byte(token))
	proof := maps.Clone(s.proof)
	if _, there := proof["ath"]; !there {
		proof["ath"] = b64(sum[:])
	}
	r := httptest.NewRequest(s.method, s.address, nil)
	r.RequestURI = r.URL.RequestURI() // as a server reads it
	r.Header = s.head.Clone()
	if _, there := r.Header["Authorization"]; !there {
		r.Header.Set("Authorization", s.scheme+" "+token)
	}
	if _, there := r.Header["Dpop"]; !there && s.scheme == "DPoP" {
		r.Header.Set("DPoP", s.prover.sign(s.t, object{"alg": "ES256", "typ": "dpop+jwt", "jwk": s.prover.jwk}, proof))
	}
	if s.peer != "" {
		r.RemoteAddr = s.peer
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/cnfd/cnfd.sock", Net: "unix"}))
}

// handler makes one of the scene.
func (s *scene) handler() *Handler {
	s.t.Helper()
	s.verifying.Credential = s.config.Credential
	if s.config.Verifier == nil {
		v, err := verifier.New(s.verifying)
		must(s.t, err)
		s.config.Verifier = v
	}
	h, err := New(s.config)
	must(s.t, err)
	return h
}

// ask asks a handler of the scene's once.
func (s *scene) ask() *http.Response {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, s.request())
	return w.Result()
}

// said is what an answer comes to, in one line.
func said(a *http.Response) string {
	return strings.Join([]string{a.Status[:3], a.Header.Get("Cnf-Outcome"), a.Header.Get("Cnf-Reason")}, " ")
}
