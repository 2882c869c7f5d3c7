package acme_test

import (
	"crypto/ecdsa"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

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

// TestGrantIsOfOneAccountAndOneName: what lets the record alone suffice is told to the gate, at the
// order's beginning and at its end, and nothing else is.
func TestGrantIsOfOneAccountAndOneName(t *testing.T) {
	for _, tt := range []struct {
		claim string
		let   func(p *play, tx acme.Tx) error
		name  string
		want  bool
	}{
		{"a grant", func(p *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: "vendor.example"})
		}, "vendor.example", true},
		{"a grant of another account", func(_ *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: "another", Domain: "vendor.example"})
		}, "vendor.example", false},
		{"a grant of the name above", func(p *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: "vendor.example"})
		}, "www.vendor.example", false},
		{"a grant of the base", func(p *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: "vendor.example"})
		}, "*.vendor.example", false},
		{"a grant of the wildcard", func(p *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: "*.vendor.example"})
		}, "*.vendor.example", true},
		{"a grant of the wildcard, for the base", func(p *play, tx acme.Tx) error {
			return tx.PutGrant(acme.Grantee{Account: p.account(), Domain: "*.vendor.example"})
		}, "vendor.example", false},
		{"an external account's domain", vouched(false, ""), "vendor.example", true},
		{"a removed external account's domain", vouched(true, ""), "vendor.example", false},
		{"the domain of an external account that another has used", vouched(false, "another"), "vendor.example", false},
	} {
		p := newPlay(t, nil)
		p.update(func(tx acme.Tx) error { return tt.let(p, tx) })
		p.gate.says(nil)
		p.certified(p.order(ordering(tt.name), acme.Ready), tt.name)
		claims := p.gate.claims()
		if len(claims) != 2 || claims[0].Granted != tt.want || claims[1].Granted != tt.want {
			t.Errorf("%s: the gate was asked %+v", tt.claim, claims)
		}
	}
}

// vouched puts a play's account under an external account that has a domain.
func vouched(removed bool, usedBy string) func(*play, acme.Tx) error {
	return func(p *play, tx acme.Tx) error {
		a, err := tx.Account(p.account())
		if err != nil {
			return err
		}
		a.External = "kid-1"
		if usedBy == "" {
			usedBy = a.ID
		}
		if err := tx.PutAccount(a); err != nil {
			return err
		}
		return tx.PutExternalAccount(&acme.ExternalAccount{KID: "kid-1", Account: usedBy, Removed: removed, Domains: []string{"vendor.example"}})
	}
}

// TestAheadIsJudgedAnew: an authorization made ahead does not count where the gate says no by
// now, though the order may wait for the record.
func TestAheadIsJudgedAnew(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.AwaitRecord = true })
	r, body := p.post("/acme/new-authz", map[string]any{"identifier": dns("vendor.example")})
	wantStatus(t, r, body, http.StatusCreated)
	url := r.Header.Get("Location")
	if o := p.order(ordering("vendor.example"), acme.Ready); o.Authorizations[0] != url {
		t.Fatalf("the order rests on %s, want %s", o.Authorizations[0], url)
	}
	p.gate.says(refutes)
	if o := p.order(ordering("vendor.example"), acme.Pending); o.Authorizations[0] == url {
		t.Error("the order rests on what was let through before")
	}
	p.gate.says(nil)
	p.post(url, map[string]any{"status": "deactivated"})
	if o := p.order(ordering("vendor.example"), acme.Ready); o.Authorizations[0] == url {
		t.Error("the order rests on an authorization that was deactivated")
	}
}

// TestKeyIsKeptWithoutBallast: what stands in a jwk beside the key would be kept for good.
func TestKeyIsKeptWithoutBallast(t *testing.T) {
	p := newPlay(t, nil)
	with := func(key *ecdsa.PrivateKey, ballast int) map[string]any {
		m := read[map[string]any](t, jwk(t, key))
		m["x-note"] = strings.Repeat("a", ballast)
		return m
	}
	as := func(key *ecdsa.PrivateKey, ballast int, header map[jose.HeaderKey]any, payload []byte) string {
		header["jwk"] = with(key, ballast)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
		if err != nil {
			t.Fatal(err)
		}
		made, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		return made.FullSerialize()
	}
	for _, tt := range []struct {
		ballast, account, change int
	}{{3000, http.StatusCreated, http.StatusOK}, {4096, http.StatusBadRequest, http.StatusBadRequest}} {
		key, next := newKey(t), newKey(t)
		url := p.url("/acme/new-account")
		r, body := p.send(url, as(key, tt.ballast, map[jose.HeaderKey]any{"url": url, "nonce": p.Server.MakeNonce()}, []byte("{}")))
		wantStatus(t, r, body, tt.account)
		url = p.url("/acme/key-change")
		c := registered(t, p.Server)
		inner := as(next, tt.ballast, map[jose.HeaderKey]any{"url": url}, octets(t, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}))
		r, body = c.post(url, inner)
		wantStatus(t, r, body, tt.change)
		if tt.change != http.StatusOK {
			wantRefused(t, r, body, tt.change, acme.BadPublicKey, "inner object: jwk: over 4096 octets")
		}
	}
}

// TestAccountThatEndsWhileTheGateIsAsked: nothing is stored for it then.
func TestAccountThatEndsWhileTheGateIsAsked(t *testing.T) {
	for path, payload := range map[string]any{
		"/acme/new-order": ordering("vendor.example"), "/acme/new-authz": map[string]any{"identifier": dns("vendor.example")},
	} {
		p := newPlay(t, nil)
		r, body := p.post(path, payload)
		wantStatus(t, r, body, http.StatusCreated)
		id := p.account()
		p.gate.says(func(*acme.Claim) *acme.Problem {
			p.update(func(tx acme.Tx) error {
				return acme.DeactivateAccount(tx, id, acme.Revoked, acme.Problemf(acme.Unauthorized, "ended"), p.clock.Now())
			})
			return nil
		})
		r, body = p.post(path, payload)
		wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "has changed meanwhile")
		if n := stored(p.scene, func(tx acme.Tx) (int, error) { return tx.LiveCount(id, acme.Identifier{}, p.clock.Now()) }); n != 0 {
			t.Errorf("%s: %d authorizations are live", path, n)
		}
		if open := stored(p.scene, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OpenOrders(id) }); len(open) != 0 {
			t.Errorf("%s: %d orders are open", path, len(open))
		}
	}
}

// TestChallengeIsBegunOnce: whoever responds twice, or to what is over, begins nothing.
func TestChallengeIsBegunOnce(t *testing.T) {
	p := newPlay(t, challenged)
	tried := func() int {
		p.gate.mu.Lock()
		defer p.gate.mu.Unlock()
		return len(p.gate.tried)
	}
	url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
	first, second := p.authz(url).Challenges[0].URL, p.authz(url).Challenges[1].URL
	p.post(first, map[string]any{})
	if a := p.awaits(url); a.Status != acme.Valid || tried() != 1 {
		t.Fatalf("it is %s after %d tries", a.Status, tried())
	}
	for _, c := range []string{first, second} {
		r, body := p.post(c, map[string]any{})
		wantStatus(t, r, body, http.StatusOK)
	}
	p.Sweep(t.Context())
	if a := p.authz(url); a.Status != acme.Valid || tried() != 1 {
		t.Errorf("answered again it is %s after %d tries", a.Status, tried())
	}

	held := make(chan struct{})
	p.gate.says(nil)
	url = p.order(ordering("other.example"), acme.Pending).Authorizations[0]
	first = p.authz(url).Challenges[0].URL
	before := tried()
	p.gate.says(func(*acme.Claim) *acme.Problem { <-held; return nil })
	p.post(first, map[string]any{})
	p.post(first, map[string]any{}) // while it is being validated
	close(held)
	p.awaits(url)
	p.Sweep(t.Context())
	if n := tried() - before; n != 1 {
		t.Errorf("one challenge was validated %d times", n)
	}
}

// TestOrderThatFailedIsNotOpen: what has failed leaves room for others.
func TestOrderThatFailedIsNotOpen(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { challenged(c); c.OpenOrders = 2 })
	p.gate.validated = acme.Problemf(acme.Connection, "nobody answers")
	for n := range 6 {
		o := p.order(ordering("vendor.example", "other.example"), acme.Pending)
		url := o.Authorizations[n%2]
		says := "nobody answers"
		if n < 4 {
			p.post(p.authz(url).Challenges[0].URL, map[string]any{})
			p.awaits(url)
		} else {
			r, body := p.post(url, map[string]any{"status": "deactivated"})
			wantStatus(t, r, body, http.StatusOK)
			says = "deactivated"
		}
		o = p.look(o)
		if o.Status != acme.Invalid || o.Error == nil || !strings.Contains(o.Error.Detail, says) || len(o.Error.Subproblems) != 1 {
			t.Errorf("order %d is %s: %+v", n, o.Status, o.Error)
		}
	}
	p.order(ordering("vendor.example"), acme.Pending)
	p.order(ordering("vendor.example"), acme.Pending)
	r, body := p.post("/acme/new-order", ordering("vendor.example"))
	wantRefused(t, r, body, http.StatusTooManyRequests, acme.RateLimited, "2 open orders")
}
