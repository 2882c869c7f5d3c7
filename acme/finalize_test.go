package acme_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"cnfd/acme"
)

func TestRecordThatIsGoneBetweenAuthorizationAndFinalize(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		change func(*acme.Config)
		gate   func(*acme.Claim) *acme.Problem
		kind   acme.Kind
		after  acme.Status
	}{
		{"it is gone", nil, refutes, acme.Unauthorized, acme.Invalid},
		{"nothing is proven of it", nil, passing, acme.DNS, acme.Ready},
		{"it is gone, and a challenge was met", challenged, refutes, acme.Unauthorized, acme.Invalid},
	} {
		p := newPlay(t, tt.change)
		p.certified(p.ready("vendor.example"), "vendor.example") // the same set-up gets one
		o := p.ready("vendor.example")
		p.gate.says(tt.gate)
		r, body := p.finalize(o, "vendor.example")
		if problem := problemOf(t, body); r.StatusCode < 400 || problem.Kind != tt.kind {
			t.Errorf("%s: %d %s", tt.claim, r.StatusCode, body)
		}
		n := p.look(o)
		if n.Status != tt.after || n.Certificate != "" || (n.Error != nil) != (tt.after == acme.Invalid) {
			t.Errorf("%s: the order is %s, %v", tt.claim, n.Status, n.Error)
		}
		if len(p.issuer.signed) != 1 {
			t.Errorf("%s: %d certificates were signed", tt.claim, len(p.issuer.signed))
		}
		p.gate.says(nil)
		if r, body = p.finalize(o, "vendor.example"); tt.after == acme.Ready {
			wantStatus(t, r, body, http.StatusOK)
		} else {
			wantRefused(t, r, body, http.StatusForbidden, acme.OrderNotReady, "the order is invalid: ")
		}
	}
}

// ready orders under whichever grant, and meets the challenge where there is one.
func (p *play) ready(names ...string) orderDoc {
	p.t().Helper()
	r, body := p.post("/acme/new-order", ordering(names...))
	wantStatus(p.t(), r, body, http.StatusCreated)
	o := read[orderDoc](p.t(), body)
	o.url = r.Header.Get("Location")
	for _, url := range o.Authorizations {
		if a := p.authz(url); a.Status == acme.Pending {
			p.post(a.Challenges[0].URL, map[string]any{})
			if a := p.awaits(url); a.Status != acme.Valid {
				p.t().Fatalf("the challenge came to %+v", a)
			}
		}
	}
	if o = p.look(o); o.Status != acme.Ready {
		p.t().Fatalf("the order is %s", o.Status)
	}
	return o
}

func TestFinalizeRefused(t *testing.T) {
	p := newPlay(t, challenged)
	pending := p.order(ordering("vendor.example"), acme.Pending)
	r, body := p.finalize(pending, "vendor.example")
	wantRefused(t, r, body, http.StatusForbidden, acme.OrderNotReady, "pending")

	o := p.ready("vendor.example")
	good := csr(t, newKey(t), "vendor.example")["csr"].(string)
	former := p.key
	next := newKey(t)
	for _, tt := range []struct {
		claim   string
		payload any
		kind    acme.Kind
		says    string
	}{
		{"the account's own key", csr(t, former, "vendor.example"), acme.BadCSR, "RFC 8555 §11.1"},
		{"another name", csr(t, next, "other.example"), acme.BadCSR, "csr"},
		{"padded", map[string]any{"csr": good + "="}, acme.Malformed, "must not be padded"},
		{"not base64url", map[string]any{"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, acme.Malformed, "not PEM"},
		{"nothing", map[string]any{}, acme.BadCSR, "csr"},
	} {
		r, body := p.post(o.Finalize, tt.payload)
		wantRefused(t, r, body, http.StatusBadRequest, tt.kind, tt.says)
		if n := p.look(o); n.Status != acme.Ready {
			t.Errorf("%s: the order is %s", tt.claim, n.Status)
		}
	}
	other := registered(t, p.Server)
	r, body = p.post(o.Finalize, csr(t, other.key, "vendor.example"))
	wantRefused(t, r, body, http.StatusBadRequest, acme.BadCSR, "an account's")
	wantStatus(t, r, body, http.StatusBadRequest)

	r, body = p.post(o.Finalize, map[string]any{"csr": good})
	wantStatus(t, r, body, http.StatusOK)
	r, body = p.post(o.Finalize, map[string]any{"csr": good})
	wantRefused(t, r, body, http.StatusForbidden, acme.OrderNotReady, "valid")
}

func TestFormerAccountKeyIsNoCertificates(t *testing.T) {
	p := newPlay(t, nil)
	former := p.key.(*ecdsa.PrivateKey)
	next := newKey(t)
	inner := signedChange(p, next)
	r, body := p.post("/acme/key-change", inner)
	wantStatus(t, r, body, http.StatusOK)
	p.key = next
	o := p.order(ordering("vendor.example"), acme.Ready)
	r, body = p.post(o.Finalize, csr(t, former, "vendor.example"))
	wantRefused(t, r, body, http.StatusBadRequest, acme.BadCSR, "an account's")
	p.certified(o, "vendor.example")
}

// signedChange is the inner object of a keyChange to another key.
func signedChange(p *play, next *ecdsa.PrivateKey) string {
	return change(p.t(), next, p.url("/acme/key-change"), map[string]any{"account": p.kid, "oldKey": jwk(p.t(), p.key)}, nil)
}

func TestBind(t *testing.T) {
	key := newKey(t)
	for _, tt := range []struct {
		claim  string
		change func(*acme.Config)
		first  func(*play) int // keys that are asked about when the order begins
		last   int
	}{
		{"account", nil, func(*play) int { return 1 }, 1},
		{"csr", func(c *acme.Config) { challenged(c); c.Profiles[0].Bind = acme.BindCSR }, func(*play) int { return 0 }, 1},
		{"both", func(c *acme.Config) { c.Profiles[0].Bind = acme.BindBoth }, func(*play) int { return 1 }, 2},
	} {
		p := newPlay(t, tt.change)
		o := p.ready("vendor.example")
		if c := p.gate.claims(); len(c) == 0 || len(c[0].Keys) != tt.first(p) || (len(c[0].Keys) == 1 && c[0].Keys[0] != p.accountKey()) {
			t.Errorf("bind %s: newOrder asked about %+v", tt.claim, c)
		}
		p.gate.says(nil)
		r, body := p.post(o.Finalize, csr(t, key, "vendor.example"))
		wantStatus(t, r, body, http.StatusOK)
		c := p.gate.claims()
		if len(c) != 1 || len(c[0].Keys) != tt.last {
			t.Fatalf("bind %s: finalize asked about %+v", tt.claim, c)
		}
		if bound := c[0].Keys[tt.last-1]; (tt.claim == "account" && bound != p.accountKey()) || (tt.claim != "account" && bound != thumbprintOf(t, key)) {
			t.Errorf("bind %s: the last key is %s", tt.claim, bound.Hex())
		}
		if tt.claim == "both" && c[0].Keys[0] != p.accountKey() {
			t.Error("bind both: the account's key was not asked about")
		}
	}
}

func TestPatience(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.Patience = time.Millisecond })
	o := p.order(ordering("vendor.example"), acme.Ready)
	held := make(chan struct{})
	p.issuer.before = func() { <-held }
	r, body := p.finalize(o, "vendor.example")
	wantStatus(t, r, body, http.StatusOK)
	if n := read[orderDoc](t, body); n.Status != acme.Processing || r.Header.Get("Retry-After") == "" || r.Header.Get("Location") != o.url {
		t.Errorf("while it is being made: %s, Retry-After %q", body, r.Header.Get("Retry-After"))
	}
	close(held)
	for p.look(o).Status == acme.Processing {
		time.Sleep(time.Millisecond)
	}
	if n := p.look(o); n.Status != acme.Valid {
		t.Errorf("then it is %s: %v", n.Status, n.Error)
	}
}

// Whatever takes place beside the signature: what was signed is known, and who is not
// to have it has not got it.
func TestWhatHappensBesideTheSignature(t *testing.T) {
	for _, tt := range []struct {
		claim   string
		happens func(*play, orderDoc)
	}{
		{"the account's key changes", func(p *play, _ orderDoc) {
			next := newKey(p.t())
			c := p.as(p.key, p.kid)
			r, body := c.post("/acme/key-change", signedChange(p, next))
			wantStatus(p.t(), r, body, http.StatusOK)
			p.client.key = next
		}},
		{"the account is deactivated", func(p *play, _ orderDoc) {
			r, body := p.as(p.key, p.kid).post(p.kid, map[string]any{"status": "deactivated"})
			wantStatus(p.t(), r, body, http.StatusOK)
		}},
		{"another process has taken the order up", func(p *play, o orderDoc) {
			p.update(func(tx acme.Tx) error {
				open, err := tx.OpenOrders(p.account())
				if err != nil {
					return err
				}
				open[0].Tries++
				return tx.PutOrder(open[0])
			})
		}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			for _, when := range []string{"before", "after"} {
				p := newPlay(t, nil)
				p.certified(p.order(ordering("vendor.example"), acme.Ready), "vendor.example")
				o := p.order(ordering("vendor.example"), acme.Ready)
				once := func() {
					p.issuer.mu.Lock()
					p.issuer.before, p.issuer.after = nil, nil
					p.issuer.mu.Unlock()
					tt.happens(p, o)
				}
				signed := 1
				if when == "before" {
					p.issuer.before = once
				} else {
					p.issuer.after, signed = once, 2
				}
				r, body := p.finalize(o, "vendor.example")
				if r.StatusCode < 400 {
					t.Fatalf("%s the serial is stored: %s", when, body)
				}
				if len(p.issuer.signed) != signed {
					t.Fatalf("%s the serial is stored: %d were signed", when, len(p.issuer.signed))
				}
				for n, issued := range p.issuer.signed {
					c := stored(p.scene, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(issued.Serial) })
					if revoked := !c.Revoked.IsZero(); revoked != (n == 1) {
						t.Errorf("%s the serial is stored: certificate %d: revoked %t", when, n, revoked)
					}
				}
			}
		})
	}
}

func TestAuthorizationThatIsDeactivatedEndsItsOrder(t *testing.T) {
	p := newPlay(t, nil)
	o := p.order(ordering("a.example", "b.example"), acme.Ready)
	r, body := p.post(o.Authorizations[0], map[string]any{"status": "deactivated"})
	wantStatus(t, r, body, http.StatusOK)
	if a, b := p.authz(o.Authorizations[0]), p.authz(o.Authorizations[1]); a.Status != acme.Deactivated || b.Status != acme.Valid {
		t.Errorf("the one is %s, the other %s", a.Status, b.Status)
	}
	r, body = p.post(o.Authorizations[0], map[string]any{"status": "valid"})
	wantRefused(t, r, body, http.StatusBadRequest, acme.Malformed, "deactivated alone")
	if n := p.look(o); n.Status != acme.Invalid || n.Error == nil {
		t.Errorf("the order is %s, %v", n.Status, n.Error)
	}
}

func TestKeyThatOthersHaveIsNotCertifiedAgain(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		reason int
		again  bool
	}{
		{"superseded", 4, true},
		{"keyCompromise", 1, false},
	} {
		p := newPlay(t, nil)
		key := newKey(t)
		o := p.order(ordering("vendor.example"), acme.Ready)
		r, body := p.post(o.Finalize, csr(t, key, "vendor.example"))
		wantStatus(t, r, body, http.StatusOK)
		leaf := p.download(read[orderDoc](t, body))
		r, body = p.post("/acme/revoke-cert", map[string]any{"certificate": base64.RawURLEncoding.EncodeToString(leaf.Raw), "reason": tt.reason})
		wantStatus(t, r, body, http.StatusOK)
		o = p.order(ordering("vendor.example"), acme.Ready)
		r, body = p.post(o.Finalize, csr(t, key, "vendor.example"))
		if tt.again {
			wantStatus(t, r, body, http.StatusOK)
		} else {
			wantRefused(t, r, body, http.StatusBadRequest, acme.BadCSR, "others have the key")
			p.certified(o, "vendor.example")
		}
	}
}

func TestEveryNameIsAskedAboutAtFinalize(t *testing.T) {
	names := []string{"a.example", "b.example", "c.example"}
	for _, gone := range names {
		p := newPlay(t, nil)
		p.certified(p.order(ordering(names...), acme.Ready), names...)
		o := p.order(ordering(names...), acme.Ready)
		p.gate.says(func(c *acme.Claim) *acme.Problem {
			if c.Identifier.Value == gone {
				return refutes(c)
			}
			return nil
		})
		r, body := p.finalize(o, names...)
		wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "add jwk.cnf."+gone)
		if len(p.issuer.signed) != 1 {
			t.Errorf("%s is gone: %d certificates were signed", gone, len(p.issuer.signed))
		}
	}
}

// A certificate's key is looked at again once the gate has judged: meanwhile it may
// have become an account's, or others may have it.
func TestKeyThatGoesBadWhileItsOrderWaits(t *testing.T) {
	for _, tt := range []struct {
		claim   string
		happens func(*play, *ecdsa.PrivateKey, *acme.Issued)
		says    string
	}{
		{"nothing happens", func(*play, *ecdsa.PrivateKey, *acme.Issued) {}, ""},
		{"an account is made with it", func(p *play, key *ecdsa.PrivateKey, _ *acme.Issued) {
			(&client{t: p.t(), server: p.Server, key: key}).register(map[string]any{}, http.StatusCreated)
		}, "an account's"},
		{"a certificate of it is revoked, since others have it", func(p *play, _ *ecdsa.PrivateKey, first *acme.Issued) {
			p.update(func(tx acme.Tx) error { return acme.RevokeCertificate(tx, first.Serial, 1, p.clock.Now()) })
		}, "others have the key"},
	} {
		p := newPlay(t, nil)
		key := newKey(t)
		r, body := p.post(p.order(ordering("vendor.example"), acme.Ready).Finalize, csr(t, key, "vendor.example"))
		wantStatus(t, r, body, http.StatusOK)
		o := p.order(ordering("vendor.example"), acme.Ready)
		p.issuer.before = func() { tt.happens(p, key, p.issuer.signed[0]) }
		r, body = p.post(o.Finalize, csr(t, key, "vendor.example"))
		if tt.says == "" {
			wantStatus(t, r, body, http.StatusOK)
			continue
		}
		wantRefused(t, r, body, http.StatusBadRequest, acme.BadCSR, tt.says)
		if len(p.issuer.signed) != 1 {
			t.Errorf("%s: %d certificates were signed", tt.claim, len(p.issuer.signed))
		}
	}
}
