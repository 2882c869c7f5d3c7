package integration

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/thumbprint"

	"github.com/miekg/dns"
)

// A vcWish is an SD-JWT VC to be issued and presented by tokens/vc.mjs.
type vcWish struct {
	Name      string             `json:"name"`
	Alg       string             `json:"alg"` // the issuer's
	Header    bound              `json:"header,omitempty"`
	Payload   bound              `json:"payload"`
	Method    string             `json:"cnf"` // jwk, jkt, kid
	Hide      []string           `json:"hide"`
	Hash      string             `json:"hash,omitempty"` // of disclosures and sd_hash
	Holder    string             `json:"holder"`         // the algorithm of the holder's key
	Presented map[string]binding `json:"presented"`
}

// A binding is one presentation.
type binding struct {
	Show    []string `json:"show"`
	Payload bound    `json:"payload,omitempty"` // of the key-binding token; none: there is none
	By      string   `json:"by,omitempty"`      // "stranger": another key's
	Header  bound    `json:"header,omitempty"`  // then npm's jose makes the token
}

// A vc is what was made of a wish.
type vc struct {
	Issued    string
	Presented map[string]string
	JKT       string
}

const (
	vcIssuer   = "https://issuer.example"
	vcVerifier = "https://verifier.example"
	vcDomain   = "holder.example."
	vcNonce    = "n-0S6_WzA2Mj"
)

// vcWishes are the credentials of TestPresented: those that are promises, and those with one thing that is not as it should be.
func vcWishes() []vcWish {
	now := time.Now().Unix()
	asked := bound{"iat": now, "aud": vcVerifier, "nonce": vcNonce}
	honest := map[string]binding{"honest": {Show: []string{"sub"}, Payload: asked}}
	own := map[string]binding{"honest": {Show: []string{"sub"}, Payload: asked, Header: bound{"jwk": true}}}
	wish := func(name, alg, method, holder string, presented map[string]binding, change func(*vcWish)) vcWish {
		w := vcWish{
			Name: name, Alg: alg, Method: method, Holder: holder, Hide: []string{"sub", "model"}, Presented: presented,
			Payload: bound{
				"iss": vcIssuer, "vct": vcIssuer + "/device", "iat": now, "exp": now + 36000,
				"sub": "https://holder.example/devices/7", "model": "X",
			},
		}
		if change != nil {
			change(&w)
		}
		return w
	}
	main := wish("sub disclosed", "ES256", "jwk", "ES256", map[string]binding{
		"honest":       {Show: []string{"sub"}, Payload: asked},
		"with model":   {Show: []string{"sub", "model"}, Payload: asked},
		"unbound":      {Show: []string{"sub"}},
		"by stranger":  {Show: []string{"sub"}, Payload: asked, By: "stranger"},
		"of last hour": {Show: []string{"sub"}, Payload: bound{"iat": now - 3600, "aud": vcVerifier, "nonce": vcNonce}},
		"of next hour": {Show: []string{"sub"}, Payload: bound{"iat": now + 3600, "aud": vcVerifier, "nonce": vcNonce}},
		"of no time":   {Show: []string{"sub"}, Payload: bound{"aud": vcVerifier, "nonce": vcNonce}},
		"typed JWT":    {Show: []string{"sub"}, Payload: asked, Header: bound{"typ": "JWT"}},
	}, nil)
	return []vcWish{
		main,
		wish("sub in the clear", "EdDSA", "jwk", "EdDSA", honest, func(w *vcWish) { w.Hide = []string{"model"} }),
		wish("sha-384", "ES384", "jwk", "ES384", honest, func(w *vcWish) { w.Hash = "sha-384" }),
		wish("sha-512", "PS256", "jwk", "PS256", honest, func(w *vcWish) { w.Hash = "sha-512" }),
		wish("kid that is a thumbprint", "ES256", "kid", "ES256", own, nil),
		wish("jkt", "ES256", "jkt", "ES384", own, nil),
		wish("jkt, and no key", "ES256", "jkt", "ES256", honest, nil),
		wish("aud", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Payload["aud"] = []string{vcVerifier, vcIssuer} }),

		wish("typ of a logout token", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Header = bound{"typ": "logout+jwt"} }),
		wish("kid of another key", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Header = bound{"kid": "another ES256"} }),
		wish("kid of nobody", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Header = bound{"kid": "nobody"} }),
		wish("issuer unknown", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Payload["iss"] = "https://somebody.example" }),
		wish("aud of another", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Payload["aud"] = "https://another.example" }),
		wish("expired", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Payload["exp"] = now - 3600 }),
		wish("not yet valid", "ES256", "jwk", "ES256", honest, func(w *vcWish) { w.Payload["nbf"] = now + 3600 }),
	}
}

// presented is the promise that a presentation is.
func (v vc) presented(name string) promise {
	return promise{
		token: v.Presented[name], media: "application/dc+sd-jwt",
		options: bound{"check": "signature,key_binding", "aud": vcVerifier, "nonce": vcNonce},
	}
}

// TestPresented has SD-JWT VCs of npm's @sd-jwt/sd-jwt-vc judged with their issuer's signature and their holder's key binding.
func TestPresented(t *testing.T) {
	t.Parallel()
	lab(t)
	var made struct {
		Keys, Others json.RawMessage
		Made         map[string]vc
	}
	madeBy(t, vcWishes(), &made, "node", "vc.mjs")
	var set []dns.RR
	for _, v := range made.Made {
		for _, method := range []string{"jwk", "jkt", "kid"} {
			set = append(set, tlsa(t, method+".cnf."+vcDomain, v.JKT))
		}
	}
	in := newDomain(t, 41, tiers{root: knot{}, tld: knot{}, leaf: bind{}}, vcDomain, set...)
	issuers := func(keys []byte, terms string) settings {
		return settings{sections: fmt.Sprintf("issuers: [{issuer: %s, keys: %q%s}]", vcIssuer, keyFile(t, "issuer.jwks", keys), terms)}
	}
	d := in.daemon(t, issuers(made.Keys, ""))
	main := made.Made["sub disclosed"]

	for _, name := range []string{"sub disclosed", "sub in the clear", "sha-384", "sha-512", "kid that is a thumbprint", "jkt", "aud"} {
		t.Run(name+" confirms", func(t *testing.T) { d.keeps(t, made.Made[name].presented("honest")) })
	}
	d.flips(t, main.presented("honest"), presentationFlips(made.Keys, main, made.Made["aud"]))
	d.flips(t, main.presented("with model"), []flip{{
		"a disclosure is removed after the key binding was made", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			s.disclosures = slices.DeleteFunc(s.disclosures, func(text string) bool { return bytes.Contains(octetsOf(t, text), []byte(`"model"`)) })
			p.token = s.String()
		}, keyBindingInvalid, "payload.sd_hash",
	}})
	// Issued otherwise in one thing, and all else as it was.
	for _, c := range []struct{ name, want, detail string }{
		{"typ of a logout token", signatureInvalid, "typ: "},
		{"kid of another key", signatureInvalid, madeByNobody},
		{"kid of nobody", signatureInvalid, "kid: the issuer has no key by that name"},
		{"issuer unknown", signatureInvalid, "claims.iss"},
		{"jkt, and no key", keyBindingInvalid, "header.jwk"},
		{"aud of another", audienceMismatch, "claims.aud: another audience"},
		{"expired", "refuted expired", ""},
		{"not yet valid", "refuted not_yet_valid", ""},
	} {
		d.flips(t, main.presented("honest"), []flip{{c.name, func(t *testing.T, p *promise) {
			p.token = made.Made[c.name].Presented["honest"]
		}, c.want, c.detail}})
	}
	for _, c := range []struct {
		claim  string
		other  settings
		detail string
	}{
		{"the issuer's key file is replaced", issuers(made.Others, ""), madeByNobody},
		{"the issuer is held to another algorithm", issuers(made.Keys, ", algorithms: [ES384]"), "alg: ES256"},
		{"the issuer is held to another type", issuers(made.Keys, ", types: [vc+sd-jwt]"), "typ: "},
	} {
		t.Run(c.claim, func(t *testing.T) {
			d.keeps(t, main.presented("honest"))
			in.daemon(t, c.other).comes(t, main.presented("honest"), signatureInvalid, c.detail)
		})
	}
	in.presentedByKeyFile(t, made.Keys, made.Others, main.presented("honest"), made.Made["kid of nobody"].presented("honest"))
	in.presentedInTime(t, issuers(made.Keys, ""), main)
	in.presentedByRecord(t, d, main)
}

const (
	signatureInvalid  = "refuted signature_invalid"
	keyBindingInvalid = "refuted key_binding_invalid"
	audienceMismatch  = "refuted audience_mismatch"
	malformed         = "400 malformed"
)

// presentationFlips change one thing of the presentation called honest, or of what its verifier knows. another is signed by
// the same key.
func presentationFlips(keys []byte, main, another vc) []flip {
	other := func(name string) func(*testing.T, *promise) {
		return func(t *testing.T, p *promise) { p.token = main.Presented[name] }
	}
	jwt := func(edit func(t *testing.T, jwt string) string) func(*testing.T, *promise) {
		return func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			s.jwt = edit(t, s.jwt)
			p.token = s.String()
		}
	}
	return []flip{
		{"a bit of the issuer's signature", jwt(func(t *testing.T, jwt string) string {
			return recoded(t, jwt, 2, func(octets []byte) []byte { octets[7] ^= 1; return octets })
		}), signatureInvalid, madeByNobody},
		{"a claim that lengthens its life", jwt(func(t *testing.T, jwt string) string {
			return recoded(t, jwt, 1, func(claims []byte) []byte { return bytes.Replace(claims, []byte(`"exp":1`), []byte(`"exp":2`), 1) })
		}), signatureInvalid, madeByNobody},
		{"alg none", jwt(func(t *testing.T, jwt string) string {
			return signedBy(t, jwt, "none", func([]byte) []byte { return nil })
		}), malformed, "header.alg: none"},
		{"HMAC with the public key in PEM as the secret", jwt(func(t *testing.T, jwt string) string {
			return signedBy(t, jwt, "HS256", keyedWith(pemOf(t, keys)))
		}), signatureInvalid, "alg: "},
		{"HMAC with the file of public keys as the secret", jwt(func(t *testing.T, jwt string) string {
			return signedBy(t, jwt, "HS256", keyedWith(keys))
		}), signatureInvalid, "alg: "},
		{"the claims stay and the signature is another credential's", jwt(func(t *testing.T, jwt string) string {
			other := cutSDJWT(t, another.Issued).jwt
			return jwt[:strings.LastIndexByte(jwt, '.')] + other[strings.LastIndexByte(other, '.'):]
		}), signatureInvalid, madeByNobody},
		{"another algorithm of the same length", jwt(func(t *testing.T, jwt string) string {
			return recoded(t, jwt, 0, func(header []byte) []byte {
				return bytes.Replace(header, []byte(`"alg":"ES256"`), []byte(`"alg":"EdDSA"`), 1)
			})
		}), signatureInvalid, "alg: "},

		{"no key binding", other("unbound"), keyBindingInvalid, "no key-binding token"},
		{"a key binding by another key", other("by stranger"), keyBindingInvalid, "key binding: "},
		{"a key binding of last hour", other("of last hour"), keyBindingInvalid, "payload.iat: too old"},
		{"a key binding of next hour", other("of next hour"), keyBindingInvalid, "payload.iat: in the future"},
		{"a key binding without a time", other("of no time"), keyBindingInvalid, "payload.iat: missing"},
		{"a key binding whose typ is JWT", other("typed JWT"), keyBindingInvalid, "header.typ: not kb+jwt"},
		{"a bit of the holder's signature", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			s.kb = recoded(t, s.kb, 2, func(octets []byte) []byte { octets[7] ^= 1; return octets })
			p.token = s.String()
		}, keyBindingInvalid, "key binding: "},
		{"a key binding that says alg none", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			s.kb = signedBy(t, s.kb, "none", func([]byte) []byte { return []byte("none") })
			p.token = s.String()
		}, keyBindingInvalid, "header.alg: none"},
		{"the key binding of another presentation", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			s.kb = cutSDJWT(t, main.Presented["with model"]).kb
			p.token = s.String()
		}, keyBindingInvalid, "payload.sd_hash"},
		{"a disclosure is added", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			for _, one := range cutSDJWT(t, main.Issued).disclosures {
				if !slices.Contains(s.disclosures, one) {
					s.disclosures = append(s.disclosures, one)
				}
			}
			p.token = s.String()
		}, keyBindingInvalid, "payload.sd_hash"},
		{"another nonce is expected", func(t *testing.T, p *promise) { p.options["nonce"] = "another" }, keyBindingInvalid, "payload.nonce"},
		{"another audience is expected", func(t *testing.T, p *promise) { p.options["aud"] = "https://another.example" }, keyBindingInvalid, "payload.aud"},
	}
}

// presentedByKeyFile replaces the issuer's key file below a daemon that runs. A token by a key that is not among those that it
// has, called unknown, has it read the file again, once the last time is half a minute ago.
func (in *internet) presentedByKeyFile(t *testing.T, keys, others []byte, p, unknown promise) {
	path := keyFile(t, "issuer.jwks", keys)
	d, c := in.clockDaemon(t, settings{sections: fmt.Sprintf("issuers: [{issuer: %s, keys: %q}]", vcIssuer, path)})
	t.Run("the issuer's key file is replaced while the daemon runs, and put back", func(t *testing.T) {
		d.keeps(t, p)
		for i, f := range []struct {
			keys []byte
			want string
		}{{others, signatureInvalid}, {keys, confirmed}} {
			write(t, path+".new", string(f.keys))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			c.set(t, time.Duration(i+1)*time.Minute)
			await(t, f.want, func() error {
				d.inJSON(t, unknown)
				if v := d.inJSON(t, p); v.String() != f.want {
					return fmt.Errorf("%v %s", v, v.Detail)
				}
				return nil
			})
			d.comes(t, unknown, signatureInvalid, "kid: the issuer has no key by that name")
		}
		d.keeps(t, p)
	})
}

// clockDaemon is a daemon whose clock can be moved.
func (in *internet) clockDaemon(t *testing.T, s settings) (*daemon, clock) {
	c := newClock(t, &in.trust)
	s.sections += "\n" + c.settings().sections
	s.resolver = c.settings().resolver
	return in.daemon(t, s), c
}

// presentedInTime moves the daemon's clock, and nothing else.
func (in *internet) presentedInTime(t *testing.T, s settings, main vc) {
	d, c := in.clockDaemon(t, s)
	for _, f := range []struct {
		claim        string
		off          time.Duration
		want, detail string
	}{
		{"ten minutes later the key binding is too old", 10 * time.Minute, keyBindingInvalid, "payload.iat: too old"},
		{"ten minutes before it was made it is of the future", -10 * time.Minute, keyBindingInvalid, "payload.iat: in the future"},
		{"eleven hours later the credential has expired", 11 * time.Hour, "refuted expired", ""},
	} {
		t.Run(f.claim, func(t *testing.T) {
			p := main.presented("honest")
			c.set(t, 0)
			d.turns(t, p, confirmed)
			d.keeps(t, p)
			c.set(t, f.off)
			d.turns(t, p, f.want)
			d.comes(t, p, f.want, f.detail)
		})
	}
}

// turns asks until the daemon, whose clock has been moved, has seen that.
func (d *daemon) turns(t testing.TB, p promise, want string) {
	t.Helper()
	await(t, want, func() error {
		if v := d.inJSON(t, p); v.String() != want {
			return fmt.Errorf("%v %s", v, v.Detail)
		}
		return nil
	})
}

// presentedByRecord changes the domain's records, and nothing else.
func (in *internet) presentedByRecord(t *testing.T, d *daemon, main vc) {
	p, owner := main.presented("honest").with(now), "jwk.cnf."+vcDomain
	z := in.zones[vcDomain]
	all := z.set(owner, dns.TypeTLSA)
	t.Run("the holder's record is withdrawn", func(t *testing.T) {
		d.keeps(t, p)
		in.leaf.edit(t, z, []dns.RR{tlsa(t, owner, main.JKT)}, nil)
		d.comes(t, p, "refuted record_differs", "")
	})
	t.Run("every record is withdrawn", func(t *testing.T) {
		in.leaf.edit(t, z, nil, []dns.RR{tlsa(t, owner, main.JKT)})
		d.keeps(t, p)
		in.leaf.edit(t, z, all, nil)
		d.comes(t, p, absent, "")
	})
}

// An sdjwt is an SD-JWT in its parts (RFC 9901 section 4).
type sdjwt struct {
	jwt         string
	disclosures []string
	kb          string
}

func cutSDJWT(t testing.TB, text string) sdjwt {
	t.Helper()
	parts := strings.Split(text, "~")
	if len(parts) < 3 {
		t.Fatalf("nothing is disclosed in %s", text)
	}
	return sdjwt{parts[0], parts[1 : len(parts)-1], parts[len(parts)-1]}
}

func (s sdjwt) String() string {
	return strings.Join(slices.Concat([]string{s.jwt}, s.disclosures, []string{s.kb}), "~")
}

// recoded edits one part of a JWS in compact form.
func recoded(t testing.TB, jws string, part int, edit func([]byte) []byte) string {
	t.Helper()
	parts := strings.Split(jws, ".")
	parts[part] = b64u.EncodeToString(edit(octetsOf(t, parts[part])))
	return strings.Join(parts, ".")
}

// signedBy says another algorithm in the header of a JWS, and signs it so.
func signedBy(t testing.TB, jws, alg string, sign func(octets []byte) []byte) string {
	t.Helper()
	jws = recoded(t, jws, 0, func(header []byte) []byte {
		var members map[string]any
		if err := json.Unmarshal(header, &members); err != nil {
			t.Fatal(err)
		}
		members["alg"] = alg
		header, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return header
	})
	octets := jws[:strings.LastIndexByte(jws, '.')]
	return octets + "." + b64u.EncodeToString(sign([]byte(octets)))
}

func keyedWith(secret []byte) func([]byte) []byte {
	return func(octets []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(octets)
		return h.Sum(nil)
	}
}

// pemOf gives the first key of a JWK Set as those write it who take it for a secret.
func pemOf(t testing.TB, jwks []byte) []byte {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	key, err := thumbprint.ParseJWK(set.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
