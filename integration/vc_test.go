package integration

import "time"

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
		"of no nonce":  {Show: []string{"sub"}, Payload: bound{"iat": now, "aud": vcVerifier}},
		"for several":  {Show: []string{"sub"}, Payload: bound{"iat": now, "aud": []string{vcVerifier}, "nonce": vcNonce}},
		"without sub":  {Show: []string{"model"}, Payload: asked},
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
