package acme_test

import (
	"net/http"
	"slices"
	"testing"

	"cnfd/acme"
)

// TestTermsThatHaveChanged: who has agreed to the terms of now orders; with other terms, or none that are known, only where agreement to those is not
// required, or once the account's update has agreed.
func TestTermsThatHaveChanged(t *testing.T) {
	const first, second = "https://ca.example/terms/1", "https://ca.example/terms/2"
	s := newScene(t, func(c *acme.Config) { c.Terms, c.TermsRequired = first, true })
	c := registered(t, s.Server)
	order := map[string]any{"identifiers": []map[string]string{{"type": "dns", "value": "vendor.example"}}}
	ahead := map[string]any{"identifier": map[string]string{"type": "dns", "value": "vendor.example"}}
	orders := func(claim string, terms string, required, takes bool) *client {
		t.Helper()
		c := *c
		c.server, c.nonce = s.again(func(c *acme.Config) { c.Terms, c.TermsRequired = terms, required }), ""
		for path, payload := range map[string]any{"/acme/new-order": order, "/acme/new-authz": ahead} {
			r, body := c.post(path, payload)
			if takes {
				wantStatus(t, r, body, http.StatusCreated)
				continue
			}
			wantRefused(t, r, body, 403, acme.UserActionRequired, "read "+terms)
			if p := read[struct{ Instance string }](t, body); p.Instance != terms || !slices.Contains(r.Header.Values("Link"), "<"+terms+`>;rel="terms-of-service"`) {
				t.Errorf("%s: instance %q, links %q", claim, p.Instance, r.Header.Values("Link"))
			}
		}
		return &c
	}
	orders("the terms that it has agreed to", first, true, true)
	orders("other terms, and nobody has to agree", second, false, true)
	without := orders("no terms any more", "", true, true)
	r, body := without.post(c.kid, `{"termsOfServiceAgreed":true}`) // to what?
	wantStatus(t, r, body, http.StatusOK)
	orders("the terms that it has agreed to, again", first, true, true)
	at := orders("other terms", second, true, false)
	for _, payload := range []string{`{}`, `{"termsOfServiceAgreed":false}`, `{"contact":["mailto:a@vendor.example"]}`} {
		r, body := at.post(c.kid, payload)
		wantStatus(t, r, body, http.StatusOK)
		orders("an update that does not agree", second, true, false)
	}
	r, body = at.post(c.kid, `{"termsOfServiceAgreed":true}`)
	wantStatus(t, r, body, http.StatusOK)
	if got := read[accountDoc](t, body); !got.Terms || len(got.Contact) != 1 {
		t.Errorf("%+v", got)
	}
	orders("other terms, agreed to", second, true, true)
	orders("the former ones again", first, true, false)

	s.update(func(tx acme.Tx) error { // as a former release kept it
		a, err := tx.Account(c.account())
		if err != nil {
			return err
		}
		a.TermsURL = ""
		return tx.PutAccount(a)
	})
	orders("it is not known to which terms", second, true, false)
	orders("… and nobody has to agree", second, false, true)
}
