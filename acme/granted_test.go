package acme_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// TestGrantThatIsTakenBackBeforeTheSignature: the gate was told of it, and let the record alone suffice for it.
func TestGrantThatIsTakenBackBeforeTheSignature(t *testing.T) {
	grant := func(p *play, domain string) acme.Grantee {
		return acme.Grantee{Account: p.account(), Domain: domain}
	}
	removed := func(p *play, tx acme.Tx) error {
		e, err := tx.ExternalAccount("kid-1")
		if err != nil {
			return err
		}
		e.Removed = true
		return tx.PutExternalAccount(e)
	}
	none := func(*play, acme.Tx) error { return nil }
	for _, tt := range []struct {
		claim   string
		change  func(*acme.Config)
		granted func(*play, acme.Tx) error
		then    func(*play, acme.Tx) error
		name    string
		want    int
	}{
		{"it stays", nil, func(p *play, tx acme.Tx) error { return tx.PutGrant(grant(p, "vendor.example")) }, none, "vendor.example", http.StatusOK},
		{"it is taken back", nil, func(p *play, tx acme.Tx) error { return tx.PutGrant(grant(p, "vendor.example")) },
			func(p *play, tx acme.Tx) error { return tx.DropGrant(grant(p, "vendor.example")) }, "vendor.example", http.StatusForbidden},
		{"that of the wildcard is taken back", nil, func(p *play, tx acme.Tx) error { return tx.PutGrant(grant(p, "*.vendor.example")) },
			func(p *play, tx acme.Tx) error { return tx.DropGrant(grant(p, "*.vendor.example")) }, "*.vendor.example", http.StatusForbidden},
		{"that of another name is taken back", nil, func(p *play, tx acme.Tx) error {
			if err := tx.PutGrant(grant(p, "other.example")); err != nil {
				return err
			}
			return tx.PutGrant(grant(p, "vendor.example"))
		}, func(p *play, tx acme.Tx) error { return tx.DropGrant(grant(p, "other.example")) }, "vendor.example", http.StatusOK},
		{"it is taken back, and another name's stays", nil, func(p *play, tx acme.Tx) error {
			if err := tx.PutGrant(grant(p, "other.example")); err != nil {
				return err
			}
			return tx.PutGrant(grant(p, "vendor.example"))
		}, func(p *play, tx acme.Tx) error { return tx.DropGrant(grant(p, "vendor.example")) }, "vendor.example", http.StatusForbidden},
		{"there was none: the domain says so itself", nil, none, none, "vendor.example", http.StatusOK},
		{"a challenge was met, and nothing rests on it", challenged, func(p *play, tx acme.Tx) error { return tx.PutGrant(grant(p, "vendor.example")) },
			func(p *play, tx acme.Tx) error { return tx.DropGrant(grant(p, "vendor.example")) }, "vendor.example", http.StatusOK},
		{"the external account stays", nil, vouched(false, ""), none, "vendor.example", http.StatusOK},
		{"the external account is removed", nil, vouched(false, ""), removed, "vendor.example", http.StatusForbidden},
	} {
		p := newPlay(t, tt.change)
		p.update(func(tx acme.Tx) error { return tt.granted(p, tx) })
		o := p.ready(tt.name)
		p.issuer.before = func() { p.update(func(tx acme.Tx) error { return tt.then(p, tx) }) }
		r, body := p.finalize(o, tt.name)
		if r.StatusCode != tt.want || tt.want != http.StatusOK && !strings.Contains(problemOf(t, body).Detail, "what it was granted has changed meanwhile") {
			t.Errorf("%s: %d %s", tt.claim, r.StatusCode, body)
		}
		if signed := len(p.issuer.signed) > 0; signed != (tt.want == http.StatusOK) {
			t.Errorf("%s: signed: %t", tt.claim, signed)
		}
	}
}

// TestWhatAnOrderComesTo: it is ready where each of its authorizations is its own, for as long as both live.
func TestWhatAnOrderComesTo(t *testing.T) {
	authorization := func(change func(*acme.Authorization)) func(*acme.Order, *acme.Authorization) {
		return func(_ *acme.Order, a *acme.Authorization) { change(a) }
	}
	for _, tt := range []struct {
		claim  string
		change func(*acme.Order, *acme.Authorization)
		want   acme.Status
	}{
		{"all is as it was made", func(*acme.Order, *acme.Authorization) {}, acme.Ready},
		{"the order ends before its authorization", func(o *acme.Order, _ *acme.Authorization) { o.Expires = o.Created }, acme.Invalid},
		{"the order lives a second", func(o *acme.Order, _ *acme.Authorization) { o.Expires = o.Created.Add(time.Second) }, acme.Ready},
		{"the authorization ends before its order", authorization(func(a *acme.Authorization) { a.Expires = a.Expires.Add(-24 * time.Hour) }), acme.Invalid},
		{"it is another account's", authorization(func(a *acme.Authorization) { a.Account = "another" }), acme.Invalid},
		{"it is another key's", authorization(func(a *acme.Authorization) { a.Thumbprint = "another" }), acme.Invalid},
		{"it is another name's", authorization(func(a *acme.Authorization) { a.Identifier.Value = "other.example" }), acme.Invalid},
		{"it is an address's", authorization(func(a *acme.Authorization) { a.Identifier.Type = acme.TypeIP }), acme.Invalid},
		{"it is the wildcard's", authorization(func(a *acme.Authorization) { a.Wildcard = true }), acme.Invalid},
		{"it is pending", authorization(func(a *acme.Authorization) { a.Status = acme.Pending }), acme.Pending},
		{"it is deactivated", authorization(func(a *acme.Authorization) { a.Status = acme.Deactivated }), acme.Invalid},
		{"there is none", func(o *acme.Order, _ *acme.Authorization) { o.Authorizations = nil }, acme.Invalid},
		{"there is one too many", func(o *acme.Order, a *acme.Authorization) { o.Authorizations = append(o.Authorizations, a.ID) }, acme.Invalid},
	} {
		p := newPlay(t, nil)
		o := p.order(ordering("vendor.example"), acme.Ready)
		p.update(func(tx acme.Tx) error {
			open, err := tx.OpenOrders(p.account())
			if err != nil {
				return err
			}
			a, err := tx.Authorization(open[0].Authorizations[0])
			if err != nil {
				return err
			}
			tt.change(open[0], a)
			if err := tx.PutAuthorization(a); err != nil {
				return err
			}
			return tx.PutOrder(open[0])
		})
		if n := p.look(o); n.Status != tt.want || (n.Error != nil) != (tt.want == acme.Invalid) {
			t.Errorf("%s: the order is %s, %v", tt.claim, n.Status, n.Error)
		}
		if r, body := p.finalize(o, "vendor.example"); (r.StatusCode == http.StatusOK) != (tt.want == acme.Ready) {
			t.Errorf("%s: %d %s", tt.claim, r.StatusCode, body)
		}
	}
}

func TestProfilesThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		change func(*acme.Profile)
		says   string
	}{
		{"the challenges that there are", func(*acme.Profile) {}, ""},
		{"the record alone", func(p *acme.Profile) { p.Grant, p.Methods = acme.GrantRecord, nil }, ""},
		{"no name", func(p *acme.Profile) { p.Name = "" }, "no name"},
		{"no life", func(p *acme.Profile) { p.Life = 0 }, "no life"},
		{"no identifiers", func(p *acme.Profile) { p.Identifiers = nil }, "no identifiers"},
		{"no key types", func(p *acme.Profile) { p.KeyTypes = nil }, "no key types"},
		{"the certificate's key", func(p *acme.Profile) { p.Bind = acme.BindCSR }, ""},
		{"the certificate's key, and the record alone", func(p *acme.Profile) { p.Bind, p.Grant = acme.BindCSR, acme.GrantRecord }, "bind csr"},
		{"no challenges", func(p *acme.Profile) { p.Methods = nil }, "without a challenge type"},
		{"a challenge that there is not", func(p *acme.Profile) { p.Methods = append(p.Methods, "http-02") }, `"http-02": there is none`},
		{"the record as a challenge besides itself", func(p *acme.Profile) { p.Methods = append(p.Methods, acme.MethodCNF) }, "that is the record alone"},
	} {
		s := newScene(t, nil)
		c := s.Config
		profile := c.Profiles[0]
		profile.Grant, profile.Methods = acme.GrantChallenge, []string{acme.MethodHTTP, acme.MethodDNS, acme.MethodTLSALPN}
		tt.change(&profile)
		c.Profiles = []acme.Profile{profile}
		_, err := acme.New(c)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want …%s…", tt.claim, err, tt.says)
		}
	}
}
