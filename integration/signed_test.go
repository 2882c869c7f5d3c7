package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/dns"
)

// A cwtWish is a CWT to be signed by tokens/signed.py or tokens/signed.mjs.
type cwtWish struct {
	Name   string   `json:"name"`
	Shape  string   `json:"shape"` // sign1, sign, mac0; sd: sign1 that discloses the subject
	Algs   []string `json:"algs"`  // of each signer
	Header bound    `json:"header,omitempty"`
	KID    string   `json:"kid,omitempty"`
	Tagged bool     `json:"tagged"` // within tag 61
	Claims bound    `json:"claims"`
}

// A workshop is a script that makes CWTs, and what it made.
type workshop struct {
	Keys, Others struct {
		KeySet string // in base64url
		JWKS   json.RawMessage
	}
	Made map[string]struct{ Token, Thumbprint string }
}

const (
	cwtDomain = "sensor.example."
	cwtIssuer = "coap://issuer.example"
)

// cwtPromises are what every workshop signs, so that it confirms.
func cwtPromises() (all []cwtWish) {
	add := func(name, shape string, algs ...string) {
		for _, tagged := range []bool{false, true} {
			w := cwtWish{Name: name, Shape: shape, Algs: algs, Tagged: tagged, Claims: cwtClaims()}
			if w.Header = (bound{"typ": "application/cwt"}); tagged {
				w.Name, w.Header = name+" in tag 61", bound{"typ": 61}
			}
			all = append(all, w)
		}
	}
	for _, alg := range []string{"ES256", "ES384", "EdDSA", "PS256"} {
		add("COSE_Sign1 "+alg, "sign1", alg)
	}
	add("COSE_Sign by two", "sign", "ES256", "EdDSA")
	return all
}

func cwtClaims() bound {
	return bound{"iss": cwtIssuer, "sub": "https://sensor.example/7", "exp": time.Now().Unix() + 36000, "aud": "coap://verifier.example"}
}

// cwtFlipped are CWTs of Python alone with one thing that is not as it should be.
func cwtFlipped() []cwtWish {
	wish := func(name string, change func(*cwtWish)) cwtWish {
		w := cwtWish{Name: name, Shape: "sign1", Algs: []string{"ES256"}, Claims: cwtClaims()}
		change(&w)
		return w
	}
	return []cwtWish{
		wish("a subject that is disclosed", func(w *cwtWish) { w.Shape, w.Header = "sd", bound{"typ": "application/sd-cwt"} }),
		wish("typ of a key binding", func(w *cwtWish) { w.Header = bound{"typ": 294} }),
		wish("kid of another key", func(w *cwtWish) { w.KID = "another ES256" }),
		wish("kid of nobody", func(w *cwtWish) { w.KID = "nobody" }),
		wish("alg that is another's", func(w *cwtWish) { w.Header = bound{"alg": "ES384"} }),
		wish("HMAC with the public key as the secret", func(w *cwtWish) { w.Algs, w.KID = []string{"HS256"}, "ES256" }),
		wish("issuer unknown", func(w *cwtWish) { w.Claims["iss"] = "coap://somebody.example" }),
		wish("no issuer", func(w *cwtWish) { delete(w.Claims, "iss") }),
		wish("expired", func(w *cwtWish) { w.Claims["exp"] = time.Now().Unix() - 3600 }),
		wish("aud of another", func(w *cwtWish) { w.Claims["aud"] = "coap://another.example" }),
		wish("no aud", func(w *cwtWish) { delete(w.Claims, "aud") }),
	}
}

// signed is the promise that a CWT is.
func (w workshop) signed(name string) promise {
	return promise{token: w.Made[name].Token, media: "application/cwt", options: bound{"check": "signature", "aud": "coap://verifier.example"}}
}

// TestSigned has CWTs of Python's cbor2 and cryptography and of npm's @auth0/cose judged with their issuer's signature, by keys
// of a COSE_KeySet and of a JWK Set.
func TestSigned(t *testing.T) {
	t.Parallel()
	lab(t)
	mac := cwtWish{Name: "COSE_Mac0", Shape: "mac0", Algs: []string{"ES256"}, Claims: cwtClaims()}
	var python, npm workshop
	madeBy(t, slices.Concat(cwtPromises(), []cwtWish{mac}, cwtFlipped()), &python, "/usr/bin/python3", "signed.py")
	madeBy(t, slices.Concat(cwtPromises(), []cwtWish{mac}), &npm, "node", "signed.mjs")
	var set []dns.RR
	for _, w := range []workshop{python, npm} {
		for _, made := range w.Made {
			set = append(set, tlsa(t, "1.8."+cwtDomain, made.Thumbprint))
		}
	}
	in := newDomain(t, 42, tiers{root: bind{inline: true}, tld: knot{}, leaf: powerdns{}}, cwtDomain, set...)
	issuers := func(keys []byte, terms string) settings {
		return settings{sections: fmt.Sprintf("issuers: [{issuer: %q, keys: %q%s}]", cwtIssuer, keyFile(t, "issuer", keys), terms)}
	}
	for maker, w := range map[string]workshop{"Python": python, "npm": npm} {
		keySet := octetsOf(t, w.Keys.KeySet)
		for form, keys := range map[string][]byte{"COSE_KeySet": keySet, "JWKS": w.Keys.JWKS} {
			d := in.daemon(t, issuers(keys, ""))
			for _, wish := range cwtPromises() {
				t.Run(maker+"/"+form+"/"+wish.Name, func(t *testing.T) { d.flips(t, w.signed(wish.Name), cwtFlips) })
			}
			d.flips(t, w.signed("COSE_Sign1 ES256"), []flip{{"a MAC in the place of the signature", func(t *testing.T, p *promise) {
				p.token = w.Made["COSE_Mac0"].Token
			}, signatureInvalid, "a MAC proves nothing here"}})
		}
		t.Run("of two signatures one is enough", func(t *testing.T) {
			d := in.daemon(t, issuers(keySet, ""))
			for bent := range 2 {
				p := w.signed("COSE_Sign by two")
				p.token = reCBOR(t, p.token, func(parts []any) { signaturesOf(parts)[bent][7] ^= 1 })
				d.keeps(t, p)
			}
		})
		t.Run("the issuer's key file is replaced", func(t *testing.T) {
			in.daemon(t, issuers(keySet, "")).keeps(t, w.signed("COSE_Sign1 ES256"))
			in.daemon(t, issuers(octetsOf(t, w.Others.KeySet), "")).comes(t, w.signed("COSE_Sign1 ES256"), signatureInvalid, madeByNobody)
		})
	}
	in.signedOtherwise(t, in.daemon(t, issuers(octetsOf(t, python.Keys.KeySet), "")), python)
}

const madeByNobody = "signature: not made by a key of the issuer"

// cwtFlips change one octet of a CWT, or what its verifier expects.
var cwtFlips = []flip{
	{"a bit of every signature", func(t *testing.T, p *promise) {
		p.token = reCBOR(t, p.token, func(parts []any) {
			for _, signature := range signaturesOf(parts) {
				signature[7] ^= 1
			}
		})
	}, signatureInvalid, madeByNobody},
	{"an octet of the subject's path", func(t *testing.T, p *promise) {
		p.token = reCBOR(t, p.token, func(parts []any) {
			at := bytes.Index(parts[2].([]byte), []byte("example/7"))
			parts[2].([]byte)[at+len("example/")] = '8'
		})
	}, signatureInvalid, madeByNobody},
	{"another audience is expected", func(t *testing.T, p *promise) { p.options["aud"] = "coap://another.example" },
		audienceMismatch, "claims.aud: another audience"},
}

// signedOtherwise judges what was signed with one thing that is not as it should be, and at last without its record.
func (in *internet) signedOtherwise(t *testing.T, d *daemon, python workshop) {
	honest := python.signed("COSE_Sign1 ES256")
	for _, c := range []struct{ name, want, detail string }{
		{"typ of a key binding", signatureInvalid, "typ: "},
		{"kid of another key", signatureInvalid, madeByNobody},
		{"kid of nobody", signatureInvalid, "kid: the issuer has no key by that name"},
		{"alg that is another's", signatureInvalid, "alg: ES384"},
		{"HMAC with the public key as the secret", signatureInvalid, "alg: "},
		{"issuer unknown", signatureInvalid, "claims.iss"},
		{"no issuer", signatureInvalid, "claims.iss"},
		{"expired", "refuted expired", ""},
		{"aud of another", audienceMismatch, "claims.aud: another audience"},
		{"no aud", audienceMismatch, "claims.aud: missing"},
	} {
		d.flips(t, honest, []flip{{c.name, func(t *testing.T, p *promise) { p.token = python.Made[c.name].Token }, c.want, c.detail}})
	}
	d.flips(t, honest, []flip{{"a key binding is asked for, which a CWT has not", func(t *testing.T, p *promise) {
		p.options["check"], p.options["nonce"] = "signature,key_binding", vcNonce
	}, keyBindingInvalid, "no key-binding token"}})
	t.Run("a subject that is disclosed", func(t *testing.T) {
		p := python.signed("a subject that is disclosed")
		d.keeps(t, p)
		bent := p.with(nil)
		bent.token = reCBOR(t, p.token, func(parts []any) {
			disclosure := parts[1].(map[any]any)[uint64(17)].([]any)[0].([]byte)
			at := bytes.Index(disclosure, []byte("example/7"))
			disclosure[at+len("example/")] = '8'
		})
		d.comes(t, bent, malformed, "nothing in the token refers to it")
	})
	t.Run("the record is another key's", func(t *testing.T) {
		d.keeps(t, honest)
		z, owner := in.zones[cwtDomain], "1.8."+cwtDomain
		in.leaf.edit(t, z, []dns.RR{tlsa(t, owner, python.Made["COSE_Sign1 ES256"].Thumbprint)}, nil)
		d.comes(t, honest.with(now), "refuted record_differs", "")
	})
}

// reCBOR edits the four parts of a COSE message.
func reCBOR(t testing.TB, token string, edit func(parts []any)) string {
	t.Helper()
	var message any
	if err := cbor.Unmarshal(octetsOf(t, token), &message); err != nil {
		t.Fatal(err)
	}
	inner := message
	for tag, tagged := inner.(cbor.Tag); tagged; tag, tagged = inner.(cbor.Tag) {
		inner = tag.Content
	}
	edit(inner.([]any))
	octets, err := cbor.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return b64u.EncodeToString(octets)
}

// signaturesOf returns the signatures of a COSE_Sign1 or a COSE_Sign.
func signaturesOf(parts []any) (all [][]byte) {
	signers, several := parts[3].([]any)
	if !several {
		return [][]byte{parts[3].([]byte)}
	}
	for _, signer := range signers {
		all = append(all, signer.([]any)[2].([]byte))
	}
	return all
}
