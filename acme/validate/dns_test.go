package validate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"cnfd/acme"
	"cnfd/dnssec"
)

const challengeName = "_acme-challenge." + vendor

// digest is the TXT record's text, in quotes.
func digest(keyAuthorization string) string {
	sum := sha256.Sum256([]byte(keyAuthorization))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
}

func newTXT(t *testing.T) *names {
	n := newNames(t)
	n.put(challengeName, "TXT", digest(keyAuth))
	return n
}

func TestDNSPasses(t *testing.T) {
	whole := digest(keyAuth)
	for _, tc := range []struct {
		claim string
		flip  func(*names)
	}{
		{"among others", func(n *names) { n.put(challengeName, "TXT", `"v=spf1 -all"`, digest(otherAuth), whole, `""`) }},
		{"in two strings", func(n *names) { n.put(challengeName, "TXT", whole[:10]+`" "`+whole[10:]) }},
		{"in an unsigned zone", func(n *names) {
			n.flip(challengeName, "TXT", func(a *dnssec.Answer) { a.Security = dnssec.Insecure })
		}},
		{"made from a wildcard", func(n *names) { n.flip(challengeName, "TXT", func(a *dnssec.Answer) { a.Wildcard = true }) }},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			n := newTXT(t)
			v := validator(t, Config{Source: n})
			passes(t, v, acme.MethodDNS, identifier)
			tc.flip(n)
			if p := v.Validate(t.Context(), acme.MethodDNS, identifier, token, keyAuth); p != nil {
				t.Error(p)
			}
		})
	}
}

// unproven are the ways in which an answer proves nothing; all of them are passing.
var unproven = []struct {
	claim string
	flip  func(*dnssec.Answer)
	says  string
}{
	{"bogus", func(a *dnssec.Answer) {
		a.Security, a.Trouble = dnssec.Bogus, dnssec.Trouble{Text: "no DNSKEY of vendor.example. fits its DS", Code: 9}
	}, "bogus: no DNSKEY of vendor.example. fits its DS (extended error 9)"},
	{"indeterminate", func(a *dnssec.Answer) { a.Security = dnssec.Indeterminate }, "indeterminate: the name servers do not say why"},
	{"unreachable", func(a *dnssec.Answer) {
		a.Security, a.Kind, a.Data, a.Trouble = dnssec.Indeterminate, dnssec.NoAnswer, nil, dnssec.Trouble{Text: "192.0.2.1: no answer", Code: 22, Unreachable: true}
	}, "unreachable: 192.0.2.1: no answer (extended error 22)"},
	{"too costly", func(a *dnssec.Answer) {
		a.Security, a.Kind, a.Data, a.Trouble = dnssec.Indeterminate, dnssec.NoAnswer, nil, dnssec.Trouble{Text: "the question costs too much", Budget: true}
	}, "indeterminate: the question costs too much"},
	{"under a negative trust anchor", func(a *dnssec.Answer) { a.Security, a.Overridden = dnssec.Insecure, true }, "negative trust anchor"},
	{"to another name", func(a *dnssec.Answer) { a.Name = "other.example." }, "no answer to the question"},
	{"to another type", func(a *dnssec.Answer) { a.Type = 99 }, "no answer to the question"},
	{"an insecure failure", func(a *dnssec.Answer) { a.Security, a.Kind, a.Data = dnssec.Insecure, dnssec.NoAnswer, nil }, "no answer: "},
	{"a record that is not there", func(a *dnssec.Answer) { a.Data = nil }, "no answer: "},
	{"data where there is none", func(a *dnssec.Answer) { a.Kind = dnssec.NoData }, "no answer: "},
}

func TestDNSRefuses(t *testing.T) {
	type test struct {
		claim string
		flip  func(*names)
		want  want
	}
	tests := []test{
		{"no name", func(n *names) { clear(n.answers) }, want{acme.Unauthorized, false, "there is no TXT record at _acme-challenge.vendor.example: the name does not exist"}},
		{"no record", func(n *names) { n.put(challengeName, "TXT") }, want{acme.Unauthorized, false, "the name has none"}},
		{"the digest of another account", func(n *names) { n.put(challengeName, "TXT", digest(otherAuth)) }, want{acme.IncorrectResponse, false, "none of the 1 TXT records"}},
		{"the key authorization itself", func(n *names) { n.put(challengeName, "TXT", `"`+keyAuth+`"`) }, want{acme.IncorrectResponse, false, "<key authorization>"}},
		{"the digest padded", func(n *names) { d := digest(keyAuth); n.put(challengeName, "TXT", d[:len(d)-1]+`="`) }, want{acme.IncorrectResponse, false, "none of the 1"}},
		{"the digest in another case", func(n *names) {
			n.put(challengeName, "TXT", `"`+lower(digest(keyAuth)[1:]))
		}, want{acme.IncorrectResponse, false, "none of the 1"}},
		{"the digest over two records", func(n *names) {
			d := digest(keyAuth)
			n.put(challengeName, "TXT", d[:10]+`"`, `"`+d[10:])
		}, want{acme.IncorrectResponse, false, "none of the 2"}},
		{"a text that a terminal would obey", func(n *names) { n.put(challengeName, "TXT", `"\027[2J"`) }, want{acme.IncorrectResponse, false, `"?[2J"`}},
		{"RDATA that is cut", func(n *names) {
			n.flip(challengeName, "TXT", func(a *dnssec.Answer) { a.Data = [][]byte{a.Data[0][:20]} })
		}, want{acme.IncorrectResponse, false, "none of the 1"}},
		{"a source that fails before", func(n *names) { n.before = context.Canceled }, want{acme.DNS, true, "no answer in time"}},
		{"a source that fails after", func(n *names) { n.after = context.Canceled }, want{acme.DNS, true, "no answer in time"}},
		{"a source that says nothing", func(n *names) { n.answers[challengeName+". TXT"] = []*dnssec.Answer{nil} }, want{acme.DNS, true, "no answer to the question"}},
	}
	for _, u := range unproven {
		tests = append(tests, test{u.claim, func(n *names) { n.flip(challengeName, "TXT", u.flip) }, want{acme.DNS, true, u.says}})
	}
	for _, tc := range tests {
		t.Run(tc.claim, func(t *testing.T) {
			n := newTXT(t)
			v := validator(t, Config{Source: n})
			passes(t, v, acme.MethodDNS, identifier)
			tc.flip(n)
			tc.want.holds(t, v.Validate(t.Context(), acme.MethodDNS, identifier, token, keyAuth))
		})
	}
}

func TestDNSProvesNoAddress(t *testing.T) {
	n := newTXT(t)
	v := validator(t, Config{Source: n})
	passes(t, v, acme.MethodDNS, identifier)
	ip := acme.Identifier{Type: acme.TypeIP, Value: "127.0.0.1"}
	n.put("_acme-challenge.127.0.0.1", "TXT", digest(keyAuth))
	n.put("_acme-challenge.1.0.0.127.in-addr.arpa", "TXT", digest(keyAuth))
	want{acme.Malformed, false, "RFC 8738"}.holds(t, v.Validate(t.Context(), acme.MethodDNS, ip, token, keyAuth))
}

// TestAddressesAreProven: what decides nothing of TXT records does of addresses neither.
func TestAddressesAreProven(t *testing.T) {
	for _, u := range unproven {
		t.Run(u.claim, func(t *testing.T) {
			w := newWeb(t)
			v := validator(t, w.config)
			passes(t, v, acme.MethodHTTP, identifier)
			w.flip(vendor, "A", u.flip)
			want{acme.DNS, true, u.says}.holds(t, v.Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth))
		})
	}
}
