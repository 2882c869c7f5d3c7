package acme_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/record"
)

func TestChallengesThatAreOffered(t *testing.T) {
	p := newPlay(t, challenged)
	o := p.order(ordering("vendor.example", "*.vendor.example", "192.0.2.1"), acme.Pending)
	p.wantAsked("newOrder", []string{"dns vendor.example", "dns *.vendor.example", "ip 192.0.2.1"}, "", p.accountKey())
	for n, want := range [][]string{{"http-01", "dns-01", "tls-alpn-01"}, {"dns-01"}, {"http-01", "tls-alpn-01"}} {
		var got []string
		a := p.authz(o.Authorizations[n])
		for _, c := range a.Challenges {
			got = append(got, c.Type)
			if c.Status != acme.Pending || c.Token == "" || c.Name != "" || c.RDATA != "" {
				t.Errorf("challenge %+v", c)
			}
		}
		if !slices.Equal(got, want) || a.Status != acme.Pending {
			t.Errorf("%s: %v, want %v", a.Identifier, got, want)
		}
	}
}

func TestChallengeIsMet(t *testing.T) {
	p := newPlay(t, challenged)
	o := p.order(ordering("vendor.example"), acme.Pending)
	a := p.authz(o.Authorizations[0])
	p.gate.says(nil)
	r, body := p.post(a.Challenges[1].URL, map[string]any{})
	wantStatus(t, r, body, http.StatusOK)
	if !strings.Contains(strings.Join(r.Header.Values("Link"), " "), "<"+o.Authorizations[0]+`>;rel="up"`) {
		t.Errorf("Link %v", r.Header.Values("Link"))
	}
	for a.Status == acme.Pending {
		a = p.authz(o.Authorizations[0])
	}
	if a.Status != acme.Valid || len(a.Challenges) != 1 || a.Challenges[0].Type != "dns-01" || a.Challenges[0].Status != acme.Valid {
		t.Fatalf("it came to %+v", a)
	}
	token := a.Challenges[0].Token
	if want := "dns-01 vendor.example " + token + " " + token + "." + p.accountKey().Base64(); len(p.gate.tried) != 1 || p.gate.tried[0] != want {
		t.Errorf("validated %q, want %q", p.gate.tried, want)
	}
	p.wantAsked("the challenge", []string{"dns vendor.example"}, "dns-01", p.accountKey())
	p.gate.says(nil)
	p.certified(p.look(o).at(o), "vendor.example")
	p.wantAsked("finalize", []string{"dns vendor.example"}, "dns-01", p.accountKey())
}

func (o orderDoc) at(p orderDoc) orderDoc {
	o.url = p.url
	return o
}

func TestChallengeIsNotMet(t *testing.T) {
	for _, tt := range []struct {
		claim string
		flip  func(*gate)
		says  string
		tried int
	}{
		{"the answer is wrong", func(g *gate) { g.validated = acme.Problemf(acme.IncorrectResponse, "another text") }, "another text", 1},
		{"the record is gone", func(g *gate) { g.judge = refutes }, "add jwk.cnf.vendor.example", 0},
		{"nobody answers", func(g *gate) { g.validated = passing(&acme.Claim{Identifier: dns("vendor.example")}) }, "nothing is proven", 1},
	} {
		p := newPlay(t, challenged)
		p.certified(p.ready("vendor.example"), "vendor.example")
		o := p.order(ordering("vendor.example"), acme.Pending)
		p.gate.tried = nil
		p.gate.says(nil)
		tt.flip(p.gate)
		url := p.authz(o.Authorizations[0]).Challenges[0].URL
		r, body := p.post(url, map[string]any{})
		wantStatus(t, r, body, http.StatusOK)
		a := p.awaits(o.Authorizations[0])
		if a.Status != acme.Invalid || len(a.Challenges) != 1 || a.Challenges[0].Error == nil || !strings.Contains(a.Challenges[0].Error.Detail, tt.says) {
			t.Errorf("%s: %+v", tt.claim, a)
		}
		if len(p.gate.tried) != tt.tried {
			t.Errorf("%s: validated %d times, want %d", tt.claim, len(p.gate.tried), tt.tried)
		}
		if n := p.look(o); n.Status != acme.Invalid || n.Error == nil || len(n.Error.Subproblems) != 1 || !strings.Contains(n.Error.Detail, tt.says) {
			t.Errorf("%s: the order is %s, %v", tt.claim, n.Status, n.Error)
		}
		p.gate.says(nil)
		p.gate.validated = nil
		r, body = p.post(url, map[string]any{}) // it is over
		wantStatus(t, r, body, http.StatusOK)
		if a := p.awaits(o.Authorizations[0]); a.Status != acme.Invalid {
			t.Errorf("%s: asked again it is %s", tt.claim, a.Status)
		}
	}
}

func TestAwaitRecord(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.AwaitRecord = true })
	p.gate.says(refutes)
	o := p.order(ordering("vendor.example"), acme.Pending)
	url := o.Authorizations[0]
	a := p.authz(url)
	c := a.Challenges[0]
	if len(a.Challenges) != 1 || c.Type != "cnf-01" || c.Status != acme.Pending || c.Token == "" || c.Name != "jwk.cnf.vendor.example." || c.RDATA != "255 255 255 "+p.accountKey().Hex() {
		t.Fatalf("the challenge is %+v", a.Challenges)
	}
	p.gate.says(passing)
	p.post(c.URL, map[string]any{})
	if a = p.awaits(url); a.Status != acme.Pending || a.Challenges[0].Status != acme.Pending || a.Challenges[0].Error == nil {
		t.Fatalf("nothing proven: %+v", a)
	}
	p.gate.says(nil)
	p.post(c.URL, map[string]any{})
	if a = p.awaits(url); a.Status != acme.Valid || len(p.gate.tried) != 0 {
		t.Fatalf("the record is there: %+v", a)
	}
	p.wantAsked("cnf-01", []string{"dns vendor.example"}, acme.MethodCNF, p.accountKey())
	p.certified(o, "vendor.example")

	p.gate.says(refutes)
	o = p.order(ordering("vendor.example"), acme.Pending)
	p.post(p.authz(o.Authorizations[0]).Challenges[0].URL, map[string]any{})
	if a = p.awaits(o.Authorizations[0]); a.Status != acme.Invalid || len(a.Challenges[0].Error.Subproblems) != 1 ||
		!strings.Contains(a.Challenges[0].Error.Subproblems[0].Detail, "add jwk.cnf.vendor.example") {
		t.Errorf("the record is not there: %+v", a)
	}

	// What no record mends is refused at once.
	p.gate.says(func(c *acme.Claim) *acme.Problem { return acme.Problemf(acme.CAA, "forbidden") })
	r, body := p.post("/acme/new-order", ordering("vendor.example"))
	wantRefused(t, r, body, http.StatusForbidden, acme.CAA, "forbidden")

	// Where a challenge is needed besides, the record must be there by the time that it is answered, and suffices for nothing.
	q := newPlay(t, func(c *acme.Config) { challenged(c); c.AwaitRecord = true })
	q.gate.says(refutes)
	o = q.order(ordering("vendor.example"), acme.Pending)
	for _, c := range q.authz(o.Authorizations[0]).Challenges {
		if c.Type == acme.MethodCNF {
			t.Error("cnf-01 is offered where a challenge is needed")
		}
	}
	q.gate.says(nil)
	q.post(q.authz(o.Authorizations[0]).Challenges[0].URL, map[string]any{})
	if a := q.awaits(o.Authorizations[0]); a.Status != acme.Valid {
		t.Errorf("the record has come: %+v", a)
	}
}

func TestCNFIsNotTriedForEver(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.AwaitRecord = true })
	p.gate.says(passing)
	url := p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]
	c := p.authz(url).Challenges[0].URL
	for n := range acme.MostTries {
		if a := p.awaits(url); a.Status != acme.Pending {
			t.Fatalf("after %d tries it is %s", n, a.Status)
		}
		p.post(c, map[string]any{})
	}
	if a := p.awaits(url); a.Status != acme.Invalid {
		t.Errorf("after %d tries it is %s", acme.MostTries, a.Status)
	}
}

func TestAuthorizationAhead(t *testing.T) {
	ahead := func(p *play, name string) (*http.Response, []byte) {
		return p.post("/acme/new-authz", map[string]any{"identifier": dns(name)})
	}
	p := newPlay(t, func(c *acme.Config) {
		c.OrderLife = 10 * time.Hour
		second := c.Profiles[0]
		second.Name, second.Grant, second.Methods = "challenge", acme.GrantChallenge, []string{acme.MethodHTTP}
		c.Profiles = append(c.Profiles, second)
	})
	r, body := ahead(p, "vendor.example")
	wantStatus(t, r, body, http.StatusCreated)
	a, url := read[authzDoc](t, body), r.Header.Get("Location")
	if a.Status != acme.Valid || p.authz(url).Status != acme.Valid {
		t.Fatalf("it is %s", body)
	}
	p.wantAsked("newAuthz", []string{"dns vendor.example"}, acme.MethodCNF, p.accountKey())

	p.clock.pass(time.Hour)
	p.gate.says(nil)
	o := p.order(ordering("vendor.example"), acme.Ready)
	if o.Authorizations[0] != url || o.Expires.After(a.Expires) {
		t.Errorf("the order rests on %s until %s, which ends at %s", o.Authorizations[0], o.Expires, a.Expires)
	}
	p.wantAsked("newOrder", []string{"dns vendor.example"}, acme.MethodCNF, p.accountKey()) // asked anew
	p.certified(o, "vendor.example")

	with := ordering("vendor.example")
	with["profile"] = "challenge"
	if o := p.order(with, acme.Pending); o.Authorizations[0] == url {
		t.Error("where a challenge is needed the record alone has sufficed")
	}
	if o := p.order(ordering("*.vendor.example"), acme.Ready); o.Authorizations[0] == url {
		t.Error("a wildcard rests on its base's authorization")
	}
	if r, body := registered(t, p.Server).post("/acme/new-order", ordering("vendor.example")); strings.Contains(string(body), url) {
		t.Errorf("another account rests on it: %d", r.StatusCode)
	}

	p.gate.says(refutes)
	r, body = p.post("/acme/new-order", ordering("vendor.example"))
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "add jwk.cnf.")
	r, body = ahead(p, "vendor.example")
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "add jwk.cnf.")
	p.gate.says(nil)
	r, body = ahead(p, "*.vendor.example")
	wantRefused(t, r, body, http.StatusForbidden, acme.RejectedIdentifier, "RFC 8555 §7.4.1")
	r, body = ahead(p, "localhost")
	wantRefused(t, r, body, http.StatusForbidden, acme.RejectedIdentifier, "single label")

	// Under a challenge it is pending, and once met good for orders to come.
	q := newPlay(t, challenged)
	r, body = ahead(q, "vendor.example")
	wantStatus(t, r, body, http.StatusCreated)
	url = r.Header.Get("Location")
	if read[authzDoc](t, body).Status != acme.Pending {
		t.Errorf("it is %s", body)
	}
	q.post(q.authz(url).Challenges[0].URL, map[string]any{})
	q.awaits(url)
	q.certified(q.order(ordering("vendor.example"), acme.Ready), "vendor.example")
	q.clock.pass(13 * time.Hour)
	if o := q.order(ordering("vendor.example"), acme.Pending); o.Authorizations[0] == url {
		t.Error("an order rests on an authorization that ends before long")
	}
}

// TestRecordThatIsShown: cnf-name is what the gate looks up, of a wildcard its base's and of an address its reverse name's.
func TestRecordThatIsShown(t *testing.T) {
	for form, want := range map[record.Form][]string{
		record.Dotted:     {"jwk.cnf.vendor.example.", "jwk.cnf.vendor.example.", "jwk.cnf.1.2.0.192.in-addr.arpa."},
		record.Underscore: {"_jwk_cnf.vendor.example.", "_jwk_cnf.vendor.example.", "_jwk_cnf.1.2.0.192.in-addr.arpa."},
	} {
		p := newPlay(t, func(c *acme.Config) { c.Form = form })
		for n, url := range p.order(ordering("vendor.example", "*.vendor.example", "192.0.2.1"), acme.Ready).Authorizations {
			if c := p.authz(url).Challenges[0]; c.Name != want[n] || c.RDATA != "255 255 255 "+p.accountKey().Hex() {
				t.Errorf("%s: it shows %s %s, want %s", form, c.Name, c.RDATA, want[n])
			}
		}
	}
}
