package gate_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/resolver"
	"cnfd/thumbprint"

	"github.com/miekg/dns"
)

// TestTheChainChangesOnce: what changes is how the zone is proven, or how it is reached.
func TestTheChainChangesOnce(t *testing.T) {
	for _, c := range []struct {
		claim   string
		before  func(*site)
		flip    func(*site)
		kind    acme.Kind
		passing bool
		says    string
	}{
		{"the zone loses its DS", opts, func(s *site) {
			s.take("example.", vendor, dns.TypeDS)
			s.clock.Add(61) // see acme.ChainAge
		}, acme.DNS, true, "(insecure"},
		{"the record is forged on its way", opts, func(s *site) {
			s.tamper(vendor, dns.TypeTLSA, func(_, r *dns.Msg) *dns.Msg {
				for _, rr := range r.Answer {
					if x, ok := rr.(*dns.TLSA); ok {
						x.Certificate = "ff" + x.Certificate[2:]
					}
				}
				return r
			})
		}, acme.DNS, true, "(bogus"},
		{"the CAA set is forged on its way", opts, func(s *site) {
			s.tamper(vendor, caa.Type, func(_, r *dns.Msg) *dns.Msg {
				for _, rr := range r.Answer {
					if x, ok := rr.(*dns.CAA); ok {
						x.Flag = 128
					}
				}
				return r
			})
		}, acme.DNS, true, "CAA records of host.x.vendor.example. cannot be proven (bogus"},
		{"the CAA set is left out on its way", permits, func(s *site) {
			s.tamper(vendor, caa.Type, func(_, r *dns.Msg) *dns.Msg {
				r.Answer = nil
				return r
			})
		}, acme.DNS, true, "CAA records of host.x.vendor.example. cannot be proven (bogus"},
		{"an opt-in is put in on its way", func(s *site) { grants(s); permits(s) }, func(s *site) {
			s.claim.Granted = false
			s.tamper(vendor, caa.Type, func(q, r *dns.Msg) *dns.Msg {
				rr, _ := dns.NewRR(s.name + " " + optsIn)
				rr.Header().Name = q.Question[0].Name
				r.Answer = append([]dns.RR{rr}, r.Answer[1:]...)
				return r
			})
		}, acme.DNS, true, "(bogus"},
		{"the zone's servers fail", challenge, func(s *site) {
			s.tamper(vendor, dns.TypeTLSA, func(_, r *dns.Msg) *dns.Msg { return r.SetRcode(r, dns.RcodeServerFailure) })
		}, acme.DNS, true, "(unreachable"},
		{"the zone's servers fail for CAA", challenge, func(s *site) {
			s.tamper(vendor, caa.Type, func(_, r *dns.Msg) *dns.Msg { return r.SetRcode(r, dns.RcodeServerFailure) })
		}, acme.DNS, true, "CAA records of host.x.vendor.example. cannot be proven (unreachable"},
		{"CAA at the top-level domain comes to forbid", challenge, func(s *site) {
			s.put("example.", `example. 300 IN CAA 0 issue ";"`)
		}, acme.CAA, false, "at example. do not let this server issue"},
		{"the operator stops checking the zone's signatures", opts, func(s *site) {
			s.resolves.NegativeAnchors = []resolver.NegativeAnchor{{Name: vendor}}
			s.open()
		}, acme.DNS, true, "(insecure"},
		{"the operator stops checking signatures, and accepts insecure data elsewhere", opts, func(s *site) {
			s.resolves.NegativeAnchors, s.verifies.AllowInsecure = []resolver.NegativeAnchor{{Name: vendor}}, true
			s.open()
		}, acme.DNS, true, "(insecure"},
		{"the caller gives up", challenge, func(s *site) {
			s.tamper(vendor, dns.TypeTLSA, func(_, r *dns.Msg) *dns.Msg { return nil })
		}, acme.DNS, true, "within the time"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newHouse(t).site("x")
			c.before(s)
			s.holds(t)
			c.flip(s)
			if c.claim == "the caller gives up" {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				p := s.gate.Judge(ctx, &s.claim)
				if p == nil || p.Kind != c.kind || !p.Passing || !strings.Contains(p.Detail, c.says) {
					t.Errorf("%v", p)
				}
				return
			}
			s.refused(t, c.kind, c.passing, c.says)
		})
	}
}

// TestAnOldAnswerIsPlayedAgain: a server that goes on giving what it once signed, after
// its signature has expired, and while everybody else has signed anew.
func TestAnOldAnswerIsPlayedAgain(t *testing.T) {
	s := newHouse(t).site("x")
	opts(s)
	var kept atomic.Pointer[dns.Msg]
	s.tamper(vendor, dns.TypeTLSA, func(_, r *dns.Msg) *dns.Msg {
		if old := kept.Load(); old != nil {
			r.Answer = old.Copy().Answer
			return r
		}
		if len(r.Answer) > 0 {
			kept.Store(r.Copy())
		}
		return r
	})
	s.holds(t)
	s.holds(t) // the same once more: it is the old answer by now
	s.clock.Store(30 * 24 * 3600)
	s.refused(t, acme.DNS, true, "expired")
	kept.Store(nil)
	s.clock.Add(120) // the failure is forgotten
	s.holds(t)
}

// TestNothingCachedIsBelieved: a resolver that others have asked a moment ago still has the
// record and the opt-in; the gate does not issue by them.
func TestNothingCachedIsBelieved(t *testing.T) {
	s := newHouse(t).site("x")
	opts(s)
	cached := func(name string, rrtype uint16) *dnssec.Answer {
		n, _ := dnssec.NameOf(name)
		a, _, err := s.resolver.Lookup(t.Context(), dnssec.Question{Name: n, Type: rrtype})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	s.holds(t)
	s.take(vendor, s.name, caa.Type)
	if a := cached(s.name, caa.Type); a.Kind != dnssec.Positive {
		t.Fatalf("the cache has forgotten the opt-in: %+v", a)
	}
	s.refused(t, acme.Unauthorized, false, "opt")
	opts(s)
	s.holds(t)
	s.take(vendor, s.key(), dns.TypeTLSA)
	if a := cached(s.key(), dns.TypeTLSA); a.Kind != dnssec.Positive {
		t.Fatalf("the cache has forgotten the record: %+v", a)
	}
	s.refused(t, acme.Unauthorized, false, "(record_absent)")
	s.publish(ours)
	if a := cached(s.key(), dns.TypeTLSA); a.Kind == dnssec.Positive {
		t.Fatalf("the cache has forgotten the absence: %+v", a)
	}
	s.holds(t)
}

// TestDelegatedConfirmationName: whoever was handed cnf. below a domain gets no
// certificate for it. What is flipped is the verifier's setting, which the daemon never turns on.
func TestDelegatedConfirmationName(t *testing.T) {
	h := newHouse(t)
	h.put("cnf.delegated.example.", record.Presentation("jwk.cnf.delegated.example.", 300, ours))
	h.put("delegated.example.", "delegated.example. "+optsIn)
	h.verifies.AllowDelegated = true
	h.open()
	s := &site{house: h, claim: acme.Claim{
		Identifier: acme.Identifier{Type: acme.TypeDNS, Value: "delegated.example"},
		Keys:       []thumbprint.Thumbprint{ours}, Method: acme.MethodCNF, Account: account,
	}}
	s.holds(t)
	h.verifies.AllowDelegated = false
	h.open()
	s.refused(t, acme.DNS, true, "(delegated_name")
}

// TestAnAddress: the reverse name is treated like any other, but that no CAA above it restricts.
func TestAnAddress(t *testing.T) {
	h := newHouse(t)
	const reverse = "1.2.0.192.in-addr.arpa."
	h.put(".", record.Presentation("jwk.cnf."+reverse, 300, ours))
	h.put(".", reverse+" "+optsIn)
	h.put(".", `2.0.192.in-addr.arpa. 300 IN CAA 0 issue ";"`)
	s := &site{house: h, claim: acme.Claim{
		Identifier: acme.Identifier{Type: acme.TypeIP, Value: "192.0.2.1"},
		Keys:       []thumbprint.Thumbprint{ours}, Method: acme.MethodCNF, Account: account,
	}}
	s.holds(t)
	h.take(".", reverse, caa.Type)
	s.refused(t, acme.Unauthorized, false, reverse+" IN CAA 0 issue")
	s.claim.Method = acme.MethodHTTP
	s.holds(t)
	h.take(".", "jwk.cnf."+reverse, dns.TypeTLSA)
	s.refused(t, acme.Unauthorized, false, "jwk.cnf."+reverse+" 300 IN TLSA")
}

// TestManyAtOnce: claims that are judged at the same time get each its own answer.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t)
	var all sync.WaitGroup
	for i := range 24 {
		s := h.site(fmt.Sprintf("m%d", i))
		opts(s)
		switch i % 3 {
		case 1:
			s.take(vendor, s.key(), dns.TypeTLSA)
		case 2:
			s.take(vendor, s.name, caa.Type)
		}
		all.Go(func() {
			p := s.gate.Judge(t.Context(), &s.claim)
			if says := [...]string{"", "(record_absent)", "opt in"}[i%3]; (p == nil) != (says == "") || p != nil && (!strings.Contains(p.Detail, says) || *p.Identifier != s.claim.Identifier) {
				t.Errorf("%s: %v", s.name, p)
			}
		})
	}
	all.Wait()
}
