package possession_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/possession"
	"cnfd/thumbprint"
)

type object = map[string]any

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// holder has a key.
type holder struct {
	private *ecdsa.PrivateKey
	key     thumbprint.Key
	jkt     thumbprint.Thumbprint
	jwk     object
}

func newHolder(t testing.TB) *holder {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	key, err := thumbprint.KeyOf(private.Public())
	check(t, err)
	point, err := private.PublicKey.Bytes()
	check(t, err)
	return &holder{private, key, key.JKT(thumbprint.SHA256), object{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}}
}

// sign writes a JWS; a header or payload that is text is taken as it is.
func (h *holder) sign(t testing.TB, header, payload any) string {
	t.Helper()
	input := b64(asJSON(t, header)) + "." + b64(asJSON(t, payload))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, h.private, sum[:])
	check(t, err)
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	if text, ok := v.(string); ok {
		return []byte(text)
	}
	b, err := json.Marshal(v)
	check(t, err)
	return b
}

// with gives a copy with one member changed, or without it where the value is nil.
func with(o object, name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	if value == nil {
		delete(o, name)
	}
	return o
}

func wants(t *testing.T, err error, want possession.Rule) {
	t.Helper()
	if want == 0 {
		check(t, err)
		return
	}
	var e *possession.Error
	if !errors.As(err, &e) || e.Rule != want || e.Error() == "" {
		t.Errorf("got %v, want %s", err, want)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// presentation is an SD-JWT with a key-binding token that is good.
type presentation struct {
	h               *holder
	header, payload object
	sdJWT           string
	terms           possession.Presentation
}

func newPresentation(t testing.TB) presentation {
	h := newHolder(t)
	sdJWT := b64([]byte(`{"alg":"ES256"}`)) + "." + b64(asJSON(t, object{"sub": "https://vendor.example", "cnf": object{"jwk": h.jwk}})) + ".AAAA~"
	sum := sha256.Sum256([]byte(sdJWT))
	return presentation{h,
		object{"alg": "ES256", "typ": "kb+jwt"},
		object{"iat": now.Unix(), "aud": "https://v.example", "nonce": "n-1", "sd_hash": b64(sum[:])},
		sdJWT,
		possession.Presentation{Confirmed: h.jkt, Key: h.key, Nonce: "n-1", Audience: "https://v.example", Now: now},
	}
}

// judge presents it as it is now.
func (p presentation) judge(t testing.TB) error {
	return p.judgeToken(t, p.h.sign(t, p.header, p.payload))
}

func (p presentation) judgeToken(t testing.TB, kbJWT string) error {
	t.Helper()
	c, err := credential.ParseJWT([]byte(p.sdJWT+kbJWT), nil)
	check(t, err)
	kb, _ := c.KeyBinding()
	return possession.KeyBinding(kb, &p.terms)
}

// TestKeyBinding: the presentation is good, and with one thing changed it is not.
func TestKeyBinding(t *testing.T) {
	good := newPresentation(t)
	wants(t, good.judge(t), 0)
	for _, c := range []struct {
		name   string
		change func(*presentation)
		want   possession.Rule
	}{
		{"another type", func(p *presentation) { p.header = with(p.header, "typ", "JWT") }, possession.Type},
		{"a DPoP proof's type", func(p *presentation) { p.header = with(p.header, "typ", "dpop+jwt") }, possession.Type},
		{"no type", func(p *presentation) { p.header = with(p.header, "typ", nil) }, possession.Type},
		{"a type in another case", func(p *presentation) { p.header = with(p.header, "typ", "KB+JWT") }, possession.Type},
		{"another nonce", func(p *presentation) { p.payload = with(p.payload, "nonce", "n-2") }, possession.Nonce},
		{"no nonce", func(p *presentation) { p.payload = with(p.payload, "nonce", nil) }, possession.Nonce},
		{"a nonce that is no string", func(p *presentation) { p.payload = with(p.payload, "nonce", 1) }, possession.Malformed},
		{"another audience", func(p *presentation) { p.payload = with(p.payload, "aud", "https://w.example") }, possession.Audience},
		{"several audiences", func(p *presentation) { p.payload = with(p.payload, "aud", []string{"https://v.example"}) }, possession.Malformed},
		{"no audience", func(p *presentation) { p.payload = with(p.payload, "aud", nil) }, possession.Audience},
		{"another token's hash", func(p *presentation) { p.payload = with(p.payload, "sd_hash", b64(make([]byte, 32))) }, possession.Hash},
		{"no hash", func(p *presentation) { p.payload = with(p.payload, "sd_hash", nil) }, possession.Hash},
		{"no iat", func(p *presentation) { p.payload = with(p.payload, "iat", nil) }, possession.Time},
		{"iat in text", func(p *presentation) { p.payload = with(p.payload, "iat", "1") }, possession.Malformed},
		{"iat at the end of its life", func(p *presentation) { p.payload = with(p.payload, "iat", now.Unix()-360) }, 0},
		{"iat past the end of its life", func(p *presentation) { p.payload = with(p.payload, "iat", now.Unix()-361) }, possession.Time},
		{"iat a minute ahead", func(p *presentation) { p.payload = with(p.payload, "iat", now.Unix()+60) }, 0},
		{"iat more than a minute ahead", func(p *presentation) { p.payload = with(p.payload, "iat", float64(now.Unix())+60.5) }, possession.Time},
		{"iat of the first day", func(p *presentation) { p.payload = with(p.payload, "iat", -1<<63) }, possession.Time},
		{"iat of the last day", func(p *presentation) { p.payload = with(p.payload, "iat", int64(1<<63-1)) }, possession.Time},
		{"expired", func(p *presentation) { p.payload = with(p.payload, "exp", now.Unix()-60) }, possession.Time},
		{"expired within the skew", func(p *presentation) { p.payload = with(p.payload, "exp", now.Unix()-59) }, 0},
		{"not yet valid", func(p *presentation) { p.payload = with(p.payload, "nbf", now.Unix()+61) }, possession.Time},
		{"a longer life", func(p *presentation) {
			p.payload, p.terms.Lifetime = with(p.payload, "iat", now.Unix()-3600), time.Hour
		}, 0},
		{"a negative life is the default", func(p *presentation) {
			p.payload, p.terms.Lifetime = with(p.payload, "iat", now.Unix()-361), -time.Hour
		}, possession.Time},

		{"signed by another", func(p *presentation) { p.h = newHolder(t) }, possession.Signature},
		{"signed by another, who brings the key", func(p *presentation) {
			p.h = newHolder(t)
			p.header = with(p.header, "jwk", p.h.jwk)
		}, possession.Key},
		{"signed by another, whose header has the confirmed key", func(p *presentation) {
			p.header = with(p.header, "jwk", p.h.jwk)
			p.h = newHolder(t)
		}, possession.Signature},
		{"another key is confirmed", func(p *presentation) { p.terms.Confirmed = newHolder(t).jkt }, possession.Key},
		{"the key's other thumbprint", func(p *presentation) { p.terms.Confirmed = p.h.key.CKT(thumbprint.SHA256) }, 0},
		{"the key is only named", func(p *presentation) { p.terms.Key = thumbprint.Key{} }, possession.Key},
		{"the key is only named, and the header has it", func(p *presentation) {
			p.terms.Key = thumbprint.Key{}
			p.header = with(p.header, "jwk", p.h.jwk)
		}, 0},
		{"the header has the private key", func(p *presentation) {
			p.header = with(p.header, "jwk", with(p.h.jwk, "d", b64(make([]byte, 32))))
		}, possession.Key},

		{"no nonce expected", func(p *presentation) { p.terms.Nonce = "" }, possession.Unasked},
		{"no nonce expected or there", func(p *presentation) { p.terms.Nonce, p.payload = "", with(p.payload, "nonce", "") }, possession.Unasked},
		{"no audience expected", func(p *presentation) { p.terms.Audience = "" }, possession.Unasked},
		{"no time", func(p *presentation) { p.terms.Now = time.Time{} }, possession.Unasked},
		{"nothing confirmed", func(p *presentation) { p.terms.Confirmed = thumbprint.Thumbprint{} }, possession.Unasked},
		{"nothing said", func(p *presentation) { p.terms = possession.Presentation{} }, possession.Unasked},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good
			c.change(&p)
			wants(t, p.judge(t), c.want)
		})
	}
	t.Run("none", func(t *testing.T) {
		wants(t, good.judgeToken(t, ""), possession.Missing)
		wants(t, possession.KeyBinding(credential.KeyBinding{}, &good.terms), possession.Missing)
	})
	t.Run("over another presentation", func(t *testing.T) {
		p := good
		kb := p.h.sign(t, p.header, p.payload)
		p.sdJWT = strings.Replace(p.sdJWT, ".AAAA~", ".AAAB~", 1)
		wants(t, p.judgeToken(t, kb), possession.Hash)
	})
}

// TestJWTBestPractice has one case for each rule of RFC 8725 §3, and of its
// revision, that applies to what a holder signs; those of what an issuer signs are
// in the tests of credential and signature.
func TestJWTBestPractice(t *testing.T) {
	good := newPresentation(t)
	p := good.payload
	valid := good.h.sign(t, good.header, p)
	wants(t, good.judgeToken(t, valid), 0)
	input := valid[:strings.LastIndexByte(valid, '.')]
	header := func(name string, value any) string { return good.h.sign(t, with(good.header, name, value), p) }
	for _, c := range []struct {
		rule, token string
		want        possession.Rule
	}{
		{"3.1 the algorithm is that of the key", header("alg", "ES384"), possession.Signature},
		{"3.1 an algorithm of another kind of key", header("alg", "RS256"), possession.Signature},
		{"3.2 none", header("alg", "none"), possession.Malformed},
		{"3.2 HMAC with the public key", header("alg", "HS256"), possession.Signature},
		{"3.3 the signature is validated", input + "." + b64(make([]byte, 64)), possession.Signature},
		{"3.4 inputs of cryptography are: a point off its curve", header("jwk", with(good.h.jwk, "y", good.h.jwk["x"])), possession.Key},
		{"3.4 a key that signs everything", header("jwk", object{"kty": "OKP", "crv": "Ed25519", "x": b64(append([]byte{1}, make([]byte, 31)...))}), possession.Key},
		{"3.5 a symmetric key", header("jwk", object{"kty": "oct", "k": "c2VjcmV0"}), possession.Key},
		{"3.6 compressed", header("zip", "DEF"), possession.Malformed},
		{"3.7 UTF-8", good.h.sign(t, good.header, "{\"nonce\":\"\xff\"}"), possession.Malformed},
		{"3.9 the audience", good.h.sign(t, good.header, with(p, "aud", "https://w.example")), possession.Audience},
		{"3.10 a key by URL is not fetched, and changes nothing", good.h.sign(t, with(with(good.header, "jku", "https://a.example/keys"), "x5u", "https://a.example/c"), p), 0},
		{"3.10 nor is kid looked up", header("kid", "../../dev/null' OR 1=1"), 0},
		{"3.11 explicit types", header("typ", "JWT"), possession.Type},
		{"3.12 a proof of another kind", header("typ", "dpop+jwt"), possession.Type},
		{"critical extensions (RFC 7515 §4.1.11)", header("crit", []string{"exp"}), possession.Malformed},
		{"bis: a claim given twice", good.h.sign(t, good.header, strings.Replace(string(asJSON(t, p)), `{`, `{"aud":"https://v.example",`, 1)), possession.Malformed},
		{"bis: a claim in another case", good.h.sign(t, good.header, strings.Replace(string(asJSON(t, p)), `{`, `{"Aud":"https://v.example",`, 1)), possession.Malformed},
		{"bis: more after the claims", good.h.sign(t, good.header, string(asJSON(t, p))+"{}"), possession.Malformed},
	} {
		t.Run(c.rule, func(t *testing.T) { wants(t, good.judgeToken(t, c.token), c.want) })
	}
	t.Run("bis: encryption is not a signature", func(t *testing.T) {
		kb := credential.KeyBinding{JWT: []byte(valid + ".AAAA.AAAA"), Presented: []byte("x")}
		wants(t, possession.KeyBinding(kb, &good.terms), possession.Malformed)
		kb.JWT = []byte(`{"payload":"","signatures":[]}`)
		wants(t, possession.KeyBinding(kb, &good.terms), possession.Malformed)
	})
}

// TestRules: each has a name of its own.
func TestRules(t *testing.T) {
	seen := map[string]bool{"": true}
	for r := possession.Missing; r <= possession.Certificate; r++ {
		if seen[r.String()] {
			t.Errorf("rule %d is %q", r, r)
		}
		seen[r.String()] = true
	}
	if possession.Rule(0).String() != "" || (possession.Certificate+1).String() != "" {
		t.Error("a name of no rule")
	}
}
