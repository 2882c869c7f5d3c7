package acme_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/thumbprint"
)

// challenged is the configuration of a server that asks for a challenge besides.
func challenged(c *acme.Config) {
	c.Profiles[0].Grant, c.Profiles[0].Methods = acme.GrantChallenge, []string{acme.MethodHTTP, acme.MethodDNS, acme.MethodTLSALPN}
}

func TestOrderByTheRecordAlone(t *testing.T) {
	p := newPlay(t, nil)
	o := p.order(ordering("vendor.example", "*.vendor.example", "192.0.2.1"), acme.Ready)
	if len(o.Authorizations) != 3 || o.Profile != "default" {
		t.Fatalf("%d authorizations under profile %s", len(o.Authorizations), o.Profile)
	}
	for n, url := range o.Authorizations {
		a := p.authz(url)
		if a.Status != acme.Valid || len(a.Challenges) != 1 || a.Wildcard != (n == 1) || strings.HasPrefix(a.Identifier.Value, "*") {
			t.Errorf("authorization %d: %+v", n, a)
			continue
		}
		if c := a.Challenges[0]; c.Type != "cnf-01" || c.Status != acme.Valid || c.Token == "" || c.URL == "" || c.Validated == "" || !strings.HasPrefix(c.Name, "jwk.cnf.") || !strings.HasPrefix(c.RDATA, "255 255 255 ") {
			t.Errorf("challenge of authorization %d: %+v", n, c)
		}
		if a.Expires.Before(o.Expires) || a.Expires.After(p.clock.Now().Add(24*time.Hour)) {
			t.Errorf("the authorization ends at %s, the order at %s", a.Expires, o.Expires)
		}
	}
	p.wantAsked("newOrder", []string{"dns vendor.example", "dns *.vendor.example", "ip 192.0.2.1"}, acme.MethodCNF, p.accountKey())

	one := p.order(ordering("vendor.example"), acme.Ready)
	p.gate.says(nil)
	leaf := p.certified(one, "vendor.example")
	if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != "vendor.example" || !leaf.NotAfter.Before(p.clock.Now().Add(7*24*time.Hour+time.Second)) {
		t.Errorf("the certificate is for %v until %s", leaf.DNSNames, leaf.NotAfter)
	}
	p.wantAsked("finalize", []string{"dns vendor.example"}, acme.MethodCNF, p.accountKey())
}

// wantAsked holds what the gate was asked to these identifiers, in any order.
func (p *play) wantAsked(when string, identifiers []string, method string, keys ...thumbprint.Thumbprint) {
	p.t().Helper()
	left := map[string]bool{}
	for _, i := range identifiers {
		left[i] = true
	}
	for _, c := range p.gate.claims() {
		if !left[c.Identifier.String()] || c.Method != method || c.Account != p.kid || len(c.Keys) != len(keys) || c.Granted {
			p.t().Errorf("%s: the gate was asked about %+v", when, c)
			continue
		}
		for n := range keys {
			if c.Keys[n] != keys[n] {
				p.t().Errorf("%s: key %d of %s is %s", when, n, c.Identifier, c.Keys[n].Hex())
			}
		}
		delete(left, c.Identifier.String())
	}
	if len(left) > 0 {
		p.t().Errorf("%s: the gate was not asked about %v", when, left)
	}
}

func TestOrderThatTheGateRefuses(t *testing.T) {
	of := func(name string, f func(*acme.Claim) *acme.Problem) func(*acme.Claim) *acme.Problem {
		return func(c *acme.Claim) *acme.Problem {
			if c.Identifier.Value != name {
				return nil
			}
			return f(c)
		}
	}
	caa := func(c *acme.Claim) *acme.Problem {
		return acme.Problemf(acme.CAA, "forbidden").For(c.Identifier)
	}
	for _, tt := range []struct {
		claim  string
		gate   func(*acme.Claim) *acme.Problem
		status int
		kind   acme.Kind
		says   string
		subs   int
	}{
		{"a missing record", refutes, 403, acme.Unauthorized, "add jwk.cnf.", 2},
		{"a missing record of one of two", of("b.example", refutes), 403, acme.Unauthorized, "add jwk.cnf.b.example", 1},
		{"nothing proven of one of two", of("a.example", passing), 400, acme.DNS, "nothing is proven of a.example", 1},
		{"CAA", of("a.example", caa), 403, acme.CAA, "forbidden", 1},
		{"CAA of one and no record of the other", func(c *acme.Claim) *acme.Problem {
			if c.Identifier.Value == "a.example" {
				return caa(c)
			}
			return refutes(c)
		}, 403, acme.Compound, "2 identifiers are refused", 2},
	} {
		for _, change := range []func(*acme.Config){nil, challenged} {
			p := newPlay(t, change)
			want := acme.Ready
			if change != nil {
				want = acme.Pending
			}
			p.order(ordering("a.example", "b.example"), want)
			p.gate.says(tt.gate)
			r, body := p.post("/acme/new-order", ordering("a.example", "b.example"))
			wantRefused(t, r, body, tt.status, tt.kind, tt.says)
			subs := problemOf(t, body).Subproblems
			if len(subs) != tt.subs {
				t.Errorf("%s: %d subproblems, want %d: %s", tt.claim, len(subs), tt.subs, body)
			}
			for _, s := range subs {
				if s.Identifier == nil || s.Status != 0 || len(s.Subproblems) > 0 {
					t.Errorf("%s: subproblem %+v", tt.claim, s)
				}
			}
			if open := stored(p.scene, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OpenOrders(p.account()) }); len(open) != 1 {
				t.Errorf("%s: %d orders are stored", tt.claim, len(open))
			}
		}
	}
}

func TestWhatIsWrongWithAnOrder(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) {
		c.MaxNames = 3
		second := c.Profiles[0]
		second.Name, second.Identifiers, second.Wildcards = "plain", []string{acme.TypeDNS}, false
		third := second
		third.Name, third.Wildcards, third.Grant, third.Methods = "web", true, acme.GrantChallenge, []string{acme.MethodHTTP}
		c.Profiles = append(c.Profiles, second, third)
	})
	with := func(o map[string]any, member string, value any) map[string]any {
		o[member] = value
		return o
	}
	p.order(with(ordering("Vendor.Example", "vendor.example", "2001:db8::1"), "profile", "default"), acme.Ready)
	now := p.clock.Now()
	typed := func(kind, value string) map[string]any {
		return map[string]any{"identifiers": []acme.Identifier{{Type: kind, Value: value}}}
	}
	for _, tt := range []struct {
		claim   string
		payload any
		kind    acme.Kind
		says    string
	}{
		{"none", ordering(), acme.Malformed, "want 1 to 3"},
		{"too many", ordering("a.example", "b.example", "c.example", "d.example"), acme.Malformed, "4: want 1 to 3"},
		{"a profile that there is not", with(ordering("a.example"), "profile", "other"), acme.InvalidProfile, "the directory lists them"},
		{"a wildcard where the profile has none", with(ordering("*.a.example"), "profile", "plain"), acme.RejectedIdentifier, "has no wildcards"},
		{"a wildcard that no challenge can prove", with(ordering("*.a.example"), "profile", "web"), acme.RejectedIdentifier, "has no challenge for it"},
		{"an address where the profile has none", with(ordering("192.0.2.1"), "profile", "plain"), acme.UnsupportedIdentifier, "not in profile plain"},
		{"an unknown type", typed("tag", "x"), acme.UnsupportedIdentifier, "want dns or ip"},
		{"the draft's spid", typed("spid", "1234"), acme.UnsupportedIdentifier, "TNAuthList"},
		{"another script", ordering("☕.example"), acme.RejectedIdentifier, "A-labels"},
		{"an underscore", ordering("_acme.example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"a final dot", ordering("a.example."), acme.RejectedIdentifier, "a dot at its end"},
		{"one label", ordering("localhost"), acme.RejectedIdentifier, "single label"},
		{"a wildcard inside", ordering("a.*.example"), acme.RejectedIdentifier, "whole first label"},
		{"half a wildcard", ordering("a*.example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"a wildcard of a top-level domain", ordering("*.example"), acme.RejectedIdentifier, "single label"},
		{"a wildcard of everything", ordering("*."), acme.RejectedIdentifier, "empty label"},
		{"a wildcard with a final dot", ordering("*.a.example."), acme.RejectedIdentifier, "a dot at its end"},
		{"a hyphen in front", ordering("-a.example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"a hyphen behind", ordering("a-.example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"a space", ordering("a .example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"an octet of zero", ordering("a.example\x00.b.example"), acme.RejectedIdentifier, "letters, digits and hyphens"},
		{"a letter that is K to who folds case", ordering("\u212a.example"), acme.RejectedIdentifier, "A-labels"},
		{"two wildcards", ordering("*.*.example"), acme.RejectedIdentifier, "whole first label"},
		{"an address as a name", typed("dns", "192.0.2.1"), acme.RejectedIdentifier, "type ip"},
		{"a label too long", ordering(strings.Repeat("a", 64) + ".example"), acme.RejectedIdentifier, "63 octets"},
		{"a name too long", ordering(strings.Repeat("abcdefg.", 30) + "example"), acme.RejectedIdentifier, "too long"},
		{"an address in hexadecimal, as a name", typed("dns", "0x7f.1"), acme.RejectedIdentifier, "type ip"},
		{"a name as an address", typed("ip", "a.example"), acme.RejectedIdentifier, "want an IPv4 or IPv6 address"},
		{"a network", typed("ip", "192.0.2.0/24"), acme.RejectedIdentifier, "want an IPv4 or IPv6 address"},
		{"an address with zeros in front", typed("ip", "192.0.02.1"), acme.RejectedIdentifier, "want an IPv4 or IPv6 address"},
		{"a wildcard as an address", typed("ip", "*.192.0.2.1"), acme.RejectedIdentifier, "want an IPv4 or IPv6 address"},
		{"a type in another case", typed("DNS", "a.example"), acme.UnsupportedIdentifier, "want dns or ip"},
		{"an address in another text", typed("ip", "2001:DB8::1"), acme.RejectedIdentifier, "write it as 2001:db8::1"},
		{"a mapped address", typed("ip", "::ffff:192.0.2.1"), acme.RejectedIdentifier, "the IPv4 address that it is"},
		{"a zone", typed("ip", "fe80::1%eth0"), acme.RejectedIdentifier, "want an IPv4 or IPv6 address"},
		{"no time", with(ordering("a.example"), "notAfter", "tomorrow"), acme.Malformed, "payload"},
		{"an end later than a life from now", with(with(ordering("a.example"), "notBefore", now.Add(24*time.Hour)), "notAfter", now.Add(7*24*time.Hour+time.Second)), acme.Malformed, "no longer than that from now"},
		{"a beginning long past", with(ordering("a.example"), "notBefore", now.Add(-2*time.Hour)), acme.Malformed, "in the past"},
		{"an end before the beginning", with(with(ordering("a.example"), "notBefore", now.Add(2*time.Hour)), "notAfter", now.Add(time.Hour)), acme.Malformed, "not after notBefore"},
		{"a life too long", with(ordering("a.example"), "notAfter", now.Add(8*24*time.Hour)), acme.Malformed, "168h0m0s at the most"},
		{"a life too long from a beginning just past", with(with(ordering("a.example"), "notBefore", now.Add(-time.Hour)), "notAfter", now.Add(7*24*time.Hour)), acme.Malformed, "168h0m0s at the most"},
		{"a member twice", `{"identifiers":[{"type":"dns","value":"a.example"}],"identifiers":[{"type":"dns","value":"b.example"}]}`, acme.Malformed, "twice"},
		{"a member in another case", `{"identifiers":[{"type":"dns","value":"a.example"}],"Identifiers":[]}`, acme.Malformed, "payload"},
		{"no object", `[]`, acme.Malformed, "payload"},
		{"identifiers that are none", `{"identifiers":["a.example"]}`, acme.Malformed, "payload"},
	} {
		r, body := p.post("/acme/new-order", tt.payload)
		if problem := problemOf(t, body); problem.Kind != tt.kind || !strings.Contains(problem.Detail, tt.says) {
			t.Errorf("%s: %d %s, want %s with %q", tt.claim, r.StatusCode, body, tt.kind, tt.says)
		}
	}
	r, body := p.post("/acme/new-order", ordering("a.example", "b_.example", "c_.example"))
	if subs := problemOf(t, body).Subproblems; r.StatusCode != 400 || len(subs) != 2 || subs[0].Identifier.Value != "b_.example" {
		t.Errorf("two names that are wrong: %s", body)
	}
}

func TestTheTimesOfAnOrderAreKept(t *testing.T) {
	p := newPlay(t, nil)
	from, until := p.clock.Now().Add(time.Hour), p.clock.Now().Add(3*time.Hour)
	o := ordering("vendor.example")
	o["notBefore"], o["notAfter"] = from, until
	leaf := p.certified(p.order(o, acme.Ready), "vendor.example")
	if !leaf.NotBefore.Equal(from) || !leaf.NotAfter.Equal(until) {
		t.Errorf("the certificate is good from %s to %s, asked from %s to %s", leaf.NotBefore, leaf.NotAfter, from, until)
	}
}

func TestOneAccountHasItsOrdersOnly(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.OpenOrders = 2 })
	o := p.order(ordering("vendor.example"), acme.Ready)
	mine, body := p.post(o.url, nil)
	wantStatus(t, mine, body, http.StatusOK)
	other := registered(t, p.Server)
	for _, path := range []string{o.url, o.Authorizations[0], p.authz(o.Authorizations[0]).Challenges[0].URL} {
		r, body := other.post(path, nil)
		wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	}
	r, body := other.post(o.Finalize, csr(t, newKey(t), "vendor.example"))
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	r, body = other.post(o.Authorizations[0], map[string]any{"status": "deactivated"})
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	for _, path := range []string{"/acme/order/none", "/acme/authz/none", "/acme/chall/none/0", "/acme/chall/none/x"} {
		r, body := p.post(path, nil)
		wantRefused(t, r, body, http.StatusNotFound, acme.Malformed, "none of that name")
	}

	p.order(ordering("vendor.example"), acme.Ready)
	r, body = p.post("/acme/new-order", ordering("vendor.example"))
	wantRefused(t, r, body, http.StatusTooManyRequests, acme.RateLimited, "2 open orders")
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	p.certified(o, "vendor.example") // one fewer is open
	p.order(ordering("vendor.example"), acme.Ready)
}

func TestAnOrderExpires(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) { c.OrderLife = time.Hour })
	o := p.order(ordering("vendor.example"), acme.Ready)
	p.clock.pass(time.Hour - time.Second)
	if n := p.look(o); n.Status != acme.Ready {
		t.Fatalf("a second before its end it is %s", n.Status)
	}
	p.clock.pass(time.Second)
	if n := p.look(o); n.Status != acme.Invalid || n.Error == nil {
		t.Errorf("at its end it is %s, %v", n.Status, n.Error)
	}
	if a := p.authz(o.Authorizations[0]); a.Status != acme.Expired {
		t.Errorf("its authorization is %s", a.Status)
	}
	r, body := p.finalize(o, "vendor.example")
	wantRefused(t, r, body, http.StatusForbidden, acme.OrderNotReady, "invalid")
}
