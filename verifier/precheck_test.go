package verifier

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// servers are those of a zone in memory: what LookupEach says of each name.
type servers struct {
	said map[string]*dnssec.Each
	err  error
	n    int
}

func (s *servers) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	s.n++
	if s.err != nil {
		return nil, s.err
	}
	if e := s.said[q.Name.String()]; e != nil {
		return e, ctx.Err()
	}
	a := absent(q.Name.String(), dnssec.NoName)
	return everyone(a, a, a), ctx.Err()
}

// everyone is what servers say of a name that all give these answers; the first counts.
func everyone(all ...*dnssec.Answer) *dnssec.Each {
	e := &dnssec.Each{Answer: all[0], Hops: []dnssec.Hop{{Name: all[0].Name, Zone: all[0].Zone}}}
	for i, a := range all {
		e.Hops[0].Servers = append(e.Hops[0].Servers, server(i, a))
	}
	return e
}

func server(i int, a *dnssec.Answer) dnssec.Server {
	return dnssec.Server{Name: fmt.Sprintf("ns%d.%s", i+1, zone), Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), Answer: a}
}

// precheckScene is one precheck and the servers that it asks. Without a flip it confirms.
type precheckScene struct {
	*scene
	servers *servers
	each    *dnssec.Each // of owner
}

func newPrecheckScene() *precheckScene {
	s := &precheckScene{scene: newScene(), each: everyone(present(owner, ours), present(owner, ours))}
	s.each.Answer.Fetched = now
	s.servers = &servers{said: map[string]*dnssec.Each{owner: s.each}}
	s.config.Each, s.config.Source = s.servers, &source{before: errors.New("a precheck asks no cache")}
	return s
}

// differ has the second server say another thing.
func (s *precheckScene) differ(a *dnssec.Answer, trouble string) {
	s.each.Differ, s.each.Hops[0].Differ = true, true
	s.each.Hops[0].Servers[1] = server(1, a)
	s.each.Hops[0].Servers[1].Trouble.Text = trouble
	s.each.Answer = &dnssec.Answer{Name: owner, Type: dnssec.TypeTLSA, Zone: zone, Trouble: dnssec.Trouble{Text: "they differ"}}
}

func (s *precheckScene) ask(t testing.TB) (Verdict, error) {
	t.Helper()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.request.Bytes = []byte(s.claims)
	return v.PrecheckToken(t.Context(), &s.request)
}

func key(t testing.TB) thumbprint.Confirmation {
	t.Helper()
	c, err := thumbprint.FromJOSE([]byte(cnf), thumbprint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// precheckFlips turn one thing of a precheck that confirms.
var precheckFlips = []struct {
	claim  string
	flip   func(*precheckScene)
	want   Reason
	detail string // part of it
}{
	{"nothing", func(*precheckScene) {}, RecordMatches, "name servers were asked at 2 addresses, and all say the same"},
	{"one server lacks the record", func(s *precheckScene) { s.differ(absent(owner, dnssec.NoData), "") }, ServersDiffer,
		"ns2.vendor.example 192.0.2.2: no record; ns1.vendor.example 192.0.2.1: 1 record with this key"},
	{"one server has another record", func(s *precheckScene) { s.differ(present(owner, theirs), "") }, ServersDiffer,
		"ns2.vendor.example 192.0.2.2: 1 record without this key"},
	{"one server says nothing", func(s *precheckScene) { s.differ(nil, "timeout") }, ServersDiffer,
		"ns2.vendor.example 192.0.2.2: timeout; ns1.vendor.example 192.0.2.1: 1 record with this key"},
	{"one server is bogus", func(s *precheckScene) {
		a := present(owner, theirs)
		a.Security, a.Data, a.Trouble.Text = dnssec.Bogus, nil, "no signature"
		s.differ(a, "no signature")
	}, ServersDiffer, "ns2.vendor.example 192.0.2.2: bogus, no signature"},
	{"all lack the record", func(s *precheckScene) { *s.each = *everyone(absent(owner, dnssec.NoName)) }, RecordAbsent, "the one address"},
	{"all have another record", func(s *precheckScene) { s.each.Answer.Data = [][]byte{theirs} }, RecordDiffers, "all say the same"},
	{"all are bogus", func(s *precheckScene) {
		s.each.Answer.Security, s.each.Answer.Trouble.Text = dnssec.Bogus, "no signature"
		s.each.Hops[0].Servers[1].Answer = s.each.Answer
	}, Bogus, "ns1.vendor.example 192.0.2.1: bogus, no signature; ns2"},
	{"none answers", func(s *precheckScene) {
		s.each.Answer = &dnssec.Answer{Name: owner, Type: 52, Trouble: dnssec.Trouble{Text: "silence", Unreachable: true}}
		for i := range s.each.Hops[0].Servers {
			s.each.Hops[0].Servers[i].Answer, s.each.Hops[0].Servers[i].Trouble.Text = nil, "timeout"
		}
	}, Unreachable, "ns1.vendor.example 192.0.2.1: timeout; ns2"},
	{"there are too many servers", func(s *precheckScene) { s.each.Answer.Trouble.Budget = true }, TooCostly, ""},
	{"questions are handed on", func(s *precheckScene) {
		*s.each = dnssec.Each{Forwarded: true, Answer: &dnssec.Answer{Name: owner, Type: 52, Trouble: dnssec.Trouble{Unreachable: true}}}
	}, Unreachable, "handed on to forwarders"},
	{"nothing is known at all", func(s *precheckScene) { *s.each = dnssec.Each{} }, Indeterminate, ""},
	{"the zone is unsigned", func(s *precheckScene) { s.each.Answer.Security = dnssec.Insecure }, Insecure, "all say the same"},
	{"the answer is from a wildcard", func(s *precheckScene) { s.each.Answer.Wildcard = true }, Wildcard, "all say the same"},
	{"the record's name is delegated away", func(s *precheckScene) { s.each.Answer.Zone = "cnf.vendor.example." }, DelegatedName, ""},
	{"one address is not asked", func(s *precheckScene) {
		s.each.Hops[0].Servers[1] = dnssec.Server{Name: "ns2." + zone, Address: netip.MustParseAddr("2001:db8::2"), Skipped: true, Trouble: dnssec.Trouble{Text: "no IPv6"}}
	}, RecordMatches, "the one address of the zone's name servers was asked; not asked: ns2.vendor.example 2001:db8::2: no IPv6"},
	{"the token has expired", func(s *precheckScene) { s.with(`"exp":1361398824`) }, Expired, ""},
	{"the key is encrypted", func(s *precheckScene) { s.claims = strings.Replace(s.claims, cnf, encryptedCnf, 1) }, Undecryptable, ""},
	{"signatures are checked", func(s *precheckScene) { s.config.Checks = CheckSignature }, SignatureInvalid, "claims.iss"},
}

func TestPrecheck(t *testing.T) {
	for _, c := range precheckFlips {
		t.Run(c.claim, func(t *testing.T) {
			s := newPrecheckScene()
			if v, err := s.ask(t); err != nil || v.Reason != RecordMatches {
				t.Fatalf("before: %v, %v", v.Reason, err)
			}
			c.flip(s)
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want || !strings.Contains(v.Detail, c.detail) {
				t.Errorf("%v %v %q; want %v %q", err, v.Reason, v.Detail, c.want, c.detail)
			}
			if v.DNS.Cached || v.ValidUntil.IsZero() != (v.Outcome() == Unproven || !v.Asked) || len(v.Detail) > maxDetail {
				t.Errorf("%+v", v)
			}
			// The same question without a token, of which nothing can be checked.
			p, _ := New(s.config)
			claim, want, detail := cnf, c.want, v.Detail
			switch c.want {
			case Undecryptable:
				claim = encryptedCnf
			case Expired, SignatureInvalid:
				want, detail = RecordMatches, precheckFlips[0].detail
			}
			w, err := p.PrecheckKey(t.Context(), subject, Key{Claim: []byte(claim)})
			if err != nil || w.Reason != want || w.Detail != detail || w.Time != NotChecked || w.Signature != NotChecked {
				t.Errorf("without a token: %v %+v", err, w)
			}
		})
	}
}

// TestPrecheckOrder: servers that differ come after what is worse, and before what all of them may say.
func TestPrecheckOrder(t *testing.T) {
	for _, c := range []struct {
		claim string
		flip  func(*precheckScene)
		want  Reason
	}{
		{"too costly", func(s *precheckScene) { s.each.Answer.Trouble.Budget = true }, TooCostly},
		{"unreachable", func(s *precheckScene) { s.each.Answer.Trouble.Unreachable = true }, Unreachable},
		{"bogus", func(s *precheckScene) { s.each.Answer.Security = dnssec.Bogus }, Bogus},
		{"a delegated name", func(s *precheckScene) { s.each.Answer.Zone = owner }, ServersDiffer},
		{"insecure", func(s *precheckScene) { s.each.Answer.Security = dnssec.Insecure }, ServersDiffer},
		{"a wildcard", func(s *precheckScene) { s.each.Answer.Wildcard = true }, ServersDiffer},
		{"an answer that would confirm", func(s *precheckScene) { s.each.Answer = present(owner, ours) }, ServersDiffer},
		{"no answer", func(s *precheckScene) { s.each.Answer = nil }, ServersDiffer},
	} {
		s := newPrecheckScene()
		s.differ(nil, "timeout")
		c.flip(s)
		if v, err := s.ask(t); err != nil || v.Reason != c.want {
			t.Errorf("%s: %v %v, want %v", c.claim, v.Reason, err, c.want)
		}
	}
}

// TestPrecheckForms: a form that all servers have confirms, whatever becomes of the other.
func TestPrecheckForms(t *testing.T) {
	const other = "_jwk_cnf.vendor.example."
	s := newPrecheckScene()
	s.config.Forms = []record.Form{record.Dotted, record.Underscore}
	if v, err := s.ask(t); err != nil || v.Reason != RecordMatches || s.servers.n != 1 {
		t.Fatalf("%v %v, %d asked", v.Reason, err, s.servers.n)
	}
	s.differ(absent(owner, dnssec.NoData), "")
	if v, err := s.ask(t); err != nil || v.Reason != ServersDiffer || !strings.Contains(v.Detail, "no record") {
		t.Errorf("one form differs, the other is absent: %v %v", v, err)
	}
	s.servers.said[other] = everyone(present(other, ours), present(other, ours))
	if v, err := s.ask(t); err != nil || v.Reason != RecordMatches || v.Record.Form != record.Underscore {
		t.Errorf("one form differs, the other is there: %v %v", v, err)
	}
}

// TestPrecheckErrors: what forms no question is an error, and what cannot be asked is never a verdict.
func TestPrecheckErrors(t *testing.T) {
	uri := key(t).Thumbprint.URI()
	for _, c := range []struct {
		claim   string
		subject string
		key     Key
		want    string // of the error; "" is none
	}{
		{"a claim", subject, Key{Claim: []byte(cnf)}, ""},
		{"a thumbprint and the method of the credential", subject, Key{Method: "jwk", Thumbprint: uri}, ""},
		{"a subject that names no domain", "urn:x", Key{Claim: []byte(cnf)}, "urn"},
		{"a claim without a key", subject, Key{Claim: []byte(`{"kid":"x"}`)}, "cnf"},
		{"a claim that is none", subject, Key{Claim: []byte(`{`)}, "cnf"},
		{"no method", subject, Key{Thumbprint: uri}, "method"},
		{"no thumbprint", subject, Key{Method: "jwk"}, "thumbprint"},
		{"a JWK's thumbprint for a COSE_Key", subject, Key{Method: "1", Thumbprint: uri}, "thumbprint"},
		{"a COSE_Key's thumbprint for a JWK", subject, Key{Method: "jwk", Thumbprint: "urn:ietf:params:oauth:ckt:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}, "thumbprint"},
		{"a COSE_Key's thumbprint", "https://nobody.example", Key{Method: "ckt", Thumbprint: "urn:ietf:params:oauth:ckt:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}, ""},
		{"a certificate's method", subject, Key{Method: "x5t#S256", Thumbprint: uri}, "method"},
	} {
		s := newPrecheckScene()
		v, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.PrecheckKey(t.Context(), c.subject, c.key)
		var e *Error
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &e) || e.Problem == Internal || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.claim, err)
		}
	}
	s := newPrecheckScene()
	s.request.At = now.Add(-time.Hour)
	if _, err := s.ask(t); err == nil {
		t.Error("a precheck of another time")
	}
	s = newPrecheckScene()
	s.servers.err = context.Canceled
	if _, err := s.ask(t); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has gone: %v", err)
	}
	s = newPrecheckScene()
	s.config.Each = nil
	if _, err := s.ask(t); !errors.Is(err, errNoEach) {
		t.Errorf("nobody can ask: %v", err)
	}
}

// TestPrecheckDetailIsBounded: however many servers there are, and whatever they are called.
func TestPrecheckDetailIsBounded(t *testing.T) {
	s := newPrecheckScene()
	s.differ(nil, strings.Repeat("é", 4000))
	long := strings.Repeat("a.", 120)
	for i := range 200 {
		one := server(i, nil)
		one.Name, one.Trouble.Text = long, fmt.Sprint(strings.Repeat("x", 4000), i)
		s.each.Hops[0].Servers = append(s.each.Hops[0].Servers, one)
	}
	s.each.Hops = append([]dnssec.Hop{{Name: owner, Zone: zone}}, s.each.Hops...)
	s.each.Hops[1].Name = long
	v, err := s.ask(t)
	if err != nil || v.Reason != ServersDiffer || len(v.Detail) > maxDetail || !strings.Contains(v.Detail, " more") {
		t.Errorf("%v %v, %d octets: %s", err, v.Reason, len(v.Detail), v.Detail)
	}
}
