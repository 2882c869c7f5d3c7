package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

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
	for name, f := range issuedOtherwise {
		d.flips(t, main.presented("honest"), []flip{{name, func(t *testing.T, p *promise) {
			p.token = made.Made[name].Presented["honest"]
		}, f.want, f.detail}})
	}
	for claim, f := range map[string]struct {
		other  settings
		detail string
	}{
		"the issuer's key file is replaced":       {issuers(made.Others, ""), madeByNobody},
		"the issuer is held to another algorithm": {issuers(made.Keys, ", algorithms: [ES384]"), "alg: ES256"},
		"the issuer is held to another type":      {issuers(made.Keys, ", types: [vc+sd-jwt]"), "typ: "},
	} {
		t.Run(claim, func(t *testing.T) {
			d.keeps(t, main.presented("honest"))
			in.daemon(t, f.other).comes(t, main.presented("honest"), signatureInvalid, f.detail)
		})
	}
	in.presentedByKeyFile(t, made.Keys, made.Others, main.presented("honest"), made.Made["kid of nobody"].presented("honest"))
	in.presentedInTime(t, issuers(made.Keys, ""), main)
	in.presentedByRecord(t, d, main)
}

// issuedOtherwise are credentials that were issued with one thing as it should not be, and what they come to.
var issuedOtherwise = map[string]struct{ want, detail string }{
	"typ of a logout token": {signatureInvalid, "typ: "},
	"kid of another key":    {signatureInvalid, madeByNobody},
	"kid of nobody":         {signatureInvalid, "kid: the issuer has no key by that name"},
	"issuer unknown":        {signatureInvalid, "claims.iss"},
	"jkt, and no key":       {keyBindingInvalid, "header.jwk"},
	"aud of another":        {audienceMismatch, "claims.aud: another audience"},
	"expired":               {"refuted expired", ""},
	"not yet valid":         {"refuted not_yet_valid", ""},
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
		{"a key binding without a nonce", other("of no nonce"), keyBindingInvalid, "payload.nonce"},
		{"a key binding for several audiences", other("for several"), keyBindingInvalid, "payload.aud"},
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
		{"a bit of a disclosure", func(t *testing.T, p *promise) {
			s := cutSDJWT(t, p.token)
			octets := octetsOf(t, s.disclosures[0])
			octets[4] ^= 1 // of the salt
			s.disclosures[0] = b64u.EncodeToString(octets)
			p.token = s.String()
		}, malformed, "nothing in the token refers to it"},
		{"the subject is not disclosed", other("without sub"), "422 not-derivable", "the holder must disclose sub"},
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
