package acme_test

import (
	"crypto/ecdsa"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"cnfd/acme"
	"cnfd/acme/weakkey"
)

// What one profile, name or key was let have is not another's.

func TestAheadCountsWhereTheProfileTakesItsMethod(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) {
		c.Profiles[0].Grant, c.Profiles[0].Methods = acme.GrantChallenge, []string{acme.MethodHTTP}
		for name, methods := range map[string][]string{"same": {acme.MethodHTTP, acme.MethodDNS}, "other": {acme.MethodDNS}} {
			second := c.Profiles[0]
			second.Name, second.Methods = name, methods
			c.Profiles = append(c.Profiles, second)
		}
	})
	r, body := p.post("/acme/new-authz", map[string]any{"identifier": dns("vendor.example")})
	wantStatus(t, r, body, http.StatusCreated)
	url := r.Header.Get("Location")
	p.post(p.authz(url).Challenges[0].URL, map[string]any{})
	p.awaits(url)
	for name, want := range map[string]acme.Status{"same": acme.Ready, "other": acme.Pending} {
		with := ordering("vendor.example")
		with["profile"] = name
		if o := p.order(with, want); (o.Authorizations[0] == url) != (want == acme.Ready) {
			t.Errorf("profile %s: it rests on %s", name, o.Authorizations[0])
		}
	}
}

func TestMethodThatTheProfileTakesNoMore(t *testing.T) {
	for _, change := range []bool{false, true} {
		p := newPlay(t, challenged)
		o := p.ready("vendor.example")
		p.client.nonce, p.client.server = "", p.again(func(c *acme.Config) {
			c.Gate, c.Validator, c.Issuer, c.Authority = p.gate, p.gate, p.issuer, p.issuer
			challenged(c)
			if change {
				c.Profiles[0].Methods = []string{acme.MethodDNS}
			}
		})
		r, body := p.finalize(o, "vendor.example")
		if !change {
			wantStatus(t, r, body, http.StatusOK)
			continue
		}
		wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another challenge by now than http-01")
	}
}

func TestAccountKeyThatIsBlockedLater(t *testing.T) {
	var list atomic.Pointer[weakkey.Blocklist]
	p := newPlay(t, func(c *acme.Config) { c.Blocked = list.Load })
	p.certified(p.order(ordering("vendor.example"), acme.Ready), "vendor.example")
	o := p.order(ordering("vendor.example"), acme.Ready)
	list.Store(blocklist(t, p.key.(*ecdsa.PrivateKey))())
	r, body := p.finalize(o, "vendor.example")
	wantRefused(t, r, body, http.StatusBadRequest, acme.BadPublicKey, "known to others")
	if p.look(o).Status != acme.Invalid {
		t.Error("the order goes on")
	}
}

func TestWildcardIsJudgedAsSuchAtFinalize(t *testing.T) {
	p := newPlay(t, nil)
	granted := func(domain string) {
		p.update(func(tx acme.Tx) error { return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: domain}) })
	}
	for _, tt := range []struct {
		grant string
		want  bool
	}{{"vendor.example", false}, {"*.vendor.example", true}} {
		granted(tt.grant)
		o := p.order(ordering("*.vendor.example"), acme.Ready)
		p.gate.says(nil)
		p.certified(o, "*.vendor.example")
		claims := p.gate.claims()
		if len(claims) != 1 || claims[0].Identifier != dns("*.vendor.example") || claims[0].Granted != tt.want {
			t.Errorf("with a grant of %s the gate was asked %+v", tt.grant, claims)
		}
	}
}

func TestCertificateHasAllOfTheOrdersNames(t *testing.T) {
	p := newPlay(t, nil)
	names := []string{"vendor.example", "www.vendor.example"}
	if leaf := p.certified(p.order(ordering(names...), acme.Ready), names...); !slices.Equal(leaf.DNSNames, names) {
		t.Errorf("it has %q", leaf.DNSNames)
	}
}

func TestAuthorizationsAheadAreBounded(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.OpenOrders, c.MaxNames = 2, 2 })
	ahead := func(name string) (*http.Response, []byte) {
		return p.post("/acme/new-authz", map[string]any{"identifier": dns(name)})
	}
	for _, name := range []string{"a.example", "a.example", "b.example"} {
		r, body := ahead(name)
		wantStatus(t, r, body, http.StatusCreated)
	}
	r, body := ahead("a.example") // of one name as many as there may be orders of it
	wantRefused(t, r, body, http.StatusTooManyRequests, acme.RateLimited, "2 authorizations")
	r, body = ahead("b.example")
	wantStatus(t, r, body, http.StatusCreated)
	r, body = ahead("c.example") // and of all as many as there may be in orders
	wantRefused(t, r, body, http.StatusTooManyRequests, acme.RateLimited, "4 authorizations")
	if r.Header.Get("Retry-After") == "" {
		t.Error("it is not said when to come again")
	}
}
