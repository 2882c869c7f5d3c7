package verifier

import (
	"encoding/json"
	"errors"
	"strings"

	"cnfd/dnssec"
	"cnfd/signature"
)

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
