package api

import (
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"cnfd/authz"
	"cnfd/dnssec"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// says is a verifier that says one thing to gateways.
type says verifier.Verdict

func (v says) Verify(context.Context, *verifier.Request) (verifier.Verdict, error) {
	return verifier.Verdict(v), nil
}

// gatewayRequests are requests of nginx, with every answer that is described, by every method and at both paths.
func gatewayRequests(t *testing.T) (list []described) {
	passes := confirmed()
	passes.Signature, passes.DPoP = verifier.Valid, verifier.Valid
	of := func(v verifier.Verdict, edits ...func(*authz.Config)) Config {
		c := authz.Config{
			Verifier: says(v), NewID: NewIDs(clock), Gateway: authz.Nginx, Issuers: true, Subjects: []string{"vendor.example"},
			Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // httptest's clients are there
		}
		for _, edit := range edits {
			edit(&c)
		}
		h, err := authz.New(c)
		must(t, err)
		return Config{Authz: h}
	}
	but := func(edit func(*verifier.Verdict)) verifier.Verdict { v := passes; edit(&v); return v }
	tested := func(r verifier.Reason) verifier.Verdict {
		return but(func(v *verifier.Verdict) { v.Reason, v.Testing = r, true })
	}
	digest, err := thumbprint.New(thumbprint.Certificate, thumbprint.SHA256, make([]byte, 32))
	must(t, err)
	observe := func(c *authz.Config) { c.Observe = true }
	closed := func(c *authz.Config) { c.Unproven = 503 }
	unproven := but(func(v *verifier.Verdict) { v.Reason, v.DNS.Security = verifier.Bogus, dnssec.Bogus })

	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"alg":"ES256"}`) + "." + part(`{"sub":"https://vendor.example","cnf":{"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}}`) + "." + part("its signature")
	gateway := []string{"X-Original-Method: GET", "X-Original-URL: https://api.example/orders/7"}
	whole := append(gateway, "Authorization: DPoP "+token, "DPoP: a.b.c")
	nonces := authz.NewNonces(clock)
	nonced := func(c *authz.Config) { c.DPoPNonce, c.Nonces = true, nonces }
	first := described{"GET", "/v1/authz", "/v1/authz", 401, of(passes, nonced), "", gateway}
	given := first.answer(t).Header().Get("DPoP-Nonce")
	proofWith := func(nonce string) string {
		return part(`{"alg":"ES256","typ":"dpop+jwt"}`) + "." + part(`{"nonce":"`+nonce+`"}`) + "." + part("its signature")
	}
	proof, stale := proofWith(given), proofWith("another")
	for _, method := range strings.Fields("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE") {
		for path, target := range map[string]string{"/v1/authz": "/v1/authz", "/v1/authz/{path}": "/v1/authz/orders/7"} {
			add := func(status int, c Config, headers ...string) {
				list = append(list, described{method, target, path, status, c, "", headers})
			}
			add(200, of(passes), whole...)
			add(200, of(tested(verifier.RecordMatches)), whole...)
			add(200, of(but(func(v *verifier.Verdict) { v.Thumbprint = digest })), whole...)
			add(200, of(but(func(v *verifier.Verdict) { v.Reason = verifier.RecordAbsent }), observe), whole...)
			add(200, of(unproven, observe, closed), whole...)
			add(200, of(passes, nonced), append(gateway, "Authorization: DPoP "+token, "DPoP: "+proof)...)
			add(401, of(passes, nonced), append(gateway, "Authorization: DPoP "+token, "DPoP: "+stale)...)
			add(401, of(passes), gateway...)
			add(401, of(passes), append(gateway, "Authorization: Bearer "+token)...)
			add(401, of(tested(verifier.Expired)), whole...)
			add(403, of(passes), "Authorization: DPoP "+token)
			add(403, of(but(func(v *verifier.Verdict) { v.Reason = verifier.RecordDiffers })), whole...)
			add(403, of(passes, func(c *authz.Config) { c.Subjects = []string{"other.example"} }), whole...)
			add(403, of(tested(verifier.Bogus)), whole...)
			add(503, of(unproven, closed), whole...)
			add(503, of(tested(verifier.Bogus), closed), whole...)
			add(503, of(passes, func(c *authz.Config) { c.Issuers = false }), whole...)
		}
	}
	return list
}
