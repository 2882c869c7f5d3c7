package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/issuers"
	"cnfd/signature"
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

// heldFlips each change one thing of a scene that confirms.
var heldFlips = []struct {
	claim  string
	flip   func(*held)
	want   Reason
	detail string // its beginning
}{
	{"nothing is changed", func(h *held) {}, RecordMatches, ""},
	{"an octet of the issuer's signature", func(h *held) {
		h.beforehand = flipAt(-10)
		h.sent = func(sdJWT, kb string) string { return flipAt(-10)(sdJWT) + kb }
	}, SignatureInvalid, "signature: "},
	{"a claim, after it was signed", func(h *held) {
		inner := func(sdJWT string) string {
			h.claims["exp"] = now.Unix() + 3601
			parts := strings.Split(sdJWT, ".")
			return parts[0] + "." + b64(asJSON(h.t, h.claims)) + "." + parts[2]
		}
		h.beforehand = inner
		h.sent = func(sdJWT, kb string) string { return inner(sdJWT) + kb }
	}, SignatureInvalid, "signature: "},
	{"another issuer's name", func(h *held) { h.claims["iss"] = "https://other.example" }, SignatureInvalid, "claims.iss: "},
	{"no issuer", func(h *held) { delete(h.claims, "iss") }, SignatureInvalid, "claims.iss: "},
	{"no issuer is configured", func(h *held) { h.config.Issuers = nil }, SignatureInvalid, "claims.iss: "},
	{"another issuer's key", func(h *held) { h.issuer = newPerson(h.t) }, SignatureInvalid, "signature: "},
	{"an algorithm that the issuer does not have", func(h *held) {
		h.config.Issuers[0].Terms.Algorithms = []signature.Algorithm{signature.EdDSA}
	}, SignatureInvalid, "alg: "},
	{"another type of token", func(h *held) { h.header["typ"] = "logout+jwt" }, SignatureInvalid, "typ: "},
	{"an HMAC", func(h *held) { h.header["alg"] = "HS256" }, SignatureInvalid, "alg: "},
	{"the issuer's keys cannot be had", func(h *held) { h.keys.err = errors.New("connection refused") }, Unreachable, "issuer's keys: connection refused"},
	{"the issuer's keys cannot be had, and the token is another's", func(h *held) {
		h.keys.err = errors.New("connection refused")
		h.kb["nonce"] = "another"
	}, KeyBindingInvalid, "key binding: payload.nonce: "},

	{"no key binding", func(h *held) { h.sent = func(sdJWT, _ string) string { return sdJWT } }, KeyBindingInvalid, "key binding: "},
	{"another's key binding", func(h *held) { h.binder = newPerson(h.t) }, KeyBindingInvalid, "key binding: "},
	{"a key binding for another nonce", func(h *held) { h.kb["nonce"] = "another" }, KeyBindingInvalid, "key binding: payload.nonce: "},
	{"a key binding for another audience", func(h *held) { h.kb["aud"] = "https://other.example" }, KeyBindingInvalid, "key binding: payload.aud: "},
	{"a key binding of another credential", func(h *held) { h.kb["sd_hash"] = b64(make([]byte, 32)) }, KeyBindingInvalid, "key binding: payload.sd_hash: "},
	{"a key binding of six minutes ago", func(h *held) { h.kb["iat"] = now.Unix() - 361 }, KeyBindingInvalid, "key binding: payload.iat: "},
	{"a key binding of two minutes hence", func(h *held) { h.kb["iat"] = now.Unix() + 120 }, KeyBindingInvalid, "key binding: payload.iat: "},
	{"another nonce is wanted", func(h *held) { h.request.Nonce = "another" }, KeyBindingInvalid, "key binding: payload.nonce: "},

	{"no proof", func(h *held) { h.request.DPoP.Proof = []byte{} }, DPoPInvalid, "DPoP proof: "},
	{"another's proof", func(h *held) { h.prover = newPerson(h.t) }, DPoPInvalid, "DPoP proof: "},
	{"another's proof with its key", func(h *held) {
		h.prover = newPerson(h.t)
		h.dpopHeader["jwk"] = json.RawMessage(h.prover.jwk)
	}, DPoPInvalid, "DPoP proof: header.jwk: "},
	{"a proof for another method", func(h *held) { h.dpop["htm"] = "POST" }, DPoPInvalid, "DPoP proof: payload.htm: "},
	{"a proof for another address", func(h *held) { h.dpop["htu"] = "https://rp.example/b" }, DPoPInvalid, "DPoP proof: payload.htu: "},
	{"a proof for another token", func(h *held) { h.dpopTo = flipAt(-10) }, DPoPInvalid, "DPoP proof: payload.ath: "},
	{"a proof of five minutes ago", func(h *held) { h.dpop["iat"] = now.Unix() - 300 }, DPoPInvalid, "DPoP proof: payload.iat: "},
	{"a proof that was used", func(h *held) { h.proofs.taken[h.holder.jkt.Hex()+".1"] = now }, DPoPReplayed, "DPoP proof: payload.jti: "},
	{"another's proof was used", func(h *held) { h.proofs.taken[newPerson(h.t).jkt.Hex()+".1"] = now }, RecordMatches, ""},
	{"the proof cannot be remembered", func(h *held) { h.proofs.err = errors.New("full") }, TooCostly, "DPoP proof: cannot be remembered: full"},
	{"there is no memory of proofs", func(h *held) { h.config.Proofs = nil }, TooCostly, "DPoP proof: cannot be remembered: "},

	{"no client certificate", func(h *held) { h.handed = func([]byte) string { return "" } }, MTLSMismatch, "client certificate: "},
	{"another's client certificate", func(h *held) { h.der = newHeld(h.t).der }, MTLSMismatch, "client certificate: "},
	{"the token names another certificate", func(h *held) { h.claims["cnf"].(object)["x5t#S256"] = b64(make([]byte, 32)) }, MTLSMismatch, "client certificate: "},
	{"the token names no certificate", func(h *held) { delete(h.claims["cnf"].(object), "x5t#S256") }, MTLSMismatch, "client certificate: "},
	{"a certificate that nobody has vouched for", func(h *held) { h.request.Checks &^= CheckSignature }, MTLSMismatch, "client certificate: it stands beside the key"},

	{"a credential for this audience", func(h *held) { h.claims["aud"] = []string{"a", audience} }, RecordMatches, ""},
	{"a credential for another audience", func(h *held) { h.claims["aud"] = "https://other.example" }, AudienceMismatch, "claims.aud: another"},
	{"a credential for nobody, unbound", func(h *held) {
		h.request.Checks &^= CheckKeyBinding
	}, AudienceMismatch, "claims.aud: missing"},

	{"expired", func(h *held) { h.claims["exp"] = now.Unix() - 60 }, Expired, ""},
	{"not yet valid", func(h *held) { h.claims["nbf"] = now.Unix() + 61 }, NotYetValid, ""},
	{"another key is published", func(h *held) { h.source.answers[owner] = present(owner, theirs) }, RecordDiffers, ""},
	{"no key is published", func(h *held) { delete(h.source.answers, owner) }, RecordAbsent, ""},
	{"the proof of the DNS does not hold", func(h *held) { h.source.answers[owner].Security = dnssec.Bogus }, Bogus, ""},
}

// flipAt changes one letter of a text, counted from its end.
func flipAt(i int) func(string) string {
	return func(s string) string {
		b := []byte(s)
		if b[len(b)+i] == 'A' {
			b[len(b)+i] = 'B'
		} else {
			b[len(b)+i] = 'A'
		}
		return string(b)
	}
}

// TestChecks: everything that may be checked of a token confirms, and with one
// thing changed it gives that reason; a check that comes out badly asks no DNS, and
// no proof is used up unless the record has confirmed.
func TestChecks(t *testing.T) {
	for _, c := range heldFlips {
		t.Run(c.claim, func(t *testing.T) {
			h := newHeld(t)
			c.flip(h)
			before := len(h.proofs.taken)
			q := h.present()
			d, err := h.verifier().Verify(context.Background(), q)
			must(t, err)
			if d.Reason != c.want || !strings.HasPrefix(d.Detail, c.detail) || (c.detail == "") != (d.Detail == "") {
				t.Fatalf("%v, %q; want %v, %q", d.Reason, d.Detail, c.want, c.detail)
			}
			tokenAlone := c.want >= Expired && c.want <= AudienceMismatch && c.want != DPoPReplayed || c.want == Unreachable
			if d.Asked == tokenAlone {
				t.Errorf("the DNS was asked: %v", d.Asked)
			}
			took := len(h.proofs.taken) > before
			if h.config.Proofs != nil && d.Outcome() != Confirmed && c.want != TooCostly && took {
				t.Error("a proof was used up")
			}
			all := d.Signature == Valid && d.KeyBinding == Valid && d.DPoP == Valid && d.MTLS == Valid && d.Time == Checked
			if (d.Outcome() == Confirmed) && !all {
				t.Errorf("confirmed with %+v", d)
			}
			if c.want >= DPoPInvalid && c.want <= DPoPReplayed && d.DPoP != NotChecked || c.want == SignatureInvalid && d.Signature != NotChecked {
				t.Errorf("what does not hold is said to: %+v", d)
			}
			var said map[string]any
			must(t, json.Unmarshal(d.AppendJSON(nil, ""), &said))
			for name, check := range map[string]Check{"signature": d.Signature, "key_binding": d.KeyBinding, "dpop": d.DPoP, "mtls": d.MTLS} {
				if said[name] != check.String() {
					t.Errorf("%s: %v", name, said[name])
				}
			}
			if detail, there := said["detail"]; there != (d.Detail != "") || there && detail != d.Detail {
				t.Errorf("detail: %v", said["detail"])
			}
		})
	}
}

// TestUnaskedChecks: what nobody asks for is not looked at, and the verdict says so.
func TestUnaskedChecks(t *testing.T) {
	for _, c := range heldFlips {
		h := newHeld(t)
		c.flip(h)
		h.request.Checks, h.request.Audience = 0, ""
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if d.Signature != NotChecked || d.KeyBinding != NotChecked || d.DPoP != NotChecked || d.MTLS != NotChecked || len(h.keys.asked) > 0 {
			t.Errorf("%s: %+v", c.claim, d)
		}
		if d.Reason >= SignatureInvalid && d.Reason <= AudienceMismatch {
			t.Errorf("%s: %v", c.claim, d.Reason)
		}
	}
}

// TestConfiguredChecks: what is configured is checked though nobody asks, of
// everybody's tokens or of an issuer's.
func TestConfiguredChecks(t *testing.T) {
	for _, c := range heldFlips {
		if c.claim == "a certificate that nobody has vouched for" || c.claim == "a credential for nobody, unbound" {
			continue // they change what is asked for
		}
		for _, ofIssuer := range []bool{false, true} {
			h := newHeld(t)
			if ofIssuer {
				h.config.Issuers[0].Checks, h.config.Issuers[0].Audience = h.request.Checks, h.request.Audience
				h.request.Audience = ""
			} else {
				h.config.Checks = h.request.Checks
			}
			h.request.Checks = 0
			c.flip(h)
			another := h.claims["iss"] != issuerName || len(h.config.Issuers) == 0
			d, err := h.verifier().Verify(context.Background(), h.present())
			must(t, err)
			if want := c.want; ofIssuer && another {
				// An issuer's own checks are not those of a token that names another.
				if d.Reason != RecordMatches || d.Signature != NotChecked {
					t.Errorf("%s: %v, signature %v", c.claim, d.Reason, d.Signature)
				}
			} else if d.Reason != want {
				t.Errorf("%s: %v (%s), want %v", c.claim, d.Reason, d.Detail, want)
			}
		}
	}
}

// TestEncryptedKeyChecks: what an unknown key has signed cannot be said, what the
// issuer has signed can.
func TestEncryptedKeyChecks(t *testing.T) {
	for _, c := range []struct {
		want Reason
		flip func(*held)
	}{
		{Undecryptable, func(*held) {}},
		{SignatureInvalid, func(h *held) { h.issuer = newPerson(h.t) }},
		{AudienceMismatch, func(h *held) { h.claims["aud"] = "https://other.example" }},
		{Expired, func(h *held) { h.claims["exp"] = 1 }},
		// Its holder may have bound it to this audience, or nobody is there who could.
		{Undecryptable, func(h *held) { delete(h.claims, "aud") }},
		{AudienceMismatch, func(h *held) {
			delete(h.claims, "aud")
			h.request.Checks &^= CheckKeyBinding
		}},
	} {
		h := newHeld(t)
		var sealed object
		must(t, json.Unmarshal([]byte(encryptedCnf), &sealed))
		h.claims["cnf"], h.claims["aud"] = sealed, audience
		h.request.Checks &^= CheckMTLS
		c.flip(h)
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if d.Reason != c.want || d.KeyBinding != NotChecked || d.DPoP != NotChecked || len(h.proofs.taken) > 0 {
			t.Errorf("%v (%s), want %v", d.Reason, d.Detail, c.want)
		}
	}
}

// TestMissingKey: keys that lack the one a token names are asked for again, once.
func TestMissingKey(t *testing.T) {
	h := newHeld(t)
	h.header["kid"] = "second"
	second := h.keys.keys[0]
	second.KID = "second"
	first := second
	first.KID = "first"
	h.keys.keys, h.keys.later = issuers.Set{first}, issuers.Set{first, second}
	d, err := h.verifier().Verify(context.Background(), h.present())
	must(t, err)
	if d.Reason != RecordMatches || len(h.keys.asked) != 2 || h.keys.asked[0] || !h.keys.asked[1] {
		t.Fatalf("%v (%s), asked %v", d.Reason, d.Detail, h.keys.asked)
	}
	h.keys.later, h.keys.asked = h.keys.keys, nil
	d, err = h.verifier().Verify(context.Background(), h.present())
	must(t, err)
	if d.Reason != SignatureInvalid || len(h.keys.asked) != 2 {
		t.Fatalf("%v (%s), asked %v", d.Reason, d.Detail, h.keys.asked)
	}
	// Where they cannot be asked for, only a name that they lack is left open.
	h.keys.failing = errors.New("connection refused")
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != Unreachable {
		t.Errorf("a key that is missing: %v (%s), %v", d.Reason, d.Detail, err)
	}
	h.header["kid"], h.dpop["jti"] = "first", "2"
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != RecordMatches {
		t.Errorf("a key that is there: %v (%s), %v", d.Reason, d.Detail, err)
	}
	h.issuer = newPerson(t)
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != SignatureInvalid {
		t.Errorf("%v (%s), %v", d.Reason, d.Detail, err)
	}
}

// TestTheSameKeysAreTriedOnce: a stranger's token costs one look where the issuer has
// no newer keys, and two where it has.
func TestTheSameKeysAreTriedOnce(t *testing.T) {
	h := newHeld(t)
	h.request.Checks, h.issuer = CheckSignature, newPerson(t)
	q, v := h.present(), h.verifier()
	cost := func(later issuers.Set) float64 {
		h.keys.later = later
		return testing.AllocsPerRun(10, func() {
			h.keys.asked = h.keys.asked[:0]
			if d, err := v.Verify(context.Background(), q); err != nil || d.Reason != SignatureInvalid || len(h.keys.asked) != 2 {
				t.Fatalf("%v, %v, asked %v", d.Reason, err, h.keys.asked)
			}
		})
	}
	twice, once := cost(append(issuers.Set{}, h.keys.keys...)), cost(h.keys.keys)
	if once > twice-10 {
		t.Errorf("%v allocations with the same keys, %v with newer ones", once, twice)
	}
}

// TestNoCheckIsPassedOver: one that nobody knows confirms nothing.
func TestNoCheckIsPassedOver(t *testing.T) {
	for unknown := Checks(1 << 4); unknown != 0; unknown <<= 1 {
		h := newHeld(t)
		h.request.Checks |= unknown
		if d, err := h.verifier().Verify(context.Background(), h.present()); err != nil || d.Outcome() != Unproven {
			t.Errorf("%v: %v, %v", unknown, d.Reason, err)
		}
	}
}

// TestOwed: what only the caller can say is an error where it is missing.
func TestOwed(t *testing.T) {
	for claim, c := range map[string]struct {
		flip func(*Request)
		want string
	}{
		"nothing":                     {func(*Request) {}, ""},
		"no audience":                 {func(q *Request) { q.Audience = "" }, "check: key_binding needs aud and nonce"},
		"no nonce":                    {func(q *Request) { q.Nonce = "" }, "check: key_binding needs aud and nonce"},
		"no method":                   {func(q *Request) { q.DPoP.Method = "" }, "check: dpop needs htm and htu"},
		"no address":                  {func(q *Request) { q.DPoP.URL = "" }, "check: dpop needs htm and htu"},
		"a path for an address":       {func(q *Request) { q.DPoP.URL = "/a" }, "check: dpop needs as htu the whole URL"},
		"a host for an address":       {func(q *Request) { q.DPoP.URL = "rp.example/a" }, "check: dpop needs as htu the whole URL"},
		"another scheme":              {func(q *Request) { q.DPoP.URL = "ftp://rp.example/a" }, "check: dpop needs as htu the whole URL"},
		"nothing behind the scheme":   {func(q *Request) { q.DPoP.URL = "https://" }, "check: dpop needs as htu the whole URL"},
		"an octet no URL has":         {func(q *Request) { q.DPoP.URL = "https://rp.example/a%" }, ""}, // the client's, and a verdict
		"claims, of a signature":      {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckSignature }, "check: signature needs the token"},
		"claims, of a key binding":    {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckKeyBinding }, "check: key_binding needs the token"},
		"claims, of a proof":          {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckDPoP }, "check: dpop needs the token"},
		"claims, of a certificate":    {func(q *Request) { q.Input, q.Bytes, q.Checks, q.Audience = InputClaims, []byte(claims), CheckMTLS, "" }, ""},
		"no audience for a signature": {func(q *Request) { q.Audience, q.Checks = "", CheckSignature }, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			q := newHeld(t)
			r := q.present()
			c.flip(r)
			_, err := q.verifier().Verify(context.Background(), r)
			var e *Error
			if c.want == "" {
				must(t, err)
			} else if !errors.As(err, &e) || e.Problem != Malformed || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestCertificateOfTheRecord: a certificate that the record itself confirms needs
// no signature; one of another does not do.
func TestCertificateOfTheRecord(t *testing.T) {
	const name = "x5t#s256.cnf.vendor.example."
	for _, another := range []bool{false, true} {
		h := newHeld(t)
		h.config.Credential.Confirmation.X5T = true
		x5t := sha256.Sum256(h.der)
		h.source.answers[name] = present(name, tlsa(255, 255, 255, hex.EncodeToString(x5t[:])))
		delete(h.claims["cnf"].(object), "jwk")
		h.request.Checks, h.request.Audience = CheckMTLS, ""
		if another {
			h.der = newHeld(t).der
		}
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if want := map[bool]Reason{false: RecordMatches, true: MTLSMismatch}[another]; d.Reason != want || (d.MTLS == Valid) == another {
			t.Errorf("%v (%s), mtls %v", d.Reason, d.Detail, d.MTLS)
		}
	}
}

// TestCallerGone: a caller that has gone gets its context's end, and no verdict.
func TestCallerGone(t *testing.T) {
	h := newHeld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.keys.err = ctx.Err()
	if d, err := h.verifier().Verify(ctx, h.present()); !errors.Is(err, context.Canceled) || d.Outcome() != Unproven {
		t.Errorf("%v, %v", d.Reason, err)
	}
}
