package acme_test

import (
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// taken puts an order that is ready where one is whose process has died over it.
func (p *play) taken(o orderDoc, names ...string) {
	p.t().Helper()
	template := &x509.CertificateRequest{}
	for _, n := range names {
		if address := net.ParseIP(n); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, template, newKey(p.t()))
	if err != nil {
		p.t().Fatal(err)
	}
	p.update(func(tx acme.Tx) error {
		kept, err := tx.Order(o.url[len(p.url("/acme/order/")):])
		if err != nil {
			return err
		}
		kept.State, kept.CSR, kept.Lease, kept.Tries = acme.OrderProcessing, request, p.clock.Now().Add(-time.Second), 1
		return tx.PutOrder(kept)
	})
}

// authorized changes the authorization at a URL behind the server's back.
func (p *play) authorized(url string, change func(*acme.Authorization)) {
	p.t().Helper()
	p.update(func(tx acme.Tx) error {
		a, err := tx.Authorization(url[len(p.url("/acme/authz/")):])
		if err != nil {
			return err
		}
		change(a)
		return tx.PutAuthorization(a)
	})
}

// rekeyed gives the account another key behind the server's back, and ends nothing with it.
func (p *play) rekeyed() {
	p.t().Helper()
	next := newKey(p.t())
	p.update(func(tx acme.Tx) error {
		a, err := tx.Account(p.account())
		if err != nil {
			return err
		}
		a.Key, a.Thumbprint = jwk(p.t(), next), jkt(p.t(), next)
		return tx.PutAccount(a)
	})
}

// TestWhatACertificateRestsOnIsReadAnew: an order that is taken up after its process has died is held to what its authorizations and
// its account are by then, and where that is nothing the gate is not even asked.
func TestWhatACertificateRestsOnIsReadAnew(t *testing.T) {
	first := func(change func(*acme.Authorization)) func(*play, orderDoc) {
		return func(p *play, o orderDoc) { p.authorized(o.Authorizations[0], change) }
	}
	for _, tt := range []struct {
		claim   string
		happens func(*play, orderDoc)
		says    string // "": it has its certificate
	}{
		{"nothing has happened", func(*play, orderDoc) {}, ""},
		{"an authorization was deactivated", first(func(a *acme.Authorization) { a.Status = acme.Deactivated }), "its authorization is deactivated"},
		{"an authorization is pending", first(func(a *acme.Authorization) { a.Status = acme.Pending }), "its authorization is pending"},
		{"an authorization has ended", func(p *play, _ orderDoc) { p.clock.pass(24 * time.Hour) }, "its authorization is expired"},
		{"an authorization is another account's", first(func(a *acme.Authorization) { a.Account = "another" }), "order anew"},
		{"an authorization is of a former key", first(func(a *acme.Authorization) { a.Thumbprint = "former" }), "order anew"},
		{"an authorization is of another name", first(func(a *acme.Authorization) { a.Identifier = dns("other.example") }), "order anew"},
		{"an authorization is of the wildcard", first(func(a *acme.Authorization) { a.Wildcard = true }), "order anew"},
		{"the account has another key", func(p *play, _ orderDoc) { p.rekeyed() }, "the account's key has changed"},
		{"the account has ended", func(p *play, _ orderDoc) {
			p.update(func(tx acme.Tx) error {
				a, err := tx.Account(p.account())
				if err != nil {
					return err
				}
				a.Status = acme.Revoked
				return tx.PutAccount(a)
			})
		}, "the account's key has changed"},
		{"an authorization is missing", func(p *play, o orderDoc) {
			p.update(func(tx acme.Tx) error {
				kept, err := tx.Order(o.url[len(p.url("/acme/order/")):])
				if err != nil {
					return err
				}
				kept.Authorizations = kept.Authorizations[:1]
				return tx.PutOrder(kept)
			})
		}, "do not agree"},
	} {
		p := newPlay(t, nil)
		o := p.order(ordering("vendor.example", "www.vendor.example"), acme.Ready)
		p.taken(o, "vendor.example", "www.vendor.example")
		tt.happens(p, o)
		p.gate.says(nil)
		p.Sweep(t.Context())
		kept := stored(p.scene, func(tx acme.Tx) (*acme.Order, error) { return tx.Order(o.url[len(p.url("/acme/order/")):]) })
		if tt.says == "" {
			if kept.State != acme.OrderValid || len(p.gate.claims()) != 2 {
				t.Errorf("%s: %+v", tt.claim, kept)
			}
			continue
		}
		if kept.State != acme.OrderInvalid || kept.Error == nil || !strings.Contains(kept.Error.Detail, tt.says) {
			t.Errorf("%s: state %d, %v; want invalid: …%s…", tt.claim, kept.State, kept.Error, tt.says)
		}
		if asked := p.gate.claims(); len(asked) != 0 || len(p.issuer.signed) != 0 {
			t.Errorf("%s: the gate was asked %+v, %d were signed", tt.claim, asked, len(p.issuer.signed))
		}
	}
}

// TestProfileThatWasNarrowed: an order is held to what its profile lets have by the time that it is finalized.
func TestProfileThatWasNarrowed(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		name   string
		change func(*acme.Profile)
		kind   acme.Kind
		says   string
	}{
		{"nothing", "*.vendor.example", func(*acme.Profile) {}, "", ""},
		{"wildcards are no more", "*.vendor.example", func(p *acme.Profile) { p.Wildcards = false }, acme.RejectedIdentifier, "has no wildcards"},
		{"nothing, of an address", "192.0.2.1", func(*acme.Profile) {}, "", ""},
		{"addresses are no more", "192.0.2.1", func(p *acme.Profile) { p.Identifiers = []string{acme.TypeDNS} }, acme.UnsupportedIdentifier, "not in profile default"},
		{"the profile is no more", "vendor.example", func(p *acme.Profile) { p.Name = "other" }, acme.InvalidProfile, "is no more"},
		{"the record alone does not suffice any more", "vendor.example", func(p *acme.Profile) {
			p.Grant, p.Methods = acme.GrantChallenge, []string{acme.MethodHTTP}
		}, acme.Unauthorized, "asks for another challenge by now"},
	} {
		p := newPlay(t, nil)
		o := p.order(ordering(tt.name), acme.Ready)
		p.taken(o, tt.name)
		p.gate.says(nil)
		p.client.nonce, p.client.server = "", p.again(func(c *acme.Config) {
			c.Gate, c.Validator, c.Issuer, c.Authority = p.gate, p.gate, p.issuer, p.issuer
			tt.change(&c.Profiles[0])
		})
		p.client.server.Sweep(t.Context())
		n := p.look(o)
		if tt.kind == "" {
			if n.Status != acme.Valid {
				t.Errorf("%s: it is %s, %v", tt.claim, n.Status, n.Error)
			}
			continue
		}
		if n.Status != acme.Invalid || n.Error == nil || n.Error.Kind != tt.kind || !strings.Contains(n.Error.Detail, tt.says) || len(p.gate.claims()) != 0 {
			t.Errorf("%s: it is %s, %v, and the gate was asked %+v", tt.claim, n.Status, n.Error, p.gate.claims())
		}
	}
}

// TestChallengeOfAFormerKey: one that is taken up once the account has another key proves nothing.
func TestChallengeOfAFormerKey(t *testing.T) {
	for _, changed := range []bool{false, true} {
		p := newPlay(t, challenged)
		url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
		p.authorized(url, func(a *acme.Authorization) {
			a.Challenges[0].Status, a.Challenges[0].Lease, a.Challenges[0].Tries = acme.Processing, p.clock.Now().Add(-time.Second), 1
		})
		want := acme.Valid
		if changed {
			p.rekeyed()
			want = acme.Invalid
		}
		p.gate.says(nil)
		p.Sweep(t.Context())
		a := stored(p.scene, func(tx acme.Tx) (*acme.Authorization, error) {
			return tx.Authorization(url[len(p.url("/acme/authz/")):])
		})
		if asked := len(p.gate.claims()) + len(p.gate.tried); a.Status != want || (asked != 0) == changed {
			t.Errorf("another key %t: it is %s, asked %d times", changed, a.Status, asked)
		}
	}
}

// TestAheadThatCountsNoMore: an order rests on an authorization that was made ahead only where that is of the account's key, of the
// name itself, and valid until the order is there.
func TestAheadThatCountsNoMore(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		change func(*acme.Authorization)
		rests  bool
	}{
		{"nothing has changed", func(*acme.Authorization) {}, true},
		{"it is of a former key", func(a *acme.Authorization) { a.Thumbprint = "former" }, false},
		{"it is of the wildcard", func(a *acme.Authorization) { a.Wildcard = true }, false},
		{"it is another account's", func(a *acme.Authorization) { a.Account = "another" }, false},
		{"it is of the name above", func(a *acme.Authorization) { a.Identifier = dns("example") }, false},
		{"it was made for an order", func(a *acme.Authorization) { a.Ahead = false }, false},
		{"it is pending", func(a *acme.Authorization) { a.Status = acme.Pending }, false},
	} {
		p := newPlay(t, nil)
		r, body := p.post("/acme/new-authz", map[string]any{"identifier": dns("vendor.example")})
		wantStatus(t, r, body, http.StatusCreated)
		url := r.Header.Get("Location")
		p.authorized(url, tt.change)
		if o := p.order(ordering("vendor.example"), acme.Ready); (o.Authorizations[0] == url) != tt.rests {
			t.Errorf("%s: the order rests on it: %t", tt.claim, !tt.rests)
		}
	}
	// What ends it while the gate is asked keeps the order from being made.
	p := newPlay(t, nil)
	r, body := p.post("/acme/new-authz", map[string]any{"identifier": dns("vendor.example")})
	wantStatus(t, r, body, http.StatusCreated)
	url := r.Header.Get("Location")
	p.gate.says(func(*acme.Claim) *acme.Problem {
		p.authorized(url, func(a *acme.Authorization) { a.Status = acme.Deactivated })
		return nil
	})
	r, body = p.post("/acme/new-order", ordering("vendor.example"))
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "has changed meanwhile")
	p.gate.says(nil)
	p.order(ordering("vendor.example"), acme.Ready)
}
